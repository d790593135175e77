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

_FEEDS = 1_000_000
"""More feeds than one scope has on one exchange."""


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


def anchored(rows: Table, column: Any, anchor: int) -> Any:
    """Sum of `column` since `anchor`; null before it and where the column is null."""
    nothing = ibis.literal(0, column.type())
    counted = (rows.bar >= anchor).ifelse(column.fill_null(nothing), nothing)
    total = counted.sum().over(running())
    return ((rows.bar >= anchor) & column.notnull()).ifelse(total, ibis.null())


def begun(rows: Table, anchor: int, recorded: Any = True) -> Any:
    """From where sums since `anchor` count: the record may begin later."""
    bars = ibis.ifelse(recorded, rows.bar, ibis.null("int64"))
    first = bars.min().over(running())
    return first.notnull().ifelse(ibis.greatest(first, anchor), ibis.null("int64"))


def known_since(rows: Table, known: Any, anchor: int, bar: int, window: int) -> Any:
    """When a sum since `anchor` and over `window` was known: all that it holds."""
    counted = (rows.bar >= anchor).ifelse(known, 0)
    summed = counted.max().over(running())
    return ibis.greatest(summed, known.max().over(trailing(bar, window)))


def trailing_sum(rows: Table, column: Any, bar: int, window: int) -> Any:
    """Sum over the trailing window, null unless enough of the window was observed."""
    over = trailing(bar, window)
    enough = rows.observed_s.sum().over(over) >= DEFAULT.coverage_ok * window / SECOND
    return enough.ifelse(column.sum().over(over), ibis.null())


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


def _told_by(facts: Table, *columns: str) -> Table:
    """Coverage or gap rows with the columns in which `series` names them."""
    return facts.select(
        "kind", "exchange", "source", "ts_event", "ts_end", *columns,
        told_asset=facts.asset, told_market=facts.market,
    )  # fmt: skip


_STREAM = ["kind", "exchange", "source"]
_TOLD = [*_STREAM, "told_asset", "told_market", "product", "interval"]


def _pieces(joined: Table, span: Table, bar: int) -> Table:
    """Stretches `[ts_event, ts_end)` cut into the bars that they touch."""
    joined = joined.cross_join(span)
    joined = joined.mutate(
        begin=ibis.greatest(joined.ts_event, joined.start),
        end=ibis.least(joined.ts_end, joined.stop),
    )
    touched = bars_touched(
        joined.filter(joined.end > joined.begin), ibis._.begin, ibis._.end, bar
    )
    return touched.mutate(
        begin=ibis.greatest(touched.begin, touched.bar),
        end=ibis.least(touched.end, touched.bar + bar),
    )


def numbered(series: Table, kinds: Sequence[str]) -> Table:
    """The feeds of `kinds` with numbers, by which engines group faster than by names.

    `feed` is one of `FEED`, smaller where it is preferred; `line` one of scope, product
    and exchange; `asked` one of scope and product.
    """
    feeds = series.filter(series.kind.isin(kinds))
    order = ["scope", "product", "exchange", "rank", "interval", "source", "kind"]
    order += ["told_asset", "told_market", "market"]
    feeds = feeds.mutate(row=ibis.row_number().over(order_by=order))

    def first_of(*names: str) -> Any:
        return feeds.row.min().over(ibis.window(group_by=list(names)))

    return feeds.mutate(
        feed=first_of(*FEED), line=first_of(*FEED[:3]), asked=first_of(*FEED[:2])
    ).drop("row")


def _lost(gap: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Microseconds of gaps per feed and bar; where gaps overlap, counted once.

    A gap without asset or market is one of the whole connection.
    """
    told = gap.select(
        *_STREAM, "ts_event", "ts_end", gap_asset=gap.asset, gap_market=gap.market
    )
    joined = feeds.join(told, _STREAM)
    joined = joined.filter(
        joined.gap_asset.isin(["", joined.told_asset]),
        joined.gap_market.isin(["", joined.told_market]),
    )
    pieces = _pieces(joined, span, bar)
    earlier = ibis.window(
        group_by=["feed", "bar"], order_by=["begin", "end"], preceding=(None, 1)
    )
    pieces = pieces.mutate(counted=pieces.end.max().over(earlier))
    pieces = pieces.mutate(
        counted=ibis.greatest(pieces.counted.fill_null(0), pieces.begin)
    )
    fresh = ibis.greatest(pieces.end - pieces.counted, 0 * pieces.end)
    return pieces.group_by(["feed", "bar"]).aggregate(lost=fresh.sum())


def _observed(
    coverage: Table, gap: Table, feeds: Table, span: Table, bar: int
) -> Table:
    """Per feed and bar: observed microseconds, trust, floor, delay.

    Bars that no stretch touches are absent here; `_spine` has them.
    """
    told = _told_by(coverage, "product", "interval", "trust", "floor", "delay")
    seen = _pieces(feeds.join(told, _TOLD), span, bar)
    seen = seen.group_by(["feed", "line", "bar"]).aggregate(
        seen=(seen.end - seen.begin).sum(),
        trust_low=seen.trust.min(),
        trust_high=seen.trust.max(),
        floor=seen.floor.cast("int64").max(),
        delay=seen.delay.max(),
    )
    lost = _lost(gap, feeds, span, bar)
    both = seen.left_join(lost, ["feed", "bar"]).select(seen, lost.lost)
    left = both.seen - both.lost.fill_null(0)
    return both.mutate(observed=ibis.greatest(left, 0 * left)).drop("seen", "lost")


def _spine(coverage: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Every bar from the first told stretch to the end of the span, per line."""
    known = feeds.join(_told_by(coverage, "product", "interval"), _TOLD)
    first = known.group_by("line", "asked").aggregate(begin=known.ts_event.min())
    first = first.cross_join(span)
    first = first.mutate(begin=ibis.greatest(first.begin, first.start))
    wide = bars_touched(
        first.filter(first.stop > first.begin), ibis._.begin, ibis._.stop, bar
    )
    return wide.select("line", "asked", "bar")


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
    then single events before totals, then the finest. `sums` has `exchange, asset, market,
    product, kind, source, interval, bar, received` and the values; `received` is the
    latest receipt of what went into it. A bar that nobody observed has null values.
    """
    feeds = numbered(series, kinds)
    seen = _observed(coverage, gap, feeds, span, bar)
    told = _told(sums, feeds, values)
    rows = seen.left_join(told, ["feed", "bar"]).select(
        seen, *[told[value].fill_null(0).name(value) for value in values],
        received=told.received.fill_null(0),
    )  # fmt: skip
    merit = rows.observed * _FEEDS - (rows.feed - rows.line)
    chosen = [*values, "trust_low", "trust_high", "floor", "delay", "received"]
    best = rows.group_by("line", "bar").aggregate(
        observed=rows.observed.max(), **{n: rows[n].argmax(merit) for n in chosen}
    )
    bars = _spine(coverage, feeds, span, bar)
    full = bars.left_join(best, ["line", "bar"]).select(
        bars, *[best[name] for name in chosen], observed=best.observed.fill_null(0)
    )
    return _over_exchanges(full, feeds, values, bar)


def _told(sums: Table, feeds: Table, values: Sequence[str]) -> Table:
    same = ["kind", "exchange", "asset", "product", "source", "interval"]
    names = feeds.select(*same, "feed", "every_market", wanted=feeds.market)
    joined = names.join(sums, same)
    joined = joined.filter(joined.every_market | (joined.market == joined.wanted))
    return joined.group_by(["feed", "bar"]).aggregate(
        received=joined.received.max(), **{v: joined[v].sum() for v in values}
    )


def _over_exchanges(
    full: Table, feeds: Table, values: Sequence[str], bar: int
) -> Table:
    """Add up exchanges; a bar is as complete as its least complete exchange.

    Where one exchange was not observed, the sum of the others is a floor.
    """
    watched = full.observed > 0
    known = full.mutate(
        watched=watched.cast("int64"),
        **{v: watched.ifelse(full[v], ibis.null("int64")) for v in values},
    )
    summed = known.group_by("asked", "bar").aggregate(
        observed=known.observed.min(),
        missing=1 - known.watched.min(),
        low=known.trust_low.min(),
        high=known.trust_high.max(),
        floor=known.floor.max(),
        delay=known.delay.max(),
        received=known.received.max(),
        **{v: known[v].sum() for v in values},
    )
    names = feeds.group_by("asked").aggregate(
        scope=feeds.scope.min(), product=feeds["product"].min()
    )
    summed = names.join(summed, "asked")
    nothing = summed[values[0]].isnull()
    one = summed.low == summed.high
    floor = ibis.greatest(summed.floor.fill_null(0), summed.missing) == 1
    return summed.select(
        "scope", "product", "bar", *values,
        observed_s=summed.observed / SECOND,
        gap_s=(bar - summed.observed) / SECOND,
        coverage=ibis.cases((nothing, "none"), (one, summed.low), else_="mixed"),
        floor=floor & ~nothing,
        delay=summed.delay.fill_null(0),
        received=summed.received.fill_null(0),
    )  # fmt: skip


def known_at(rows: Table, bar: int, version: str) -> Any:
    """When a bar was known: its end, grace and the feed's delay; `final` waits for late."""
    closed = rows.bar + rows.delay + (bar + DEFAULT.grace)
    return closed if version == "asof" else ibis.greatest(closed, rows.received)
