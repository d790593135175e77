"""What a throttled feed hid: worked examples, and order flows of which all is known."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import numpy as np
import pytest

from _lakes import START, add, event, told, unit
from washout.clock import DAY, HOUR, MINUTE, SECOND, Width
from washout.store import graph
from washout.store.answer import Store
from washout.store.folding import compiled, fold_table, folding
from washout.store.lake import Lake
from washout.testing.censoring import one_per_second, print_rows, simulated_orders
from washout.views import _censoring as law
from washout.views import _censoring_fit as fits

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "data/golden_e.json").read_text())
}
SIDES = ("long", "short")
STREAM = {"source": "binance-stream"}


def near(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def uniform(obs):
    """S and G of prints where sizes are uniform between 0 and 1."""
    size = np.array(obs)
    return 1 - size, size**2 / 2


def golden(name):
    case = CASES[name]
    given = case["input"]
    tail, mean = uniform(given["obs"])
    return given, case["params"], case["expected"], tail, mean


def test_g25_the_largest_of_poisson_orders():
    given, params, expected, tail, mean = golden("G25")
    empty, count = params["n_sec"] - len(tail), len(tail)
    rate = law.poisson_rate(empty, tail, np.ones(count), count)
    assert rate == near(expected["mu"])
    assert sum(given["obs"]) + rate * mean.sum() == near(expected["total"])


def test_poisson_is_the_limit_of_even_rates():
    given, params, expected, tail, mean = golden("G25")
    ones, count = np.ones(len(tail)), len(tail)
    b = law.gamma_exposure(1e7, params["n_sec"] - count, tail, ones, ones, count)
    assert 1e7 / b == pytest.approx(expected["mu"], rel=1e-6)
    hidden, _ = law.hidden_below(b, 1e7, tail, mean, mean, ones, count)
    assert sum(given["obs"]) + hidden == pytest.approx(expected["total"], rel=1e-6)


def test_g27_the_largest_of_orders_at_uneven_rates():
    given, params, expected, tail, mean = golden("G27")
    ones = np.ones(len(tail))
    a, b = params["a"], params["b"]
    hidden, _ = law.hidden_below(b, a, tail, mean, mean, ones, len(tail))
    assert sum(given["obs"]) + hidden == near(expected["total"])
    assert [(a + 1) / (b + s) for s in tail] == near(expected["mu"])


def test_g49_a_print_of_one_side_is_exposure_for_the_other():
    given, params, expected, tail, mean = golden("G49")
    empty, count = params["n_sec"] - len(tail), len(tail)
    for side, is_own in (("long", True), ("short", False)):
        own = (np.array(given["is_long"]) == is_own).astype(float)
        rate = law.poisson_rate(empty, tail, own, count)
        shown = np.array(given["obs"]) @ own
        assert rate == near(expected[f"mu_{side}"])
        assert shown + rate * mean.sum() == near(expected[side])


def test_the_likeliest_exposure_is_where_the_likelihood_is_flat():
    random = np.random.default_rng(1)
    tail, own = random.random(40), (random.random(40) < 0.3).astype(float)
    ones = np.ones(40)
    for shape in (0.2, 1.0, 50.0):
        b = law.gamma_exposure(shape, 20, tail, ones, own, 40)
        best, *worse = (
            law.gamma_likelihood(b * f, shape, 20, tail, ones, own, 40)
            for f in (1.0, 0.99, 1.01)
        )
        assert max(worse) < best
        step = 1e-4
        up, here, down = (
            law.gamma_likelihood(b * np.exp(s), shape, 20, tail, ones, own, 40)
            for s in (step, 0, -step)
        )
        curvature = (2 * here - up - down) / step**2
        found = law.information(b, shape, 20, tail, ones, own, 40)
        assert found == pytest.approx(curvature, rel=1e-3)


def test_integrals_of_log_normal_sizes_against_draws():
    sizes = np.random.default_rng(2).lognormal(8.5, 1.5, 400_000)
    for bound in (1_000.0, 20_000.0):
        under = sizes <= bound
        assert law.above(bound, 8.5, 1.5) == pytest.approx(1 - under.mean(), rel=0.02)
        assert law.below(bound, 8.5, 1.5) == pytest.approx(
            (sizes * under).mean(), rel=0.02
        )
        assert law.square_below(bound, 8.5, 1.5) == pytest.approx(
            (sizes**2 * under).mean(), rel=0.03
        )


def test_the_latest_of_poisson_orders():
    assert law.latest_factor(30, 60) == near(-log(0.5) * 2)
    assert law.latest_factor(0, 60) == 1.0
    assert np.isnan(law.latest_factor(60, 60))


def test_bins_hold_their_middle_and_classes_tell_waves_of_one_side():
    for place in (0, 7, 40, fits.BINS - 1):
        assert fits.bin_of_size(np.exp(fits.log_of_bin(place))) == place
    assert fits.class_of(1, 1) == 2
    assert fits.class_of(1, 0) == 0
    assert fits.class_of(60, 30) == fits.CLASSES - 2


def world(seed, *, shape=None, days=3, rule="largest", peak=8.0, calm=0.02):
    """Orders of some days with waves of each side, and what a feed printed."""
    random = np.random.default_rng([seed, 9])
    rates = []
    for scale in (1.0, 0.6):
        rate = np.full(days * 86_400, calm * scale)
        for _ in range(8 * days):
            begin, length = (
                random.integers(0, len(rate) - 1800),
                random.integers(300, 1800),
            )
            height = random.uniform(0.3, 1.0) * peak * scale
            rate[begin : begin + length] += height * np.exp(
                -3 * np.arange(length) / length
            )
        rates.append(rate)
    orders = simulated_orders(
        seed=seed, seconds=days * 86_400, long_rate=rates[0], short_rate=rates[1],
        shape=shape,
    )  # fmt: skip
    return orders, one_per_second(orders, rule)


def answer(prints, *, bar=DAY, **more):
    fold = folding(
        graph.find_view("estimated"), graph.settings("estimated", {"bar": Width(bar)})
    )
    end = prints.begin + prints.seconds * SECOND
    return fold_table(
        fold, print_rows(prints, bar=bar, **more), prints.begin, end
    ).to_pylist()


def truth(orders, day, side):
    mine = (orders.time - orders.begin) // DAY == day
    return orders.usd[mine & (orders.long == (side == "long"))].sum()


@pytest.mark.parametrize(
    ("shape", "band"), [(None, 0.03), (5.0, 0.03), (0.6, 0.10)]
)  # fmt: skip
def test_estimates_meet_what_was_hidden(shape, band):
    found, shown, inside = [], [], []
    for seed in (1, 2, 3):
        orders, prints = world(seed, shape=shape)
        for day, row in enumerate(answer(prints)[1:], 1):
            assert row["rule"] == "largest"
            for side in SIDES:
                true = truth(orders, day, side)
                found.append(row[f"estimated_{side}_usd"] / true)
                shown.append(row[f"{side}_usd"] / true)
                inside.append(row[f"{side}_low_usd"] <= true <= row[f"{side}_high_usd"])
    assert np.mean(shown) < 0.82
    assert np.mean(found) == pytest.approx(1.0, abs=band)
    assert np.mean(inside) >= 0.9


def test_the_first_day_is_warming_up_and_hours_add_up_to_days():
    _, prints = world(4, days=2)
    first, second = answer(prints)
    assert (first["rule"], first["estimated_long_usd"]) == ("warmup", None)
    assert first["long_usd"] == pytest.approx(
        prints.usd[(prints.time < prints.begin + DAY) & prints.long].sum(), abs=20
    )
    hours = answer(prints, bar=HOUR)[24:]
    for name in ("estimated_long_usd", "estimated_short_usd", "short_usd"):
        assert sum(row[name] for row in hours) == pytest.approx(second[name])
    assert hours[0]["bar"] == second["bar"]


def test_the_rule_of_a_feed_is_read_from_its_prints():
    for seed in (1, 2):
        for rule in ("largest", "latest"):
            _, prints = world(seed, rule=rule, days=2)
            assert answer(prints)[1]["rule"] == rule


def test_too_calm_prints_leave_the_rule_undecided_and_the_interval_holds_both():
    orders = simulated_orders(
        seed=1, seconds=2 * 86_400, long_rate=0.01, short_rate=0.01
    )
    row = answer(one_per_second(orders, "largest"))[1]
    assert row["rule"] == "undecided"
    assert abs(row["evidence"]) < 5
    for side in SIDES:
        assert row[f"{side}_usd"] <= row[f"{side}_low_usd"]
        assert (
            row[f"{side}_low_usd"] <= truth(orders, 1, side) <= row[f"{side}_high_usd"]
        )
        assert row[f"estimated_{side}_usd"] < 1.05 * row[f"{side}_usd"]


def test_in_a_wave_of_longs_hidden_shorts_are_found():
    orders = simulated_orders(
        seed=3, seconds=2 * 86_400, long_rate=np.tile([10.0] * 600 + [0.05] * 3000, 48),
        short_rate=np.tile([1.0] * 600 + [0.05] * 3000, 48),
    )  # fmt: skip
    row = answer(one_per_second(orders, "largest"))[1]
    true = truth(orders, 1, "short")
    assert row["short_usd"] / true < 0.7
    assert row["estimated_short_usd"] / true == pytest.approx(1.0, abs=0.06)


def test_a_complete_feed_is_left_as_it_is():
    _, prints = world(5, days=2)
    for row in answer(prints, throttled=False):
        assert row["rule"] == "all"
        for side in SIDES:
            names = (f"estimated_{side}_usd", f"{side}_low_usd", f"{side}_high_usd")
            assert [row[name] for name in names] == [row[f"{side}_usd"]] * 3
        assert row["hidden_share"] == 0.0


def test_a_step_means_the_same_compiled_and_as_python():
    _, prints = world(6, days=2, calm=0.005, peak=0.3)
    view = graph.find_view("estimated")
    fold = folding(view, graph.settings("estimated", {"bar": Width(DAY)}))
    rows = print_rows(prints).to_pylist()
    copies = [tuple(x.copy() for x in fold.first) for _ in range(2)]
    slow, quick = copies
    step = compiled(view.step)
    fitted = 0
    for row in rows[:400] + rows[-400:]:
        values = tuple(
            float("nan") if row[c] is None else float(row[c]) for c in view.columns
        )
        slow, shown = view.step(slow, values, fold.settings)
        quick, again = step(quick, values, fold.settings)
        assert list(shown) == pytest.approx(list(again), rel=1e-9, nan_ok=True)
        fitted += shown[-1] == 1.0
    assert fitted > 0


@pytest.fixture
def lake(tmp_path):
    def make(prints, *, coverage=None, gaps=()):
        lake = Lake.create(tmp_path / "lake")
        shift = START - prints.begin
        rows = [
            event(
                int(time) + shift, round(100 * usd), id=str(i),
                liquidated="long" if long else "short", **STREAM,
            )
            for i, (time, long, usd) in enumerate(
                zip(prints.time, prints.long, prints.usd, strict=True)
            )
        ]  # fmt: skip
        end = START + prints.seconds * SECOND
        coverage = coverage or [told("liquidation", START, end, **STREAM)]
        add(lake, unit(liquidation=rows, coverage=coverage, gap=list(gaps)))
        return Store(lake)

    return make


def test_a_lake_gives_what_its_prints_give(lake):
    _, prints = world(7, days=2)
    store = lake(prints)
    found = store.view("estimated", scope="binance:BTC", bar="1d").rows()
    floors = store.view("liquidations", scope="binance:BTC", bar="1d").rows()
    for row, expected, floor in zip(found, answer(prints), floors, strict=True):
        assert (row["rule"], row["shape"]) == (expected["rule"], expected["shape"])
        assert row["bar"] == floor["bar"]
        for side in SIDES:
            assert row[f"{side}_usd"] == pytest.approx(floor[f"{side}_usd"])
            name = f"estimated_{side}_usd"
            assert row[name] == expected[name] or row[name] == near(expected[name])
    assert found[1]["estimated_gross_usd"] > found[1]["gross_usd"]


def test_a_bar_nobody_watched_is_null_and_gaps_are_not_filled(lake):
    _, prints = world(8, days=1, calm=0.001, peak=0.1)
    gap = {
        "exchange": "binance", "asset": "BTC", "market": "", **STREAM,
        "ts_event": START + HOUR, "ts_end": START + 2 * HOUR + 30 * MINUTE,
        "ts_recv": START, "kind": "liquidation", "reason": "reconnect",
    }  # fmt: skip
    rows = (
        lake(prints, gaps=[gap]).view("estimated", scope="binance:BTC", bar="1h").rows()
    )
    assert [row["observed_s"] for row in rows[:4]] == [3600, 0, 1800, 3600]
    assert rows[1]["gross_usd"] is None
    assert rows[2]["gross_usd"] is not None


def test_each_market_has_its_own_place_in_a_second(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    at = START + 30 * SECOND
    rows = [
        event(at, 500, id="1", market="BTC-USDT", **STREAM),
        event(at + 9, 700, id="2", market="BTC-USDT", liquidated="short", **STREAM),
        event(at, 900, id="3", market="BTC-USD", **STREAM),
        event(at, 100, id="4", market="BTC-EUR", **STREAM),
    ]
    add(
        lake,
        unit(
            liquidation=rows,
            coverage=[told("liquidation", START, START + HOUR, **STREAM)],
        ),
    )
    first, minute, *_ = Store(lake).view("prints", scope="binance:BTC", bar="1h").rows()
    lanes = ("usdt", "usdc", "usd", "other")
    assert [first[f"{lane}_print_usd"] for lane in lanes] == [7.0, None, -9.0, -1.0]
    assert (first["long_usd"], first["short_usd"]) == (15.0, 7.0)
    assert minute["bar"] == "2024-01-01T00:00:59Z"
    assert (minute["observed_s"], minute["throttled"]) == (60.0, 1.0)
