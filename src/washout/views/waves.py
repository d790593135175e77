"""Waves of forced closing: when they begin, when they end, what they did."""

from __future__ import annotations

from typing import Any

from washout.views import fold
from washout.views._wave_state import (
    COLUMNS,
    FEATURES,
    NORMALISERS,
    OUTPUTS,
    SIZES,
    STATUS,
    SUFFIXES,
    start,
)
from washout.views._wave_step import advance

_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": COLUMNS,
    "outputs": OUTPUTS,
    "start": start,
    "sides": ("long", "short"),
    "words": {"status": STATUS, "size": SIZES, "normaliser": NORMALISERS},
    "flags": ("is_confirm", "is_exhaustion", "is_closed"),
    "times": (
        "onset", "confirm", "peak", "exhaustion", "end", "closed",
        "confirm_known_at", "exhaustion_known_at",
    ),
}  # fmt: skip

_NOW = ("onset", "confirm", "peak", "peak_bp", "size_bp", "long_usd", "short_usd")
_BEFORE = ("price_before", "open_interest_before", "funding_before")


def _features(*suffixes: str) -> tuple[str, ...]:
    return tuple(f"{feature}_{s}" for s in suffixes for feature in FEATURES)


_SETTINGS = """
Intensity J halves in `half_life` and grows by the bar's liquidations in bp of
`reference_usd` (view `market`). `theta_in` and `theta_out` come from J of the
`reference` before the UTC day: max(min(max(Q, R(z)), R(6)), 0.2) and min(max(Q90,
R(1)), theta_in / 4), where R(z) is z robust deviations above the median of ln(J +
0.01); both are constant through the day, and null until `minimum` was observed. Q is
the quantile `enter_quantile`, z is `enter_deviations`: 0.99 and 3 at minutes. A wave
is confirmed at the first J >= `theta_in`; its onset is the first bar of the unbroken run
of J >= `theta_out` and is never a decision time. It cools once J was below `theta_out`
for `fade`, goes on if J >= `theta_in` within `cool`, and else closes; after `longest` it
closes in any case. Exhaustion: J <= peak / 4, at most `quiet_share` of the size flowed in
the last `quiet`, size >= `least_bp`; only its first time counts, and price has no part
in it. Where less than 80 % of the last half-life was observed the wave stands still
(`degraded`). Bars that nobody observed, or without a normaliser, are not observed. A
setting of 0 is that of the preset for the bar (`WAVES` in the config). Method: A5, A6,
A7, B1, B2."""

wave_track = fold(
    **_SHARED,
    name="wave_track",
    shown=("status", "intensity_bp", "theta_in", "theta_out", "wave", *_NOW),
    documentation="""State of the wave of each side, bar by bar.

One row per bar and side. Sizes are what was closed since the onset, in bp and USD
dollars; null while no wave is on. `status`: idle, active, cooling, degraded (too little
was observed), warmup (too little history)."""
    + _SETTINGS,
)(advance)

wave_events = fold(
    **_SHARED,
    name="wave_events",
    keep="event",
    shown=(
        "is_confirm", "is_exhaustion", "is_closed", "wave", *_NOW, "exhaustion",
        "intensity_bp", "theta_in", "theta_out", "size", "normaliser", *_BEFORE,
        *_features("conf", "exh"),
    ),
    documentation="""Confirmations, first exhaustions and closings of waves, when they happen.

One row for each bar and side with at least one of the three: `is_confirm`,
`is_exhaustion`, `is_closed`. Everything in a row is known at its `known_at`, so that
alerts and studies may use all of it; `*_conf` and `*_exh` as in `waves`."""
    + _SETTINGS,
)(advance)  # fmt: skip

waves = fold(
    **_SHARED,
    name="waves",
    keep="is_closed",
    shown=(
        "wave", "onset", "confirm", "peak", "exhaustion", "end", "closed",
        "confirm_known_at", "exhaustion_known_at", "size_bp", "long_usd", "short_usd",
        "peak_bp", "duration_s", "revoked", "size", "normaliser", *_BEFORE,
        "funding_after", *_features(*SUFFIXES),
    ),
    documentation="""Closed waves of forced closing, one row a wave, at the bar where it closed.

Instants are starts of bars. A predictor may use only what was known when the decision
fell: columns `*_conf` and `*_before` at `confirm_known_at`, `*_exh` and `size` at
`exhaustion_known_at` (null where selling never ended before the wave closed), all others
at `known_at`. `onset`, `peak`, `end`, `*_end`, `size_bp` and `revoked` look back.

USD are dollars. `drawdown` = ln(lowest low since onset / price before), for short waves
the highest high; `ret` = ln(close / price before); `recovery` is the share of the
drawdown that was won back; `oi_change` is of open interest in base asset, from before
the onset. `*_cvd_usd` add taker buying - selling since the onset; `perp_cvd_ex_usd`
takes forced orders out of it. Of the buying that met a long wave (selling, for a short
one), `spot_share` is the spot takers' part, `passive_share` that of makers (more than
1: takers sold as well), `large_share` that of orders from 100 k USD. `top_long_change`
is the change of the long share of top traders' positions, `basis_change` that of
perpetual over spot price - 1 since before the onset. `coverage` is the observed
share of the time since the onset, `funding_after` the rate last paid when the wave
closed: the first payment after its end may still be to come. `size` is the class of the
size at exhaustion: minor < 20 bp, normal < 60, large < 200, extreme."""
    + _SETTINGS,
)(advance)  # fmt: skip
