"""Gate futures settled in USDT, and the one in bitcoin (`BTC_USD`, contracts of 1 USD).

Source: www.gate.io/docs/developers/futures/ws, change of 2026-08-20: liquidations of one
contract within a second come in one array, at once when there are 20; `time` of a row
is in milliseconds; `size` is an integer unless the header X-Gate-Size-Decimal is 1.
`!all` asks for all contracts. futures.ping is answered by futures.pong. The sign of
`size` is documented nowhere; here it is the order's: negative sells, a long is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    loads,
    text,
)

_SIZES = {"BTC": "0.0001", "ETH": "0.01", "SOL": "1", "XRP": "10", "DOGE": "10"}
_TICKS = {
    "BTC": "0.1",
    "ETH": "0.01",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_CHANNEL = "futures.public_liquidates"


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Contracts of a part of a coin, counted in whole ones."""
    return [
        Contract(
            symbol=f"{asset}_USDT", asset=asset, market=f"{asset}-USDT",
            size=Decimal(_SIZES[asset]), step=Decimal(1), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def inverse(assets: Sequence[str]) -> list[Contract]:
    """Contracts of one dollar, settled in bitcoin."""
    return [
        Contract(
            symbol="BTC_USD", asset="BTC", market="BTC-USD", unit="usd",
            step=Decimal(1), tick=Decimal(_TICKS["BTC"]),
        )
        for asset in assets
        if asset == "BTC"
    ]  # fmt: skip


_SETTLED = {"usdt": contracts, "btc": inverse}


def _paths(settle: str) -> Callable[[str, Mapping[str, str]], Topics | None]:
    def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
        return () if path.rstrip("/") == f"/v4/ws/{settle}" else None

    return paths


def hear(session: Session, message: bytes) -> list[bytes]:
    """futures.ping; subscribe and unsubscribe."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [_said(session, {}, {"error": {"code": 1, "message": "invalid json"}})]
    if asked.get("channel") == "futures.ping":
        return [
            _said(session, {"channel": "futures.pong", "event": ""}, {"result": None})
        ]
    payload = asked.get("payload", [])
    if asked.get("channel") != _CHANNEL:
        says = f"unknown channel {asked.get('channel')}"
        return [_refusal(session, asked, says)]
    if refused := [one for one in payload if session.refused(one)]:
        return [_refusal(session, asked, f"unknown contract {refused[0]}")]
    if asked.get("event") == "subscribe":
        session.topics.update((one, one) for one in payload)
    for one in payload if asked.get("event") == "unsubscribe" else ():
        session.topics.pop(one, None)
    return [
        _said(session, asked, {"payload": payload, "result": {"status": "success"}})
    ]


def _refusal(session: Session, asked: Mapping[str, Any], says: str) -> bytes:
    return _said(
        session, asked, {"error": {"code": 2, "message": says}, "result": None}
    )


def _said(session: Session, asked: Mapping[str, Any], more: dict[str, Any]) -> bytes:
    return dumps(
        {
            "time": session.ms // 1000, "time_ms": session.ms,
            "conn_id": fake_id("gate", session.number)[:16],
            "channel": asked.get("channel", ""), "event": asked.get("event", ""), **more,
        }
    )  # fmt: skip


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """The orders of one contract within a second."""
    symbol, time = orders[0].contract.symbol, orders[-1].time // 1000
    rows = [
        {
            "price": text(order.price), "size": int(-order.count if order.long else order.count),
            "time": order.time // 1000, "contract": symbol,
        }
        for order in orders
    ]  # fmt: skip
    body = {
        "channel": _CHANNEL, "event": "update", "time": (time + 200) // 1000,
        "time_ms": time + 200, "result": rows,
    }  # fmt: skip
    return [
        Push(
            topics=(symbol, "!all"), body=dumps(body), orders=tuple(orders),
            after=200_000,
        )
    ]  # fmt: skip


def rest(asked: Asked) -> Answer | None:
    """`/api/v4/futures/usdt/contracts`, and the same of `btc`: one host has both."""
    match asked.path.split("/"):
        case ["", "api", "v4", "futures", settle, "contracts"] if settle in _SETTLED:
            return Answer(body=_listed(asked, _SETTLED[settle](asked.world.assets)))
    return None


def _listed(asked: Asked, found: Sequence[Contract]) -> list[dict[str, Any]]:
    listed = [
        {
            "name": one.symbol, "type": "direct" if one.unit == "base" else "inverse",
            "quanto_multiplier": text(one.size) if one.unit == "base" else "0",
            "mark_price": text(asked.mark(one).price), "in_delisting": False,
            "order_price_round": text(one.tick), "status": "trading",
        }
        for one in found
    ]  # fmt: skip
    gone = {
        **listed[0],
        "name": "LUNA_USDT",
        "in_delisting": True,
        "status": "delisted",
    }
    return [*listed, gone] if found[0].unit == "base" else listed


PROTOCOLS = tuple(
    Protocol(
        exchange="gate", line=settle, source=__doc__ or "", contracts=contracts_of,
        paths=_paths(settle), hear=hear, orders=print_orders, rest=rest, batch=1000,
        most=20, share=share, lifetime=None, connections=(300, 300.0),
    )
    for settle, contracts_of, share in (
        ("usdt", contracts, 0.15), ("btc", inverse, 0.02),
    )
)  # fmt: skip
