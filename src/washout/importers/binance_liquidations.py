"""Binance archive liquidationSnapshot, USD-M and COIN-M: forced orders.

`time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,
last_fill_quantity,accumulated_fill_quantity`. `side` is the side of the forced order:
SELL closes a long. USD is accumulated fill times average price; COIN-M counts contracts
of a fixed USD size, whatever the price.

Every row is in these files twice (binance-public-data issue 259), and two equal orders of
one instant four times: a group of n equal rows is n/2 orders. Of an odd group half,
rounded up, is kept, and a note says so. They are the snapshots of the public stream, at
most one order a symbol and second: how far to trust them is bounded when they come into
the lake. A file is a whole statement about its UTC days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.importers import Options, Unit, _archive, importer
from washout.importers import _columns as columns
from washout.importers._archive import Layout, Market, Member
from washout.importers._rows import (
    Lines,
    amounts,
    facts,
    prices,
    stretches,
    times,
    to_cents,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

LAYOUT = Layout(
    "liquidationSnapshot",
    (
        "time", "side", "order_type", "time_in_force", "original_quantity", "price",
        "average_price", "order_status", "last_fill_quantity",
        "accumulated_fill_quantity",
    ),
    lambda row: len(row) > 4 and row[1] in ("BUY", "SELL"),
)  # fmt: skip
_KINDS = {
    "time": int, "side": str, "order_type": str, "time_in_force": str,
    "order_status": str,
}  # fmt: skip


@importer(
    "binance-liquidations", title="Binance archive liquidationSnapshot",
    recognise=lambda head, path: _archive.holds(LAYOUT, head, path),
)  # fmt: skip
def binance_liquidations(path: Path, options: Options) -> Iterator[Unit]:
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
    table = columns.read(member, LAYOUT, _KINDS)
    market = _archive.market_of(member, options, "um")
    when = times(table.whole("time"), table.lines, options.now)
    filled = amounts(
        table.numbers("accumulated_fill_quantity"), "accumulated_fill_quantity",
        table.lines,
    )  # fmt: skip
    average = prices(table.numbers("average_price"), "average_price", table.lines)
    sells = _sells(table.words("side"), table.lines)
    kept = _halved(unit, table)
    who = {
        "exchange": market.exchange, "asset": market.asset, "market": market.market,
        "source": options.source or _archive.SOURCE,
    }  # fmt: skip
    yield (
        "liquidation",
        _orders(when[kept], sells[kept], filled[kept], average[kept], market, who),
    )
    begin, end = _archive.whole_days(
        member, int(when.min()), int(when.max()), options.now
    )
    yield "coverage", stretches("liquidation", [begin], [end], 0, **who)


def _sells(sides: NDArray[Any], lines: Lines) -> NDArray[np.bool_]:
    lines.fail(
        ~np.isin(sides, ["BUY", "SELL"]),
        lambda at: f"side is {str(sides[at])!r}; expected BUY or SELL",
    )
    sells: NDArray[np.bool_] = sides == "SELL"
    return sells


def _halved(unit: Unit, table: columns.Table) -> NDArray[np.int64]:
    """Positions of the rows that stay when each group of equal rows is halved."""
    rows = list(zip(*table.columns.to_pydict().values(), strict=True))
    groups = Counter(rows)
    odd = sum(1 for count in groups.values() if count % 2)
    if odd:
        unit.notes.append(
            f"{odd} of {len(groups)} different rows stand an odd number of times, though"
            " the archive doubles every row: half of them, rounded up, was kept"
        )
    wanted = {row: (count + 1) // 2 for row, count in groups.items()}
    kept = []
    for at, row in enumerate(rows):
        if wanted[row]:
            wanted[row] -= 1
            kept.append(at)
    unit.halved = len(rows) - len(kept)
    return np.array(kept, np.int64)


def _orders(
    when: NDArray[np.int64], sells: NDArray[np.bool_], filled: NDArray[np.float64],
    average: NDArray[np.float64], market: Market, who: dict[str, str],
) -> pa.Table:  # fmt: skip
    usd = filled * (market.contract or average)
    return facts(
        "liquidation", len(when),
        {
            **who, "ts_event": when, "ts_recv": when,
            "id": _ids(when, sells, filled, average),
            "side": np.where(sells, "sell", "buy"),
            "liquidated": np.where(sells, "long", "short"),
            "quantity": usd / average if market.contract else filled,
            "price": average, "price_kind": "fill", "usd": to_cents(usd),
        },
    )  # fmt: skip


def _ids(
    when: NDArray[np.int64], sells: NDArray[np.bool_], filled: NDArray[np.float64],
    average: NDArray[np.float64],
) -> list[str]:  # fmt: skip
    """What the order is, and a running number where several are alike."""
    seen: Counter[str] = Counter()
    ids = []
    for time, sell, size, price in zip(when, sells, filled, average, strict=True):
        name = f"{time // 1000}-{'SELL' if sell else 'BUY'}-{size:.12g}-{price:.12g}"
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return ids
