"""How complete the record of forced closures is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from washout.clock import MINUTE, SECOND, Width
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import ratio
from washout.views._holes import COUNTED, gap_bars, occupied_bars, tally_bars

if TYPE_CHECKING:
    from ibis.expr.types import Table

GOOD, USABLE, STUDIED = 0.98, 0.5, 0.95
"""Shares observed from which on a bar is complete, partial, and fit for studies."""

LONGEST = 15 * MINUTE
"""A study stands no gap longer than this inside a wave."""


@view()
def completeness(
    liquidations: Table,
    liquidation: Table,
    tally: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """What is known to be missing of forced closures, bar by bar.

    `observed_s`, `gap_s`, `coverage`, `floor` as in `liquidations`, of the same feed.
    `observed_share` is the part of the bar that was watched; `state` says what it
    allows: `ok` from 0.98, `partial` from 0.5, else `poor`. `gaps` counts stretches of
    more than 10 s without observation, `longest_gap_s` is the longest, both inside the
    bar and whether told as a gap or not told of at all. `occupied_s` are seconds in
    which some order printed, `saturated_s` those of them on a feed that shows at most
    one order a second and market (more may have been hidden), `occupied_share` is
    occupied per observed second. Then what the recorder counted: `frames`, `events`,
    `duplicates`, `late`, `late_usd` (after the end of its bar and grace, USD),
    `decode_errors`, `reconnects`; null where nothing counted, as in imported history.
    `fit` says that a day may enter studies: observed share from 0.95 and no gap over 15
    minutes. The method minds such gaps only inside waves; `washout.study.days` knows
    these. Method: E5.
    """
    gaps = gap_bars(coverage, gap, series, span, bar)
    occupied = occupied_bars(liquidation, coverage, series, span, bar, version)
    counted = tally_bars(tally, series, bar, version)
    rows = liquidations
    for number, part in enumerate((gaps, occupied, counted)):
        rows = _beside(rows, part, number)
    return _wide(rows, bar, version)


def _beside(rows: Table, part: Table, number: int) -> Table:
    keys = {f"scope_{number}": "scope", f"bar_{number}": "bar"}
    if "received" in part.columns:
        keys[f"received_{number}"] = "received"
    named = part.rename(keys)
    on = [rows.scope == named[f"scope_{number}"], rows.bar == named[f"bar_{number}"]]
    return rows.left_join(named, on)


def _wide(rows: Table, bar: int, version: str) -> Table:
    share = rows.observed_s / (bar / SECOND)
    watched = rows.observed_s > 0
    longest = ibis.least(rows.longest.fill_null(0) / SECOND, rows.gap_s)
    whole = rows.gap_s == 0
    return rows.select(
        "scope", "bar", known_at=_known(rows, version),
        observed_s=rows.observed_s, gap_s=rows.gap_s, observed_share=share,
        state=ibis.cases(
            (share >= GOOD, "ok"), (share >= USABLE, "partial"), else_="poor"
        ),
        gaps=whole.ifelse(0, rows.gaps.fill_null(0)),
        longest_gap_s=longest,
        occupied_s=_seen(watched, rows.occupied),
        saturated_s=_seen(watched, rows.saturated),
        occupied_share=ratio(
            _seen(watched, rows.occupied).cast("float64"), rows.observed_s
        ),
        **{name: rows[name] for name in COUNTED},
        coverage=rows.coverage, floor=rows.floor,
        fit=(share >= STUDIED) & (longest <= LONGEST / SECOND),
    )  # fmt: skip


def _seen(watched: Any, seconds: Any) -> Any:
    return watched.ifelse(seconds.fill_null(0), ibis.null("int64"))


def _known(rows: Table, version: str) -> Any:
    """`final` waits for what came late."""
    if version == "asof":
        return rows.known_at
    return ibis.greatest(
        rows.known_at, rows.received_1.fill_null(0), rows.received_2.fill_null(0)
    )
