"""HTX swaps, linear and inverse, notifications: every frame is gzipped.

Source: HTX USDT-margined contracts, "Subscribe Liquidation Orders (no authentication)":
topics public.$contract_code.liquidation_orders or public.*.liquidation_orders; asking for
less than one has is an error (2014). Frames of live captures (belyjelli/ai-rates): pings
with their time as text. "Heartbeat": every 5 seconds, cut after three without an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
)

_SIZES = {"BTC": "0.001", "ETH": "0.01", "SOL": "1", "XRP": "10", "DOGE": "100"}
_TICKS = {
    "BTC": "0.1",
    "ETH": "0.01",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_ALL = "public.*.liquidation_orders"


def contracts(assets: Sequence[str]) -> list[Contract]:
    """Contracts of a part of a coin, counted in whole ones."""
    return [
        Contract(
            symbol=f"{asset}-USDT", asset=asset, market=f"{asset}-USDT",
            size=Decimal(_SIZES[asset]), step=Decimal(1), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def inverse(assets: Sequence[str]) -> list[Contract]:
    """Contracts of 100 USD for BTC and of 10 for others."""
    return [
        Contract(
            symbol=f"{asset}-USD", asset=asset, market=f"{asset}-USD", unit="usd",
            size=Decimal(100 if asset == "BTC" else 10), step=Decimal(1),
            tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def _paths(where: str) -> Callable[[str, Mapping[str, str]], Topics | None]:
    def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
        return () if path == where else None

    return paths


def hear(session: Session, message: bytes) -> list[bytes]:
    """pong, ping, sub, unsub."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [dumps({"op": "error", "err-code": 2001, "err-msg": "Invalid json."})]
    match asked.get("op"):
        case "pong":
            session.notes["answered"] = session.now()
            return []
        case "ping":
            return [dumps({"op": "pong", "ts": asked.get("ts")})]
        case "sub":
            return [_subscribe(session, asked)]
        case "unsub":
            session.topics.pop(str(asked.get("topic")), None)
            return [_said(session, asked, 0)]
    return [_said(session, asked, 2002, "Invalid op.")]


def _subscribe(session: Session, asked: Mapping[str, Any]) -> bytes:
    topic = str(asked.get("topic"))
    if session.refused(topic) or not topic.endswith(".liquidation_orders"):
        return _said(session, asked, 1002, "not authorized")
    if topic in session.topics or _ALL in session.topics:
        return _said(session, asked, 2014, "Repeated subscription.")
    session.topics[topic] = topic
    return _said(session, asked, 0)


def _said(
    session: Session, asked: Mapping[str, Any], code: int, says: str | None = None
) -> bytes:
    said = {key: asked[key] for key in ("op", "cid", "topic") if key in asked}
    said |= {"ts": session.ms, "err-code": code}
    return dumps(said | ({"err-msg": says} if says else {}))


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """`direction` is the order's: to sell and close is the end of a long."""
    return [_liquidation(order) for order in orders]


def _liquidation(order: Order) -> Push:
    contract, time = order.contract, order.time // 1000
    said: dict[str, Any] = {
        "symbol": contract.asset, "contract_code": contract.symbol,
        "direction": "sell" if order.long else "buy", "offset": "close",
        "volume": int(order.count), "price": order.price, "created_at": time,
    }  # fmt: skip
    if contract.unit == "base":
        said |= {
            "amount": order.count * contract.size, "trade_turnover": order.usd,
            "contract_type": "swap", "pair": contract.symbol, "business_type": "swap",
            "trade_partition": "USDT",
        }  # fmt: skip
    else:
        said["amount"] = float(contract.base(order.count, order.price))
    topic = f"public.{contract.symbol}.liquidation_orders"
    body = {"op": "notify", "topic": topic, "ts": time + 5, "data": [said]}
    return Push(topics=(topic, _ALL), body=dumps(body), orders=(order,), after=5_000)


def rest(asked: Asked) -> Answer | None:
    """`swap_contract_info` of linear and inverse swaps: one host has both."""
    match asked.path:
        case "/linear-swap-api/v1/swap_contract_info":
            listed = [_linear_info(one) for one in contracts(asked.world.assets)]
            dated = {**listed[0], "contract_code": "BTC-USDT-261225",
                     "business_type": "futures", "contract_type": "quarter"}  # fmt: skip
            listed.append(dated)
        case "/swap-api/v1/swap_contract_info":
            listed = [_inverse_info(one) for one in inverse(asked.world.assets)]
        case _:
            return None
    return Answer(body={"status": "ok", "data": listed, "ts": asked.ms})


def _inverse_info(one: Contract) -> dict[str, Any]:
    return {
        "symbol": one.asset, "contract_code": one.symbol, "contract_size": one.size,
        "price_tick": one.tick, "contract_status": 1, "settlement_date": "1",
        "create_date": "20200325", "delivery_time": "",
    }  # fmt: skip


def _linear_info(one: Contract) -> dict[str, Any]:
    return {
        "symbol": one.asset, "contract_code": one.symbol, "contract_size": one.size,
        "price_tick": one.tick, "contract_status": 1, "settlement_date": "1",
        "support_margin_mode": "all", "business_type": "swap", "pair": one.symbol,
        "contract_type": "swap", "trade_partition": "USDT",
    }  # fmt: skip


PROTOCOLS = tuple(
    Protocol(
        exchange="htx", line=line, source=__doc__ or "", contracts=contracts_of,
        paths=_paths(where), hear=hear, orders=print_orders, rest=rest, gzip=True,
        share=share, lifetime=None,
        pings=Pings(
            every=5.0, within=15.0,
            text=lambda session: dumps({"op": "ping", "ts": str(session.ms)}),
        ),
    )
    for line, contracts_of, where, share in (
        ("linear", contracts, "/linear-swap-notification", 0.05),
        ("inverse", inverse, "/swap-notification", 0.02),
    )
)  # fmt: skip
