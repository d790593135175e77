"""Outcomes and what was known: nothing looks ahead, short history is not a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from _study import near
from washout.clock import DAY, HOUR, MINUTE
from washout.study.outcomes import (
    covariates,
    dip_shape,
    fell,
    forward_return,
    mean_square,
    rose,
    standardised,
    trailing_move,
    trailing_return,
    trailing_volatility,
)


def walk(bars, seed=0, size=0.001):
    return np.cumsum(size * np.random.default_rng(seed).standard_normal(bars))


def test_returns_end_where_the_record_ends():
    price = walk(10)
    found = forward_return(price, 3)
    assert np.isnan(found[6:]).all()
    assert found[5] == near(price[9] - price[6])
    assert np.isnan(forward_return(price, 9)).all()
    assert np.isnan(forward_return(price, 90)).all()
    assert np.isnan(trailing_return(price, 3)[:3]).all()


def test_volatility_is_the_mean_square_of_the_window_that_ends_now():
    price = walk(200)
    found = trailing_volatility(price, HOUR, window=2 * DAY)
    assert np.isnan(found[:48]).all()
    for bar in (48, 100, 199):
        squares = np.diff(price)[bar - 48 : bar] ** 2
        assert found[bar] == near(np.sqrt(squares.mean()))


@pytest.mark.parametrize(("missing", "known"), [(2, True), (3, False)])
def test_a_window_needs_98_percent_of_its_returns(missing, known):
    price = walk(151)
    price[1 : 1 + missing - 1] = np.nan  # one price missing costs two returns
    assert np.isfinite(mean_square(price, 100)[100]) == known
    assert np.isfinite(mean_square(price, 100)[130])


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (MINUTE, ("r1h", "r4h", "r24h", "r72h", "rv4h", "rv24h")),
        (HOUR, ("r1h", "r4h", "r24h", "r72h", "rv4h", "rv24h")),
        (4 * HOUR, ("r4h", "r24h", "r72h", "rv24h")),
        (12 * HOUR, ("r24h", "r72h", "rv24h")),
        (DAY, ("r24h", "r72h")),
    ],
)
def test_windows_shorter_than_a_bar_are_left_out(width, names):
    price = walk(400)
    found = covariates(price, np.full(400, 0.001), width)
    assert found.names == names
    assert found.value.shape == (400, len(names))


def test_covariates_are_returns_and_variances_in_deviations():
    price = walk(1000)
    v = trailing_volatility(price, HOUR)
    found = covariates(price, v, HOUR)
    row = dict(zip(found.names, found.value[900], strict=True))
    r = np.diff(price, prepend=np.nan)
    assert row["r72h"] == near((price[900] - price[828]) / (v[900] * np.sqrt(72)))
    assert row["rv4h"] == near(0.5 * np.log((r[897:901] ** 2).mean() / v[900] ** 2))
    assert np.isnan(found.value[:720]).all()


def test_a_market_that_does_not_move_has_no_covariates():
    flat = np.zeros(1000)
    found = covariates(flat, trailing_volatility(flat, HOUR), HOUR)
    assert np.isnan(found.value).all()


def test_the_shape_of_a_dip_against_its_definition():
    price, v = walk(200), np.full(200, 0.001)
    found = dip_shape(price, v, HOUR)
    row = dict(zip(found.names, found.value[150], strict=True))
    day = 0.001 * np.sqrt(24)
    assert row["drawdown"] == near((price[127:151].max() - price[150]) / day)
    assert row["rise"] == near((price[150] - price[127:151].min()) / day)
    assert row["r6h"] == near((price[150] - price[144]) / (0.001 * np.sqrt(6)))
    assert row["drawdown^2"] == near(row["drawdown"] ** 2)
    assert len(found.names) == 8


@pytest.mark.parametrize("bars", [1, 2, 3, 7, 8, 24, 31])
def test_the_high_of_a_window_is_that_of_every_bar_in_it(bars):
    price = walk(64)
    price[40] = np.nan
    width = DAY // bars
    found = dip_shape(price, np.full(64, 1.0), width).value[:, 0]
    high = sliding_window_view(price, bars).max(axis=1)
    expected = (high - price[bars - 1 :]) / np.sqrt(bars)
    np.testing.assert_allclose(found[bars - 1 :], expected)
    assert np.isnan(found[: bars - 1]).all()


def test_highs_and_lows_within_bars_are_used_where_given():
    price = walk(60)
    found = dip_shape(
        price, np.full(60, 1.0), HOUR, log_high=price + 1, log_low=price - 1
    )
    closes = dip_shape(price, np.full(60, 1.0), HOUR)
    np.testing.assert_allclose(
        found.value[30, :2], closes.value[30, :2] + 1 / np.sqrt(24)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(100, 199))
def test_adding_the_future_changes_nothing_that_was_known(seed, now):
    """The law of prefixes, bit by bit."""
    price = walk(200, seed)
    price[np.random.default_rng(seed).integers(0, 200, 2)] = np.nan

    def known(record):
        v = trailing_volatility(record, HOUR, window=3 * DAY)
        parts = [v[:, None], covariates(record, v, HOUR).value]
        return np.hstack([*parts, dip_shape(record, v, HOUR).value])

    np.testing.assert_array_equal(known(price[:now]), known(price)[:now])


def test_falls_and_rises_include_their_edge_and_not_what_is_missing():
    move = np.array([-1.0, -0.999, 1.0, 0.999, np.nan])
    assert fell(move, 1.0).tolist() == [True, False, False, False, False]
    assert rose(move, 1.0).tolist() == [False, False, True, False, False]


def test_moves_are_in_deviations_of_their_window():
    price = np.arange(10) * 0.01
    found = trailing_move(price, np.full(10, 0.02), 4)
    assert found[9] == near(0.04 / (0.02 * 2))
    assert np.isnan(standardised(np.array([1.0]), 0.0, 4)[0])
