"""What is missing of a record, against seconds counted by hand."""

from __future__ import annotations

import pytest

from _lakes import START, add, event, told, unit
from washout.clock import HOUR, MINUTE, SECOND
from washout.store.answer import Store
from washout.store.lake import Lake

STREAM = {"source": "binance-stream"}


def gap(begin, end, **who):
    return {
        "exchange": "binance", "asset": "BTC", "market": "", **STREAM,
        "ts_event": begin, "ts_end": end, "ts_recv": end, "kind": "liquidation",
        "reason": "reconnect", **who,
    }  # fmt: skip


def tally(time, name, count, **who):
    return {
        "exchange": "binance", "asset": "", "market": "", **STREAM,
        "ts_event": time, "ts_recv": time + MINUTE, "interval": MINUTE,
        "kind": "liquidation", "name": name, "count": count, **who,
    }  # fmt: skip


@pytest.fixture
def hours(tmp_path):
    """Rows of the view at one hour, by the number of the hour."""

    def ask(scope="binance:BTC", version="asof", bar="1h", **rows):
        lake = Lake.create(tmp_path / "lake")
        add(lake, unit(**rows))
        found = Store(lake).view("completeness", scope=scope, bar=bar, version=version)
        return found.rows()

    return ask


def watched(hours=3, **who):
    return told("liquidation", START, START + hours * HOUR, **STREAM, **who)


def test_gaps_that_touch_are_one_and_short_ones_are_none(hours):
    at = START + HOUR
    first, second, third = hours(
        liquidation=[event(START, 100, **STREAM)],
        coverage=[watched()],
        gap=[
            gap(at + 60 * SECOND, at + 90 * SECOND),
            gap(at + 80 * SECOND, at + 120 * SECOND, asset="", reason="silent"),
            gap(at + 200 * SECOND, at + 209 * SECOND),
            gap(at + 3000 * SECOND, at + 3011 * SECOND),
        ],
    )
    assert (first["gaps"], first["longest_gap_s"], first["gap_s"]) == (0, 0, 0)
    assert (second["gaps"], second["longest_gap_s"], second["gap_s"]) == (2, 60, 80)
    assert second["observed_share"] == pytest.approx(3520 / 3600)
    assert [r["state"] for r in (first, second, third)] == ["ok", "partial", "ok"]


def test_a_gap_goes_on_where_nobody_was_told_to_watch(hours):
    coverage = [
        told("liquidation", START, START + HOUR, **STREAM),
        told("liquidation", START + 2 * HOUR, START + 3 * HOUR, **STREAM),
    ]
    _, second, third = hours(
        liquidation=[event(START, 100, **STREAM)],
        coverage=coverage,
        gap=[gap(START + 2 * HOUR, START + 2 * HOUR + 16 * MINUTE)],
    )
    assert (second["gaps"], second["longest_gap_s"], second["state"]) == (
        1,
        3600,
        "poor",
    )
    assert second["occupied_s"] is None
    assert (third["gaps"], third["longest_gap_s"]) == (1, 960)
    assert (third["state"], third["fit"]) == ("partial", False)


@pytest.mark.parametrize(
    ("lost", "fit"), [(150 * SECOND, True), (181 * SECOND, False), (0, True)]
)
def test_an_hour_with_less_than_95_percent_enters_no_study(hours, lost, fit):
    rows = hours(
        liquidation=[event(START, 100, **STREAM)],
        coverage=[watched(1)],
        gap=[gap(START, START + lost)] if lost else [],
    )
    assert [row["fit"] for row in rows] == [fit]


def test_a_day_with_a_long_gap_enters_no_study_however_much_was_seen(hours):
    (row,) = hours(
        bar="1d",
        liquidation=[event(START, 100, **STREAM)],
        coverage=[watched(24)],
        gap=[gap(START, START + 16 * MINUTE)],
    )
    assert row["observed_share"] > 0.98
    assert (row["longest_gap_s"], row["fit"]) == (960, False)


def test_seconds_of_a_throttled_feed_are_counted_once(hours):
    orders = [(0, "BTC-USDT"), (1, "BTC-USDT"), (1, "BTC-USD"), (7, "BTC-USDT")]
    (row,) = hours(
        liquidation=[
            event(START + s * SECOND + 5, 100, id=str(i), market=m, **STREAM)
            for i, (s, m) in enumerate(orders)
        ],
        coverage=[watched(1)],
    )
    assert row["coverage"] == "one_per_second"
    assert (row["occupied_s"], row["saturated_s"]) == (3, 3)
    assert row["occupied_share"] == pytest.approx(3 / 3600)


def test_a_complete_feed_is_never_saturated(hours):
    who = {"exchange": "bybit", "source": "bybit-stream"}
    time = START + 2 * 365 * 24 * HOUR  # after Bybit shows every order
    (row,) = hours(
        scope="bybit:BTC",
        liquidation=[event(time, 100, **who), event(time + SECOND, 5, id="2", **who)],
        coverage=[told("liquidation", time, time + HOUR, **who)],
    )
    assert (row["occupied_s"], row["saturated_s"], row["coverage"]) == (2, 0, "all")


def test_tallies_of_the_connection_and_of_the_asset_are_added(hours):
    first, second = hours(
        liquidation=[event(START, 100, **STREAM)],
        coverage=[watched(2)],
        tally=[
            tally(START, "frames", 7),
            tally(START + MINUTE, "frames", 5, asset="BTC"),
            tally(START + MINUTE, "frames", 900, asset="ETH"),
            tally(START, "frames", 40, kind="trade"),
            tally(START, "late_usd", 1234),
            tally(START, "reconnects", 2, source="binance-rest"),
        ],
    )
    assert (first["frames"], first["late_usd"], first["reconnects"]) == (12, 12.34, 0)
    assert second["frames"] is None


def test_what_came_late_counts_in_the_final_version_only(hours):
    rows = {
        "liquidation": [
            event(START, 100, **STREAM),
            {**event(START + 9 * SECOND, 5, id="2", **STREAM), "ts_recv": START + 2 * HOUR},
        ],
        "coverage": [watched(1)],
    }  # fmt: skip
    assert [row["occupied_s"] for row in hours(**rows)] == [1]


def test_a_late_order_occupies_a_second_of_the_final_version(hours):
    late = {**event(START, 5, **STREAM), "ts_recv": START + 2 * HOUR}
    (row,) = hours(liquidation=[late], coverage=[watched(1)], version="final")
    assert row["occupied_s"] == 1
