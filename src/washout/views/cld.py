"""Cumulative net liquidations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from washout.clock import Time, Width, parse_time
from washout.config import DEFAULT
from washout.views import view
from washout.views._bars import anchored, begun, known_since, trailing_sum

if TYPE_CHECKING:
    from ibis.expr.types import Table


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
    return rows.select(
        "scope", "bar",
        known_at=known_since(rows, rows.known_at, anchor, bar, window),
        net_usd=rows.net_usd,
        cld_usd=anchored(rows, rows.net_usd, anchor),
        rolling_net_usd=trailing_sum(rows, rows.net_usd, bar, window),
        anchor=begun(rows, anchor),
    )  # fmt: skip
