"""Binance archive fundingRate: what longs paid to shorts.

`calc_time,funding_interval_hours,last_funding_rate`: milliseconds (some milliseconds
after the hour), hours, and a fraction per interval, below zero where shorts paid. Known
half a minute later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from washout.clock import HOUR, SECOND
from washout.importers import Options, Unit, _archive, importer
from washout.importers import _columns as columns
from washout.importers._archive import Layout, Member
from washout.importers._rows import facts, times

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 1.0
"""No venue takes the whole position at one funding."""


def _alike(row: Sequence[str]) -> bool:
    return len(row) in (2, 3, 4) and len(row[0]) == 13 and row[0].isdecimal()


LAYOUT = Layout(
    "fundingRate", ("calc_time", "funding_interval_hours", "last_funding_rate"), _alike
)


@importer(
    "binance-funding", title="Binance archive fundingRate",
    recognise=lambda head, path: _archive.holds(LAYOUT, head, path),
)  # fmt: skip
def binance_funding(path: Path, options: Options) -> Iterator[Unit]:
    """One unit per member."""
    for member in _archive.members(path):
        yield Unit(
            member.unit,
            lambda _unit, member=member: _read(member, options),  # type: ignore[misc]
            whole=True,
        )  # fmt: skip


def _read(member: Member, options: Options) -> Iterator[tuple[str, pa.Table]]:
    table = columns.read(
        member, LAYOUT, {"calc_time": int, "funding_interval_hours": int}
    )
    when = times(table.whole("calc_time"), table.lines, options.now)
    hours, rate = (
        table.whole("funding_interval_hours"),
        table.numbers(LAYOUT.columns[2]),
    )
    table.lines.fail(
        (hours < 1) | (hours > 24),
        lambda at: f"funding_interval_hours is {hours[at]}; expected 1 to 24",
    )
    table.lines.fail(
        ~(np.abs(rate) < MOST),
        lambda at: (
            f"last_funding_rate is {rate[at]}; expected a fraction, such as 0.0001"
        ),
    )
    market = _archive.market_of(member, options, "um")
    yield "funding_rate", facts(
        "funding_rate", len(table),
        {
            "exchange": market.exchange, "asset": market.asset, "market": market.market,
            "source": options.source or _archive.SOURCE, "ts_event": when,
            "ts_recv": when + 30 * SECOND, "interval": hours * HOUR, "rate": rate,
        },
    )  # fmt: skip
