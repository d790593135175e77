"""Rows of a study: what is left out, what counts as an event, where blocks begin."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from _study import made, near
from washout.clock import DAY, HOUR, MINUTE
from washout.errors import UsageError
from washout.study.estimate import influences, needed, oriented
from washout.study.overlap import overlap, scaled
from washout.study.regression import regress
from washout.study.sample import (
    Sample,
    block_width,
    blocks,
    clear_of_past,
    clusters,
    complete,
    events,
    first_of_each,
    interacted,
    quarters,
    reserved_from,
)


def test_rows_with_a_missing_number_are_left_out_and_counted():
    sample = interacted(made(rows=50), np.zeros(50))
    for row, name in enumerate(("outcome", "treated", "covariates", "extra")):
        column = getattr(sample, name).copy()
        column[row] = np.inf if row % 2 else np.nan
        sample = replace(sample, **{name: column})
    found, left_out = complete(sample)
    assert left_out == 4
    assert len(found.time) == len(found.event) == len(found.extra) == 46
    assert (found.time == sample.time[4:]).all()


def test_columns_of_another_length_are_refused():
    sample = made(rows=10)
    with pytest.raises(UsageError, match=r"outcome has shape \(9,\); expected 10 rows"):
        replace(sample, outcome=sample.outcome[1:])
    with pytest.raises(UsageError, match="10 rows in 2 dimensions"):
        replace(sample, covariates=sample.outcome)
    with pytest.raises(UsageError, match="positive width"):
        replace(sample, block=0)


def test_blocks_are_aligned_with_the_epoch_also_before_it():
    time = np.array([-1, 0, 3 * DAY - 1, 3 * DAY])
    assert blocks(time, 3 * DAY).tolist() == [-1, 0, 0, 1]


@pytest.mark.parametrize(
    ("horizon", "dependence", "days"),
    [
        (HOUR, 0, 3), (36 * HOUR, 0, 3), (36 * HOUR + 1, 0, 4), (7 * DAY, 0, 14),
        (HOUR, 3 * DAY + 1, 4), (HOUR, 3 * DAY, 3), (30 * DAY, 10 * DAY, 60),
    ],
)  # fmt: skip
def test_a_block_is_twice_the_horizon_three_days_or_the_dependence(
    horizon, dependence, days
):
    assert block_width(horizon, dependence) == days * DAY


def test_events_of_a_dose_are_the_rows_above_its_median():
    sample = made(rows=4)
    binary = replace(sample, treated=np.array([0.0, 1, 1, 0]))
    amount = replace(sample, treated=np.array([0.0, 0.5, 2, 9]))
    assert events(binary).tolist() == [False, True, True, False]
    assert events(amount).tolist() == [False, False, True, True]


def test_clusters_are_blocks_with_events():
    sample = Sample(
        time=np.array([0, 1, DAY, 5 * DAY, 6 * DAY]), outcome=np.zeros(5),
        treated=np.array([1.0, 1, 0, 1, 0]), covariates=np.zeros((5, 1)), block=3 * DAY,
    )  # fmt: skip
    assert clusters(sample) == 2


def test_quarters_are_equal_in_time_and_share_no_row():
    sample = made(rows=200, days=40)
    parts = quarters(sample, 0, 40 * DAY)
    assert sum(len(part.time) for part in parts) == 200
    for number, part in enumerate(parts):
        assert (part.time // (10 * DAY) == number).all()


def test_the_last_quarter_of_time_is_reserved():
    assert reserved_from(0, 100 * DAY) == 75 * DAY


def test_controls_are_excluded_by_the_past_and_never_by_what_follows():
    begin, end = np.array([10 * HOUR, 50 * HOUR]), np.array([12 * HOUR, 90 * HOUR])
    time = np.array([9, 10, 36, 37, 49, 50, 60, 114, 115]) * HOUR
    clear = clear_of_past(time, begin, end, 24 * HOUR)
    assert clear.tolist() == [True, False, False, True, True, *[False] * 3, True]
    assert clear_of_past(time, begin[:0], end[:0], DAY).all()


def test_a_long_wave_still_excludes_after_a_later_short_one():
    begin, end = np.array([0, HOUR]), np.array([100 * HOUR, 2 * HOUR])
    assert not clear_of_past(np.array([50 * HOUR]), begin, end, HOUR)[0]


def test_the_first_event_of_each_horizon():
    time = np.array([5, 0, 1, 9, 10, 14]) * MINUTE
    kept = first_of_each(time, 5 * MINUTE)
    assert np.sort(time[kept]).tolist() == [0, 5 * MINUTE, 10 * MINUTE]


def test_overlap_asks_for_five_controls_within_two_deviations():
    controls = np.array([[-1.0], [1], [-1], [1], [-1], [1]])
    assert controls.std() == 1.0

    def share(*places):
        x = np.vstack([controls, np.array(places, float)[:, None]])
        event = np.arange(len(x)) >= 6
        return overlap(
            Sample(
                time=np.zeros(len(x), np.int64), outcome=np.zeros(len(x)),
                treated=event.astype(float), covariates=x, block=DAY,
            )
        )  # fmt: skip

    assert share(0.0) == 1.0
    assert share(1.0) == 1.0  # the two last of five are exactly 2 away
    assert share(1.01) == 0.0
    assert share(0.0, 1.0, 1.01, 99) == 0.5


def test_a_constant_covariate_keeps_its_unit():
    controls = np.array([[1.0, 5], [3, 5]])
    assert scaled(np.array([[2.0, 6]]), controls).tolist() == [[0.0, 1.0]]


def test_without_events_or_controls_nothing_overlaps():
    sample = made(rows=20)
    assert overlap(replace(sample, treated=np.zeros(20))) == 0.0
    assert overlap(replace(sample, treated=np.ones(20))) == 0.0
    assert overlap(replace(sample, covariates=np.empty((20, 0)))) == 1.0


def test_thirty_waves_with_seven_percent_need_ninety_nine():
    assert needed(7.1 / np.sqrt(30), 30, 2.0) == near((2.8 * 7.1 / 2) ** 2)
    assert round(needed(7.1 / np.sqrt(30), 30, 2.0)) == 99


@pytest.mark.parametrize(
    ("block", "width"), [(3 * DAY, DAY), (6 * HOUR, 6 * HOUR), (36 * HOUR, 12 * HOUR)]
)
def test_influences_are_kept_at_stretches_that_blocks_are_made_of(block, width):
    time = np.arange(0, 9 * DAY, HOUR)
    found = influences(time, np.ones(len(time)), block)
    assert (found.width, found.block) == (width, block)
    assert found.value.sum() == len(time)
    assert block % found.width == DAY % found.width == 0


def test_an_estimate_turned_round_says_the_same_of_the_opposite():
    one = regress(made(effect=0.3))
    other = oriented(one, -1)
    assert oriented(one, 1) is one
    assert (other.effect, other.low, other.high) == (-one.effect, -one.high, -one.low)
    assert (other.p, other.se, other.t) == (one.p, one.se, -one.t)
    assert other.influence.value.sum() == near(other.effect)
