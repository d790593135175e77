"""Words that views share: bars, trailing windows, and which feed answers for a bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from washout.clock import MONDAY, SECOND, WEEK
from washout.config import DEFAULT
from washout.events import Trust
from washout.lazy import ibis

if TYPE_CHECKING:
    from ibis.expr.types import IntegerColumn, Table

FEED = ["scope", "product", "exchange", "kind", "source", "interval"]
"""What tells one feed from another for a scope."""

TRUSTS = get_args(Trust)
"""Trust classes; engines compare their places in this list."""

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
    return _window({"preceding": (window - bar) // SECOND, "following": 0}, group)


def before(bar: int, window: int, group: Sequence[str] = ("scope",)) -> Any:
    """The `window` of bars before this one."""
    return _window({"preceding": (window // SECOND, bar // SECOND)}, group)


def _window(reach: dict[str, Any], group: Sequence[str]) -> Any:
    return ibis.range_window(**reach, group_by=list(group), order_by=_second())


def running(group: Sequence[str] = ("scope",)) -> Any:
    """Everything up to and including this bar."""
    return ibis.cumulative_window(group_by=list(group), order_by=_second())


def _second() -> Any:
    """What windows are ordered by: one order for all, so that engines sort once.

    ClickHouse takes frames of 32 bits only, too few for microseconds.
    """
    return (ibis._.bar // SECOND).cast("int64")


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


def _numbered(series: Table, kinds: Sequence[str], told: Table, span: Table) -> Table:
    """The feeds of `kinds` that were ever told of, under numbers instead of names.

    `feed` is one of `FEED`, smaller where it is preferred; `line` one of scope, product
    and exchange, `asked` one of scope and product, each the number of its first feed.
    `since` is the first told instant of the line inside the span.
    """
    feeds = series.filter(series.kind.isin(kinds))
    order = ["scope", "product", "exchange", "rank", "interval", "source", "kind"]
    order += ["told_asset", "told_market", "market"]
    order = [name for name in order if name in feeds.columns]
    feeds = feeds.mutate(row=ibis.row_number().over(order_by=order))

    def first_of(names: list[str]) -> Any:
        return feeds.row.min().over(ibis.window(group_by=names))

    asked = first_of(FEED[:2])
    if "rank" in feeds.columns:
        feeds = feeds.mutate(feed=first_of(FEED), line=first_of(FEED[:3]), asked=asked)
    else:
        feeds = feeds.mutate(feed=asked, line=asked, asked=asked)
    known = feeds.join(told, _TOLD)
    first = (
        known.group_by("line").aggregate(begin=known.ts_event.min()).cross_join(span)
    )
    first = first.filter(first.begin < first.stop)
    first = first.select("line", since=ibis.greatest(first.begin, first.start))
    return feeds.join(first, "line").drop("row")


def _lost(gap: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Microseconds of gaps per feed and bar; where gaps overlap, counted once."""
    pieces = _pieces(told_gaps(gap, feeds), span, bar)
    earlier = ibis.window(
        group_by=["feed", "bar"], order_by=["begin", "end"], preceding=(None, 1)
    )
    pieces = pieces.mutate(counted=pieces.end.max().over(earlier))
    pieces = pieces.mutate(
        counted=ibis.greatest(pieces.counted.fill_null(0), pieces.begin)
    )
    fresh = ibis.greatest(pieces.end - pieces.counted, 0 * pieces.end)
    lost = pieces.filter(pieces.bar >= bar_of(pieces.since, bar))
    return lost.select("feed", "bar", lost=fresh)


def told_gaps(gap: Table, feeds: Table) -> Table:
    """The feeds with every gap that concerns them.

    A gap without asset or market is one of the whole connection.
    """
    told = gap.select(
        *_STREAM, "ts_event", "ts_end", gap_asset=gap.asset, gap_market=gap.market
    )
    joined = feeds.join(told, _STREAM)
    return joined.filter(
        joined.gap_asset.isin(["", joined.told_asset]),
        joined.gap_market.isin(["", joined.told_market]),
    )


def _watched(told: Table, feeds: Table, span: Table, bar: int) -> Table:
    """What was told of each feed, cut into bars: microseconds `seen`, trust, delay."""
    pieces = _pieces(feeds.join(told, _TOLD), span, bar)
    return pieces.select(
        "feed", "bar", "floor", "delay", seen=pieces.end - pieces.begin,
        low=pieces.trust, high=pieces.trust,
    )  # fmt: skip


def _untold(told: Table, feeds: Table, span: Table, bar: int) -> Table:
    """Bars of a line that its preferred feed was not told to watch, or not wholly.

    So every bar of a line is there, told of or not.
    """
    holes = untold_holes(told, feeds.filter(feeds.feed == feeds.line), span)
    return bars_touched(holes, ibis._.ts_event, ibis._.ts_end, bar)


def untold_holes(told: Table, feeds: Table, span: Table) -> Table:
    """Stretches `[ts_event, ts_end)` since its first told instant that no row tells of."""
    known = feeds.join(told, _TOLD).select("feed", begin="ts_event", end="ts_end")
    edges = feeds.select("feed", "since").distinct().cross_join(span)
    stretches = known.union(
        edges.select("feed", begin=edges.since, end=edges.since),
        edges.select("feed", begin=edges.stop, end=edges.stop),
    )
    earlier = ibis.window(
        group_by="feed", order_by=["begin", "end"], preceding=(None, 1)
    )
    holes = stretches.mutate(counted=stretches.end.max().over(earlier)).cross_join(span)
    holes = holes.mutate(until=ibis.least(holes.begin, holes.stop))
    holes = holes.filter(holes.until > holes.counted)
    return holes.select("feed", ts_event=holes.counted, ts_end=holes.until)


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
    version: str = "final",
) -> Table:
    """Sum `values` per scope, product and bar, taking one feed per exchange and bar.

    Two sources of one fact are never added: the most complete feed of the bar wins,
    then single events before totals, then the finest. `sums` has `exchange, asset, market,
    product, kind, source, interval, bar, received` and the values; `received` is the
    latest receipt of what went into it. A bar that nobody observed has null values.
    """
    told = _told_by(
        coverage.mutate(trust=_code(coverage.trust), floor=coverage.floor.cast("int64")),
        "product", "interval", "trust", "floor", "delay",
    )  # fmt: skip
    feeds = _numbered(series, kinds, told, span)
    if version == "asof":
        sums = sums.mutate(received=ibis.null("int64"))  # nobody will ask
    parts = [
        _untold(told, feeds, span, bar), _watched(told, feeds, span, bar),
        _lost(gap, feeds, span, bar), _sums_of(sums, feeds, values, bar),
    ]  # fmt: skip
    rows = _observed(_together(parts, values), values)
    if "rank" in series.columns:
        rows = _best(rows, feeds, values)
    rows = _seen_only(rows, values)
    if "rank" in series.columns:
        rows = _over_exchanges(rows, values)
    else:
        rows = rows.rename(asked="feed")
    return _answer(rows, feeds, values, bar)


def _code(trust: Any) -> Any:
    """A trust class as its place in the list: engines group numbers faster than names."""
    places = ((trust == name, place) for place, name in enumerate(TRUSTS))
    return ibis.cases(*places, else_=TRUSTS.index("unknown")).cast("int64")


def _together(parts: Sequence[Table], values: Sequence[str]) -> Table:
    """One row per feed and bar of what `parts` say of it: one grouping, no joins."""
    summed, highest = ["seen", "lost", *values], ["high", "floor", "delay", "received"]
    rows = ibis.union(
        *(
            part.select(
                "feed", "bar",
                **{
                    c: part[c] if c in part.columns else ibis.null("int64")
                    for c in (*summed, *highest, "low")
                },
            )
            for part in parts
        )
    )  # fmt: skip
    return rows.group_by("feed", "bar").aggregate(
        **{c: rows[c].sum() for c in summed},
        **{c: rows[c].max() for c in highest},
        low=rows.low.min(),
    )


def _observed(rows: Table, values: Sequence[str]) -> Table:
    """Add `observed`, microseconds; where nothing was closed the sums are 0."""
    left = rows.seen - rows.lost.fill_null(0)
    return rows.mutate(
        observed=ibis.greatest(left, 0 * left).fill_null(0),
        **{name: rows[name].fill_null(0) for name in values},
    )


def _seen_only(rows: Table, values: Sequence[str]) -> Table:
    """Null `values` where nobody watched."""
    watched = rows.observed > 0
    return rows.mutate(
        missing=1 - watched.cast("int64"),
        **{name: watched.ifelse(rows[name], ibis.null("int64")) for name in values},
    )


def _best(rows: Table, feeds: Table, values: Sequence[str]) -> Table:
    """The best feed of every line and bar."""
    most = feeds.feed.max().over(ibis.window(group_by="line"))
    lines = feeds.mutate(rivals=most > feeds.line)
    rows = lines.select("feed", "line", "asked", "rivals").distinct().join(rows, "feed")
    told = rows.low.notnull().cast("int64")
    merit = (2 * rows.observed + told) * _FEEDS - (rows.feed - rows.line)
    rows = rows.mutate(merit=merit)
    chosen = ["observed", "low", "high", "floor", "delay", "received", *values]
    key = ["line", "asked", "bar"]
    rivals = rows.filter(rows.rivals)
    best = rivals.group_by(key).aggregate(
        **{name: rivals[name].argmax(rivals.merit) for name in chosen}
    )
    return rows.filter(~rows.rivals).select(*key, *chosen).union(best)


def _sums_of(sums: Table, feeds: Table, values: Sequence[str], bar: int) -> Table:
    same = ["kind", "exchange", "asset", "product", "source", "interval"]
    any_market = (
        feeds.every_market if "every_market" in feeds.columns else feeds.interval == 0
    )
    names = feeds.select(
        *same, "feed", "since", wanted=feeds.market, any_market=any_market
    )
    joined = names.join(sums, same)
    return joined.filter(
        joined.any_market | (joined.market == joined.wanted),
        joined.bar >= bar_of(joined.since, bar),
    ).select("feed", "bar", "received", *values)


def _over_exchanges(best: Table, values: Sequence[str]) -> Table:
    """Add up exchanges; a bar is as complete as its least complete exchange."""
    return best.group_by("asked", "bar").aggregate(
        observed=best.observed.min(),
        missing=best.missing.max(),
        low=best.low.min(),
        high=best.high.max(),
        floor=best.floor.max(),
        delay=best.delay.max(),
        received=best.received.max(),
        **{v: best[v].sum() for v in values},
    )


def _answer(rows: Table, feeds: Table, values: Sequence[str], bar: int) -> Table:
    """Names for numbers, and how complete a bar is.

    Where one exchange was not observed, the sum of the others is a floor.
    """
    names = feeds.select("asked", "scope", "product").distinct()
    rows = names.join(rows, "asked")
    nothing = rows[values[0]].isnull()
    trusts = [
        ((rows.low == place) & (rows.high == place), name)
        for place, name in enumerate(TRUSTS)
    ]
    floor = ibis.greatest(rows.floor.fill_null(0), rows.missing) == 1
    return rows.select(
        "scope", "product", "bar", *values,
        observed_s=rows.observed / SECOND,
        gap_s=(bar - rows.observed) / SECOND,
        coverage=ibis.cases((nothing, "none"), *trusts, else_="mixed"),
        floor=floor & ~nothing,
        delay=rows.delay.fill_null(0),
        received=rows.received.fill_null(0),
    )  # fmt: skip


def known_at(rows: Table, bar: int, version: str) -> Any:
    """When a bar was known: its end, grace and the feed's delay; `final` waits for late."""
    closed = rows.bar + rows.delay + (bar + DEFAULT.grace)
    return closed if version == "asof" else ibis.greatest(closed, rows.received)
