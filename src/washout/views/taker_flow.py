"""Who crossed the spread: taker buying and selling, perpetual and spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from washout.clock import Time, Width, parse_time
from washout.config import DEFAULT
from washout.views import view
from washout.views._bars import anchored, begun, known_since
from washout.views._flow import flow_bars

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view(since="anchor")
def taker_flow(
    trade: Table,
    trade_total: Table,
    candle: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    anchor: Time = parse_time(DEFAULT.anchor),  # noqa: B008  a constant
) -> Table:
    """Taker buying, selling, their difference and its sum from `anchor` (CVD), in USD.

    For perpetuals and spot apart; from single trades, totals of trades or candles with
    taker volume: per bar and exchange the most complete of them. An asset takes its
    flow from one reference market per exchange. `*_delta_usd` = buy - sell. Bars that
    nobody observed are null; the CVD passes over them. The level of a CVD depends
    wholly on its anchor: `*_anchor` is `anchor` or the record's first bar. Method: C6 (spot_cvd, perp_cvd).
    """
    wide = flow_bars(
        trade,
        trade_total,
        candle,
        coverage,
        gap,
        series,
        span,
        bar=bar,
        version=version,
    )
    return wide.select(
        "scope", "bar", known_at=known_since(wide, wide.known, anchor, bar, bar),
        **_flow(wide, "perp", anchor), **_flow(wide, "spot", anchor),
    )  # fmt: skip


def _flow(wide: Table, product: str, anchor: int) -> dict[str, Any]:
    bought, sold = wide[f"{product}_buy_usd"], wide[f"{product}_sell_usd"]
    return {
        f"{product}_buy_usd": bought,
        f"{product}_sell_usd": sold,
        f"{product}_delta_usd": bought - sold,
        f"{product}_cvd_usd": anchored(wide, bought - sold, anchor),
        f"{product}_anchor": begun(wide, anchor, wide[f"{product}_gap_s"].notnull()),
        f"{product}_observed_s": wide[f"{product}_observed_s"],
        f"{product}_gap_s": wide[f"{product}_gap_s"],
    }
