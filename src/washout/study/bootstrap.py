"""Stationary bootstrap of means and ratios of sums (Politis and Romano 1994).

For series with one value after the other. Outcomes that overlap in time around events
need the calendar blocks of the other tests instead.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from washout.clock import MINUTE
from washout.config import DEFAULT
from washout.study.estimate import (
    DETECTABLE,
    Estimate,
    Rests,
    influences,
    needed,
    unknown,
)
from washout.study.regression import partialled
from washout.study.sample import Floats, Sample, Times, blocks

_FEW = 50
"""Rows below which a series says nothing about its dependence."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A statistic with its percentile interval of 90 %."""

    value: float
    se: float
    low: float
    high: float
    mean_block: float
    resamples: int
    seed: int


def resampled_sums(
    columns: Floats, mean_block: float, resamples: int, seed: int
) -> Floats:
    """Sums of the columns over resampled rows: float64[n, k] to float64[resamples, k].

    All columns are resampled together; blocks are `mean_block` rows long on average.
    """
    from washout.study.resampling import add_blocks

    running = np.zeros((len(columns) + 1, columns.shape[1]))
    np.cumsum(columns, axis=0, out=running[1:])
    sums = np.zeros((resamples, columns.shape[1]))
    if len(columns):
        chance = 1.0 / max(mean_block, 1.0)
        add_blocks(running, chance, np.random.default_rng(seed), sums)
    return sums


def mean_interval(
    values: Floats,
    mean_block: float,
    *,
    resamples: int = DEFAULT.resamples,
    seed: int = 0,
) -> Interval:
    """Mean of a series (float64[n], finite)."""
    sums = resampled_sums(values[:, None], mean_block, resamples, seed)[:, 0]
    return _interval(float(values.mean()), sums / len(values), mean_block, seed)


def ratio_interval(
    above: Floats,
    below: Floats,
    mean_block: float,
    *,
    resamples: int = DEFAULT.resamples,
    seed: int = 0,
) -> Interval:
    """Ratio of two sums over the same rows (float64[n] each, finite)."""
    sums = resampled_sums(np.column_stack([above, below]), mean_block, resamples, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = sums[:, 0] / sums[:, 1]
    return _interval(float(above.sum() / below.sum()), drawn, mean_block, seed)


def _interval(value: float, drawn: Floats, mean_block: float, seed: int) -> Interval:
    there = drawn[np.isfinite(drawn)]
    low, high = np.quantile(there, [0.05, 0.95])
    return Interval(
        value=value, se=float(there.std(ddof=1)), low=float(low), high=float(high),
        mean_block=mean_block, resamples=len(there), seed=seed,
    )  # fmt: skip


class Rates(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Two rates to compare: sums of `ours` per `our_base` and `theirs` per `their_base`.

    All are float64[n], one row an hour or a day in order of `time`; rows that belong to
    one side hold 0 on the other.
    """

    time: Times
    ours: Floats
    our_base: Floats
    theirs: Floats
    their_base: Floats


def rate_ratio(
    rates: Rates,
    mean_block: float,
    *,
    block: int,
    null: float = 1.0,
    smallest: float = DEFAULT.smallest_ratio,
    resamples: int = DEFAULT.resamples,
    seed: int = 0,
) -> Estimate:
    """(sum ours / sum our_base) / (sum theirs / sum their_base), less `null`.

    The interval is the bootstrap's percentiles; p is twice the smaller share of draws
    on either side of `null`. A claim that the ratio is below is `oriented` by -1.
    """
    columns = np.column_stack(
        [rates.ours, rates.our_base, rates.theirs, rates.their_base]
    )
    rests = Rests(
        method="RATIO", smallest=smallest, seed=seed,
        n_events=int(np.count_nonzero(rates.our_base)),
        n_controls=int(np.count_nonzero(rates.their_base)),
        clusters=len(np.unique(blocks(rates.time[rates.our_base != 0], block))),
    )  # fmt: skip
    total = columns.sum(axis=0)
    if not (np.isfinite(total).all() and (total[1:] != 0).all()):
        return unknown(rests)
    found = resampled_sums(columns, mean_block, resamples, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = found[:, 0] * found[:, 3] / (found[:, 1] * found[:, 2]) - null
    drawn = drawn[np.isfinite(drawn)]
    effect = float(total[0] * total[3] / (total[1] * total[2])) - null
    interval = _interval(effect, drawn, mean_block, seed)
    side = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return Estimate(
        method=rests.method, effect=effect, se=interval.se,
        t=effect / interval.se, p=min(1.0, 2 * (1 + side) / (len(drawn) + 1)),
        low=interval.low, high=interval.high, smallest=smallest,
        mde=DETECTABLE * interval.se,
        needed=needed(interval.se, rests.clusters, smallest), n_events=rests.n_events,
        n_controls=rests.n_controls, clusters=rests.clusters, resamples=len(drawn),
        influence=influences(rates.time, _influence(rates, total, null), block),
        seed=seed,
    )  # fmt: skip


def _influence(rates: Rates, total: Floats, null: float) -> Floats:
    """Each row's part of the ratio less `null`: linear, and zero on average at `null`."""
    rate = total[2] / total[3]
    ours = (rates.ours - null * rate * rates.our_base) / (total[1] * rate)
    theirs = (rates.theirs - rate * rates.their_base) / (total[3] * rate)
    return np.asarray(ours - null * theirs)


def optimal_block(values: Floats, *, circular: bool = False) -> float:
    """Mean block in rows that suits a series: Politis and White 2004, as arch has it.

    For the stationary bootstrap, or the circular one's fixed length.
    """
    from arch.bootstrap import optimal_block_length

    found: Any = optimal_block_length(values)
    return float(found["circular" if circular else "stationary"].iloc[0])


def dependence(sample: Sample, step: int = 15 * MINUTE) -> float:
    """How long residuals of the primary regression depend on each other, us.

    Residuals are averaged by stretch of `step` us. Stretches without rows are left out,
    which joins what was apart: there the length comes out a little long.
    """
    found = partialled(sample)
    if found is None:
        return 0.0
    _, place = np.unique(sample.time // step, return_inverse=True)
    series = np.bincount(place, found.residuals) / np.bincount(place)
    if len(series) < _FEW or not series.std() > 0:
        return 0.0
    return optimal_block(series, circular=True) * step
