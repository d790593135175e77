"""Deribit.

Source: docs.deribit.com: JSON-RPC over /ws/api/v2; public/subscribe answers with the
channels it accepted; public/set_heartbeat, then heartbeat and test_request, which the
client answers with public/test; raw channels need a login (error 13778); trades carry
`liquidation`: "M" when maker side, "T" when taker side, "MT" when both sides were.
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
    loads,
)

_STEPS = {"BTC": 10, "ETH": 1}
_TICKS = {
    "BTC": "0.5",
    "ETH": "0.05",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}


def contracts(assets: Sequence[str]) -> list[Contract]:
    """BTC and ETH count dollars; others are in USDC and count coins."""
    found = []
    for asset in assets:
        inverse, tick = asset in _STEPS, Decimal(_TICKS[asset])
        found.append(
            Contract(
                symbol=f"{asset}-PERPETUAL" if inverse else f"{asset}_USDC-PERPETUAL",
                asset=asset, market=f"{asset}-USD" if inverse else f"{asset}-USDC",
                unit="usd" if inverse else "base", step=Decimal(_STEPS.get(asset, 1)),
                tick=tick,
            )
        )  # fmt: skip
    return found


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/ws/api/v2`."""
    return () if path == "/ws/api/v2" else None


def hear(session: Session, message: bytes) -> list[bytes]:
    """JSON-RPC: subscribe, unsubscribe, heartbeat, test."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [_error(None, -32700, "Parse error")]
    number, params = asked.get("id"), asked.get("params", {})
    match asked.get("method"):
        case "public/subscribe":
            return [_subscribe(session, number, params.get("channels", []))]
        case "public/unsubscribe":
            for channel in params.get("channels", []):
                session.topics.pop(channel, None)
            result: Any = params.get("channels", [])
        case "public/set_heartbeat":
            session.notes["heartbeat"] = max(float(params.get("interval", 30)), 10.0)
            result = "ok"
        case "public/disable_heartbeat":
            session.notes.pop("heartbeat", None)
            result = "ok"
        case "public/test" | "public/hello":
            result = {"version": "1.2.26"}
        case _:
            return [_error(number, -32601, "Method not found")]
    return [_result(session, number, result)]


def _subscribe(session: Session, number: Any, channels: Sequence[str]) -> bytes:
    if any(channel.endswith(".raw") for channel in channels):
        says = "raw_subscriptions_not_available_for_unauthorized"
        return _error(number, 13778, says)
    good = [one for one in channels if one.startswith("trades.")]
    good = [one for one in good if not session.refused(one)]
    session.topics.update((one, one) for one in good)
    return _result(session, number, good)


def _result(session: Session, number: Any, result: Any) -> bytes:
    return dumps(
        {
            "jsonrpc": "2.0", "id": number, "result": result, "usIn": session.now(),
            "usOut": session.now() + 50, "usDiff": 50, "testnet": False,
        }
    )  # fmt: skip


def _error(number: Any, code: int, says: str) -> bytes:
    said = {"code": code, "message": says}
    return dumps({"jsonrpc": "2.0", "id": number, "error": said, "testnet": False})


def wrap(_session: Session, topic: str, push: Push) -> bytes:
    """The channel by which this client asked."""
    return (
        b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%b","data":[%b]}}'
        % (topic.encode(), push.body)
    )


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """A trade in which the taker was liquidated, or every fourth time the maker."""
    return [
        _trade(order, order.long, who="M" if order.serial % 4 == 3 else "T")
        for order in orders
    ]


def print_trade(trade: Trade) -> Push:
    """A trade like any other."""
    return _trade(trade, trade.sells, who=None)


def _trade(one: Order | Trade, sells: bool, who: str | None) -> Push:
    symbol, asset = one.contract.symbol, one.contract.asset
    number = 2 * one.serial + (who is not None)
    said: dict[str, Any] = {
        "trade_seq": number, "trade_id": f"{asset}-{number}",
        "timestamp": one.time // 1000, "tick_direction": 3, "price": one.price,
        "mark_price": one.price, "instrument_name": symbol, "index_price": one.price,
        # `direction` is the taker's: against a liquidated maker it is the other way.
        "direction": "sell" if sells != (who == "M") else "buy", "amount": one.count,
        "contracts": one.count / one.contract.step,
    }  # fmt: skip
    if who is not None:
        said["liquidation"] = who
    settled = "USDC" if "USDC" in symbol else asset
    topics = tuple(
        f"trades.{what}.{pace}"
        for pace in ("100ms", "agg2")
        for what in (symbol, f"future.{settled}", "future.any")
    )
    return Push(
        topics=topics, body=dumps(said), after=50_000,
        orders=(one,) if isinstance(one, Order) else (),
        trades=(one,) if isinstance(one, Trade) else (),
    )  # fmt: skip


def rest(asked: Asked) -> Answer | None:
    """`/api/v2/public/get_instruments`."""
    if asked.path != "/api/v2/public/get_instruments":
        return None
    currency = asked.query.get("currency", "any")
    listed = [_instrument(one) for one in asked.contracts]
    dated = {**listed[0], "instrument_name": f"{listed[0]['base_currency']}-25DEC26",
             "settlement_period": "month"}  # fmt: skip
    shown = [
        one for one in [*listed, dated]
        if currency in ("any", one["base_currency"], one["settlement_currency"])
    ]  # fmt: skip
    return Answer(body={"jsonrpc": "2.0", "result": shown, "testnet": False})


def _instrument(contract: Contract) -> dict[str, Any]:
    inverse = contract.unit == "usd"
    asset = contract.asset
    return {
        "instrument_name": contract.symbol, "kind": "future", "is_active": True,
        "instrument_type": "reversed" if inverse else "linear",
        "settlement_period": "perpetual", "base_currency": asset,
        "quote_currency": "USD" if inverse else "USDC", "counter_currency": "USD",
        "settlement_currency": asset if inverse else "USDC",
        "contract_size": contract.step, "min_trade_amount": contract.step,
        "tick_size": contract.tick, "expiration_timestamp": 32503708800000,
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="deribit", line="public", source=__doc__ or "", contracts=contracts,
        paths=paths, hear=hear, wrap=wrap, orders=print_orders, trade=print_trade,
        rest=rest, share=0.08, lifetime=None,
        pings=Pings(
            within=30.0,
            text=lambda _session: dumps(
                {"jsonrpc": "2.0", "method": "heartbeat",
                 "params": {"type": "test_request"}}
            ),
        ),
    ),
)  # fmt: skip
