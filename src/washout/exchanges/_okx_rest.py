"""What OKX answers over HTTP: open interest, funding, instruments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from washout.events import Event
from washout.exchanges import _making as make
from washout.exchanges._contract import Instrument, Listing, Poll, Unexplained
from washout.exchanges._reading import (
    amount,
    millis,
    rate,
    read,
    unexplained,
)
from washout.instruments import split_symbol

_REST = "https://www.okx.com/api/v5/public"


class _Open(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    oiCcy: str  # noqa: N815
    oiUsd: str  # noqa: N815
    ts: str


class _Paid(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    realizedRate: str  # noqa: N815
    fundingTime: str  # noqa: N815


class _Listed(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    ctVal: str  # noqa: N815
    ctMult: str  # noqa: N815
    ctType: Literal["linear", "inverse"]  # noqa: N815
    ctValCcy: str  # noqa: N815
    settleCcy: str  # noqa: N815
    state: str


class _OpenAnswer(msgspec.Struct, frozen=True):
    code: Literal["0"]
    data: list[_Open]


class _PaidAnswer(msgspec.Struct, frozen=True):
    code: Literal["0"]
    data: list[_Paid]


class _ListedAnswer(msgspec.Struct, frozen=True):
    code: Literal["0"]
    data: list[_Listed]


_OPEN = msgspec.json.Decoder(_OpenAnswer)
_PAID = msgspec.json.Decoder(_PaidAnswer)
_LISTED = msgspec.json.Decoder(_ListedAnswer)


def _of(
    instrument: Instrument, rows: Sequence[_Open | _Paid], body: bytes
) -> Sequence[Any]:
    """The rows, all of which must be of the instrument that was asked for."""
    if any(row.instId != instrument.symbol for row in rows):
        raise unexplained("okx", f"expected rows of {instrument.symbol} alone", body)
    return rows


def _open_interest(body: bytes, received: int, instrument: Instrument) -> list[Event]:
    rows = _of(instrument, read(_OPEN, body, "okx").data, body)
    return [
        make.open_interest(
            "okx", instrument, amount(row.oiCcy, "oiCcy", "okx", zero=True),
            amount(row.oiUsd, "oiUsd", "okx", zero=True), millis(row.ts, "ts", "okx"), received,
        )
        for row in rows
    ]  # fmt: skip


def _funding(body: bytes, received: int, instrument: Instrument) -> list[Event]:
    paid = [
        (
            millis(row.fundingTime, "fundingTime", "okx"),
            rate(row.realizedRate, "realizedRate", "okx"),
        )
        for row in _of(instrument, read(_PAID, body, "okx").data, body)
    ]
    return list(make.funding_rates("okx", instrument, paid, received))


def _read_listing(body: bytes) -> list[Instrument]:
    """Swaps, but for those that do not trade yet."""
    rows = read(_LISTED, body, "okx").data
    return [_listed(row) for row in rows if row.state not in ("preopen", "test")]


def _listed(row: _Listed) -> Instrument:
    """One contract is `ctVal` times `ctMult` of `ctValCcy`: of the asset, or of USD."""
    asset, market = split_symbol(row.instId)
    inverse = row.ctType == "inverse"
    if row.ctValCcy != ("USD" if inverse else row.instId.split("-")[0]):
        raise Unexplained(
            f"okx: {row.instId} counts {row.ctValCcy}; expected USD of inverse and the"
            " asset of linear swaps. Compare with OKX's Get instruments."
        )
    size = amount(row.ctVal, "ctVal", "okx") * amount(row.ctMult, "ctMult", "okx")
    return Instrument(
        symbol=row.instId, asset=asset, market=market, contract=size.normalize(),
        unit="usd" if inverse else "base",
    )  # fmt: skip


POLLS = (
    Poll(
        name="open_interest",
        want="open_interest",
        every=60.0,
        locate=lambda one: f"{_REST}/open-interest?instType=SWAP&instId={one.symbol}",
        decode=_open_interest,
    ),
    Poll(
        name="funding_rate",
        want="funding_rate",
        every=600.0,
        locate=lambda one: f"{_REST}/funding-rate-history?instId={one.symbol}&limit=3",
        decode=_funding,
    ),
)

LISTINGS = (Listing(url=f"{_REST}/instruments?instType=SWAP", read=_read_listing),)
