"""SIM-1: worlds do what their laws say, and nothing else."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from washout.errors import UnknownName, UsageError
from washout.testing.simulate import WORLDS, World, simulated_market
from washout.testing.simulated_market import MINUTES

ARRAYS = (
    "time", "log_close", "log_high", "log_low", "long_bp", "short_bp", "load", "sigma",
    "expected",
)  # fmt: skip


@pytest.fixture(scope="module")
def market():
    """Markets of two years, each made once."""
    made = {}

    def of(name, seed=0):
        if (name, seed) not in made:
            made[name, seed] = simulated_market(name, seed=seed)
        return made[name, seed]

    return of


def returns(market):
    return np.diff(market.log_close, prepend=0.0)


def ahead(market, minutes):
    """Log return over the next `minutes`, of all minutes but the last ones."""
    return market.log_close[minutes:] - market.log_close[:-minutes]


def correlation(before, after):
    """Rank correlation in units of its standard error, returns taken as unforeseen.

    Ranks bound what one crash can weigh.
    """
    ranks = [np.argsort(np.argsort(x)) for x in (before, after)]
    return np.corrcoef(*ranks)[0, 1] * np.sqrt(len(before))


def large_waves(y, size=60.0):
    """Stretches of strong flow that add up to `size`: enough to count by.

    Intensity with a half-life of ten minutes above 1 bp, stretches less than 35 minutes
    apart being one.
    """
    strong = np.convolve(y, 2.0 ** (-np.arange(60) / 10))[: len(y)] > 1.0
    at = np.flatnonzero(strong)
    cut = np.flatnonzero(np.diff(at) > 35)
    begins = at[np.concatenate([[0], cut + 1])]
    ends = at[np.concatenate([cut, [len(at) - 1]])] + 1
    sizes = np.array([y[a:b].sum() for a, b in zip(begins, ends, strict=True)])
    return ends[sizes >= size]


def test_a_seed_is_one_market_and_another_seed_another():
    one, again, other = (
        simulated_market("p1", seed=seed, days=3) for seed in (5, 5, 6)
    )
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(again, name))
    assert not np.array_equal(one.log_close, other.log_close)


def test_a_longer_market_begins_with_the_shorter_one():
    short, long = (simulated_market("p1", seed=5, days=days) for days in (3, 8))
    for name in ARRAYS:
        assert np.array_equal(getattr(short, name), getattr(long, name)[: 3 * MINUTES])


def test_worlds_of_one_seed_meet_the_same_shocks(market):
    for name in ("null_dip", "p2", "null_impact"):
        for truth in ("sigma", "load"):
            same = getattr(market("null0"), truth)
            assert np.array_equal(same, getattr(market(name), truth))


def test_a_world_can_be_made_by_hand():
    named = simulated_market("p05", seed=1, days=2)
    made = World(name="mine", title="half a bp", planted=0.5)
    assert np.array_equal(
        named.log_close, simulated_market(made, seed=1, days=2).log_close
    )
    with pytest.raises(AttributeError):
        made.planted = 1.0
    assert msgspec.json.decode(msgspec.json.encode(made), type=World) == made


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_is_a_market(name):
    made = simulated_market(name, seed=1, days=40)
    assert made.days == 40
    assert all(np.isfinite(getattr(made, array)).all() for array in ARRAYS)
    assert np.array_equal(np.diff(made.time), np.full(len(made.time) - 1, 60_000_000))
    assert np.all(made.log_low <= np.minimum(made.log_open, made.log_close))
    assert np.all(made.log_high >= np.maximum(made.log_open, made.log_close))
    assert np.all(made.long_bp >= 0)
    assert np.all(made.short_bp >= 0)
    assert np.all(made.sigma > 0)


def test_small_is_a_world_of_400_days():
    assert simulated_market("small", seed=0).days == 400


@pytest.mark.parametrize("seed", range(3))
def test_a_day_moves_by_about_two_and_a_half_percent(market, seed):
    daily = np.diff(market("null0", seed).log_close[MINUTES - 1 :: MINUTES])
    assert 0.021 < daily.std() < 0.031
    tails = np.mean((daily - daily.mean()) ** 4) / daily.var() ** 2
    assert tails > 3.5


@pytest.mark.parametrize("seed", range(3))
def test_two_years_have_enough_large_waves_to_judge_by_and_not_too_many(market, seed):
    for name in ("null0", "null_dip", "p1"):
        assert 100 < len(large_waves(market(name, seed).long_bp)) < 330


def test_shorts_mirror_longs_in_smaller_amounts(market):
    made = market("null0")
    assert 0.45 < made.short_bp.sum() / made.long_bp.sum() < 0.8
    up, down = (returns(made) > 0), (returns(made) < 0)
    assert made.long_bp[down].sum() > 2 * made.long_bp[up].sum()
    assert made.short_bp[up].sum() > 2 * made.short_bp[down].sum()


def test_equal_dips_close_very_different_amounts(market):
    """Days of -2 to -4 %: what they close spreads tenfold, and load explains it."""
    made = market("null0")
    days = returns(made).reshape(-1, MINUTES).sum(1)
    closed = made.long_bp.reshape(-1, MINUTES).sum(1)
    dip = (days < -0.02) & (days > -0.04)
    assert dip.sum() > 50
    low, high = np.quantile(closed[dip], [0.1, 0.9])
    assert high > 5 * low
    load = made.load.reshape(-1, MINUTES).mean(1)
    assert np.corrcoef(np.log(load[dip]), np.log(closed[dip]))[0, 1] > 0.7


def test_in_the_null_world_nothing_is_to_be_expected(market):
    assert not market("null0").expected.any()
    assert not market("small").expected.any()


@pytest.mark.parametrize("lag", [1, 5, 30, 240])
def test_in_the_null_world_past_closures_foretell_no_return(market, lag):
    """Half-hours, so that neighbours do not share a wave's aftershocks."""
    for seed in range(3):
        made = market("null0", seed)
        after = ahead(made, lag)[::30]
        for closed in (made.long_bp, made.short_bp):
            recent = np.convolve(closed, np.ones(30))[: len(closed)][:-lag:30]
            overlap = np.sqrt(max(1, lag / 30))
            assert abs(correlation(recent, after)) < 3.5 * overlap


def test_in_the_null_world_returns_after_large_waves_are_noise(market):
    after = []
    for seed in range(4):
        made = market("null0", seed)
        at = large_waves(made.long_bp)
        at = at[at < len(made.time) - MINUTES]
        after.append(made.log_close[at + MINUTES - 1] - made.log_close[at - 1])
    pooled = np.concatenate(after)
    assert abs(pooled.mean()) < 4 * pooled.std() / np.sqrt(len(pooled))


@pytest.mark.parametrize(
    ("name", "planted"), [("p025", 0.25), ("p05", 0.5), ("p1", 1.0), ("p2", 2.0)]
)
def test_closed_longs_are_followed_by_the_planted_drift(market, name, planted):
    """What is expected in all, per bp closed, is the world's number."""
    made = market(name)
    drift = made.expected - made.expected[0]
    assert drift.sum() / (made.long_bp.sum() * 1e-4) == pytest.approx(planted, rel=0.02)


def test_half_of_the_planted_drift_comes_within_six_hours(market):
    """One closure alone: what `expected` answers to it, by how much and how fast."""
    made = market("p1")
    drift = made.expected[1:] - made.expected[0]
    share = 2.0 ** (-1 / 360)
    left = drift[1:] - share * drift[:-1]
    released = (1 - share) * made.long_bp[1:-1] * 1e-4
    assert np.allclose(left, released, rtol=1e-9, atol=1e-12)
    answer = (1 - share) * share ** np.arange(MINUTES)
    assert answer[:360].sum() == pytest.approx(0.5)
    assert answer.sum() == pytest.approx(0.94, abs=0.01)


def test_the_planted_drift_shows_in_returns_after_large_waves(market):
    """The day after a wave, against the very same waves where nothing is planted."""
    gains = []
    for seed in range(3):
        null, planted = market("null0", seed), market("p1", seed)
        at = large_waves(null.long_bp)
        at = at[at < len(null.time) - MINUTES]
        gain = [
            made.log_close[at + MINUTES - 1] - made.log_close[at - 1]
            for made in (planted, null)
        ]
        gains.append(1e4 * (gain[0] - gain[1]))
    assert 60 < np.concatenate(gains).mean() < 200


def test_where_dips_are_given_back_moves_of_any_kind_revert(market):
    """Regression of the next two days on the past hour, against the law's own answer."""
    for name, low, high in (("null0", -0.12, 0.12), ("null_dip", -0.4, -0.15)):
        slopes = []
        for seed in range(4):
            made = market(name, seed)
            past = ahead(made, 60)[:-2880]
            slopes.append(np.polyfit(past, ahead(made, 2880)[60:], 1)[0])
        assert low < np.mean(slopes) < high


def test_a_dip_is_given_back_whoever_was_closed_in_it(market):
    """In null_dip what is expected follows from price alone."""
    made = market("null_dip")
    share = 2.0 ** (-1 / 720)
    own = returns(made) - made.expected
    released = made.expected[1:] - share * made.expected[:-1]
    assert np.allclose(released, -(1 - share) * 0.3 * own[:-1], rtol=1e-9, atol=1e-12)


def test_impact_pushes_price_for_good(market):
    made = market("null_impact")
    pushed = made.expected - made.expected[0]
    net = (made.short_bp - made.long_bp).sum() * 1e-4
    assert pushed.sum() / net == pytest.approx(WORLDS["null_impact"].iota, rel=0.02)
    assert made.long_bp.sum() > market("null0").long_bp.sum()


def test_prices_stay_where_they_can_be_drawn(market):
    for name in ("p2", "null_impact"):
        assert abs(market(name).log_close[-1]) < 3


def test_an_unknown_world_names_the_nearest():
    with pytest.raises(UnknownName, match=r"no world 'nul_dip'. Did you mean null_dip"):
        simulated_market("nul_dip", seed=0)


def test_a_market_needs_a_day():
    with pytest.raises(UsageError, match="0 days: ask for one or more"):
        simulated_market("null0", seed=0, days=0)
