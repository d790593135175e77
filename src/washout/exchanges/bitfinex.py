"""Bitfinex perpetuals: a feed of triggers and executions of liquidations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from washout.events import Event
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
    Unexplained,
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import Millis, amount, read, unexplained
from washout.instruments import split_symbol

_DOC = "docs.bitfinex.com/reference/rest-public-liquidations and ws-public-status"
_MATCH = (
    f"{_DOC}: '[8] IS_MATCH: 0: initial liquidation trigger | 1: market execution',"
    " '[9] IS_MARKET_SOLD: 0: position acquired by the system | 1: direct sell into the"
    " market'"
)

KEY = "liq:global"
_PERPETUAL = re.compile(r"t([A-Z0-9]+)F0:USTF0")
"""`tBTCF0:USTF0`; tBTCUSD is margin trading, tETHF0:BTCF0 is priced in bitcoin."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of the feed; places 3, 7 and 10 are not documented."""

    sort: str
    position: int
    time: float
    _3: Any
    symbol: Annotated[str, msgspec.Meta(pattern="^t[A-Z0-9]+(:[A-Z0-9]+)?$")]
    amount: float
    entry: float
    _7: Any
    match: int
    sold: int
    _10: Any
    acquired: float | None


class _Said(msgspec.Struct, frozen=True):
    event: str
    key: str = ""
    code: int = 0
    msg: str = ""


_FRAME = msgspec.json.Decoder(list[msgspec.Raw])
_SAID = msgspec.json.Decoder(_Said)
_ROWS = msgspec.json.Decoder(list[_Row])
_NAMES = msgspec.json.Decoder(list[str])
_NUMBER = msgspec.json.Decoder(int)
_MILLIS = msgspec.json.Decoder(Millis)


def decode(payload: bytes, received: int, _instruments: Instruments) -> Decoded:
    """Executions of liquidations, which alone have a price that was paid.

    A liquidation is told twice: when it is triggered, with the whole position and no
    price of the market, and when it is executed, maybe in parts. Only executions are
    counted. The number of the channel is not looked up: a line asks for one channel
    only, and its rows say that they are positions (`pos`).
    """
    if payload[:1] == b"{":
        return _answer(read(_SAID, payload, "bitfinex"), payload)
    parts = read(_FRAME, payload, "bitfinex")
    if len(parts) < 2:
        raise unexplained("bitfinex", "expected a channel and its message", payload)
    read(_NUMBER, parts[0], "bitfinex")
    if bytes(parts[1]) == b'"hb"':
        return Said(what="pong")
    if len(parts) > 4 and read(_NAMES, _tail(parts), "bitfinex") != NAMES:
        raise unexplained("bitfinex", f"expected the channel {NAMES}", payload)
    return _rows(parts[1], received)


NAMES = ["liquidations", "global"]
"""What recorded frames of 2020 end with, after a sequence and a time."""


def _tail(parts: Sequence[msgspec.Raw]) -> bytes:
    return b"[" + b",".join(bytes(part) for part in parts[4:]) + b"]"


def _answer(said: _Said, payload: bytes) -> Said:
    topics = (said.key,) if said.key else ()
    text = f"{said.code} {said.msg}".strip()
    match said.event:
        case "subscribed":
            return Said(what="ack", topics=topics)
        case "error":
            return Said(what="refused", topics=topics, text=text)
        case "info" if said.code == STOPPING:
            return Said(what="closing", text=text)
        case "info" | "conf":
            return Said(what="ignored", text=text)
        case "pong":
            return Said(what="pong")
    raise unexplained("bitfinex", "expected subscribed, info, pong or error", payload)


STOPPING = 20051
"""'Stop/Restart WebSocket Server (please reconnect)'."""


def _rows(content: msgspec.Raw, received: int) -> Decoded:
    rows = [row for row in read(_ROWS, content, "bitfinex") if _executed(row)]
    ids = make.distinct([(row.symbol, _identify(row)) for row in rows])
    events: list[Event] = [
        _order(row, received, name) for row, name in zip(rows, ids, strict=True)
    ]
    return events or Said(what="ignored", text="no execution of a perpetual")


def _executed(row: _Row) -> bool:
    if row.sort != "pos" or row.match not in (0, 1) or row.sold not in (0, 1):
        raise _odd(row, "expected pos, and 0 or 1 at places 8 and 9")
    return row.match == 1 and _PERPETUAL.fullmatch(row.symbol) is not None


def _odd(row: _Row, reason: str) -> Unexplained:
    return unexplained("bitfinex", reason, msgspec.json.encode(row))


def _identify(row: _Row) -> str:
    return f"{row.position}-{row.time:.4f}-{row.amount}"


def _order(row: _Row, received: int, name: str) -> Event:
    if row.acquired is None:
        raise _odd(row, "expected a price at place 11 of an execution")
    time = read(_MILLIS, str(int(row.time)).encode(), "bitfinex")
    return make.liquidation(
        "bitfinex", _named(row.symbol),
        make.CLOSES["long" if row.amount > 0 else "short"],
        amount(abs(row.amount), "place 5", "bitfinex"),
        amount(row.acquired, "place 11", "bitfinex"), "fill", time, received, name,
    )  # fmt: skip


def _named(symbol: str) -> Instrument:
    """UST is Tether on Bitfinex; F0 is what a perpetual counts in, the asset."""
    found = _PERPETUAL.fullmatch(symbol)
    if found is None:
        raise unexplained("bitfinex", "expected tBTCF0:USTF0", symbol.encode())
    asset, market = split_symbol(f"{found[1]}-USDT")
    return Instrument(symbol=symbol, asset=asset, market=market)


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One for everything."""
    return [KEY] if want == "liquidations" and instruments else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode({"event": "subscribe", "channel": "status", "key": topic})
        for topic in topics
    ]


_LISTED = msgspec.json.Decoder(list[list[str]])


def _read_listing(body: bytes) -> list[Instrument]:
    """Perpetuals in Tether, which are listed without the t."""
    names = [f"t{name}" for part in read(_LISTED, body, "bitfinex") for name in part]
    found = [name for name in names if _PERPETUAL.fullmatch(name)]
    return [_named(name) for name in found if not name.startswith("tTEST")]


bitfinex = Exchange(
    name="bitfinex",
    title="Bitfinex",
    coverage=(
        Fact(
            since=0, trust="unknown", floor=True,
            says="executions in the market are counted; positions that the system"
            " acquires are not, and no document says that every one is published",
            source=_MATCH,
        ),
    ),
    meanings=(
        Meaning(
            field="place 5, AMOUNT",
            says="its sign is the position's: positive is a long; in the asset",
            source=f"{_DOC}: 'AMOUNT: Size of the position. Positive values means a"
            " long position, negative values means a short position'",
        ),
        Meaning(
            field="place 8, IS_MATCH",
            says="0 triggers, 1 is an execution in the market; only executions are"
            " counted, so that no liquidation is counted twice",
            source=_MATCH,
        ),
        Meaning(
            field="amount of an execution",
            says="the part that was executed (of position 143679087 -4.56671421 of"
            " -8.6007): parts are added up",
            source="two frames of 2020-07-06 in tardis-dev/tardis-node,"
            " test/mappers.test.ts; no document says so",
            confirmed=False,
            settled_by="add up the executions of a position and compare with its trigger",
        ),
        Meaning(
            field="positions acquired by the system",
            says="without an execution they are not counted; whether one follows, no"
            " document says",
            source=_MATCH, confirmed=False,
            settled_by="count triggers with 0 at place 9 that no execution of the same"
            " position follows",
        ),
        Meaning(
            field="place 11, PRICE_ACQUIRED; place 6, BASE_PRICE",
            says="11 is what the position was acquired at; 6 is where its holder had"
            " entered and is never used",
            source=f"{_DOC}: 'BASE_PRICE: The price at which user entered the position',"
            " 'PRICE_ACQUIRED: The price at which the position has been acquired'",
        ),
    ),
    lines=(
        Line(
            name="public", locate=lambda _topics: "wss://api-pub.bitfinex.com/ws/2",
            topics=_topics, decode=decode, ask=_ask,
            # docs.bitfinex.com/docs/ws-general: a heartbeat every 15 s on a channel.
            silent_after=45.0, most_topics=25, most_connections=(20, 60.0),
        ),
    ),
    listings=(
        Listing(
            url="https://api-pub.bitfinex.com/v2/conf/pub:list:pair:futures",
            read=_read_listing,
        ),
    ),
    listed=tuple(
        Instrument(symbol=f"t{asset}F0:USTF0", asset=asset, market=f"{asset}-USDT")
        for asset in ("BTC", "ETH")
    ),
)  # fmt: skip
