"""Which feeds answer for a scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from washout.clock import format_width
from washout.errors import NoData, UnknownName
from washout.instruments import QUOTES, Scope
from washout.store.manifest import Feed

TOLD = ("liquidation", "liquidation_total", "trade", "trade_total", "candle_taker")
"""Kinds whose observed time is told by coverage rows; others speak for themselves."""

SUMMED = ("liquidation", "liquidation_total")
"""Kinds that are the whole asset's only where a source says that it saw all markets."""

Row = dict[str, Any]


def known_scopes(feeds: Iterable[Feed]) -> list[str]:
    """Every scope that could be asked for, written out."""
    names = {
        str(Scope(f.exchange, f.asset, f.market))
        for f in feeds
        if f.exchange and f.asset
    }
    names |= {str(Scope(f.exchange, f.asset)) for f in feeds if f.asset}
    names |= {f"all:{f.asset}" for f in feeds if f.asset}
    return sorted(names)


def labels(scope: Scope, feeds: Iterable[Feed]) -> list[Scope]:
    """Wildcards written out: `binance:*` as one scope per asset."""
    everything = list(feeds)
    exchanges = (
        {f.exchange for f in everything} if scope.exchange == "*" else [scope.exchange]
    )
    found = []
    for exchange in sorted(exchanges):
        mine = [f for f in everything if exchange in ("all", f.exchange)]
        assets = (
            {f.asset for f in mine if f.asset} if scope.asset == "*" else [scope.asset]
        )
        found += [Scope(exchange, asset, scope.market) for asset in sorted(assets)]
    return found


def series_of(scopes: Sequence[Scope], feeds: Sequence[Feed]) -> list[Row]:
    """The rows of the base table `series` for these scopes."""
    rows: list[Row] = []
    for scope in scopes:
        mine = [f for f in feeds if scope.exchange in ("all", f.exchange)]
        mine = [f for f in mine if f.asset in ("", scope.asset)]
        rows += [row for f in mine if (row := _told(scope, f))]
        rows += _references(scope, mine)
    return rows


def _told(scope: Scope, feed: Feed) -> Row | None:
    """A feed that says it observed the scope as a whole."""
    kind = feed.detail if feed.kind == "coverage" else ""
    if kind not in TOLD:
        return None
    single = feed.interval == 0
    if scope.market:
        fits = feed.market == scope.market or (feed.market == "" and single)
    else:
        fits = feed.market == ""
    return (
        _row(scope, feed, kind, scope.market, not scope.market and single)
        if fits
        else None
    )


def _references(scope: Scope, feeds: Sequence[Feed]) -> list[Row]:
    """Price, flow, open interest and funding: market by market.

    An asset scope takes price, flow and funding from its reference market (USDT before
    USD before the rest), and open interest from every market.
    """
    rows: list[Row] = []
    for feed in feeds:
        kind = feed.detail if feed.kind == "coverage" else feed.kind
        if kind in SUMMED or kind in ("gap", "coverage", "trade", "trade_total"):
            if feed.kind != "coverage" or kind in SUMMED:
                continue
        if feed.kind == "coverage" and kind not in TOLD:
            continue
        if not scope.market and feed.market == "" and feed.kind == "coverage":
            continue
        if _speaks_for(scope, feed, kind, feeds):
            label = "candle_" + feed.detail if feed.kind == "candle" else kind
            rows.append(_row(scope, feed, label, feed.market, False))
    return rows


def _speaks_for(scope: Scope, feed: Feed, kind: str, feeds: Sequence[Feed]) -> bool:
    if scope.market:
        return feed.market == scope.market and feed.kind != "coverage"
    if kind == "open_interest":
        return True
    alike = [
        f for f in feeds
        if f.market and (f.kind, f.product) == (feed.kind, feed.product)
        and (f.kind != "coverage" or f.detail == feed.detail)
    ]  # fmt: skip
    if scope.exchange == "all" and kind not in TOLD:
        first = min(alike, key=lambda f: (f.exchange != "binance", f.exchange))
        alike = [f for f in alike if f.exchange == first.exchange]
    else:
        alike = [f for f in alike if f.exchange == feed.exchange]
    return (
        bool(alike)
        and feed.market == min((f.market for f in alike), key=_preference)
        and (feed.exchange == alike[0].exchange)
    )


def _preference(market: str) -> tuple[int, str]:
    quote = market.partition("-")[2]
    return (QUOTES.index(quote) if quote in QUOTES else len(QUOTES), market)


def _row(scope: Scope, feed: Feed, kind: str, market: str, every: bool) -> Row:
    return {
        "scope": str(scope), "kind": kind, "exchange": feed.exchange,
        "asset": scope.asset, "market": market, "every_market": every,
        "product": feed.product, "source": feed.source, "interval": feed.interval,
        "told_asset": feed.asset, "told_market": feed.market,
        "rank": 1 if kind.endswith(("total", "taker")) else 0,
    }  # fmt: skip


def require(
    name: str, kinds: set[str], scope: Scope, rows: Sequence[Row], bar: int,
    feeds: Sequence[Feed],
) -> None:  # fmt: skip
    """Say what is missing when no feed of the scope can fill bars of this width."""
    mine = [r for r in rows if r["scope"] == str(scope) and _serves(r["kind"], kinds)]
    if any(bar % max(r["interval"], 1) == 0 for r in mine):
        return
    if mine:
        finest = min(mine, key=lambda r: r["interval"])
        raise NoData(
            f"{scope} has nothing finer than {format_width(finest['interval'])}"
            f" ({finest['source']}) for view {name}, so bars of {format_width(bar)} cannot"
            f" be made. Ask for --bar {format_width(finest['interval'])} or wider"
            f"{_other(scope, kinds, bar, feeds)}."
        )
    known = known_scopes(f for f in feeds if _serves(_kind(f), kinds))
    if str(scope) in known_scopes(feeds):
        raise NoData(
            f"The lake has no {' or '.join(sorted(kinds))} for {scope}, which view"
            f" {name} needs. It has: {', '.join(known) or 'none'}."
        )
    raise UnknownName("scope", str(scope), known)


def _other(scope: Scope, kinds: set[str], bar: int, feeds: Sequence[Feed]) -> str:
    finer = sorted(
        {
            str(Scope(f.exchange, f.asset, f.market))
            for f in feeds
            if f.market and f.asset == scope.asset and _serves(_kind(f), kinds)
            and bar % max(f.interval, 1) == 0
        }
    )  # fmt: skip
    return f", or for {' or '.join(finer)}" if finer else ""


def _kind(feed: Feed) -> str:
    return feed.detail if feed.kind == "coverage" else feed.kind


def _serves(kind: str, kinds: set[str]) -> bool:
    return kind in kinds or kind.partition("_")[0] in kinds
