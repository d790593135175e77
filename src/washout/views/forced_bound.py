"""What forced closures cannot have exceeded while orders printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import SECOND, Width
from washout.views import view
from washout.views._bars import arrived, bar_of, best_feed, known_at
from washout.views._flow import FLOW, of_trades

if TYPE_CHECKING:
    from ibis.expr.types import Table

ALLOWANCE = 1.2
"""Insurance funds and deleveraging take forced orders outside the public trades."""


@view()
def forced_bound(
    trade: Table,
    liquidation: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """Upper bounds on forced closures: taker flow of the seconds in which one printed.

    A forced order is a taker's: in a second that printed one, no more longs can have
    been closed than takers sold, plus 20 % for what insurance funds and automatic
    deleveraging took (`long_bound_usd`; `short_bound_usd` of what takers bought). Of
    perpetual trades of the market (of an asset scope: of its reference market), in
    seconds in which that market printed an order; null where trades were not watched.
    `observed_s` is of the trades. Method: E4.
    """
    orders = arrived(liquidation, bar, version)
    seconds = orders.select(
        "exchange", "asset", "market", second=bar_of(orders.ts_event, SECOND)
    ).distinct()
    trades = arrived(trade, bar, version).filter(trade.product == "perp")
    trades = trades.mutate(second=bar_of(trades.ts_event, SECOND))
    inside = trades.semi_join(seconds, ["exchange", "asset", "market", "second"])
    rows = best_feed(
        of_trades(inside), coverage, gap, series.filter(series.product == "perp"), span,
        kinds=["trade"], values=FLOW, bar=bar, version=version,
    )  # fmt: skip
    return rows.select(
        "scope", "bar", known_at=known_at(rows, bar, version),
        long_bound_usd=_bound(rows.sell_usd), short_bound_usd=_bound(rows.buy_usd),
        observed_s=rows.observed_s,
    )  # fmt: skip


def _bound(cents: Table) -> Table:
    return (cents * ALLOWANCE).round().cast("int64")
