"""Names of what is traded: scopes, markets, and the venues' own symbols."""

from __future__ import annotations

import re

from msgspec import Struct

from washout.errors import UsageError

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD")
"""Quotes that symbols end in, in the order in which a reference market is chosen."""

SHORTEST = {"BUSD": 3, "TUSD": 3}
"""BNBUSD is BNB in USD and XBTUSD is XBT in USD: these quotes need a longer asset."""

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
"""Other names of assets; washout says BTC."""

_SCOPE = re.compile(r"([a-z0-9_]+|\*):([A-Z0-9]+|\*)((?:-[A-Z0-9]+(?:-\d+)?)?)")


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
    exchange, asset, rest = found.groups()
    return Scope(exchange, asset, asset + rest if rest else "")


def split_symbol(symbol: str) -> tuple[str, str]:
    """A venue's symbol as (asset, market): BTCUSDT -> BTC, BTC-USDT.

    Accepts `BTCUSDT`, `BTC-USDT`, `BTC-USDT-SWAP`, `BTC/USDT:USDT`, `BTCUSD_PERP`,
    `XBTUSD`. Dated contracts (`BTCUSD_200925`, `BTC-USDT-240628`) keep their date in
    the market name.

    >>> split_symbol("DOTUSD_PERP"), split_symbol("BTC-USDT-240628")
    (('DOT', 'DOT-USD'), ('BTC', 'BTC-USDT-240628'))
    """
    words = re.split(r"[-_/]", _trimmed(symbol))
    date = words.pop() if len(words) > 1 and words[-1].isdigit() else ""
    asset, quote = words[:2] if len(words) > 1 else _cut_quote(words[0], symbol)
    asset = ALIASES.get(asset, asset)
    return asset, "-".join(filter(None, (asset, quote, date)))


def _trimmed(symbol: str) -> str:
    name = symbol.strip().upper().split(":")[0]
    return re.sub(r"(_PERP|-PERPETUAL|-PERP|-SWAP|PERP)$", "", name)


def _cut_quote(pair: str, symbol: str) -> tuple[str, str]:
    for quote in QUOTES:
        asset = pair.removesuffix(quote)
        if asset != pair and len(asset) >= SHORTEST.get(quote, 1):
            return asset, quote
    raise UsageError(
        f"{symbol!r} is no market symbol that ends in one of {', '.join(QUOTES)}."
        " Give the scope instead, such as binance:BTC-USDT."
    )


def clean_asset(name: str) -> str:
    """`btc`, `BTC` or a symbol such as `BTCUSDT` as an asset name."""
    try:
        return split_symbol(name)[0]
    except UsageError:
        alone = _trimmed(name)
        if re.fullmatch(r"[A-Z0-9]+", alone):
            return ALIASES.get(alone, alone)
        raise


def coin_margined_usd(asset: str) -> int:
    """Size in USD of one of Binance's COIN-M contracts: 100 for BTC, 10 for others.

    Source: Binance COIN-M contract specifications.
    """
    return 100 if asset == "BTC" else 10
