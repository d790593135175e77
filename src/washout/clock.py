"""Time is int64 microseconds UTC; widths of bars and windows are microseconds too.

Nothing here reads the wall clock: callers pass `now` in.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

from washout.errors import UsageError

Time = NewType("Time", int)
"""An instant: microseconds since 1970-01-01T00:00Z."""

Width = NewType("Width", int)
"""A span of time in microseconds: a bar, a window, a delay."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 4 * DAY
"""Weeks start on Monday; 1970-01-05 was the first one."""

EARLIEST = 1_230_940_800 * SECOND
"""2009-01-03, the first Bitcoin block: no market is older."""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_width(text: str) -> Width:
    """Read `1m`, `4h`, `30d`, `1w` as microseconds.

    >>> parse_width("4h") // HOUR
    4
    """
    found = re.fullmatch(r"(\d+)\s*([smhdw])", text.strip())
    if not found or int(found[1]) == 0:
        raise UsageError(
            f"{text!r} is no width of time: write a number and s, m, h, d or w,"
            " such as 1m, 4h, 30d."
        )
    return Width(int(found[1]) * _UNITS[found[2]])


def parse_bar(text: str) -> Width:
    """Read a bar width: 1m to 1w, and a divisor of the day (or of the week).

    A bar must tile the day, so that bars of every scope and source line up.
    """
    width = parse_width(text)
    if not MINUTE <= width <= WEEK or (DAY % width and width != WEEK):
        raise UsageError(
            f"A bar of {text!r} does not tile the day: use 1m to 1d in divisors of a"
            " day (1m, 5m, 15m, 1h, 4h, 8h, 12h, 1d) or 1w."
        )
    return width


def format_width(width: int) -> str:
    """Write a width in its largest whole unit.

    >>> format_width(4 * HOUR)
    '4h'
    """
    if width == 0:
        return "0s"
    for unit, size in reversed(_UNITS.items()):
        if width % size == 0 and not (unit == "w" and width != WEEK):
            return f"{width // size}{unit}"
    return f"{width / SECOND:g}s"


def parse_time(text: str) -> Time:
    """Read a date or ISO 8601 instant as UTC microseconds; no zone means UTC."""
    cleaned = text.strip()
    try:
        moment = datetime.fromisoformat(cleaned.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(
            f"{text!r} is no date: write 2024-08-05 or 2024-08-05T13:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return from_datetime(moment)


def from_datetime(moment: datetime) -> Time:
    """Convert an aware datetime, exactly."""
    return Time((moment - _EPOCH) // timedelta(microseconds=1))


def to_datetime(time: int) -> datetime:
    """Convert microseconds to an aware UTC datetime, exactly."""
    return _EPOCH + timedelta(microseconds=time)


def format_time(time: int) -> str:
    """Write an instant as ISO 8601 with Z, microseconds only where needed."""
    return to_datetime(time).isoformat().replace("+00:00", "Z")


def format_day(time: int) -> str:
    """Write the UTC day of an instant, or the instant where it is inside a day."""
    return format_time(time)[:10] if time % DAY == 0 else format_time(time)


def bar_start(time: int, width: int) -> int:
    """Start of the bar of `width` that holds `time`; weeks start on Monday."""
    offset = MONDAY if width == WEEK else 0
    return time - (time - offset) % width
