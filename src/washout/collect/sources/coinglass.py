"""CoinGlass API v4: liquidations of a coin on one exchange, or of one pair.

Calls a minute depend on the plan (30 in the smallest); `--calls-per-minute` says more.
An error is an answer with HTTP 200 and a `code` other than "0".
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
from washout.errors import UsageError
from washout.importers.coinglass import error_in
from washout.instruments import Scope

LIMIT = 1000
"""Bars in one answer."""

INTERVALS = ["1m", "3m", "5m", "15m", "30m", "1h", "4h", "6h", "8h", "12h", "1d", "1w"]

EXCHANGES = {
    "binance": "Binance",
    "okx": "OKX",
    "bybit": "Bybit",
    "htx": "HTX",
    "bitmex": "Bitmex",
    "bitfinex": "Bitfinex",
    "deribit": "Deribit",
    "gate": "Gate",
    "bitget": "Bitget",
    "kraken": "Kraken",
    "hyperliquid": "Hyperliquid",
    "dydx": "dYdX",
}
"""Our name of an exchange -> CoinGlass's."""

_AGAIN = {"408", "429", "500", "502", "503"}


def plan(wanted: Wanted) -> list[Request]:
    """One request per scope and thousand bars."""
    bar = wanted.bar or DAY
    if format_width(bar) not in INTERVALS:
        raise UsageError(
            f"CoinGlass has no bars of {format_width(bar)}: write --bar with one of"
            f" {', '.join(INTERVALS)}."
        )
    start, stop = whole_bars(wanted, bar)
    step = LIMIT * bar
    return [
        _request(scope, bar, begin, min(begin + step, stop))
        for scope in require_scopes(wanted, "binance:BTC")
        for begin in range(start, stop, step)
    ]


def _request(scope: Scope, bar: int, start: int, stop: int) -> Request:
    if scope.exchange not in EXCHANGES:
        raise UsageError(
            f"CoinGlass's name of {scope.exchange} is not known; known:"
            f" {', '.join(EXCHANGES)}."
        )
    name = EXCHANGES[scope.exchange]
    about = (
        {"exchange": name, "symbol": _pair(scope)}
        if scope.market
        else {"exchange_list": name, "symbol": scope.asset}
    )
    return Request(
        path="/api/futures/liquidation/"
        + ("history" if scope.market else "aggregated-history"),
        params={
            **about,
            "interval": format_width(bar),
            "limit": str(LIMIT),
            "start_time": str(start // 1000),
            "end_time": str(stop // 1000 - 1),
        },
        file=f"{scope.exchange}_{scope.market or scope.asset}_{format_width(bar)}"
        f"_{stretch_name(start, stop)}.json",
    )


def _pair(scope: Scope) -> str:
    """The exchange's own symbol, as CoinGlass asks for pairs."""
    plain = scope.market.replace("-", "")
    if scope.exchange == "okx":
        return f"{scope.market}-SWAP"
    if scope.exchange == "binance" and plain.endswith("USD"):
        return f"{plain}_PERP"
    if scope.exchange not in ("binance", "bybit"):
        raise UsageError(
            f"How CoinGlass names {scope} is not known: ask for the coin,"
            f" {scope.exchange}:{scope.asset}."
        )
    return plain


def judge(answer: Any) -> Verdict | None:
    """Codes other than 0 are errors, some of them passing; no bars are nothing."""
    said = error_in(answer)
    if said is not None:
        code = str(answer.get("code")) if isinstance(answer, dict) else ""
        return Verdict(said, again=code in _AGAIN)
    if not answer.get("data"):
        return Verdict("it has no liquidations for this stretch", nothing=True)
    return None


coinglass = Source(
    name="coinglass",
    title="CoinGlass v4: liquidations per coin or pair (paid key)",
    base_url="https://open-api-v4.coinglass.com",
    plan=plan,
    calls_per_minute=30,
    key=Key("COINGLASS_API_KEY", "CG-API-KEY"),
    judge=judge,
)
