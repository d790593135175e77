"""SIM-W and scoring: the truth table is the truth, and scores are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from washout.errors import UsageError
from washout.testing.scoring import LATEST, NEVER, planted_from
from washout.testing.simulate import (
    Found,
    pooled,
    recalls,
    score,
    simulated_noise,
    simulated_waves,
)
from washout.testing.simulated_waves import APART, LARGEST, SMALLEST

DAYS = 90


@pytest.fixture(scope="module")
def flow():
    return simulated_waves(seed=3, days=DAYS, per_30_days=20)


def sides(simulated):
    return simulated.long, simulated.short


def test_a_seed_is_one_flow():
    one, again, other = (simulated_waves(seed=seed, days=10) for seed in (1, 1, 2))
    for side in ("long", "short"):
        assert np.array_equal(getattr(one, side).y, getattr(again, side).y)
        assert not np.array_equal(getattr(one, side).y, getattr(other, side).y)
    assert not np.array_equal(one.long.y, one.short.y)


def test_the_truth_table_adds_up_to_the_planted_flow(flow):
    for side in sides(flow):
        told = side.planted
        flows = [
            side.wave[a : b + 1] for a, b in zip(told.onset, told.end, strict=True)
        ]
        assert np.allclose([f.sum() for f in flows], told.size)
        assert side.wave.sum() == pytest.approx(told.size.sum())
        assert np.all(side.y >= side.wave)


def test_onset_and_the_points_of_5_and_95_percent_are_those_of_the_flow(flow):
    for side in sides(flow):
        reached = np.cumsum(side.wave)
        for i, onset in enumerate(side.planted.onset):
            before = reached[onset - 1] if onset else 0.0
            share = (reached[onset:] - before) / side.planted.size[i]
            low, high = (side.planted.low[i] - onset, side.planted.high[i] - onset)
            assert side.wave[onset] > 0
            assert side.wave[side.planted.end[i]] > 0
            assert not side.wave[max(onset - APART, 0) : onset].any()
            assert share[low] >= 0.05 > (share[low - 1] if low else 0.0)
            assert share[high] >= 0.95 > share[high - 1]


def test_waves_are_of_all_sizes_and_apart(flow):
    size = np.concatenate([side.planted.size for side in sides(flow)])
    assert 25 < len(size) < 75
    assert size.min() >= SMALLEST * 0.999
    assert size.max() <= LARGEST * 1.001
    assert 15 < np.median(size) < 100
    for side in sides(flow):
        pause = side.planted.onset[1:] - side.planted.end[:-1]
        assert pause.min() >= APART


def test_the_default_plants_about_five_waves_in_thirty_days():
    made = [simulated_waves(seed=seed) for seed in range(4)]
    count = sum(len(s.planted.size) for one in made for s in sides(one))
    assert 4 * 6 * 3 < count < 4 * 6 * 6


def test_the_background_has_a_diurnal_cycle_and_is_small(flow):
    background = flow.long.y - flow.long.wave
    hours = background.reshape(-1, 24, 60).sum((0, 2))
    assert hours[13:18].sum() > 1.4 * hours[1:6].sum()
    assert 15 < background.sum() / DAYS < 40
    assert np.mean(background == 0) > 0.1


def test_pure_noise_has_bursts_and_no_wave():
    noise = simulated_noise(seed=4, days=DAYS)
    quiet = simulated_waves(seed=4, days=DAYS, per_30_days=0)
    for side in sides(noise):
        assert not len(side.planted.size)
        assert not side.wave.any()
        assert np.sum(side.y > 0.3) > 2 * DAYS
    assert noise.long.y.sum() > quiet.long.y.sum()


def test_waves_need_a_day():
    with pytest.raises(UsageError, match="of 0 days: ask for one or more"):
        simulated_waves(seed=0, days=0)


PLANTED = planted_from([
    (100, np.full(100, 0.1)),  # 10 bp, 5 % at 104, 95 % at 194, ends 199
    (1000, np.full(50, 1.0)),  # 50 bp, 5 % at 1002, 95 % at 1047, ends 1049
    (2000, np.full(200, 1.0)),  # 200 bp, 5 % at 2009, 95 % at 2189, ends 2199
])  # fmt: skip


def found(*rows):
    columns = np.array(rows).reshape(-1, 5).T
    times = [c.astype(np.int64) for c in columns[:4]]
    return Found(
        onset=times[0], confirm=times[1], exhaustion=times[2], end=times[3],
        size=columns[4].astype(float),
    )  # fmt: skip


def test_a_wave_found_as_it_is_scores_nothing_wrong():
    same = Found(
        onset=PLANTED.onset, confirm=PLANTED.low, exhaustion=PLANTED.high,
        end=PLANTED.end, size=PLANTED.size,
    )  # fmt: skip
    scored = score(PLANTED, same, days=30)
    assert scored.recall(0) == 1
    for of in ("onset_error", "confirm_delay", "exhaustion_lag"):
        assert scored.quantiles(of) == (0, 0, 0)
    assert (scored.early_share, scored.splits, scored.false_per_30_days(0)) == (0, 0, 0)


def test_each_error_is_counted_where_it_belongs():
    scored = score(
        PLANTED,
        found(
            (995, 1005, 1030, 1060, 55),  # early by 17, starts 5 before
            (2003, 2010, 2100, 2110, 90),  # too early by 89
            (2120, 2125, NEVER, 2230, 70),  # the same wave, in two pieces
            (5000, 5001, 5030, 5040, 61),  # false, large
            (7000, 7001, 7030, 7040, 8),  # false, small
        ),
        days=60,
    )
    assert scored.pieces.tolist() == [0, 1, 2]
    assert [r.recall for r in recalls(scored, (5, 20))] == [0, 1]
    assert [r.planted for r in recalls(scored, (5, 20))] == [1, 2]
    assert np.array_equal(scored.onset_error, [np.nan, -5, 3], equal_nan=True)
    assert np.array_equal(scored.confirm_delay, [np.nan, 3, 1], equal_nan=True)
    assert np.array_equal(scored.exhaustion_lag, [np.nan, -17, -89], equal_nan=True)
    assert scored.early_share == 1
    assert scored.splits == 1
    assert scored.false_per_30_days() == 0.5
    assert scored.false_per_30_days(0) == 1
    assert scored.quantiles("exhaustion_lag", (0.5,), at_least=100) == (-89,)


def test_a_found_wave_answers_the_wave_of_which_it_holds_most():
    over_two = found((190, 191, 1040, 1060, 60))
    assert score(PLANTED, over_two, days=1).pieces.tolist() == [0, 1, 0]


def test_what_comes_after_a_wave_is_no_part_of_it():
    end = int(PLANTED.end[0])
    late, later = (end + LATEST, 0, 0, end + 90, 9), (end + LATEST + 1, 0, 0, 300, 9)
    assert score(PLANTED, found(late), days=1).pieces[0] == 1
    assert score(PLANTED, found(later), days=1).pieces[0] == 0


def test_a_wave_without_exhaustion_has_no_lag():
    scored = score(PLANTED, found((100, 105, NEVER, 199, 9)), days=1)
    assert np.isnan(scored.exhaustion_lag[0])
    assert np.isnan(scored.early_share)


def test_nothing_found_and_nothing_planted_can_be_scored():
    nothing = planted_from([])
    assert score(PLANTED, found(), days=1).recall(0) == 0
    scored = score(nothing, found((5, 6, 7, 8, 100)), days=30)
    assert scored.false_per_30_days() == 1
    assert np.isnan(scored.recall(0))
    assert np.isnan(scored.quantiles("onset_error")).all()


def test_pooled_scores_are_of_waves_not_of_markets():
    one = score(PLANTED, found((100, 104, 194, 199, 10)), days=10)
    two = score(PLANTED, found((4000, 4001, 4002, 4003, 90)), days=20)
    both = pooled([one, two])
    assert both.recall(0) == pytest.approx(1 / 6)
    assert both.false_per_30_days() == 1
    assert both.days == 30
