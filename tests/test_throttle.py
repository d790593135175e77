"""The estimate tried on complete feeds, a second opinion, bounds, and days for studies."""

from __future__ import annotations

import numpy as np
import pytest

from _lakes import START, add, event, told, unit
from test_estimated import world
from washout.clock import DAY, HOUR, MINUTE, SECOND
from washout.errors import NoData
from washout.store.answer import Store
from washout.store.lake import Lake
from washout.study.days import gaps_of, usable_days
from washout.study.throttle import (
    OpeningShare,
    by_open_interest,
    calibrate,
    calibrate_scope,
    closing_share,
)

BYBIT = {"exchange": "bybit", "source": "bybit-stream"}
AFTER = START + 450 * DAY
"""Bybit shows every order by then."""


def orders_of(orders):
    shift = AFTER - orders.begin
    return [
        event(
            int(time) + shift, round(100 * usd), id=str(i),
            liquidated="long" if long else "short", **BYBIT,
        )
        for i, (time, long, usd) in enumerate(
            zip(orders.time, orders.long, orders.usd, strict=True)
        )
    ]  # fmt: skip


@pytest.fixture
def store(tmp_path):
    def make(**rows):
        lake = Lake.create(tmp_path / "lake")
        add(lake, unit(**rows))
        return Store(lake)

    return make


def test_a_complete_feed_is_thinned_estimated_and_compared(store):
    orders, _ = world(11, days=3)
    lake = store(
        liquidation=orders_of(orders),
        coverage=[told("liquidation", AFTER, AFTER + 3 * DAY, **BYBIT)],
    )
    found = calibrate_scope(lake, "bybit:BTC")
    assert len(found.deciles) == 10
    busiest = found.deciles[-1]
    assert busiest.correction == pytest.approx(1.0, abs=0.05)
    assert busiest.correction_low <= busiest.correction <= busiest.correction_high
    assert [d.most_usd for d in found.deciles] == sorted(
        d.most_usd for d in found.deciles
    )
    assert 0.10 <= found.model_error < 0.25


def test_a_feed_without_history_cannot_be_tried(store):
    lake = store(
        liquidation=[event(AFTER, 100, **BYBIT)],
        coverage=[told("liquidation", AFTER, AFTER + HOUR, **BYBIT)],
    )
    with pytest.raises(NoData, match="more than a day of single orders"):
        calibrate_scope(lake, "bybit:BTC")


def test_a_decile_that_is_off_by_more_than_a_tenth_widens_the_error():
    random = np.random.default_rng(1)
    shown = random.lognormal(10, 1, 4000)
    estimate = 1.5 * shown
    top = shown > np.quantile(shown, 0.9)
    truth = estimate * np.where(top, 1.3, 1.02) * random.lognormal(0, 0.02, 4000)
    found = calibrate(truth, estimate, shown, np.arange(4000) // 40)
    assert found.deciles[0].correction == pytest.approx(1.02, abs=0.01)
    assert found.deciles[-1].correction == pytest.approx(1.3, abs=0.01)
    assert found.deciles[0].error == pytest.approx(0.02, abs=0.003)
    assert found.model_error == pytest.approx(np.log(1.3), abs=0.01)


def test_the_share_that_closes_is_read_from_waves():
    total = np.array([1.0, 2.0, 3.0, 4.0])
    found = closing_share(total, 0.6 * total)
    assert (found.closing, found.low, found.high) == pytest.approx((0.6, 0.6, 0.6))
    away = np.array([0.1, -0.1, 0.1, -0.1])
    wide = closing_share(total, 0.6 * total + away)
    assert wide.closing == pytest.approx(0.6 - 0.2 / 30)
    assert wide.low < 0.6 < wide.high


def test_open_interest_gives_a_second_opinion_where_it_fell():
    share = OpeningShare(closing=0.5, low=0.4, high=0.8)
    found = by_open_interest(8.0, share, (30.0, 40.0))
    assert (found.usd, found.low_usd, found.high_usd) == (16.0, 10.0, 20.0)
    assert found.disjoint
    assert not by_open_interest(8.0, share, (12.0, 40.0)).disjoint
    assert by_open_interest(-1.0, share, (1.0, 2.0)) is None
    assert (
        by_open_interest(1.0, OpeningShare(closing=0.1, low=-0.1, high=0.3), (1, 2))
        is None
    )


def trade(time, usd, side, id):
    return {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "tape",
        "ts_event": time, "ts_recv": time, "product": "perp", "id": id, "side": side,
        "price": 100.0, "quantity": 1.0, "usd": usd,
    }  # fmt: skip


def test_taker_flow_of_the_same_seconds_bounds_forced_closures(store):
    at = START + 10 * SECOND
    lake = store(
        liquidation=[event(at + 5, 100), event(at + HOUR, 100, id="2")],
        trade=[
            trade(at, 1000, "sell", 1), trade(at + 999_999, 500, "sell", 2),
            trade(at + 7, 300, "buy", 3), trade(at + SECOND, 9000, "sell", 4),
        ],
        coverage=[
            told("liquidation", START, START + 2 * HOUR),
            told("trade", START, START + HOUR, market="BTC-USDT", source="tape"),
        ],
    )  # fmt: skip
    first, *rest = lake.view("forced_bound", scope="binance:BTC-USDT", bar="1h").rows()
    assert (first["long_bound_usd"], first["short_bound_usd"]) == (18.0, 3.6)
    assert [row["long_bound_usd"] for row in rest] == [None] * len(rest)


def test_gaps_of_following_minutes_are_one():
    rows = [
        {"bar": n * MINUTE, "gap_s": lost}
        for n, lost in enumerate([0, 30, 60, 20, 0, 10, 0])
    ]
    assert gaps_of(rows, MINUTE) == [
        (MINUTE, MINUTE + 110 * SECOND), (5 * MINUTE, 5 * MINUTE + 10 * SECOND)
    ]  # fmt: skip


def test_a_long_gap_spoils_a_day_only_inside_a_wave():
    shares = {0: 0.99, DAY: 0.94, 2 * DAY: 0.96, 3 * DAY: 1.0}
    gap = (2 * DAY + HOUR, 2 * DAY + HOUR + 16 * MINUTE)
    wave = (2 * DAY + HOUR + 5 * MINUTE, 2 * DAY + 3 * HOUR)
    assert usable_days(shares, [gap], []) == [0, 2 * DAY, 3 * DAY]
    assert usable_days(shares, [gap], [wave]) == [0, 3 * DAY]
    short = (gap[0], gap[0] + 15 * MINUTE)
    assert usable_days(shares, [short], [wave]) == [0, 2 * DAY, 3 * DAY]
