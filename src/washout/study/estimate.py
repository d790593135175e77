"""What a test gives: an effect, how sure it is, and what it rests on."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from msgspec.structs import replace

from washout.clock import DAY
from washout.study.sample import Floats, Times, sums

DETECTABLE = 2.80
"""Standard errors of an effect that a two-sided 5 % test finds in 80 % of samples:
1.96 + 0.84."""

TIE = 1e-9
"""Relative difference below which two statistics are equal: sums in another order."""


class Influence(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """How much each stretch of time adds to the effect; the values sum up to it.

    `stretch` (int64[m]) counts stretches of `width` us from the epoch. They are days
    wherever blocks are whole days, and finer where not, so that they can be joined to
    the blocks of the test and, in a family, to wider ones. `block` is the test's own.
    """

    stretch: Times
    value: Floats
    width: int
    block: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An effect with its inference. Numbers are NaN where data cannot say."""

    method: str
    effect: float
    se: float
    t: float
    p: float
    """Two-sided, from resampling."""
    low: float
    high: float
    """90 % confidence interval."""
    smallest: float
    """The smallest effect of interest."""
    mde: float
    """The smallest effect that this test would have found in 80 % of samples."""
    needed: float
    """Clusters at which the smallest effect of interest would be found as often."""
    n_events: int
    n_controls: int
    clusters: int
    """Calendar blocks with events."""
    overlap: float | None = None
    """Share of events with comparable controls; None where nothing is compared."""
    influence: Influence | None = None
    resamples: int = 0
    seed: int = 0


class Rests(msgspec.Struct, frozen=True, kw_only=True):
    """What an estimate rests on, whatever the method."""

    method: str
    n_events: int
    n_controls: int
    clusters: int
    smallest: float
    overlap: float | None = None
    seed: int = 0


def concluded(
    rests: Rests, effect: float, se: float, stars: Floats, influence: Influence
) -> Estimate:
    """An estimate from its statistic and the statistics under the null, `stars`.

    p = (1 + #{|t*| >= |t|}) / (B + 1); the interval is symmetric around the effect,
    the 90 % quantile of |t*| standard errors wide each way.
    """
    if not (math.isfinite(effect) and se > 0):
        return unknown(rests)
    sizes = np.abs(stars[np.isfinite(stars)])
    t = effect / se
    reach = float(np.quantile(sizes, 0.90)) * se if len(sizes) else math.inf
    return Estimate(
        method=rests.method, effect=effect, se=se, t=t, p=exceedance(t, sizes),
        low=effect - reach, high=effect + reach, smallest=rests.smallest,
        mde=DETECTABLE * se, needed=needed(se, rests.clusters, rests.smallest),
        n_events=rests.n_events, n_controls=rests.n_controls, clusters=rests.clusters,
        overlap=rests.overlap, influence=influence, resamples=len(sizes),
        seed=rests.seed,
    )  # fmt: skip


def exceedance(statistic: float, stars: Floats) -> float:
    """Share of |stars| that reach |statistic|, counting the statistic itself once."""
    reached = np.abs(stars) >= abs(statistic) * (1 - TIE)
    return float((1 + np.count_nonzero(reached)) / (len(stars) + 1))


def unknown(rests: Rests) -> Estimate:
    """The answer where the sample does not identify an effect."""
    nothing = math.nan
    return Estimate(
        method=rests.method, effect=nothing, se=nothing, t=nothing, p=nothing,
        low=nothing, high=nothing, smallest=rests.smallest, mde=nothing,
        needed=nothing, n_events=rests.n_events, n_controls=rests.n_controls,
        clusters=rests.clusters, overlap=rests.overlap, seed=rests.seed,
    )  # fmt: skip


def needed(se: float, clusters: int, smallest: float) -> float:
    """Clusters needed for the smallest effect of interest: (2.80 sd / smallest)^2.

    The deviation of one cluster's estimate is sd = se sqrt(clusters): clusters, not
    rows, are what is independent. 7.1 % a wave and 2 % of interest ask for 99.
    """
    return clusters * (DETECTABLE * se / smallest) ** 2


def influences(time: Times, value: Floats, block: int) -> Influence:
    """Sum the influence of rows (float64[n]) by stretch."""
    width = math.gcd(block, DAY)
    stretch, place = np.unique(time // width, return_inverse=True)
    return Influence(
        stretch=stretch,
        value=sums(place, value),
        width=width,
        block=block,
    )


def oriented(estimate: Estimate, sign: int) -> Estimate:
    """The estimate with its effect turned so that + is what the claim says."""
    if sign >= 0:
        return estimate
    turned = estimate.influence
    if turned is not None:
        turned = replace(turned, value=-turned.value)
    return replace(
        estimate, effect=-estimate.effect, t=-estimate.t, low=-estimate.high,
        high=-estimate.low, influence=turned,
    )  # fmt: skip
