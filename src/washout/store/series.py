"""Which feeds answer for which scope.

Where a source speaks of the whole asset (market ""), it answers for the asset. Else
* liquidations are not answered: a sum of some markets is not the asset's;
* taker flow comes from one reference market per exchange, and exchanges are added;
* price and funding come from one reference market of one exchange;
* open interest is summed over the markets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from washout.clock import format_width
from washout.errors import NoData, UnknownName
from washout.instruments import QUOTES, Scope
from washout.store.manifest import Feed

TOLD = ("liquidation", "liquidation_total", "trade", "trade_total", "candle_taker")
"""Kinds whose observed time is told by coverage rows; others speak for themselves."""

FAMILY = {
    "liquidation": "liquidation", "liquidation_total": "liquidation",
    "trade": "flow", "trade_total": "flow", "candle_taker": "flow",
}  # fmt: skip
"""Kinds that state one fact in several ways: they must come from the same market."""

ADDED = ("liquidation", "flow", "open_interest")
"""Families that `all:` adds over exchanges; of the others it takes one exchange."""

Row = dict[str, Any]

_FEED = ("exchange", "kind", "source", "interval")


def known_scopes(feeds: Iterable[Feed]) -> list[str]:
    """Every scope that could be asked for, written out."""
    mine = [f for f in feeds if f.exchange and f.asset]
    names = {str(Scope(f.exchange, f.asset, f.market)) for f in mine}
    names |= {str(Scope(f.exchange, f.asset)) for f in mine}
    return sorted(names | {f"all:{f.asset}" for f in mine})


def labels(scope: Scope, feeds: Iterable[Feed]) -> list[Scope]:
    """Wildcards written out: `binance:*` as one scope per asset."""
    everything = list(feeds)
    exchanges = (
        {f.exchange for f in everything} if scope.exchange == "*" else {scope.exchange}
    )
    found = []
    for exchange in sorted(exchanges):
        mine = [f for f in everything if exchange in ("all", f.exchange) and f.asset]
        assets = {f.asset for f in mine} if scope.asset == "*" else {scope.asset}
        found += [Scope(exchange, asset, scope.market) for asset in sorted(assets)]
    return found


def series_of(scopes: Sequence[Scope], feeds: Sequence[Feed], bar: int) -> list[Row]:
    """The rows of the base table `series` for these scopes and bars of width `bar`."""
    rows: list[Row] = []
    of_asset: dict[str, list[Feed]] = defaultdict(list)
    for feed in feeds:
        of_asset[feed.asset] += [feed] if label(feed) else []
    for scope in scopes:
        mine = [
            f
            for asset in ("", scope.asset)
            for f in of_asset[asset]
            if scope.exchange in ("all", f.exchange)
        ]
        chosen = (
            [f for f in mine if _holds_market(f, scope.market)]
            if scope.market
            else _of_asset(mine, bar)
        )
        rows += [_row(scope, feed) for feed in chosen]
    return list({tuple(row.values()): row for row in rows}.values())


def needless(rows: Sequence[Row], kinds: Collection[str]) -> tuple[str, ...]:
    """Columns of `series` that tell a view of these kinds nothing: see `views.SERIES`."""
    mine = [row for row in rows if serves(row["kind"], kinds)]
    rivals: dict[Any, set[Any]] = defaultdict(set)
    for row in mine:
        asked = (row["scope"], row["product"], FAMILY.get(row["kind"], row["kind"]))
        rivals[asked].add(tuple(row[name] for name in _FEED))
    alone = all(len(feeds) == 1 for feeds in rivals.values())
    single = (row for row in mine if row["kind"] in ("liquidation", "trade"))
    whole = all(row["every_market"] for row in single)
    return ("rank",) * alone + ("every_market",) * whole


def label(feed: Feed) -> str:
    """What a feed is called in `series`; empty where it answers nothing by itself."""
    if feed.kind == "coverage":
        return feed.detail if feed.detail in TOLD else ""
    if feed.kind == "candle":
        return f"candle_{feed.detail}"
    return feed.kind if feed.kind in ("open_interest", "funding_rate") else ""


def _family(feed: Feed) -> str:
    return FAMILY.get(label(feed), label(feed))


def _width(feed: Feed) -> int:
    """Width of what is added up; a payment of funding is an instant."""
    return 0 if feed.kind == "funding_rate" else feed.interval


def _single(feed: Feed) -> bool:
    """Whether it tells of single events, which name their market."""
    return feed.kind == "coverage" and feed.interval == 0


def _holds_market(feed: Feed, market: str) -> bool:
    return feed.market == market or (feed.market == "" and _single(feed))


def _of_asset(feeds: Sequence[Feed], bar: int) -> list[Feed]:
    chosen: list[Feed] = []
    for (family, _), alike in _grouped(feeds, lambda f: (_family(f), f.product)):
        of_exchange = [
            found
            for _, mine in _grouped(alike, lambda f: (f.exchange,))
            if (found := _answering(family, mine, bar))
        ]
        if family not in ADDED:
            of_exchange = sorted(of_exchange, key=_exchange_preference)[:1]
        chosen += [feed for found in of_exchange for feed in found]
    return chosen


def _answering(family: str, feeds: Sequence[Feed], bar: int) -> list[Feed]:
    """The feeds of one family and exchange that answer for the whole asset."""
    markets = {f.market for f in feeds if fits(_width(f), bar)}
    markets = markets or {f.market for f in feeds}
    if family == "open_interest" and "" not in markets:
        return list(feeds)
    wanted = "" if family == "liquidation" else min(markets, key=_market_preference)
    return [f for f in feeds if f.market == wanted]


def fits(interval: int, bar: int) -> bool:
    """Whether totals or candles of `interval` can be added up to bars of `bar`."""
    return bar % max(interval, 1) == 0


def _market_preference(market: str) -> tuple[int, str]:
    if not market:
        return -1, market
    quote = market.partition("-")[2]
    return (QUOTES.index(quote) if quote in QUOTES else len(QUOTES), market)


def _exchange_preference(feeds: Sequence[Feed]) -> tuple[bool, str]:
    return feeds[0].exchange != "binance", feeds[0].exchange


def _grouped(feeds: Sequence[Feed], key: Any) -> list[tuple[Any, list[Feed]]]:
    ordered = sorted(feeds, key=key)
    return [(name, list(found)) for name, found in groupby(ordered, key)]


def _row(scope: Scope, feed: Feed) -> Row:
    kind = label(feed)
    return {
        "scope": str(scope), "kind": kind, "exchange": feed.exchange,
        "asset": scope.asset, "market": scope.market or feed.market,
        "every_market": not scope.market and feed.market == "" and _single(feed),
        "product": feed.product, "source": feed.source, "interval": _width(feed),
        "told_asset": feed.asset, "told_market": feed.market,
        "rank": 1 if kind.endswith(("total", "taker")) else 0,
    }  # fmt: skip


def require(
    name: str, kinds: set[str], scope: Scope, rows: Sequence[Row],
    settings: Mapping[str, Any], feeds: Sequence[Feed],
) -> None:  # fmt: skip
    """Say what is missing when no feed of the scope can fill the bars asked for.

    `rows` are those of the scope alone.
    """
    bar = settings["bar"]
    served = [r for r in rows if serves(r["kind"], kinds)]
    mine = [r for r in served if _asked(r, settings)]
    if any(fits(r["interval"], bar) for r in mine):
        return
    if mine:
        finest = min(mine, key=lambda r: r["interval"])
        raise NoData(
            f"{scope} has nothing finer than {format_width(finest['interval'])}"
            f" ({finest['source']}) for view {name}, so bars of {format_width(bar)} cannot"
            f" be made. Ask for --bar {format_width(finest['interval'])} or wider"
            f"{_other(scope, kinds, bar, feeds)}."
        )
    if served:
        raise NoData(
            f"{scope} has nothing for view {name} with {_settings_of(settings)}; it has"
            f" {' and '.join(sorted({_settings_told(r, settings) for r in served}))}."
            " Ask for that with --param."
        )
    known = known_scopes(f for f in feeds if serves(_kind(f), kinds))
    if str(scope) in known_scopes(feeds):
        raise NoData(
            f"The lake has no {' or '.join(sorted(kinds))} for {scope}, which view"
            f" {name} needs. It has: {', '.join(known) or 'none'}."
        )
    raise UnknownName("scope", str(scope), known)


def _asked(row: Row, settings: Mapping[str, Any]) -> bool:
    """Whether a feed is of the product and price kind that the question names."""
    return _settings_told(row, settings) == _settings_of(settings)


def _settings_of(settings: Mapping[str, Any]) -> str:
    named = [n for n in ("product", "price_kind") if n in settings]
    return " ".join(f"{n}={settings[n]}" for n in named)


def _settings_told(row: Row, settings: Mapping[str, Any]) -> str:
    told = {"product": row["product"], "price_kind": row["kind"].partition("_")[2]}
    return _settings_of({n: told[n] for n in told if n in settings})


def _other(scope: Scope, kinds: set[str], bar: int, feeds: Sequence[Feed]) -> str:
    finer = sorted(
        {
            str(Scope(f.exchange, f.asset, f.market))
            for f in feeds
            if f.market and f.asset == scope.asset and serves(_kind(f), kinds)
            and fits(_width(f), bar)
        }
    )  # fmt: skip
    return f", or for {' or '.join(finer)}" if finer else ""


def _kind(feed: Feed) -> str:
    return feed.detail if feed.kind == "coverage" else feed.kind


def serves(kind: str, kinds: Collection[str]) -> bool:
    """Whether a feed of `kind`, as `series` names it, tells facts of one of `kinds`.

    One of candles also says of which.
    """
    return kind in kinds or (kind.startswith("candle_") and "candle" in kinds)
