"""Frames of Binance's futures streams, and of venues that speak the same way.

A combined stream wraps: `{"stream": "btcusdt@aggTrade", "data": {...}}`; a raw one sends
what is in `data`. All-market streams may send a list or one object: both are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from washout.events import Event, Side
from washout.exchanges import _making as make
from washout.exchanges._contract import (
    Decode,
    Decoded,
    Instrument,
    Instruments,
    Line,
    Listing,
    Poll,
    Said,
    Want,
)
from washout.exchanges._reading import (
    Millis,
    Serial,
    amount,
    millis,
    rate,
    read,
    resolve,
    unexplained,
    unlisted,
)
from washout.instruments import split_symbol

_DATED = re.compile(r".+_\d{6}")
"""Quarterly contracts: `BTCUSD_200925`, `BTCUSDT_260327`."""

STREAMS_A_REQUEST = 200


class Order(msgspec.Struct, frozen=True):
    """A forced order: `z` filled so far, at `ap` on average; `T` when."""

    s: str
    S: Literal["SELL", "BUY"]
    z: str
    ap: str
    T: Millis


class ForceOrder(msgspec.Struct, frozen=True, tag_field="e", tag="forceOrder"):
    """A liquidation order, as pushed."""

    o: Order


class AggTrade(msgspec.Struct, frozen=True, tag_field="e", tag="aggTrade"):
    """Fills of one taker at one price; `m`: the buyer was the maker."""

    s: str
    a: Serial
    p: str
    q: str
    T: Millis
    m: bool


class MarkPrice(msgspec.Struct, frozen=True, tag_field="e", tag="markPriceUpdate"):
    """The mark price `p` at `E`."""

    s: str
    p: str
    E: Millis


Message = ForceOrder | AggTrade | MarkPrice


class _Refusal(msgspec.Struct, frozen=True):
    msg: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    """What is around a message, or the answer to a request."""

    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | msgspec.UnsetType = msgspec.UNSET
    error: _Refusal | msgspec.UnsetType = msgspec.UNSET
    msg: str | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: int | str | msgspec.UnsetType | None = msgspec.UNSET


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ONE = msgspec.json.Decoder(Message)
_SEVERAL = msgspec.json.Decoder(list[Message])


def decoder(venue: str) -> Decode:
    """Reads frames of `venue`."""

    def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
        """Liquidations, trades and mark prices; answers to requests are `Said`."""
        messages = _messages(payload, venue)
        if isinstance(messages, Said):
            return messages
        events = _events(messages, received, instruments, venue)
        return events or Said(what="ignored", text="dated contracts, or nothing filled")

    return decode


def _messages(payload: bytes, venue: str) -> list[Message] | Said:
    data: bytes | msgspec.Raw = payload
    if payload[:1] != b"[":
        envelope = read(_ENVELOPE, payload, venue)
        if envelope.data is not msgspec.UNSET:
            data = envelope.data
        elif envelope.e is msgspec.UNSET:
            return _answer(envelope, payload, venue)
    if bytes(data)[:1] == b"[":
        messages: list[Message] = read(_SEVERAL, data, venue)
        if not messages:
            raise unexplained(venue, "expected events in the list", payload)
        return messages
    return [read(_ONE, data, venue)]


def _answer(envelope: _Envelope, payload: bytes, venue: str) -> Said:
    if envelope.error is not msgspec.UNSET:
        return Said(what="refused", text=envelope.error.msg)
    if envelope.msg is not msgspec.UNSET:
        return Said(what="refused", text=envelope.msg)
    if envelope.result is not msgspec.UNSET and envelope.id is not msgspec.UNSET:
        return Said(what="ack")
    raise unexplained(venue, "expected an event, or the answer to a request", payload)


def _events(
    messages: Sequence[Message], received: int, instruments: Instruments, venue: str
) -> list[Event]:
    """Dated contracts are passed over; so is an order of which nothing was filled."""
    orders = [m.o for m in messages if isinstance(m, ForceOrder)]
    ids = iter(make.distinct([(o.s, identify(o)) for o in orders]))
    events: list[Event | None] = [
        _liquidation(m.o, next(ids), received, instruments, venue)
        if isinstance(m, ForceOrder)
        else _trade(m, received, instruments, venue)
        if isinstance(m, AggTrade)
        else _mark_price(m, received, instruments, venue)
        for m in messages
    ]
    return [event for event in events if event is not None]


def identify(order: Order) -> str:
    """What tells an order from others of its symbol: no id is published."""
    return f"{order.T}-{order.S}-{order.z}-{order.ap}"


def instrument_of(symbol: str, known: Instruments, venue: str) -> Instrument | None:
    """The instrument; None for a dated contract."""
    if symbol not in known and _DATED.fullmatch(symbol):
        return None
    return resolve(symbol, known, venue)


def _liquidation(
    order: Order,
    name: str,
    received: int,
    known: Instruments,
    venue: str,
) -> Event | None:
    instrument = instrument_of(order.s, known, venue)
    filled = amount(order.z, "the filled quantity z", venue, zero=True)
    if instrument is None or not filled:
        return None
    return make.liquidation(
        venue, instrument, make.OF_ORDER[order.S], filled,
        amount(order.ap, "the average price ap", venue), "fill", order.T, received, name,
    )  # fmt: skip


def _trade(
    told: AggTrade, received: int, known: Instruments, venue: str
) -> Event | None:
    instrument = instrument_of(told.s, known, venue)
    if instrument is None:
        return None
    side: Side = "sell" if told.m else "buy"
    return make.trade(
        venue, instrument, side, amount(told.q, "the quantity q", venue),
        amount(told.p, "the price p", venue), told.T, received, told.a,
    )  # fmt: skip


def _mark_price(
    told: MarkPrice, received: int, known: Instruments, venue: str
) -> Event | None:
    instrument = instrument_of(told.s, known, venue)
    if instrument is None:
        return None
    price = amount(told.p, "the mark price p", venue)
    return make.mark_price(venue, instrument, price, told.E, received)


# Asking


def topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """Liquidations of all markets are one stream; others are one a symbol."""
    names = [one.symbol.lower() for one in instruments]
    match want:
        case "liquidations":
            return ["!forceOrder@arr"] if names else []
        case "trades":
            return [f"{name}@aggTrade" for name in names]
        case "mark_price":
            return [f"{name}@markPrice@1s" for name in names]
    return []


def ask(streams: Sequence[str]) -> list[bytes]:
    """SUBSCRIBE, at most `STREAMS_A_REQUEST` streams each."""
    pieces = [
        list(streams[at : at + STREAMS_A_REQUEST])
        for at in range(0, len(streams), STREAMS_A_REQUEST)
    ]
    return [
        msgspec.json.encode({"method": "SUBSCRIBE", "params": piece, "id": number})
        for number, piece in enumerate(pieces, 1)
    ]


def line(
    name: str,
    address: str,
    decode: Decode,
    carries: Callable[[Instrument], bool],
    decode_many: object = None,
) -> Line:
    """A line to `address`; the server pings every 3 minutes and cuts after 24 hours."""
    return Line(
        name=name, locate=lambda _topics: address, topics=topics, decode=decode,
        carries=carries, ask=ask, silent_after=240.0, lifetime=86_400.0,
        decode_many=decode_many,  # type: ignore[arg-type]
    )  # fmt: skip


# Polled


class _Paid(msgspec.Struct, frozen=True):
    fundingTime: Millis  # noqa: N815
    fundingRate: str  # noqa: N815


class _OpenInterest(msgspec.Struct, frozen=True):
    sumOpenInterest: str  # noqa: N815
    sumOpenInterestValue: str  # noqa: N815
    timestamp: Millis | str


_PAID = msgspec.json.Decoder(list[_Paid])
_OPEN = msgspec.json.Decoder(list[_OpenInterest])


def funding_poll(
    venue: str, name: str, address: str, carries: Callable[[Instrument], bool]
) -> Poll:
    """The rates last paid, from `.../fundingRate`; the interval is their distance."""

    def decode(body: bytes, received: int, instrument: Instrument) -> list[Event]:
        rows = read(_PAID, body, venue)
        paid = [
            (r.fundingTime, rate(r.fundingRate, "fundingRate", venue)) for r in rows
        ]
        return list(make.funding_rates(venue, instrument, paid, received))

    return Poll(
        name=name, want="funding_rate", every=600.0, carries=carries, decode=decode,
        locate=lambda one: f"{address}?symbol={one.symbol}&limit=3",
    )  # fmt: skip


def open_interest_poll(
    venue: str,
    name: str,
    locate: Callable[[Instrument], str],
    carries: Callable[[Instrument], bool],
) -> Poll:
    """Open interest at the ends of five minutes, with its value in USD.

    Contracts of a USD size: their number times the size; what they are worth in the
    asset is not taken over.
    """

    def decode(body: bytes, received: int, instrument: Instrument) -> list[Event]:
        return [
            _open(row, instrument, received, venue) for row in read(_OPEN, body, venue)
        ]

    return Poll(
        name=name, want="open_interest", every=60.0, carries=carries, decode=decode,
        locate=locate,
    )  # fmt: skip


def _open(
    row: _OpenInterest, instrument: Instrument, received: int, venue: str
) -> Event:
    count = amount(row.sumOpenInterest, "sumOpenInterest", venue, zero=True)
    value = amount(row.sumOpenInterestValue, "sumOpenInterestValue", venue, zero=True)
    inverse = instrument.unit == "usd"
    return make.open_interest(
        venue, instrument, None if inverse else count,
        count * instrument.contract if inverse else value, millis(row.timestamp, "timestamp", venue), received,
    )  # fmt: skip


# Listed


class _Symbol(msgspec.Struct, frozen=True):
    symbol: str
    contractType: str  # noqa: N815
    baseAsset: str  # noqa: N815
    quoteAsset: str  # noqa: N815
    contractSize: int | None = None  # noqa: N815


class _ExchangeInfo(msgspec.Struct, frozen=True):
    symbols: list[_Symbol]


_INFO = msgspec.json.Decoder(_ExchangeInfo)


def listing(venue: str, url: str, *, inverse: bool = False) -> Listing:
    """Perpetuals of an `exchangeInfo`; others, and what is settled, are left out."""

    def read_listing(body: bytes) -> list[Instrument]:
        symbols = read(_INFO, body, venue).symbols
        return [
            _listed(one, inverse, venue)
            for one in symbols
            if one.contractType.endswith("PERPETUAL")
        ]

    return Listing(url=url, read=read_listing)


def _listed(one: _Symbol, inverse: bool, venue: str) -> Instrument:
    asset, market = split_symbol(f"{one.baseAsset}-{one.quoteAsset}")
    if not inverse:
        return Instrument(symbol=one.symbol, asset=asset, market=market)
    if not one.contractSize or one.contractSize < 0:
        raise unlisted(one.symbol, venue)
    return Instrument(
        symbol=one.symbol, asset=asset, market=market, unit="usd",
        contract=amount(one.contractSize, "contractSize", venue),
    )  # fmt: skip
