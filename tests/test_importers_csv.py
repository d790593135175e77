"""Any table with `--map`: what its columns become, and what is refused and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from washout.clock import parse_time, parse_width
from washout.collect.importing import Outcome, find_importer, import_files
from washout.errors import InputError, UnknownName, UsageError
from washout.importers import Options
from washout.instruments import parse_scope
from washout.store.answer import Store
from washout.store.lake import Lake

NOW = parse_time("2025-01-01")
MAP = "time=utc_open,long_usd=long_liq_usd,short_usd=short_liq_usd"
TABLE = """utc_open,long_liq_usd,short_liq_usd,note
2024-08-05T00:00:00Z,100.5,7,a
2024-08-05T04:00:00Z,200,0,b
2024-08-05T08:00:00Z,0,30.25,c
"""


def bring(
    tmp_path: Path,
    content: str | bytes | Path,
    mapping: str = MAP,
    *,
    scope: str | None = "binance:ETH",
    bar: str | None = "4h",
    named: str | None = "csv",
    source: str | None = None,
) -> Outcome:
    path = content if isinstance(content, Path) else tmp_path / "table.csv"
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    options = Options(
        now=NOW, scope=parse_scope(scope) if scope else None, source=source,
        bar=parse_width(bar) if bar else None,
        columns=dict(pair.split("=") for pair in mapping.split(",") if pair),
    )  # fmt: skip
    return import_files(Lake.create(tmp_path / "lake"), [path], options, format=named)


def ask(tmp_path: Path, view: str, scope: str, bar: str, **more: str) -> list[dict]:
    return (
        Store(Lake.open(tmp_path / "lake"))
        .view(view, scope=scope, bar=bar, **more)
        .rows()
    )


def totals(tmp_path: Path, scope: str = "binance:ETH", bar: str = "4h") -> list[tuple]:
    return [
        (row["bar"][5:16], row["long_usd"], row["short_usd"])
        for row in ask(tmp_path, "liquidations", scope, bar)
    ]


def facts(tmp_path: Path, kind: str) -> list[dict]:
    found = sorted((tmp_path / "lake" / "parts" / kind).rglob("*.parquet"))
    return [row for path in found for row in pq.ParquetFile(path).read().to_pylist()]


def refusal(outcome: Outcome) -> str:
    assert not outcome.receipts
    (error,) = outcome.refused
    assert isinstance(error, InputError)
    return str(error)


WANTED = [
    ("08-05T00:00", 100.5, 7), ("08-05T04:00", 200, 0), ("08-05T08:00", 0, 30.25),
]  # fmt: skip


def test_totals_of_a_mapped_table(tmp_path):
    assert not bring(tmp_path, TABLE).refused
    assert totals(tmp_path) == WANTED


@pytest.mark.parametrize(
    "content",
    [
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        TABLE + "\n\n",
        TABLE.replace("T", " ").replace("Z", ""),
        TABLE.replace("T", " ").replace("Z", " UTC"),
        TABLE.replace("Z", "+00:00"),
        TABLE.replace("2024-08-05T00:00:00Z", "2024-08-05"),
        TABLE.replace("2024-08-05T04:00:00Z", "2024-08-05T06:00:00+02:00"),
        TABLE.replace("a\n", '"a,\nb"\n'),
        TABLE.replace("100.5", "100.50").replace(",200,", ", 2e2 ,"),
        "\n".join(
            ",".join([line.split(",")[n] for n in (2, 3, 0, 1)])
            for line in TABLE.splitlines()
        ),
        "\n".join([TABLE.splitlines()[0], *reversed(TABLE.splitlines()[1:])]),
    ],
)
def test_the_same_table_in_other_clothes(tmp_path, content):
    assert not bring(tmp_path, content).refused
    assert totals(tmp_path) == WANTED


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000])
def test_times_may_count_seconds_milliseconds_or_microseconds(tmp_path, scale):
    content = TABLE
    for hour in (0, 4, 8):
        at = int(datetime(2024, 8, 5, hour, tzinfo=UTC).timestamp())
        content = content.replace(f"2024-08-05T{hour:02}:00:00Z", str(at * scale))
    assert not bring(tmp_path, content).refused
    assert totals(tmp_path) == WANTED


def test_times_without_a_zone_are_in_the_zone_that_is_named(tmp_path):
    local = TABLE.replace("2024-08-05T0", "2024-08-05 0").replace("Z", "")
    assert not bring(tmp_path, local, MAP + ",tz=Asia/Tokyo", bar="1h").refused
    assert totals(tmp_path, bar="1h")[0] == ("08-04T15:00", 100.5, 7)


def test_bars_of_local_days_do_not_fit_utc_bars_and_are_refused(tmp_path):
    days = "t,l,s\n2024-08-05,1,2\n2024-08-06,1,2\n2024-08-07,1,2\n"
    mapping = "time=t,long_usd=l,short_usd=s,tz=Asia/Tokyo"
    said = refusal(bring(tmp_path, days, mapping, bar="1d"))
    assert "row 2: 2024-08-04T15:00:00Z is not the UTC start of a bar of 1d" in said


def test_an_hour_that_clocks_repeat_is_refused(tmp_path):
    hours = "t,l,s\n2024-10-27 01:00,1,2\n2024-10-27 02:00,1,2\n2024-10-27 03:00,1,2\n"
    mapping = "time=t,long_usd=l,short_usd=s,tz=Europe/Berlin"
    said = refusal(bring(tmp_path, hours, mapping, bar="1h"))
    assert "row 3" in said
    assert "comes twice in Europe/Berlin" in said


def test_empty_cells_are_missing_and_never_zero(tmp_path):
    outcome = bring(tmp_path, TABLE.replace(",200,", ",,"))
    note = outcome.receipts[0].notes[0]
    assert "1 rows" in note
    assert "row 3" in note
    assert totals(tmp_path)[1] == ("08-05T04:00", None, None)
    hole = ask(tmp_path, "liquidations", "binance:ETH", "4h")[1]
    assert (hole["observed_s"], hole["gap_s"], hole["coverage"]) == (
        0,
        4 * 3600,
        "none",
    )


def test_rows_that_are_not_there_are_a_hole(tmp_path):
    lines = TABLE.splitlines()
    bring(tmp_path, "\n".join(lines[:2] + lines[3:]))
    assert totals(tmp_path)[1] == ("08-05T04:00", None, None)


def test_a_bar_that_has_not_ended_is_left_out(tmp_path):
    content = TABLE + "2025-01-01T00:00:00Z,5,5,d\n"
    outcome = bring(tmp_path, content)
    assert (
        "1 bars from 2025-01-01T00:00:00Z on had not ended"
        in outcome.receipts[0].notes[0]
    )
    assert outcome.receipts[0].added == 3


def test_identical_rows_are_dropped_and_counted(tmp_path):
    outcome = bring(tmp_path, TABLE + TABLE.splitlines()[1] + "\n")
    assert outcome.receipts[0].duplicates == 1
    assert totals(tmp_path) == WANTED


def test_rows_that_contradict_each_other_are_refused(tmp_path):
    said = refusal(bring(tmp_path, TABLE + "2024-08-05T00:00:00Z,100.5,8,d\n"))
    assert "row 5: it states other values for 2024-08-05T00:00:00Z than row 2" in said


def test_a_long_table_names_its_series_in_columns(tmp_path):
    content = """t,sym,venue,l,s
2024-08-05,BTCUSDT,Binance,1,2
2024-08-05,ETHUSDT,Binance,3,4
2024-08-05,BTC-USDT-SWAP,OKX,5,6
2024-08-06,BTCUSDT,Binance,7,8
2024-08-06,ETHUSDT,Binance,9,10
2024-08-06,BTC-USDT-SWAP,OKX,11,12
"""
    mapping = "time=t,symbol=sym,exchange=venue,long_usd=l,short_usd=s"
    assert not bring(tmp_path, content, mapping, scope=None, bar="1d").refused
    assert totals(tmp_path, "binance:ETH-USDT", "1d") == [
        ("08-05T00:00", 3, 4),
        ("08-06T00:00", 9, 10),
    ]
    assert totals(tmp_path, "okx:BTC-USDT", "1d") == [
        ("08-05T00:00", 5, 6),
        ("08-06T00:00", 11, 12),
    ]
    assert {f.market for f in Lake.open(tmp_path / "lake").feeds()} == {
        "BTC-USDT",
        "ETH-USDT",
    }


def test_a_column_of_assets_makes_totals_of_assets(tmp_path):
    content = "t,coin,l,s\n2024-08-05,btc,1,2\n2024-08-05,ETH,3,4\n"
    mapping = "time=t,asset=coin,long_usd=l,short_usd=s"
    assert not bring(tmp_path, content, mapping, scope="bybit:*", bar="1d").refused
    assert totals(tmp_path, "bybit:BTC", "1d") == [("08-05T00:00", 1, 2)]


def test_a_bad_symbol_is_named_with_its_row(tmp_path):
    content = "t,sym,l,s\n2024-08-05,BTCUSDT,1,2\n2024-08-05,???,3,4\n"
    mapping = "time=t,symbol=sym,long_usd=l,short_usd=s"
    said = refusal(bring(tmp_path, content, mapping, scope="binance:*", bar="1d"))
    assert "row 3" in said
    assert "???" in said


@pytest.mark.parametrize("scope", [None, "all:ETH", "*:ETH", "binance:*"])
def test_rows_of_nobody_in_particular_are_refused(tmp_path, scope):
    assert "nothing says whose rows these are" in refusal(
        bring(tmp_path, TABLE, scope=scope)
    )


def test_base_amounts_become_usd_at_the_price_of_their_row(tmp_path):
    content = "t,l,s,px\n2024-08-05T00:00:00Z,2,0.5,50000\n2024-08-05T01:00:00Z,,1,50100\n2024-08-05T02:00:00Z,1,1,50200\n"
    mapping = "time=t,long_base=l,short_base=s,price=px"
    assert not bring(
        tmp_path, content, mapping, scope="binance:BTC-USDT", bar="1h"
    ).refused
    assert totals(tmp_path, "binance:BTC-USDT", "1h") == [
        ("08-05T00:00", 100000, 25000), ("08-05T01:00", None, None),
        ("08-05T02:00", 50200, 50200),
    ]  # fmt: skip


# Other kinds


CANDLES = """t,o,h,l,c,v,q,b,n
2024-08-05T00:00:00Z,100,110,90,105,10,1000,600,5
2024-08-05T01:00:00Z,105,106,101,102,20,2000,900,6
2024-08-05T02:00:00Z,102,103,95,96,30,,,7
"""
CANDLE_MAP = (
    "time=t,open=o,high=h,low=l,close=c,volume=v,volume_usd=q,taker_buy_usd=b,trades=n"
)


def test_candles_with_taker_volume(tmp_path):
    outcome = bring(
        tmp_path,
        CANDLES,
        CANDLE_MAP + ",product=spot",
        scope="binance:BTC-USDT",
        bar=None,
    )
    assert not outcome.refused
    found = facts(tmp_path, "candle")
    assert [(c["open"], c["close"], c["volume_usd"], c["taker_buy_usd"], c["trades"]) for c in found] == [
        (100, 105, 100000, 60000, 5), (105, 102, 200000, 90000, 6), (102, 96, None, None, 7),
    ]  # fmt: skip
    assert {(c["product"], c["interval"]) for c in found} == {("spot", 3_600_000_000)}
    (told,) = facts(tmp_path, "coverage")
    assert told["kind"] == "candle_taker"
    assert told["ts_end"] - told["ts_event"] == 2 * 3_600_000_000


def test_mark_prices_are_marked(tmp_path):
    mapping = "time=t,open=o,high=h,low=l,close=c,price_kind=mark"
    bring(tmp_path, CANDLES, mapping, scope="binance:BTC-USDT", bar="1h")
    assert {c["price_kind"] for c in facts(tmp_path, "candle")} == {"mark"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            ",105,106,101,102,",
            ",1050,1060,1010,1020,",
            "row 3: open 1050.0 is more than 10 times",
        ),
        (
            "105,106,101",
            "105,104,101",
            "row 3: high 104.0 and low 101.0 do not enclose",
        ),
        ("102,103,95", "102,103,99", "row 4: high 103.0 and low 99.0 do not enclose"),
        (
            "2000,900",
            "2000,2900",
            "row 3: taker_buy_usd 2900.0 is more than volume_usd",
        ),
        (
            ",105,106,101,102,",
            ",0,106,101,102,",
            "row 3: open is 0.0; expected more than 0",
        ),
        ("20,2000", "-20,2000", "row 3: volume is -20.0"),
    ],
)
def test_prices_that_cannot_be_are_refused(tmp_path, old, new, reason):
    if new.startswith(",1050"):
        new = ",1500,1600,1400,1550,"
        reason = "row 3: open 1500.0 is more than 10 times"
    assert old in CANDLES
    outcome = bring(
        tmp_path,
        CANDLES.replace(old, new),
        CANDLE_MAP,
        scope="binance:BTC-USDT",
        bar="1h",
    )
    assert reason in refusal(outcome)


def test_prices_of_a_whole_asset_are_refused(tmp_path):
    said = refusal(bring(tmp_path, CANDLES, CANDLE_MAP, scope="binance:BTC", bar="1h"))
    assert "--scope binance:BTC-USDT" in said


def test_taker_flow(tmp_path):
    content = "t,b,s\n2024-08-05,10.5,20\n2024-08-06,30,5\n"
    assert not bring(
        tmp_path, content, "time=t,buy_usd=b,sell_usd=s", scope="binance:BTC", bar="1d"
    ).refused
    assert [(f["buy_usd"], f["sell_usd"], f["cohort"]) for f in facts(tmp_path, "trade_total")] == [
        (1050, 2000, ""), (3000, 500, ""),
    ]  # fmt: skip
    assert [f["kind"] for f in facts(tmp_path, "coverage")] == ["trade_total"]


def test_open_interest_at_the_open_or_at_the_close_of_its_bar(tmp_path):
    content = "t,o,c\n2024-08-05T00:00:00Z,1.5,2.5\n2024-08-05T04:00:00Z,2.5,3\n"
    bring(tmp_path, content, "time=t,open_interest=o", scope="binance:BTC", source="a")
    bring(
        tmp_path,
        content,
        "time=t,open_interest=c,at=close",
        scope="binance:BTC",
        source="b",
    )
    found = facts(tmp_path, "open_interest")
    at = parse_time("2024-08-05")
    four = parse_width("4h")
    assert {(f["source"], f["ts_event"] - at, f["open_interest"]) for f in found} == {
        ("a", 0, 1.5), ("a", four, 2.5), ("b", four - 1, 2.5), ("b", 2 * four - 1, 3),
    }  # fmt: skip


def test_funding_keeps_its_instant_and_finds_its_period(tmp_path):
    content = "t,r\n2024-08-05 00:00:00.006,0.0001\n2024-08-05 08:00:00,-0.00005\n2024-08-05 16:00:00.001,0.0001\n"
    bring(tmp_path, content, "time=t,rate=r", scope="binance:BTC-USDT", bar=None)
    found = facts(tmp_path, "funding_rate")
    assert [f["ts_event"] % 1_000_000 for f in found] == [6000, 0, 1000]
    assert {f["interval"] for f in found} == {parse_width("8h")}
    assert found[1]["rate"] == -0.00005


def test_funding_in_percent_is_refused(tmp_path):
    content = "t,r\n2024-08-05,0.01\n2024-08-06,1.5\n"
    said = refusal(
        bring(tmp_path, content, "time=t,rate=r", scope="binance:BTC-USDT", bar=None)
    )
    assert "row 3: rate is 1.5; expected a fraction" in said


def test_one_table_can_hold_several_kinds(tmp_path):
    content = "t,l,s,r\n2024-08-05,1,2,0.0001\n2024-08-06,3,4,0.0002\n"
    mapping = "time=t,long_usd=l,short_usd=s,rate=r"
    outcome = bring(tmp_path, content, mapping, scope="binance:BTC-USDT", bar="1d")
    assert set(outcome.receipts[0].rows) == {
        "liquidation_total",
        "coverage",
        "funding_rate",
    }


# Parquet


def parquet(tmp_path: Path, **columns: object) -> Path:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return path


HOURS = [datetime(2024, 8, 5, hour) for hour in (0, 4, 8)]  # noqa: DTZ001  naive on purpose
AMOUNTS = {"long_liq_usd": [100.5, 200.0, 0.0], "short_liq_usd": [7.0, 0.0, 30.25]}


@pytest.mark.parametrize(
    "times",
    [
        pa.array(HOURS, pa.timestamp("us")),
        pa.array(HOURS, pa.timestamp("ns")),
        pa.array(HOURS, pa.timestamp("ms", tz="UTC")),
        pa.array([int(h.replace(tzinfo=UTC).timestamp()) for h in HOURS]),
        pa.array([h.isoformat() + "Z" for h in HOURS]),
    ],
)
def test_parquet_with_any_kind_of_time(tmp_path, times):
    path = parquet(tmp_path, utc_open=times, **AMOUNTS)
    assert not bring(tmp_path, path, named="parquet").refused
    assert totals(tmp_path) == WANTED


def test_parquet_in_a_named_zone(tmp_path):
    path = parquet(tmp_path, utc_open=pa.array(HOURS, pa.timestamp("us")), **AMOUNTS)
    bring(tmp_path, path, MAP + ",tz=Asia/Tokyo", named="parquet", bar="1h")
    assert totals(tmp_path, bar="1h")[0] == ("08-04T15:00", 100.5, 7)


def test_parquet_null_is_missing_and_nan_is_refused(tmp_path):
    times = pa.array(HOURS, pa.timestamp("us"))
    amounts = {**AMOUNTS, "long_liq_usd": [1.0, None, 3.0]}
    assert not bring(
        tmp_path, parquet(tmp_path, utc_open=times, **amounts), named="parquet"
    ).refused
    assert totals(tmp_path)[1][1] is None
    amounts = {**AMOUNTS, "long_liq_usd": [1.0, float("nan"), 3.0]}
    said = refusal(
        bring(tmp_path, parquet(tmp_path, utc_open=times, **amounts), named="parquet")
    )
    assert "row 2: long_liq_usd is nan" in said


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"utc_open": [1.5, 2.5, 3.5]}, "expected times"),
        (
            {"utc_open": pa.array([HOURS[0], None, HOURS[1]])},
            "row 2: utc_open is missing",
        ),
        (
            {"utc_open": pa.array(HOURS), "long_liq_usd": [[1], [2], [3]]},
            "expected numbers",
        ),
        (
            {"utc_open": pa.array(HOURS), "long_liq_usd": ["1", "x", "2"]},
            "row 2: long_liq_usd is 'x'",
        ),
    ],
)
def test_parquet_columns_of_the_wrong_kind_are_refused(tmp_path, columns, reason):
    path = parquet(tmp_path, **{**AMOUNTS, **columns})
    assert reason in refusal(bring(tmp_path, path, named="parquet"))


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = parquet(tmp_path, utc_open=pa.array(HOURS), **AMOUNTS)
    path.write_bytes(path.read_bytes()[:-40])
    assert "no whole Parquet file" in refusal(bring(tmp_path, path, named="parquet"))


# Recognition


def test_a_table_whose_columns_are_called_like_roles_needs_no_map(tmp_path):
    content = TABLE.replace("utc_open", "time").replace("_liq", "")
    assert not bring(tmp_path, content, "", named=None).refused
    assert totals(tmp_path) == WANTED
    path = parquet(
        tmp_path, time=pa.array(HOURS), long_usd=[1, 2, 3], short_usd=[4, 5, 6]
    )
    assert find_importer(path, None).name == "parquet"


def test_a_table_of_other_columns_is_not_recognised(tmp_path):
    assert "in no format that washout recognises" in refusal(
        bring(tmp_path, TABLE, named=None)
    )


# Bad input


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TABLE.replace("200", "-200"), "row 3: long_usd is -200.0"),
        (TABLE.replace("200", "NaN"), "row 3: long_liq_usd is 'NaN'"),
        (TABLE.replace("200", "inf"), "row 3: long_liq_usd is 'inf'"),
        (TABLE.replace("200", "1e400"), "row 3: long_liq_usd is '1e400'"),
        (TABLE.replace("200", "2_00"), "row 3: long_liq_usd is '2_00'"),
        (TABLE.replace("200", '"1,200"'), "row 3: long_liq_usd is '1,200'"),
        (TABLE.replace("200", "null"), "row 3: long_liq_usd is 'null'"),
        (TABLE.replace("200", "1e17"), "row 3: long_usd is 1e+17 USD, more than any market"),
        (TABLE.replace("2024-08-05T04", "2005-08-05T04"), "row 3: time 2005-08-05T04:00:00Z is before 2009"),
        (TABLE.replace("2024-08-05T04", "2035-08-05T04"), "row 3: time 2035-08-05T04:00:00Z is in the future"),
        (TABLE.replace("2024-08-05T04:00:00Z", ""), "row 3: time is ''"),
        (TABLE.replace("2024-08-05T04:00:00Z", "05.08.2024"), "row 3: time is '05.08.2024'"),
        (TABLE.replace("2024-08-05T04:00:00Z", "1722830400"), "row 3: time is '1722830400'"),
        (TABLE.replace("T04:00:00", "T04:00:01"), "row 3: 2024-08-05T04:00:01Z is not the UTC start"),
        (TABLE.replace(",200,0,b", ",200,0"), "row 3: it has 3 columns, the header has 4"),
        (TABLE.replace(",200,0,b", ",200,0,b,x"), "row 3: it has 5 columns, the header has 4"),
        (TABLE.replace("note", "utc_open"), "column 'utc_open' is there more than once"),
        (TABLE.splitlines()[0], "a header but no rows"),
        ("", "it is empty"),
        (TABLE.encode().replace(b",a\n", b",\xe9\n"), "not UTF-8"),
        (TABLE.encode("utf-16"), "not UTF-8"),
        (TABLE.replace("a\n", '"a\n'), "no table of text"),
        (b"\x1f\x8b\x08\x00" + b"0" * 50, "cut off or damaged"),
        ("<html>\n<body>Busy</body>\n", "there is no column 'utc_open'"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_file_row_and_reason(tmp_path, content, reason):
    said = refusal(bring(tmp_path, content))
    assert reason in said
    assert "table.csv" in said
    assert Lake.open(tmp_path / "lake").feeds() == ()


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("1722816000", "row 3: time 1722830400000 is not in the unit of the first row"),
        ("17228160", "row 2: time is '17228160'"),
        ("1722816000000000000", "row 2: time 1722816000000000000 has 19 digits"),
        ("99999999999999999999", "row 2: time is '99999999999999999999'"),
    ],
)
def test_times_in_mixed_or_unknown_units_are_refused(tmp_path, first, reason):
    content = f"t,l,s\n{first},1,2\n1722830400000,1,2\n"
    assert reason in refusal(bring(tmp_path, content, "time=t,long_usd=l,short_usd=s"))


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        (MAP.replace("long_liq_usd", "long_lik_usd"), "Did you mean long_liq_usd"),
        (MAP.replace("long_liq_usd", "zzz"), "It has: utc_open, long_liq_usd, short_liq_usd, note"),
        ("time=utc_open,long_usd=long_liq_usd", "liquidation_total also needs short_usd"),
        ("long_usd=long_liq_usd,short_usd=short_liq_usd", "which column holds the time"),
        ("time=utc_open", "which column holds the amounts"),
        ("", "which column holds the time"),
        ("time=utc_open,long_base=long_liq_usd,short_base=short_liq_usd", "also needs price"),
        ("time=utc_open,open=note,high=note,low=note", "candle also needs close"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_names_the_columns(tmp_path, mapping, reason):
    assert reason in refusal(bring(tmp_path, TABLE, mapping))


@pytest.mark.parametrize(
    ("extra", "error", "reason"),
    [
        ("longs=x", UnknownName, "long_usd"),
        ("tz=Asia/Tokio", UnknownName, "Asia/Tokyo"),
        ("product=futures", UsageError, "product=perp or product=spot"),
        ("delay=soon", UsageError, "no width of time"),
    ],
)
def test_a_setting_that_does_not_exist_is_a_wrong_question(
    tmp_path, extra, error, reason
):
    with pytest.raises(error, match=reason):
        bring(tmp_path, TABLE, f"{MAP},{extra}")


def test_a_bar_wider_than_the_rows_is_refused(tmp_path):
    said = refusal(bring(tmp_path, TABLE, bar="1d"))
    assert "row 3: 2024-08-05T04:00:00Z is not the UTC start of a bar of 1d" in said


def test_the_width_of_rows_is_found_or_asked_for(tmp_path):
    assert not bring(tmp_path, TABLE, bar=None).refused
    assert totals(tmp_path) == WANTED
    uneven = "t,l,s\n2024-08-05,1,2\n2024-08-06,1,2\n2024-08-09,1,2\n2024-08-15,1,2\n2024-09-30,1,2\n"
    said = refusal(bring(tmp_path, uneven, "time=t,long_usd=l,short_usd=s", bar=None))
    assert "--bar" in said


def test_line_numbers_count_lines_inside_quotes(tmp_path):
    content = TABLE.replace(",a\n", ',"a\n\nb"\n').replace(",0,30.25", ",0,x")
    assert "row 6: short_liq_usd is 'x'" in refusal(bring(tmp_path, content))


def test_a_table_larger_than_a_chunk_is_whole(tmp_path, monkeypatch):
    from washout.importers import _cells

    monkeypatch.setattr(_cells, "CHUNK", 2)
    assert not bring(tmp_path, TABLE).refused
    assert totals(tmp_path) == WANTED
    assert "row 4" in refusal(bring(tmp_path, TABLE.replace("30.25", "x")))
