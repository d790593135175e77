"""Words for facts that speak for themselves: candles, and samples of a level.

They have no coverage rows: a bar without such a fact is absent, not null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, HOUR
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views._bars import arrived, bar_of, bars_touched, trailing

if TYPE_CHECKING:
    from ibis.expr.types import Table

SAMPLE = ["exchange", "asset", "market", "source"]
"""What tells one feed of samples from another."""


def of_scopes(facts: Table, series: Table, kind: str, on: Sequence[str]) -> Table:
    """Facts with the scope that they answer for; one fact may answer for several."""
    feeds = series.filter(series.kind == kind).select("scope", *on)
    return feeds.join(facts, list(on))


def first_of(rows: Table, group: Sequence[str], order: Sequence[Any]) -> Table:
    """The first row of each group."""
    place = ibis.row_number().over(group_by=list(group), order_by=list(order))
    placed = rows.mutate(place=place)
    return placed.filter(placed.place == 0).drop("place")


def closed_at(received: Any, start: Any, bar: int, version: str) -> Any:
    """When a bar of facts without coverage was known."""
    closed = start + (bar + DEFAULT.grace)
    return closed if version == "asof" else ibis.greatest(closed, received)


def complete_sum(column: Any) -> Any:
    """Sum, null where a part is null: a partial sum would pass for the whole."""
    return (column.isnull().cast("int64").max() == 0).ifelse(column.sum(), None)


def candle_bars(
    candle: Table, series: Table, *, bar: int, version: str, product: str, price: str
) -> Table:
    """One candle per scope and bar, made of the finer candles of one source.

    The source is the most complete of the bar, then one that tells USD volume, then
    the finest.
    """
    facts = candle.filter(candle.product == product, candle.price_kind == price)
    facts = arrived(facts, bar, version).drop("product")
    feeds = series.filter(series.product == product)
    facts = of_scopes(facts, feeds, f"candle_{price}", [*SAMPLE, "interval"])
    key = ["scope", "bar", "source", "interval"]
    rows = facts.group_by(key).aggregate(
        open=facts.open.argmin(facts.ts_event),
        high=facts.high.max(),
        low=facts.low.min(),
        close=facts.close.argmax(facts.ts_event),
        volume=complete_sum(facts.volume),
        volume_usd=complete_sum(facts.volume_usd),
        observed=facts.interval.sum(),
        received=facts.ts_recv.max(),
    )
    untold = rows.volume_usd.isnull().cast("int64")
    order = [rows.observed.desc(), untold, rows.interval, rows.source]
    return first_of(rows, ["scope", "bar"], order)


def open_interest_lines(
    open_interest: Table, series: Table, *, bar: int, version: str
) -> Table:
    """The last open interest of each market in each bar, in base asset and USD.

    Of several sources of one market the one with most samples in the bar answers.
    """
    facts = arrived(open_interest, bar, version)
    facts = of_scopes(facts, series, "open_interest", SAMPLE)
    last = facts.group_by(["scope", "bar", "exchange", "market", "source"]).aggregate(
        base=facts.open_interest.argmax(facts.ts_event),
        usd=facts.open_interest_usd.argmax(facts.ts_event),
        samples=facts.ts_event.count(),
        received=facts.ts_recv.max(),
    )
    market = ["scope", "bar", "exchange", "market"]
    order = [last.usd.isnull().cast("int64"), last.samples.desc(), last.source]
    return first_of(last, market, order)


def open_interest_bars(
    open_interest: Table, series: Table, *, bar: int, version: str
) -> Table:
    """The last open interest of each bar, summed over the markets of the scope.

    Null where a market does not tell this unit.
    """
    one = open_interest_lines(open_interest, series, bar=bar, version=version)
    return one.group_by("scope", "bar").aggregate(
        open_interest=complete_sum(one.base),
        open_interest_usd=complete_sum(one.usd),
        markets=one.market.count(),
        received=one.received.max(),
    )


def funding_bars(
    funding_rate: Table, series: Table, *, bar: int, version: str, mean_window: int
) -> Table:
    """The last funding payment of each bar, and the mean rate of `mean_window`.

    Of several sources the one with most payments in the bar answers.
    """
    facts = arrived(funding_rate, bar, version)
    facts = of_scopes(facts, series, "funding_rate", SAMPLE)
    sums = facts.group_by("scope", "bar", "source").aggregate(
        rate=facts.rate.argmax(facts.ts_event),
        interval=facts.interval.argmax(facts.ts_event),
        paid=facts.rate.sum(),
        covered=facts.interval.sum(),
        payments=facts.ts_event.count(),
        received=facts.ts_recv.max(),
    )
    rows = first_of(sums, ["scope", "bar"], [sums.payments.desc(), sums.source])
    over = trailing(bar, mean_window)
    covered = rows.covered.sum().over(over)
    mean = rows.paid.sum().over(over) / covered * (8 * HOUR)
    enough = covered >= DEFAULT.coverage_ok * mean_window
    return rows.select(
        "scope", "bar", rate=rows.rate, rate_8h=rows.rate / rows.interval * (8 * HOUR),
        mean_rate_8h=enough.ifelse(mean, ibis.null("float64")),
        received=rows.received.max().over(over),
    )  # fmt: skip


def as_of(
    samples: Table, bar: int, age: int, line: Sequence[str] = ("scope",)
) -> Table:
    """Every sample under each bar whose last sample it is, from its own bar on.

    `samples` has one row per `line` and bar. Nothing is carried further than `age`, or
    one bar where bars are wider.
    """
    after = ibis.window(group_by=list(line), order_by="bar")
    following = samples.bar.lead(1).over(after)
    oldest = samples.bar + max(age, bar)
    there = following > samples.bar  # ClickHouse says 0 where nothing follows
    following = there.ifelse(following, oldest)
    samples = samples.mutate(since=samples.bar, until=ibis.least(following, oldest))
    return bars_touched(samples, samples.since, samples.until, bar).drop(
        "since", "until"
    )


def previous(rows: Table, value: str, width: int, count: int) -> Table:
    """The rows of the `count` bars of `width` before each bar, under that bar.

    Columns: scope, bar, value, received; `bar` is the start of the later bar.
    """
    steps = ibis.range(1, count + 1).unnest().cast("int64")
    later = rows.select("scope", "received", value=rows[value], at=rows.bar, step=steps)
    return later.select("scope", "value", "received", bar=later.at + later.step * width)


def median_of(rows: Table) -> Table:
    """Median of `value` per scope and bar, exactly, in words that every engine shares."""
    rows = rows.filter(rows.value.notnull())
    group = ["scope", "bar"]
    ranked = rows.mutate(
        twice=2 * ibis.row_number().over(group_by=group, order_by="value"),
        samples=rows.value.count().over(group_by=group),
        latest=rows.received.max().over(group_by=group),
    )
    middle = ranked.filter(
        ranked.twice >= ranked.samples - 2, ranked.twice <= ranked.samples
    )
    return middle.group_by(group).aggregate(
        median=middle.value.mean(), received=middle.latest.max()
    )


def day_of(start: Any) -> Any:
    """Start of the UTC day in which a bar begins."""
    return bar_of(start, DAY)
