"""Price and volume per bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import SECOND, Width
from washout.views import view
from washout.views._told import candle_bars, closed_at

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view()
def candles(
    candle: Table,
    series: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    product: Literal["perp", "spot"] = "perp",
    price_kind: Literal["trade", "mark"] = "trade",
) -> Table:
    """Open, high, low, close, and volume in base asset and USD.

    An asset takes its price from one reference market (USDT before USDC, ...), never
    from a mixture. Made of the finer candles of one source: the most complete of the
    bar, then one that tells USD volume, then the finest. `observed_s` and `gap_s` say
    how much of the bar its candles cover; a bar without a candle has no row. Volumes
    are null where a candle does not tell them. Method: A5 (volume).
    """
    rows = candle_bars(
        candle, series, bar=bar, version=version, product=product, price=price_kind
    )
    return rows.select(
        "scope", "bar", known_at=closed_at(rows.received, rows.bar, bar, version),
        open=rows.open, high=rows.high, low=rows.low, close=rows.close,
        volume=rows.volume, volume_usd=rows.volume_usd,
        observed_s=rows.observed / SECOND, gap_s=(bar - rows.observed) / SECOND,
    )  # fmt: skip
