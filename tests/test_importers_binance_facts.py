"""Liquidations, candles, open interest and funding of the Binance archive."""

from __future__ import annotations

import pytest

from _binance_archive import (
    DATA,
    KLINE_HEADER,
    LIQUIDATION_HEADER,
    options,
    read,
    text_file,
    zip_file,
)
from washout.clock import HOUR, MINUTE, SECOND, parse_time
from washout.collect.importing import import_files
from washout.errors import InputError
from washout.instruments import Scope
from washout.store.lake import Lake

COIN_M = DATA / "BTCUSD_PERP-liquidationSnapshot-2024-10-01.head.csv"
MARK = DATA / "BTCUSDT-5m-2025-10-10.zip"
MS = 1_704_067_200_000  # 2024-01-01


# liquidations


def test_real_coin_m_orders_are_halved_and_valued_by_contract():
    name, [unit], facts = read(COIN_M)
    assert name == "binance-liquidations"
    assert (unit.halved, unit.notes) == (7, [])
    rows = facts["liquidation"]
    # (ms, liquidated, contracts filled, average price), read off the file by eye
    expected = [
        (1727740869082, "short", 7, 63425.1), (1727742058019, "long", 1, 63020.9),
        (1727743856080, "short", 76, 63551.6), (1727748692128, "long", 1, 63222.0),
        (1727748733155, "long", 12, 63215.5), (1727748950077, "long", 6, 63135.9),
        (1727754255125, "short", 3, 63694.7),
    ]  # fmt: skip
    got = [(r["ts_event"] // 1000, r["liquidated"], r["usd"], r["price"]) for r in rows]
    assert got == [(t, who, n * 100 * 100, p) for t, who, n, p in expected]
    assert rows[2]["quantity"] == pytest.approx(7600 / 63551.6)
    assert {(r["side"], r["liquidated"]) for r in rows} == {
        ("buy", "short"),
        ("sell", "long"),
    }
    assert {r["price_kind"] for r in rows} == {"fill"}
    assert {r["market"] for r in rows} == {"BTC-USD"}
    told = facts["coverage"][0]
    assert (told["kind"], told["market"]) == ("liquidation", "BTC-USD")
    assert told["ts_event"] == parse_time("2024-10-01")
    assert told["ts_end"] == parse_time("2024-10-02")


def _order(time, side, size, average="40000", filled=None) -> str:
    return (
        f"{time},{side},LIMIT,IOC,{size},39000,{average},FILLED,{size},{filled or size}"
    )


def test_usd_m_orders_are_worth_their_average_fill(tmp_path):
    row = _order(MS, "SELL", "0.5", "40000.5", filled="0.4")
    path = zip_file(
        tmp_path, "BTCUSDT-liquidationSnapshot-2024-01-01.zip",
        LIQUIDATION_HEADER, row, row,
    )  # fmt: skip
    [order] = read(path)[2]["liquidation"]
    assert (order["usd"], order["quantity"], order["price"]) == (1600020, 0.4, 40000.5)
    assert (order["market"], order["liquidated"]) == ("BTC-USDT", "long")


def test_four_equal_rows_are_two_orders_and_odd_groups_are_told(tmp_path):
    twice, once = _order(MS, "SELL", "1"), _order(MS + 1, "BUY", "2")
    path = text_file(
        tmp_path, "BTCUSDT-liquidationSnapshot-2024-01-01.csv", LIQUIDATION_HEADER,
        twice, once, twice, twice, once, once, twice,
    )  # fmt: skip
    _, [unit], facts = read(path)
    assert [r["usd"] for r in facts["liquidation"]] == [4000000, 8000000] * 2
    ids = [r["id"] for r in facts["liquidation"]]
    assert ids == [
        "1704067200000-SELL-1-40000", "1704067200001-BUY-2-40000",
        "1704067200000-SELL-1-40000-2", "1704067200001-BUY-2-40000-2",
    ]  # fmt: skip
    assert unit.halved == 3
    assert "1 of 2 different rows stand an odd number of times" in unit.notes[0]


def test_the_lake_bounds_how_far_archive_liquidations_are_trusted(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    outcome = import_files(lake, [COIN_M], options())
    assert not outcome.refused
    assert outcome.receipts[0].added == 7
    assert outcome.receipts[0].halved == 7
    import pyarrow.parquet as pq

    [part] = [p for p in lake.manifest().parts if p.kind == "coverage"]
    [told] = pq.ParquetFile(lake.path / part.path).read().to_pylist()
    assert (told["trust"], told["floor"]) == ("one_per_second", True)
    assert import_files(lake, [COIN_M], options()).receipts[0].unchanged


# candles


SPOT_KLINE = (
    "1609459200000,28923.63000000,29031.34000000,28690.17000000,28995.13000000,"
    "2311.81144500,1609462799999,66768830.34010008,58389,1215.36444500,"
    "35103542.78288276,0"
)
UM_KLINE = (
    "1609459200000,28948.19,29030.73,28657.09,28992.98,15671.648,1609462799999,"
    "452058884.40498,134156,8012.005,231132214.68219,0"
)
CM_KLINE = (
    "1591258320000,9640.7,9642.4,9640.6,9642.0,206,1591258379999,2.13660389,48,119,"
    "1.23424865,0"
)


def test_spot_candles_are_known_by_their_eight_decimals(tmp_path):
    path = zip_file(tmp_path, "BTCUSDT-1h-2021-01-01.zip", SPOT_KLINE)
    name, _, facts = read(path)
    assert name == "binance-klines"
    [candle] = facts["candle"]
    assert candle == {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT",
        "source": "binance-archive", "product": "spot", "price_kind": "trade",
        "ts_event": parse_time("2021-01-01"), "ts_recv": parse_time("2021-01-01T01:00"),
        "interval": HOUR, "open": 28923.63, "high": 29031.34, "low": 28690.17,
        "close": 28995.13, "volume": 2311.811445, "volume_usd": 6676883034,
        "taker_buy_usd": 3510354278, "trades": 58389,
    }  # fmt: skip
    [told] = facts["coverage"]
    assert (told["kind"], told["product"], told["trust"]) == (
        "candle_taker",
        "spot",
        "all",
    )
    assert (told["ts_event"], told["ts_end"]) == (
        candle["ts_event"],
        candle["ts_event"] + HOUR,
    )


def test_futures_candles_with_header(tmp_path):
    path = zip_file(tmp_path, "BTCUSDT-1h-2021-01-01.zip", KLINE_HEADER, UM_KLINE)
    name, _, facts = read(path)
    assert name == "binance-klines"
    [candle] = facts["candle"]
    assert (candle["product"], candle["volume"]) == ("perp", 15671.648)
    assert (candle["volume_usd"], candle["taker_buy_usd"]) == (45205888440, 23113221468)


def test_coin_m_candles_count_contracts(tmp_path):
    path = zip_file(tmp_path, "BTCUSD_PERP-1m-2020-06-04.zip", CM_KLINE)
    [candle] = read(path)[2]["candle"]
    assert (candle["product"], candle["interval"]) == ("perp", MINUTE)
    assert (candle["volume_usd"], candle["taker_buy_usd"]) == (2060000, 1190000)
    assert candle["volume"] == 2.13660389


def test_spot_candles_in_microseconds(tmp_path):
    micros = SPOT_KLINE.replace("1609459200000", "1735689600000000")
    micros = micros.replace("1609462799999", "1735693199999999")
    [candle] = read(text_file(tmp_path, "BTCUSDT-1h-2025-01-01.csv", micros))[2][
        "candle"
    ]
    assert (candle["ts_event"], candle["interval"]) == (parse_time("2025-01-01"), HOUR)
    assert candle["product"] == "spot"


@pytest.mark.parametrize(
    ("folder", "columns", "product"),
    [
        ("spot/monthly/klines", {}, "spot"), ("futures/um/klines", {}, "perp"),
        ("futures/um/klines", {"product": "spot"}, "spot"), ("", {}, "perp"),
    ],
)  # fmt: skip
def test_path_and_map_say_which_market_candles_are_of(
    tmp_path, folder, columns, product
):
    path = zip_file(tmp_path / folder, "BTCUSDT-1h-2021-01-01.zip", UM_KLINE)
    assert read(path, columns=columns)[2]["candle"][0]["product"] == product


def test_missing_candles_leave_a_hole_in_what_is_told(tmp_path):
    later = SPOT_KLINE.replace("1609459200000", "1609466400000")
    later = later.replace("1609462799999", "1609469999999")
    path = zip_file(tmp_path, "BTCUSDT-1h-2021-01-01.zip", SPOT_KLINE, later)
    told = read(path)[2]["coverage"]
    hours = [(t["ts_event"] - parse_time("2021-01-01")) // HOUR for t in told]
    assert hours == [0, 2]


def test_real_mark_price_candles_have_no_volume():
    name, _, facts = read(MARK)
    assert name == "binance-mark-klines"
    rows = facts["candle"]
    assert len(rows) == 288
    assert set(facts) == {"candle"}
    assert rows[0] == {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT",
        "source": "binance-archive", "product": "perp", "price_kind": "mark",
        "ts_event": parse_time("2025-10-10"), "interval": 5 * MINUTE,
        "ts_recv": parse_time("2025-10-10T00:05"), "open": 121582.7910045,
        "high": 121697.39454348, "low": 121582.7910045, "close": 121650.06081884,
        "volume": None, "volume_usd": None, "taker_buy_usd": None, "trades": None,
    }  # fmt: skip
    assert rows[-1]["close"] == 112722


def test_index_prices_are_left_alone(tmp_path):
    from washout.importers.binance_klines import binance_klines
    from washout.importers.binance_mark_klines import binance_mark_klines

    folder = tmp_path / "indexPriceKlines"
    folder.mkdir()
    path = folder / MARK.name
    path.write_bytes(MARK.read_bytes())
    head = path.read_bytes()
    assert not binance_mark_klines.recognise(head, path)
    assert not binance_klines.recognise(head, path)
    assert binance_mark_klines.recognise(head, MARK)
    assert not binance_klines.recognise(head, MARK)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("29031.34000000", "28000.00000000", "do not enclose open and close"),
        ("1215.36444500", "9215.36444500", "taker_buy_volume 9215.364445 is more than"),
        ("1609466399999", "1609466339999", "its candle is .* wide, the first one 1h"),
    ],
)
def test_candles_that_cannot_be_are_refused(tmp_path, old, new, says):
    bad = SPOT_KLINE.replace("1609459200000", "1609462800000")
    bad = bad.replace("1609462799999", "1609466399999").replace(old, new)
    path = zip_file(tmp_path, "BTCUSDT-1h-2021-01-01.zip", SPOT_KLINE, bad)
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert caught.value.row == 2


# open interest and funding


METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def test_metrics_give_open_interest_and_ratios_and_may_have_holes(tmp_path):
    path = zip_file(
        tmp_path, "BTCUSDT-metrics-2023-01-21.zip", METRICS,
        "2023-01-21 00:05:00,BTCUSDT,98666.163,2236289208.197267,0.7665,1.1363,0.8332,0.9253",
        '2023-01-21 00:10:00,BTCUSDT,98700.5,"","","",0.8,',
        '2023-01-21 00:15:00,BTCUSDT,"","","","","",""',
    )  # fmt: skip
    name, [unit], facts = read(path)
    assert name == "binance-metrics"
    first, second = facts["open_interest"]
    assert first == {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT",
        "source": "binance-archive", "ts_event": parse_time("2023-01-21T00:05"),
        "ts_recv": parse_time("2023-01-21T00:06"), "open_interest": 98666.163,
        "open_interest_usd": 223628920820, "top_account_ratio": 0.7665,
        "top_position_ratio": 1.1363, "account_ratio": 0.8332, "taker_ratio": 0.9253,
    }  # fmt: skip
    assert (second["open_interest"], second["open_interest_usd"]) == (98700.5, None)
    assert (second["account_ratio"], second["taker_ratio"]) == (0.8, None)
    assert unit.notes == ["1 rows have no value at all: left out"]


def test_coin_m_metrics_count_contracts(tmp_path):
    path = text_file(
        tmp_path, "BTCUSD_PERP-metrics-2023-01-21.csv", METRICS,
        "2023-01-21 00:05:00,BTCUSD_PERP,5000000,22000.5,1,1,1,1",
    )  # fmt: skip
    [row] = read(path)[2]["open_interest"]
    assert (row["open_interest"], row["open_interest_usd"]) == (22000.5, 50_000_000_000)


def test_funding_is_known_half_a_minute_later(tmp_path):
    path = zip_file(
        tmp_path, "BTCUSDT-fundingRate-2024-01.zip",
        "calc_time,funding_interval_hours,last_funding_rate",
        f"{MS},8,0.00037409", f"{MS + 8 * 3_600_000 + 3},8,-0.0001",
    )  # fmt: skip
    name, _, facts = read(path)
    assert name == "binance-funding"
    first, second = facts["funding_rate"]
    assert (first["ts_event"], first["ts_recv"]) == (MS * 1000, MS * 1000 + 30 * SECOND)
    assert (first["interval"], first["rate"]) == (8 * HOUR, 0.00037409)
    assert (second["rate"], second["ts_event"] % HOUR) == (-0.0001, 3000)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"{MS},8,1.5", "last_funding_rate is 1.5; expected a fraction"),
        (f"{MS},8,nan", "last_funding_rate is nan"),
        (f"{MS},0,0.0001", "funding_interval_hours is 0"),
        (f"{MS},8,", "last_funding_rate is empty"),
    ],
)
def test_funding_that_cannot_be_is_refused(tmp_path, row, says):
    path = text_file(tmp_path, "BTCUSDT-fundingRate-2024-01.csv", f"{MS},8,0.0001", row)
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert caught.value.row == 2


# whose it is


def test_the_scope_says_what_a_name_does_not(tmp_path):
    path = text_file(
        tmp_path, "download.csv", LIQUIDATION_HEADER, _order(MS, "SELL", 1)
    )
    with pytest.raises(InputError, match=r"--scope binance:BTC-USDT"):
        read(path)
    scope = Scope("binance", "ETH", "ETH-USDC")
    [order] = read(path, scope=scope, source="friend")[2]["liquidation"]
    assert (order["asset"], order["market"]) == ("ETH", "ETH-USDC")
    assert order["source"] == "friend"


def test_a_scope_of_another_asset_is_a_contradiction():
    with pytest.raises(InputError, match=r"about BTC .* scope is binance:ETH"):
        read(COIN_M, scope=Scope("binance", "ETH"))


def test_a_market_without_dollars_is_refused(tmp_path):
    path = text_file(
        tmp_path, "ETHBTC-liquidationSnapshot-2024-01-01.csv", LIQUIDATION_HEADER,
        _order(MS, "SELL", 1),
    )  # fmt: skip
    with pytest.raises(InputError, match="'ETHBTC' is no market symbol"):
        read(path)


def test_an_unknown_product_is_refused():
    with pytest.raises(InputError, match="product=margin is none of spot, um, cm"):
        read(COIN_M, columns={"product": "margin"})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2023-01-21 00:10", "yesterday", "create_time is 'yesterday:00'; expected"),
        ("BTCUSDT", "ETHUSDT", "symbol is 'ETHUSDT' where the first row has 'BTCUSDT'"),
        ("98700.5", "-1", "sum_open_interest is -1.0; expected 0 or more"),
        ("98700.5", "nan", "sum_open_interest is nan, which is no amount"),
        ("98700.5", "many", "sum_open_interest is 'many', which is no number"),
        ("2023-", "2003-", "before 2009"),
        ("2023-", "2033-", "in the future"),
    ],
)
def test_metrics_that_cannot_be_are_refused(tmp_path, old, new, says):
    row = "2023-01-21 00:10:00,BTCUSDT,98700.5,1,1,1,1,1"
    good = row.replace("00:10", "00:05")
    path = text_file(
        tmp_path, "BTCUSDT-metrics-2023-01-21.csv", METRICS, good, row.replace(old, new)
    )
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert caught.value.row == 3
