"""Rows of one series over intervals: their width, order, holes and doubles.

Missing values are NaN here; text that says NaN has been refused before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from washout.clock import DAY, HOUR, MONDAY, WEEK, format_time, format_width
from washout.errors import InputError
from washout.importers._contract import Unit
from washout.importers._rows import Lines, amounts, liquidation_totals

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

LIMIT = 9e14
"""USD that still fits int64 cents."""


class Numbered(Lines):
    """Array positions that stand on given lines of a file."""

    def __init__(self, unit: str, numbers: NDArray[np.int64]) -> None:
        super().__init__(unit, int(numbers[0]) if len(numbers) else 1)
        self.numbers = numbers

    def fail(self, bad: NDArray[np.bool_], reason: Any) -> None:
        """Raise InputError for the first True of `bad`, by its line."""
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(reason(at), unit=self.unit, row=int(self.numbers[at]))


class Rows(msgspec.Struct, frozen=True):
    """Rows of one series: `who` says whose, `starts` when, `numbers` on which line."""

    who: dict[str, Any]
    starts: Any
    values: dict[str, Any]
    numbers: Any
    unit: str

    @property
    def lines(self) -> Numbered:
        """Where the rows stand in the file."""
        return Numbered(self.unit, self.numbers)

    def pick(self, chosen: NDArray[Any]) -> Rows:
        """The rows that a mask or an order chooses."""
        return Rows(
            self.who, self.starts[chosen],
            {name: column[chosen] for name, column in self.values.items()},
            self.numbers[chosen], self.unit,
        )  # fmt: skip


def in_order(rows: Rows) -> Rows:
    """Rows by time; two rows of one time that differ are refused."""
    rows = rows.pick(np.argsort(rows.starts, kind="stable"))
    twice = np.concatenate([[False], rows.starts[1:] == rows.starts[:-1]])
    differs = np.zeros(len(rows.starts), bool)
    for column in rows.values.values():
        same = column[1:] == column[:-1]
        if column.dtype.kind == "f":
            same |= np.isnan(column[1:]) & np.isnan(column[:-1])
        differs[1:] |= ~same
    rows.lines.fail(
        twice & differs,
        lambda i: (
            f"it states other values for {format_time(int(rows.starts[i]))} than row"
            f" {rows.numbers[i - 1]} does. Keep one of them"
        ),
    )
    return rows


def without_missing(rows: Rows, names: list[str], unit: Unit) -> Rows:
    """Leave out rows in which one of `names` is missing, and say how many."""
    hole = np.zeros(len(rows.starts), bool)
    for name in names:
        hole |= np.isnan(rows.values[name])
    if hole.any():
        first = rows.numbers[hole].min()
        unit.notes.append(
            f"{int(hole.sum())} rows have no {' or no '.join(names)} and are missing,"
            f" not zero (first: row {first})"
        )
    return rows.pick(~hole)


def interval_of(rows: Rows, bar: int | None) -> int:
    """Width of the rows' intervals: as told, else the usual distance between rows."""
    gaps = np.diff(np.unique(rows.starts))
    width = bar if bar is not None else _usual(gaps, rows)
    offset = MONDAY if width == WEEK else 0
    rows.lines.fail(
        (rows.starts - offset) % width != 0,
        lambda i: (
            f"{format_time(int(rows.starts[i]))} is not the UTC start of a bar of"
            f" {format_width(width)}. Times must be bar opens: check tz and --bar, or"
            " export finer bars"
        ),
    )
    return width


def _usual(gaps: NDArray[np.int64], rows: Rows) -> int:
    if not len(gaps):
        raise InputError(
            "one row does not say how wide its bar is. Give it with --bar, such as"
            " --bar 1d",
            unit=rows.unit,
        )
    width = int(gaps.min())
    if 2 * int((gaps == width).sum()) < len(gaps) or (DAY % width and width != WEEK):
        raise InputError(
            f"the distance between rows varies (least {format_width(width)}), so it does"
            " not say how wide a bar is. Give it with --bar, such as --bar 1h",
            unit=rows.unit,
        )
    return width


def finished(rows: Rows, interval: int, until: int, unit: Unit) -> Rows:
    """Leave out bars that had not ended when the record was made."""
    open_bars = rows.starts + interval > until
    if open_bars.any():
        first = format_time(int(rows.starts[open_bars].min()))
        unit.notes.append(
            f"{int(open_bars.sum())} bars from {first} on had not ended by"
            f" {format_time(until)[:19]}Z and are left out"
        )
    return rows.pick(~open_bars)


def not_empty(rows: Rows) -> Rows:
    """Refuse a series of which nothing is left."""
    if not len(rows.starts):
        raise InputError(
            f"no finished row with values is left{_for(rows)}, so there is nothing to"
            " import",
            unit=rows.unit,
        )
    return rows


def _for(rows: Rows) -> str:
    name = rows.who.get("market") or rows.who.get("asset", "")
    return f" for {rows.who['exchange']}:{name}" if "exchange" in rows.who else ""


def usd(values: NDArray[np.float64], name: str, lines: Lines) -> NDArray[np.float64]:
    """Refuse what is no amount of USD: NaN, infinite, negative, beyond int64 cents."""
    amounts(values, name, lines)
    lines.fail(
        values > LIMIT,
        lambda i: f"{name} is {values[i]:g} USD, more than any market; check its unit",
    )
    return values


def liquidations(
    rows: Rows,
    unit: Unit,
    *,
    bar: int | None,
    until: int,
    delay: int = HOUR,
    padded: bool = False,
) -> list[tuple[str, pa.Table]]:
    """Liquidation totals from rows with `long_usd` and `short_usd`.

    `padded`: rows of zeros before the first amount are the vendor's padding: missing.
    """
    names = ["long_usd", "short_usd"]
    rows = without_missing(in_order(rows), names, unit)
    if padded:
        rows = without_padding(rows, unit)
    interval = interval_of(not_empty(rows), bar)
    rows = not_empty(finished(rows, interval, until, unit))
    long_usd, short_usd = (usd(rows.values[n], n, rows.lines) for n in names)
    return liquidation_totals(
        rows.starts, long_usd, short_usd, interval, delay=delay, **rows.who
    )


def without_padding(rows: Rows, unit: Unit) -> Rows:
    """Leave out the zeros before the first amount."""
    amount = (rows.values["long_usd"] != 0) | (rows.values["short_usd"] != 0)
    first = int(np.argmax(amount)) if amount.any() else len(amount)
    if first:
        unit.notes.append(
            f"{first} rows of zeros before the first amount are padding: missing, not"
            " zero"
        )
    return rows.pick(np.arange(first, len(amount)))
