"""What Bybit answers over HTTP: open interest, funding, instruments."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from washout.events import Event
from washout.exchanges import _making as make
from washout.exchanges._contract import Instrument, Listing, Poll
from washout.exchanges._reading import (
    Millis,
    amount,
    millis,
    rate,
    read,
    unexplained,
    unlisted,
)
from washout.instruments import split_symbol

PAGE = 1000
"""Instruments on a page; Bybit's most."""


class _State(msgspec.Struct, frozen=True):
    symbol: str
    openInterest: str  # noqa: N815
    openInterestValue: str  # noqa: N815


class _Paid(msgspec.Struct, frozen=True):
    fundingRate: str  # noqa: N815
    fundingRateTimestamp: str  # noqa: N815


class _Symbol(msgspec.Struct, frozen=True):
    symbol: str
    contractType: str  # noqa: N815
    baseCoin: str  # noqa: N815
    quoteCoin: str  # noqa: N815


class _States(msgspec.Struct, frozen=True):
    rows: list[_State] = msgspec.field(name="list")


class _Rates(msgspec.Struct, frozen=True):
    rows: list[_Paid] = msgspec.field(name="list")


class _Symbols(msgspec.Struct, frozen=True):
    rows: list[_Symbol] = msgspec.field(name="list")


class _StateAnswer(msgspec.Struct, frozen=True):
    retCode: Literal[0]  # noqa: N815
    time: Millis
    result: _States


class _RateAnswer(msgspec.Struct, frozen=True):
    retCode: Literal[0]  # noqa: N815
    result: _Rates


class _SymbolAnswer(msgspec.Struct, frozen=True):
    retCode: Literal[0]  # noqa: N815
    result: _Symbols


_STATE = msgspec.json.Decoder(_StateAnswer)
_RATE = msgspec.json.Decoder(_RateAnswer)
_SYMBOL = msgspec.json.Decoder(_SymbolAnswer)


def _open_interest(body: bytes, received: int, instrument: Instrument) -> list[Event]:
    """Of inverse contracts the number is USD and the value is coins."""
    answer = read(_STATE, body, "bybit")
    if [row.symbol for row in answer.result.rows] != [instrument.symbol]:
        raise unexplained("bybit", f"expected {instrument.symbol} alone", body)
    return [
        make.open_interest(
            "bybit", instrument, *_base_and_usd(row, instrument), answer.time, received
        )
        for row in answer.result.rows
    ]


def _base_and_usd(row: _State, instrument: Instrument) -> tuple[Decimal, Decimal]:
    count = amount(row.openInterest, "openInterest", "bybit", zero=True)
    value = amount(row.openInterestValue, "openInterestValue", "bybit", zero=True)
    return (value, count) if instrument.unit == "usd" else (count, value)


def _funding(body: bytes, received: int, instrument: Instrument) -> list[Event]:
    rows = read(_RATE, body, "bybit").result.rows
    paid = [
        (
            millis(row.fundingRateTimestamp, "fundingRateTimestamp", "bybit"),
            rate(row.fundingRate, "fundingRate", "bybit"),
        )
        for row in rows
    ]
    return list(make.funding_rates("bybit", instrument, paid, received))


def polls(category: str, carries: Callable[[Instrument], bool]) -> tuple[Poll, Poll]:
    market = f"https://api.bybit.com/v5/market/{{}}?category={category}&symbol={{}}"
    return (
        Poll(
            name=f"{category}_open_interest", want="open_interest", every=60.0,
            locate=lambda one: market.format("tickers", one.symbol),
            decode=_open_interest, carries=carries,
        ),
        Poll(
            name=f"{category}_funding_rate", want="funding_rate", every=600.0,
            locate=lambda one: market.format("funding/history", one.symbol) + "&limit=3",
            decode=_funding, carries=carries,
        ),
    )  # fmt: skip


def listing(category: str) -> Listing:
    return Listing(
        url=f"https://api.bybit.com/v5/market/instruments-info?category={category}"
        f"&limit={PAGE}",
        read=lambda body: _read_listing(body, category),
    )


def _read_listing(body: bytes, category: str) -> list[Instrument]:
    """Perpetuals of a page. A full page may not be the last: it is refused."""
    rows = read(_SYMBOL, body, "bybit").result.rows
    if len(rows) >= PAGE:
        raise unexplained(
            "bybit", f"expected fewer than {PAGE} instruments on the only page of"
            f" {category}; more pages need more listings here", body,
        )  # fmt: skip
    return [_listed(row) for row in rows if row.contractType.endswith("Perpetual")]


def _listed(row: _Symbol) -> Instrument:
    if row.contractType not in ("LinearPerpetual", "InversePerpetual"):
        raise unlisted(row.symbol, "bybit")
    asset, market = split_symbol(f"{row.baseCoin}-{row.quoteCoin}")
    return Instrument(
        symbol=row.symbol, asset=asset, market=market,
        unit="usd" if row.contractType == "InversePerpetual" else "base",
    )  # fmt: skip
