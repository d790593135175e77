"""Open positions at the end of a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import Width
from washout.views import view
from washout.views._told import closed_at, open_interest_bars

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view()
def open_interest(
    open_interest: Table,
    series: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """Open interest: the last sample of each market in the bar, summed over markets.

    In base asset and in USD; a sum is null where one of its markets does not tell that
    unit. `markets` says how many were added: a step in it is a step in meaning. A
    source that speaks of the whole asset counts as one market and answers alone. A bar
    without a sample has no row. Method: A5.
    """
    rows = open_interest_bars(open_interest, series, bar=bar, version=version)
    return rows.select(
        "scope", "bar", known_at=closed_at(rows.received, rows.bar, bar, version),
        open_interest=rows.open_interest, open_interest_usd=rows.open_interest_usd,
        markets=rows.markets,
    )  # fmt: skip
