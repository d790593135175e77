"""dYdX v4 perpetuals: liquidations are trades of type LIQUIDATED."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

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

_DOC = "docs.dydx.exchange/api_integration-indexer/indexer_websocket"
_TYPES = (
    "dydxprotocol/v4-chain, indexer, trade-types.ts: 'LIQUIDATED is the trade type for a"
    " fill with a liquidated taker order', 'DELEVERAGED is the trade type for a fill with"
    " a deleveraged taker order', 'TWAP_SUBORDER is the trade type for a fill with a twap"
    " suborder'"
)

_REFUSED = re.compile(r"\(v4_trades-([^)]+)\)")
_START = datetime(1970, 1, 1, tzinfo=UTC)


class _Trade(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{24}$")]
    side: Literal["BUY", "SELL"]
    size: str
    price: str
    type: Literal["LIMIT", "LIQUIDATED", "DELEVERAGED", "TWAP_SUBORDER"]
    createdAt: Annotated[datetime, msgspec.Meta(tz=True)]  # noqa: N815


class _Contents(msgspec.Struct, frozen=True):
    trades: list[_Trade]


class _Frame(msgspec.Struct, frozen=True):
    type: str
    channel: str = ""
    id: str = ""
    message: str = ""
    contents: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_FRAME = msgspec.json.Decoder(_Frame)
_ONE = msgspec.json.Decoder(_Contents)
_MANY = msgspec.json.Decoder(list[_Contents])


def decode(payload: bytes, received: int, instruments: Instruments) -> Decoded:
    """Trades of type LIQUIDATED; `side` is the taker's, the liquidation order's.

    The trades that come with an acknowledgement are from before we listened.
    """
    frame = read(_FRAME, payload, "dydx")
    if not frame.type.startswith("channel_"):
        return _answer(frame, payload)
    if frame.channel != "v4_trades" or frame.contents is msgspec.UNSET:
        raise unexplained("dydx", "expected v4_trades with contents", payload)
    match frame.type:
        case "channel_data":
            contents = [read(_ONE, frame.contents, "dydx")]
        case "channel_batch_data":
            contents = read(_MANY, frame.contents, "dydx")
        case _:
            raise unexplained("dydx", "expected data of a channel", payload)
    trades = [trade for part in contents for trade in part.trades]
    return _liquidations(frame.id, trades, received, instruments)


def _answer(frame: _Frame, payload: bytes) -> Said:
    match frame.type:
        case "connected":
            return Said(what="ignored", text="connected")
        case "subscribed":
            return Said(what="ack", topics=(frame.id,))
        case "error":
            named = _REFUSED.search(frame.message)
            topics = (named[1],) if named else ()
            return Said(what="refused", topics=topics, text=frame.message)
    raise unexplained("dydx", "expected connected, subscribed, data, error", payload)


def _liquidations(
    name: str, trades: Sequence[_Trade], received: int, known: Instruments
) -> Decoded:
    forced = [trade for trade in trades if trade.type == "LIQUIDATED"]
    if not forced:
        return Said(what="ignored", text="no liquidation among the trades")
    market = known.get(name) or _named(name)
    events: list[Event] = [_order(trade, market, received) for trade in forced]
    return events


def _order(trade: _Trade, market: Instrument, received: int) -> Event:
    """Times are told to the millisecond."""
    return make.liquidation(
        "dydx", market, make.OF_ORDER[trade.side], amount(trade.size, "size", "dydx"),
        amount(trade.price, "price", "dydx"), "fill",
        (trade.createdAt - _START) // timedelta(milliseconds=1), received, trade.id,
    )  # fmt: skip


def _named(name: str) -> Instrument:
    """`BTC-USD` counts the asset. Isolated markets (`FOO,RAYDIUM,...-USD`) need listing."""
    asset, dash, quote = name.rpartition("-")
    if not (dash and quote == "USD" and asset.isascii() and asset.isalnum()):
        raise unlisted(name, "dydx")
    asset, market = split_symbol(name)
    return Instrument(symbol=name, asset=asset, market=market)


# Asking and listing


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """One a market."""
    return [one.symbol for one in instruments] if want == "liquidations" else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode({"type": "subscribe", "channel": "v4_trades", "id": topic})
        for topic in topics
    ]


class _Listed(msgspec.Struct, frozen=True):
    ticker: str
    status: str


class _Listing(msgspec.Struct, frozen=True):
    markets: dict[str, _Listed]


_LISTED = msgspec.json.Decoder(_Listing)


def _read_listing(body: bytes) -> list[Instrument]:
    """Markets that are not over; of isolated ones the name before the first comma."""
    rows = read(_LISTED, body, "dydx").markets.values()
    return [_listed(row.ticker) for row in rows if row.status != "FINAL_SETTLEMENT"]


def _listed(ticker: str) -> Instrument:
    if "," not in ticker:
        return _named(ticker)
    asset = ticker.partition(",")[0]
    return Instrument(symbol=ticker, asset=asset, market=f"{asset}-USD")


dydx = Exchange(
    name="dydx",
    title="dYdX",
    coverage=(
        Fact(
            since=0, trust="all", floor=False,
            says="every trade of a liquidation order has that type", source=_TYPES,
        ),
    ),
    meanings=(
        Meaning(
            field="LIQUIDATED",
            says="the order that took was the liquidated one", source=_TYPES,
        ),
        Meaning(
            field="side",
            says="of the taker: SELL closes a long",
            source=f"{_DOC}, v4_trades: trades have id, size, price, side, type and"
            " createdAt; the page does not say whose side it is",
            confirmed=False,
            settled_by="record ten minutes beside the trades of another venue; if the"
            " side is right, the price fell before a SELL and rose before a BUY",
        ),
        Meaning(
            field="DELEVERAGED",
            says="left out: positions set off against each other, no order in the book",
            source=_TYPES,
        ),
        Meaning(
            field="size, price",
            says="the asset, and what was traded at, in USDC taken for USD",
            source=f"{_DOC}, v4_trades: 'size', 'price'",
        ),
    ),
    lines=(
        Line(
            name="indexer", locate=lambda _topics: "wss://indexer.dydx.trade/v4/ws",
            topics=_topics, decode=decode, ask=_ask,
            # 'Every 30 seconds, the websocket API will send a heartbeat ping'. How many
            # markets a connection may have is not documented where we looked: few.
            ping_every=20.0, silent_after=60.0, most_topics=32,
        ),
    ),
    listings=(
        Listing(
            url="https://indexer.dydx.trade/v4/perpetualMarkets", read=_read_listing
        ),
    ),
    listed=tuple(
        Instrument(symbol=f"{asset}-USD", asset=asset, market=f"{asset}-USD")
        for asset in ("BTC", "ETH", "SOL")
    ),
)  # fmt: skip
