"""What goes wrong on a fake exchange, by script: in Python, or a TOML file.

[[fault]]
at = 600               # seconds of market time after the beginning
kind = "half_open"
venue = "binance.usdm" # or "binance", or "*"
connection = 1         # the how-manieth of the line, -1 the newest, all if left out
lasts = 90
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from washout.errors import InputError

Kind = Literal[
    "disconnect", "drop", "reset", "cut", "half_open", "silence", "no_ack", "refuse",
    "rate_limit", "slow", "late", "duplicated", "reordered", "malformed", "truncated",
    "clock_skew", "burst",
]  # fmt: skip

SEEN: dict[Kind, str] = {
    "disconnect": "a close frame comes, with `code`",
    "drop": "TCP ends, and no close frame comes",
    "reset": "TCP is reset; what was on the way may be gone",
    "cut": "the venue ends the connection as it does after 24 hours",
    "half_open": "nothing is read or written for `lasts` seconds, TCP stays; then it ends",
    "silence": "acknowledged, pings answered, and no data for `lasts` seconds",
    "no_ack": "subscriptions within `lasts` seconds are not answered and not served",
    "refuse": "subscriptions to `symbols` (all if none) are refused for `lasts` seconds",
    "rate_limit": "handshakes and REST get `code` (429, 418) and Retry-After `by`",
    "slow": "every frame comes `by` seconds later, in order, for `lasts` seconds",
    "late": "the next `count` frames come `by` seconds later, after others",
    "duplicated": "the next `count` frames come twice",
    "reordered": "the next `count` frames come in the opposite order",
    "malformed": "the next `count` frames are no JSON",
    "truncated": "the next frame breaks off, and TCP with it",
    "clock_skew": "times in frames are `by` seconds off for `lasts` seconds",
    "burst": "`count` forced orders come at once",
}
"""Every kind, and what a client sees of it."""

ON_CONNECTIONS: frozenset[Kind] = frozenset(
    ("disconnect", "drop", "reset", "cut", "half_open")
)
"""Kinds that happen to connections that are open at the time."""

COUNTED: frozenset[Kind] = frozenset(
    ("late", "duplicated", "reordered", "malformed", "truncated")
)
"""Kinds that happen to the next `count` frames of each connection."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong `at` so many seconds of market time.

    `venue` is a line, a venue, or `*`; `connection` counts the connections that were
    ever made to the line, from 1; -1 is the newest that is open at the time. What `lasts`, `count`, `by`, `code` and `symbols`
    are is said for each kind in `SEEN`.
    """

    at: float
    kind: Kind
    venue: str = "*"
    connection: int | None = None
    lasts: float = 0.0
    count: int = 1
    by: float = 5.0
    code: int = 0
    symbols: tuple[str, ...] = ()

    def concerns(self, line: str, connection: int | None = None) -> bool:
        """Whether a line, or a connection of it, has this fault."""
        return self.venue in ("*", line, line.split(".", maxsplit=1)[0]) and (
            self.connection is None or connection in (None, self.connection)
        )


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    fault: list[Fault] = []


def read_faults(path: Path) -> list[Fault]:
    """The script in a TOML file; InputError where it is none."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_Script).fault
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InputError(
            f"is no script of faults: {error}. Write [[fault]] tables with at, kind"
            f" ({', '.join(get_args(Kind))}), venue, lasts, count, by, code.",
            unit=str(path),
        ) from None
    return sorted(found, key=lambda fault: fault.at)


class Going:
    """A fault that goes on: until when, and how many frames of a connection are left.

    Counted kinds concern the connections that were open when it began.
    """

    def __init__(self, fault: Fault, until: int, open_then: Iterable[int]) -> None:
        self.fault, self.until = fault, until
        self._left = dict.fromkeys(open_then, fault.count)

    def take(self, connection: int) -> bool:
        """Whether the next frame of a connection is one of the counted."""
        left = self.left(connection)
        self._left[connection] = left - 1
        return left > 0

    def left(self, connection: int) -> int:
        """How many frames of it are still to come."""
        return max(self._left.get(connection, 0), 0)


class Moods:
    """The faults that go on on one line."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._going: list[Going] = []

    def begin(self, fault: Fault, until: int, open_now: Iterable[int] = ()) -> None:
        """From now on, until an instant of market time (counted ones: until used up)."""
        self._going.append(Going(fault, until, open_now))

    def of(self, kind: Kind, now: int, connection: int | None = None) -> list[Going]:
        """Those of a kind that concern a connection now."""
        if not self._going:
            return []
        return [
            going
            for going in self._going
            if going.fault.kind == kind
            and (kind in COUNTED or now < going.until)
            and going.fault.concerns(self.line, connection)
        ]

    def has(self, kind: Kind, now: int, connection: int | None = None) -> bool:
        """Whether there is one."""
        return bool(self.of(kind, now, connection))

    def take(self, kind: Kind, now: int, connection: int) -> Fault | None:
        """The fault that the next frame of a connection has, if any; uses it up."""
        for going in self.of(kind, now, connection):
            if going.take(connection):
                return going.fault
        return None


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """By time."""
    return sorted(faults, key=lambda fault: fault.at)
