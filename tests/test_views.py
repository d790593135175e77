"""Views against sums by hand, on the bundled record and on small made ones."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import washout
from _lakes import START, add, event, told, total, unit
from washout import sample
from washout.clock import DAY, HOUR, MINUTE, WEEK, parse_time
from washout.config import DEFAULT, cohort_names
from washout.store.answer import Store
from washout.store.lake import Lake

BTC = {"exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "v"}


def facts(kind, **same):
    """Rows of the bundled sample with these values, bars as an index in UTC."""
    frame = pq.read_table(sample.FOLDER / f"{kind}.parquet").to_pandas()
    for name, value in same.items():
        frame = frame[frame[name] == value]
    return frame.set_index(pd.to_datetime(frame["ts_event"], unit="us", utc=True))


@pytest.fixture(scope="module")
def ask(sample_lake):
    lake = washout.open(sample_lake)

    def view(name, start="2024-07-01", end="2024-08-15", bar="1d", **settings):
        answer = lake.view(
            name, scope="binance:BTC", bar=bar, start=start, end=end, **settings
        )
        return answer.pandas().set_index("bar")

    return view


@pytest.fixture
def store(tmp_path):
    lake = Lake.create(tmp_path / "lake")

    def make(**rows):
        add(lake, unit(**rows))
        return Store(lake)

    return make


def close(found, expected):
    np.testing.assert_allclose(
        found.to_numpy(float), expected.to_numpy(float), rtol=1e-9, atol=1e-9
    )


def between(frame, start="2024-07-01", end="2024-08-15"):
    stop = pd.Timestamp(end, tz="UTC")
    return frame[(frame.index >= pd.Timestamp(start, tz="UTC")) & (frame.index < stop)]


def test_daily_candles_are_made_of_finer_ones(ask):
    march = {"start": "2024-03-01", "end": "2024-04-01"}
    finer = facts(
        "candle", source="binance-archive", product="perp", interval=4 * HOUR
    ).resample("1D")
    found = ask("candles", **march)
    for name, how in (
        ("open", "first"), ("high", "max"), ("low", "min"), ("close", "last"),
        ("volume", "sum"),
    ):  # fmt: skip
        close(found[name], between(finer[name].agg(how), **march))
    close(found["volume_usd"] * 100, between(finer["volume_usd"].sum(), **march))
    assert (found["observed_s"] == 86_400).all()


def test_spot_candles_are_another_product(ask):
    spot = facts("candle", product="spot").resample("1D")["close"].last()
    close(ask("candles", product="spot")["close"], between(spot))


def test_a_candle_comes_from_the_most_complete_source_and_says_what_is_missing(store):
    def candle(at, close, source, interval, **more):
        return {
            **BTC, "source": source, "ts_event": START + at, "interval": interval,
            "ts_recv": START + at + interval, "product": "perp", "price_kind": "trade",
            "open": close, "high": close, "low": close, "close": close, **more,
        }  # fmt: skip

    rows = [candle(h * HOUR, 10.0 + h, "fine", HOUR) for h in (0, 1, 2)]
    rows += [candle(h * HOUR, 50.0 + h, "fine", HOUR) for h in range(4, 8)]
    rows += [
        candle(0, 20.0, "coarse", 4 * HOUR),
        candle(4 * HOUR, 60.0, "coarse", 4 * HOUR),
    ]
    asked = store(candle=rows)
    found = asked.view("candles", scope="binance:BTC", bar="4h").arrow()
    assert found["close"].to_pylist() == [20.0, 57.0]
    assert found["volume_usd"].to_pylist() == [None, None]
    found = asked.view("candles", scope="binance:BTC", bar="2h").arrow()
    assert found["close"].to_pylist() == [11.0, 12.0, 55.0, 57.0]
    assert found["gap_s"].to_pylist() == [0, 3600, 0, 0]


def test_open_interest_is_the_last_sample_summed_over_markets(store):
    def oi(at, base, usd, **who):
        return {
            **BTC, "ts_event": START + at, "ts_recv": START + at,
            "open_interest": base, "open_interest_usd": usd, **who,
        }  # fmt: skip

    rows = [
        oi(0, 1.0, 100), oi(HOUR - 1, 2.0, 200), oi(5 * MINUTE, 9.0, 900, source="w"),
        oi(MINUTE, None, 50, market="BTC-USD"), oi(HOUR, 4.0, 400),
    ]  # fmt: skip
    found = (
        store(open_interest=rows)
        .view("open_interest", scope="binance:BTC", bar="1h")
        .raw()
    )
    assert found["open_interest_usd"].to_pylist() == [250, 400]
    assert found["open_interest"].to_pylist() == [None, 4.0]
    assert found["markets"].to_pylist() == [2, 1]


def test_funding_is_the_last_of_the_day_and_its_mean_of_seven_days(ask):
    paid = facts("funding_rate")["rate"]
    found = ask("funding_rate")
    close(found["rate"], between(paid.resample("1D").last()))
    mean = between(paid.resample("1D").sum().rolling(7).sum() / 21)
    close(found["mean_rate_8h"], mean)
    close(found["annualised"], mean * 3 * 365)


def test_funding_of_four_hours_counts_half_of_eight(store):
    rows = [
        {
            **BTC, "ts_event": (at := START + i * 4 * HOUR), "ts_recv": at,
            "interval": 4 * HOUR, "rate": 1e-4,
        }
        for i in range(6 * 8)
    ]  # fmt: skip
    found = store(funding_rate=rows).view("funding_rate", scope="binance:BTC").arrow()
    assert found["rate_8h"].to_pylist() == pytest.approx([2e-4] * 8)
    mean = found["mean_rate_8h"].to_pylist()
    assert mean[:6] == [None] * 6
    assert mean[6:] == pytest.approx([2e-4] * 2)


def test_taker_flow_of_candles_and_its_sum_from_the_anchor(ask):
    spot = facts("candle", product="spot")
    delta = (2 * spot["taker_buy_usd"] - spot["volume_usd"]).resample("1D").sum() / 100
    found = ask("taker_flow", anchor=parse_time("2024-07-03"))
    close(found["spot_delta_usd"], between(delta))
    summed = between(delta, start="2024-07-03").cumsum()
    close(found["spot_cvd_usd"].iloc[2:], summed)
    assert found["spot_cvd_usd"].iloc[:2].isna().all()
    assert (found["spot_anchor"] == pd.Timestamp("2024-07-03", tz="UTC")).all()


def test_flow_before_its_record_is_null_and_its_anchor_is_the_first_bar(ask):
    found = ask("taker_flow", start="2024-06-18", end="2024-06-22")
    assert found["perp_delta_usd"].isna().tolist() == [True, False, False, False]
    assert found["perp_anchor"].iloc[1] == pd.Timestamp("2024-06-19", tz="UTC")
    assert found["perp_gap_s"].iloc[1] == 21 * 3600


def trade(at, usd, side, **more):
    return {
        **BTC, "ts_event": START + at, "ts_recv": START + at, "product": "perp",
        "side": side, "price": 1.0, "quantity": usd / 100, "usd": usd, **more,
    }  # fmt: skip


def trade_total(cohort, buy, sell, at=0):
    return {
        **BTC, "source": "t", "ts_event": START + at, "ts_recv": START + at + HOUR,
        "product": "perp", "interval": HOUR, "cohort": cohort, "buy_usd": buy,
        "sell_usd": sell,
    }  # fmt: skip


def test_trades_of_one_sweep_are_one_order_of_its_size(store):
    usd = [60_000, 50_000, 50_000, 99_999, 100_000_000]
    when = [0, 10, 400, 5_000, 9_000]
    sides = ["buy", "buy", "sell", "sell", "buy"]
    rows = [
        trade(t, u, s, id=i)
        for i, (t, u, s) in enumerate(zip(when, usd, sides, strict=True))
    ]
    cover = told("trade", START, START + HOUR, market="BTC-USDT", source="v")
    found = store(trade=rows, coverage=[cover]).view(
        "trade_cohorts", scope="binance:BTC", bar="1h"
    ).raw().to_pylist()[0]  # fmt: skip
    assert found["net_1k_10k_usd"] == found["gross_1k_10k_usd"] == 110_000
    assert found["net_below_1k_usd"] == -149_999
    assert found["gross_below_1k_usd"] == 149_999
    assert found["net_from_1m_usd"] == 100_000_000
    assert found["gross_100k_1m_usd"] == 0


def test_totals_by_cohort_are_cohorts_and_a_total_of_all_is_not_added_to_them(store):
    names = cohort_names()
    assert len(names) == len(DEFAULT.cohorts) + 1
    rows = [trade_total(name, 100 + i, 10) for i, name in enumerate(names)]
    rows += [trade_total("", 1000, 60), trade_total("", 500, 400, at=HOUR)]
    cover = told(
        "trade_total", START, START + 3 * HOUR, interval=HOUR, market="BTC-USDT",
        source="t",
    )  # fmt: skip
    asked = store(trade_total=rows, coverage=[cover])
    found = asked.view("trade_cohorts", scope="binance:BTC", bar="1h").raw()
    assert found["net_1k_10k_usd"].to_pylist() == [91, None, 0]
    assert found["gross_from_1m_usd"].to_pylist() == [114, None, 0]
    flow = asked.view("taker_flow", scope="binance:BTC", bar="1h").raw()
    assert flow["perp_delta_usd"].to_pylist() == [940, 100, 0]
    assert flow["perp_cvd_usd"].to_pylist() == [940, 1040, 1040]
    assert flow["spot_delta_usd"].to_pylist() == [None, None, None]


def test_normalised_is_in_basis_points_of_the_median_open_interest_before(ask):
    oi = facts("open_interest")["open_interest_usd"] / 100
    oi.index = oi.index.floor("1h")
    found = ask("normalised", start="2024-07-01", end="2024-08-10")
    median = pd.Series(
        [oi[(oi.index >= b - pd.Timedelta("1D")) & (oi.index < b)].median()
         for b in found.index], found.index,
    )  # fmt: skip
    close(found["oi_ref_usd"], median)
    days = between(facts("liquidation_total", source="coinglass"), end="2024-08-10")
    close(found["long_bp"], 1e4 * days["long_usd"] / 100 / median)
    net = 1e4 * (days["short_usd"] - days["long_usd"]) / 100 / median
    close(found["net_bp"], net)
    close(found["cld_bp"].diff().iloc[1:], net.iloc[1:])


def test_turns_are_of_the_mean_volume_of_thirty_whole_days_before(ask):
    volume = facts(
        "candle", source="binance-archive", product="perp", interval=4 * HOUR
    )["volume_usd"].resample("1D").sum() / 100  # fmt: skip
    april = {"start": "2024-04-01", "end": "2024-05-01"}
    found = ask("normalised", **april)
    mean = between(volume.rolling(30).mean().shift(1), **april)
    close(found["adv30_usd"], mean)
    gross = between(facts("liquidation_total", source="coinglass"), **april)
    gross = (gross["long_usd"] + gross["short_usd"]) / 100
    close(found["turns"], gross / mean)


def test_without_open_interest_basis_points_are_null_not_zero(ask):
    found = ask("normalised", start="2025-01-01", end="2025-01-04")
    assert (
        found[["oi_ref_usd", "long_bp", "net_bp", "gross_bp", "cld_bp"]]
        .isna()
        .all(axis=None)
    )
    assert found["turns"].notna().all()


def test_the_market_has_every_row_of_liquidations_with_what_was_around_it(ask):
    found, closed = ask("market"), ask("liquidations")
    assert (found.index == closed.index).all()
    close(found["long_usd"], closed["long_usd"])
    candles, flow = ask("candles"), ask("taker_flow")
    for name in ("open", "high", "low", "close", "volume_usd"):
        close(found[name], candles[name])
    close(found["spot_delta_usd"], flow["spot_delta_usd"])
    close(found["spot_volume_usd"], flow["spot_buy_usd"] + flow["spot_sell_usd"])
    close(found["mean_rate_8h"], ask("funding_rate")["mean_rate_8h"])
    assert (found["normaliser"] == "open interest").all()
    close(found["short_bp"], ask("normalised")["short_bp"])
    assert found["large_delta_usd"].isna().all()


def test_where_open_interest_is_not_recorded_turnover_stands_in_and_says_so(ask):
    april = {"start": "2024-04-01", "end": "2024-05-01"}
    found, closed = ask("market", **april), ask("liquidations", **april)
    reference = (
        DEFAULT.turnover_to_open_interest * ask("normalised", **april)["adv30_usd"]
    )
    assert (found["normaliser"] == "turnover").all()
    assert found["oi_ref_usd"].isna().all()
    close(found["reference_usd"], reference)
    close(found["long_bp"], 1e4 * closed["long_usd"] / reference)
    assert (
        ask("market", start="2020-12-23", end="2020-12-25")["perp_delta_usd"]
        .isna()
        .all()
    )


def test_levels_are_carried_market_by_market_for_a_day(store):
    def oi(hour, base, usd, market="BTC-USDT", **more):
        at = START + hour * HOUR
        return {
            **BTC, "market": market, "ts_event": at, "ts_recv": at,
            "open_interest": base, "open_interest_usd": usd, **more,
        }  # fmt: skip

    candle = [
        {
            **BTC, "ts_event": START + h * HOUR, "interval": HOUR,
            "ts_recv": START + (h + 1) * HOUR, "product": "perp", "price_kind": "trade",
            "open": 50.0, "high": 50.0, "low": 50.0, "close": 50.0,
        }
        for h in range(40)
    ]  # fmt: skip
    cover = told("liquidation_total", START, START + 40 * HOUR, interval=HOUR)
    paid = {
        **BTC, "ts_event": START + 8 * HOUR, "ts_recv": START + 8 * HOUR,
        "interval": 8 * HOUR, "rate": 3e-4,
    }  # fmt: skip
    found = store(
        liquidation_total=[total(0, 1, 1, interval=HOUR)], coverage=[cover],
        open_interest=[
            oi(2, 2.0, 10_000), oi(4, None, 50_000, "BTC-USD"), oi(10, 3.0, 15_000),
            oi(12, None, None, source="ratios", top_position_ratio=1.5),
        ],
        candle=candle, funding_rate=[paid],
    ).view("market", scope="binance:BTC", bar="1h").raw()  # fmt: skip
    base = [None] * 2 + [2.0] * 2 + [12.0] * 6 + [13.0] * 18 + [3.0] * 6 + [None] * 6
    assert found["open_interest"].to_pylist() == base
    cents = [None if b is None else round(b * 5000) for b in base]
    assert found["open_interest_usd"].to_pylist() == cents
    ratio = [None] * 12 + [1.5] * 24 + [None] * 4
    assert found["top_position_ratio"].to_pylist() == ratio
    assert found["rate_8h"].to_pylist() == [None] * 8 + [3e-4] * 24 + [None] * 8


def test_waves_of_the_record_hold_its_crashes(ask):
    everything = {"start": "2020-12-23", "end": "2025-11-14"}
    found = ask("waves", **everything)
    longs = found[found["side"] == "long"]
    for day in ("2021-04-18", "2024-08-05", "2025-10-10"):
        at = pd.Timestamp(day, tz="UTC")
        assert ((longs["onset"] <= at) & (longs["end"] >= at)).any()
    assert 5 < len(found) < 60
    assert (found["closed"] - found["confirm"] <= pd.Timedelta("30D")).all()
    assert (found["confirm_known_at"] > found["confirm"] + pd.Timedelta("1D")).all()
    assert found["normaliser"].isin(["open interest", "turnover", "mixed"]).all()


def test_zscores_compare_with_the_window_before(ask):
    days = facts("liquidation_total", source="coinglass").sort_index()
    logs = np.log1p(days["long_usd"] / 100)
    past = logs.shift(1).rolling(30)
    expected = (logs - past.mean()) / np.maximum(past.std(ddof=0), 0.2)
    close(ask("zscores")["long_z"], between(expected))
    early = ask("zscores", start="2020-12-23", end="2021-01-25")
    assert early["long_z"].isna().sum() == 30


def test_intensity_is_a_decayed_sum_with_a_z_of_the_state_before(ask):
    days = facts("liquidation_total", source="coinglass").sort_index()
    j = mean = variance = 0.0
    expected = []
    for seen, usd in enumerate(days["long_usd"] / 100):
        j = j / math.sqrt(2) + usd
        y = math.log(1 + j / 1000)
        z = (y - mean) / math.sqrt(variance) if variance > 0 else math.nan
        alpha = 1 - 2 ** (-1 / 7)
        away = y - mean
        mean, variance = (
            (mean + alpha * away, (1 - alpha) * (variance + alpha * away**2))
            if seen
            else (y, 0.0)
        )
        expected.append((j, j * (1 - 1 / math.sqrt(2)) / 86_400, z))
    table = pd.DataFrame(expected, days.index, ["j", "rate", "z"])
    found = ask("intensity", half_life="2d")
    close(found["long_intensity_usd"], between(table["j"]))
    close(found["long_rate_usd"], between(table["rate"]))
    close(found["long_z"], between(table["z"]))


def test_a_bar_that_nobody_observed_leaves_intensity_as_it_was(store):
    rows = [total(0, 400, 0), total(3, 100, 0)]
    cover = [
        told("liquidation_total", START + d * DAY, START + (d + 1) * DAY, interval=DAY)
        for d in (0, 3)
    ]
    found = (
        store(liquidation_total=rows, coverage=cover)
        .view("intensity", scope="binance:BTC", half_life="1d")
        .arrow()
    )
    assert found["long_intensity_usd"].to_pylist() == [4.0, None, None, 3.0]


def whole(asked, scope="all:BTC", bar="1d", **settings):
    return (
        asked.view("liquidations", scope=scope, bar=bar, **settings).raw().to_pylist()
    )


def test_exchanges_are_added_and_one_unobserved_makes_the_sum_a_floor(store):
    rows = [total(day, 100, 10, exchange=e) for e in ("one", "two") for day in range(3)]
    cover = [
        told("liquidation_total", START, START + days * DAY, interval=DAY, exchange=e)
        for e, days in (("one", 3), ("two", 2))
    ]
    found = whole(store(liquidation_total=rows, coverage=cover))
    assert [r["long_usd"] for r in found] == [200, 200, 100]
    assert [r["observed_s"] for r in found] == [86_400, 86_400, 0]
    assert [r["floor"] for r in found] == [False, False, True]


def test_a_source_change_takes_the_more_complete_and_adds_nothing_twice(store):
    totals = [total(day, 100, 0) for day in range(4)]
    events = [
        event(START + d * DAY + HOUR, 7, id=str(d), source="s") for d in (1, 2, 3)
    ]
    cover = [
        told("liquidation_total", START, START + 3 * DAY, interval=DAY),
        told("liquidation", START + DAY + HOUR, START + 4 * DAY, source="s"),
    ]
    asked = store(liquidation_total=totals, liquidation=events, coverage=cover)
    found = whole(asked, "binance:BTC")
    assert [r["long_usd"] for r in found] == [100, 100, 7, 7]
    assert [r["gap_s"] for r in found] == [0, 0, 0, 0]


def test_holes_and_gaps_are_told_apart_from_zero(store):
    at = [START + h * HOUR for h in range(7)]
    gap = {
        **BTC, "market": "", "asset": "", "source": "s", "kind": "liquidation",
        "ts_recv": at[6], "reason": "lost",
    }  # fmt: skip
    cover = [
        told("liquidation", at[0], at[2], source="s"),
        told("liquidation", at[3], at[6], source="s"),
    ]
    gaps = [
        {**gap, "ts_event": at[4], "ts_end": at[4] + 30 * MINUTE},
        {**gap, "ts_event": at[4] + 20 * MINUTE, "ts_end": at[4] + 40 * MINUTE},
        {**gap, "ts_event": at[5], "ts_end": at[6], "asset": "BTC"},
    ]
    asked = store(liquidation=[event(at[0], 5, source="s")], coverage=cover, gap=gaps)
    found = whole(asked, "binance:BTC", "1h")
    assert [r["long_usd"] for r in found] == [5, 0, None, 0, 0, None]
    assert [r["gap_s"] for r in found] == [0, 0, 3600, 0, 2400, 3600]
    assert [r["coverage"] for r in found][2] == "none"


def test_weeks_begin_on_monday(store):
    rows = [total(day, 1 + day, 0) for day in range(16)]
    cover = told("liquidation_total", START, START + 16 * DAY, interval=DAY)
    found = whole(store(liquidation_total=rows, coverage=[cover]), "binance:BTC", "1w")
    assert START % WEEK == (4 * DAY)  # 2024-01-01 was a Monday
    assert [(r["bar"] - START) // DAY for r in found] == [0, 7, 14]
    assert [r["long_usd"] for r in found] == [28, 77, 31]
    assert [r["gap_s"] for r in found] == [0, 0, 5 * 86_400]


def test_minute_bars_hold_an_event_at_their_start_and_not_at_their_end(store):
    facts = [
        event(START + t, 1, id=str(t)) for t in (0, MINUTE - 1, MINUTE, 2 * MINUTE)
    ]
    cover = told("liquidation", START, START + 3 * MINUTE)
    found = whole(store(liquidation=facts, coverage=[cover]), "binance:BTC", "1m")
    assert [r["long_usd"] for r in found] == [2, 1, 1]


def test_an_end_inside_a_bar_gives_the_whole_bar(store):
    rows = [total(hour, 1, 0, interval=HOUR) for hour in range(4)]
    cover = told("liquidation_total", START, START + 4 * HOUR, interval=HOUR)
    asked = store(liquidation_total=rows, coverage=[cover])
    (row,) = asked.view(
        "liquidations", scope="binance:BTC", bar="4h", start="2024-01-01",
        end="2024-01-01T02:00",
    ).raw().to_pylist()  # fmt: skip
    assert (row["long_usd"], row["gap_s"]) == (4, 0)
