"""Detectors against worked examples, plain arithmetic and every trouble of a record."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import numpy as np
import pytest

from washout.clock import DAY, HOUR, MINUTE
from washout.config import DEFAULT, detector_preset
from washout.store import graph
from washout.store.folding import compiled, folding
from washout.views import _eruption_step as eruptions
from washout.views import _ranks, absorption, buyers, divergence, rebound_setup
from washout.views import _wave_state as at
from washout.views import leverage_load as leverage

CASES = {
    case["id"]: case
    for case in json.loads(
        (Path(__file__).parent / "data" / "golden_c.json").read_text()
    )
}
BEGIN = 1_700_006_400_000_000 // DAY * DAY
WAVES = {
    "half_life": 2 * HOUR, "reference": 5 * DAY, "minimum": 2 * DAY, "fade": HOUR,
    "cool": 3 * HOUR, "quiet": 4 * HOUR, "longest": 2 * DAY,
}  # fmt: skip
ERUPTIONS = {
    "eruption_reference": 5 * DAY, "eruption_minimum": 2 * DAY, "refractory": DAY,
    "before": 12 * HOUR,
}  # fmt: skip
RANKS = {"rank_reference": 30 * DAY, "rank_minimum": 10 * DAY}
SIGNALS = (
    "divergence", "absorption", "squeeze_setup", "squeeze_trigger", "eruption",
    "eruption_outcome", "rebound_setup", "leverage_load", "buyers",
)  # fmt: skip
TRACKS = (
    "divergence_track", "squeeze_setup_track", "squeeze_track", "eruption_track",
    "leverage_track", "leverage_quadrant",
)  # fmt: skip


def near(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)


def market(bars, width=HOUR, **columns):
    """Columns of `market`, usual values where none are given."""
    begin = BEGIN + np.arange(bars) * width
    usual = {
        "bar": begin, "known_at": begin + width, "observed_s": width / 1e6,
        "long_bp": 0.1, "short_bp": 0.1, "oi_ref_usd": 1e12, "open_interest": 1e5,
        "open_interest_usd": 1e12, "adv30_usd": 1e12, "rate_8h": 1e-4,
        "mean_rate_8h": 1e-4, "close": 100.0, "volume_usd": 1e10,
        "spot_volume_usd": 1e9, "perp_delta_usd": 0.0, "spot_delta_usd": 0.0,
        "large_delta_usd": 0.0, "small_delta_usd": 0.0, "top_position_ratio": 1.5, "basis": 0.0,
    }  # fmt: skip
    rows = {
        n: np.broadcast_to(v, bars).astype(float) for n, v in (usual | columns).items()
    }
    for side in ("long", "short"):
        rows.setdefault(f"{side}_usd", rows[f"{side}_bp"] * 1e8)
    rows.setdefault("net_bp", rows["short_bp"] - rows["long_bp"])
    rows.setdefault("gross_bp", rows["short_bp"] + rows["long_bp"])
    rows.setdefault("high", rows["close"])
    rows.setdefault("low", rows["close"])
    return rows


def run(name, rows, bar="1h", side="", **settings):
    view = graph.find_view(name)
    own = {p.name for p in view.parameters}
    given = {
        k: v for k, v in (WAVES | ERUPTIONS | RANKS | settings).items() if k in own
    }
    fold = folding(view, graph.settings(name, {"bar": bar}) | given)
    side = side or (view.sides[0] if view.sides else "")
    values = np.column_stack([
        rows[c] if c in rows else np.full(len(rows["bar"]), float(c))
        for c in view.read(side)
    ])  # fmt: skip
    _, shown, places = fold.run(fold.first, values)
    return {n: shown[:, i] for i, n in enumerate(view.shown)} | {"place": places}


def test_g33_divergence_of_a_month():
    case = CASES["G33"]
    earlier = np.arange(-50.0, 50.0)
    ret, net = case["input"]["r_n"], case["input"]["c_n_bp"]
    rank = _ranks.mid_rank(net, earlier, 90)
    assert rank == near(case["expected"]["q"])
    assert compiled(_ranks.mid_rank)(net, earlier, 90.0) == rank
    sigma, days = case["params"]["sigma_d"], case["params"]["n"]
    score = divergence.divergence_score(ret, rank, sigma, days)
    assert score == near(case["expected"]["score"])
    assert (ret > 0 and rank <= DEFAULT.divergence_rank) == case["expected"]["flag"]


def test_g35_who_absorbed_a_collapse():
    given, expected = CASES["G35"]["input"], CASES["G35"]["expected"]
    wave, shown = np.full(at.O_STOP, np.nan), np.full(16, np.nan)
    wave[[at.O_EVENT, at.O_IS_EXHAUSTION]] = 1.0
    memory = np.zeros(at.QUIET_0)
    memory[[at.LONG_USD, at.SHORT_USD]] = given["long_liq_usd"], given["short_liq_usd"]
    memory[[at.PERP, at.SPOT]] = given["cvd_perp_usd"], given["cvd_spot_usd"]
    row = [np.nan] * len(at.COLUMNS)
    row[at.R_ORDER] = -1.0
    from washout.views._wave_step import _features

    _features(memory, at.O_EXH, tuple(row))
    wave[at.O_EXH :] = memory[at.O_EXH : at.O_STOP]
    buyers.watch_buyers(shown, wave)
    found = dict(zip(buyers._OUTPUTS, shown, strict=True))
    names = {
        "perp_cvd_ex_usd": "cvd_perp_ex", "forced_net_usd": "forced_net",
        "taker_share": "taker_share", "passive_share": "passive_share",
        "spot_share": "spot_share",
    }  # fmt: skip
    for name, theirs in names.items():
        assert found[name] == near(expected[theirs])


def test_g37_leverage_load_is_the_mean_of_ranks():
    given, expected = CASES["G37"]["input"], CASES["G37"]["expected"]
    ranks = [
        _ranks.mid_rank(value, np.array(earlier, float), 1)
        for value, earlier in zip(given["values"], given["histories"], strict=True)
    ]
    assert ranks == near(expected["ranks"])
    assert _ranks.mean_known(*ranks) == (near(expected["LLI"]), 4)


def test_g39_jump_ratio():
    case = CASES["G39"]
    found = [
        eruptions.jump_ratio(now, before, 5 / 60, case["params"]["g0_bp"])
        for now, before in case["input"]["cases"]
    ]
    assert found == near(case["expected"]["jr"])


def test_ranks_leave_out_what_is_missing():
    earlier = np.array([1.0, np.nan, 3.0])
    assert _ranks.mid_rank(3.0, earlier, 2) == 0.75
    assert np.isnan(_ranks.mid_rank(3.0, earlier, 3))
    assert np.isnan(_ranks.mid_rank(np.nan, earlier, 1))
    assert np.isnan(_ranks.mean_known(*[np.nan] * 4)[0])


def test_divergence_fires_when_price_rose_while_longs_were_closed():
    days = 60
    random = np.random.default_rng(1)
    price = 100 * np.exp(np.cumsum(random.normal(0, 0.01, days)))
    price[50] = price[43] * 1.1
    longs = random.uniform(1, 2, days)
    longs[44:51] = 5.0
    rows = market(days, DAY, close=price, long_bp=longs, short_bp=1.0)
    track = run("divergence_track", rows, "1d", window=7 * DAY)
    assert track["cld_bp"][50] == near(-7 * 4.0)
    assert track["ret"][50] == near(log(1.1))
    assert track["cld_rank"][50] == 0.0
    returns = np.diff(np.log(price))[20:50]
    sigma = np.sqrt(np.mean(returns**2))
    assert track["sigma_30d"][50] == near(sigma)
    fired = run("divergence", rows, "1d", window=7 * DAY)
    assert 50 in fired["place"]
    assert np.isnan(track["cld_rank"][:16]).all()
    assert not np.isnan(track["cld_rank"][16])


def test_a_day_is_told_at_the_bar_that_ends_it_at_any_width():
    rows = market(24 * 40)
    track = run("divergence_track", rows, window=7 * DAY)
    np.testing.assert_array_equal(track["place"], np.arange(23, 24 * 40, 24))
    daily = market(40, DAY, long_bp=2.4, short_bp=2.4)
    again = run("divergence_track", daily, "1d", window=7 * DAY)
    np.testing.assert_allclose(track["cld_bp"], again["cld_bp"], atol=1e-9)


def test_a_window_that_was_not_watched_is_null():
    net = np.full(40 * 24, 0.1)
    net[500:530] = np.nan
    track = run("divergence_track", market(40 * 24, net_bp=net), window=7 * DAY)
    missing = np.isnan(track["cld_bp"])
    assert missing[:6].all()
    assert not missing[6:20].any()
    assert missing[21:27].all()
    assert not missing[30:].any()


def test_squeeze_setup_by_hand_and_without_open_interest():
    days, random = 50, np.random.default_rng(2)
    oi = np.full(days, 1e5) * np.exp(random.normal(0, 0.01, days))
    rate = random.uniform(0, 2e-4, days)
    short = random.uniform(1, 2, days)
    oi[48], rate[48], short[42:49] = 2e5, -1e-4, 0.01
    rows = market(days, DAY, open_interest=oi, mean_rate_8h=rate, short_bp=short)
    track = run("squeeze_setup_track", rows, "1d")
    assert track["ranks"][48] == 3
    assert track["score"][48] == 1.0
    assert track["short_closed_bp"][48] == near(7 * 0.01)
    assert 48 in run("squeeze_setup", rows, "1d")["place"]
    nothing = {"open_interest": np.nan, "open_interest_usd": np.nan}
    track = run("squeeze_setup_track", rows | market(days, DAY, **nothing), "1d")
    assert np.isnan(track["short_closed_bp"]).all()
    assert (track["ranks"] <= 1).all()
    assert np.isnan(track["score"]).all()


def wave_rows(side, price=None, hours=800, at_hour=600, size=30.0, **columns):
    """A quiet month, then four hours in which one side is closed."""
    random = np.random.default_rng(2)
    y = random.lognormal(-2, 1, hours) * (random.random(hours) < 0.4)
    y[at_hour - 1] = 0.0
    y[at_hour : at_hour + 4] += size
    given = {f"{side}_bp": y} | columns
    return market(hours, close=100.0 if price is None else price, **given)


def test_a_short_wave_at_a_new_high_after_a_setup_triggers():
    price = np.random.default_rng(6).uniform(99.9, 100, 800)
    price[600:] = 110.0
    rate = np.linspace(2e-4, 1e-4, 800)  # ever less is paid: always the lowest
    oi = 1e5 * np.exp(3 * np.linspace(0, 1, 800) ** 2)  # and ever more is opened
    rows = wave_rows(
        "short", price, mean_rate_8h=rate, open_interest=oi, open_interest_usd=oi * 1e4
    )
    settings = {"window": DAY, "rank_reference": 10 * DAY, "rank_minimum": 5 * DAY}
    found = run("squeeze_trigger", rows, **settings)
    last = found["place"] == 600
    assert last.sum() == 1
    assert found["high_24h"][last] == price[576:600].max()
    assert found["close"][last] == 110.0
    assert found["vertical_rise"][last] == 1.0
    assert found["ret_24h"][last] == near(log(110 / price[576]))
    assert BEGIN + 600 * HOUR - found["setup"][last] <= 72 * HOUR
    flat = rows | {"close": np.full(800, 100.0), "high": np.full(800, 101.0)}
    assert 600 not in run("squeeze_trigger", flat, **settings)["place"]
    no_setup = rows | {"mean_rate_8h": rate[::-1], "open_interest": oi[::-1]}
    assert 600 not in run("squeeze_trigger", no_setup, **settings)["place"]


def test_absorption_is_what_the_usual_fall_left_out():
    rows = wave_rows("long")
    net = rows["net_bp"]
    ret = 4.0 * net  # bp of price per bp of closures
    ret[600:604] = -20.0, -20.0, -10.0, -10.0
    ret[604:] = 0.0
    rows["close"] = 100 * np.exp(np.cumsum(ret) / 1e4)
    found = run("absorption", rows, slope_reference=20 * DAY, slope_minimum=5 * DAY)
    row = np.flatnonzero((found["size_bp"] > 100) & (found["is_exhaustion"] == 1.0))[0]
    assert found["slope"][row] == near(4.0)
    assert found["usual_ret_bp"][row] == near(-4.0 * found["size_bp"][row])
    after = 1e4 * log(rows["close"][found["place"][row]] / rows["close"][599])
    assert found["ret_bp"][row] == near(after)
    assert found["score"][row] == near(1 - after / found["usual_ret_bp"][row])


def test_the_usual_slope_is_that_of_least_squares_over_the_largest_tenth():
    random = np.random.default_rng(4)
    hours = random.normal(0, 1, (2, 500))
    hours[1] += 2.0 * hours[0]
    hours[:, ::7] = np.nan
    known = hours[:, ~np.isnan(hours[0])]
    large = np.abs(known[0]) >= np.quantile(np.abs(known[0]), 0.9)
    expected = np.polyfit(known[0, large], known[1, large], 1)[0]
    slope, count = absorption.usual_slope(hours, np.zeros(500), 100.0)
    assert slope == near(expected)
    assert count == large.sum()
    assert np.isnan(
        absorption.usual_slope(-hours[[0, 0]] * [[1], [-1]], np.zeros(500), 1.0)[0]
    )
    assert np.isnan(absorption.usual_slope(hours, np.zeros(500), 450.0)[0])
    assert np.isnan(absorption.absorbed(1.0, 0.0))


def test_rebound_setup_counts_what_was_known():
    hours = 1400
    rows = wave_rows("long", hours=hours, at_hour=400)
    again = wave_rows("long", hours=hours, at_hour=900)
    longs = np.maximum(rows["long_bp"], again["long_bp"])
    price = np.full(hours, 100.0)
    price[400:440] = 90.0
    price[440:900] = 96.0
    price[900:] = 80.0
    rows = market(hours, long_bp=longs, close=price)
    found = run("rebound_setup", rows)
    assert len(found["place"]) == 2
    assert (found["earlier"] == [0, 1]).all()
    assert np.isnan(found["recovered_share"][0])
    first, _ = found["place"]
    won = 1.0 if first + 24 >= 440 else 0.0
    assert found["recovered"][1] == won
    low, high = rebound_setup.wilson(won, 1)
    assert (found["share_low"][1], found["share_high"][1]) == near((low, high))
    assert found["drawdown"][0] == near(log(0.9))
    assert (found["score"] > 1).all()


def test_wilson_by_hand():
    assert rebound_setup.wilson(8, 10) == near((0.4901625, 0.9433178))
    assert np.isnan(rebound_setup.wilson(0, 0)).all()


def eruption_rows(after_high=1.0, after_low=1.0, price=None):
    """A quiet month that swings by a little, then one hour with much."""
    hours, random = 900, np.random.default_rng(5)
    gross = random.lognormal(-1, 0.5, hours)
    gross[700] = 60.0
    if price is None:
        price = 100 * np.exp(0.005 * np.sin(np.arange(hours) * 2 * np.pi / 48))
        price[677:701] = price[676] * np.exp(-0.1 * np.arange(1, 25) / 24)
        price[701:] = price[700]
    high, low = price.copy(), price.copy()
    high[703], low[703] = price[703] * after_high, price[703] * after_low
    return market(hours, gross_bp=gross, long_bp=gross, short_bp=0.0, close=price,
                  high=high, low=low)  # fmt: skip


@pytest.mark.parametrize(
    ("high", "low", "word", "o"),
    [(1.06, 1.0, "reversed", 1), (1.0, 0.94, "continued", -1), (1.06, 0.94, "none", 0),
     (1.0, 1.0, "none", 0)],
)  # fmt: skip
def test_an_eruption_and_what_came_of_it(high, low, word, o):
    rows = eruption_rows(high, low)
    (place,) = run("eruption", rows)["place"]
    assert place == 700
    found = run("eruption_outcome", rows)
    touched = not high == low == 1.0
    assert found["place"] == (703 if touched else 724)
    assert found["eruption_bar"] == BEGIN + 700 * HOUR
    ret = log(rows["close"][700] / rows["close"][676])
    assert found["eruption_ret_24h"] == near(ret)
    assert found["barrier"] == near(abs(ret) / 2)
    for horizon in ("4h", "12h", "24h"):
        assert eruptions.WORDS[int(found[f"outcome_{horizon}"][0])] == word
        assert found[f"o_{horizon}"] == o
    assert found["ambiguous"] == (high > 1.0 > low)


def test_an_eruption_without_a_trend_has_no_outcome():
    price = 100 * np.exp(0.02 * np.sin(np.arange(900) * 2 * np.pi / 47))
    price[676:] = price[676]
    found = run("eruption_outcome", eruption_rows(1.1, 1.0, price))
    assert len(found["place"]) == 1
    assert np.isnan(found["o_24h"]).all()


def test_prices_that_were_not_recorded_give_no_outcome():
    rows = eruption_rows()
    rows["high"][705:709] = rows["low"][705:709] = np.nan
    found = run("eruption_outcome", rows)
    assert found["o_4h"] == 0
    assert np.isnan(found["o_12h"]).all()
    assert np.isnan(found["o_24h"]).all()


def test_a_feed_that_returns_is_no_eruption():
    rows = eruption_rows()
    rows["gross_bp"][690:700] = np.nan
    assert len(run("eruption", rows)["place"]) == 0


def test_leverage_by_hand():
    days = 50
    grow = np.linspace(1, 2, days) ** 3
    rows = market(
        days, DAY, open_interest=1e5 * grow, open_interest_usd=1e12 * grow,
        mean_rate_8h=1e-4 * grow, volume_usd=1e10 * grow,
    )  # fmt: skip
    track = run("leverage_track", rows, "1d")
    assert track["ranks"][-1] == 4
    assert track["turnover_days"][-1] == near(grow[-1])
    assert track["funding_year"][-1] == near(1e-4 * grow[-1] * 3 * 365)
    assert track["oi_change"][-1] == near(log(grow[-1] / grow[-8]))
    assert track["perp_to_spot"][-1] == near(10 * grow[-7:].mean())
    assert track["loaded"].sum() == len(run("leverage_load", rows, "1d")["place"])
    nothing = rows | {"open_interest": np.full(days, np.nan)}
    nothing["open_interest_usd"] = nothing["spot_volume_usd"] = np.full(days, np.nan)
    track = run("leverage_track", nothing, "1d")
    assert np.isnan(track["turnover_days"]).all()
    assert np.isnan(track["score"]).all()


def test_quadrants():
    oi = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 1.0, np.nan, 2.0])
    price = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 3.0, 4.0])
    rows = market(8, 4 * HOUR, open_interest=oi, close=price)
    found = run("leverage_quadrant", rows, "4h")["quadrant"]
    words = [leverage.QUADRANTS[int(q)] if q == q else None for q in found]
    assert words == [None, "long_build", "short_build", "short_cover", "long_unwind",
                     None, None, None]  # fmt: skip
    hourly = {"open_interest": np.repeat(oi, 4), "close": np.repeat(price, 4)}
    again = run("leverage_quadrant", market(32, **hourly))
    np.testing.assert_array_equal(again["quadrant"], found)
    np.testing.assert_array_equal(again["place"], np.arange(3, 32, 4))


def lively(hours=1200, seed=7):
    """Two months with everything in it, holes too."""
    random = np.random.default_rng(seed)
    rows = market(hours, close=100 * np.exp(np.cumsum(random.normal(0, 0.01, hours))))
    for side in ("long", "short"):
        y = random.lognormal(-1, 0.7, hours) * (random.random(hours) < 0.8)
        for hour in random.integers(60, hours - 30, 12):
            y[hour : hour + 6] += random.lognormal(2.5, 1.0, 6)
        rows[f"{side}_bp"], rows[f"{side}_usd"] = y, y * 1e8
    rows["net_bp"] = rows["short_bp"] - rows["long_bp"]
    rows["gross_bp"] = rows["short_bp"] + rows["long_bp"]
    rows["high"], rows["low"] = rows["close"] * 1.005, rows["close"] * 0.995
    for name in ("open_interest", "open_interest_usd", "volume_usd", "mean_rate_8h"):
        rows[name] = rows[name] * random.lognormal(0, 0.1, hours)
    holes = random.random(hours) < 0.01
    for name in ("long_bp", "short_bp", "net_bp", "gross_bp", "long_usd", "short_usd"):
        rows[name][holes] = np.nan
    return rows


EASY = {"jump": 2.0, "quantile": 0.9, "deviations": 1.0, "study_bp": 2.0, "window": DAY}


@pytest.mark.parametrize("name", [*SIGNALS, *TRACKS])
def test_the_future_changes_nothing_before_it(name):
    rows, cut = lively(), 800
    other = lively(seed=8)
    mixed = {n: np.concatenate([rows[n][:cut], other[n][cut:]]) for n in rows}
    first, second = run(name, rows, **EASY), run(name, mixed, **EASY)
    before = (first["place"] < cut).sum()
    assert before > 0 or name in ("squeeze_trigger", "leverage_load")
    for column in first:
        np.testing.assert_array_equal(first[column][:before], second[column][:before])


@pytest.mark.parametrize("name", [*SIGNALS, *TRACKS])
@pytest.mark.parametrize("kind", ["nothing", "zero", "one side", "no open interest"])
def test_a_dull_or_a_broken_record_breaks_nothing(name, kind):
    rows = market(900)
    if kind == "nothing":
        rows = {n: v if n == "bar" else np.full(900, np.nan) for n, v in rows.items()}
        rows["known_at"], rows["observed_s"] = rows["bar"] + HOUR, np.zeros(900)
    elif kind == "zero":
        rows |= {n: np.zeros(900) for n in rows if n.endswith(("_bp", "_usd"))}
    elif kind == "one side":
        rows |= wave_rows("long", short_bp=0.0, hours=900)
    else:
        rows |= {
            n: np.full(900, np.nan) for n in ("open_interest", "open_interest_usd")
        }
    found = run(name, rows)
    signal = name in SIGNALS and name not in ("absorption", "buyers", "rebound_setup")
    if kind in ("nothing", "zero") and signal:
        assert len(found["place"]) == 0
    if name == "squeeze_track" and kind == "nothing":
        assert np.isnan(found["ret_24h"]).all()
    if name == "squeeze_track" and kind == "zero":
        assert np.isnan(found["vertical_rise"]).all()


def test_presets_are_taken_by_the_nearest_bar():
    assert detector_preset(5 * MINUTE).bar == MINUTE
    assert detector_preset(7 * DAY).bar == DAY
    for preset, wave in zip(DEFAULT.detectors, DEFAULT.waves, strict=True):
        assert preset.bar == wave.bar
        assert preset.half_life == max(wave.half_life // 2, wave.bar)
        assert preset.reference == wave.reference
        assert preset.before == 12 * preset.half_life
