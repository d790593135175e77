"""Binance USD-M and COIN-M perpetual futures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from washout.clock import parse_time
from washout.events import Event, Liquidation
from washout.exchanges import Break, Exchange, Fact, cents
from washout.instruments import coin_margined_usd, split_symbol

_CHANGE_LOG = (
    "Binance USD-M documentation, Liquidation Order Streams: at most one order per"
    " symbol per 1000 ms is pushed"
)


def decode(message: Any, received: int) -> list[Event]:
    """Liquidations of a `forceOrder` message; other messages have none.

    `S` is the side of the forced order: SELL closes a long. USD is filled quantity
    `z` times average fill `ap`; COIN-M counts contracts of a fixed USD size.
    """
    data = message.get("data", message)
    orders = data if isinstance(data, list) else [data]
    return [
        _liquidation(order["o"], received)
        for order in orders
        if order.get("e") == "forceOrder"
    ]


def _liquidation(order: dict[str, str], received: int) -> Liquidation:
    asset, market = split_symbol(order["s"])
    sides = {"SELL": ("sell", "long"), "BUY": ("buy", "short")}
    side, liquidated = sides[order["S"]]
    filled, price = Decimal(order["z"]), Decimal(order["ap"])
    inverse = market.split("-")[1] == "USD"
    usd = filled * coin_margined_usd(asset) if inverse else filled * price
    quantity = usd / price if inverse else filled
    time = int(order["T"]) * 1000
    return Liquidation(
        exchange="binance", asset=asset, market=market, source="binance-stream",
        ts_event=time, ts_recv=received,
        id=f"{order['T']}-{order['S']}-{order['z']}-{order['ap']}",
        side=side, liquidated=liquidated,  # type: ignore[arg-type]
        quantity=float(quantity), price=float(price), price_kind="fill", usd=cents(usd),
    )  # fmt: skip


binance = Exchange(
    name="binance",
    title="Binance",
    coverage=(
        Fact(
            since=parse_time("2021-04-27"),
            trust="one_per_second",
            floor=True,
            says="at most one order per symbol and second is published",
            source=_CHANGE_LOG
            + "; daily totals fall from 241 to 50 M USD on 2021-04-27",
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2021-04-27"),
            label="Binance publishes 1 order/s from here: floors",
            source=_CHANGE_LOG,
        ),
        Break(
            at=parse_time("2026-04-23"),
            label="Binance un-routed stream URLs switched off",
            source="Binance USD-M change log, 2026-03-05 and 2026-04-02",
        ),
    ),
)
