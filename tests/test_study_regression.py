"""The primary test: against naive loops, another library, and worlds without effect."""

from __future__ import annotations

import itertools
from functools import partial

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from _study import hourly_shocks, made, near
from washout.clock import DAY, HOUR
from washout.config import DEFAULT
from washout.errors import UsageError
from washout.study.matching import match
from washout.study.regression import (
    block_sums,
    design,
    dose,
    partialled,
    ranked,
    redrawn,
    regress,
)
from washout.study.sample import blocks, interacted
from washout.study.signs import sign_vectors

QUICK = msgspec.structs.replace(DEFAULT, resamples=399)


def refitted(sample, outcome):
    """(effect, SE) by the book: least squares on everything, sums by block in a loop."""
    fixed = design(sample)
    columns = np.column_stack([sample.treated, fixed])
    effect = np.linalg.lstsq(columns, outcome, rcond=None)[0][0]
    d, y = (
        column - fixed @ np.linalg.lstsq(fixed, column, rcond=None)[0]
        for column in (sample.treated, outcome)
    )
    u = y - effect * d
    block = blocks(sample.time, sample.block)
    found = np.unique(block)
    score = [(d * u)[block == one].sum() for one in found]
    count = len(found)
    spread = count / (count - 1) * sum(s**2 for s in score)
    return effect, np.sqrt(spread) / (d @ d)


def by_the_book(sample, signs):
    """(effect, SE, p, half width of the interval) with a refit of every draw."""
    effect, error = refitted(sample, sample.outcome)
    fixed = design(sample)
    fit = fixed @ np.linalg.lstsq(fixed, sample.outcome, rcond=None)[0]
    left = sample.outcome - fit
    place = np.unique(blocks(sample.time, sample.block), return_inverse=True)[1]
    stars = []
    for sign in signs:
        one, spread = refitted(sample, fit + sign[place] * left)
        stars.append(abs(one / spread))
    reached = sum(star >= abs(effect / error) * (1 - 1e-9) for star in stars)
    return (
        effect, error, (1 + reached) / (len(stars) + 1),
        np.quantile(stars, 0.9) * error,
    )  # fmt: skip


def test_draws_from_block_sums_are_those_of_a_refit_of_every_draw():
    sample = made(rows=300, effect=0.5)
    config = replace(DEFAULT, resamples=50)
    found = regress(sample, seed=3, config=config)
    signs = np.concatenate(list(sign_vectors(30, 50, 3)))
    effect, error, p, reach = by_the_book(sample, signs)
    assert (found.effect, found.se) == near((effect, error))
    assert (found.p, found.high - found.effect) == near((p, reach))
    assert found.low == near(2 * found.effect - found.high)
    assert found.resamples == 50


def test_ten_blocks_or_fewer_take_every_vector_of_signs():
    sample = made(rows=120, days=12, effect=0.3)
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=4)))
    effect, error, p, reach = by_the_book(sample, signs)
    found = regress(sample)
    assert found.resamples == 2**4
    assert (found.effect, found.se, found.p) == near((effect, error, p))
    assert found.high == near(effect + reach)
    assert regress(sample, seed=9).p == found.p


def test_eleven_blocks_draw_signs():
    assert regress(made(days=33), config=QUICK).resamples == 399
    assert regress(made(days=30), config=QUICK).resamples == 2**10


def test_signs_are_plus_and_minus_one_and_come_from_the_seed():
    drawn = np.concatenate(list(sign_vectors(40, 5000, 1)))
    assert drawn.shape == (5000, 40)
    assert drawn.dtype == np.float64
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert abs(drawn.mean()) < 0.01
    assert (drawn == np.concatenate(list(sign_vectors(40, 5000, 1)))).all()


def test_the_clustered_error_is_that_of_statsmodels_up_to_its_small_sample_factor():
    import statsmodels.api as sm

    sample = made(rows=500, effect=0.2)
    columns = np.column_stack([sample.treated, design(sample)])
    group = blocks(sample.time, sample.block)
    other = sm.OLS(sample.outcome, columns).fit(
        cov_type="cluster", cov_kwds={"groups": group}
    )
    rows, wide = columns.shape
    found = regress(sample, config=QUICK)
    assert found.effect == near(other.params[0])
    assert found.se == near(other.bse[0] / np.sqrt((rows - 1) / (rows - wide)))


def test_the_design_holds_curves_and_kinks_fixed():
    sample = made(rows=5, columns=6)
    found = design(sample)
    x = sample.covariates
    assert found.shape == (5, 19)
    assert (found == np.hstack([np.ones((5, 1)), x, x**2, np.minimum(x, 0)])).all()
    assert design(sample, shaped=False).shape == (5, 7)


def test_a_planted_effect_is_found_whatever_the_covariates_do():
    found = regress(made(rows=4000, days=400, effect=0.5), config=QUICK)
    assert abs(found.effect - 0.5) < 3 * found.se < 0.15
    assert found.p < 0.01
    assert found.n_events + found.n_controls == 4000
    assert found.mde == near(2.8 * found.se)
    assert found.influence.value.sum() == near(found.effect)


@pytest.mark.parametrize(
    "degenerate",
    [
        lambda s: replace(s, treated=np.zeros(len(s.time))),
        lambda s: replace(s, treated=s.covariates[:, 0] * 2 - 1),
        lambda s: replace(s, treated=np.ones(len(s.time))),
    ],
    ids=["no event", "treatment is a covariate", "no control"],
)
def test_what_is_not_identified_is_nan_and_not_a_number(degenerate):
    found = regress(degenerate(made()))
    assert np.isnan([found.effect, found.se, found.p, found.low, found.mde]).all()


def test_an_empty_sample_gives_no_number():
    found = regress(made(rows=1, days=1, chance=0.0))
    assert np.isnan(found.effect)
    assert (found.n_events, found.clusters, found.overlap) == (0, 0, 0.0)


@pytest.mark.parametrize("test", [regress, match])
def test_missing_numbers_are_refused_and_counted(test):
    sample = made(rows=50)
    outcome = sample.outcome.copy()
    outcome[3:5] = np.nan
    with pytest.raises(UsageError, match="2 of 50 rows .* have missing numbers"):
        test(replace(sample, outcome=outcome))


@pytest.mark.parametrize("test", [regress, match])
def test_one_block_says_nothing_about_spread(test):
    found = test(made(rows=60, days=3))
    assert np.isnan(found.effect)
    assert found.clusters == 1


def test_collinear_columns_change_nothing():
    sample = made(effect=0.3)
    twice = replace(
        sample, covariates=np.hstack([sample.covariates, 3 * sample.covariates])
    )
    one, two = (regress(s, config=QUICK) for s in (sample, twice))
    assert (two.effect, two.se, two.p) == near((one.effect, one.se, one.p))


def test_block_sums_add_up_to_the_whole_sample():
    sample = made(effect=0.4)
    found = partialled(sample)
    sums = block_sums(found, blocks(sample.time, sample.block))
    effect, error = redrawn(sums, np.ones((1, len(sums.score))))
    assert effect[0] == near(found.effect)
    assert error[0] == near(refitted(sample, sample.outcome)[1])
    assert sums.strength == near(found.strength)


def test_a_dose_is_judged_given_the_shape_of_the_dip():
    random = np.random.default_rng(2)
    sample = made(rows=3000, days=300)
    shape = random.standard_normal((3000, 3))
    amount = np.log1p(np.exp(shape[:, 0] + random.standard_normal(3000)))
    outcome = 0.25 * amount - 0.8 * shape[:, 0] + random.standard_normal(3000)
    sample = replace(sample, treated=amount, outcome=outcome)
    with_shape = dose(sample, shape, config=QUICK)
    assert with_shape.method == "DOSE"
    assert with_shape.low < 0.25 < with_shape.high
    assert with_shape.n_events == 1500
    without = regress(sample, config=QUICK)
    assert without.high < 0.0


def test_ranks_keep_order_events_and_ignore_size():
    sample = replace(made(), treated=np.random.default_rng(1).exponential(size=400))
    found = ranked(sample)
    assert (found.treated.min(), found.treated.max()) == (0.0, 1.0)
    assert (np.argsort(found.treated) == np.argsort(sample.treated)).all()
    cubed = ranked(replace(sample, treated=sample.treated**3))
    assert (found.treated == cubed.treated).all()
    assert found.event.sum() == 200


def test_an_interaction_is_the_difference_between_two_kinds_of_events():
    sample = made(rows=4000, days=400, effect=0.5)
    kind = (np.arange(4000) % 2).astype(float)
    sample = replace(sample, outcome=sample.outcome + 0.4 * sample.treated * kind)
    found = regress(interacted(sample, kind), config=QUICK)
    assert found.low < 0.4 < found.high
    assert found.n_events == int(sample.treated.sum())


@pytest.mark.parametrize("dependent", [False, True], ids=["independent", "dependent"])
def test_a_world_without_effect_is_rejected_about_one_time_in_twenty(dependent):
    noise = hourly_shocks if dependent else None
    build = partial(made, rows=1500, days=240, noise=noise, chance=0.06)
    rejected = [
        regress(build(seed), seed=seed, config=QUICK).p < 0.05 for seed in range(150)
    ]
    assert 0.01 <= np.mean(rejected) <= 0.10


def test_errors_by_row_would_reject_too_often_where_neighbours_share_shocks():
    """What the blocks are for: events that come in bursts, errors that last."""
    random = np.random.default_rng(0)
    rejected = {2 * DAY: 0, 60_000_000: 0}
    for seed in range(60):
        time = np.arange(0, 60 * DAY, HOUR, dtype=np.int64)
        sample = made(seed, rows=len(time), days=60)
        burst = np.repeat(random.random(len(time) // 12) < 0.15, 12).astype(float)
        sample = replace(
            sample, time=time, treated=burst, outcome=hourly_shocks(random, time)
        )
        for width in rejected:
            found = regress(replace(sample, block=width), config=QUICK)
            rejected[width] += found.p < 0.05
    assert rejected[2 * DAY] <= 8
    assert rejected[60_000_000] > 15
