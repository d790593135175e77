"""How strongly forced closures flow right now."""

from __future__ import annotations

from math import log, nan, sqrt

from washout.clock import DAY, SECOND, Width
from washout.config import DEFAULT
from washout.views import fold

_METHOD = float(DEFAULT.half_life)

Numbers = tuple[float, ...]


def _start(
    *,
    bar: Width,  # noqa: ARG001  a setting of the step
    half_life: Width = Width(0),  # noqa: ARG001, B008
    adapt: Width = Width(7 * DAY),  # noqa: ARG001, B008
    unit_usd: float = 1000.0,  # noqa: ARG001
) -> Numbers:
    """Nothing has flowed: three times intensity, mean, variance; bars seen."""
    return (0.0,) * 10


def _kept(width: float, half_life: float) -> float:
    """Share that is left after one bar."""
    return float(2.0 ** (-width / half_life))


def _score(value: float, mean: float, variance: float) -> float:
    return (value - mean) / sqrt(variance) if variance > 0.0 else nan


def _learned(
    value: float, mean: float, variance: float, alpha: float, seen: float
) -> tuple[float, float]:
    """Mean and variance of logarithms after one more value."""
    if seen == 0.0:
        return value, 0.0
    away = value - mean
    return mean + alpha * away, (1.0 - alpha) * (variance + alpha * away * away)


@fold(
    over="liquidations",
    columns=("long_usd", "short_usd"),
    outputs=(
        "long_intensity_usd", "short_intensity_usd", "gross_intensity_usd",
        "long_rate_usd", "short_rate_usd", "gross_rate_usd",
        "long_z", "short_z", "gross_z",
    ),
    start=_start,
)  # fmt: skip
def intensity(
    state: Numbers, row: Numbers, settings: Numbers
) -> tuple[Numbers, Numbers]:
    """Decayed sums of liquidations, per second rates, and how unusual they are.

    `*_intensity_usd`: J = J * 2^(-bar / half_life) + USD, with a `half_life` of 10
    minutes, or one bar where bars are wider (`half_life=0`). `*_rate_usd` is USD per
    second. `*_z` compares ln(1 + J / `unit_usd`) with its exponential mean and
    deviation of half-life `adapt`, as they were before this bar; null until they exist.
    A bar that nobody observed is null and leaves the state as it was. Method: A6, A7.
    """
    width, half_life, adapt, unit = settings
    kept = _kept(width, half_life if half_life > 0.0 else max(_METHOD, width))
    alpha = 1.0 - _kept(width, adapt)
    j_long, m_long, v_long, j_short, m_short, v_short, _, m_all, v_all, seen = state
    if row[0] != row[0] or row[1] != row[1]:
        return state, (nan, nan, nan, nan, nan, nan, nan, nan, nan)
    j_long = j_long * kept + row[0] / 100.0
    j_short = j_short * kept + row[1] / 100.0
    j_all = j_long + j_short
    y_long = log(1.0 + j_long / unit)
    y_short = log(1.0 + j_short / unit)
    y_all = log(1.0 + j_all / unit)
    z = _score(y_long, m_long, v_long), _score(y_short, m_short, v_short)
    z_all = _score(y_all, m_all, v_all)
    m_long, v_long = _learned(y_long, m_long, v_long, alpha, seen)
    m_short, v_short = _learned(y_short, m_short, v_short, alpha, seen)
    m_all, v_all = _learned(y_all, m_all, v_all, alpha, seen)
    rate = (1.0 - kept) * SECOND / width
    after = (
        j_long, m_long, v_long, j_short, m_short, v_short, j_all, m_all, v_all,
        seen + 1.0,
    )  # fmt: skip
    shown = (
        j_long, j_short, j_all, j_long * rate, j_short * rate, j_all * rate,
        z[0], z[1], z_all,
    )  # fmt: skip
    return after, shown
