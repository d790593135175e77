"""What a person or a rule should hear at once."""

from __future__ import annotations

import msgspec

from washout.clock import MINUTE
from washout.live.connections import Connection


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    `what`: `silent`, `resumed`, `refused`, `decode_error`, `disconnect`, `dead`,
    `unacknowledged`, `duplicates`, `poll_failed`, `recorder_down`, `unknown_connection`.
    `since` is when it began (microseconds), `frame` the first bytes of the frame.
    """

    what: str
    ts: int
    text: str
    exchange: str = ""
    line: str = ""
    connection: int = 0
    asset: str = ""
    since: int = 0
    count: int = 1
    frame: bytes = b""


EXCERPT = 200
"""Bytes of a frame that a notice shows."""


class Notices:
    """Collects notices; what happens often is said once a minute, with its count."""

    def __init__(self) -> None:
        self.muted = False
        self._told: list[Notice] = []
        self._last: dict[tuple[str, object], int] = {}
        self._unsaid: dict[tuple[str, object], int] = {}

    def say(
        self, what: str, ts: int, text: str, *, of: Connection | None = None,
        exchange: str = "", line: str = "", asset: str = "", connection: int = 0,
        since: int = 0, count: int = 1, frame: bytes = b"",
    ) -> None:  # fmt: skip
        """Say it now."""
        if self.muted:
            return
        if of is not None:
            exchange, line, connection = of.exchange, of.line.name, of.number
        self._told.append(
            Notice(
                what=what, ts=ts, text=text, exchange=exchange, line=line, asset=asset,
                connection=connection, since=since, count=count, frame=frame[:EXCERPT],
            )
        )  # fmt: skip

    def seldom(
        self, what: str, about: object, ts: int, text: str, *,
        of: Connection | None = None, frame: bytes = b"",
    ) -> None:  # fmt: skip
        """Say it at most once a minute about one thing."""
        key = what, about
        if key in self._last and ts - self._last[key] < MINUTE:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._last[key] = ts
        count = self._unsaid.pop(key, 0) + 1
        self.say(what, ts, text, of=of, count=count, frame=frame)

    def taken(self) -> tuple[Notice, ...]:
        """Those since the last call."""
        told, self._told = tuple(self._told), []
        return told
