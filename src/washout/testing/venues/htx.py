"""HTX linear swaps, notifications: every frame is gzipped.

Source: HTX USDT-margined contracts, "Subscribe Liquidation Orders (no authentication)":
topics public.$contract_code.liquidation_orders or public.*.liquidation_orders; asking for
less than one has is an error (2014). Frames of live captures (belyjelli/ai-rates): pings
with their time as text. "Heartbeat": every 5 seconds, cut after three without an answer.
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


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/linear-swap-notification`."""
    return () if path == "/linear-swap-notification" else None


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
    said = {
        "symbol": contract.asset, "contract_code": contract.symbol,
        "direction": "sell" if order.long else "buy", "offset": "close",
        "volume": int(order.count), "price": order.price, "created_at": time,
        "amount": order.count * contract.size, "trade_turnover": order.usd,
        "contract_type": "swap", "pair": contract.symbol, "business_type": "swap",
        "trade_partition": "USDT",
    }  # fmt: skip
    topic = f"public.{contract.symbol}.liquidation_orders"
    body = {"op": "notify", "topic": topic, "ts": time + 5, "data": [said]}
    return Push(topics=(topic, _ALL), body=dumps(body), orders=(order,), after=5_000)


def rest(asked: Asked) -> Answer | None:
    """`/linear-swap-api/v1/swap_contract_info`."""
    if asked.path != "/linear-swap-api/v1/swap_contract_info":
        return None
    listed = [
        {
            "symbol": one.asset, "contract_code": one.symbol, "contract_size": one.size,
            "price_tick": one.tick, "contract_status": 1, "settlement_date": "1",
            "support_margin_mode": "all", "business_type": "swap", "pair": one.symbol,
            "contract_type": "swap", "trade_partition": "USDT",
        }
        for one in asked.contracts
    ]  # fmt: skip
    dated = {**listed[0], "contract_code": "BTC-USDT-261225", "business_type": "futures",
             "contract_type": "quarter"}  # fmt: skip
    return Answer(body={"status": "ok", "data": [*listed, dated], "ts": asked.ms})


PROTOCOLS = (
    Protocol(
        exchange="htx", line="linear", source=__doc__ or "", contracts=contracts,
        paths=paths, hear=hear, orders=print_orders, rest=rest, gzip=True, share=0.05,
        lifetime=None,
        pings=Pings(
            every=5.0, within=15.0,
            text=lambda session: dumps({"op": "ping", "ts": str(session.ms)}),
        ),
    ),
)  # fmt: skip
