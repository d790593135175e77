"""Channels: where alerts go. One file each."""

from washout.channels._contract import (
    Channel,
    Message,
    SendError,
    Setting,
    Settings,
)

__all__ = ["Channel", "Message", "SendError", "Setting", "Settings"]
