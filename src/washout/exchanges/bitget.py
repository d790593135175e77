"""Bitget USDT and USDC perpetuals (unified account, v3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from washout.events import Event, Liquidation
from washout.exchanges import (
    Decoded,
    Exchange,
    Fact,
    Instrument,
    Instruments,
    Line,
    Listing,
    Meaning,
    Said,
    Want,
    cents,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import Millis, amount, read, resolve, unexplained
from washout.instruments import split_symbol

_DOC = "www.bitget.com/api-doc/uta/websocket/public/Liquidation-Channel"
_SAMPLED = (
    f"{_DOC}: 'Data is pushed once per second (1s/interval). Each push contains the"
    " aggregated liquidation data for the previous second: only the record with the"
    " highest liquidation quantity for long and short positions respectively per"
    " trading pair is included. (...) at most 2 records are delivered (1 for long, 1"
    " for short)'"
)
_QUOTED = (
    "a reader of the page of 2026-06-29 notes 'docs describe `amount` as quote coin';"
    " of two recorded orders amount / price is a round number of coins (13.70319 /"
    " 0.1649 = 83.1; 143.330431857868 / 0.500280739469 = 286.5 to twelve digits),"
    " amount itself is not"
)

_POSITION = {"buy": make.CLOSES["long"], "sell": make.CLOSES["short"]}
_TYPES = {"USDT": "usdt-futures", "USDC": "usdc-futures"}


class _Arg(msgspec.Struct, frozen=True):
    instType: str  # noqa: N815
    topic: str
    symbol: str = ""

    @property
    def name(self) -> str:
        """`liquidation:usdt-futures`, `ticker:usdt-futures:BTCUSDT`."""
        return ":".join(filter(None, (self.topic, self.instType, self.symbol)))


class _Order(msgspec.Struct, frozen=True):
    symbol: str
    side: Literal["buy", "sell"]
    price: str
    amount: str
    ts: str


class _Ticker(msgspec.Struct, frozen=True):
    markPrice: str  # noqa: N815


class _Frame(msgspec.Struct, frozen=True):
    event: str | msgspec.UnsetType = msgspec.UNSET
    action: str = ""
    arg: _Arg | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: str | int = ""
    msg: str = ""
    ts: Millis | msgspec.UnsetType = msgspec.UNSET


_FRAME = msgspec.json.Decoder(_Frame)
_ORDERS = msgspec.json.Decoder(list[_Order])
_TICKERS = msgspec.json.Decoder(list[_Ticker])


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """The largest liquidations of a second; `amount` is worth, `side` the position's."""
    if payload == b"pong":
        return Said(what="pong")
    frame = read(_FRAME, payload, "bitget")
    if frame.event is not msgspec.UNSET:
        return _answer(frame, payload)
    if frame.arg is msgspec.UNSET or frame.data is msgspec.UNSET:
        raise unexplained("bitget", "expected arg and data, or an event", payload)
    known = frame.arg.instType in _TYPES.values()
    if not known or frame.action not in ("update", "snapshot"):
        raise unexplained("bitget", "expected an update of futures", payload)
    match frame.arg.topic:
        case "liquidation":
            events = _orders(frame.data, received, instruments)
        case "ticker" if frame.ts is not msgspec.UNSET:
            events = _marks(
                frame.arg.symbol, frame.data, frame.ts, received, instruments
            )
        case _:
            raise unexplained("bitget", "expected liquidation or ticker", payload)
    return events or Said(what="ignored", text="nothing of a perpetual")


def _marks(
    symbol: str, data: msgspec.Raw, time: int, received: int, known: Instruments
) -> list[Event]:
    market = resolve(symbol, known, "bitget")
    return [
        make.mark_price(
            "bitget",
            market,
            amount(row.markPrice, "markPrice", "bitget"),
            time,
            received,
        )
        for row in read(_TICKERS, data, "bitget")
    ]


def _answer(frame: _Frame, payload: bytes) -> Said:
    topics = () if frame.arg is msgspec.UNSET else (frame.arg.name,)
    match frame.event:
        case "subscribe":
            return Said(what="ack", topics=topics)
        case "error":
            return Said(what="refused", topics=topics, text=f"{frame.code} {frame.msg}")
    raise unexplained("bitget", "expected subscribe or error as event", payload)


def _orders(data: msgspec.Raw, received: int, known: Instruments) -> list[Event]:
    rows = [row for row in read(_ORDERS, data, "bitget") if not _dated(row.symbol)]
    ids = make.distinct([(row.symbol, _identify(row)) for row in rows])
    return [
        _order(row, received, name, known) for row, name in zip(rows, ids, strict=True)
    ]


def _dated(symbol: str) -> bool:
    """`BTCUSDT25DEC26`, `BTCUSDU26`."""
    return symbol[-1:].isdigit()


def _identify(row: _Order) -> str:
    return f"{row.ts}-{row.side}-{row.amount}-{row.price}"


def _order(row: _Order, received: int, name: str, known: Instruments) -> Liquidation:
    market = resolve(row.symbol, known, "bitget")
    worth = amount(row.amount, "amount", "bitget")
    price = amount(row.price, "price", "bitget")
    side, liquidated = _POSITION[row.side]
    return Liquidation(
        exchange="bitget", asset=market.asset, market=market.market,
        source="bitget-stream", ts_event=_millis(row.ts) * 1000, ts_recv=received,
        id=name, side=side, liquidated=liquidated, quantity=float(worth / price),
        price=float(price), price_kind="fill", usd=cents(worth),
    )  # fmt: skip


def _millis(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) == 13):
        raise unexplained(
            "bitget", "expected ts as 13 digits of milliseconds", text.encode()
        )
    return int(text)


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """Liquidations of all markets of a quote at once, tickers of each market."""
    match want:
        case "liquidations":
            quotes = {_quote(one) for one in instruments}
            return [
                f"liquidation:{_TYPES[quote]}" for quote in _TYPES if quote in quotes
            ]
        case "mark_price":
            return [f"ticker:{_TYPES[_quote(one)]}:{one.symbol}" for one in instruments]
    return []


def _quote(instrument: Instrument) -> str:
    return instrument.market.rsplit("-", 1)[1]


def _arg(topic: str) -> dict[str, str]:
    words = topic.split(":")
    return dict(zip(("topic", "instType", "symbol"), words, strict=False))


def _ask(topics: Sequence[str]) -> list[bytes]:
    """So many topics in a request that it stays below Bitget's 4096 bytes."""
    return [
        msgspec.json.encode(
            {"op": "subscribe", "args": [*map(_arg, topics[at : at + 40])]}
        )
        for at in range(0, len(topics), 40)
    ]


class _Listed(msgspec.Struct, frozen=True):
    symbol: str
    type: str
    quoteCoin: str  # noqa: N815


class _Answer(msgspec.Struct, frozen=True):
    code: Literal["00000"]
    data: list[_Listed]


_LISTED = msgspec.json.Decoder(_Answer)


def _read_listing(body: bytes) -> list[Instrument]:
    """Perpetuals; amounts are worth, so that no contract size is needed."""
    return [
        Instrument(symbol=row.symbol, asset=asset, market=market)
        for row in read(_LISTED, body, "bitget").data
        if row.type == "perpetual" and row.quoteCoin in _TYPES
        for asset, market in (_split(row),)
    ]


def _split(row: _Listed) -> tuple[str, str]:
    """USDC perpetuals are called BTCPERP."""
    if row.symbol.endswith("PERP"):
        return split_symbol(f"{row.symbol.removesuffix('PERP')}-{row.quoteCoin}")
    return split_symbol(row.symbol)


def _listing(category: str) -> Listing:
    return Listing(
        url="https://api.bitget.com/api/v3/market/instruments?category=" + category,
        read=_read_listing,
    )


bitget = Exchange(
    name="bitget",
    title="Bitget",
    coverage=(
        Fact(
            since=0, trust="one_per_second", floor=True,
            says="the largest of a symbol, side and second is published",
            source=_SAMPLED,
        ),
    ),
    meanings=(
        Meaning(
            field="side",
            says="side of the position: buy is a long that was closed",
            source="tardis-dev/tardis-node, src/mappers/bitget.ts: 'Bitget side is"
            " position side, normalized side is the liquidated aggressor side'; the"
            " page of Bitget at hand does not say",
            confirmed=False,
        ),
        Meaning(
            field="amount",
            says="worth in the quote currency (USDT), not a number of coins or"
            " contracts",
            source=_QUOTED,
        ),
        Meaning(
            field="price",
            says="average of what was filled: it has more digits than the tick, and"
            " times a round quantity it gives the amount exactly",
            source=_QUOTED, confirmed=False,
            settled_by="record mark prices: a bankruptcy price lies beyond the mark by"
            " the margin left, an average fill does not (see the median distance)",
        ),
        Meaning(
            field="coin-futures",
            says="left out: no document at hand says what amount is worth there",
            source=_DOC, confirmed=False,
            settled_by="ask for the topic with instType coin-futures: amounts in coins"
            " are far smaller than amounts in USD",
        ),
    ),
    lines=(
        Line(
            name="public", locate=lambda _topics: "wss://ws.bitget.com/v3/ws/public",
            topics=_topics, decode=decode, ask=_ask,
            carries=lambda one: _quote(one) in _TYPES,
            # api-doc, WebSocket API: the string ping every 30 s, answered by pong.
            # Nothing at hand says how long a connection lives: a day is what others do.
            sent_ping=b"ping", ping_every=15.0, silent_after=45.0, lifetime=86_400.0,
            most_connections=(300, 300.0),
        ),
    ),
    listings=(_listing("USDT-FUTURES"), _listing("USDC-FUTURES")),
    listed=tuple(
        Instrument(symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT")
        for asset in ("BTC", "ETH", "SOL", "XRP", "DOGE", "APE", "IP")
    ),
)  # fmt: skip
