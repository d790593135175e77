"""SIM-C: a throttled feed shows the largest or the latest order of each second."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from washout.clock import SECOND
from washout.errors import UnknownName, UsageError
from washout.testing.censoring import Orders
from washout.testing.simulate import one_per_second, simulated_orders

RULES = ("largest", "latest")


def rows(orders):
    return list(
        zip(
            orders.time.tolist(), orders.long.tolist(), orders.usd.tolist(), strict=True
        )
    )


@given(
    st.integers(0, 2**32),
    st.floats(0.01, 10),
    st.floats(0.01, 5),
    st.sampled_from([None, 0.3, 2.0]),
    st.sampled_from(RULES),
)
@settings(max_examples=40, deadline=None)
def test_exactly_one_order_of_each_second_is_printed(seed, long, short, shape, rule):
    orders = simulated_orders(
        seed=seed, seconds=60, long_rate=long, short_rate=short, shape=shape
    )
    seconds = {}
    for row in rows(orders):
        seconds.setdefault(row[0] // SECOND, []).append(row)
    pick = {"largest": lambda r: max(r, key=lambda x: x[2]), "latest": lambda r: r[-1]}
    expected = [pick[rule](mine) for _, mine in sorted(seconds.items())]
    assert rows(one_per_second(orders, rule)) == expected


def test_a_seed_is_one_order_flow():
    one, again, other = (simulated_orders(seed=seed) for seed in (1, 1, 2))
    assert rows(one) == rows(again)
    assert rows(one) != rows(other)


def test_orders_come_in_order_of_time_at_the_rates_asked_for():
    orders = simulated_orders(seed=1, seconds=20_000, long_rate=2.0, short_rate=0.5)
    assert np.all(np.diff(orders.time) >= 0)
    assert orders.second.min() >= 0
    assert orders.second.max() < orders.seconds
    assert orders.long.sum() / 20_000 == pytest.approx(2.0, rel=0.03)
    assert (~orders.long).sum() / 20_000 == pytest.approx(0.5, rel=0.05)


def test_sizes_are_log_normal():
    logs = np.log(simulated_orders(seed=1, seconds=40_000, deviation=0.8).usd)
    assert logs.mean() == pytest.approx(np.log(5_000), abs=0.02)
    assert logs.std() == pytest.approx(0.8, rel=0.02)


def test_counts_are_poisson_or_vary_more():
    for shape, low, high in ((None, 0.95, 1.05), (0.5, 4.5, 5.5)):
        orders = simulated_orders(
            seed=2, seconds=40_000, long_rate=2.0, short_rate=0, shape=shape
        )
        counts = np.bincount(orders.second, minlength=40_000)
        assert low < counts.var() / counts.mean() < high


def test_a_rate_can_change_with_time():
    rate = np.repeat([0.0, 5.0, 1.0], 1000)
    orders = simulated_orders(seed=3, seconds=3000, long_rate=rate, short_rate=0)
    counts = np.bincount(orders.second // 1000, minlength=3)
    assert counts[0] == 0
    assert counts[1] == pytest.approx(5000, rel=0.06)
    assert counts[2] == pytest.approx(1000, rel=0.12)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_printed_of_rare_orders_is_all_and_of_many_little(rule):
    shown = []
    for rate in (0.005, 30.0):
        orders = simulated_orders(
            seed=4, seconds=4000, long_rate=rate, short_rate=0, deviation=1.0
        )
        shown.append(one_per_second(orders, rule).usd.sum() / orders.usd.sum())
    assert shown[0] > 0.95
    assert shown[1] < 0.4


def test_in_a_wave_of_longs_prints_of_shorts_are_crowded_out():
    orders = simulated_orders(seed=5, seconds=4000, long_rate=10.0, short_rate=1.0)
    prints = one_per_second(orders, "largest")
    true = orders.usd[~orders.long].sum() / orders.usd.sum()
    shown = prints.usd[~prints.long].sum() / prints.usd.sum()
    kept = prints.usd[~prints.long].sum() / orders.usd[~orders.long].sum()
    assert kept < 0.75
    assert shown == pytest.approx(true, abs=0.05)


def test_of_equal_orders_the_first_is_the_largest_and_the_last_the_latest():
    usd, time = np.array([5.0, 9.0, 9.0, 1.0]), np.array([1, 2, 3, 4]) + 7 * SECOND
    orders = Orders(
        begin=0, seconds=8, time=time, long=np.array([1, 0, 1, 0], bool), usd=usd
    )
    assert one_per_second(orders, "largest").time.tolist() == [2 + 7 * SECOND]
    assert one_per_second(orders, "latest").time.tolist() == [4 + 7 * SECOND]


def test_without_orders_nothing_is_printed():
    orders = simulated_orders(seed=1, seconds=10, long_rate=0, short_rate=0)
    assert rows(one_per_second(orders, "largest")) == []


def test_wrong_questions_are_named():
    with pytest.raises(UsageError, match="0 seconds: ask for one or more"):
        simulated_orders(seed=1, seconds=0)
    with pytest.raises(UnknownName, match="Did you mean largest"):
        one_per_second(simulated_orders(seed=1, seconds=1), "larges")
