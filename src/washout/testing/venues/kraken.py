"""Kraken Futures.

Source: docs.kraken.com/exchange/api-reference/futures-websocket: "Send a ping at least
every 60 seconds to keep the connection open" (a ping of the websocket); feed `trade`
answers `subscribed` for each product, then a `trade_snapshot`; `type` of a trade is fill,
liquidation, assignment, termination or block.
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
)

_NAMES = {"BTC": "XBT"}
_TICKS = {"BTC": "0.5", "ETH": "0.1", "SOL": "0.01", "XRP": "0.0001", "DOGE": "0.00001"}
_STEPS = {"BTC": "0.0001", "ETH": "0.001", "SOL": "0.01", "XRP": "1", "DOGE": "1"}


def contracts(assets: Sequence[str]) -> list[Contract]:
    """PF_ counts coins, PI_ counts dollars."""
    found = []
    for asset in assets:
        name, tick = _NAMES.get(asset, asset), Decimal(_TICKS[asset])
        found.append(
            Contract(
                symbol=f"PF_{name}USD", asset=asset, market=f"{asset}-USD",
                step=Decimal(_STEPS[asset]), tick=tick,
            )
        )  # fmt: skip
        if asset in ("BTC", "ETH", "XRP"):
            found.append(
                Contract(
                    symbol=f"PI_{name}USD", asset=asset, market=f"{asset}-USD",
                    unit="usd", step=Decimal(1), tick=tick,
                )
            )  # fmt: skip
    return found


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/ws/v1`."""
    return () if path == "/ws/v1" else None


def greet(_session: Session) -> list[bytes]:
    """The version."""
    return [dumps({"event": "info", "version": 1})]


def hear(session: Session, message: bytes) -> list[bytes]:
    """Subscribe and unsubscribe of `trade` and `heartbeat`."""
    asked = loads(message)
    if not isinstance(asked, dict) or asked.get("event") not in (
        "subscribe",
        "unsubscribe",
    ):
        return [dumps({"event": "error", "message": "Invalid request"})]
    if asked.get("feed") == "heartbeat":
        return [dumps({"event": "subscribed", "feed": "heartbeat"})]
    if asked.get("feed") != "trade":
        return [dumps({"event": "error", "message": "Invalid feed"})]
    answers: list[bytes] = []
    for product in asked.get("product_ids", []):
        answers.extend(_answer(session, asked["event"], product))
    return answers


def _answer(session: Session, event: str, product: str) -> list[bytes]:
    if session.refused(product) or not product.startswith(("PI_", "PF_")):
        return [dumps({"event": "error", "message": "Invalid product id"})]
    said = {"event": f"{event}d", "feed": "trade", "product_ids": [product]}
    if event == "unsubscribe":
        session.topics.pop(product, None)
        return [dumps(said)]
    session.topics[product] = product
    snapshot = {"feed": "trade_snapshot", "product_id": product, "trades": []}
    return [dumps(said), dumps(snapshot)]


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """Trades of type liquidation; `side` is the taker's, who was liquidated."""
    return [_trade(order, order.long, "liquidation") for order in orders]


def print_trade(trade: Trade) -> Push:
    """A trade of type fill."""
    return _trade(trade, trade.sells, "fill")


def _trade(one: Order | Trade, sells: bool, sort: str) -> Push:
    symbol = one.contract.symbol
    said = {
        "feed": "trade", "product_id": symbol,
        "uid": fake_id("kraken", symbol, sort, one.time, one.serial),
        "side": "sell" if sells else "buy", "type": sort, "seq": one.serial,
        "time": one.time // 1000, "qty": one.count, "price": one.price,
    }  # fmt: skip
    return Push(
        topics=(symbol,), body=dumps(said), after=20_000,
        orders=(one,) if isinstance(one, Order) else (),
        trades=(one,) if isinstance(one, Trade) else (),
    )  # fmt: skip


def rest(asked: Asked) -> Answer | None:
    """`/derivatives/api/v3/instruments`."""
    if asked.path != "/derivatives/api/v3/instruments":
        return None
    listed = [_instrument(one) for one in asked.contracts]
    dated = {**listed[0], "symbol": "FI_XBTUSD_261225", "type": "futures_inverse"}
    halted = {**listed[0], "symbol": "PF_LUNAUSD", "base": "LUNA", "pair": "LUNA:USD",
              "tradeable": False}  # fmt: skip
    said = {"result": "success", "instruments": [*listed, dated, halted],
            "serverTime": "2026-11-25T00:00:00.000Z"}  # fmt: skip
    return Answer(body=said)


def _instrument(contract: Contract) -> dict[str, Any]:
    inverse, name = contract.unit == "usd", _NAMES.get(contract.asset, contract.asset)
    return {
        "symbol": contract.symbol, "pair": f"{name}:USD", "base": contract.asset,
        "type": "futures_inverse" if inverse else "flexible_futures", "quote": "USD",
        "underlying": f"rr_{name.lower()}usd", "tickSize": contract.tick,
        "contractSize": 1, "tradeable": True, "contractValueTradePrecision": 0,
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="kraken", line="futures", source=__doc__ or "", contracts=contracts,
        paths=paths, greet=greet, hear=hear, orders=print_orders, trade=print_trade,
        rest=rest, share=0.04, lifetime=None, pings=Pings(idle=60.0),
        connections=(100, 1.0),
    ),
)  # fmt: skip
