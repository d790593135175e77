"""Bybit linear and inverse perpetuals (API v5), and what its older topics said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import msgspec

from washout.clock import parse_time
from washout.events import Event, Side
from washout.exchanges import (
    Break,
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
    Want,
)
from washout.exchanges import _columns as columns
from washout.exchanges import _making as make
from washout.exchanges._reading import (
    Millis,
    amount,
    millis,
    named,
    rate,
    read,
    unexplained,
    unlisted,
)
from washout.instruments import split_symbol

if TYPE_CHECKING:
    from washout.exchanges._template import Path

_SITE = "bybit-exchange.github.io/docs/v5"
_ALL = (
    f"{_SITE}/websocket/public/all-liquidation: 'push all liquidations that occur on"
    " Bybit', 'Push frequency: 500ms'"
)
_SIDE = (
    f"{_SITE}/websocket/public/all-liquidation: 'S: Position side. Buy, Sell. When you"
    " receive a Buy update, this means that a long position has been liquidated'"
)
_OLD = (
    f"{_SITE}/websocket/public/liquidation (deprecated): one order a symbol and second"
)

_POSITION = {"Buy": make.CLOSES["long"], "Sell": make.CLOSES["short"]}
_DATED = re.compile(r".*USD[FGHJKMNQUVXZ]\d\d|.+-\d{1,2}[A-Z]{3}\d\d")
"""`BTCUSDH26`, `BTC-26DEC25`."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PAGE = 1000
MOST_ALIKE = 12
"""Longest push whose shape is remembered."""

ARGS = 20_000
"""Characters of the topics of one request; Bybit allows 21,000."""


class _Liquidation(msgspec.Struct, frozen=True, gc=False):
    T: Millis
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str


class _Old(msgspec.Struct, frozen=True):
    """v5 before 2025: `size`, `updatedTime`; v2: `qty`, `time`."""

    symbol: str
    side: Literal["Buy", "Sell"]
    price: str | int | float
    size: str | int | msgspec.UnsetType = msgspec.UNSET
    qty: str | int | float | msgspec.UnsetType = msgspec.UNSET
    updatedTime: Millis | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    time: Millis | msgspec.UnsetType = msgspec.UNSET


class _Trade(msgspec.Struct, frozen=True):
    T: Millis
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str
    i: str


class _Ticker(msgspec.Struct, frozen=True):
    symbol: str
    markPrice: str | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


class _Frame(msgspec.Struct, frozen=True):
    topic: str | msgspec.UnsetType = msgspec.UNSET
    type: str | msgspec.UnsetType = msgspec.UNSET
    ts: Millis | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    op: str | msgspec.UnsetType = msgspec.UNSET
    success: bool | msgspec.UnsetType = msgspec.UNSET
    ret_msg: str = ""


_FRAME = msgspec.json.Decoder(_Frame)
_LIQUIDATIONS = msgspec.json.Decoder(list[_Liquidation])
_OLDS = msgspec.json.Decoder(list[_Old])
_TRADES = msgspec.json.Decoder(list[_Trade])
_TICKER = msgspec.json.Decoder(_Ticker)


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Liquidations, trades and mark prices; answers to requests are `Said`."""
    frame = read(_FRAME, payload, "bybit")
    if frame.topic is msgspec.UNSET:
        return _answer(frame, payload)
    reader = _READERS.get(frame.topic.partition(".")[0])
    if reader is None or frame.data is msgspec.UNSET or bytes(frame.data) == b"[]":
        raise unexplained(
            "bybit", "expected data of a topic that was asked for", payload
        )
    return reader(frame, frame.data, received, instruments)


def _answer(frame: _Frame, payload: bytes) -> Said:
    if frame.op == "pong" or (frame.op == "ping" and frame.ret_msg == "pong"):
        return Said(what="pong")
    if frame.op == "subscribe" and frame.success is not msgspec.UNSET:
        what: Literal["ack", "refused"] = "ack" if frame.success else "refused"
        return Said(what=what, text=frame.ret_msg)
    raise unexplained("bybit", "expected a topic, or the answer to a request", payload)


def _instrument(symbol: str, known: Instruments) -> Instrument | None:
    """None for a dated contract. Inverse contracts are worth 1 USD each."""
    if symbol in known:
        return known[symbol]
    if _DATED.fullmatch(symbol):
        return None
    if not symbol.endswith("USD"):
        return named(symbol, "bybit")
    asset, market = split_symbol(symbol)
    return Instrument(symbol=symbol, asset=asset, market=market, unit="usd")


def _kept(events: Sequence[Event | None]) -> Decoded:
    found = [event for event in events if event is not None]
    return found or Said(what="ignored", text="nothing of a perpetual")


def _identify(row: _Liquidation) -> str:
    return f"{row.T}-{row.S}-{row.v}-{row.p}"


def _all_liquidations(
    _frame: _Frame, data: msgspec.Raw, received: int, known: Instruments
) -> Decoded:
    rows = read(_LIQUIDATIONS, data, "bybit")
    ids = make.distinct([(row.s, _identify(row)) for row in rows])
    return _kept(
        [
            _forced(row.s, row.S, row.v, row.p, row.T, received, name, known)
            for row, name in zip(rows, ids, strict=True)
        ]
    )


def _forced(
    symbol: str, side: str, size: str | float, price: str | float, time: int,
    received: int, name: str, known: Instruments,
) -> Event | None:  # fmt: skip
    instrument = _instrument(symbol, known)
    if instrument is None:
        return None
    return make.liquidation(
        "bybit", instrument, _POSITION[side], amount(size, "the size", "bybit"),
        amount(price, "the price", "bybit"), "bankruptcy", time, received, name,
    )  # fmt: skip


def _old_liquidations(
    _frame: _Frame, data: msgspec.Raw, received: int, known: Instruments
) -> Decoded:
    """The topic that ended in 2025: one object a push, in archives sometimes a list."""
    said = bytes(data)
    rows = read(_OLDS, said if said[:1] == b"[" else b"[%b]" % said, "bybit")
    told = []
    for row in rows:
        size = row.size if row.size is not msgspec.UNSET else row.qty
        time = row.updatedTime if row.updatedTime is not msgspec.UNSET else row.time
        if size is msgspec.UNSET or time is msgspec.UNSET:
            raise unexplained(
                "bybit", "expected size and updatedTime, or qty and time", bytes(data)
            )
        told.append((row, size, time))
    ids = make.distinct(
        [(r.symbol, f"{time}-{r.side}-{size}-{r.price}") for r, size, time in told]
    )
    return _kept(
        [
            _forced(r.symbol, r.side, size, r.price, time, received, name, known)
            for (r, size, time), name in zip(told, ids, strict=True)
        ]
    )


def _trades(
    _frame: _Frame, data: msgspec.Raw, received: int, known: Instruments
) -> Decoded:
    rows = read(_TRADES, data, "bybit")
    return _kept([_trade(row, received, known) for row in rows])


def _trade(row: _Trade, received: int, known: Instruments) -> Event | None:
    instrument = _instrument(row.s, known)
    if instrument is None:
        return None
    side: Side = "sell" if row.S == "Sell" else "buy"
    return make.trade(
        "bybit", instrument, side, amount(row.v, "the size v", "bybit"),
        amount(row.p, "the price p", "bybit"), row.T, received, trade_number(row.i),
    )  # fmt: skip


def trade_number(id: str) -> int:  # noqa: A002
    """A trade's id, a UUID, as a number: 63 bits of its hash.

    With the millisecond in the key of a trade, two would have to agree by chance once
    in 10^18.
    """
    if not _UUID.fullmatch(id):
        raise unexplained("bybit", "expected i as a UUID", id.encode())
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest()) >> 1


def _mark_price(
    frame: _Frame, data: msgspec.Raw, received: int, known: Instruments
) -> Decoded:
    """A snapshot tells everything, a delta what changed: it may be silent of the mark."""
    told = read(_TICKER, data, "bybit")
    if frame.ts is msgspec.UNSET or frame.type not in ("snapshot", "delta"):
        raise unexplained(
            "bybit", "expected ts, and snapshot or delta as type", bytes(data)
        )
    if told.markPrice is msgspec.UNSET:
        if frame.type == "delta":
            return Said(what="ignored", text="a difference without the mark price")
        raise unexplained("bybit", "expected markPrice in a snapshot", bytes(data))
    instrument = _instrument(told.symbol, known)
    if instrument is None:
        return _kept([])
    price = amount(told.markPrice, "markPrice", "bybit")
    return [make.mark_price("bybit", instrument, price, frame.ts, received)]


_READERS: dict[str, Callable[[_Frame, msgspec.Raw, int, Instruments], Decoded]] = {
    "allLiquidation": _all_liquidations,
    "liquidation": _old_liquidations,
    "publicTrade": _trades,
    "tickers": _mark_price,
}


# Many at once


class _Push(msgspec.Struct, frozen=True):
    topic: str
    data: list[_Liquidation]


_PUSH = msgspec.json.Decoder(_Push)
_ALL_TOPIC = b"allLiquidation."
_FORCED = columns.Recipe(
    kind="liquidation", symbol="s", side="S", sells=b"Buy", buys=b"Sell", count="v",
    price="p", time="T", id=("T", "S", "v", "p"), price_kind="bankruptcy",
)  # fmt: skip


def _recognise(frame: bytes) -> tuple[columns.Recipe, Sequence[Path]] | None:
    """Pushes of a few liquidations; longer ones are too seldom alike."""
    try:
        push = _PUSH.decode(frame)
    except msgspec.DecodeError:
        return None
    if not push.topic.startswith("allLiquidation.") or len(push.data) > MOST_ALIKE:
        return None
    return _FORCED, [("data", number) for number in range(len(push.data))]


def _fixed(path: Path, text: bytes) -> int:
    """The name of the topic is part of the shape, its symbol is not."""
    if path == ("topic",):
        return len(_ALL_TOPIC) if text.startswith(_ALL_TOPIC) else -1
    return 0


# Asking

_TOPICS = {
    "liquidations": "allLiquidation", "trades": "publicTrade", "mark_price": "tickers",
}  # fmt: skip


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One a symbol: no topic carries all markets."""
    topic = _TOPICS.get(want)
    return [f"{topic}.{one.symbol}" for one in instruments] if topic else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    """As few requests as `ARGS` characters of topics allow."""
    pieces: list[list[str]] = []
    left = 0
    for topic in topics:
        if left < len(topic) + 3:
            pieces.append([])
            left = ARGS
        pieces[-1].append(topic)
        left -= len(topic) + 3
    return [
        msgspec.json.encode({"op": "subscribe", "args": piece, "req_id": str(number)})
        for number, piece in enumerate(pieces, 1)
    ]


def _line(name: str, carries: Callable[[Instrument], bool]) -> Line:
    address = f"wss://stream.bybit.com/v5/public/{name}"
    return Line(
        name=name, locate=lambda _topics: address, topics=_topics, decode=decode,
        carries=carries, ask=_ask, sent_ping=b'{"op":"ping"}', ping_every=20.0,
        silent_after=45.0, most_connections=(500, 300.0),
        decode_many=columns.many("bybit", decode, _recognise, _fixed, _instrument),
    )  # fmt: skip


def _linear(one: Instrument) -> bool:
    return one.unit == "base"


def _inverse(one: Instrument) -> bool:
    return one.unit == "usd"


# Polled and listed


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


def _polls(category: str, carries: Callable[[Instrument], bool]) -> tuple[Poll, Poll]:
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


def _listing(category: str) -> Listing:
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


bybit = Exchange(
    name="bybit",
    title="Bybit",
    coverage=(
        Fact(
            since=0, trust="one_per_second", floor=True,
            says="the old topic pushed one order per symbol and second", source=_OLD,
        ),
        Fact(
            since=parse_time("2025-02-25"), trust="all", floor=False,
            says="allLiquidation pushes every liquidation", source=_ALL,
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2025-02-25"),
            label="Bybit publishes every liquidation from here", source=_ALL,
        ),
    ),
    meanings=(
        Meaning(
            field="allLiquidation S",
            says="the side of the position: Buy is a long that was liquidated",
            source=_SIDE,
        ),
        Meaning(
            field="allLiquidation p",
            says="the bankruptcy price, not the price of a fill",
            source=f"{_SITE}/websocket/public/all-liquidation: 'p: Bankruptcy price'",
        ),
        Meaning(
            field="allLiquidation v",
            says="of linear contracts the asset, of inverse ones USD",
            source=f"{_SITE}/websocket/public/all-liquidation: 'v: Executed size'; help"
            " page Inverse Contract Specifications: 1 contract is 1 USD",
        ),
        Meaning(
            field="liquidation side (topic until 2025)",
            says="the side of the position, as in allLiquidation",
            source="a change of documentation announced on Bybit's Telegram, quoted by"
            " tardis-dev/tardis-node (mappers of bybit); the old page said the opposite",
            confirmed=False, settled_by="the topic is gone; in an archive of it longs must be printed below the market after it fell",
        ),
        Meaning(
            field="identical rows of one push",
            says="are as many orders: they get ids #2, #3; identical rows of two pushes"
            " count once, since a twin connection may say them again",
            source="no id is published; every row is 'a liquidation' by the text",
            confirmed=False, settled_by="sum the rows of a burst and compare with the fall of open interest in the same seconds",
        ),
        Meaning(
            field="publicTrade S",
            says="the side of the taker",
            source=f"{_SITE}/websocket/public/trade: 'S: Side of taker. Buy, Sell'",
        ),
        Meaning(
            field="tickers openInterest, openInterestValue of inverse contracts",
            says="the number is USD, the value coins",
            source=f"{_SITE}/market/tickers, example of BTCUSD: 373504107 / 22505.67 is"
            " its price of 16596",
        ),
    ),
    lines=(_line("linear", _linear), _line("inverse", _inverse)),
    polls=(*_polls("linear", _linear), *_polls("inverse", _inverse)),
    listings=(_listing("linear"), _listing("inverse")),
    listed=(
        *(
            Instrument(symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT")
            for asset in ("BTC", "ETH", "SOL", "XRP", "DOGE")
        ),
        Instrument(symbol="BTCPERP", asset="BTC", market="BTC-USDC"),
        *(
            Instrument(
                symbol=f"{asset}USD", asset=asset, market=f"{asset}-USD", unit="usd"
            )
            for asset in ("BTC", "ETH", "XRP")
        ),
    ),
)  # fmt: skip
