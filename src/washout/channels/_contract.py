"""What a channel is: a name, a title, and how a message leaves through it.

A channel may do IO, but it may import nothing of washout except the kernel. It is
called on a thread of its own, and may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from washout.errors import WashoutError


class SendError(WashoutError):
    """A message that did not leave. `again` says whether trying again may help.

    `wait` is how many seconds the other side asked to be left alone.
    """

    def __init__(
        self, reason: str, *, again: bool = True, wait: float | None = None
    ) -> None:
        super().__init__(reason)
        self.again, self.wait = again, wait


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel sends. `time` is microseconds UTC; `alerts` are plain JSON."""

    id: str
    """The same however often it is sent: receivers may know it again by it."""
    kind: str
    """`alert`, `digest` or `test`."""
    time: int
    title: str
    body: str
    alerts: tuple[dict[str, Any], ...] = ()
    sent: int = 0
    """When this attempt to send it was made, microseconds UTC."""


Settings = Mapping[str, str]


class Setting(msgspec.Struct, frozen=True):
    """A setting of a channel; one that is `secret` may not stand in a rules file."""

    name: str
    says: str
    required: bool = True
    secret: bool = False


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A way out. `send(message, settings)` returns when the message is accepted.

    `settings` are complete, with secrets in place of their names. It raises SendError,
    or anything else, if the message did not leave; what an error says is freed of
    secrets by the caller, who alone may log it.
    """

    name: str
    title: str
    send: Callable[[Message, Settings], None]
    settings: tuple[Setting, ...] = ()


__all__ = ["Channel", "Message", "SendError", "Setting", "Settings"]
