"""Candle files of the Binance archive: what trade and mark price candles share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import format_width
from washout.errors import InputError
from washout.importers._archive import Layout
from washout.importers._columns import Table
from washout.importers._rows import Lines, amounts, prices, times

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume", "close_time",
    "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
KINDS = {"open_time": int, "close_time": int, "count": int, "ignore": str}
PRICES = ("open", "high", "low", "close")


def is_mark(row: Sequence[str]) -> bool:
    """No volume but a count: mark price candles count seconds, not trades."""
    return len(row) > 8 and _zero(row[5]) and _zero(row[7]) and row[8] not in ("", "0")


def is_candle(row: Sequence[str]) -> bool:
    """Ten to thirteen cells, first and seventh times."""
    return (
        10 < len(row) < 14 and _is_time(row[0]) and _is_time(row[6])
        and all(_is_number(cell) for cell in row[1:6])
    )  # fmt: skip


def _zero(cell: str) -> bool:
    return _is_number(cell) and float(cell) == 0


def _is_time(cell: str) -> bool:
    return cell.isdecimal() and len(cell) in (10, 13, 16)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def layout(named: str, *, mark: bool) -> Layout:
    """Twelve columns; trade and mark candles differ only in their values."""
    return Layout(named, COLUMNS, lambda row: is_candle(row) and is_mark(row) == mark)


def checked(table: Table, now: int) -> tuple[int, dict[str, Any]]:
    """Width and `ts_event`, open, high, low, close of checked candles."""
    starts = times(table.whole("open_time"), table.lines, now)
    scale = 1000 if table.whole("open_time")[0] < 10**14 else 1
    ends = table.whole("close_time") * scale
    width = _width(starts, ends + scale, table.lines)
    found = {name: table.numbers(name) for name in PRICES}
    for name in ("open", "close"):
        prices(found[name], name, table.lines)
    for name in ("high", "low"):
        amounts(found[name], name, table.lines, zero=False)
    _in_order(found, table.lines)
    return width, {"ts_event": starts, "interval": width, **found}


def _width(starts: NDArray[np.int64], after: NDArray[np.int64], lines: Lines) -> int:
    width = int(after[0] - starts[0])
    if width <= 0:
        raise InputError(
            "close_time is before open_time", unit=lines.unit, row=lines.first
        )
    lines.fail(
        after - starts != width,
        lambda at: (
            f"its candle is {format_width(int(after[at] - starts[at]))} wide, the first"
            f" one {format_width(width)}"
        ),
    )
    lines.fail(
        np.concatenate([[False], np.diff(starts) < width]),
        lambda _: "its candle does not begin after the one before has ended",
    )
    return width


def _in_order(found: dict[str, NDArray[np.float64]], lines: Lines) -> None:
    high, low = found["high"], found["low"]
    body = np.maximum(found["open"], found["close"])
    foot = np.minimum(found["open"], found["close"])
    lines.fail(
        (high < body) | (low > foot),
        lambda at: (
            f"high {high[at]} and low {low[at]} do not enclose open and close"
            f" ({found['open'][at]}, {found['close'][at]}): columns may be swapped"
        ),
    )
