"""Coinalyze API v1: liquidations per market, in USD. Free key, 40 calls a minute.

Every symbol counts as a call, at most 20 go into one request. Daily bars are kept for
ever, finer ones for the last 1,500 to 2,000 points.
"""

from __future__ import annotations

from typing import Any

from washout.clock import DAY, format_width
from washout.collect.sources._contract import (
    Key,
    Request,
    Source,
    Verdict,
    Wanted,
    require_scopes,
    stretch_name,
    whole_bars,
)
from washout.errors import UnknownName, UsageError
from washout.importers.coinalyze import EXCHANGES, INTERVALS
from washout.instruments import Scope

BATCH = 20
_SUFFIX = {exchange: suffix for suffix, exchange in EXCHANGES.items()}
_NAMES = {width: name for name, width in INTERVALS.items()}


def plan(wanted: Wanted) -> list[Request]:
    """One request per 20 markets."""
    bar = wanted.bar or DAY
    if bar not in _NAMES:
        known = ", ".join(format_width(width) for width in _NAMES)
        raise UsageError(
            f"Coinalyze has no bars of {format_width(bar)}: write --bar with one of {known}."
        )
    start, stop = whole_bars(wanted, bar)
    symbols = [*wanted.symbols]
    if wanted.scopes or not symbols:
        symbols += map(symbol_of, require_scopes(wanted, "binance:BTC-USDT"))
    unique = sorted(set(symbols))
    return [
        _request(unique[first : first + BATCH], bar, start, stop)
        for first in range(0, len(unique), BATCH)
    ]


def _request(symbols: list[str], bar: int, start: int, stop: int) -> Request:
    what = symbols[0] if len(symbols) == 1 else f"{symbols[0]}+{len(symbols) - 1}"
    return Request(
        path="/v1/liquidation-history",
        params={
            "symbols": ",".join(symbols),
            "interval": _NAMES[bar],
            "from": str(start // 1_000_000),
            "to": str(stop // 1_000_000 - 1),
            "convert_to_usd": "true",
        },
        file=f"{what}_{format_width(bar)}_{stretch_name(start, stop)}.json",
        cost=len(symbols),
    )


def symbol_of(scope: Scope) -> str:
    """Coinalyze's symbol of a market: binance:BTC-USDT -> BTCUSDT_PERP.A."""
    if not scope.market:
        raise UsageError(
            f"Coinalyze has totals of single markets, not of {scope}: write"
            f" {scope.exchange}:{scope.asset}-USDT and {scope.exchange}:{scope.asset}-USD."
        )
    if scope.exchange not in _SUFFIX:
        raise UnknownName("exchange of Coinalyze", scope.exchange, _SUFFIX)
    asset, quote = scope.market.split("-")[:2]
    suffix = _SUFFIX[scope.exchange]
    if suffix == "2":
        return (
            f"{asset}-PERPETUAL.2" if quote == "USD" else f"{asset}_{quote}-PERPETUAL.2"
        )
    if suffix == "6":
        return f"{asset}PERP.6" if quote == "USDC" else f"{asset}{quote}.6"
    return f"{asset}{quote}_PERP.{suffix}"


def judge(answer: Any) -> Verdict | None:
    """Errors are objects with a message; an empty list knows nothing."""
    if isinstance(answer, dict):
        return Verdict(str(answer.get("message", answer)))
    if not isinstance(answer, list):
        return Verdict(f"expected a list of markets, found {type(answer).__name__}")
    if not any(isinstance(market, dict) and market.get("history") for market in answer):
        return Verdict("it has no liquidations for this stretch", nothing=True)
    return None


coinalyze = Source(
    name="coinalyze",
    title="Coinalyze: liquidations per market in USD (free key)",
    base_url="https://api.coinalyze.net",
    plan=plan,
    calls_per_minute=40,
    key=Key("COINALYZE_API_KEY", "api_key"),
    judge=judge,
)
