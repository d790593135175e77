"""Taker flow by size of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import Width
from washout.views import view
from washout.views._bars import known_at
from washout.views._cohorts import COHORTS, cohort_bars

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view()
def trade_cohorts(
    trade: Table,
    trade_total: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    product: Literal["perp", "spot"] = "perp",
) -> Table:
    """Net and gross taker USD by size of the taker's order, from below 1 k to 1 M USD.

    `net_*_usd` = bought - sold, `gross_*_usd` = bought + sold, one pair of columns a
    cohort. Trades of one market, side and millisecond are taken as one order: a taker
    who sweeps the book prints once per price. From single trades or totals by cohort;
    bars that nobody observed, or whose total is not cut into cohorts, are null. Size
    is not identity. Method: C6.
    """
    rows = cohort_bars(
        trade, trade_total, coverage, gap, series.filter(series.product == product),
        span, bar=bar, version=version,
    )  # fmt: skip
    return rows.select(
        "scope", "bar", known_at=known_at(rows, bar, version),
        **{f"net_{n}_usd": rows[f"net_{n}"] for n in COHORTS},
        **{f"gross_{n}_usd": rows[f"buy_{n}"] + rows[f"sell_{n}"] for n in COHORTS},
        observed_s=rows.observed_s, gap_s=rows.gap_s,
    )  # fmt: skip
