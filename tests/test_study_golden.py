"""Worked examples of section D of the method, computed twice by others."""

from __future__ import annotations

import numpy as np

from _study import CASES, near
from washout.study.families import step_down
from washout.study.matching import matched
from washout.study.outcomes import forward_return, standardised
from washout.study.placebo import exact_shift_p
from washout.study.rates import base_rates, loss_interval
from washout.study.spec import canonical, spec_hash


def told(name):
    case = CASES[name]
    return case["input"], case["params"], case["expected"]


def test_g17_a_return_is_entered_one_bar_after_the_decision():
    given, setting, expected = told("G17")
    y = forward_return(
        np.array(given["logp"]), setting["h"], delay=setting["entry_delay"]
    )
    z = standardised(y, setting["sigma_per_step"], setting["h"])
    assert y[given["event_index"]] == near(expected["y"])
    assert z[given["event_index"]] == near(expected["z"])


def test_g19_events_shifted_around_the_record():
    given, setting, expected = told("G19")
    effect, drawn, p = exact_shift_p(
        np.array(given["y"]), np.array(given["events"]), np.array(setting["shifts"])
    )
    assert effect == near(expected["T"])
    assert drawn.tolist() == near(expected["T_shift"])
    assert p == near(expected["p"])


def test_g21_matches_corrected_for_what_covariates_explain():
    given, setting, expected = told("G21")
    found = matched(
        *(np.array(given[name]) for name in ("Xe", "ye", "Xc", "yc")), setting["K"]
    )
    assert found.row[:, 0].tolist() == expected["match_index"]
    assert found.unadjusted.tolist() == near(expected["diff_unadjusted"])
    assert found.corrected.tolist() == near(expected["diff_bias_corrected"])
    assert found.unadjusted.mean() == near(expected["att_unadjusted"])
    assert found.corrected.mean() == near(expected["att_bias_corrected"])


def test_g23_stepping_down_from_the_largest_statistic():
    given, _, expected = told("G23")
    found = step_down(np.array(given["t"]), np.array(given["tstar"]))
    assert found.tolist() == near(expected["p_adj"])


def test_g29_closed_notional_is_not_what_was_lost():
    given, setting, expected = told("G29")
    low, high = loss_interval(
        given["closed_notional_usd"],
        least_leverage=setting["lev_lo"],
        most_leverage=setting["lev_hi"],
    )
    assert (low, high) == near((expected["loss_usd_lo"], expected["loss_usd_hi"]))


def test_g41_a_spec_is_named_by_the_hash_of_its_only_form():
    given, _, expected = told("G41")
    assert spec_hash(given) == expected["sha256"]
    assert canonical(given).decode() in CASES["G41"]["hand"]


def test_g43_both_readings_of_waves_and_rallies():
    given, _, expected = told("G43")
    found = base_rates(
        both=given["wave_and_rally"], wave_only=given["wave_no_rally"],
        rally_only=given["nowave_rally"], neither=given["nowave_no_rally"],
    )  # fmt: skip
    assert found.wave_given_rally == near(expected["P_wave_before_given_rally"])
    assert found.rally_given_wave == near(expected["P_rally_given_wave"])
    assert found.rally == near(expected["P_rally"])
    assert found.lift == near(expected["lift"])
