"""OKX perpetual swaps (API v5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from washout.clock import parse_time
from washout.events import Event, Position, Side
from washout.exchanges import (
    Decoded,
    Exchange,
    Fact,
    Instrument,
    Instruments,
    Line,
    Listing,
    Meaning,
    Poll,
    Said,
    Unexplained,
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import (
    amount,
    millis,
    rate,
    read,
    unexplained,
    unlisted,
)
from washout.instruments import split_symbol

_SITE = "www.okx.com/docs-v5"
_LIQUIDATIONS = f"{_SITE}, Liquidation orders channel"
_CAPPED = (
    f"{_LIQUIDATIONS} (older stored copies): 'For futures and swaps, each contract will"
    " only show a maximum of one order per one-second period. This data doesn't"
    " represent the total number of liquidations on OKX.'"
)
_UNCAPPED = (
    f"{_LIQUIDATIONS} (stored copy of 2026-07-19): 'Retrieve the recent liquidation"
    " orders. This data doesn't represent the total number of liquidations on OKX.'"
)

ARGUMENTS = 100
"""Topics of one request; OKX allows 64 KB."""


class _Arg(msgspec.Struct, frozen=True):
    channel: str
    instId: str = ""  # noqa: N815
    instType: str = ""  # noqa: N815

    @property
    def topic(self) -> str:
        """`trades:BTC-USDT-SWAP`, `liquidation-orders:SWAP`."""
        return f"{self.channel}:{self.instId or self.instType}"


class _Detail(msgspec.Struct, frozen=True):
    side: Literal["buy", "sell"]
    posSide: Literal["long", "short", "net"]  # noqa: N815
    bkPx: str  # noqa: N815
    sz: str
    ts: str


class _Orders(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    instType: Literal["SWAP", "FUTURES", "OPTION", "MARGIN"]  # noqa: N815
    details: list[_Detail]


class _Trade(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    tradeId: str  # noqa: N815
    px: str
    sz: str
    side: Literal["buy", "sell"]
    ts: str


class _Mark(msgspec.Struct, frozen=True):
    instId: str  # noqa: N815
    markPx: str  # noqa: N815
    ts: str


class _Frame(msgspec.Struct, frozen=True):
    arg: _Arg | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event: str | msgspec.UnsetType = msgspec.UNSET
    code: str = ""
    msg: str = ""


_FRAME = msgspec.json.Decoder(_Frame)
_ORDERS = msgspec.json.Decoder(list[_Orders])
_TRADES = msgspec.json.Decoder(list[_Trade])
_MARKS = msgspec.json.Decoder(list[_Mark])


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Liquidations, trades and mark prices; answers to requests are `Said`."""
    if payload == b"pong":
        return Said(what="pong")
    frame = read(_FRAME, payload, "okx")
    if frame.event is not msgspec.UNSET:
        return _answer(frame, payload)
    if frame.arg is msgspec.UNSET or frame.data is msgspec.UNSET:
        raise unexplained("okx", "expected arg and data, or an event", payload)
    reader = _READERS.get(frame.arg.channel)
    if reader is None:
        raise unexplained("okx", "expected a channel that was asked for", payload)
    if bytes(frame.data) == b"[]":
        raise unexplained("okx", "expected rows", payload)
    events = reader(frame.data, received, instruments)
    return events or Said(what="ignored", text="nothing of a perpetual")


def _answer(frame: _Frame, payload: bytes) -> Said:
    topics = () if frame.arg is msgspec.UNSET else (frame.arg.topic,)
    text = f"{frame.code} {frame.msg}".strip()
    match frame.event:
        case "subscribe":
            return Said(what="ack", topics=topics)
        case "error":
            return Said(what="refused", topics=topics, text=text)
        case "notice":
            return Said(what="closing", text=text)
        case "channel-conn-count" | "channel-conn-count-error":
            return Said(what="ignored", text=frame.event)
    raise unexplained("okx", "expected subscribe, error or notice as event", payload)


def _instrument(name: str, known: Instruments) -> Instrument:
    """The swap; its contract size must have been listed."""
    if name not in known:
        raise unlisted(name, "okx")
    return known[name]


def _swap(name: str) -> bool:
    return name.endswith("-SWAP")


def _orders(data: msgspec.Raw, received: int, known: Instruments) -> list[Event]:
    told = [
        (row.instId, detail)
        for row in read(_ORDERS, data, "okx")
        if row.instType == "SWAP"
        for detail in row.details
    ]
    ids = make.distinct([(swap, _identify(detail)) for swap, detail in told])
    return [
        _order(swap, detail, received, name, known)
        for (swap, detail), name in zip(told, ids, strict=True)
    ]


def _identify(told: _Detail) -> str:
    return f"{told.ts}-{told.side}-{told.sz}-{told.bkPx}"


def _order(
    swap: str,
    told: _Detail,
    received: int,
    name: str,
    known: Instruments,
) -> Event:
    return make.liquidation(
        "okx", _instrument(swap, known), _sides(told),
        amount(told.sz, "sz", "okx"), amount(told.bkPx, "bkPx", "okx"), "bankruptcy",
        millis(told.ts, "ts", "okx"), received, name,
    )  # fmt: skip


def _sides(told: _Detail) -> tuple[Side, Position]:
    """By the order's side; a hedged position must say the same."""
    sides = make.OF_ORDER[told.side.upper()]
    if told.posSide not in ("net", sides[1]):
        raise unexplained(
            "okx", f"expected a {sides[1]} to be closed by a {told.side}",
            msgspec.json.encode(told),
        )  # fmt: skip
    return sides


def _trades(data: msgspec.Raw, received: int, known: Instruments) -> list[Event]:
    return [_trade(row, received, known) for row in read(_TRADES, data, "okx")]


def _trade(row: _Trade, received: int, known: Instruments) -> Event:
    told = row.tradeId
    if not (told.isascii() and told.isdecimal() and len(told) < 19):
        raise unexplained("okx", "expected tradeId as a number", told.encode())
    return make.trade(
        "okx", _instrument(row.instId, known), row.side, amount(row.sz, "sz", "okx"),
        amount(row.px, "px", "okx"), millis(row.ts, "ts", "okx"), received, int(told),
    )  # fmt: skip


def _marks(data: msgspec.Raw, received: int, known: Instruments) -> list[Event]:
    return [
        make.mark_price(
            "okx", _instrument(row.instId, known), amount(row.markPx, "markPx", "okx"),
            millis(row.ts, "ts", "okx"), received,
        )
        for row in read(_MARKS, data, "okx")
    ]  # fmt: skip


_READERS: dict[str, Callable[[msgspec.Raw, int, Instruments], list[Event]]] = {
    "liquidation-orders": _orders,
    "trades": _trades,
    "mark-price": _marks,
}


# Asking


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """Liquidations of all swaps are one channel; others are one a swap."""
    match want:
        case "liquidations":
            return ["liquidation-orders:SWAP"] if instruments else []
        case "trades":
            return [f"trades:{one.symbol}" for one in instruments]
        case "mark_price":
            return [f"mark-price:{one.symbol}" for one in instruments]
    return []


def _arg(topic: str) -> dict[str, str]:
    channel, _, name = topic.partition(":")
    return {"channel": channel, "instId" if _swap(name) else "instType": name}


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode(
            {"op": "subscribe", "args": [_arg(t) for t in topics[at : at + ARGUMENTS]]}
        )
        for at in range(0, len(topics), ARGUMENTS)
    ]


# Polled and listed


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


def _known(name: str, size: str, *, inverse: bool = False) -> Instrument:
    asset, market = split_symbol(name)
    return Instrument(
        symbol=name, asset=asset, market=market, contract=Decimal(size),
        unit="usd" if inverse else "base",
    )  # fmt: skip


_REST = "https://www.okx.com/api/v5/public"

okx = Exchange(
    name="okx",
    title="OKX",
    coverage=(
        Fact(
            since=0, trust="one_per_second", floor=True,
            says="at most one order per contract and second is published",
            source=_CAPPED,
        ),
        Fact(
            since=parse_time("2026-07-19"), trust="unknown", floor=True,
            says="not every liquidation is published; the documentation no longer says"
            " that one a second is",
            source=_UNCAPPED,
        ),
    ),
    meanings=(
        Meaning(
            field="liquidation-orders side, posSide",
            says="side is that of the order, a sell closes a long; posSide is the"
            " hedged position and must agree, or `net`",
            source=f"{_LIQUIDATIONS}: 'side: Order side', 'posSide: long: Hedge mode"
            " long, short: Hedge mode short, net: Net mode'",
        ),
        Meaning(
            field="liquidation-orders bkPx",
            says="the price at which the position went to the liquidation account"
            " (bankruptcy price), not what the market paid",
            source=f"{_LIQUIDATIONS}: 'bkPx: Liquidation mark price. The price of the"
            " transaction with the system's liquidation account'; earlier 'Bankruptcy"
            " price. (...)'",
        ),
        Meaning(
            field="whether that price is the bankruptcy price since the new words",
            says="the words changed from bankruptcy to liquidation mark price; no"
            " document says whether the number did",
            source=_UNCAPPED, confirmed=False, settled_by="record mark prices: a bankruptcy price lies beyond the mark by the margin left, a mark price does not (see the median distance)",
        ),
        Meaning(
            field="liquidation-orders sz",
            says="contracts: times ctVal (and ctMult) of the listing it is the asset of"
            " linear swaps and USD of inverse ones, which are never times price",
            source=f"{_LIQUIDATIONS}: 'For FUTURES/SWAP, the unit is contract'; {_SITE},"
            " Get instruments: 'ctVal: Contract value', 'ctValCcy: Contract value"
            " currency'",
        ),
        Meaning(
            field="one order a second",
            says="whether the cap still holds",
            source=_UNCAPPED, confirmed=False, settled_by="any second of a swap with more than one order says that the cap is gone",
        ),
        Meaning(
            field="trades side, sz",
            says="the side of the taker; contracts",
            source=f"{_SITE}, Trades channel: 'side: Trade side of taker', 'For"
            " FUTURES/SWAP/OPTION, the unit is contract'",
        ),
        Meaning(
            field="funding-rate-history realizedRate",
            says="the rate that was paid; fundingRate is what was predicted",
            source=f"{_SITE}, Get funding rate history: 'realizedRate: Actual funding"
            " rate'",
        ),
    ),
    lines=(
        Line(
            name="public", locate=lambda _topics: "wss://ws.okx.com:8443/ws/v5/public",
            topics=_topics, decode=decode, ask=_ask, sent_ping=b"ping", ping_every=20.0,
            silent_after=45.0, most_connections=(3, 1.0),
        ),
    ),
    polls=(
        Poll(
            name="open_interest", want="open_interest", every=60.0,
            locate=lambda one: f"{_REST}/open-interest?instType=SWAP&instId={one.symbol}",
            decode=_open_interest,
        ),
        Poll(
            name="funding_rate", want="funding_rate", every=600.0,
            locate=lambda one: f"{_REST}/funding-rate-history?instId={one.symbol}&limit=3",
            decode=_funding,
        ),
    ),
    listings=(
        Listing(url=f"{_REST}/instruments?instType=SWAP", read=_read_listing),
    ),
    listed=(
        _known("BTC-USDT-SWAP", "0.01"),
        _known("ETH-USDT-SWAP", "0.1"),
        _known("SOL-USDT-SWAP", "1"),
        _known("BTC-USD-SWAP", "100", inverse=True),
        _known("ETH-USD-SWAP", "10", inverse=True),
    ),
)  # fmt: skip
