"""What vendors call exchanges, and what we call them."""

from __future__ import annotations

import re

_ALIASES = {
    "binancefutures": "binance",
    "binanceusdm": "binance",
    "binancecoinm": "binance",
    "okex": "okx",
    "huobi": "htx",
    "huobiglobal": "htx",
    "htxglobal": "htx",
    "gateio": "gate",
    "krakenfutures": "kraken",
    "cryptofacilities": "kraken",
    "dydxv4": "dydx",
}

SEVERAL = frozenset({"all", "allexchange", "allexchanges", "total"})
"""Names that stand for a sum over exchanges."""


def exchange_name(text: str) -> str:
    """A vendor's name of an exchange as ours: `Gate.io` -> gate, `Huobi` -> htx.

    >>> exchange_name("OKX"), exchange_name("htx_global")
    ('okx', 'htx')
    """
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    return _ALIASES.get(plain, plain)


def is_sum(text: str) -> bool:
    """Whether a vendor's name stands for several exchanges together."""
    return "," in text or exchange_name(text) in SEVERAL
