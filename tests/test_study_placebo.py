"""Matching and shifting: the tests that describe, and what they answer."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from _study import hourly_shocks, made, near
from washout.clock import DAY, HOUR, MINUTE
from washout.config import DEFAULT
from washout.study.matching import match, matched
from washout.study.placebo import (
    Grid,
    allowed,
    exact_shift_p,
    exposed,
    lift,
    placebo,
    shifted,
    snapped,
)
from washout.study.sample import blocks

QUICK = replace(DEFAULT, resamples=399)
QUARTER = 15 * MINUTE


def test_matching_finds_a_planted_effect_with_the_covariates_pull_removed():
    found = match(made(rows=4000, days=400, effect=0.5), config=QUICK)
    assert abs(found.effect - 0.5) < 3 * found.se < 0.2
    assert found.method == "MAT"
    assert found.influence.value.sum() == near(found.effect)


def test_matching_against_a_loop_by_the_book():
    sample = made(rows=200, effect=0.3)
    event = sample.treated == 1
    x, y = sample.covariates, sample.outcome
    ours, theirs = x[event], x[~event]
    scale = lambda a: (a - theirs.mean(axis=0)) / theirs.std(axis=0)  # noqa: E731
    use, pairs = np.zeros(len(theirs)), []
    for one in scale(ours):
        pick = np.argsort(((scale(theirs) - one) ** 2).sum(axis=1))[:5]
        pairs.append(pick)
        use[pick] += 1
    line = np.column_stack([np.ones(len(theirs)), scale(theirs)])
    w = np.diag(use)
    slope = np.linalg.solve(line.T @ w @ line, line.T @ w @ y[~event])
    left = y - np.column_stack([np.ones(len(x)), scale(x)]) @ slope
    weight = np.empty(len(x))
    weight[event] = 1 / event.sum()
    weight[~event] = -use / (5 * event.sum())
    block = blocks(sample.time, sample.block)
    total, parts = (weight * left).sum(), []
    for one in np.unique(block[weight != 0]):
        inside = block == one
        share = (event & inside).sum() / event.sum()
        parts.append((weight * left)[inside].sum() - share * total)
    count = len(parts)
    found = match(sample, config=QUICK)
    assert found.effect == near(total)
    assert found.se == near(np.sqrt(count / (count - 1) * np.sum(np.square(parts))))
    again = matched(ours, y[event], theirs, y[~event], 5)
    assert (again.row == np.array(pairs)).all()


def test_too_few_controls_to_match_give_no_number():
    sample = made(rows=8)
    sample = replace(sample, treated=np.array([1.0] * 4 + [0.0] * 4))
    assert np.isnan(match(sample).effect)
    assert np.isnan(match(replace(sample, treated=np.zeros(8))).effect)


def grid(seed=0, days=400, missing=0):
    random = np.random.default_rng(seed)
    time = np.arange(0, days * DAY, QUARTER)
    outcome = hourly_shocks(random, time)
    outcome[random.integers(0, len(outcome), missing)] = np.nan
    return Grid(begin=0, step=QUARTER, outcome=outcome)


def times(seed, days=400, count=60):
    return np.sort(np.random.default_rng(1000 + seed).integers(0, days * DAY, count))


def test_events_are_snapped_up_and_never_back():
    where = snapped(
        Grid(begin=QUARTER, step=QUARTER, outcome=np.zeros(3)),
        np.array([0, QUARTER, QUARTER + 1, 3 * QUARTER, 3 * QUARTER + 1]),
    )
    assert where.tolist() == [0, 1, 2]


def test_shifts_stay_five_days_away_from_none():
    found = allowed(20 * 96, QUARTER)
    assert (found[0], found[-1]) == (5 * 96, 15 * 96)
    assert len(allowed(9 * 96, QUARTER)) == 0


def test_each_shift_has_its_own_clustered_error():
    random = np.random.default_rng(0)
    outcome = random.standard_normal(50)
    outcome[7] = np.nan
    place, shifts = np.array([1, 2, 11, 30]), np.array([0, 5, 45])
    block_of = np.arange(50) // 6
    effect, error = shifted(outcome, place, shifts, block_of)
    for number, shift in enumerate(shifts):
        row = (place + shift) % 50
        row = row[np.isfinite(outcome[row])]
        left = outcome[row] - outcome[row].mean()
        parts = [left[block_of[row] == b].sum() for b in np.unique(block_of[row])]
        spread = len(parts) / (len(parts) - 1) * np.sum(np.square(parts))
        assert effect[number] == near(outcome[row].mean() - np.nanmean(outcome))
        assert error[number] == near(np.sqrt(spread) / len(row))


def test_ten_clusters_or_fewer_take_every_shift():
    market = grid(days=40)
    few = np.arange(10) * 3 * DAY
    more = np.arange(11) * 3 * DAY
    found = placebo(market, few, block=3 * DAY)
    assert (found.clusters, found.resamples) == (10, 30 * 96 + 1)
    found = placebo(market, more, block=3 * DAY)
    assert (found.clusters, found.resamples) == (11, 999)


def test_events_before_good_times_are_found():
    market = grid(days=200)
    event = times(1, days=200)
    outcome = market.outcome.copy()
    outcome[snapped(market, event)] += 1.0
    found = placebo(replace(market, outcome=outcome), event, block=3 * DAY)
    assert found.p < 0.01
    assert found.low < 1.0 < found.high
    assert found.influence.value.sum() == near(found.effect)
    assert found.overlap is None


def test_missing_outcomes_leave_their_events_out():
    market = grid(days=100, missing=2000)
    event = times(3, days=100, count=100)
    found = placebo(market, event, block=3 * DAY)
    assert found.n_events == np.isfinite(market.outcome[snapped(market, event)]).sum()
    assert found.n_events + found.n_controls == np.isfinite(market.outcome).sum()
    assert found.influence.value.sum() == near(found.effect)


@pytest.mark.parametrize("event", [np.empty(0, np.int64), np.array([HOUR, 2 * HOUR])])
def test_no_events_or_one_cluster_give_no_number(event):
    found = placebo(grid(days=40), event, block=3 * DAY)
    assert np.isnan(found.effect)
    assert found.clusters == len(event[:1])


def test_a_record_of_nine_days_cannot_be_shifted():
    assert np.isnan(placebo(grid(days=9), times(0, days=9), block=3 * DAY).effect)


def test_the_studentised_shift_rejects_about_one_time_in_twenty():
    rejected = [
        placebo(
            grid(seed, days=200), times(seed, days=200), block=3 * DAY, seed=seed
        ).p < 0.05
        for seed in range(150)
    ]  # fmt: skip
    assert 0.01 <= np.mean(rejected) <= 0.10


def test_the_record_itself_counts_once_among_the_shifts():
    effect, drawn, p = exact_shift_p(
        np.array([0.0, 0, 0, 8]), np.array([3]), np.arange(1, 4)
    )
    assert (effect, drawn.tolist(), p) == (6.0, [-2.0] * 3, 0.25)


def test_instants_after_an_event_are_exposed_for_the_window():
    assert exposed(np.array([1, 2, 6]), 1, 8).tolist() == [
        False, True, True, True, False, False, True, True
    ]  # fmt: skip
    assert exposed(np.array([3]), 99, 5).tolist() == [False] * 3 + [True] * 2


def test_the_lift_is_a_ratio_of_rates_and_not_the_share_with_a_wave():
    hours = 400 * 24
    rally = (np.random.default_rng(4).random(hours) < 0.1).astype(float)
    event = times(0, count=40)
    market = Grid(begin=0, step=HOUR, outcome=rally)
    after = exposed(snapped(market, event), 48, hours)
    rally[after] = np.random.default_rng(5).random(after.sum()) < 0.3
    found = lift(market, event, window=2 * DAY, block=6 * DAY)
    assert found.effect == near(rally[after].mean() / rally.mean() - 1)
    assert found.p < 0.01
    assert (found.method, found.n_events) == ("LIFT", 40)


def test_without_any_rally_there_is_no_lift():
    market = Grid(begin=0, step=HOUR, outcome=np.zeros(960))
    found = lift(market, times(0, days=40), window=DAY, block=3 * DAY)
    assert np.isnan(found.effect)
