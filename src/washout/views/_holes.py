"""When feeds of forced closures were not watched, and how often what happened to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.clock import SECOND
from washout.lazy import ibis
from washout.views._bars import (
    _FEEDS,
    _numbered,
    _pieces,
    _told_by,
    arrived,
    told_gaps,
    untold_holes,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

KINDS = ("liquidation", "liquidation_total")
SHORT = 10 * SECOND
"""Shorter gaps are not counted."""

COUNTED = (
    "frames", "events", "duplicates", "late", "late_usd", "decode_errors", "reconnects"
)  # fmt: skip
"""What tallies count, in the order of the columns."""


def feeds_of(coverage: Table, series: Table, span: Table) -> tuple[Table, Table]:
    """Coverage rows as told, and the feeds of forced closures that they speak of."""
    told = _told_by(coverage, "product", "interval", "trust")
    return told, _numbered(series, KINDS, told, span)


def gap_bars(
    coverage: Table, gap: Table, series: Table, span: Table, bar: int
) -> Table:
    """Per scope and bar: `gaps` of more than 10 s, and microseconds of the `longest`.

    What was told as a gap and what nobody told of are one where they touch. Where
    several feeds tell the same, the one that lost least counts; exchanges are added.
    """
    told, feeds = feeds_of(coverage, series, span)
    edges = [
        told_gaps(gap, feeds).select("feed", "since", "ts_event", "ts_end"),
        untold_holes(told, feeds, span)
        .join(feeds.select("feed", "since").distinct(), "feed")
        .select("feed", "since", "ts_event", "ts_end"),
    ]
    pieces = _pieces(ibis.union(*edges), span, bar)
    begin = ibis.greatest(pieces.begin, pieces.since)
    pieces = pieces.mutate(begin=begin).filter(pieces.end > begin)
    gaps = _joined(pieces)
    width = gaps.end - gaps.begin
    lost = gaps.group_by("feed", "bar").aggregate(
        lost=width.sum(), longest=width.max(),
        gaps=(width > SHORT).cast("int64").sum(),
    )  # fmt: skip
    names = feeds.select("feed", "line", "scope").distinct()
    return _least(names.join(lost, "feed"))


def _joined(pieces: Table) -> Table:
    """Pieces of a feed and bar that touch, made one."""
    order = {"group_by": ["feed", "bar"], "order_by": ["begin", "end"]}
    earlier = ibis.window(**order, preceding=(None, 1))
    pieces = pieces.mutate(reached=pieces.end.max().over(earlier))
    fresh = pieces.reached.isnull() | (pieces.begin > pieces.reached)
    pieces = pieces.mutate(fresh=fresh.cast("int64"))
    until_now = ibis.window(**order, preceding=None, following=0)
    pieces = pieces.mutate(number=pieces.fresh.sum().over(until_now))
    return pieces.group_by("feed", "bar", "number").aggregate(
        begin=pieces.begin.min(), end=pieces.end.max()
    )


def _least(lost: Table) -> Table:
    merit = lost.lost * _FEEDS + lost.feed
    best = lost.group_by("scope", "line", "bar").aggregate(
        gaps=lost.gaps.argmin(merit), longest=lost.longest.argmin(merit)
    )
    return best.group_by("scope", "bar").aggregate(
        gaps=best.gaps.sum(), longest=best.longest.max()
    )


def occupied_bars(
    liquidation: Table, coverage: Table, series: Table, span: Table, bar: int,
    version: str,
) -> Table:  # fmt: skip
    """Per scope and bar: seconds with an order, and those of throttled feeds."""
    told, feeds = feeds_of(coverage, series, span)
    facts = arrived(liquidation, bar, version)
    facts = facts.mutate(second=facts.ts_event // SECOND)
    keys = ["exchange", "asset", "market", "source", "bar", "second"]
    seconds = facts.group_by(keys).aggregate(received=facts.ts_recv.max())
    wanted = feeds.filter(feeds.kind == "liquidation")
    any_market = (
        wanted.every_market
        if "every_market" in wanted.columns
        else wanted.interval == 0
    )
    wanted = wanted.select(
        "scope", "feed", "exchange", "asset", "source", "since", wanted=wanted.market,
        any_market=any_market,
    ).distinct()  # fmt: skip
    mine = wanted.join(seconds, ["exchange", "asset", "source"])
    mine = mine.filter(mine.any_market | (mine.market == mine.wanted))
    slow = _throttled(told, feeds, span, bar)
    on = [mine.feed == slow.slow_feed, mine.bar == slow.slow_bar]
    mine = mine.left_join(slow, on)
    hit = mine.slow_bar.notnull().ifelse(mine.second, ibis.null("int64"))
    return mine.group_by("scope", "bar").aggregate(
        occupied=mine.second.nunique(), saturated=hit.nunique(),
        received=mine.received.max(),
    )  # fmt: skip


def _throttled(told: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Feeds and bars with time under a venue's throttle."""
    keys = [
        "kind", "exchange", "source", "told_asset", "told_market", "product", "interval"
    ]  # fmt: skip
    rows = feeds.join(told.filter(told.trust == "one_per_second"), keys)
    pieces = _pieces(rows, span, bar)
    return pieces.select(slow_feed=pieces.feed, slow_bar=pieces.bar).distinct()


def tally_bars(tally: Table, series: Table, bar: int, version: str) -> Table:
    """Per scope and bar: what was counted, one column a name, null where nothing was."""
    facts = arrived(tally, bar, version)
    facts = facts.filter(facts.kind.isin(["", "liquidation"]))
    any_market = (
        series.every_market
        if "every_market" in series.columns
        else series.interval == 0
    )
    feeds = series.filter(series.kind == "liquidation")
    feeds = feeds.select(
        "scope", "exchange", "source", scope_asset=feeds.asset,
        scope_market=feeds.market, any_market=any_market,
    ).distinct()  # fmt: skip
    mine = feeds.join(facts, ["exchange", "source"])
    mine = mine.filter(
        mine.asset.isin(["", mine.scope_asset]),
        mine.any_market | mine.market.isin(["", mine.scope_market]),
    )
    return mine.group_by("scope", "bar").aggregate(
        received=mine.ts_recv.max(), **{name: _count(mine, name) for name in COUNTED}
    )


def _count(rows: Table, name: str) -> Any:
    return (rows.name == name).ifelse(rows["count"], 0).sum()
