"""Bybit linear and inverse perpetuals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from washout.clock import parse_time
from washout.events import Event, Liquidation
from washout.exchanges import Break, Exchange, Fact, cents
from washout.instruments import split_symbol

_DOC = (
    "Bybit v5 documentation, All Liquidation: 'When you receive a Buy update, this"
    " means that a long position has been liquidated'"
)
_POSITION = {"Buy": ("sell", "long"), "Sell": ("buy", "short")}


def decode(message: Any, received: int) -> list[Event]:
    """Liquidations of an `allLiquidation` push; `S` is the side of the position."""
    if not str(message.get("topic", "")).startswith("allLiquidation."):
        return []
    return [_liquidation(item, received) for item in message["data"]]


def _liquidation(item: dict[str, Any], received: int) -> Liquidation:
    asset, market = split_symbol(item["s"])
    side, liquidated = _POSITION[item["S"]]
    amount, price = Decimal(item["v"]), Decimal(item["p"])
    inverse = market.split("-")[1] == "USD"
    return Liquidation(
        exchange="bybit", asset=asset, market=market, source="bybit-stream",
        ts_event=int(item["T"]) * 1000, ts_recv=received,
        id=f"{item['T']}-{item['S']}-{item['v']}-{item['p']}",
        side=side, liquidated=liquidated,  # type: ignore[arg-type]
        quantity=float(amount / price if inverse else amount), price=float(price),
        price_kind="bankruptcy", usd=cents(amount if inverse else amount * price),
    )  # fmt: skip


bybit = Exchange(
    name="bybit",
    title="Bybit",
    coverage=(
        Fact(
            since=0,
            trust="one_per_second",
            floor=True,
            says="the old topic pushed one order per symbol and second",
            source="Bybit v5 documentation, Liquidation (deprecated)",
        ),
        Fact(
            since=parse_time("2025-02-25"),
            trust="all",
            floor=False,
            says="allLiquidation pushes every liquidation",
            source=_DOC,
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2025-02-25"),
            label="Bybit publishes every liquidation from here",
            source=_DOC,
        ),
    ),
)
