"""Observed and estimated stand side by side in words, and are never mixed."""

from __future__ import annotations

import pytest

from _lakes import START, add, event, told, unit
from washout.clock import DAY
from washout.errors import NoData
from washout.present.estimates import Estimate, added, estimate_of, sentence
from washout.store.answer import Store
from washout.store.lake import Lake


def row(usd, estimate, low, high, rule):
    return {
        "long_usd": usd, "estimated_long_usd": estimate, "long_low_usd": low,
        "long_high_usd": high, "rule": rule,
    }  # fmt: skip


def test_bars_are_added_and_bars_nobody_watched_left_out():
    rows = [
        row(1.0, 2.0, 1.5, 3.0, "largest"), row(None, None, None, None, None),
        row(4.0, 4.0, 4.0, 4.0, "all"),
    ]  # fmt: skip
    found = added(rows, "long")
    assert (found.shown, found.estimate, found.low, found.high) == (5.0, 6.0, 5.5, 7.0)
    assert found.rules == ("all", "largest")


def test_one_bar_without_an_answer_leaves_the_sum_without_one():
    rows = [row(1.0, 2.0, 1.5, 3.0, "largest"), row(4.0, None, None, None, "warmup")]
    found = added(rows, "long")
    assert (found.shown, found.estimate) == (5.0, None)
    assert sentence(found) == (
        "Observed: at least 5 USD of longs closed. No estimate: there are too few days"
        " before to fit a model to."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Estimate(side="short", shown=2e6, estimate=3e6, low=2.5e6, high=4e6, rules=("undecided",)),
            ("Observed: at least 2.00 M USD of shorts closed. Estimated: 3.00 M USD, 90 %"
            " interval 2.50 to 4.00 M USD, if the largest or the latest order of a"
            " second is shown (not known which)."),
        ),
        (
            Estimate(side="gross", shown=2e6, estimate=3e6, low=2.5e6, high=None, rules=("undecided",)),
            ("Observed: at least 2.00 M USD of positions closed. Estimated: 3.00 M USD, with"
            " no upper end that could be said, if the largest or the latest order of"
            " a second is shown (not known which)."),
        ),
        (
            Estimate(side="long", shown=7e6, estimate=7e6, low=7e6, high=7e6, rules=("all",)),
            "Observed: 7.00 M USD of longs closed, every order shown.",
        ),
        (
            Estimate(side="long", shown=7e6, estimate=None, low=7e6, high=None, rules=("latest",)),
            ("Observed: at least 7.00 M USD of longs closed. No estimate: some minutes had"
            " an order in every second."),
        ),
    ],
)  # fmt: skip
def test_what_is_said(found, said):
    assert sentence(found) == said


def test_all_exchanges_are_added_each_by_its_own_feed(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    time = START + 500 * DAY
    feeds = {"binance": 300, "bybit": 500}
    add(
        lake,
        unit(
            liquidation=[
                event(time, usd, exchange=name) for name, usd in feeds.items()
            ],
            coverage=[
                told("liquidation", time, time + DAY, exchange=name) for name in feeds
            ],
        ),
    )
    found = estimate_of(Store(lake), "all:BTC", side="long")
    assert (found.shown, found.rules) == (8.0, ("all", "warmup"))
    assert estimate_of(Store(lake), "bybit:BTC", side="long").estimate == 5.0
    with pytest.raises(NoData, match="single forced orders of ETH"):
        estimate_of(Store(lake), "all:ETH")
