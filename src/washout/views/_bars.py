"""Words that views share: bars, trailing windows, and which feed answers for a bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from washout.clock import MONDAY, SECOND, WEEK
from washout.config import DEFAULT
from washout.lazy import ibis

if TYPE_CHECKING:
    from ibis.expr.types import IntegerColumn, Table

FEED = ["scope", "product", "exchange", "kind", "source", "interval"]
"""What tells one feed from another for a scope."""


def bar_of(time: IntegerColumn, bar: int) -> Any:
    """Start of the bar that holds `time`, by integer arithmetic only."""
    offset = MONDAY if bar == WEEK else 0
    return time - (time - offset) % bar


def ratio(above: Any, below: Any) -> Any:
    """`above / below`, null where `below` is 0: engines disagree about dividing by 0."""
    return above / below.nullif(0)


def trailing(bar: int, window: int, group: Sequence[str] = ("scope",)) -> Any:
    """The last `window` of bars, this one included; missing bars stay missing."""
    return _window(bar, {"preceding": window // bar - 1, "following": 0}, group)


def before(bar: int, window: int, group: Sequence[str] = ("scope",)) -> Any:
    """The `window` of bars before this one."""
    return _window(bar, {"preceding": (window // bar, 1)}, group)


def _window(bar: int, reach: dict[str, Any], group: Sequence[str]) -> Any:
    number = (ibis._.bar // bar).cast("int64")
    return ibis.range_window(**reach, group_by=list(group), order_by=number)


def running(group: Sequence[str] = ("scope",)) -> Any:
    """Everything up to and including this bar."""
    return ibis.cumulative_window(group_by=list(group), order_by="bar")


def bars_touched(table: Table, start: Any, stop: Any, bar: int) -> Table:
    """One row for each bar that `[start, stop)` touches, as column `bar`."""
    table = table.mutate(first=bar_of(start, bar), last=bar_of(stop - 1, bar))
    return table.mutate(
        bar=ibis.range(table["first"], table["last"] + bar, bar).unnest().cast("int64")
    ).drop("first", "last")


def arrived(facts: Table, bar: int, version: str) -> Table:
    """Give facts their `bar`; `asof` leaves out what came after its end and grace."""
    facts = facts.mutate(bar=bar_of(facts.ts_event, bar))
    if version == "final":
        return facts
    return facts.filter(facts.ts_recv <= facts.bar + (bar + DEFAULT.grace))


def _pieces(told: Table, feeds: Table, span: Table, bar: int, on: list[Any]) -> Table:
    """Bars touched by told stretches of the feeds, with the time inside each."""
    joined = feeds.join(told, on).cross_join(span)
    joined = joined.mutate(
        begin=ibis.greatest(joined.ts_event, joined.start),
        end=ibis.least(joined.ts_end, joined.stop),
    )
    touched = bars_touched(
        joined.filter(joined.end > joined.begin), ibis._.begin, ibis._.end, bar
    )
    return touched.mutate(
        inside=ibis.least(touched.end, touched.bar + bar)
        - ibis.greatest(touched.begin, touched.bar)
    )


def observed(coverage: Table, gap: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Per feed and bar: observed microseconds, trust, floor, delay.

    Bars that no stretch touches are absent here; `spine` has them.
    """
    told = coverage.select(
        "kind", "exchange", "product", "source", "interval", "ts_event", "ts_end",
        "trust", "floor", "delay",
        told_asset=coverage.asset, told_market=coverage.market,
    )  # fmt: skip
    same = ["kind", "exchange", "source", "told_asset", "told_market"]
    seen = _pieces(told, feeds, span, bar, [*same, "product", "interval"])
    seen = seen.group_by([*FEED, "rank", "bar"]).aggregate(
        seen=seen.inside.sum(),
        trust_low=seen.trust.min(),
        trust_high=seen.trust.max(),
        floor=seen.floor.cast("int64").max(),
        delay=seen.delay.max(),
    )
    lost = gap.select(
        "kind", "exchange", "source", "ts_event", "ts_end",
        told_asset=gap.asset, told_market=gap.market,
    )  # fmt: skip
    lost = _pieces(lost, feeds, span, bar, same)
    lost = lost.group_by([*FEED, "bar"]).aggregate(lost=lost.inside.sum())
    both = seen.left_join(lost, [*FEED, "bar"]).select(seen, lost.lost)
    left = both.seen - both.lost.fill_null(0)
    return both.mutate(observed=ibis.greatest(left, 0 * left)).drop("seen", "lost")


def spine(coverage: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Every bar from the first told stretch to the end of the span, per scope."""
    told = coverage.select(
        "kind", "exchange", "product", "source", "interval", "ts_event",
        told_asset=coverage.asset, told_market=coverage.market,
    )  # fmt: skip
    same = ["kind", "exchange", "source", "told_asset", "told_market"]
    known = feeds.join(told, [*same, "product", "interval"])
    first = known.group_by("scope", "product", "exchange").aggregate(
        begin=known.ts_event.min()
    )
    first = first.cross_join(span)
    first = first.mutate(begin=ibis.greatest(first.begin, first.start))
    wide = bars_touched(
        first.filter(first.stop > first.begin), ibis._.begin, ibis._.stop, bar
    )
    return wide.select("scope", "product", "exchange", "bar")


def best_feed(
    sums: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    kinds: Sequence[str],
    values: Sequence[str],
    bar: int,
) -> Table:
    """Sum `values` per scope, product and bar, taking one feed per exchange and bar.

    Two sources of one fact are never added: the most complete feed of the bar wins,
    then the most trusted, then the finest. `sums` has `exchange, asset, market,
    product, kind, source, interval, bar, received` and the values; `received` is the
    latest receipt of what went into it. A bar that nobody observed has null values.
    """
    feeds = series.filter(series.kind.isin(kinds))
    seen = observed(coverage, gap, feeds, span, bar)
    told = _told(sums, feeds, values)
    rows = seen.left_join(told, [*FEED, "bar"]).select(
        seen, *[told[value].fill_null(0).name(value) for value in values],
        received=told.received,
    )  # fmt: skip
    best = rows.mutate(
        place=ibis.row_number().over(
            group_by=["scope", "product", "exchange", "bar"],
            order_by=[rows.observed.desc(), rows["rank"], rows.interval, rows.source],
        )
    )
    best = best.filter(best.place == 0)
    bars = spine(coverage, feeds, span, bar)
    key = ["scope", "product", "exchange", "bar"]
    full = bars.left_join(best, key).select(
        bars, *[best[value] for value in values],
        observed=best.observed.fill_null(0), trust_low=best.trust_low,
        trust_high=best.trust_high, floor=best.floor, delay=best.delay,
        received=best.received,
    )  # fmt: skip
    return _over_exchanges(full, values, bar)


def _told(sums: Table, feeds: Table, values: Sequence[str]) -> Table:
    same = ["kind", "exchange", "asset", "product", "source", "interval"]
    names = feeds.select(*FEED, "asset", "every_market", wanted=feeds.market)
    joined = names.join(sums, same)
    joined = joined.filter(joined.every_market | (joined.market == joined.wanted))
    return joined.group_by([*FEED, "bar"]).aggregate(
        received=joined.received.max(), **{v: joined[v].sum() for v in values}
    )


def _over_exchanges(full: Table, values: Sequence[str], bar: int) -> Table:
    """Add up exchanges; a bar is as complete as its least complete exchange."""
    known = full.mutate(
        **{v: (full.observed > 0).ifelse(full[v], ibis.null("int64")) for v in values}
    )
    summed = known.group_by("scope", "product", "bar").aggregate(
        observed=known.observed.min(),
        low=known.trust_low.min(),
        high=known.trust_high.max(),
        floor=known.floor.max(),
        delay=known.delay.max(),
        received=known.received.max(),
        **{v: known[v].sum() for v in values},
    )
    nothing = summed.low.isnull()
    one = summed.low == summed.high
    return summed.select(
        "scope", "product", "bar", *values,
        observed_s=summed.observed / SECOND,
        gap_s=(bar - summed.observed) / SECOND,
        coverage=ibis.cases((nothing, "none"), (one, summed.low), else_="mixed"),
        floor=summed.floor.fill_null(0) == 1,
        delay=summed.delay.fill_null(0),
        received=summed.received.fill_null(0),
    )  # fmt: skip


def known_at(rows: Table, bar: int, version: str) -> Any:
    """When a bar was known: its end, grace and the feed's delay; `final` waits for late."""
    closed = rows.bar + rows.delay + (bar + DEFAULT.grace)
    return closed if version == "asof" else ibis.greatest(closed, rows.received)
