"""Names of what is traded: scopes, markets, and the venues' own symbols."""

from __future__ import annotations

import re

from msgspec import Struct

from washout.errors import UsageError

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD")
_SCOPE = re.compile(r"([a-z0-9_]+|\*):([A-Z0-9]+|\*)(?:-([A-Z0-9]+))?")


class Scope(Struct, frozen=True):
    """What a question is about.

    `binance:BTC` is all of Binance's BTC perpetuals, `binance:BTC-USDT` one market,
    `all:BTC` every exchange, `binance:*` every asset of one.
    """

    exchange: str
    asset: str
    market: str = ""

    def __str__(self) -> str:
        return f"{self.exchange}:{self.market or self.asset}"


def parse_scope(text: str) -> Scope:
    """Read `exchange:ASSET` or `exchange:ASSET-QUOTE`."""
    found = _SCOPE.fullmatch(text.strip())
    if not found:
        raise UsageError(
            f"{text!r} is no scope: write exchange:ASSET or exchange:ASSET-QUOTE, such"
            " as binance:BTC, binance:BTC-USDT, all:BTC."
        )
    exchange, asset, quote = found.groups()
    return Scope(exchange, asset, f"{asset}-{quote}" if quote else "")


def split_symbol(symbol: str) -> tuple[str, str]:
    """A venue's symbol as (asset, market): BTCUSDT -> BTC, BTC-USDT.

    Accepts `BTCUSDT`, `BTC-USDT`, `BTC-USDT-SWAP`, `BTC/USDT:USDT`, `BTCUSD_PERP`.
    Dated contracts (`BTCUSD_200925`) keep their date in the market name.
    """
    name = symbol.strip().upper().split(":")[0]
    name = re.sub(r"(_PERP|-PERPETUAL|-PERP|-SWAP|PERP)$", "", name)
    base, dated, date = name.partition("_")
    suffix = f"-{date}" if dated and date.isdigit() else ""
    if dated and not suffix:
        base = name.replace("_", "-")
    for separator in ("-", "/"):
        if separator in base:
            asset, quote = base.split(separator)[:2]
            return asset, f"{asset}-{quote}{suffix}"
    for quote in QUOTES:
        if base.endswith(quote) and len(base) > len(quote):
            asset = base.removesuffix(quote)
            return asset, f"{asset}-{quote}{suffix}"
    raise UsageError(
        f"{symbol!r} is no market symbol that ends in one of {', '.join(QUOTES)}."
        " Give the scope instead, such as binance:BTC-USDT."
    )


def clean_asset(name: str) -> str:
    """`btc`, `BTC` or a symbol such as `BTCUSDT` as an asset name."""
    upper = name.strip().upper()
    try:
        return split_symbol(upper)[0]
    except UsageError:
        if re.fullmatch(r"[A-Z0-9]+", upper):
            return upper
        raise
