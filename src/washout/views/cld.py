"""Cumulative net liquidations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.clock import Time, Width, parse_time
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import running, trailing

if TYPE_CHECKING:
    from ibis.expr.types import Table


def trailing_sum(rows: Table, column: Any, bar: int, window: int) -> Any:
    """Sum over the trailing window, null unless enough of the window was observed."""
    over = trailing(bar, window)
    enough = rows.observed_s.sum().over(over) >= DEFAULT.coverage_ok * window / 1e6
    return enough.ifelse(column.sum().over(over), ibis.null("int64"))


@view(memory=lambda s: s["window"] - s["bar"], since="anchor")
def cld(
    liquidations: Table,
    *,
    bar: Width,
    window: Width = Width(DEFAULT.window),  # noqa: B008  a constant
    anchor: Time = parse_time(DEFAULT.anchor),  # noqa: B008  a constant
) -> Table:
    """CLD: net liquidations summed from `anchor`, and over a rolling `window`.

    The level of `cld_usd` depends wholly on `anchor`, which is a column of every row;
    before it, and in bars that nobody observed, it is null. Where the record begins
    after `anchor`, the record's first bar is the anchor. `rolling_net_usd` is null
    until 98 % of its window was observed. Method: A4.
    """
    rows = liquidations
    begun = ibis.greatest(rows.bar.min().over(group_by="scope"), anchor)
    counted = (rows.bar >= anchor).ifelse(rows.net_usd.fill_null(0), 0)
    total = counted.sum().over(running())
    shown = (rows.bar >= anchor) & rows.net_usd.notnull()
    return rows.select(
        "scope", "bar",
        known_at=rows.known_at.max().over(running()),
        net_usd=rows.net_usd,
        cld_usd=shown.ifelse(total, ibis.null("int64")),
        rolling_net_usd=trailing_sum(rows, rows.net_usd, bar, window),
        anchor=begun,
    )  # fmt: skip
