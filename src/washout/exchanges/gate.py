"""Gate perpetuals that settle in USDT, and the inverse one that settles in BTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from washout.clock import parse_time
from washout.events import Event
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
    Said,
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import Millis, amount, read, unexplained, unlisted
from washout.instruments import split_symbol

_DOC = "www.gate.com/docs/developers/futures/ws, Public Liquidates Order Channel"
_ONE_A_SECOND = (
    f"{_DOC}, until 2026-08-20: at most one liquidation order per contract and second"
    " is pushed (in the Chinese text 每个合约每1秒最多推一条强平订单数据)"
)
_BATCHED = (
    "the same, Changelog 2026-08-20: several liquidation orders of one contract within"
    " a period are pushed together as an array, the others of the period are no longer"
    " dropped (不再丢弃周期内的其他强平订单); period 1 s by default, at once when 20"
    " have gathered"
)
_PAIRED = (
    "a report of 2026-08-12 paired six pushes with REST liq_orders by second and size:"
    " all signs differ, REST size being the position (order_size == -size, 109 of 109;"
    " size > 0 in falling minutes 104 of 114), and price equals order_price six times"
    " of six, 0.3 % off fill_price. No document of Gate says either"
)

CHANNEL = "futures.public_liquidates"
TICKERS = "futures.tickers"
EVERY = "!all"


class _Order(msgspec.Struct, frozen=True):
    """`time` is in milliseconds since 2026-08-20; before it was in seconds."""

    contract: str
    size: str | int
    price: str | float
    time_ms: Millis | msgspec.UnsetType = msgspec.UNSET
    time: int | msgspec.UnsetType = msgspec.UNSET


class _Ticker(msgspec.Struct, frozen=True):
    contract: str
    mark_price: str


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str


class _Frame(msgspec.Struct, frozen=True):
    channel: str
    event: str = ""
    error: _Error | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload: list[str] | None = None
    time_ms: Millis | msgspec.UnsetType = msgspec.UNSET


class _Status(msgspec.Struct, frozen=True):
    status: Literal["success"]


_FRAME = msgspec.json.Decoder(_Frame)
_ORDERS = msgspec.json.Decoder(list[_Order])
_TICKERS = msgspec.json.Decoder(list[_Ticker])
_STATUS = msgspec.json.Decoder(_Status)
_MILLIS = msgspec.json.Decoder(Millis)


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Liquidations; `size` is that of the order, negative where it sells.

    So a negative size closes a long: the other way round than in Gate's REST history.
    """
    frame = read(_FRAME, payload, "gate")
    topics = tuple(f"{frame.channel}:{one}" for one in frame.payload or ())
    if frame.error is not None:
        text = f"{frame.error.code} {frame.error.message}"
        return Said(what="refused", topics=topics, text=text)
    if frame.channel == "futures.pong":
        return Said(what="pong")
    if frame.channel not in (CHANNEL, TICKERS) or frame.result is msgspec.UNSET:
        raise unexplained("gate", f"expected {CHANNEL} with a result", payload)
    match frame.event:
        case "subscribe":
            read(_STATUS, frame.result, "gate")
            return Said(what="ack", topics=topics)
        case "update" if frame.channel == CHANNEL:
            return _orders(frame.result, received, instruments)
        case "update" if frame.time_ms is not msgspec.UNSET:
            return _marks(frame.result, frame.time_ms, received, instruments)
    raise unexplained("gate", "expected subscribe, or update with time_ms", payload)


def _marks(
    result: msgspec.Raw, time: int, received: int, known: Instruments
) -> Decoded:
    rows = read(_TICKERS, result, "gate")
    events: list[Event] = [
        make.mark_price(
            "gate", _listed_as(row.contract, known),
            amount(row.mark_price, "mark_price", "gate"), time, received,
        )
        for row in rows
    ]  # fmt: skip
    return events or Said(what="ignored", text="no ticker")


def _listed_as(contract: str, known: Instruments) -> Instrument:
    if contract not in known:
        raise unlisted(contract, "gate")
    return known[contract]


def _orders(result: msgspec.Raw, received: int, known: Instruments) -> Decoded:
    rows = [
        row
        for row in read(_ORDERS, result, "gate")
        if not (_nothing(row) or (row.contract not in known and _quanto(row.contract)))
    ]
    ids = make.distinct([(row.contract, _identify(row)) for row in rows])
    events: list[Event] = [
        _order(row, received, name, known) for row, name in zip(rows, ids, strict=True)
    ]
    return events or Said(what="ignored", text="less than one contract, or a quanto")


def _nothing(row: _Order) -> bool:
    """Sizes come as whole contracts unless a header asks for more: -0.5 is 0."""
    return row.size in (0, "0", "-0")


def _identify(row: _Order) -> str:
    return f"{_time(row)}-{row.size}-{row.price}"


def _time(row: _Order) -> int:
    """Milliseconds, of `time_ms` where there is one; never of seconds."""
    if row.time_ms is not msgspec.UNSET:
        return row.time_ms
    if row.time is msgspec.UNSET:
        raise unexplained("gate", "expected time or time_ms", msgspec.json.encode(row))
    when: int = read(_MILLIS, str(row.time).encode(), "gate")
    return when


def _order(row: _Order, received: int, name: str, known: Instruments) -> Event:
    size = str(row.size)
    sells = size.startswith("-")
    return make.liquidation(
        "gate", _listed_as(row.contract, known), make.CLOSES["long" if sells else "short"],
        amount(size.removeprefix("-"), "size", "gate"),
        amount(row.price, "price", "gate"), "order", _time(row), received, name,
    )  # fmt: skip


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """Liquidations of all contracts at once, tickers of each."""
    match want:
        case "liquidations":
            return [f"{CHANNEL}:{EVERY}"] if instruments else []
        case "mark_price":
            return [f"{TICKERS}:{one.symbol}" for one in instruments]
    return []


def _request(channel: str, **more: Any) -> bytes:
    """`time` is asked for but means nothing without a signature: as in the examples."""
    return msgspec.json.encode({"time": 123456, "channel": channel, **more})


def _ask(topics: Sequence[str]) -> list[bytes]:
    asked = {
        channel: [t.partition(":")[2] for t in topics if t.startswith(f"{channel}:")]
        for channel in (CHANNEL, TICKERS)
    }
    return [
        _request(channel, event="subscribe", payload=names)
        for channel, names in asked.items()
        if names
    ]


class _Listed(msgspec.Struct, frozen=True):
    name: str
    type: Literal["direct", "inverse"]
    quanto_multiplier: str
    status: str = ""


_LISTED = msgspec.json.Decoder(list[_Listed])


def _read_listing(body: bytes) -> list[Instrument]:
    """Contracts; those of a quanto (in BTC, of another coin) are left out."""
    rows = [row for row in read(_LISTED, body, "gate") if row.status != "delisted"]
    return [
        _listed(row) for row in rows if row.type == "inverse" or not _quanto(row.name)
    ]


def _quanto(name: str) -> bool:
    """`ETH_USD` settled in BTC: worth a fixed amount of BTC for each dollar of price."""
    return name.endswith("_USD")


def _listed(row: _Listed) -> Instrument:
    """Linear: `quanto_multiplier` of the asset; inverse: 1 USD, the multiplier is 0."""
    asset, market = split_symbol(row.name)
    if row.type == "inverse":
        return Instrument(symbol=row.name, asset=asset, market=market, unit="usd")
    size = amount(row.quanto_multiplier, "quanto_multiplier", "gate")
    return Instrument(symbol=row.name, asset=asset, market=market, contract=size)


def _line(settle: str, carries: Callable[[Instrument], bool]) -> Line:
    return Line(
        name=settle, locate=lambda _topics: f"wss://fx-ws.gateio.ws/v4/ws/{settle}",
        topics=_topics, decode=decode, ask=_ask, carries=carries,
        sent_ping=_request("futures.ping"), ping_every=10.0,
        most_connections=(300, 300.0),
    )  # fmt: skip


def _listing(settle: str) -> Listing:
    return Listing(
        url=f"https://api.gateio.ws/api/v4/futures/{settle}/contracts",
        read=_read_listing,
    )


def _known(asset: str, size: str) -> Instrument:
    return Instrument(
        symbol=f"{asset}_USDT", asset=asset, market=f"{asset}-USDT", contract=Decimal(size)
    )  # fmt: skip


gate = Exchange(
    name="gate",
    title="Gate",
    coverage=(
        Fact(
            since=0, trust="one_per_second", floor=True,
            says="at most one order per contract and second is published",
            source=_ONE_A_SECOND,
        ),
        Fact(
            since=parse_time("2026-08-20"), trust="all", floor=False,
            says="all orders of a second are pushed together", source=_BATCHED,
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2026-08-20"),
            label="Gate publishes every liquidation from here", source=_BATCHED,
        ),
    ),
    meanings=(
        Meaning(
            field="size, its sign",
            says="that of the order: negative sells, a long was closed (REST liq_orders"
            " has the position, the other way round)",
            source=_PAIRED, confirmed=False,
        ),
        Meaning(
            field="size",
            says="contracts, of quanto_multiplier of the asset; cut to whole ones,"
            " since no header X-Gate-Size-Decimal is sent: contracts that trade in"
            " parts are understated by less than one each order",
            source=f"{_DOC}: without the header X-Gate-Size-Decimal: 1 size is an"
            " integer (-124.5 is shown as -124)",
        ),
        Meaning(
            field="price",
            says="price of the order, not the fill",
            source=f"{_DOC}: 'price: Order price' (订单价格); {_PAIRED}",
        ),
        Meaning(
            field="time",
            says="time_ms where there is one, else time, which is in milliseconds since"
            " 2026-08-20; seconds alone are refused",
            source=_BATCHED,
        ),
        Meaning(
            field="quanto contracts settled in BTC",
            says="left out: their size in USD changes with the price of bitcoin, which"
            " a liquidation does not tell",
            source="www.gate.com/docs/developers/apiv4, contract type and"
            " quanto_multiplier",
        ),
    ),
    lines=(
        _line("usdt", lambda one: one.unit == "base"),
        _line("btc", lambda one: one.unit == "usd"),
    ),
    listings=(_listing("usdt"), _listing("btc")),
    listed=(
        _known("BTC", "0.0001"), _known("ETH", "0.01"),
        Instrument(symbol="BTC_USD", asset="BTC", market="BTC-USD", unit="usd"),
    ),
)  # fmt: skip
