"""Forced closures per bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import Width
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import arrived, best_feed, known_at, ratio

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view()
def liquidations(
    liquidation: Table,
    liquidation_total: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """Long, short, net and gross liquidations per bar, with how complete they are.

    `net_usd` = short - long, the sign of forced order flow: negative when longs were
    closed. `imbalance` = net / gross in [-1, 1], `short_share` = short / gross; both
    null where gross is 0. `observed_s` and `gap_s` are seconds of the bar; `coverage`
    is the trust class of the feed (`none`: nobody watched, `mixed`: several); `floor`
    says that true totals can only be larger. A bar that nobody observed is null.
    Method: A3.
    """
    by_market = "every_market" in series.columns
    sums = _events(arrived(liquidation, bar, version), by_market).union(
        _totals(arrived(liquidation_total, bar, version))
    )
    rows = best_feed(
        sums, coverage, gap, series, span,
        kinds=["liquidation", "liquidation_total"],
        values=["long_usd", "short_usd"], bar=bar, version=version,
    )  # fmt: skip
    net, gross = rows.short_usd - rows.long_usd, rows.short_usd + rows.long_usd
    return rows.select(
        "scope", "bar", known_at=known_at(rows, bar, version),
        long_usd=rows.long_usd, short_usd=rows.short_usd, net_usd=net, gross_usd=gross,
        imbalance=ratio(net, gross), short_share=ratio(rows.short_usd, gross),
        observed_s=rows.observed_s, gap_s=rows.gap_s,
        coverage=rows.coverage, floor=rows.floor,
    )  # fmt: skip


_GROUP = ["exchange", "asset", "market", "source", "bar"]


def _events(facts: Table, by_market: bool = True) -> Table:
    """Sums of single events; of all markets together where nobody asks for one."""
    facts = facts.mutate(long_usd=(facts.liquidated == "long").ifelse(facts.usd, 0))
    group = _GROUP if by_market else [name for name in _GROUP if name != "market"]
    sums = facts.group_by(group).aggregate(
        received=facts.ts_recv.max(),
        long_usd=facts.long_usd.sum(),
        short_usd=facts.usd.sum() - facts.long_usd.sum(),
    )
    if not by_market:
        sums = sums.mutate(market=ibis.literal(""))
    return _columns(sums, "liquidation", ibis.literal(0, "int64"))


def _totals(facts: Table) -> Table:
    sums = facts.group_by([*_GROUP, "interval"]).aggregate(
        received=facts.ts_recv.max(),
        long_usd=facts.long_usd.sum(),
        short_usd=facts.short_usd.sum(),
    )
    return _columns(sums, "liquidation_total", sums.interval)


def _columns(sums: Table, kind: str, interval: object) -> Table:
    return sums.select(
        *_GROUP, "received", "long_usd", "short_usd",
        kind=ibis.literal(kind), product=ibis.literal("perp"), interval=interval,
    )  # fmt: skip
