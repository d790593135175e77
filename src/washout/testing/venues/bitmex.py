"""BitMEX.

Source: www.bitmex.com/app/wsAPI: a welcome, `success` for each topic, then a `partial`;
"If 5 seconds pass, send the raw string 'ping'", answered by 'pong'; an unknown table is
status 400. The `liquidation` table holds open liquidation orders, without a time: they
are inserted, updated and deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from washout.testing.exchange_market import Contract, Order
from washout.testing.exchange_protocols import (
    Answer,
    Asked,
    Protocol,
    Push,
    Session,
    Topics,
    dumps,
    fake_id,
    iso,
    loads,
)

_PARTS = {"BTC": 1_000_000, "ETH": 100_000, "SOL": 10_000, "XRP": 100, "DOGE": 100}
_NAMES = {"BTC": "XBT"}
_TICKS = {
    "BTC": "0.5",
    "ETH": "0.05",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_TABLES = ("liquidation", "trade", "instrument", "funding", "quote")


def contracts(assets: Sequence[str]) -> list[Contract]:
    """XBTUSD counts dollars; contracts in USDT count a part of a coin."""
    found = []
    for asset in assets:
        name, tick = _NAMES.get(asset, asset), Decimal(_TICKS[asset])
        if asset == "BTC":
            found.append(
                Contract(
                    symbol="XBTUSD", asset=asset, market="BTC-USD", unit="usd",
                    step=Decimal(100), tick=tick,
                )
            )  # fmt: skip
        found.append(
            Contract(
                symbol=f"{name}USDT", asset=asset, market=f"{asset}-USDT",
                size=1 / Decimal(_PARTS[asset]), step=Decimal(100), tick=tick,
            )
        )  # fmt: skip
    return found


def paths(path: str, query: Mapping[str, str]) -> Topics | None:
    """`/realtime?subscribe=liquidation,...`."""
    if path.rstrip("/") != "/realtime":
        return None
    return tuple(filter(None, query.get("subscribe", "").split(",")))


def greet(session: Session) -> list[bytes]:
    """The welcome."""
    welcome = {
        "info": "Welcome to the BitMEX Realtime API.", "version": "2.0.0",
        "timestamp": iso(session.now()), "docs": "https://www.bitmex.com/app/wsAPI",
        "heartbeatEnabled": False, "limit": {"remaining": 719},
    }  # fmt: skip
    asked = list(session.topics)
    return [dumps(welcome), *(one for topic in asked for one in _begun(topic, None))]


def _begun(topic: str, request: Any) -> list[bytes]:
    said: dict[str, Any] = {"success": True, "subscribe": topic}
    partial = {
        "table": topic.split(":", maxsplit=1)[0], "action": "partial", "keys": ["orderID"],
        "types": {"orderID": "guid", "symbol": "symbol", "side": "symbol",
                  "price": "float", "leavesQty": "long"},
        "filter": {}, "data": [],
    }  # fmt: skip
    return [dumps(said | ({"request": request} if request else {})), dumps(partial)]


def hear(session: Session, message: bytes) -> list[bytes]:
    """The word ping; subscribe and unsubscribe."""
    if message == b"ping":
        return [b"pong"]
    asked = loads(message)
    if not isinstance(asked, dict) or asked.get("op") not in (
        "subscribe",
        "unsubscribe",
    ):
        return [_error("Unrecognized request.", {"raw": message.decode()})]
    args = asked.get("args", [])
    answers: list[bytes] = []
    for topic in [args] if isinstance(args, str) else args:
        if asked["op"] == "unsubscribe":
            session.topics.pop(topic, None)
            answers.append(
                dumps({"success": True, "unsubscribe": topic, "request": asked})
            )
        elif topic.split(":")[0] not in _TABLES or session.refused(topic):
            answers.append(_error(f"Unknown table: {topic}", asked))
        else:
            session.topics[topic] = topic
            answers.extend(_begun(topic, asked))
    return answers


def _error(says: str, request: Any) -> bytes:
    return dumps({"status": 400, "error": says, "meta": {}, "request": request})


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """Insert, then an update of what is left, then delete: one order, not three."""
    pushes = []
    for order in orders:
        key = {
            "orderID": fake_id("bitmex", order.contract.symbol, order.time, order.serial),
            "symbol": order.contract.symbol,
        }  # fmt: skip
        insert = {
            **key, "side": "Sell" if order.long else "Buy", "price": order.price,
            "leavesQty": int(order.count),
        }  # fmt: skip
        pushes.append(_change("insert", insert, order, after=10_000, counts=True))
        if order.serial % 3 == 0:
            left = {**key, "leavesQty": int(order.count) // 2}
            pushes.append(_change("update", left, order, after=200_000))
        pushes.append(_change("delete", key, order, after=400_000))
    return pushes


def _change(
    action: str, data: Any, order: Order, *, after: int, counts: bool = False
) -> Push:
    body = dumps({"table": "liquidation", "action": action, "data": [data]})
    topics = ("liquidation", f"liquidation:{order.contract.symbol}")
    return Push(
        topics=topics, body=body, orders=(order,) if counts else (), after=after
    )


def rest(asked: Asked) -> Answer | None:
    """`/api/v1/instrument/active`."""
    if asked.path not in ("/api/v1/instrument/active", "/api/v1/instrument"):
        return None
    listed = [_instrument(asked, one) for one in asked.contracts]
    dated = {
        **listed[0],
        "symbol": "XBTZ26",
        "typ": "FFCCSX",
        "expiry": "2026-12-25T12:00:00.000Z",
    }
    quanto = {**listed[0], "symbol": "ETHUSD", "rootSymbol": "ETH", "underlying": "ETH",
              "isInverse": False, "isQuanto": True, "multiplier": 100}  # fmt: skip
    spot = {**listed[0], "symbol": "XBT_USDT", "typ": "IFXXXP"}
    return Answer(body=[*listed, dated, quanto, spot])


def _instrument(asked: Asked, contract: Contract) -> dict[str, Any]:
    straight, mark = contract.unit == "base", asked.mark(contract)
    name = _NAMES.get(contract.asset, contract.asset)
    parts = _PARTS[contract.asset]
    return {
        "symbol": contract.symbol, "rootSymbol": name, "state": "Open", "typ": "FFWCSX",
        "underlying": name, "quoteCurrency": "USDT" if straight else "USD",
        "settlCurrency": "USDt" if straight else "XBt", "positionCurrency": "USD",
        "isQuanto": False, "isInverse": not straight, "expiry": None,
        "multiplier": 1_000_000 // parts if straight else -100_000_000,
        "underlyingToPositionMultiplier": parts if straight else None,
        "underlyingToSettleMultiplier": None if straight else -100_000_000,
        "quoteToSettleMultiplier": 1_000_000 if straight else None,
        "lotSize": 100, "tickSize": contract.tick, "markPrice": mark.price,
        "timestamp": iso(asked.now),
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="bitmex", line="realtime", source=__doc__ or "", contracts=contracts,
        paths=paths, greet=greet, hear=hear, orders=print_orders, rest=rest,
        share=0.05, lifetime=None, connections=(20, 3_600.0),
    ),
)  # fmt: skip
