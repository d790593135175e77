"""Coverage overlays, against a model that knows each second by itself."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _lakes import told
from washout.clock import parse_time
from washout.store.stretches import overlay
from washout.store.trust import bounded

TRUSTS = ("all", "aggregated", "unknown")

stretch = st.builds(
    lambda kind, begin, length, trust: told(kind, begin, begin + length, trust=trust),
    st.sampled_from(["liquidation", "trade"]),
    st.integers(0, 30),
    st.integers(1, 12),
    st.sampled_from(TRUSTS),
)
vintages = st.lists(
    st.tuples(st.booleans(), st.lists(stretch, min_size=1, max_size=4)),
    min_size=1, max_size=6,
)  # fmt: skip


def seconds(rows):
    return {
        (row["kind"], second): row["trust"]
        for row in rows
        for second in range(row["ts_event"], row["ts_end"])
    }


@given(vintages)
def test_overlays_are_what_a_model_of_each_second_says(history):
    rows, model = [], {}
    for whole, new in history:
        before = rows
        rows = overlay(rows, new, whole=whole)
        for kind in {row["kind"] for row in new} if whole else ():
            mine = [row for row in new if row["kind"] == kind]
            for second in range(
                min(r["ts_event"] for r in mine), max(r["ts_end"] for r in mine)
            ):
                model.pop((kind, second), None)
        model |= seconds(new)
        assert seconds(rows) == model
        assert overlay(rows, []) == rows
        assert overlay(before, []) == before
    assert sum(r["ts_end"] - r["ts_event"] for r in rows) == len(model), "told twice"
    for one, other in pairwise(rows):
        if one["kind"] == other["kind"]:
            touching = one["ts_end"] == other["ts_event"]
            assert one["ts_end"] <= other["ts_event"]
            assert not (touching and one["trust"] == other["trust"]), "not joined"


@given(st.lists(stretch, min_size=1, max_size=6))
def test_saying_it_again_changes_nothing(rows):
    once = overlay([], rows)
    assert overlay(once, rows) == once
    assert overlay(once, once) == once


def test_ten_thousand_statements_are_no_burden():
    rows = [
        told("trade", 10 * n, 10 * n + 15, trust=TRUSTS[n % 3]) for n in range(10_000)
    ]
    assert len(overlay(rows, rows)) == 10_000


CUT = parse_time("2021-04-27")


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (CUT - 5, CUT, [(CUT - 5, CUT, "all", False)]),
        (CUT, CUT + 5, [(CUT, CUT + 5, "one_per_second", True)]),
        (
            CUT - 5, CUT + 5,
            [(CUT - 5, CUT, "all", False), (CUT, CUT + 5, "one_per_second", True)],
        ),
    ],
)  # fmt: skip
def test_coverage_is_cut_where_the_venue_changed(begin, end, expected):
    pieces = bounded(told("liquidation", begin, end))
    assert [
        (p["ts_event"], p["ts_end"], p["trust"], p["floor"]) for p in pieces
    ] == expected


def test_venue_facts_about_liquidations_do_not_touch_trades():
    row = told("trade", CUT - 5, CUT + 5)
    assert bounded(row) == [row]


def test_a_venue_that_is_not_described_bounds_nothing():
    row = told("liquidation", CUT - 5, CUT + 5, exchange="elsewhere")
    assert bounded(row) == [row]
