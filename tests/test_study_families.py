"""Families of tests: stepping down with common signs, and the share of false findings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from _study import estimate, made, near
from washout.clock import DAY, HOUR
from washout.config import DEFAULT
from washout.errors import UsageError
from washout.study.estimate import influences
from washout.study.families import (
    benjamini_hochberg,
    family_blocks,
    romano_wolf,
    step_down,
)
from washout.study.regression import regress

QUICK = replace(DEFAULT, resamples=499)


def family(seed, blocks=40, members=6, effects=(0.0,)):
    """Estimates that share shocks, as tests on the same market do."""
    random = np.random.default_rng(seed)
    time = np.arange(blocks) * 3 * DAY
    common = random.standard_normal(blocks)
    found = []
    for member in range(members):
        own = random.standard_normal(blocks)
        value = (0.7 * common + 0.7 * own + effects[member % len(effects)]) / blocks
        found.append(
            estimate(effect=value.sum(), influence=influences(time, value, 3 * DAY))
        )
    return found


def test_adjusted_values_are_never_below_their_own_and_keep_order():
    random = np.random.default_rng(0)
    t, stars = random.standard_normal(5) * 2, random.standard_normal((999, 5))
    adjusted = step_down(t, stars)
    own = [(1 + (abs(stars[:, h]) >= abs(t[h])).sum()) / 1000 for h in range(5)]
    assert (adjusted >= np.array(own) - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(-abs(t))]) >= 0).all()


def test_a_family_of_one_is_no_family():
    random = np.random.default_rng(1)
    stars = random.standard_normal((99, 1))
    assert step_down(np.array([1.5]), stars)[0] == near(
        (1 + (abs(stars) >= 1.5).sum()) / 100
    )


def test_a_true_effect_is_found_and_its_companions_are_not():
    adjusted = romano_wolf(family(0, effects=(0.9, 0, 0, 0, 0, 0)), config=QUICK)
    assert adjusted[0] < 0.05
    assert (adjusted[1:] > 0.05).all()


def test_any_false_finding_in_a_family_is_as_rare_as_promised():
    false = [
        (romano_wolf(family(seed), seed=seed, config=QUICK) < 0.05).any()
        for seed in range(200)
    ]
    assert np.mean(false) <= 0.08


def test_blocks_are_as_wide_as_the_widest_members():
    time = np.arange(0, 24 * DAY, HOUR)
    narrow, wide = (
        influences(time, np.ones(len(time)), width) for width in (3 * DAY, 8 * DAY)
    )
    assert family_blocks([narrow, wide]).tolist() == [[192.0, 192.0]] * 3
    assert family_blocks([narrow]).shape == (8, 1)


def test_odd_widths_are_rounded_up_until_no_stretch_is_split():
    time = np.arange(0, 24 * DAY, HOUR)
    odd = influences(time, np.ones(len(time)), 36 * HOUR)  # kept by 12 hours
    days = influences(time, np.ones(len(time)), DAY)
    assert family_blocks([odd, days]).shape == (12, 2)


def test_a_member_without_events_in_a_block_adds_nothing_there():
    early = influences(np.array([0]), np.array([2.0]), 3 * DAY)
    late = influences(np.array([9 * DAY]), np.array([5.0]), 3 * DAY)
    assert family_blocks([early, late]).tolist() == [[2.0, 0.0], [0.0, 5.0]]


def test_common_signs_keep_the_dependence_between_members():
    one = regress(made(seed=6, effect=0.25), config=QUICK)
    twins = romano_wolf([one] * 5, config=QUICK)
    assert twins == near(romano_wolf([one], config=QUICK).repeat(5))


def test_no_adjusted_value_is_below_the_tests_own():
    for seed in range(20):
        one = regress(made(seed, effect=0.15), config=QUICK, seed=seed)
        assert romano_wolf([one], config=QUICK)[0] >= one.p


def test_an_unknown_effect_takes_no_part():
    found = family(0, effects=(0.9, 0, 0))
    found[2] = replace(found[2], effect=math.nan, influence=None)
    adjusted = romano_wolf(found, config=QUICK)
    assert math.isnan(adjusted[2])
    assert np.isfinite(adjusted[[0, 1, 3, 4, 5]]).all()
    assert np.isnan(romano_wolf([found[2]], config=QUICK)).all()
    assert len(romano_wolf([])) == 0


def test_a_known_effect_without_influences_is_refused():
    with pytest.raises(UsageError, match="influences of every member"):
        romano_wolf([estimate(influence=None)])


def test_false_findings_are_held_as_statsmodels_does():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    # sorted .01 .03 .04 .5: times 4/rank .04 .06 .0533 .5, then smallest from above
    expected = [0.04, 0.16 / 3, np.nan, 0.16 / 3, 0.5]
    np.testing.assert_allclose(benjamini_hochberg(p), expected)
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()
