"""Sudden bursts of forced closures, and whether the trend turned after them."""

from __future__ import annotations

from typing import Any

from washout.views import fold
from washout.views._eruption_step import COLUMNS, OUTPUTS, WORDS, advance, start

_OUTCOMES = ("outcome_4h", "outcome_12h", "outcome_24h")

_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": COLUMNS,
    "outputs": OUTPUTS,
    "start": start,
    "words": dict.fromkeys(_OUTCOMES, WORDS),
    "times": ("eruption_bar", "decided"),
    "flags": ("ambiguous",),
}
_SETTINGS = """
`intensity_bp`: closures of both sides in bp of `reference_usd` (view `market`), which
halve in `eruption_half_life`. `threshold_bp`, constant through a UTC day: the larger of
a `quantile` and of a number of robust `deviations` above the median, over the
`eruption_reference` before it; null until `eruption_minimum` was observed. `jump_ratio`
= what was closed in the last half-life, over its share of what was closed in the time
`before` that (at least `floor_bp`). An eruption needs the threshold and a ratio of `jump`,
with 80 % of both windows observed; after one none is told for `refractory`. 0 is the
preset's for the bar (`DETECTORS` in the config): 5m, 1h, 10, 0.999, 5, 0.05 and 6h at 1-minute bars.
`ret_24h` = ln(close / close 24 hours, or a bar, before); `sigma_30d` = root mean square
of the daily log returns of the 30 days before today. Method: C3."""

eruption = fold(
    **_SHARED,
    name="eruption",
    keep="eruption",
    shown=(
        "intensity_bp", "threshold_bp", "jump_ratio", "long_share", "close", "ret_24h",
        "sigma_30d", "score",
    ),
    documentation="""Bars at which much more is closed than just before and than usual.

One row for each eruption. `long_share` is that of the bar; `score` = ln(`jump_ratio` /
`jump`)."""
    + _SETTINGS,
)(advance)  # fmt: skip

eruption_outcome = fold(
    **_SHARED,
    name="eruption_outcome",
    keep="is_known",
    shown=(
        "eruption_bar", "eruption_ret_24h", "barrier", "decided", *_OUTCOMES,
        "o_4h", "o_12h", "o_24h", "ambiguous",
    ),
    documentation="""Whether the trend turned after an eruption, once it is known.

One row for each eruption, at the bar at which all its horizons are known (or the next,
where two are known at once). `reversed`: within the horizon price moved by `barrier` (a
half of |`eruption_ret_24h`|, in logs) against the move of the 24 hours before the
eruption, before it moved as far with it; `continued`: the other way round; `none`
otherwise. `o_*` is 1, -1, 0: its mean is 0 for a price without drift. Where one bar holds
both barriers their order is unknown: `none`, and `ambiguous`. Null where the move was
less than `sigma_30d`, where prices were not recorded, and at horizons shorter than a
bar. Prices are highs and lows of the bars after the eruption. `decided` is the bar that
touched a barrier."""
    + _SETTINGS,
)(advance)  # fmt: skip

eruption_track = fold(
    **_SHARED,
    name="eruption_track",
    shown=("intensity_bp", "threshold_bp", "sigma_30d"),
    documentation="""Intensity of closures of both sides, and from where it is an eruption.

One row a bar."""
    + _SETTINGS,
)(advance)
