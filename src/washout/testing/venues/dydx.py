"""dYdX v4, the indexer.

Source: docs.dydx.exchange/api_integration-indexer/indexer_websocket: "connected" first;
"Every 30 seconds, the websocket API will send a heartbeat ping control frame", answered
within 10 seconds; subscribe with channel, id and batched; the answer holds the last
trades. A trade's type is LIMIT, LIQUIDATED or DELEVERAGED, its side the taker's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from washout.testing.exchange_market import Contract, Order, Trade
from washout.testing.exchange_protocols import (
    Answer,
    Asked,
    Pings,
    Protocol,
    Push,
    Session,
    Topics,
    dumps,
    fake_id,
    iso,
    loads,
    text,
)

_TICKS = {"BTC": "1", "ETH": "0.1", "SOL": "0.01", "XRP": "0.0001", "DOGE": "0.00001"}
_STEPS = {"BTC": "0.0001", "ETH": "0.001", "SOL": "0.1", "XRP": "10", "DOGE": "10"}


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Counted in the asset, priced in USDC, named in USD."""
    return [
        Contract(
            symbol=f"{asset}-USD", asset=asset, market=f"{asset}-USD",
            step=Decimal(_STEPS[asset]), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/v4/ws`."""
    return () if path == "/v4/ws" else None


def _numbered(session: Session, said: dict[str, Any]) -> bytes:
    number, who = session.counter, fake_id("dydx", session.number)
    session.counter += 1
    head = {"type": said.pop("type"), "connection_id": who, "message_id": number}
    return dumps(head | said)


def greet(session: Session) -> list[bytes]:
    """connected, message 0."""
    return [_numbered(session, {"type": "connected"})]


def hear(session: Session, message: bytes) -> list[bytes]:
    """Subscribe and unsubscribe of v4_trades."""
    asked = loads(message)
    asked = asked if isinstance(asked, dict) else {}
    channel, name = asked.get("channel"), str(asked.get("id"))
    sort = asked.get("type")
    if sort not in ("subscribe", "unsubscribe"):
        return [
            _numbered(session, {"type": "error", "message": f"Invalid type: {sort}"})
        ]
    if channel != "v4_trades" or session.refused(name):
        says = f"Invalid subscription id for channel: ({channel}-{name})"
        return [_numbered(session, {"type": "error", "message": says})]
    said: dict[str, Any] = {"type": f"{sort}d", "channel": channel, "id": name}
    if sort == "unsubscribe":
        session.topics.pop(name, None)
        return [_numbered(session, said)]
    session.topics[name] = bool(asked.get("batched", False))
    return [_numbered(session, said | {"contents": {"trades": []}})]


def wrap(session: Session, topic: str, push: Push) -> bytes:
    """One message, or a batch of one if batches were asked for."""
    number, who = session.counter, fake_id("dydx", session.number)
    session.counter += 1
    batched = session.topics[topic]
    contents = b'[{"trades":[%b]}]' if batched else b'{"trades":[%b]}'
    return (
        b'{"type":"%b","connection_id":"%b","message_id":%d,"id":"%b",'
        b'"channel":"v4_trades","version":"2.1.0","contents":%b}'
    ) % (
        b"channel_batch_data" if batched else b"channel_data", who.encode(), number,
        topic.encode(), contents % push.body,
    )  # fmt: skip


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """Trades of type LIQUIDATED."""
    return [_trade(order, order.long, "LIQUIDATED") for order in orders]


def print_trade(trade: Trade) -> Push:
    """A trade of type LIMIT."""
    return _trade(trade, trade.sells, "LIMIT")


def _trade(one: Order | Trade, sells: bool, sort: str) -> Push:
    block = one.time // 1_000_000 % 0x7FFFFFFF
    said = {
        "id": f"{block:08x}{one.serial:08x}{1 if sort == 'LIMIT' else 2:08x}",
        "side": "SELL" if sells else "BUY", "size": text(one.count), "type": sort,
        "price": text(one.price), "createdAt": iso(one.time),
        "createdAtHeight": str(block),
    }  # fmt: skip
    return Push(
        topics=(one.contract.symbol,), body=dumps(said), after=500_000,
        orders=(one,) if isinstance(one, Order) else (),
        trades=(one,) if isinstance(one, Trade) else (),
    )  # fmt: skip


def rest(asked: Asked) -> Answer | None:
    """`/v4/perpetualMarkets`."""
    if asked.path != "/v4/perpetualMarkets":
        return None
    listed = {
        one.symbol: {
            "clobPairId": str(place), "ticker": one.symbol, "status": "ACTIVE",
            "oraclePrice": text(asked.mark(one).price), "marketType": "CROSS",
            "stepSize": text(one.step), "tickSize": text(one.tick),
        }
        for place, one in enumerate(asked.contracts)
    }  # fmt: skip
    gone = {"clobPairId": "99", "ticker": "LUNA-USD", "status": "FINAL_SETTLEMENT"}
    return Answer(body={"markets": {**listed, "LUNA-USD": gone}})


PROTOCOLS = (
    Protocol(
        exchange="dydx", line="indexer", source=__doc__ or "", contracts=contracts,
        paths=paths, greet=greet, hear=hear, wrap=wrap, orders=print_orders,
        trade=print_trade, rest=rest, share=0.03, lifetime=None,
        pings=Pings(every=30.0, within=10.0),
    ),
)  # fmt: skip
