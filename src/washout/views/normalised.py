"""Forced closures relative to the size of the market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from washout.clock import Time, Width, parse_time
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import anchored, begun, known_since
from washout.views._references import (
    REFERENCE_MEMORY,
    basis_points,
    with_references,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table


@view(memory=REFERENCE_MEMORY, since="anchor")
def normalised(
    liquidations: Table,
    open_interest: Table,
    candle: Table,
    series: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    anchor: Time = parse_time(DEFAULT.anchor),  # noqa: B008  a constant
) -> Table:
    """Liquidations in basis points of open interest, and as shares of daily turnover.

    `oi_ref_usd` is the median of the open interest in the 24 hours before the bar (the
    last sample of each whole hour, summed over markets); `*_bp` = 1e4 * USD /
    `oi_ref_usd`; `cld_bp` sums `net_bp` from `anchor`. Where open interest is not
    recorded, `turns` = gross / `adv30_usd` is the stated substitute: the mean perpetual
    volume of the 30 UTC days before the bar's, of the reference market, null unless
    98 % of those days is covered. All are null where their part is missing. Method: A5.
    """
    rows = with_references(
        liquidations, open_interest, candle, series, bar=bar, version=version
    )
    known = ibis.greatest(
        rows.known_at, rows.oi_received.fill_null(0), rows.adv_received.fill_null(0)
    )
    net_bp = basis_points(rows.net_usd, rows.oi_ref_usd)
    rows = rows.mutate(known=known, net_bp=net_bp)
    return rows.select(
        "scope", "bar", known_at=known_since(rows, rows.known, anchor, bar, bar),
        oi_ref_usd=rows.oi_ref_usd / 100,
        long_bp=basis_points(rows.long_usd, rows.oi_ref_usd),
        short_bp=basis_points(rows.short_usd, rows.oi_ref_usd),
        net_bp=rows.net_bp, gross_bp=basis_points(rows.gross_usd, rows.oi_ref_usd),
        cld_bp=anchored(rows, rows.net_bp, anchor),
        adv30_usd=rows.adv30_usd / 100, turns=rows.gross_usd / rows.adv30_usd.nullif(0),
        anchor=begun(rows, anchor),
    )  # fmt: skip
