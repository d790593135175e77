"""Verdicts: every rule at both sides of its edge, and in its order."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from msgspec.structs import replace

from _study import estimate
from washout.config import DEFAULT
from washout.errors import UsageError
from washout.study.rates import base_rates, loss_interval, wilson
from washout.study.verdict import Evidence, Quarter, Verdict, agreed, judge, stable

FOUR = tuple(Quarter(0.2, 5) for _ in range(4))


def evidence(**changed):
    """Evidence that is enough for `supported`; estimate's fields may be changed too."""
    own = {k: changed.pop(k) for k in list(changed) if hasattr(estimate(), k)}
    fields = {
        "estimate": estimate(**own), "p_adjusted": 0.01, "coverage": 0.97,
        "quarters": FOUR, "out_of_sample": 0.1,
    }  # fmt: skip
    return Evidence(**{**fields, **changed})


WEAK = {"effect": 0.1, "low": -0.1, "high": 0.3, "mde": 0.19, "p_adjusted": 0.3}
"""Neither found nor excluded."""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "supported"),
        ({"missing": ("spot trades",)}, "inconclusive: missing: spot trades"),
        ({"coverage": 0.90}, "supported"),
        ({"coverage": 0.8999}, "inconclusive: data coverage"),
        ({"coverage": math.nan}, "inconclusive: data coverage"),
        ({"clusters": 10}, "supported"),
        ({"clusters": 9}, "inconclusive: n too small"),
        ({"overlap": 0.70}, "supported"),
        ({"overlap": 0.6999}, "inconclusive: no comparable dips"),
        ({"overlap": None}, "supported"),
        ({"effect": math.nan}, "inconclusive: effect not identified"),
        ({"p_adjusted": 0.0499}, "supported"),
        ({"p_adjusted": 0.05}, "inconclusive"),
        ({"p_adjusted": math.nan}, "inconclusive"),
        (
            {"effect": -0.3, "high": -0.1, "p_adjusted": 0.0499},
            "contradicted: the opposite effect",
        ),
        ({"effect": -0.3, "high": 0.25, "p_adjusted": 0.05}, "inconclusive"),
        ({"high": 0.20}, "supported"),
        ({"high": 0.1999}, "contradicted: no effect of interest"),
        ({**WEAK, "high": 0.1999}, "contradicted: no effect of interest"),
        ({**WEAK}, "inconclusive"),
        ({**WEAK, "mde": 0.20}, "inconclusive"),
        ({**WEAK, "mde": 0.2001}, "inconclusive: n too small"),
        ({"quarters": FOUR[:3]}, "supported"),
        ({"quarters": FOUR[:2]}, "inconclusive: unstable"),
        ({"out_of_sample": 1e-9}, "supported"),
        ({"out_of_sample": 0.0}, "inconclusive: unstable"),
        ({"out_of_sample": math.nan}, "inconclusive: unstable"),
        ({"out_of_sample": None}, "inconclusive: missing: out-of-sample effect"),
        ({"second": Verdict("supported")}, "supported"),
        (
            {"second": Verdict("inconclusive", "n too small")},
            "inconclusive: tracks disagree",
        ),
    ],
)
def test_each_rule_decides_up_to_its_edge(changed, said):
    assert str(judge(evidence(**changed))) == said


FAILURES = [
    ({"missing": ("open interest",)}, "missing: open interest"),
    ({"coverage": 0.5}, "data coverage"),
    ({"clusters": 3}, "n too small"),
    ({"overlap": 0.1}, "no comparable dips"),
    ({"effect": -0.3, "p_adjusted": 0.01}, "the opposite effect"),
    ({"high": 0.1}, "no effect of interest"),
    ({"quarters": ()}, "unstable"),
]


@pytest.mark.parametrize(("first", "later"), list(pairwise(FAILURES)))
def test_of_two_rules_that_apply_the_earlier_one_speaks(first, later):
    assert judge(evidence(**later[0], **first[0])).reason == first[1]


def test_thresholds_are_those_of_the_configuration():
    strict = replace(DEFAULT, min_clusters=50, alpha=0.001)
    assert judge(evidence(), strict).reason == "n too small"
    assert judge(evidence(clusters=50), strict).word == "inconclusive"


@pytest.mark.parametrize(
    ("effects", "clusters", "holds"),
    [
        ((1, 1, 1, 1), (3, 3, 3, 3), True),
        ((1, 1, 1, -1), (3, 3, 3, 3), True),
        ((1, 1, -1, -1), (3, 3, 3, 3), False),
        ((1, 1, 1, -1), (3, 3, 3, 2), True),
        ((1, 1, 1, 1), (3, 3, 2, 2), False),
        ((1, 1, -1, 1), (3, 3, 3, 2), False),
        ((1, 1, 1, 0), (3, 3, 3, 3), True),
        ((1, 1, math.nan, 1), (3, 3, 3, 3), True),
        ((1, math.nan, math.nan, 1), (3, 3, 3, 3), False),
    ],
)
def test_a_sign_is_stable_in_three_of_four_quarters(effects, clusters, holds):
    quarters = [Quarter(e, c) for e, c in zip(effects, clusters, strict=True)]
    assert stable(quarters) == holds


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("supported", "supported", "supported"),
        ("contradicted", "contradicted", "contradicted"),
        ("supported", "contradicted", "inconclusive: tracks disagree"),
        ("contradicted", "inconclusive", "inconclusive: tracks disagree"),
        ("inconclusive", "supported", "inconclusive"),
    ],
)
def test_two_tracks_must_say_the_same(first, second, said):
    assert str(agreed(Verdict(first), Verdict(second))) == said


def test_an_inconclusive_track_keeps_its_reason():
    first = Verdict("inconclusive", "unstable")
    assert agreed(first, Verdict("supported")) == first


def test_wilson_against_a_value_by_hand():
    """3 of 10 at 90 %: z = 1.6448536, z^2 = 2.7055435.

    Centre (.3 + .1352772) / 1.2705543 = .3425885; reach
    1.6448536 sqrt(.021 + .0067639) / 1.2705543 = .2157123.
    """
    found = wilson(3, 10)
    assert found.value == 0.3
    assert found.low == pytest.approx(0.3425885 - 0.2157123, abs=1e-6)
    assert found.high == pytest.approx(0.3425885 + 0.2157123, abs=1e-6)


def test_shares_of_nothing_and_of_more_than_all():
    found = wilson(0, 0)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    assert wilson(0, 5).low == 0.0
    assert wilson(5, 5).high == 1.0
    with pytest.raises(UsageError, match="6 of 5"):
        wilson(6, 5)


def test_an_empty_row_of_a_table_is_no_rate():
    found = base_rates(both=0, wave_only=0, rally_only=3, neither=7)
    assert math.isnan(found.rally_given_wave)
    assert math.isnan(found.lift)
    assert found.rally == 0.3


def test_more_leverage_is_less_lost():
    assert loss_interval(100.0, least_leverage=2, most_leverage=4) == (25.0, 50.0)
