"""Binance archive metrics: open interest every five minutes, and ratios.

`create_time,symbol,sum_open_interest,sum_open_interest_value` and the ratios of accounts
and positions of top traders, of all accounts, and of taker volume. Any value may be
missing, written as nothing or `""`. Times are UTC, and known a minute later. USD-M gives
open interest in base asset and in USD; COIN-M in contracts of a fixed USD size and in
base asset (Binance COIN-M documentation, Open Interest Statistics).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import MINUTE
from washout.importers import Options, Unit, _archive, importer
from washout.importers import _columns as columns
from washout.importers._archive import Layout, Market, Member
from washout.importers._rows import Lines, amounts, facts, in_range

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

VALUES = {
    "sum_open_interest": "", "sum_open_interest_value": "",
    "count_toptrader_long_short_ratio": "top_account_ratio",
    "sum_toptrader_long_short_ratio": "top_position_ratio",
    "count_long_short_ratio": "account_ratio",
    "sum_taker_long_short_vol_ratio": "taker_ratio",
}  # fmt: skip
"""Columns of values, and the names of the ratios among them."""

LAYOUT = Layout(
    "metrics", ("create_time", "symbol", *VALUES),
    lambda row: len(row) > 2 and row[0][4:5] == "-" and row[1].isupper(),
)  # fmt: skip


@importer(
    "binance-metrics", title="Binance archive metrics: open interest and ratios",
    recognise=lambda head, path: _archive.holds(LAYOUT, head, path),
)  # fmt: skip
def binance_metrics(path: Path, options: Options) -> Iterator[Unit]:
    """One unit per member."""
    for member in _archive.members(path):
        yield Unit(
            member.unit,
            lambda unit, member=member: _read(unit, member, options),  # type: ignore[misc]
            whole=True,
        )  # fmt: skip


def _read(
    unit: Unit, member: Member, options: Options
) -> Iterator[tuple[str, pa.Table]]:
    table = columns.read(member, LAYOUT, {"create_time": str, "symbol": str})
    when = in_range(
        _instants(table.words("create_time"), table.lines), table.lines, options.now
    )
    market = _archive.market_of(member, options, "um", _symbol(table))
    found = {name: _values(table, name) for name in VALUES}
    told = ~np.all([np.isnan(values) for values in found.values()], axis=0)
    if not told.all():
        unit.notes.append(f"{int((~told).sum())} rows have no value at all: left out")
    yield "open_interest", facts(
        "open_interest", int(told.sum()),
        {
            "exchange": market.exchange, "asset": market.asset, "market": market.market,
            "source": options.source or _archive.SOURCE,
            "ts_event": when[told], "ts_recv": when[told] + MINUTE,
            **_open_interest(found, market, told),
            **{new: _nullable(found[old][told]) for old, new in VALUES.items() if new},
        },
    )  # fmt: skip


def _instants(words: NDArray[Any], lines: Lines) -> NDArray[np.int64]:
    """`2024-10-01 00:05:00` or a date alone, as microseconds."""
    try:
        stamps = words.astype("datetime64[us]").astype(np.int64)
    except ValueError:
        bad = np.array([_instant(word) is None for word in words])
        lines.fail(
            bad,
            lambda at: (
                f"create_time is {str(words[at])!r}; expected one such as 2024-10-01 00:05:00"
            ),
        )
        raise
    lines.fail(stamps == np.iinfo(np.int64).min, lambda _: "create_time is empty")
    found: NDArray[np.int64] = stamps
    return found


def _instant(word: str) -> Any:
    try:
        return np.datetime64(word, "us")
    except ValueError:
        return None


def _symbol(table: columns.Table) -> str:
    symbols = table.words("symbol")
    table.lines.fail(
        symbols != symbols[0],
        lambda at: (
            f"symbol is {str(symbols[at])!r} where the first row has {str(symbols[0])!r}; a file of"
            " the archive is about one"
        ),
    )
    return str(symbols[0])


def _values(table: columns.Table, name: str) -> NDArray[np.float64]:
    """Amounts, NaN where the cell is empty; a NaN that is written out is refused."""
    empty = np.asarray(table.columns[name].is_null())
    found = table.optional(name)
    amounts(np.where(empty, 0.0, found), name, table.lines)
    return found


def _open_interest(
    found: dict[str, NDArray[np.float64]], market: Market, told: NDArray[np.bool_]
) -> dict[str, Any]:
    amount = found["sum_open_interest"][told]
    value = found["sum_open_interest_value"][told]
    base, usd = (
        (value, amount * market.contract) if market.contract else (amount, value)
    )
    return {"open_interest": _nullable(base), "open_interest_usd": _cents(usd)}


def _nullable(values: NDArray[np.float64]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _cents(usd: NDArray[np.float64]) -> pa.Array:
    import pyarrow as pa

    empty = np.isnan(usd)
    cents = np.rint(np.where(empty, 0.0, usd) * 100).astype(np.int64)
    return pa.array(cents, pa.int64(), mask=empty)
