"""Alerts on the terminal."""

from __future__ import annotations

import sys

from washout.channels import Channel, Message, Settings


def _send(message: Message, _settings: Settings) -> None:
    """Standard error, so that what a command prints stays clean."""
    sys.stderr.write(f"{message.title}\n{message.body}\n\n")
    sys.stderr.flush()


console = Channel(name="console", title="the terminal (standard error)", send=_send)
