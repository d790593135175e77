"""What longs pay shorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import DAY, HOUR, Width
from washout.views import view
from washout.views._told import closed_at, funding_bars

if TYPE_CHECKING:
    from ibis.expr.types import Table

_YEAR = 365 * DAY


@view(memory=lambda s: max(s["mean_window"] - s["bar"], 0))
def funding_rate(
    funding_rate: Table,
    series: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    mean_window: Width = Width(7 * DAY),  # noqa: B008  a constant
) -> Table:
    """Funding: the last rate in the bar, and its mean over `mean_window`.

    `rate` is the fraction paid for the venue's own interval, `rate_8h` the same for 8
    hours. `mean_rate_8h` weighs every payment by its interval and is null unless the
    payments cover 98 % of the window; `annualised` is `mean_rate_8h` times the 8-hour
    spans of a year, without compounding. A bar without a payment has no row. Of
    several sources the one with most payments in the bar answers. Method: C5.
    """
    rows = funding_bars(
        funding_rate, series, bar=bar, version=version, mean_window=mean_window
    )
    return rows.select(
        "scope", "bar", known_at=closed_at(rows.received, rows.bar, bar, version),
        rate=rows.rate, rate_8h=rows.rate_8h, mean_rate_8h=rows.mean_rate_8h,
        annualised=rows.mean_rate_8h * (_YEAR // (8 * HOUR)),
    )  # fmt: skip
