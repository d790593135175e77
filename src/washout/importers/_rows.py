"""Words that importers share: checks on columns, and coverage from rows.

A check names the first bad row and why; row numbers are 1-based lines of the file as a
person would count them in an editor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from washout import schema
from washout.clock import DAY, EARLIEST, HOUR, format_time
from washout.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

JUMP = 10.0
"""A price ten times its neighbour is no price."""

_SCALES = {10: 1_000_000, 13: 1_000, 16: 1, 19: 0}
"""Digits of an epoch stamp of our time -> microseconds per unit (ns are divided)."""


class Lines:
    """Where array positions are in the file: `line(i)` is a 1-based line number."""

    def __init__(self, unit: str, first: int = 1) -> None:
        self.unit, self.first = unit, first

    def fail(self, bad: NDArray[np.bool_], reason: Callable[[int], str]) -> None:
        """Raise InputError for the first True of `bad`, if there is one."""
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(reason(at), unit=self.unit, row=self.first + at)


def times(values: NDArray[np.int64], lines: Lines, now: int) -> NDArray[np.int64]:
    """Epoch stamps in s, ms or us as microseconds; one unit throughout, in range."""
    digits = np.char.str_len(np.abs(values[[0]]).astype(str))[0] if len(values) else 16
    scale = _SCALES.get(int(digits))
    if not scale:
        raise InputError(
            f"time {values[0]} has {digits} digits; expected seconds (10), milliseconds"
            " (13) or microseconds (16)",
            unit=lines.unit, row=lines.first,
        )  # fmt: skip
    low, high = 10 ** (int(digits) - 1), 10 ** int(digits)
    lines.fail(
        (values < low) | (values >= high),
        lambda i: (
            f"time {values[i]} is not in the unit of the first row ({values[0]}):"
            " seconds, milliseconds and microseconds are mixed"
        ),
    )
    return in_range(values * scale, lines, now)


def in_range(micros: NDArray[np.int64], lines: Lines, now: int) -> NDArray[np.int64]:
    """Refuse instants before Bitcoin and in the future."""
    lines.fail(
        micros < EARLIEST,
        lambda i: (
            f"time {_show(micros[i])} is before 2009, when no such market existed"
        ),
    )
    lines.fail(
        micros > now + DAY,
        lambda i: f"time {_show(micros[i])} is in the future (now is {_show(now)})",
    )
    return micros


def _show(micros: int) -> str:
    try:
        return format_time(int(micros))
    except (OverflowError, ValueError):
        return str(micros)


def amounts(
    values: NDArray[np.float64], name: str, lines: Lines, *, zero: bool = True
) -> NDArray[np.float64]:
    """Refuse NaN, infinite and negative amounts (and zero, if not allowed)."""
    lines.fail(
        ~np.isfinite(values),
        lambda i: f"{name} is {values[i]}, which is no amount",
    )
    lines.fail(
        (values < 0) if zero else (values <= 0),
        lambda i: (
            f"{name} is {values[i]}; expected {'0 or more' if zero else 'more than 0'}"
        ),
    )
    return values


def prices(values: NDArray[np.float64], name: str, lines: Lines) -> NDArray[np.float64]:
    """Refuse prices that are not positive or jump tenfold between rows."""
    amounts(values, name, lines, zero=False)
    if len(values) > 1:
        jump = np.abs(np.diff(np.log(values))) > np.log(JUMP)
        lines.fail(
            np.concatenate([[False], jump]),
            lambda i: (
                f"{name} {values[i]} is more than 10 times away from the row before"
                f" ({values[i - 1]})"
            ),
        )
    return values


def to_cents(usd: NDArray[np.float64]) -> NDArray[np.int64]:
    """USD as int64 cents, half to even."""
    return np.rint(usd * 100).astype(np.int64)


def facts(kind: str, count: int, columns: dict[str, Any]) -> pa.Table:
    """An Arrow table in the schema of `kind`; scalars are repeated, None is null."""
    import pyarrow as pa

    names = schema.arrow(kind)
    return pa.table(
        [_column(columns.get(field.name), field.type, count) for field in names],
        schema=names,
    )


def _column(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    import pyarrow as pa

    if value is None:
        return pa.nulls(count, kind)
    if isinstance(value, (str, int, float, bool)):
        return pa.repeat(pa.scalar(value, kind), count)
    return pa.array(value, kind)


def coverage(
    kind: str,
    starts: NDArray[np.int64],
    interval: int,
    *,
    exchange: str,
    asset: str,
    market: str,
    source: str,
    product: str = "perp",
    trust: str = "aggregated",
    floor: bool = False,
    delay: int = HOUR,
) -> pa.Table:
    """Coverage rows of totals at `starts`: one per unbroken run of intervals."""
    ordered = np.unique(starts)
    cut = np.flatnonzero(np.diff(ordered) != interval) + 1
    first = ordered[np.concatenate([[0], cut])]
    last = ordered[np.concatenate([cut - 1, [len(ordered) - 1]])] + interval
    return stretches(
        kind, first, last, interval, exchange=exchange, asset=asset, market=market,
        source=source, product=product, trust=trust, floor=floor, delay=delay,
    )  # fmt: skip


def stretches(
    kind: str,
    first: Sequence[int] | NDArray[np.int64],
    last: Sequence[int] | NDArray[np.int64],
    interval: int,
    **columns: Any,
) -> pa.Table:
    """Coverage rows of the stretches `[first, last)`; interval 0 for single events."""
    return facts(
        "coverage", len(first),
        {
            "kind": kind, "interval": interval, "ts_event": first, "ts_recv": first,
            "ts_end": last, "trust": "all", "floor": False, "delay": 0,
            "product": "perp", "market": "", **columns,
        },
    )  # fmt: skip


def liquidation_totals(
    starts: NDArray[np.int64],
    long_usd: NDArray[np.float64],
    short_usd: NDArray[np.float64],
    interval: int,
    *,
    exchange: str,
    asset: str,
    market: str,
    source: str,
    delay: int = HOUR,
) -> list[tuple[str, pa.Table]]:
    """Totals and the coverage that they are; amounts in USD, already checked."""
    who: dict[str, Any] = {
        "exchange": exchange,
        "asset": asset,
        "market": market,
        "source": source,
    }
    totals = facts(
        "liquidation_total", len(starts),
        {
            **who, "ts_event": starts, "ts_recv": starts + interval,
            "interval": interval, "long_usd": to_cents(long_usd),
            "short_usd": to_cents(short_usd),
        },
    )  # fmt: skip
    told = coverage("liquidation_total", starts, interval, delay=delay, **who)
    return [("liquidation_total", totals), ("coverage", told)]
