"""How unusual a bar's forced closures are against the bars before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.clock import SECOND, Width
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import before, trailing

if TYPE_CHECKING:
    from ibis.expr.types import Table

_FLOOR = 0.2
"""Least standard deviation of a logarithm, so that quiet times make no alarms."""


@view(memory=lambda s: s["window"])
def zscores(
    liquidations: Table,
    *,
    bar: Width,
    window: Width = Width(DEFAULT.window),  # noqa: B008  a constant
) -> Table:
    """Z-scores of long, short and gross liquidations against the window before the bar.

    z = (g - mean) / max(sd, 0.2) with g = ln(1 + USD), mean and population sd over the
    bars of the `window` that ends where this bar begins: the bar itself does not
    count. Null unless 98 % of that window was observed. This is the finite-memory
    companion of A7, for hours and days; minute bars are 0 most of the time, where the
    view `intensity` says more. Method: A7.
    """
    rows = liquidations
    rows = rows.mutate(**{f"{side}_log": _log(rows[f"{side}_usd"]) for side in _SIDES})
    seen = rows.observed_s.sum().over(before(bar, window))
    rows = rows.mutate(enough=seen >= DEFAULT.coverage_ok * window / SECOND)
    return rows.select(
        "scope", "bar",
        known_at=rows.known_at.max().over(trailing(bar, window + bar)),
        **{f"{side}_z": _z(rows, f"{side}_log", bar, window) for side in _SIDES},
    )  # fmt: skip


_SIDES = ("long", "short", "gross")


def _log(cents: Any) -> Any:
    return (1 + cents / 100).ln()


def _z(rows: Table, column: str, bar: int, window: int) -> Any:
    past = before(bar, window)
    value = rows[column]
    mean = value.mean().over(past)
    variance = (value * value).mean().over(past) - mean * mean
    spread = ibis.greatest(ibis.greatest(variance, 0.0).sqrt(), _FLOOR)
    return rows.enough.ifelse((value - mean) / spread, ibis.null("float64"))
