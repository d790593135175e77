"""OKX perpetual swaps.

Source: www.okx.com/docs-v5, "Connect": "send the String 'ping', and expect a 'pong'";
"if the subscription is not established or data has not been pushed for more than 30
seconds" the connection breaks (close 4004, "No data received in 30s"). Liquidation orders
channel; public data, "Get instruments", "Get open interest", "Get funding rate".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from washout.testing.exchange_market import Contract, Mark, Order, Trade, rounded
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

_SIZES = {"BTC": "0.01", "ETH": "0.1", "SOL": "1", "XRP": "100", "DOGE": "1000"}
_TICKS = {
    "BTC": "0.1",
    "ETH": "0.01",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_CHANNELS = (
    "liquidation-orders", "trades", "mark-price", "open-interest", "funding-rate",
)  # fmt: skip


def contracts(assets: Sequence[str]) -> list[Contract]:
    """A swap in USDT (contracts of coins) and one in USD (contracts of dollars) each."""
    found = []
    for asset in assets:
        found.append(
            Contract(
                symbol=f"{asset}-USDT-SWAP", asset=asset, market=f"{asset}-USDT",
                size=Decimal(_SIZES[asset]), step=Decimal("0.01"),
                tick=Decimal(_TICKS[asset]),
            )
        )  # fmt: skip
        found.append(
            Contract(
                symbol=f"{asset}-USD-SWAP", asset=asset, market=f"{asset}-USD",
                size=Decimal(100 if asset == "BTC" else 10), unit="usd",
                step=Decimal(1), tick=Decimal(_TICKS[asset]),
            )
        )  # fmt: skip
    return found


def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
    """`/ws/v5/public`."""
    return () if path == "/ws/v5/public" else None


def hear(session: Session, message: bytes) -> list[bytes]:
    """The word ping; subscribe and unsubscribe, one answer for each channel."""
    if message == b"ping":
        return [b"pong"]
    asked = loads(message)
    if not isinstance(asked, dict) or asked.get("op") not in (
        "subscribe",
        "unsubscribe",
    ):
        return [_error(session, 60012, f"Invalid request: {message.decode()}")]
    return [_answer(session, asked["op"], arg) for arg in asked.get("args", [])]


def _answer(session: Session, operation: str, arg: Mapping[str, str]) -> bytes:
    topic = _topic(arg)
    if arg.get("channel") not in _CHANNELS or session.refused(topic):
        says = (
            f"Wrong URL or channel:{arg.get('channel')},instId:{arg.get('instId', '')}"
        )
        return _error(session, 60018, f"{says} doesn't exist.")
    if operation == "subscribe":
        session.topics[topic] = topic
    else:
        session.topics.pop(topic, None)
    said = {"event": operation, "arg": arg, "connId": _connection(session)}
    return dumps(said)


def _topic(arg: Mapping[str, str]) -> str:
    return f"{arg.get('channel')}:{arg.get('instId') or arg.get('instType')}"


def _error(session: Session, code: int, says: str) -> bytes:
    return dumps(
        {
            "event": "error",
            "code": str(code),
            "msg": says,
            "connId": _connection(session),
        }
    )


def _connection(session: Session) -> str:
    return fake_id("okx", session.number)[:8]


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """One order a message: `side` of the order, `posSide` of the position."""
    return [_liquidation(order) for order in orders]


def _liquidation(order: Order) -> Push:
    contract = order.contract
    family = contract.symbol.removesuffix("-SWAP")
    # Accounts in one-way mode say `net`; then only `side` tells.
    position = "net" if order.serial % 5 == 0 else "long" if order.long else "short"
    detail = {
        "bkLoss": "0", "bkPx": text(order.price), "ccy": "", "posSide": position,
        "side": "sell" if order.long else "buy", "sz": text(order.count),
        "ts": str(order.time // 1000),
    }  # fmt: skip
    body = {
        "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
        "data": [
            {
                "details": [detail], "instFamily": family, "instId": contract.symbol,
                "instType": "SWAP", "uly": family,
            }
        ],
    }  # fmt: skip
    return Push(
        topics=("liquidation-orders:SWAP",), body=dumps(body), orders=(order,),
        after=600_000,
    )  # fmt: skip


def print_trade(trade: Trade) -> Push:
    """`side` of the taker; `sz` in contracts."""
    symbol = trade.contract.symbol
    said = {
        "instId": symbol, "tradeId": str(900_000_000 + trade.serial),
        "px": text(trade.price), "sz": text(trade.count),
        "side": "sell" if trade.sells else "buy", "ts": str(trade.time // 1000),
        "count": "1", "source": "0", "seqId": trade.serial,
    }  # fmt: skip
    body = {"arg": {"channel": "trades", "instId": symbol}, "data": [said]}
    return Push(
        topics=(f"trades:{symbol}",), body=dumps(body), trades=(trade,), after=4_000
    )


def print_mark(mark: Mark) -> Push:
    """`mark-price`."""
    symbol = mark.contract.symbol
    said = {
        "instType": "SWAP", "instId": symbol, "markPx": text(mark.price),
        "ts": str(mark.time // 1000),
    }  # fmt: skip
    body = {"arg": {"channel": "mark-price", "instId": symbol}, "data": [said]}
    return Push(topics=(f"mark-price:{symbol}",), body=dumps(body))


def rest(asked: Asked) -> Answer | None:
    """`/api/v5/public`: instruments, open-interest, funding-rate, mark-price."""
    if asked.path == "/api/v5/public/funding-rate-history":
        return _funding_history(asked)
    say = {
        "instruments": _instrument, "open-interest": _open_interest,
        "funding-rate": _funding, "mark-price": _mark,
    }.get(asked.path.removeprefix("/api/v5/public/"))  # fmt: skip
    if say is None:
        return None
    symbol = asked.query.get("instId")
    found = [one for one in asked.contracts if symbol in (None, one.symbol)]
    if not found:
        says = "Instrument ID does not exist"
        return Answer(body={"code": "51001", "msg": says, "data": []})
    data = [say(asked, one) for one in found]
    return Answer(body={"code": "0", "msg": "", "data": data})


def _instrument(_asked: Asked, contract: Contract) -> dict[str, Any]:
    asset, quote = contract.market.split("-")
    straight = contract.unit == "base"
    return {
        "instType": "SWAP", "instId": contract.symbol, "uly": f"{asset}-{quote}",
        "instFamily": f"{asset}-{quote}", "baseCcy": "", "quoteCcy": "",
        "settleCcy": quote if straight else asset, "ctVal": text(contract.size),
        "ctMult": "1", "ctValCcy": asset if straight else "USD",
        "ctType": "linear" if straight else "inverse", "tickSz": text(contract.tick),
        "lotSz": text(contract.step), "state": "live", "listTime": "1606468572000",
    }  # fmt: skip


def _open_interest(asked: Asked, contract: Contract) -> dict[str, str]:
    coins, price = asked.open_interest(contract), asked.mark(contract).price
    per = contract.size if contract.unit == "base" else contract.size / price
    return {
        "instType": "SWAP", "instId": contract.symbol,
        "oi": text(rounded(coins / per, Decimal("0.01"))), "oiCcy": text(coins),
        "oiUsd": text(rounded(coins * price, Decimal("0.01"))), "ts": str(asked.ms),
    }  # fmt: skip


def _funding(asked: Asked, contract: Contract) -> dict[str, str]:
    mark, eight = asked.mark(contract), 8 * 3_600_000
    due = (asked.ms // eight + 1) * eight
    return {
        "instType": "SWAP", "instId": contract.symbol, "method": "current_period",
        "fundingRate": text(mark.funding), "nextFundingRate": "",
        "fundingTime": str(due), "nextFundingTime": str(due + eight),
        "settState": "settled", "settFundingRate": text(mark.funding), "premium": "0",
        "ts": str(asked.ms),
    }  # fmt: skip


def _funding_history(asked: Asked) -> Answer:
    contract = asked.contract(asked.query.get("instId"))
    if contract is None:
        says = "Instrument ID does not exist"
        return Answer(body={"code": "51001", "msg": says, "data": []})
    eight, last = 8 * 3_600_000, asked.ms // (8 * 3_600_000) * 8 * 3_600_000
    data = []
    for back in range(min(int(asked.query.get("limit", "100")), 100)):
        time = last - back * eight
        rate = text(asked.world.mark(contract, time * 1000).funding)
        data.append(
            {
                "instType": "SWAP", "instId": contract.symbol, "formulaType": "noRate",
                "fundingRate": rate, "realizedRate": rate, "fundingTime": str(time),
                "method": "current_period",
            }
        )  # fmt: skip
    return Answer(body={"code": "0", "msg": "", "data": data})


def _mark(asked: Asked, contract: Contract) -> dict[str, str]:
    return {
        "instType": "SWAP", "instId": contract.symbol,
        "markPx": text(asked.mark(contract).price), "ts": str(asked.ms),
    }  # fmt: skip


PROTOCOLS = (
    Protocol(
        exchange="okx", line="public", source=__doc__ or "", contracts=contracts,
        paths=paths, hear=hear, orders=print_orders, trade=print_trade,
        mark=print_mark, rest=rest, throttle="latest", share=0.3, lifetime=None,
        pings=Pings(
            idle=30.0, idle_end=(4004, "No data received in 30s."), pushes_count=True
        ),
        connections=(3, 1.0),
    ),
)  # fmt: skip
