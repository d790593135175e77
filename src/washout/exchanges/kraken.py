"""Kraken Futures perpetuals: liquidations are trades of type `liquidation`."""

from __future__ import annotations

import re
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
from washout.exchanges._reading import Millis, amount, read, unexplained, unlisted
from washout.instruments import split_symbol

_DOC = "docs.kraken.com/exchange/api-reference/futures-websocket/trade"
_TYPE = (
    f"{_DOC}: 'type: The classification of the matched trade in an orderbook: fill if"
    " it is a normal buyer and seller, liquidation if it is a result of a user being"
    " liquidated from their position, termination if it is a result of a user being"
    " terminated, or block if it is a component of a block trade'"
)
_SIDE = (
    f"{_DOC}: 'side: The classification of the taker side in the matched trade: buy if"
    " the taker is a buyer, sell if the taker is a seller'"
)

_PERPETUAL = re.compile(r"(PI|PF)_([A-Z0-9]+)")
_TYPES = Literal["fill", "liquidation", "assignment", "termination", "block"]


class _Trade(msgspec.Struct, frozen=True):
    product_id: str
    uid: UUID
    side: Literal["buy", "sell"]
    type: _TYPES
    time: Millis
    qty: float
    price: float


class _Ticker(msgspec.Struct, frozen=True):
    product_id: str
    time: Millis
    markPrice: float  # noqa: N815


class _Frame(msgspec.Struct, frozen=True):
    event: str = ""
    feed: str = ""
    product_ids: list[str] | None = None
    message: str = ""


_FRAME = msgspec.json.Decoder(_Frame)
_TRADE = msgspec.json.Decoder(_Trade)
_TICKER = msgspec.json.Decoder(_Ticker)


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Trades of type liquidation; `side` is the taker's, taken for the liquidated.

    The image at the beginning (`trade_snapshot`) is of trades from before we listened.
    """
    frame = read(_FRAME, payload, "kraken")
    if frame.event:
        return _answer(frame, payload)
    match frame.feed:
        case "trade":
            return _trade(read(_TRADE, payload, "kraken"), received, instruments)
        case "ticker":
            return _mark(read(_TICKER, payload, "kraken"), received, instruments)
        case "trade_snapshot":
            return Said(what="ignored", text="trades from before we listened")
        case "heartbeat":
            return Said(what="pong")
    raise unexplained("kraken", "expected an event, or the feed trade", payload)


def _answer(frame: _Frame, payload: bytes) -> Said:
    prefix = "" if frame.feed in ("", "trade") else f"{frame.feed}:"
    topics = tuple(f"{prefix}{one}" for one in frame.product_ids or ())
    match frame.event.strip():  # the documentation shows "subscribed "
        case "subscribed":
            return Said(what="ack", topics=topics)
        case "subscribed_failed" | "error" | "alert":
            return Said(what="refused", topics=topics, text=frame.message)
        case "info":
            return Said(what="ignored", text="info")
        case "pong":
            return Said(what="pong")
    raise unexplained("kraken", "expected subscribed, info, alert or error", payload)


def _trade(row: _Trade, received: int, known: Instruments) -> Decoded:
    if row.type != "liquidation":
        return Said(what="ignored", text=f"a trade of type {row.type}")
    if row.product_id.startswith(("FI_", "FF_")):
        return Said(what="ignored", text="a dated future")
    events: list[Event] = [
        make.liquidation(
            "kraken", known.get(row.product_id) or _named(row.product_id),
            make.OF_ORDER[row.side.upper()], amount(row.qty, "qty", "kraken"),
            amount(row.price, "price", "kraken"), "fill", row.time, received,
            str(row.uid),
        )
    ]  # fmt: skip
    return events


def _mark(row: _Ticker, received: int, known: Instruments) -> Decoded:
    return [
        make.mark_price(
            "kraken", known.get(row.product_id) or _named(row.product_id),
            amount(row.markPrice, "markPrice", "kraken"), row.time, received,
        )
    ]  # fmt: skip


def _named(symbol: str) -> Instrument:
    """PI_ counts contracts of 1 USD, PF_ counts the asset."""
    found = _PERPETUAL.fullmatch(symbol)
    if found is None or not found[2].endswith("USD") or len(found[2]) < 5:
        raise unlisted(symbol, "kraken")
    asset, market = split_symbol(found[2])
    return Instrument(
        symbol=symbol, asset=asset, market=market,
        unit="usd" if found[1] == "PI" else "base",
    )  # fmt: skip


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One a product: there is no feed of all.

    Mark prices of linear products only, since inverse ones have the same market.
    """
    match want:
        case "liquidations":
            return [one.symbol for one in instruments]
        case "mark_price":
            return [f"ticker:{one.symbol}" for one in instruments if one.unit == "base"]
    return []


def _ask(topics: Sequence[str]) -> list[bytes]:
    marks = [t.removeprefix("ticker:") for t in topics if t.startswith("ticker:")]
    trades = [t for t in topics if not t.startswith("ticker:")]
    return [
        msgspec.json.encode({"event": "subscribe", "feed": feed, "product_ids": asked})
        for feed, asked in (("trade", trades), ("ticker", marks))
        if asked
    ]


class _Listed(msgspec.Struct, frozen=True):
    symbol: str
    type: str
    contractSize: float  # noqa: N815


class _Listing(msgspec.Struct, frozen=True):
    result: Literal["success"]
    instruments: list[_Listed]


_LISTED = msgspec.json.Decoder(_Listing)
_UNITS = {"PI": "futures_inverse", "PF": "flexible_futures"}


def _read_listing(body: bytes) -> list[Instrument]:
    """Perpetuals, also those that do not trade now. Dated futures have other names."""
    rows = read(_LISTED, body, "kraken").instruments
    return [_listed(row) for row in rows if row.symbol.startswith(("PI_", "PF_"))]


def _listed(row: _Listed) -> Instrument:
    """What the name says must be what the listing says."""
    found = _named(row.symbol)
    if row.type != _UNITS[row.symbol[:2]]:
        raise unlisted(row.symbol, "kraken")
    size = amount(row.contractSize, "contractSize", "kraken").normalize()
    return msgspec.structs.replace(found, contract=Decimal(size))


kraken = Exchange(
    name="kraken",
    title="Kraken Futures",
    coverage=(
        Fact(
            since=0, trust="all", floor=False,
            says="every trade of a liquidation in the order book has that type",
            source=_TYPE,
        ),
    ),
    meanings=(
        Meaning(
            field="side",
            says="the taker's: sell",
            source=_SIDE,
        ),
        Meaning(
            field="who was liquidated",
            says="the taker, so that sell closes a long: a liquidation order takes what"
            " is in the book, but no document says that it never rests there",
            source=_TYPE, confirmed=False,
        ),
        Meaning(
            field="assignment, termination",
            says="positions that were given to a market maker or ended without the book"
            " are no liquidation orders and are not counted",
            source=_TYPE,
        ),
        Meaning(
            field="qty",
            says="contracts of 1 USD in inverse products (PI_), the asset in linear ones"
            " (PF_)",
            source="futures.kraken.com/derivatives/api/v3/instruments: PI_XBTUSD type"
            " futures_inverse, contractSize 1, contractValueTradePrecision 0; PF_XBTUSD"
            " type flexible_futures, contractSize 1, contractValueTradePrecision 4",
        ),
        Meaning(
            field="price", says="what was traded at",
            source=f"{_DOC}: 'price: The price that the product got traded'",
        ),
    ),
    lines=(
        Line(
            name="futures", locate=lambda _topics: "wss://futures.kraken.com/ws/v1",
            topics=_topics, decode=decode, ask=_ask,
            # A ping every 60 s at least keeps it open; one of the protocol will do.
            ping_every=20.0, silent_after=60.0, most_connections=(100, 1.0),
        ),
    ),
    listings=(
        Listing(
            url="https://futures.kraken.com/derivatives/api/v3/instruments",
            read=_read_listing,
        ),
    ),
    listed=tuple(
        Instrument(
            symbol=f"{kind}_{name}USD", asset=asset, market=f"{asset}-USD",
            unit="usd" if kind == "PI" else "base",
        )
        for kind, name, asset in (
            ("PF", "XBT", "BTC"), ("PF", "ETH", "ETH"), ("PI", "XBT", "BTC"),
            ("PI", "ETH", "ETH"), ("PI", "XRP", "XRP"),
        )
    ),
)  # fmt: skip
