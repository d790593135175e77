"""What a feed printed, second by second: what an estimate of the rest is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from washout.clock import MINUTE, SECOND, Width
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import arrived, bar_of, best_feed, known_at, trailing
from washout.views.liquidations import _events

if TYPE_CHECKING:
    from ibis.expr.types import Table

LANES = ("usdt", "usdc", "usd", "other")
"""Markets of an asset by their quote: a venue's throttle is one a market."""

POOL = 10 * MINUTE
"""Where a minute has too few prints, so much time is taken together."""

_KINDS = ["liquidation"]
_WIDEST = 1_000_000
"""More sources than one scope has."""


@view(memory=lambda s: max(POOL, s["bar"]))
def prints(
    liquidation: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """Seconds in which forced orders printed, and the last second of every `bar`.

    Rows are seconds, whatever the bar: those with a print, the last one of each minute
    that has a print, and the last one of each bar. `{lane}_print_usd` is the largest
    order of the second, negative where it closed a long, by quote of the market
    (USDT, USDC, USD, other): a venue that shows one order a second does so market by
    market. `long_usd` and `short_usd` are all that was printed. At the ends of minutes
    `observed_s` says how much of the minute was watched, `pool_observed_s` of the ten
    minutes that end there, `throttled` whether the feed shows one order a second (1) or
    all (0; null: not known), and at the ends of bars `bar_observed_s` how much of the
    bar. Of several sources of one exchange the most complete counts, minute by minute;
    a scope of several exchanges has no rows: ask for each. A second is known with its
    minute. Method: A2, E2.
    """
    feeds = _feeds(series)
    minutes = _minutes(liquidation, coverage, gap, feeds, span, bar, version)
    seconds = _seconds(arrived(liquidation, MINUTE, version), feeds)
    on = [seconds.feed == minutes.feed, seconds.minute == minutes.bar]
    shown = seconds.join(minutes.filter(minutes.observed_s > 0), on)
    shown = shown.select(
        "scope", second=shown.second, known_at=shown.known_at,
        **{name: shown[name] for name in _OF_SECONDS},
        **{name: ibis.null("float64") for name in _OF_MINUTES},
    )  # fmt: skip
    busy = shown.select(busy_scope=shown.scope, busy=bar_of(shown.second, MINUTE))
    ends = _ends(minutes, busy.distinct(), bar)
    rows = shown.union(ends)
    rows = rows.group_by("scope", "second").aggregate(
        known_at=rows.known_at.max(),
        **{name: rows[name].max() for name in (*_OF_SECONDS, *_OF_MINUTES)},
    )
    nothing = ibis.literal(0, "int64")
    return rows.select(
        "scope", bar=rows.second, known_at=rows.known_at,
        **{f"{lane}_print_usd": _signed(rows[lane]) for lane in LANES},
        long_usd=rows.long_usd.fill_null(nothing),
        short_usd=rows.short_usd.fill_null(nothing),
        **{name: rows[name] for name in _OF_MINUTES},
    )  # fmt: skip


_OF_SECONDS = (*LANES, "long_usd", "short_usd")
_OF_MINUTES = ("observed_s", "pool_observed_s", "bar_observed_s", "throttled")


def _feeds(series: Table) -> Table:
    """Feeds of single events of scopes with one exchange, each a scope of its own.

    So that nothing is chosen among them yet; `asked` is what they answer for.
    """
    mine = series.filter(series.kind.isin(_KINDS))
    several = mine.group_by("scope").aggregate(exchanges=mine.exchange.nunique())
    several = several.filter(several.exchanges == 1).select(asked="scope")
    mine = mine.rename(asked="scope").join(several, "asked")
    name = mine.asked + "|" + mine.source
    return mine.mutate(scope=name).drop([c for c in ("rank",) if c in mine.columns])


def _minutes(
    liquidation: Table, coverage: Table, gap: Table, feeds: Table, span: Table, bar: int,
    version: str,
) -> Table:  # fmt: skip
    """The chosen feed of every minute, and how much was watched around it."""
    rows = best_feed(
        _events(arrived(liquidation, MINUTE, version)), coverage, gap,
        feeds.drop("asked"), span,
        kinds=_KINDS, values=["long_usd", "short_usd"], bar=MINUTE, version=version,
    )  # fmt: skip
    rows = rows.mutate(known_at=known_at(rows, MINUTE, version))
    names = feeds.select(feed="scope", asked="asked").distinct()
    names = names.mutate(place=ibis.row_number().over(order_by="feed"))
    rows = names.join(rows, [names.feed == rows.scope])
    merit = (rows.observed_s * SECOND).round().cast("int64") * _WIDEST - rows.place
    throttled = ibis.cases(
        (rows.coverage == "one_per_second", 1.0), (rows.coverage == "all", 0.0),
        else_=ibis.null("float64"),
    )  # fmt: skip
    rows = rows.mutate(merit=merit, throttled=throttled)
    kept = ("feed", "observed_s", "throttled", "known_at")
    best = rows.group_by("asked", "bar").aggregate(
        **{name: rows[name].argmax(rows.merit) for name in kept if name != "throttled"},
        throttled=rows.throttled.fill_null(-1.0).argmax(rows.merit),
    )
    best = best.mutate(throttled=best.throttled.nullif(-1.0), scope=best.asked)
    best = best.mutate(
        pool_observed_s=best.observed_s.sum().over(trailing(MINUTE, POOL)),
        whole=bar_of(best.bar, bar),
    )
    sums = best.group_by("scope", "whole").aggregate(
        bar_observed_s=best.observed_s.sum()
    )
    return best.join(sums, ["scope", "whole"])


def _seconds(facts: Table, feeds: Table) -> Table:
    """What each feed printed in each second, by lane: twice the cents, odd for longs."""
    long = facts.liquidated == "long"
    facts = facts.mutate(
        second=bar_of(facts.ts_event, SECOND), mark=2 * facts.usd + long.cast("int64"),
        long_usd=long.ifelse(facts.usd, 0), short_usd=long.ifelse(0, facts.usd),
    )  # fmt: skip
    keys = ["exchange", "asset", "market", "source", "bar", "second"]
    each = facts.group_by(keys).aggregate(
        mark=facts.mark.max(), long_usd=facts.long_usd.sum(),
        short_usd=facts.short_usd.sum(),
    )  # fmt: skip
    any_market = (
        feeds.every_market if "every_market" in feeds.columns else feeds.interval == 0
    )
    names = feeds.select(
        "exchange", "asset", "source", feed=feeds.scope, wanted=feeds.market,
        any_market=any_market,
    ).distinct()  # fmt: skip
    mine = names.join(each, ["exchange", "asset", "source"])
    mine = mine.filter(mine.any_market | (mine.market == mine.wanted), mine.mark > 1)
    lane = _lane(mine)
    return mine.group_by("feed", "second").aggregate(
        minute=mine.bar.max(), long_usd=mine.long_usd.sum(),
        short_usd=mine.short_usd.sum(),
        **{
            name: (lane == name).ifelse(mine.mark, ibis.null("int64")).max()
            for name in LANES
        },
    )  # fmt: skip


def _lane(rows: Table) -> Any:
    """The lane of a market by its quote."""
    quotes = {"usdt": "USDT", "usdc": "USDC", "usd": "USD"}
    return ibis.cases(
        *((rows.market == rows.asset + f"-{q}", lane) for lane, q in quotes.items()),
        else_="other",
    )


def _signed(mark: Any) -> Any:
    """Cents, negative for a long."""
    return (mark % 2 == 1).ifelse(-(mark // 2), mark // 2)


def _ends(minutes: Table, busy: Table, bar: int) -> Table:
    """The last second of minutes with a print, and of bars."""
    on = [minutes.scope == busy.busy_scope, minutes.bar == busy.busy]
    rows = minutes.left_join(busy, on)
    is_end = bar_of(rows.bar + MINUTE, bar) == rows.bar + MINUTE
    rows = rows.filter(rows.busy.notnull() | is_end)
    ending = bar_of(rows.bar + MINUTE, bar) == rows.bar + MINUTE
    return rows.select(
        "scope", second=rows.bar + (MINUTE - SECOND), known_at=rows.known_at,
        **{name: ibis.null("int64") for name in _OF_SECONDS},
        observed_s=rows.observed_s, pool_observed_s=rows.pool_observed_s,
        bar_observed_s=ending.ifelse(rows.bar_observed_s, ibis.null("float64")),
        throttled=rows.throttled,
    )  # fmt: skip
