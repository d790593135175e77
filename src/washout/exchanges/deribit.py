"""Deribit perpetuals: liquidations are flags on trades."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from washout.events import Event, Liquidation
from washout.exchanges import Exchange, Fact, cents
from washout.instruments import split_symbol

_DOC = (
    "Deribit API documentation, trades: `liquidation` is M when the maker side, T when"
    " the taker side, MT when both sides were under liquidation"
)


def decode(message: Any, received: int) -> list[Event]:
    """Liquidations among the trades of a `trades.*` notification."""
    if message.get("method") != "subscription":
        return []
    return list(flagged(message["params"]["data"], received))


def flagged(trades: Iterable[dict[str, Any]], received: int) -> Iterable[Liquidation]:
    """One event per liquidated side: the taker first, then the maker."""
    for trade in trades:
        who = trade.get("liquidation", "")
        taker_sells = trade["direction"] == "sell"
        if "T" in who:
            yield _liquidation(trade, "T", taker_sells, received)
        if "M" in who:
            yield _liquidation(trade, "M", not taker_sells, received)


def _liquidation(
    trade: dict[str, Any], who: str, sold: bool, received: int
) -> Liquidation:
    asset, market = split_symbol(trade["instrument_name"].replace("-PERPETUAL", "-USD"))
    amount, price = Decimal(str(trade["amount"])), Decimal(str(trade["price"]))
    return Liquidation(
        exchange="deribit", asset=asset, market=market, source="deribit-stream",
        ts_event=int(trade["timestamp"]) * 1000, ts_recv=received,
        id=f"{trade['trade_id']}-{who}",
        side="sell" if sold else "buy", liquidated="long" if sold else "short",
        quantity=float(amount / price), price=float(price), price_kind="fill",
        usd=cents(amount),
    )  # fmt: skip


deribit = Exchange(
    name="deribit",
    title="Deribit",
    coverage=(
        Fact(
            since=0,
            trust="all",
            floor=False,
            says="every liquidated trade carries a flag",
            source=_DOC,
        ),
    ),
)
