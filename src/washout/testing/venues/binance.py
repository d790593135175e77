"""Binance USD-M and COIN-M futures.

Source: developers.binance.com, "Websocket Market Streams" of USD-M and COIN-M: "Combined
stream events are wrapped"; "the websocket server will send a ping frame every 3
minutes", "does not receive a pong frame back within a 10 minute period"; 24 h; "10
incoming messages per second"; 1024 streams. Routed addresses: change log 2026-03-05.
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
_STEPS = {"BTC": "0.001", "ETH": "0.001", "SOL": "1", "XRP": "0.1", "DOGE": "1"}
_MOST = 1024
"""Streams of one connection."""


def linear(assets: Sequence[str]) -> list[Contract]:
    """USD-M counts the asset."""
    return [
        Contract(
            symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT",
            step=Decimal(_STEPS[asset]), tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def inverse(assets: Sequence[str]) -> list[Contract]:
    """COIN-M counts contracts of 100 USD for BTC and 10 for others."""
    return [
        Contract(
            symbol=f"{asset}USD_PERP", asset=asset, market=f"{asset}-USD",
            size=Decimal(100 if asset == "BTC" else 10), unit="usd", step=Decimal(1),
            tick=Decimal(_TICKS[asset]),
        )
        for asset in assets
    ]  # fmt: skip


def paths(path: str, query: Mapping[str, str]) -> Topics | None:
    """`/ws/<stream>` and `/stream?streams=a/b`, with a route before them or none."""
    route, _, rest = path.removeprefix("/market").removeprefix("/public").lstrip(
        "/"
    ).partition("/")  # fmt: skip
    if route == "ws":
        return tuple(filter(None, rest.split("/")))
    if route == "stream":
        return tuple(filter(None, query.get("streams", "").split("/")))
    return None


def routed(session: Session) -> bool:
    """Since 2026-04-23 market streams of USD-M come over `/market` alone."""
    return session.path.startswith("/market")


def hear(session: Session, message: bytes) -> list[bytes]:
    """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS."""
    asked = loads(message)
    if not isinstance(asked, dict) or "method" not in asked:
        return [_error(None, 2, "Invalid request: missing field `method`")]
    number, streams = asked.get("id"), asked.get("params", [])
    match asked["method"]:
        case "SUBSCRIBE":
            if refused := [one for one in streams if session.refused(one)]:
                return [_error(number, 2, f"Invalid request: unknown {refused[0]}")]
            if len(session.topics) + len(streams) > _MOST:
                return [_error(number, 2, f"Invalid request: more than {_MOST}")]
            session.topics.update((one, one) for one in streams)
        case "UNSUBSCRIBE":
            for stream in streams:
                session.topics.pop(stream, None)
        case "LIST_SUBSCRIPTIONS":
            return [dumps({"result": list(session.topics), "id": number})]
        case other:
            return [_error(number, 2, f"Invalid request: unknown variant `{other}`")]
    return [dumps({"result": None, "id": number})]


def _error(number: Any, code: int, says: str) -> bytes:
    return dumps({"error": {"code": code, "msg": says}, "id": number})


def wrap(session: Session, topic: str, push: Push) -> bytes:
    """Combined streams name the stream; raw ones do not."""
    if "/stream" not in session.path:
        return push.body
    return b'{"stream":"%b","data":%b}' % (topic.encode(), push.body)


def wrap_routed(session: Session, topic: str, push: Push) -> bytes:
    """Addresses without a route acknowledge, and nothing comes."""
    return wrap(session, topic, push) if routed(session) else b""


def print_orders(orders: Sequence[Order]) -> list[Push]:
    """One `forceOrder` a message; `p` is the worst price the order would take."""
    return [_force_order(order) for order in orders]


def _force_order(order: Order) -> Push:
    contract, time = order.contract, order.time // 1000
    limit = rounded(
        order.price * Decimal("0.99" if order.long else "1.01"), contract.tick
    )
    count, price = text(order.count), text(order.price)
    said = {
        "s": contract.symbol, "S": "SELL" if order.long else "BUY", "o": "LIMIT",
        "f": "IOC", "q": count, "p": text(limit), "ap": price, "X": "FILLED",
        "l": text(contract.step), "z": count, "T": time,
    }  # fmt: skip
    if contract.unit == "usd":
        said["ps"] = contract.market.replace("-", "")
    return Push(
        topics=(f"{contract.symbol.lower()}@forceOrder", "!forceOrder@arr"),
        body=dumps({"e": "forceOrder", "E": time + 5, "o": said}), orders=(order,),
        after=5_000,
    )  # fmt: skip


def print_trade(trade: Trade) -> Push:
    """`aggTrade`: `m` says that the buyer was the maker, so that the taker sold."""
    contract, time = trade.contract, trade.time // 1000
    count, first = text(trade.count), 8_000_000_000 + 3 * trade.serial
    said: dict[str, Any] = {
        "e": "aggTrade", "E": time + 100, "a": 3_000_000_000 + trade.serial,
        "s": contract.symbol, "p": text(trade.price), "q": count, "nq": count,
        "f": first, "l": first + 2, "T": time, "m": trade.sells,
    }  # fmt: skip
    if contract.unit == "usd":
        del said["nq"]
    return Push(
        topics=(f"{contract.symbol.lower()}@aggTrade",), body=dumps(said),
        trades=(trade,), after=100_000,
    )  # fmt: skip


def print_mark(mark: Mark) -> Push:
    """`markPriceUpdate` of one symbol, as an array too for `!markPrice@arr`."""
    symbol, time = mark.contract.symbol, mark.time // 1000
    eight = 8 * 3_600_000
    said: dict[str, Any] = {
        "e": "markPriceUpdate", "E": time, "s": symbol, "p": text(mark.price),
        "ap": text(mark.price), "P": text(mark.price), "i": text(mark.index),
        "r": text(mark.funding), "T": (time // eight + 1) * eight,
    }  # fmt: skip
    return Push(
        topics=(f"{symbol.lower()}@markPrice@1s", f"{symbol.lower()}@markPrice"),
        body=dumps(said),
    )  # fmt: skip


def linear_rest(asked: Asked) -> Answer | None:
    """`/fapi/v1` (or a later version): exchangeInfo, openInterest, premiumIndex."""
    if asked.path == "/futures/data/openInterestHist":
        return _statistics(asked, asked.contract(asked.query.get("symbol")))
    match asked.path.removeprefix("/fapi").split("/")[2:]:
        case ["exchangeInfo"]:
            symbols = [_linear_symbol(one, "PERPETUAL") for one in asked.contracts]
            dated = _linear_symbol(asked.contracts[0], "CURRENT_QUARTER")
            dated["symbol"] = f"{asked.contracts[0].symbol}_261225"
            halted = {**symbols[-1], "symbol": "LUNAUSDT", "baseAsset": "LUNA",
                      "pair": "LUNAUSDT", "status": "SETTLING"}  # fmt: skip
            return Answer(body=_info(asked, [*symbols, dated, halted]))
        case ["openInterest"]:
            return _open_interest(asked, in_contracts=False)
        case ["premiumIndex"]:
            return _premium(asked, alone=True)
        case ["fundingRate"]:
            return _funding(asked)
    return None


def inverse_rest(asked: Asked) -> Answer | None:
    """`/dapi/v1`: the same for COIN-M, which counts contracts."""
    if asked.path == "/futures/data/openInterestHist":
        return _statistics(asked, asked.contract(f"{asked.query.get('pair')}_PERP"))
    match asked.path.removeprefix("/dapi").split("/")[2:]:
        case ["exchangeInfo"]:
            symbols = [_inverse_symbol(one, "PERPETUAL") for one in asked.contracts]
            dated = _inverse_symbol(asked.contracts[0], "CURRENT_QUARTER")
            dated["symbol"] = dated["symbol"].replace("PERP", "261225")
            return Answer(body=_info(asked, [*symbols, dated]))
        case ["openInterest"]:
            return _open_interest(asked, in_contracts=True)
        case ["premiumIndex"]:
            return _premium(asked, alone=False)
        case ["fundingRate"]:
            return _funding(asked)
    return None


def _info(asked: Asked, symbols: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "timezone": "UTC", "serverTime": asked.ms, "futuresType": "U_MARGINED",
        "rateLimits": [], "exchangeFilters": [], "assets": [], "symbols": symbols,
    }  # fmt: skip


def _linear_symbol(contract: Contract, sort: str) -> dict[str, Any]:
    return {
        "symbol": contract.symbol, "pair": contract.symbol, "contractType": sort,
        "deliveryDate": 4133404800000, "onboardDate": 1569398400000,
        "status": "TRADING", "baseAsset": contract.asset, "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
        "underlyingType": "COIN", "filters": [],
    }  # fmt: skip


def _inverse_symbol(contract: Contract, sort: str) -> dict[str, Any]:
    return {
        "symbol": contract.symbol, "pair": contract.symbol.split("_")[0],
        "contractType": sort, "deliveryDate": 4133404800000,
        "onboardDate": 1597042800000, "contractStatus": "TRADING",
        "contractSize": int(contract.size), "marginAsset": contract.asset,
        "baseAsset": contract.asset, "quoteAsset": "USD", "filters": [],
    }  # fmt: skip


def _unknown_symbol() -> Answer:
    return Answer(status=400, body={"code": -1121, "msg": "Invalid symbol."})


def _open_interest(asked: Asked, *, in_contracts: bool) -> Answer:
    contract = asked.contract(asked.query.get("symbol"))
    if contract is None:
        return _unknown_symbol()
    coins = asked.open_interest(contract)
    if not in_contracts:
        said = {
            "openInterest": text(coins),
            "symbol": contract.symbol,
            "time": asked.ms,
        }
        return Answer(body=said)
    count = rounded(coins * asked.mark(contract).price / contract.size, Decimal(1))
    pair = contract.symbol.split("_")[0]
    return Answer(
        body={
            "symbol": contract.symbol, "pair": pair, "openInterest": text(count),
            "contractType": "PERPETUAL", "time": asked.ms,
        }
    )  # fmt: skip


def _statistics(asked: Asked, contract: Contract | None) -> Answer:
    """Open interest every five minutes; COIN-M counts contracts and values in coins."""
    if contract is None:
        return _unknown_symbol()
    five = 300_000
    last = asked.ms // five * five
    rows = []
    for back in range(min(int(asked.query.get("limit", "30")), 500)):
        time = last - back * five
        coins = asked.world.open_interest(contract.asset, time * 1000)
        price = asked.world.mark(contract, time * 1000).price
        rows.append(_statistic(contract, coins, price, time))
    return Answer(body=rows[::-1])


def _statistic(
    contract: Contract, coins: Decimal, price: Decimal, time: int
) -> dict[str, Any]:
    if contract.unit == "base":
        usd = rounded(coins * price, Decimal("0.00000001"))
        return {
            "symbol": contract.symbol, "sumOpenInterest": text(coins),
            "sumOpenInterestValue": text(usd), "timestamp": time,
        }  # fmt: skip
    count = rounded(coins * price / contract.size, Decimal(1))
    return {
        "pair": contract.symbol.removesuffix("_PERP"), "contractType": "PERPETUAL",
        "sumOpenInterest": text(count), "sumOpenInterestValue": text(coins),
        "timestamp": time,
    }  # fmt: skip


def _premium(asked: Asked, *, alone: bool) -> Answer:
    symbol = asked.query.get("symbol")
    found = [one for one in asked.contracts if symbol in (None, one.symbol)]
    if not found:
        return _unknown_symbol()
    said = [_premium_of(asked, one) for one in found]
    return Answer(body=said[0] if alone and symbol else said)


def _premium_of(asked: Asked, contract: Contract) -> dict[str, Any]:
    mark, eight = asked.mark(contract), 8 * 3_600_000
    return {
        "symbol": contract.symbol, "markPrice": text(mark.price),
        "indexPrice": text(mark.index), "estimatedSettlePrice": text(mark.index),
        "lastFundingRate": text(mark.funding), "interestRate": "0.00010000",
        "nextFundingTime": (asked.ms // eight + 1) * eight, "time": asked.ms,
    }  # fmt: skip


def _funding(asked: Asked) -> Answer:
    contract = asked.contract(asked.query.get("symbol"))
    if contract is None:
        return _unknown_symbol()
    eight = 8 * 3_600_000
    last = asked.ms // eight * eight
    rates = []
    for back in range(min(int(asked.query.get("limit", "100")), 100)):
        mark = asked.world.mark(contract, (last - back * eight) * 1000)
        rates.append(
            {
                "symbol": contract.symbol, "fundingTime": last - back * eight,
                "fundingRate": text(mark.funding), "markPrice": text(mark.price),
            }
        )  # fmt: skip
    return Answer(body=rates[::-1])


_PINGS = Pings(every=180.0, within=600.0)

PROTOCOLS = (
    Protocol(
        exchange="binance", line="usdm", source=__doc__ or "", contracts=linear,
        paths=paths, hear=hear, wrap=wrap_routed, orders=print_orders,
        trade=print_trade, mark=print_mark, rest=linear_rest, host="fapi.binance.com", pings=_PINGS,
        throttle="largest", share=1.0, messages=(10, 1.0),
    ),
    Protocol(
        exchange="binance", line="coinm", source=__doc__ or "", contracts=inverse,
        paths=paths, hear=hear, wrap=wrap, orders=print_orders, trade=print_trade,
        mark=print_mark, rest=inverse_rest, host="dapi.binance.com", pings=_PINGS, throttle="latest",
        share=0.2, messages=(10, 1.0),
    ),
)  # fmt: skip
