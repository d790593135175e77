"""Deribit perpetuals: liquidations are flags on trades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

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
)
from washout.exchanges import _making as make
from washout.exchanges._reading import Millis, amount, read, unexplained, unlisted
from washout.instruments import split_symbol

_SITE = "docs.deribit.com"
_FLAG = (
    f"{_SITE}, trades.(kind).(currency).(interval): 'liquidation: Optional field (only"
    ' for trades caused by liquidation): "M" when maker side of trade was under'
    ' liquidation, "T" when taker side was under liquidation, "MT" when both sides'
    " of trade were under liquidation'"
)
_AMOUNT = (
    f"{_SITE}, the same: 'amount: Trade amount. For perpetual and inverse futures the"
    " amount is in USD units. For options and linear futures it is the underlying base"
    " currency coin'"
)


class _Trade(msgspec.Struct, frozen=True):
    trade_id: Annotated[str, msgspec.Meta(pattern="^([A-Z0-9_]+-)?[0-9]+$")]
    instrument_name: str
    timestamp: Millis
    direction: Literal["buy", "sell"]
    amount: float
    price: float
    liquidation: Literal["M", "T", "MT"] | msgspec.UnsetType = msgspec.UNSET


class _Params(msgspec.Struct, frozen=True):
    channel: str = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: str = ""


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str


class _Frame(msgspec.Struct, frozen=True):
    method: str = ""
    params: _Params | msgspec.UnsetType = msgspec.UNSET
    result: list[str] | dict[str, Any] | str | msgspec.UnsetType = msgspec.UNSET
    error: _Error | msgspec.UnsetType = msgspec.UNSET


_FRAME = msgspec.json.Decoder(_Frame)
_TRADES = msgspec.json.Decoder(list[_Trade])


def decode(payload: bytes, received: int, _instruments: Instruments) -> Decoded:
    """Liquidated sides of trades; names say what amounts count, nothing need be listed."""
    frame = read(_FRAME, payload, "deribit")
    if frame.params is not msgspec.UNSET:
        return _notified(frame.method, frame.params, payload, received)
    if frame.error is not msgspec.UNSET:
        text = f"{frame.error.code} {frame.error.message}"
        return Said(what="refused", text=text)
    match frame.result:
        case list():
            return Said(what="ack", topics=tuple(frame.result))
        case dict() | "ok":
            return Said(what="pong", text="answer to a test or to set_heartbeat")
    raise unexplained("deribit", "expected params, result or error", payload)


def _notified(method: str, told: _Params, payload: bytes, received: int) -> Decoded:
    if method == "heartbeat" and told.type == "test_request":
        return Said(what="ping", answer=TEST)
    if method == "heartbeat" and told.type == "heartbeat":
        return Said(what="pong")
    if method != "subscription" or not told.channel.startswith("trades."):
        raise unexplained("deribit", "expected a subscription to trades", payload)
    if told.data is msgspec.UNSET:
        raise unexplained("deribit", "expected data", payload)
    trades = read(_TRADES, told.data, "deribit")
    events: list[Event] = [one for trade in trades for one in _sides(trade, received)]
    return events or Said(what="ignored", text="no liquidation of a perpetual")


def flagged(
    trades: Iterable[Mapping[str, Any]], received: int
) -> Iterable[Liquidation]:
    """One event per liquidated side: the taker first, then the maker.

    Trades are as in the channel or in get_last_trades. Raises Unexplained.
    """
    raw = msgspec.json.encode(list(trades))
    for trade in read(_TRADES, raw, "deribit"):
        yield from _sides(trade, received)


def _sides(trade: _Trade, received: int) -> Iterable[Liquidation]:
    who = trade.liquidation
    if who is msgspec.UNSET or not trade.instrument_name.endswith("-PERPETUAL"):
        return
    taker_sells = trade.direction == "sell"
    if "T" in who:
        yield _liquidation(trade, "T", taker_sells, received)
    if "M" in who:
        yield _liquidation(trade, "M", not taker_sells, received)


def _liquidation(trade: _Trade, who: str, sold: bool, received: int) -> Liquidation:
    return make.liquidation(
        "deribit", _named(trade.instrument_name),
        make.CLOSES["long" if sold else "short"],
        amount(trade.amount, "amount", "deribit"),
        amount(trade.price, "price", "deribit"), "fill", trade.timestamp, received,
        f"{trade.trade_id}-{who}",
    )  # fmt: skip


def _named(symbol: str) -> Instrument:
    """`BTC-PERPETUAL` counts USD, `SOL_USDC-PERPETUAL` the asset."""
    pair = symbol.removesuffix("-PERPETUAL")
    if not pair.replace("_", "").isalnum():
        raise unlisted(symbol, "deribit")
    if "_" not in pair:
        asset, market = split_symbol(f"{pair}-USD")
        return Instrument(symbol=symbol, asset=asset, market=market, unit="usd")
    if not pair.endswith(("_USDC", "_USDT")):
        raise unlisted(symbol, "deribit")
    asset, market = split_symbol(pair)
    return Instrument(symbol=symbol, asset=asset, market=market)


# Asking and listing

TEST = msgspec.json.encode(
    {"jsonrpc": "2.0", "id": 3, "method": "public/test", "params": {}}
)
"""What a test_request must be answered with."""


def _topics(want: Want, instruments: Sequence[Instrument]) -> list[str]:
    """Trades of all futures are one channel; without a login every 100 ms."""
    wanted = want == "liquidations" and instruments
    return ["trades.future.any.100ms"] if wanted else []


def _ask(topics: Sequence[str]) -> list[bytes]:
    """A heartbeat, so that a dead connection is noticed by both; then the channels."""
    calls = (
        {"id": 1, "method": "public/set_heartbeat", "params": {"interval": 10}},
        {"id": 2, "method": "public/subscribe", "params": {"channels": list(topics)}},
    )
    return [msgspec.json.encode({"jsonrpc": "2.0", **call}) for call in calls]


class _Listed(msgspec.Struct, frozen=True):
    instrument_name: str
    settlement_period: str
    instrument_type: Literal["reversed", "linear"]


class _Answer(msgspec.Struct, frozen=True):
    result: list[_Listed]


_LISTED = msgspec.json.Decoder(_Answer)


def _read_listing(body: bytes) -> list[Instrument]:
    """Perpetuals; what the name says must be what the listing says."""
    rows = read(_LISTED, body, "deribit").result
    return [_listed(row) for row in rows if row.settlement_period == "perpetual"]


def _listed(row: _Listed) -> Instrument:
    found = _named(row.instrument_name)
    if (found.unit == "usd") != (row.instrument_type == "reversed"):
        raise unlisted(row.instrument_name, "deribit")
    return found


deribit = Exchange(
    name="deribit",
    title="Deribit",
    coverage=(
        Fact(
            since=0, trust="all", floor=False,
            says="every liquidated trade carries a flag", source=_FLAG,
        ),
    ),
    meanings=(
        Meaning(
            field="liquidation, direction",
            says="direction is the taker's. T: the taker was liquidated, a long if it"
            " sold. M: the maker was, a long if the taker bought. MT: both, two events",
            source=f"{_FLAG}; 'direction: Trade direction of the taker'",
        ),
        Meaning(
            field="amount",
            says="USD of inverse perpetuals (BTC-PERPETUAL), the asset of linear ones"
            " (SOL_USDC-PERPETUAL)",
            source=_AMOUNT,
        ),
        Meaning(
            field="price", says="what the trade was made at",
            source=f"{_SITE}, the same: 'price: The price of the trade'",
        ),
    ),
    lines=(
        Line(
            name="public", locate=lambda _topics: "wss://www.deribit.com/ws/api/v2",
            topics=_topics, decode=decode, ask=_ask, silent_after=30.0,
        ),
    ),
    listings=(
        Listing(
            url="https://www.deribit.com/api/v2/public/get_instruments?currency=any"
            "&kind=future",
            read=_read_listing,
        ),
    ),
    listed=(
        Instrument(symbol="BTC-PERPETUAL", asset="BTC", market="BTC-USD", unit="usd"),
        Instrument(symbol="ETH-PERPETUAL", asset="ETH", market="ETH-USD", unit="usd"),
        Instrument(symbol="BTC_USDC-PERPETUAL", asset="BTC", market="BTC-USDC"),
        Instrument(symbol="SOL_USDC-PERPETUAL", asset="SOL", market="SOL-USDC"),
    ),
)  # fmt: skip
