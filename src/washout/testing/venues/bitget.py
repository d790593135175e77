"""Bitget, public channels of the unified account (v3).

Source: www.bitget.com/api-doc/uta/websocket: "send string 'ping' every 30 seconds",
expect 'pong', "if no ping within 2 minutes" the server disconnects; topic `liquidation`
of an instType. `side` is the position's (tardis-node); `amount` is in the quote
currency: in tardis-node's fixtures amount / price is a round number of coins (83.1 and
286.5), amount itself is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from washout.testing.exchange_market import Contract, Order
from washout.testing.exchange_protocols import (
    Answer,
    Asked,
    Pings,
    Protocol,
    Push,
    Session,
    Topics,
    dumps,
    loads,
    text,
)

_TICKS = {
    "BTC": "0.1",
    "ETH": "0.01",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_STEPS = {"BTC": "0.0001", "ETH": "0.01", "SOL": "0.1", "XRP": "1", "DOGE": "1"}


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Counted in the asset."""
    return [
        Contract(
            symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT",
            step=Decimal(_STEPS[asset]), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/v3/ws/public`."""
    return () if path == "/v3/ws/public" else None


def hear(session: Session, message: bytes) -> list[bytes]:
    """The word ping; subscribe and unsubscribe, one answer for each argument."""
    if message == b"ping":
        return [b"pong"]
    asked = loads(message)
    if not isinstance(asked, dict) or asked.get("op") not in (
        "subscribe",
        "unsubscribe",
    ):
        return [dumps({"event": "error", "code": "30003", "msg": "INVALID op"})]
    return [_answer(session, asked["op"], arg) for arg in asked.get("args", [])]


def _answer(session: Session, operation: str, arg: Mapping[str, str]) -> bytes:
    topic = f"{arg.get('topic')}:{str(arg.get('instType')).lower()}"
    if topic != "liquidation:usdt-futures" or session.refused(topic):
        says = f"topic:{arg.get('topic')} doesn't exist"
        return dumps({"event": "error", "arg": arg, "code": "30001", "msg": says})
    if operation == "subscribe":
        session.topics[topic] = topic
    else:
        session.topics.pop(topic, None)
    return dumps({"event": operation, "arg": arg})


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """The orders of a second, the newest first; `side` is the position's."""
    said = [
        {
            "symbol": order.contract.symbol, "side": "buy" if order.long else "sell",
            "price": text(order.price), "amount": text(order.usd),
            "ts": str(order.time // 1000),
        }
        for order in reversed(orders)
    ]  # fmt: skip
    body = {
        "action": "update", "arg": {"instType": "usdt-futures", "topic": "liquidation"},
        "data": said, "ts": orders[-1].time // 1000 + 900,
    }  # fmt: skip
    return [
        Push(
            topics=("liquidation:usdt-futures",), body=dumps(body),
            orders=tuple(orders), after=900_000,
        )
    ]  # fmt: skip


def rest(asked: Asked) -> Answer | None:
    """Instruments of v3, and contracts of v2."""
    match asked.path:
        case "/api/v3/market/instruments":
            listed = [_instrument(one) for one in asked.contracts]
            dated = {**listed[0], "symbol": "BTCUSDT25DEC26", "type": "delivery"}
            return Answer(body=_said(asked, [*listed, dated]))
        case "/api/v2/mix/market/contracts":
            return Answer(
                body=_said(asked, [_contract(one) for one in asked.contracts])
            )
    return None


def _said(asked: Asked, data: Any) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": asked.ms, "data": data}


def _instrument(contract: Contract) -> dict[str, Any]:
    return {
        "symbol": contract.symbol, "category": "USDT-FUTURES", "type": "perpetual",
        "baseCoin": contract.asset, "quoteCoin": "USDT", "status": "online",
        "symbolType": "perpetual", "quantityMultiplier": text(contract.step),
        "priceMultiplier": text(contract.tick), "launchTime": "",
    }  # fmt: skip


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "symbol": contract.symbol, "baseCoin": contract.asset, "quoteCoin": "USDT",
        "symbolType": "perpetual", "symbolStatus": "normal", "offTime": "-1",
        "sizeMultiplier": text(contract.step), "supportMarginCoins": ["USDT"],
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="bitget", line="public", source=__doc__ or "", contracts=contracts,
        paths=paths, hear=hear, orders=print_orders, rest=rest, batch=1000, share=0.3,
        throttle="largest per side", lifetime=86_400.0, pings=Pings(idle=120.0),
        messages=(10, 1.0),
    ),
)  # fmt: skip
