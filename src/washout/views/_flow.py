"""Taker flow per market and bar, from whichever kind of fact tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.lazy import ibis
from washout.views._bars import arrived, best_feed, known_at

if TYPE_CHECKING:
    from ibis.expr.types import Table

PRODUCTS = ("perp", "spot")
GROUP = ["exchange", "asset", "market", "product", "source", "bar"]
FLOW = ["buy_usd", "sell_usd"]


def of_trades(trades: Table) -> Table:
    """Buying and selling of single trades."""
    bought = trades.side == "buy"
    sums = trades.group_by(GROUP).aggregate(
        received=trades.ts_recv.max(),
        buy_usd=bought.ifelse(trades.usd, 0).sum(),
        sell_usd=bought.ifelse(0, trades.usd).sum(),
    )
    return as_sums(sums, "trade", ibis.literal(0, "int64"), FLOW)


def of_totals(totals: Table) -> Table:
    """Buying and selling of totals.

    Where an interval has a total of all trades (cohort "") that one counts, else its
    cohorts are added.
    """
    whole = (totals.cohort == "").cast("int64")
    parts = totals.mutate(whole=whole)
    interval = [*GROUP, "interval", "ts_event"]
    parts = parts.mutate(has_whole=parts.whole.max().over(group_by=interval))
    counted = parts.filter(parts.whole == parts.has_whole)
    sums = counted.group_by([*GROUP, "interval"]).aggregate(
        received=counted.ts_recv.max(),
        buy_usd=counted.buy_usd.sum(),
        sell_usd=counted.sell_usd.sum(),
    )
    return as_sums(sums, "trade_total", sums.interval, FLOW)


def of_candles(candles: Table) -> Table:
    """Buying and selling of candles that tell taker volume."""
    facts = candles.filter(
        candles.price_kind == "trade",
        candles.taker_buy_usd.notnull(),
        candles.volume_usd.notnull(),
    )
    sums = facts.group_by([*GROUP, "interval"]).aggregate(
        received=facts.ts_recv.max(),
        buy_usd=facts.taker_buy_usd.sum(),
        sell_usd=(facts.volume_usd - facts.taker_buy_usd).sum(),
    )
    return as_sums(sums, "candle_taker", sums.interval, FLOW)


def as_sums(sums: Table, kind: str, interval: Any, values: list[str]) -> Table:
    """Sums with the columns that `best_feed` takes."""
    return sums.select(
        *GROUP, "received", *values, kind=ibis.literal(kind), interval=interval
    )


def flow_bars(
    trade: Table, trade_total: Table, candle: Table, coverage: Table, gap: Table,
    series: Table, span: Table, *, bar: int, version: str,
) -> Table:  # fmt: skip
    """Buying, selling and observed time of perpetuals and spot, one row a bar."""
    sums = of_trades(arrived(trade, bar, version)).union(
        of_totals(arrived(trade_total, bar, version)),
        of_candles(arrived(candle, bar, version)),
    )
    rows = best_feed(
        sums, coverage, gap, series, span,
        kinds=["trade", "trade_total", "candle_taker"], values=FLOW, bar=bar,
        version=version,
    )  # fmt: skip
    rows = rows.mutate(known=known_at(rows, bar, version))
    wide = {k: v for product in PRODUCTS for k, v in _wide(rows, product).items()}
    return rows.group_by("scope", "bar").aggregate(known=rows.known.max(), **wide)


def _wide(rows: Table, product: str) -> dict[str, Any]:
    mine = rows.product == product
    columns = ("buy_usd", "sell_usd", "observed_s", "gap_s")
    return {
        f"{product}_{name}": mine.ifelse(rows[name], ibis.null(rows[name].type())).max()
        for name in columns
    }
