"""Forced closures relative to the size of the market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from washout.clock import DAY, HOUR, Time, Width, parse_time
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import anchored, bar_of, begun, known_since
from washout.views._told import (
    candle_bars,
    closed_at,
    median_of,
    open_interest_bars,
    previous,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

_HOURS = 24
_DAYS = 30


@view(memory=(_DAYS + 1) * DAY, since="anchor")
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
    rows = liquidations.mutate(
        hour=bar_of(liquidations.bar, HOUR), day=bar_of(liquidations.bar, DAY)
    )
    oi = _reference(open_interest, series, version)
    adv = _daily_volume(candle, series, version)
    rows = rows.left_join(oi, [rows.scope == oi.oi_scope, rows.hour == oi.oi_hour])
    rows = rows.left_join(adv, [rows.scope == adv.adv_scope, rows.day == adv.adv_day])
    known = ibis.greatest(
        rows.known_at, rows.oi_received.fill_null(0), rows.adv_received.fill_null(0)
    )
    net_bp = _bp(rows.net_usd, rows.oi_ref_usd)
    rows = rows.mutate(known=known, net_bp=net_bp)
    return rows.select(
        "scope", "bar", known_at=known_since(rows, rows.known, anchor, bar, bar),
        oi_ref_usd=rows.oi_ref_usd / 100,
        long_bp=_bp(rows.long_usd, rows.oi_ref_usd),
        short_bp=_bp(rows.short_usd, rows.oi_ref_usd),
        net_bp=rows.net_bp, gross_bp=_bp(rows.gross_usd, rows.oi_ref_usd),
        cld_bp=anchored(rows, rows.net_bp, anchor),
        adv30_usd=rows.adv30_usd / 100, turns=rows.gross_usd / rows.adv30_usd.nullif(0),
        anchor=begun(rows, anchor),
    )  # fmt: skip


def _bp(usd: Any, reference: Any) -> Any:
    return 1e4 * usd / reference.nullif(0)


def _reference(open_interest: Table, series: Table, version: str) -> Table:
    """Median open interest of the 24 whole hours before each hour."""
    hours = open_interest_bars(open_interest, series, bar=HOUR, version=version)
    hours = hours.mutate(received=closed_at(hours.received, hours.bar, HOUR, version))
    middle = median_of(previous(hours, "open_interest_usd", HOUR, _HOURS))
    return middle.select(
        oi_scope=middle.scope, oi_hour=middle.bar, oi_received=middle.received,
        oi_ref_usd=middle["median"],
    )  # fmt: skip


def _daily_volume(candle: Table, series: Table, version: str) -> Table:
    """Mean USD volume of the 30 days before each day."""
    told = candle.filter(candle.volume_usd.notnull())
    days = candle_bars(
        told, series, bar=DAY, version=version, product="perp", price="trade"
    )
    days = days.mutate(received=closed_at(days.received, days.bar, DAY, version))
    earlier = previous(days.mutate(both=days.volume_usd), "both", DAY, _DAYS)
    covered = (
        previous(days, "observed", DAY, _DAYS)
        .group_by("scope", "bar")
        .aggregate(covered=ibis._.value.sum())
    )
    sums = earlier.group_by("scope", "bar").aggregate(
        adv30_usd=earlier.value.mean(), received=earlier.received.max()
    )
    sums = sums.inner_join(covered, ["scope", "bar"])
    enough = sums.filter(sums.covered >= DEFAULT.coverage_ok * _DAYS * DAY)
    return enough.select(
        adv_scope=enough.scope, adv_day=enough.bar, adv_received=enough.received,
        adv30_usd=enough.adv30_usd,
    )  # fmt: skip
