"""Scopes, and the venues' own symbols."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from washout.errors import UsageError
from washout.instruments import (
    QUOTES,
    Scope,
    clean_asset,
    parse_scope,
    split_symbol,
)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("binance:BTC", Scope("binance", "BTC")),
        ("binance:BTC-USDT", Scope("binance", "BTC", "BTC-USDT")),
        ("all:1000PEPE", Scope("all", "1000PEPE")),
        ("binance:*", Scope("binance", "*")),
        ("*:*", Scope("*", "*")),
    ],
)
def test_scopes_are_written_as_they_are_read(text, scope):
    assert parse_scope(text) == scope
    assert str(scope) == text


@pytest.mark.parametrize(
    "text", ["", "BTC", "binance", "binance:", ":BTC", "binance:btc", "Binance:BTC",
             "binance:BTC-", "binance:BTC USDT"],
)  # fmt: skip
def test_what_is_no_scope_is_refused_with_examples(text):
    with pytest.raises(UsageError, match="is no scope: write exchange:ASSET"):
        parse_scope(text)


@pytest.mark.parametrize(
    ("symbol", "found"),
    [
        ("BTCUSDT", ("BTC", "BTC-USDT")),
        ("btcusdt", ("BTC", "BTC-USDT")),
        ("BTC-USDT", ("BTC", "BTC-USDT")),
        ("BTC-USDT-SWAP", ("BTC", "BTC-USDT")),
        ("BTC/USDT:USDT", ("BTC", "BTC-USDT")),
        ("BTC_USDT", ("BTC", "BTC-USDT")),
        ("BTCUSD_PERP", ("BTC", "BTC-USD")),
        ("BTCUSD_200925", ("BTC", "BTC-USD-200925")),
        ("1000PEPEUSDT", ("1000PEPE", "1000PEPE-USDT")),
        ("BTCUSDC", ("BTC", "BTC-USDC")),
        ("BTC-USD", ("BTC", "BTC-USD")),
    ],
)
def test_symbols_of_venues_become_markets(symbol, found):
    assert split_symbol(symbol) == found


@given(st.from_regex(r"[A-Z][A-Z0-9]{1,7}", fullmatch=True), st.sampled_from(QUOTES))
def test_a_joined_symbol_is_split_as_the_separated_one(asset, quote):
    if asset.endswith((*QUOTES, "PERP", "SWAP")):
        return
    assert split_symbol(f"{asset}-{quote}") == (asset, f"{asset}-{quote}")
    joined_asset, joined = split_symbol(f"{asset}{quote}")
    assert joined == f"{joined_asset}-{joined.split('-')[1]}"
    assert joined.replace("-", "") == asset + quote


@pytest.mark.parametrize("symbol", ["", "BTC", "USDT", "BTCEUR"])
def test_a_symbol_without_a_quote_that_we_know_is_refused(symbol):
    with pytest.raises(UsageError, match="Give the scope instead"):
        split_symbol(symbol)


def test_assets_may_be_given_as_symbols():
    assert [clean_asset(name) for name in ("btc", "BTC", "BTCUSDT", "BTC-PERP")] == [
        "BTC"
    ] * 4
    with pytest.raises(UsageError):
        clean_asset("b t c")
