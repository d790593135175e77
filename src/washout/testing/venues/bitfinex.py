"""Bitfinex derivatives, the liquidation feed.

Source: docs.bitfinex.com/docs/ws-general (info, ping, pong, heartbeat every 15 seconds)
and /reference/ws-public-status (key liq:global). Index 8 of a message is 0 at the
trigger and 1 at the execution; a positive amount is a long position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from washout.testing.exchange_market import Contract, Order, rounded
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
)

_TICKS = {"BTC": "1", "ETH": "0.1", "SOL": "0.01", "XRP": "0.0001", "DOGE": "0.00001"}
_KEY = "liq:global"


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Counted in the asset."""
    return [
        Contract(
            symbol=f"t{asset}F0:USTF0", asset=asset, market=f"{asset}-USDT",
            step=Decimal("0.00001"), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/ws/2`."""
    return () if path.rstrip("/") == "/ws/2" else None


def greet(_session: Session) -> list[bytes]:
    """The version, and that the platform works."""
    server = "1d5e9c4e-0f5b-4b8b-8b3a-000000000000"
    info = {
        "event": "info",
        "version": 2,
        "serverId": server,
        "platform": {"status": 1},
    }
    return [dumps(info)]


def hear(session: Session, message: bytes) -> list[bytes]:
    """ping, conf, subscribe, unsubscribe."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [_error({}, 10001, "unknown event")]
    match asked.get("event"):
        case "ping":
            return [dumps({"event": "pong", "ts": session.ms, "cid": asked.get("cid")})]
        case "conf":
            return [dumps({"event": "conf", "status": "OK"})]
        case "subscribe":
            return [_subscribe(session, asked)]
        case "unsubscribe":
            session.topics.clear()
            said = {"event": "unsubscribed", "status": "OK"}
            return [dumps(said | {"chanId": asked.get("chanId")})]
    return [_error(asked, 10000, "unknown event")]


def _subscribe(session: Session, asked: Mapping[str, Any]) -> bytes:
    key = str(asked.get("key"))
    if asked.get("channel") != "status" or key != _KEY or session.refused(key):
        return _error(asked, 10300, "key: invalid")
    if key in session.topics:
        return _error(asked, 10301, "status: dup")
    session.topics[key] = 91_000 + session.number
    said = {"event": "subscribed", "channel": "status", "chanId": session.topics[key]}
    return dumps(said | {"key": key})


def _error(asked: Mapping[str, Any], code: int, says: str) -> bytes:
    return dumps({**asked, "event": "error", "msg": says, "code": code})


def wrap(session: Session, topic: str, push: Push) -> bytes:
    """The number of the channel on this connection."""
    return b"[%d,%b]" % (session.topics[topic], push.body)


def heartbeat(session: Session) -> bytes:
    """Of every channel, when nothing else came."""
    return dumps([session.topics.get(_KEY, 0), "hb"])


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """Two messages a liquidation: the trigger, and the execution with its price."""
    return [push for order in orders for push in _twice(order)]


def _twice(order: Order) -> list[Push]:
    contract, time = order.contract, order.time // 1000
    amount = order.count if order.long else -order.count
    entry = rounded(
        order.price * Decimal("1.05" if order.long else "0.95"), contract.tick
    )
    number = 143_000_000 + order.serial * 10 + len(contract.asset)
    trigger = ["pos", number, time, None, contract.symbol, amount, entry, None, 0, 1,
               None, None]  # fmt: skip
    executed = ["pos", number, time, None, contract.symbol, amount, entry, None, 1, 1,
                None, order.price]  # fmt: skip
    return [
        Push(topics=(_KEY,), body=dumps([trigger]), after=50_000),
        Push(topics=(_KEY,), body=dumps([executed]), orders=(order,), after=900_000),
    ]


def rest(asked: Asked) -> Answer | None:
    """`/v2/conf/pub:list:pair:futures`."""
    if asked.path != "/v2/conf/pub:list:pair:futures":
        return None
    return Answer(body=[[one.symbol.removeprefix("t") for one in asked.contracts]])


PROTOCOLS = (
    Protocol(
        exchange="bitfinex", line="public", source=__doc__ or "", contracts=contracts,
        paths=paths, greet=greet, hear=hear, wrap=wrap, orders=print_orders, rest=rest,
        share=0.03, lifetime=None, connections=(20, 60.0),
        pings=Pings(every=15.0, within=float("inf"), text=heartbeat),
    ),
)  # fmt: skip
