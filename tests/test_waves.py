"""Waves against worked examples, plain arithmetic and every trouble of a record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from washout.clock import DAY, HOUR, MINUTE
from washout.store import graph
from washout.store.folding import compiled, folding
from washout.views import _wave_reference as reference
from washout.views import _wave_state as at

CASES = {
    case["id"]: case
    for case in json.loads(
        (Path(__file__).parent / "data" / "golden_b.json").read_text()
    )
}
BEGIN = 1_700_006_400_000_000 // DAY * DAY
SMALL = {
    "half_life": 2 * HOUR, "reference": 5 * DAY, "minimum": 2 * DAY, "fade": HOUR,
    "cool": 3 * HOUR, "quiet": 4 * HOUR, "longest": 2 * DAY,
}  # fmt: skip
"""Settings under which waves of hours fit in a month."""


def near(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def made(name, bar, **settings):
    chosen = graph.settings(name, {"bar": bar}) | settings
    return folding(graph.find_view(name), chosen)


def rows_of(y, width=HOUR, *, observed=1.0, side=-1, price=50_000.0):
    """Rows of the market with `y` bp a bar; where NaN, nobody watched."""
    y = np.asarray(y, float)
    rows = np.full((len(y), len(at.COLUMNS)), np.nan)
    rows[:, at.R_ORDER] = side
    rows[:, at.R_BAR] = BEGIN + np.arange(len(y)) * width
    rows[:, at.R_KNOWN] = rows[:, at.R_BAR] + width
    seen = np.where(np.isnan(y), 0.0, observed)
    rows[:, at.R_OBSERVED] = seen * width / 1e6
    rows[:, at.R_BP] = y
    rows[:, at.R_LONG if side < 0 else at.R_SHORT] = y * 1e8
    rows[:, at.R_SHORT if side < 0 else at.R_LONG] = np.where(np.isnan(y), np.nan, 0.0)
    rows[:, at.R_OI_REF] = 1e10
    rows[:, [at.R_LOW, at.R_HIGH, at.R_CLOSE]] = np.reshape(price, (-1, 1))
    rows[:, [at.R_OI, at.R_RATE, at.R_RATIO]] = 1e5, 1e-4, 1.5
    rows[:, [at.R_PERP, at.R_SPOT, at.R_LARGE, at.R_SMALL]] = 0.0
    return rows


def run(name, rows, **settings):
    fold = made(name, "1h", **(SMALL | settings))
    _, shown, places = fold.run(fold.first, rows)
    columns = {n: shown[:, i] for i, n in enumerate(fold.view.shown)}
    return columns | {"place": places}


def noise(hours=900, seed=1, bursts=12):
    """A month of small closures with bursts in it."""
    random = np.random.default_rng(seed)
    y = random.lognormal(-1, 0.7, hours) * (random.random(hours) < 0.8)
    for hour in random.integers(60, hours - 30, bursts):
        y[hour : hour + 6] += random.lognormal(2.5, 1.0, 6)
    return y


def test_g14_thresholds_of_a_day():
    case = CASES["G14"]
    values = np.array(case["input"]["ref_J"])
    days, scratch = np.zeros((1, 8)), np.zeros(8)
    starts = np.zeros((1, reference.BINS + 1), np.int32)
    counts = np.zeros((3, reference.BINS + 1), np.int64)
    for put, thresholds in (
        (reference.put_day, reference.thresholds),
        (compiled(reference.put_day), compiled(reference.thresholds)),
    ):
        put(0, values, 8, days, starts, counts, scratch)
        found = thresholds(0.99, 3.0, days, starts, counts, scratch)
        expected = case["expected"]
        assert found == near((expected["theta_in"], expected["theta_out"]))


@pytest.mark.parametrize("cool", [4, 1])
def test_g16_a_second_burst_belongs_to_the_wave(cool):
    case = CASES["G16"]
    y, p = np.array(case["input"]["y"], float), case["params"]
    fold = made(
        "waves", "1m", half_life=MINUTE, fade=p["c_out"] * MINUTE, cool=cool * MINUTE,
        quiet=p["m_ex"] * MINUTE, quiet_share=p["phi"], least_bp=float(p["s_min"]),
    )  # fmt: skip
    memory = fold.first[0]
    memory[[at.NEXT_DAY, at.THETA_IN, at.THETA_OUT]] = (
        np.inf, p["theta_in"], p["theta_out"],
    )  # fmt: skip
    _, (row,), (closed,) = fold.run(fold.first, rows_of(y, MINUTE))
    found = dict(zip(fold.view.shown, row, strict=True))
    (expected,) = case["expected"][f"waves_cool_{cool}"]
    assert closed == expected["closed_at"]
    names = {"onset": "onset", "confirm": "confirm", "peak": "peak", "end": "end"}
    for name, theirs in {**names, "exhaustion": "first_exhaustion"}.items():
        assert (found[name] - BEGIN) / MINUTE == expected[theirs]
    for name, theirs in (
        ("size_bp", "size"), ("size_bp_exh", "size_at_exhaustion"),
        ("size_bp_conf", "size_at_confirm"), ("peak_bp", "peak_J"),
        ("revoked", "n_revoked"),
    ):  # fmt: skip
        assert found[name] == near(expected[theirs])


def exact(values):
    logs = np.log(values + 0.01)
    median = np.median(logs)
    spread = max(1.4826 * np.median(np.abs(logs - median)), 0.2)

    def level(z):
        return np.exp(median + z * spread) - 0.01

    def quantile(q):
        return np.exp(np.quantile(logs, q)) - 0.01

    enter = max(min(max(quantile(0.99), level(3)), level(6)), 0.2)
    return enter, min(max(quantile(0.9), level(1)), 0.25 * enter)


@pytest.mark.parametrize("shape", ["narrow", "wide", "ties", "zeros", "tiny"])
def test_thresholds_from_bins_are_those_of_sorting_everything(shape):
    random = np.random.default_rng(3)
    put, thresholds = compiled(reference.put_day), compiled(reference.thresholds)
    for _ in range(40):
        slots, size = int(random.integers(1, 8)), int(random.integers(1, 60))
        days, scratch = np.zeros((slots, size)), np.zeros(slots * size)
        starts = np.zeros((slots, reference.BINS + 1), np.int32)
        counts = np.zeros((3, reference.BINS + 1), np.int64)
        held = {}
        for day in range(2 * slots):
            spread = {"narrow": 0.05, "wide": 4.0, "tiny": 1.0}.get(shape, 1.5)
            y = random.lognormal(-12 if shape == "tiny" else 0, spread, size)
            y = np.round(y) if shape == "ties" else y
            y[random.random(size) < (0.7 if shape == "zeros" else 0.0)] = 0.0
            filled = int(random.integers(1, size + 1))
            put(day % slots, y, filled, days, starts, counts, scratch)
            held[day % slots] = y[:filled]
        found = thresholds(0.99, 3.0, days, starts, counts, scratch)
        expected = exact(np.concatenate(list(held.values())))
        assert found == pytest.approx(expected, rel=1e-12)


def test_the_track_has_the_thresholds_of_the_days_before():
    y = noise()
    strict = {"enter_quantile": 0.99, "enter_deviations": 3.0}
    found = run("wave_track", rows_of(y), **strict)
    kept, level, j = 2**-0.5, 0.0, []
    for value in y:
        level = level * kept + value
        j.append(level)
    np.testing.assert_allclose(found["intensity_bp"], j, rtol=1e-12)
    day = 20
    ahead = np.array(j[24 * (day - 5) : 24 * day])
    ahead = ahead[np.arange(24 * (day - 5), 24 * day) >= 1]
    today = slice(24 * day, 24 * (day + 1))
    enter, leave = exact(ahead)
    assert found["theta_in"][today] == pytest.approx(np.full(24, enter), rel=1e-12)
    assert found["theta_out"][today] == pytest.approx(np.full(24, leave), rel=1e-12)


def test_too_little_history_is_null_and_warming_up():
    found = run("wave_track", rows_of(noise()))
    warm = at.STATUS.index("warmup")
    assert (found["status"][:48] == warm).all()
    assert np.isnan(found["theta_in"][:48]).all()
    assert not (found["status"][48:] == warm).any()


@pytest.mark.parametrize("cut", [100, 433, 700])
def test_replacing_the_future_changes_nothing_before_it(cut):
    y, random = noise(), np.random.default_rng(5)
    other = y.copy()
    other[cut:] = random.lognormal(1, 2, len(y) - cut)
    first, second = run("wave_track", rows_of(y)), run("wave_track", rows_of(other))
    for name in first:
        np.testing.assert_array_equal(first[name][:cut], second[name][:cut])
    first, second = run("wave_events", rows_of(y)), run("wave_events", rows_of(other))
    before = (first["place"] < cut).sum()
    for name in first:
        np.testing.assert_array_equal(first[name][:before], second[name][:before])


@pytest.mark.parametrize("name", ["wave_track", "wave_events", "waves"])
def test_any_chunking_gives_the_same_rows(name):
    rows, random = rows_of(noise()), np.random.default_rng(6)
    fold = made(name, "1h", **SMALL)
    _, whole, _ = fold.run(fold.first, rows)
    state, at_row, found = fold.first, 0, []
    while at_row < len(rows):
        size = int(random.integers(1, 90))
        state, shown, _ = fold.run(state, rows[at_row : at_row + size])
        found.append(shown)
        at_row += size
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_a_run_leaves_the_state_that_it_began_from():
    fold, rows = made("waves", "1h", **SMALL), rows_of(noise())
    state, _, _ = fold.run(fold.first, rows[:300])
    before = [array.copy() for array in state]
    fold.run(state, rows[300:])
    for array, kept in zip(state, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_the_step_means_the_same_compiled_and_as_python():
    fold, rows = made("wave_track", "1h", **SMALL), rows_of(noise(400))
    _, whole, _ = fold.run(fold.first, rows)
    state = tuple(array.copy() for array in fold.first)
    places = [fold.view.outputs.index(name) for name in fold.view.shown]
    found = []
    for row in rows:
        _, shown = fold.view.step(state, tuple(map(float, row)), fold.settings)
        found.append([shown[i] for i in places])
    np.testing.assert_allclose(found, whole, rtol=1e-12)


def test_what_each_wave_says_fits_together():
    found = run("waves", rows_of(noise()))
    assert len(found["wave"]) > 4
    assert (np.diff(found["wave"]) == 1).all()
    assert (found["onset"] <= found["confirm"]).all()
    assert (found["confirm"] <= found["peak"]).all()
    assert (found["end"] <= found["closed"]).all()
    assert (found["closed"] - found["confirm"] <= SMALL["longest"]).all()
    assert (found["onset"][1:] > found["closed"][:-1]).all()
    assert (found["size_bp_conf"] <= found["size_bp"]).all()
    np.testing.assert_allclose(found["long_usd"], found["size_bp"] * 1e6)
    events = run("wave_events", rows_of(noise()))
    assert events["is_closed"].sum() == len(found["wave"])
    exhausted = ~np.isnan(found["exhaustion"])
    assert events["is_exhaustion"].sum() == exhausted.sum() > 0


def burst(at_hour=600, width=4, size=30.0):
    """A quiet month, then closures of `size` bp an hour."""
    random = np.random.default_rng(2)
    y = random.lognormal(-2, 1, 800) * (random.random(800) < 0.4)
    y[at_hour - 1] = 0.0
    y[at_hour : at_hour + width] += size
    return y


def test_features_of_a_wave_by_hand():
    price = np.full(800, 100.0)
    price[600:604] = 98.0, 92.0, 90.0, 95.0
    price[604:] = 96.0
    y = burst()
    rows = rows_of(y, price=price)
    rows[600:604, at.R_OI] = 98_000.0, 95_000.0, 92_000.0, 90_000.0
    rows[604:, at.R_OI] = 90_000.0
    rows[600:604, at.R_PERP] = -30e8
    rows[600:604, at.R_SPOT] = 1e8
    rows[602:, at.R_RATIO] = 3.0
    rows[:, at.R_BASIS] = 0.001
    rows[600:, at.R_BASIS] = -0.002
    found = run("waves", rows)
    (only,) = np.flatnonzero(found["size_bp"] > 100)
    wave = {name: values[only] for name, values in found.items()}
    assert wave["onset"] == wave["confirm"] == BEGIN + 600 * HOUR
    assert (wave["price_before"], wave["open_interest_before"]) == (100.0, 1e5)
    assert wave["drawdown_exh"] == near(np.log(0.9))
    assert wave["ret_exh"] == near(np.log(0.96))
    assert wave["recovery_exh"] == near(np.log(96 / 90) / np.log(100 / 90))
    assert wave["oi_change_exh"] == near(-0.1)
    assert wave["top_long_change_exh"] == near(0.75 - 0.6)
    assert wave["basis_change_exh"] == near(-0.003)
    bars = round((wave["exhaustion"] - wave["onset"]) / HOUR) + 1
    closed = 1e6 * y[600 : 600 + bars].sum()
    assert wave["long_usd_exh"] == near(closed)
    free = closed - 4 * 30e6
    assert wave["perp_cvd_ex_usd_exh"] == near(free)
    assert wave["passive_share_exh"] == near(1 - free / closed)
    assert wave["spot_share_exh"] == near(4e6 / (4e6 + free))
    assert wave["coverage_exh"] == 1.0


def test_a_short_wave_is_a_long_wave_upside_down():
    price = np.full(800, 100.0)
    price[600:604] = 104.0, 110.0, 108.0, 107.0
    found = run("waves", rows_of(burst(), side=1, price=price))
    assert found["drawdown_exh"][-1] == near(np.log(1.1))
    assert found["recovery_exh"][-1] == near(1.0)


def test_a_feed_that_is_lost_stands_still_and_learns_nothing():
    y = burst()
    y[605:640] = np.nan
    rows = rows_of(y)
    found = run("wave_track", rows, longest=10 * DAY)
    degraded = found["status"] == at.STATUS.index("degraded")
    assert degraded[606:641].all()
    assert not degraded[:605].any()
    assert not degraded[643:].any()
    during = found["size_bp"][606:640]
    assert (during == during[0]).all()
    events = run("wave_events", rows, longest=10 * DAY)
    assert not ((events["place"] >= 606) & (events["place"] <= 640)).any()


def test_bars_that_are_missing_are_bars_that_nobody_observed():
    y = noise()
    y[300:420] = np.nan
    rows = rows_of(y)
    told = run("wave_track", rows)
    left_out = run("wave_track", np.delete(rows, slice(300, 420), axis=0))
    np.testing.assert_allclose(
        left_out["intensity_bp"][300:], told["intensity_bp"][420:], rtol=1e-9
    )
    for name in ("status", "theta_in", "theta_out"):
        np.testing.assert_allclose(left_out[name][303:], told[name][423:], rtol=1e-9)


def test_a_bar_that_is_told_twice_counts_once():
    rows = rows_of(noise())
    twice = np.repeat(rows, 2, axis=0)
    for name in ("waves", "wave_events"):
        once, again = run(name, rows), run(name, twice)
        for column in set(once) - {"place"}:
            np.testing.assert_array_equal(once[column], again[column])


def test_bursts_close_together_are_one_wave_and_apart_are_two():
    near_by, apart = burst(), burst()
    near_by[608:612] += 30.0
    apart[680:684] += 30.0
    sizes = [
        (run("waves", rows_of(y))["size_bp"] > 100).sum() for y in (near_by, apart)
    ]
    assert sizes == [1, 2]


def test_a_wave_that_never_fades_is_closed_in_any_case():
    y = burst(width=80, size=20.0)
    found = run("waves", rows_of(y), longest=DAY)
    assert (found["closed"] - found["confirm"] <= DAY).all()
    assert (found["closed"] - found["confirm"] == DAY).any()


def test_nothing_closed_and_a_constant_price_make_no_wave():
    quiet = run("wave_events", rows_of(np.zeros(900)))
    assert len(quiet["place"]) == 0
    nothing = run("wave_track", rows_of(np.full(900, np.nan)))
    assert np.isnan(nothing["theta_in"]).all()
    found = run("waves", rows_of(burst(), price=100.0))
    assert (found["drawdown_end"] == 0.0).all()
    assert np.isnan(found["recovery_end"]).all()


def test_presets_are_taken_by_the_nearest_bar():
    named = {MINUTE: MINUTE, 5 * MINUTE: MINUTE, 30 * MINUTE: HOUR, 8 * HOUR: 4 * HOUR}
    for bar, expected in {**named, 7 * DAY: DAY}.items():
        assert at.preset(bar).bar == expected
    for preset in at.DEFAULT.waves:
        assert preset.half_life >= preset.bar
        assert preset.reference / preset.bar >= 350
