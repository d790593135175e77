"""Binance archive klines, spot and futures: candles with taker volume.

Twelve columns, with or without header: open time, open, high, low, close, volume, close
time, quote volume, trades, taker buy volume, taker buy quote volume, unused. Times are
milliseconds, of spot microseconds from 2025 on. COIN-M counts volume in contracts of a
fixed USD size and gives base asset volume where others give quote volume (Binance COIN-M
documentation, Kline/Candlestick Data).

Spot and USD-M candles have the same columns. Spot is told by its way of writing: always
eight decimals in price and volume, or microseconds; USD-M prices have their tick's and
volumes at most three. A folder `spot`, `um` or `cm` in the path and
`--map product=spot|um|cm` come before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.importers import Options, Unit, _archive, importer
from washout.importers import _candles as candles
from washout.importers import _columns as columns
from washout.importers._archive import Family, Market, Member
from washout.importers._rows import amounts, coverage, facts, to_cents

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = candles.layout("klines", mark=False)


def recognise(head: bytes, path: Path) -> bool:
    """Candles whose first row is no mark price candle."""
    if not _archive.holds(LAYOUT, head, path) or _derived(path):
        return False
    row = _archive.data_row(head, path)
    return not (row and candles.is_mark([*row.values()]))


def _derived(path: Path) -> bool:
    """Whether its folder says that these are no candles of trades."""
    others = {"markPriceKlines", "indexPriceKlines", "premiumIndexKlines"}
    return bool(others & set(path.parts))


@importer(
    "binance-klines", title="Binance archive klines, spot and futures",
    recognise=recognise,
)  # fmt: skip
def binance_klines(path: Path, options: Options) -> Iterator[Unit]:
    """One unit per member."""
    for member in _archive.members(path):
        yield Unit(
            member.unit,
            lambda _unit, member=member: _read(member, options),  # type: ignore[misc]
            whole=True,
        )  # fmt: skip


def _read(member: Member, options: Options) -> Iterator[tuple[str, pa.Table]]:
    table = columns.read(member, LAYOUT, candles.KINDS)
    market = _archive.market_of(member, options, _likely(member))
    width, found = candles.checked(table, options.now)
    who: dict[str, Any] = {
        "exchange": market.exchange, "asset": market.asset, "market": market.market,
        "source": options.source or _archive.SOURCE, "product": market.product,
    }  # fmt: skip
    starts = found["ts_event"]
    yield "candle", facts(
        "candle", len(table),
        {
            **who, **found, "ts_recv": starts + width, "price_kind": "trade",
            **_volumes(table, market),
        },
    )  # fmt: skip
    yield (
        "coverage",
        coverage("candle_taker", starts, width, trust="all", delay=0, **who),
    )


def _likely(member: Member) -> Family:
    """Spot writes eight decimals, or microseconds."""
    text = b"".join(piece[:4096] for piece in _first(member)).decode(errors="replace")
    lines = text.splitlines()
    row = _archive.cells(lines[int(_archive.is_header(lines[0]))])
    eight = [len(cell.partition(".")[2]) == 8 for cell in (row[1], row[5])]
    return "spot" if all(eight) or len(row[0]) == 16 else "um"


def _first(member: Member) -> list[bytes]:
    for piece in _archive.text_of(member):
        return [piece]
    return []


def _volumes(table: columns.Table, market: Market) -> dict[str, Any]:
    """Volume in base asset, and USD of all and of taker buys."""
    named = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    found = {name: amounts(table.numbers(name), name, table.lines) for name in named}
    for part, whole in (("taker_buy_volume", "volume"), (named[3], named[1])):
        table.lines.fail(
            found[part] > found[whole] * (1 + 1e-9) + 1e-8,
            lambda at, part=part, whole=whole: (  # type: ignore[misc]
                f"{part} {found[part][at]} is more than {whole} {found[whole][at]}"
            ),
        )
    size = market.contract
    usd, bought = ("volume", "taker_buy_volume") if size else (named[1], named[3])
    return {
        "volume": found["quote_volume" if size else "volume"],
        "volume_usd": to_cents(found[usd] * (size or 1)),
        "taker_buy_usd": to_cents(found[bought] * (size or 1)),
        "trades": np.asarray(table.whole("count")),
    }
