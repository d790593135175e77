"""Taker flow per market and bar, from whichever kind of fact tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.lazy import ibis

if TYPE_CHECKING:
    from ibis.expr.types import Table

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
