"""The stationary bootstrap against arch, and ratios of rates."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from _study import hourly_shocks, made, near
from washout.clock import DAY, HOUR, MINUTE
from washout.study.bootstrap import (
    Rates,
    dependence,
    mean_interval,
    optimal_block,
    rate_ratio,
    ratio_interval,
    resampled_sums,
)


def series(rows=300, seed=0):
    return hourly_shocks(np.random.default_rng(seed), np.arange(rows) * HOUR)


def arch_draws(values, mean_block, resamples, seed=1):
    from arch.bootstrap import StationaryBootstrap

    found = StationaryBootstrap(mean_block, values, seed=seed)
    return found.apply(np.mean, resamples)[:, 0]


@pytest.mark.parametrize("mean_block", [1, 5, 24, 250])
def test_the_spread_is_that_of_arch_within_monte_carlo_error(mean_block):
    values, draws = series(), 4000
    ours = mean_interval(values, mean_block, resamples=draws, seed=1)
    theirs = arch_draws(values, mean_block, draws)
    error = theirs.std() / np.sqrt(2 * draws)  # of each of the two deviations
    assert abs(ours.se - theirs.std()) < 5 * np.sqrt(2) * error
    wide = 5 * np.sqrt(2 * 0.05 * 0.95 / draws) / 0.103 * theirs.std()
    assert abs(ours.low - np.quantile(theirs, 0.05)) < wide
    assert abs(ours.high - np.quantile(theirs, 0.95)) < wide


def test_every_row_is_drawn_equally_often_whatever_its_place():
    counts = resampled_sums(np.eye(7), 4.0, 20_000, 2).mean(axis=0)
    assert counts == pytest.approx(np.ones(7), abs=0.03)


def test_every_sample_has_as_many_rows_as_the_series():
    for mean_block in (0.5, 1, 3, 1e9):
        sums = resampled_sums(np.eye(13), mean_block, 200, 3).sum(axis=1)
        assert sums == near(np.full(200, 13.0))


def test_rows_of_a_block_are_neighbours_around_the_end():
    """One whole turn and more: every sample is the series itself."""
    values = series(50)
    sums = resampled_sums(values[:, None], 1e12, 100, 4)
    assert sums == near(np.full((100, 1), values.sum()))


def test_a_seed_gives_the_same_interval_again():
    one, two, other = (
        mean_interval(series(), 24, resamples=500, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_a_ratio_resamples_both_sums_together():
    above, below = series(seed=1) + 4, np.full(300, 2.0)
    ratio = ratio_interval(above, below, 24, resamples=2000, seed=1)
    mean = mean_interval(above / 2, 24, resamples=2000, seed=1)
    assert (ratio.value, ratio.se) == near((mean.value, mean.se))
    same = ratio_interval(above, above, 24, resamples=100)
    assert (same.low, same.high) == near((1.0, 1.0))


def rates(ratio, seed=0, hours=4000):
    """Hours that are up or down; closures follow moves, `ratio` times as many shorts."""
    random = np.random.default_rng(seed)
    up = random.random(hours) < 0.5
    size = 0.5 + random.exponential(size=hours)
    closed = size * random.exponential(size=hours)
    return Rates(
        time=np.arange(hours) * HOUR, ours=np.where(up, ratio * closed, 0.0),
        our_base=np.where(up, size, 0.0), theirs=np.where(up, 0.0, closed),
        their_base=np.where(up, 0.0, size),
    )  # fmt: skip


def test_a_ratio_of_rates_is_compared_with_its_null():
    found = rate_ratio(rates(0.6), 24, block=3 * DAY, null=0.8, resamples=2000)
    assert abs(found.effect + 0.2) < 3 * found.se < 0.15
    assert found.p == near(2 / 2001)
    assert found.high < 0
    assert found.influence.value.sum() == near(found.effect)
    assert found.n_events + found.n_controls == 4000
    assert found.clusters == len(np.unique(np.arange(4000) // 72))


def test_influences_of_a_ratio_have_its_spread():
    given = rates(0.8)
    found = rate_ratio(given, 1, block=HOUR, null=0.8, resamples=4000)
    by_hour = found.influence.value
    assert np.sqrt((by_hour**2).sum()) == pytest.approx(found.se, rel=0.1)


def test_a_ratio_at_its_null_is_rejected_about_one_time_in_twenty():
    rejected = [
        rate_ratio(rates(0.8, seed, 800), 12, block=DAY, null=0.8, resamples=399).p
        < 0.05
        for seed in range(150)
    ]
    assert 0.01 <= np.mean(rejected) <= 0.12


def test_rates_without_a_base_give_no_number():
    given = rates(0.8)
    empty = replace(given, theirs=np.zeros(4000), their_base=np.zeros(4000))
    assert np.isnan(rate_ratio(empty, 24, block=DAY).effect)


def test_the_best_block_is_longer_where_dependence_is():
    random = np.random.default_rng(0)
    free = optimal_block(random.standard_normal(2000))
    bound = optimal_block(series(2000))
    assert bound > 3 * free
    assert optimal_block(series(2000), circular=True) > bound


def test_dependence_of_residuals_is_a_span_of_time():
    random = np.random.default_rng(0)
    time = np.arange(0, 100 * DAY, 15 * MINUTE)
    sample = made(rows=len(time), days=100)
    slow = replace(sample, time=time, outcome=hourly_shocks(random, time))
    fast = replace(slow, outcome=random.standard_normal(len(time)))
    assert dependence(fast) < 3 * HOUR < 12 * HOUR < dependence(slow) < 10 * DAY
    assert dependence(made(rows=10)) == 0.0
