"""What liquidations are measured by: open interest, and daily turnover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.clock import DAY, HOUR
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views._bars import bar_of
from washout.views._told import (
    candle_bars,
    closed_at,
    median_of,
    open_interest_lines,
    previous,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

_HOURS = 24
_DAYS = 30

REFERENCE_MEMORY = (_DAYS + 1) * DAY
"""How far back the references of a bar look."""


def basis_points(usd: Any, reference: Any) -> Any:
    """1e4 * USD / reference, null where the reference is 0 or missing."""
    return 1e4 * usd / reference.nullif(0)


def with_references(
    rows: Table, open_interest: Table, candle: Table, series: Table, *, bar: int,
    version: str,
) -> Table:  # fmt: skip
    """Rows with `oi_ref_usd` and `adv30_usd` in cents, and when each was received.

    `oi_ref_usd` is the median of the open interest in the 24 hours before the bar (the
    last sample of each whole hour, summed over markets); what is told in base asset
    only is taken at the perpetual's close before the bar. `adv30_usd` is the mean
    perpetual volume of the 30 UTC days before the bar's. Method: A5.
    """
    rows = rows.mutate(hour=bar_of(rows.bar, HOUR), day=bar_of(rows.bar, DAY))
    oi = _reference(open_interest, series, version)
    adv = _daily_volume(candle, series, version)
    price = _close_before(candle, series, bar=bar, version=version)
    rows = rows.left_join(oi, [rows.scope == oi.oi_scope, rows.hour == oi.oi_hour])
    rows = rows.left_join(adv, [rows.scope == adv.adv_scope, rows.day == adv.adv_day])
    rows = rows.left_join(
        price, [rows.scope == price.price_scope, rows.bar == price.price_bar]
    )
    in_base = (rows.oi_base == 0.0).ifelse(0.0, rows.oi_base * rows.price_before * 100)
    return rows.mutate(oi_ref_usd=rows.oi_usd + in_base)


def _close_before(candle: Table, series: Table, *, bar: int, version: str) -> Table:
    """The perpetual's close of the bar before each bar."""
    bars = candle_bars(
        candle, series, bar=bar, version=version, product="perp", price="trade"
    )
    return bars.select(
        price_scope=bars.scope, price_bar=bars.bar + bar, price_before=bars.close
    )


def _reference(open_interest: Table, series: Table, version: str) -> Table:
    """Median open interest of the 24 whole hours before each hour, in both units.

    `oi_usd` (cents) is of markets that tell USD, `oi_base` of those that do not; a
    market is in one of them.
    """
    told = open_interest.filter(
        open_interest.open_interest.notnull()
        | open_interest.open_interest_usd.notnull()
    )
    lines = open_interest_lines(told, series, bar=HOUR, version=version)
    hours = lines.group_by("scope", "bar").aggregate(
        usd=lines.usd.fill_null(0).sum(),
        base=lines.usd.isnull().ifelse(lines.base, 0.0).sum(),
        received=lines.received.max(),
    )
    hours = hours.mutate(received=closed_at(hours.received, hours.bar, HOUR, version))
    usd = median_of(previous(hours, "usd", HOUR, _HOURS))
    base = median_of(previous(hours, "base", HOUR, _HOURS))
    usd = usd.select(
        oi_scope=usd.scope, oi_hour=usd.bar, oi_received=usd.received,
        oi_usd=usd["median"],
    )  # fmt: skip
    base = base.select(
        base_scope=base.scope, base_hour=base.bar, oi_base=base["median"]
    )
    same = [usd.oi_scope == base.base_scope, usd.oi_hour == base.base_hour]
    return usd.inner_join(base, same)


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
