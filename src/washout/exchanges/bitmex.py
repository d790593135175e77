"""BitMEX perpetuals: open liquidation orders, told without a time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from uuid import UUID

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
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import amount, read, unexplained, unlisted
from washout.instruments import split_symbol

_DOC = "www.bitmex.com/app/wsAPI"
_TABLE = f"{_DOC}: 'liquidation: Liquidation orders as they're entered into the book'"
_PROPERTIES = (
    "www.bitmex.com/app/apiOverview, Instrument Properties:"
    " 'underlyingToPositionMultiplier'; XBTUSD: 'multiplier -100000000,"
    " underlyingToSettleMultiplier -100000000, isInverse true'"
)

_SIDES = {"Sell": make.CLOSES["long"], "Buy": make.CLOSES["short"]}


class _Order(msgspec.Struct, frozen=True):
    orderID: UUID  # noqa: N815
    symbol: str
    side: Literal["Buy", "Sell"]
    price: float
    leavesQty: float  # noqa: N815


class _Frame(msgspec.Struct, frozen=True):
    table: str | msgspec.UnsetType = msgspec.UNSET
    action: str = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    success: bool | msgspec.UnsetType = msgspec.UNSET
    subscribe: str = ""
    error: str | msgspec.UnsetType = msgspec.UNSET
    info: str | msgspec.UnsetType = msgspec.UNSET


_FRAME = msgspec.json.Decoder(_Frame)
_ORDERS = msgspec.json.Decoder(list[_Order])


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Inserted liquidation orders, at the time of receipt: the table has no time.

    `side` is the order's: Sell closes a long. Updates and deletions speak of an order
    that was counted when it was inserted, and the image at the beginning (`partial`)
    of orders that were inserted before we listened.
    """
    if payload == b"pong":
        return Said(what="pong")
    frame = read(_FRAME, payload, "bitmex")
    if frame.table is msgspec.UNSET:
        return _answer(frame, payload)
    if frame.table != "liquidation" or frame.data is msgspec.UNSET:
        raise unexplained("bitmex", "expected the table liquidation, data", payload)
    match frame.action:
        case "insert":
            return _inserted(frame.data, received, instruments)
        case "partial" | "update" | "delete":
            return Said(what="ignored", text=f"{frame.action}: no new order")
    raise unexplained(
        "bitmex", "expected partial, insert, update or delete as action", payload
    )


def _answer(frame: _Frame, payload: bytes) -> Said:
    if frame.error is not msgspec.UNSET:
        return Said(what="refused", text=frame.error)
    if frame.success is True and frame.subscribe:
        return Said(what="ack", topics=(frame.subscribe,))
    if frame.info is not msgspec.UNSET:
        return Said(what="ignored", text=frame.info)
    raise unexplained("bitmex", "expected a table, success, info or error", payload)


def _inserted(data: msgspec.Raw, received: int, known: Instruments) -> Decoded:
    rows = [row for row in read(_ORDERS, data, "bitmex") if not _other(row.symbol)]
    told: list[Event] = [_order(row, received, known) for row in rows]
    return told or Said(what="ignored", text="nothing of a perpetual that is counted")


def _other(symbol: str) -> bool:
    """Dated futures (XBTZ26), and quanto contracts, whose size is in bitcoin.

    A quanto contract is worth a fixed amount of XBT for each dollar of price, so its
    size in the asset or in USD changes with the price of bitcoin, which the frame does
    not tell.
    """
    return symbol[-1:].isdigit() or symbol in QUANTO


QUANTO = frozenset(
    f"{asset}USD"
    for asset in (
        "ADA", "AVAX", "BCH", "BNB", "DOGE", "DOT", "ETH", "LINK", "LTC", "SOL", "XRP",
    )
)  # fmt: skip
"""Listed as isQuanto, or once were."""


def _order(row: _Order, received: int, known: Instruments) -> Event:
    if row.symbol not in known:
        raise unlisted(row.symbol, "bitmex")
    found = make.liquidation(
        "bitmex", known[row.symbol], _SIDES[row.side],
        amount(row.leavesQty, "leavesQty", "bitmex"),
        amount(row.price, "price", "bitmex"), "order", 0, received,
        str(row.orderID),
    )  # fmt: skip
    return msgspec.structs.replace(found, ts_event=received)


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One table for all markets."""
    return ["liquidation"] if want == "liquidations" and instruments else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [msgspec.json.encode({"op": "subscribe", "args": list(topics)})]


class _Listed(msgspec.Struct, frozen=True):
    symbol: str
    typ: str
    quoteCurrency: str  # noqa: N815
    isInverse: bool  # noqa: N815
    isQuanto: bool  # noqa: N815
    underlyingToPositionMultiplier: float | None = None  # noqa: N815


_LISTED = msgspec.json.Decoder(list[_Listed])
PERPETUAL = "FFWCSX"


def _read_listing(body: bytes) -> list[Instrument]:
    """Inverse perpetuals in USD and linear ones in stable coins; quanto ones are not."""
    rows = read(_LISTED, body, "bitmex")
    return [_listed(row) for row in rows if row.typ == PERPETUAL and _counted(row)]


def _counted(row: _Listed) -> bool:
    linear = not row.isInverse and row.quoteCurrency in ("USDT", "USDC")
    inverse = row.isInverse and row.quoteCurrency == "USD"
    return not row.isQuanto and (linear or inverse)


def _listed(row: _Listed) -> Instrument:
    asset, market = split_symbol(row.symbol.partition("_")[0])
    if row.isInverse:
        return Instrument(symbol=row.symbol, asset=asset, market=market, unit="usd")
    parts = row.underlyingToPositionMultiplier
    if parts is None:
        raise unlisted(row.symbol, "bitmex")
    size = 1 / amount(parts, "underlyingToPositionMultiplier", "bitmex")
    return Instrument(symbol=row.symbol, asset=asset, market=market, contract=size)


bitmex = Exchange(
    name="bitmex",
    title="BitMEX",
    coverage=(
        Fact(
            since=0, trust="open_orders_only", floor=True,
            says="orders that enter the book are shown with what is left of them; what"
            " is closed without an order in the book is not",
            source=_TABLE,
        ),
    ),
    meanings=(
        Meaning(
            field="liquidation side",
            says="the side of the order: Sell closes a long",
            source=f"{_TABLE}: it is an order, so its side is the order's",
        ),
        Meaning(
            field="liquidation leavesQty",
            says="contracts when the order entered the book: USD of XBTUSD, parts of a"
            " coin of linear contracts; later updates are not counted",
            source=_PROPERTIES,
        ),
        Meaning(
            field="liquidation price",
            says="limit of the order (about the bankruptcy price), not a fill",
            source=f"{_TABLE}; 'price' of an order is its limit",
        ),
        Meaning(
            field="time",
            says="the table has none: the moment of receipt is taken, seconds later"
            " than the order according to one who watched it",
            source="5l1v3r1/bitmex-liquidations, README: 'by the time you receive the"
            " liquidation messages, they already happened a few seconds earlier'",
            confirmed=False,
            settled_by="record trades of another venue too: the lag of an order behind the"
            " move of the price that forced it is how late it is told",
        ),
        Meaning(
            field="quanto contracts",
            says="left out: their size in USD changes with the price of bitcoin, which"
            " a liquidation does not tell",
            source=f"{_PROPERTIES}, 'isQuanto'",
        ),
    ),
    lines=(
        Line(
            name="realtime", locate=lambda _topics: "wss://ws.bitmex.com/realtime",
            topics=_topics, decode=decode, ask=_ask, timeless=True,
            # Heartbeats: the string ping when nothing came for 5 s, answered by pong.
            sent_ping=b"ping", ping_every=5.0,
            # blog.bitmex.com: 'a burst rate of 20 connections per hour'.
            most_connections=(20, 3600.0),
        ),
    ),
    listings=(
        Listing(
            url="https://www.bitmex.com/api/v1/instrument/active", read=_read_listing
        ),
    ),
    listed=(
        Instrument(symbol="XBTUSD", asset="BTC", market="BTC-USD", unit="usd"),
        Instrument(
            symbol="XBTUSDT", asset="BTC", market="BTC-USDT", contract=Decimal("0.000001")
        ),
        Instrument(
            symbol="ETHUSDT", asset="ETH", market="ETH-USDT", contract=Decimal("0.00001")
        ),
    ),
)  # fmt: skip
