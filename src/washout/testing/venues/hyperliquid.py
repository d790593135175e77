"""Hyperliquid.

Source: hyperliquid.gitbook.io, API, WebSocket: {"method":"subscribe","subscription":...},
answered on channel subscriptionResponse; {"method":"ping"} every minute, else the server
closes; trades have no mark of liquidation, fills of a user have (`liquidation`). A fill's
user is liquidated if it is `liquidatedUser`; the other fill of the same trade is not.
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
    loads,
    text,
)

_TICKS = {"BTC": "1", "ETH": "0.1", "SOL": "0.001", "XRP": "0.0001", "DOGE": "0.00001"}
_STEPS = {"BTC": "0.00001", "ETH": "0.0001", "SOL": "0.01", "XRP": "1", "DOGE": "1"}
LIQUIDATED = "0x5ef843ccf26810073ee689a954f6d05f5b48fccb"
"""The one user who is liquidated here, again and again."""


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Counted in the asset."""
    return [
        Contract(
            symbol=asset, asset=asset, market=f"{asset}-USD",
            step=Decimal(_STEPS[asset]), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/ws`."""
    return () if path == "/ws" else None


def hear(session: Session, message: bytes) -> list[bytes]:
    """ping, subscribe, unsubscribe."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [_error(f"Error parsing JSON into valid websocket request: {message!r}")]
    if asked.get("method") == "ping":
        return [dumps({"channel": "pong"})]
    wanted = asked.get("subscription", {})
    topic = _topic(wanted)
    if asked.get("method") not in ("subscribe", "unsubscribe") or topic is None:
        return [_error(f"Invalid subscription {message.decode()}")]
    if session.refused(topic):
        return [_error(f"Invalid subscription {message.decode()}")]
    if asked["method"] == "subscribe":
        session.topics[topic] = topic
    else:
        session.topics.pop(topic, None)
    said = {"method": asked["method"], "subscription": wanted}
    answers = [dumps({"channel": "subscriptionResponse", "data": said})]
    if topic.startswith("userFills:") and asked["method"] == "subscribe":
        first = {"isSnapshot": True, "user": wanted["user"], "fills": []}
        answers.append(dumps({"channel": "userFills", "data": first}))
    return answers


def _topic(wanted: Mapping[str, str]) -> str | None:
    match wanted.get("type"):
        case "trades" if "coin" in wanted:
            return f"trades:{wanted['coin']}"
        case "userFills" if "user" in wanted:
            return f"userFills:{wanted['user'].lower()}"
        case "activeAssetCtx" if "coin" in wanted:
            return f"activeAssetCtx:{wanted['coin']}"
    return None


def _error(says: str) -> bytes:
    return dumps({"channel": "error", "data": says})


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """A fill for the liquidated user; the trade itself looks like any other."""
    return [
        push for order in orders for push in (_fill(order), _trade(order, order.long))
    ]


def _fill(order: Order) -> Push:
    contract = order.contract
    fill = {
        "coin": contract.symbol, "px": text(order.price), "sz": text(order.count),
        "side": "A" if order.long else "B", "time": order.time // 1000,
        "startPosition": text(order.count if order.long else -order.count),
        "dir": "Close Long" if order.long else "Close Short", "closedPnl": "-1.0",
        "hash": _hash(order), "oid": 480_000_000_000 + order.serial, "crossed": True,
        "fee": "0.01", "tid": _number(order), "feeToken": "USDC", "twapId": None,
        "liquidation": {
            "liquidatedUser": LIQUIDATED, "markPx": text(order.price), "method": "market",
        },
    }  # fmt: skip
    data = {"user": LIQUIDATED, "fills": [fill]}
    return Push(
        topics=(f"userFills:{LIQUIDATED}",), orders=(order,), after=300_000,
        body=dumps({"channel": "userFills", "data": data}),
    )  # fmt: skip


def print_trade(trade: Trade) -> Push:
    """`side` A says that the taker sold."""
    return _trade(trade, trade.sells)


def _trade(one: Order | Trade, sells: bool) -> Push:
    coin = one.contract.symbol
    said = {
        "coin": coin, "side": "A" if sells else "B", "px": text(one.price),
        "sz": text(one.count), "time": one.time // 1000, "hash": _hash(one),
        "tid": _number(one), "users": [LIQUIDATED, "0x" + "1" * 40],
    }  # fmt: skip
    return Push(
        topics=(f"trades:{coin}",), body=dumps({"channel": "trades", "data": [said]}),
        trades=(one,) if isinstance(one, Trade) else (), after=300_000,
    )  # fmt: skip


def _hash(one: Order | Trade) -> str:
    return "0x" + fake_id("hyperliquid", one.time, one.serial).replace("-", "") * 2


def _number(one: Order | Trade) -> int:
    sort = 1 if isinstance(one, Order) else 2
    return (one.time // 1_000_000 % 10**8) * 10**6 + one.serial % 10**5 * 10 + sort


def rest(asked: Asked) -> Answer | None:
    """`/info`: meta, and metaAndAssetCtxs."""
    if asked.path != "/info":
        return None
    wanted = loads(asked.body) if asked.body else dict(asked.query)
    sort = wanted.get("type") if isinstance(wanted, dict) else None
    universe: list[dict[str, Any]] = [
        {"name": one.symbol, "szDecimals": -int(one.step.as_tuple().exponent),
         "maxLeverage": 40}
        for one in asked.contracts
    ]  # fmt: skip
    meta = {
        "universe": [*universe, {"name": "LUNA", "szDecimals": 1, "isDelisted": True}]
    }
    if sort == "meta":
        return Answer(body=meta)
    if sort == "metaAndAssetCtxs":
        return Answer(body=[meta, [_context(asked, one) for one in asked.contracts]])
    return Answer(status=422, body="Failed to deserialize the JSON body")


def _context(asked: Asked, contract: Contract) -> dict[str, str]:
    mark = asked.mark(contract)
    return {
        "funding": text(mark.funding), "openInterest": text(asked.open_interest(contract)),
        "markPx": text(mark.price), "oraclePx": text(mark.index),
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="hyperliquid", line="public", source=__doc__ or "",
        contracts=contracts, paths=paths, hear=hear, orders=print_orders,
        trade=print_trade, rest=rest, share=0.2, lifetime=None,
        pings=Pings(idle=60.0, idle_end=(1000, "Inactive")),
    ),
)  # fmt: skip
