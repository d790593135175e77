"""Binance archive markPriceKlines: candles of the mark price, without volume.

The columns of klines; volumes are 0 by nature and `count` counts the seconds that the
price was marked in. Content cannot tell them from candles of the index price: those are
left alone if their folder is called `indexPriceKlines` or `premiumIndexKlines`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from washout.importers import Options, Unit, _archive, importer
from washout.importers import _candles as candles
from washout.importers import _columns as columns
from washout.importers._archive import Member
from washout.importers._rows import facts

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = candles.layout("markPriceKlines", mark=True)


def recognise(head: bytes, path: Path) -> bool:
    """Candles without volume that count something, or a folder that says so."""
    if {"indexPriceKlines", "premiumIndexKlines"} & set(path.parts):
        return False
    row = _archive.data_row(head, path)
    return _archive.holds(LAYOUT, head, path) and (
        "markPriceKlines" in path.parts or not row or candles.is_mark([*row.values()])
    )


@importer(
    "binance-mark-klines", title="Binance archive mark price klines",
    recognise=recognise,
)  # fmt: skip
def binance_mark_klines(path: Path, options: Options) -> Iterator[Unit]:
    """One unit per member."""
    for member in _archive.members(path):
        yield Unit(
            member.unit,
            lambda _unit, member=member: _read(member, options),  # type: ignore[misc]
            whole=True,
        )  # fmt: skip


def _read(member: Member, options: Options) -> Iterator[tuple[str, pa.Table]]:
    table = columns.read(member, LAYOUT, candles.KINDS)
    market = _archive.market_of(member, options, "um")
    width, found = candles.checked(table, options.now)
    yield "candle", facts(
        "candle", len(table),
        {
            "exchange": market.exchange, "asset": market.asset, "market": market.market,
            "source": options.source or _archive.SOURCE, "product": market.product,
            **found, "ts_recv": found["ts_event"] + width, "price_kind": "mark",
        },
    )  # fmt: skip
