"""What a feed that shows one order a second hides: the mathematics of one bucket.

Orders of a second come at a rate that is Gamma-distributed over seconds with a `shape`
and a mean; sizes are independent. Where the largest order is printed (MAX1S), the law of
the largest gives the rate and what is expected below it; where the latest is (LAST1S),
only the share of empty seconds tells. Both sides of a market share the one place of a
second, so every print is exposure for both. A second is told by S = P(size > print),
G and Q = the mean and mean square of sizes below it, times their probability. Compiled
together with the step that calls them. Method: E2, E3.
"""

from __future__ import annotations

from math import erfc, exp, inf, isnan, log, nan, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 1e-12
"""Probabilities below this are this: a print is never the largest order possible."""

_NEVER = 1e15
"""Exposure per order of a side that was never printed."""


def above(size: float, centre: float, spread: float) -> float:
    """S: how likely an order is larger; sizes are log-normal."""
    return max(0.5 * erfc((log(size) - centre) / (spread * sqrt(2.0))), LEAST)


def below(size: float, centre: float, spread: float) -> float:
    """G: integral of x dF(x) up to a size."""
    away = (log(size) - centre - spread * spread) / spread
    return exp(centre + 0.5 * spread * spread) * 0.5 * erfc(-away / sqrt(2.0))


def square_below(size: float, centre: float, spread: float) -> float:
    """Q: integral of x^2 dF(x) up to a size."""
    away = (log(size) - centre - 2.0 * spread * spread) / spread
    return exp(2.0 * centre + 2.0 * spread * spread) * 0.5 * erfc(-away / sqrt(2.0))


def poisson_rate(empty: float, tail: Floats, own: Floats, count: int) -> float:
    """Orders a second where all seconds are alike: own prints over exposure.

    `empty` seconds had no print; `tail` are the S of those that had one, `own` is 1
    where this side printed.
    """
    exposure, prints = empty, 0.0
    for i in range(count):
        exposure += tail[i]
        prints += own[i]
    return prints / exposure


def gamma_exposure(
    shape: float, empty: float, tail: Floats, every: Floats, own: Floats, count: int
) -> float:
    """B of the most likely Gamma(shape, b) of rates: its mean is shape / b.

    `every` and `own` weigh the seconds: how many there are like it, and in how many of
    them this side printed. Infinite for a side that never printed. The derivative of
    the likelihood falls in b, so bisection in logarithms cannot miss its root.
    """
    seconds, prints = 0.0, 0.0
    for i in range(count):
        seconds += every[i]
        prints += own[i]
    if prints == 0.0:
        return inf
    low, high = log(1e-9 * shape), log(_NEVER)
    point = min(max(log(shape * (empty + seconds) / prints), low), high)
    for _ in range(80):
        value, slope = _score(
            exp(point), shape, empty, seconds, tail, every, own, count
        )
        if value > 0.0:
            low = point
        else:
            high = point
        step = point - value / slope if slope < 0.0 else low
        after = step if low < step < high else 0.5 * (low + high)
        if abs(after - point) < 1e-12:
            break
        point = after
    return exp(point)


def _score(
    b: float, shape: float, empty: float, seconds: float, tail: Floats, every: Floats,
    own: Floats, count: int,
) -> tuple[float, float]:  # fmt: skip
    """Derivative of the log likelihood by ln b, and the derivative of that."""
    value = shape * (empty / (b + 1.0) + seconds)
    slope = -empty * shape * b / ((b + 1.0) * (b + 1.0))
    for i in range(count):
        part = (shape * every[i] + own[i]) * b / (b + tail[i])
        value -= part
        slope -= part * tail[i] / (b + tail[i])
    return value, slope


def gamma_likelihood(
    b: float, shape: float, empty: float, tail: Floats, every: Floats, own: Floats,
    count: int,
) -> float:  # fmt: skip
    """Log likelihood of one side's prints without that of their sizes."""
    if b == inf:
        return 0.0
    found = empty * shape * log(b / (b + 1.0))
    for i in range(count):
        if every[i] > 0.0:
            found += own[i] * log(shape) + every[i] * shape * log(b)
            found -= (shape * every[i] + own[i]) * log(b + tail[i])
    return found


def hidden_below(
    b: float, shape: float, tail: Floats, mean: Floats, square: Floats, own: Floats,
    count: int,
) -> tuple[float, float]:  # fmt: skip
    """USD expected to be hidden in these seconds, and its variance given b.

    The rate of a second, given its print, is Gamma(shape + own, b + S).
    """
    hidden, variance = 0.0, 0.0
    if b == inf:
        return hidden, variance
    for i in range(count):
        rate = (shape + own[i]) / (b + tail[i])
        hidden += rate * mean[i]
        variance += rate * (square[i] + mean[i] * mean[i] / (b + tail[i]))
    return hidden, variance


def parameter_variance(
    b: float, shape: float, information: float, tail: Floats, mean: Floats, own: Floats,
    count: int,
) -> float:  # fmt: skip
    """Variance of what is hidden in these seconds because b is an estimate itself."""
    if b == inf:
        return 0.0
    moved = 0.0
    for i in range(count):
        moved += (shape + own[i]) * b / ((b + tail[i]) * (b + tail[i])) * mean[i]
    return moved * moved / max(information, LEAST)


def information(
    b: float, shape: float, empty: float, tail: Floats, every: Floats, own: Floats,
    count: int,
) -> float:  # fmt: skip
    """What the seconds say of ln b: the curvature of the log likelihood."""
    if b == inf:
        return 0.0
    return -_score(b, shape, empty, 0.0, tail, every, own, count)[1]


def latest_factor(prints: float, seconds: float) -> float:
    """Orders per print where the latest is printed; NaN where every second has one."""
    if prints == 0.0:
        return 1.0
    if prints >= seconds:
        return nan
    return -log(1.0 - prints / seconds) * seconds / prints


def latest_variance(
    prints: float, seconds: float, own_usd: float, own_squares: float
) -> float:
    """Variance of a side's estimate where the latest order is printed."""
    factor = latest_factor(prints, seconds)
    if prints == 0.0:
        return 0.0
    if isnan(factor):
        return nan
    share = prints / seconds
    counted = seconds * share / (1.0 - share)
    mean = own_usd / prints
    return (factor - 1.0) * own_squares + mean * mean * counted


def log_deviation(
    total: float, variance: float, modelled: float, error: float
) -> float:
    """Standard deviation of the logarithm of a total. Method: E3.

    `modelled` is the part of it that comes from a throttled feed: the error of the
    model counts for that only.
    """
    if total == 0.0:
        return 0.0
    part = error * modelled / total
    return sqrt(variance / (total * total) + part * part)
