"""What longs pay shorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import DAY, HOUR, Width
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import arrived, trailing
from washout.views._told import SAMPLE, closed_at, first_of, of_scopes

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
    facts = arrived(funding_rate, bar, version)
    facts = of_scopes(facts, series, "funding_rate", SAMPLE)
    sums = facts.group_by("scope", "bar", "source").aggregate(
        rate=facts.rate.argmax(facts.ts_event),
        interval=facts.interval.argmax(facts.ts_event),
        paid=facts.rate.sum(),
        covered=facts.interval.sum(),
        payments=facts.ts_event.count(),
        received=facts.ts_recv.max(),
    )
    rows = first_of(sums, ["scope", "bar"], [sums.payments.desc(), sums.source])
    over = trailing(bar, mean_window)
    covered = rows.covered.sum().over(over)
    mean = rows.paid.sum().over(over) / covered * (8 * HOUR)
    enough = covered >= DEFAULT.coverage_ok * mean_window
    mean = enough.ifelse(mean, ibis.null("float64"))
    return rows.select(
        "scope", "bar",
        known_at=closed_at(rows.received.max().over(over), rows.bar, bar, version),
        rate=rows.rate, rate_8h=rows.rate / rows.interval * (8 * HOUR),
        mean_rate_8h=mean, annualised=mean * (_YEAR // (8 * HOUR)),
    )  # fmt: skip
