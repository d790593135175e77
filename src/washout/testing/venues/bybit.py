"""Bybit v5, linear and inverse.

Source: bybit-exchange.github.io/docs/v5/ws/connect ("send the ping heartbeat packet every
20 seconds"), All Liquidation ("push frequency: 500ms"; side of the position, bankruptcy
price), Trade, Ticker (snapshot, then deltas with what changed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

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

_TICKS = {
    "BTC": "0.1",
    "ETH": "0.01",
    "SOL": "0.01",
    "XRP": "0.0001",
    "DOGE": "0.00001",
}
_STEPS = {"BTC": "0.001", "ETH": "0.01", "SOL": "0.1", "XRP": "0.1", "DOGE": "1"}
_ARGS = 21_000
"""Characters of the topics of one request."""


def linear(assets: Sequence[str]) -> list[Contract]:
    """Counted in the asset."""
    return [
        Contract(
            symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT",
            step=Decimal(_STEPS[asset]), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def inverse(assets: Sequence[str]) -> list[Contract]:
    """Counted in USD."""
    return [
        Contract(
            symbol=f"{asset}USD", asset=asset, market=f"{asset}-USD", unit="usd",
            step=Decimal(1), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def hear(session: Session, message: bytes) -> list[bytes]:
    """ping, subscribe, unsubscribe. One wrong topic refuses the request."""
    asked = loads(message)
    if not isinstance(asked, dict):
        return [_said(session, {}, "error:json", ok=False)]
    match asked.get("op"):
        case "ping":
            return [_said(session, asked, "pong", ok=True)]
        case "subscribe":
            return [_subscribed(session, asked)]
        case "unsubscribe":
            for topic in asked.get("args", []):
                session.topics.pop(topic, None)
            return [_said(session, asked, "", ok=True)]
    return [_said(session, asked, "error:invalid op", ok=False)]


def _subscribed(session: Session, asked: Mapping[str, Any]) -> bytes:
    topics = asked.get("args", [])
    if len("".join(topics)) > _ARGS:
        return _said(session, asked, "error:args too long", ok=False)
    for topic in topics:
        if session.refused(topic) or not _known(topic):
            return _said(
                session, asked, f"error:handler not found,topic:{topic}", ok=False
            )
    session.topics.update((topic, topic) for topic in topics)
    return _said(session, asked, "", ok=True)


def _known(topic: str) -> bool:
    return topic.split(".", maxsplit=1)[0] in (
        "allLiquidation",
        "publicTrade",
        "tickers",
    )


def _said(session: Session, asked: Mapping[str, Any], says: str, *, ok: bool) -> bytes:
    return dumps(
        {
            "success": ok, "ret_msg": says, "conn_id": fake_id("bybit", session.number),
            "req_id": asked.get("req_id", ""), "op": asked.get("op", ""),
        }
    )  # fmt: skip


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """All orders of half a second in one list; `S` is the side of the position."""
    symbol, time = orders[0].contract.symbol, orders[-1].time // 1000
    said = [
        {
            "T": order.time // 1000, "s": symbol, "S": "Buy" if order.long else "Sell",
            "v": text(order.count), "p": text(order.price),
        }
        for order in orders
    ]  # fmt: skip
    topic = f"allLiquidation.{symbol}"
    body = dumps({"topic": topic, "type": "snapshot", "ts": time + 300, "data": said})
    return [Push(topics=(topic,), body=body, orders=tuple(orders), after=300_000)]


def print_trade(trade: Trade) -> Push:
    """`S` is the side of the taker."""
    symbol, time = trade.contract.symbol, trade.time // 1000
    topic = f"publicTrade.{symbol}"
    said = {
        "T": time, "s": symbol, "S": "Sell" if trade.sells else "Buy",
        "v": text(trade.count), "p": text(trade.price), "L": "PlusTick",
        "i": fake_id("bybit", symbol, trade.time, trade.serial), "BT": False,
        "RPI": False, "seq": trade.serial,
    }  # fmt: skip
    body = {"topic": topic, "type": "snapshot", "ts": time + 2, "data": [said]}
    return Push(topics=(topic,), body=dumps(body), trades=(trade,), after=2_000)


def print_mark(mark: Mark) -> Push:
    """A snapshot each minute, deltas of the prices between."""
    symbol, time = mark.contract.symbol, mark.time // 1000
    said: dict[str, Any] = {
        "symbol": symbol, "markPrice": text(mark.price), "indexPrice": text(mark.index),
    }  # fmt: skip
    whole = time % 60_000 == 0
    if whole:
        eight = 8 * 3_600_000
        said |= {
            "lastPrice": text(mark.price), "fundingRate": text(mark.funding),
            "nextFundingTime": str((time // eight + 1) * eight),
        }  # fmt: skip
    body = {
        "topic": f"tickers.{symbol}", "type": "snapshot" if whole else "delta",
        "data": said, "cs": time, "ts": time,
    }  # fmt: skip
    return Push(topics=(f"tickers.{symbol}",), body=dumps(body))


def rest(asked: Asked) -> Answer | None:
    """`/v5/market`: instruments-info, open-interest, tickers, funding history.

    One host answers for both categories.
    """
    sort = linear if asked.query.get("category", "linear") == "linear" else inverse
    asked = msgspec.structs.replace(asked, contracts=sort(asked.world.assets))
    match asked.path.split("/")[3:]:
        case ["instruments-info"]:
            return _listed(asked)
        case ["open-interest"]:
            return _of_one(asked, _open_interest)
        case ["tickers"]:
            return _of_one(asked, _ticker)
        case ["funding", "history"]:
            return _of_one(asked, _funding)
        case ["time"]:
            return _result(asked, {"timeSecond": str(asked.ms // 1000)})
    return None


def _result(asked: Asked, result: Any, code: int = 0, says: str = "OK") -> Answer:
    return Answer(
        body={
            "retCode": code, "retMsg": says, "result": result, "retExtInfo": {},
            "time": asked.ms,
        }
    )  # fmt: skip


def _listed(asked: Asked) -> Answer:
    kind = "Linear" if asked.contracts[0].unit == "base" else "Inverse"
    perpetuals = [_instrument(one, f"{kind}Perpetual") for one in asked.contracts]
    dated = _instrument(asked.contracts[0], f"{kind}Futures")
    dated["symbol"] = f"{asked.contracts[0].asset}-25DEC26"
    result = {
        "category": kind.lower(), "list": [*perpetuals, dated], "nextPageCursor": "",
    }  # fmt: skip
    return _result(asked, result)


def _instrument(contract: Contract, sort: str) -> dict[str, Any]:
    asset, quote = contract.market.split("-")
    return {
        "symbol": contract.symbol, "contractType": sort, "status": "Trading",
        "baseCoin": asset, "quoteCoin": quote, "launchTime": "1584230400000",
        "settleCoin": quote if contract.unit == "base" else asset,
        "priceFilter": {"tickSize": text(contract.tick)},
        "lotSizeFilter": {"qtyStep": text(contract.step)}, "fundingInterval": 480,
    }  # fmt: skip


def _of_one(asked: Asked, say: Any) -> Answer:
    contract = asked.contract(asked.query.get("symbol"))
    if contract is None:
        return _result(asked, {}, 10001, "params error: symbol invalid")
    category = asked.query.get("category", "linear")
    rows = say(asked, contract)
    result = {"category": category, "symbol": contract.symbol, "list": rows}
    return _result(asked, {**result, "nextPageCursor": ""})


def _count(asked: Asked, contract: Contract) -> Decimal:
    """Open interest as the line counts it."""
    coins = asked.open_interest(contract)
    if contract.unit == "base":
        return coins
    return rounded(coins * asked.mark(contract).price, Decimal(1))


def _open_interest(asked: Asked, contract: Contract) -> list[dict[str, str]]:
    five = 300_000
    count = text(_count(asked, contract))
    return [{"openInterest": count, "timestamp": str(asked.ms // five * five)}]


def _ticker(asked: Asked, contract: Contract) -> list[dict[str, str]]:
    mark, eight = asked.mark(contract), 8 * 3_600_000
    coins = asked.open_interest(contract)
    return [
        {
            "symbol": contract.symbol, "lastPrice": text(mark.price),
            "indexPrice": text(mark.index), "markPrice": text(mark.price),
            "openInterest": text(_count(asked, contract)),
            "openInterestValue": text(rounded(coins * mark.price, Decimal("0.01"))),
            "fundingRate": text(mark.funding),
            "nextFundingTime": str((asked.ms // eight + 1) * eight),
        }
    ]  # fmt: skip


def _funding(asked: Asked, contract: Contract) -> list[dict[str, str]]:
    eight = 8 * 3_600_000
    last = asked.ms // eight * eight
    return [
        {
            "symbol": contract.symbol, "fundingRateTimestamp": str(last - back * eight),
            "fundingRate": text(
                asked.world.mark(contract, (last - back * eight) * 1000).funding
            ),
        }
        for back in range(min(int(asked.query.get("limit", "200")), 200))
    ]  # fmt: skip


def _paths(line: str) -> Any:
    def paths(path: str, _query: Mapping[str, str]) -> Topics | None:
        return () if path == f"/v5/public/{line}" else None

    return paths


PROTOCOLS = tuple(
    Protocol(
        exchange="bybit", line=line, source=__doc__ or "", contracts=contracts,
        paths=_paths(line), hear=hear, orders=print_orders, trade=print_trade,
        mark=print_mark, rest=rest, batch=500, share=share, lifetime=None,
        pings=Pings(idle=600.0), connections=(500, 300.0),
    )
    for line, contracts, share in (("linear", linear, 0.8), ("inverse", inverse, 0.1))
)  # fmt: skip
