"""Input of the Binance archive that cannot be believed: nothing of it is imported."""

from __future__ import annotations

import pytest

from _binance_archive import (
    AGG_HEADER,
    DATA,
    KLINE_HEADER,
    LIQUIDATION_HEADER,
    agg,
    options,
    read,
    text_file,
    with_checksum,
    zip_file,
)
from washout.clock import MINUTE
from washout.collect.importing import import_files
from washout.errors import InputError
from washout.store.lake import Lake

SPOT = DATA / "BTCUSDC-aggTrades-2025-10-04.zip"
MARK = DATA / "BTCUSDT-5m-2025-10-10.zip"
MS = 1_735_689_600_000
GOOD = agg(1, "94320.9", "0.006", MS)
BAD = agg(2, "nan", "1", MS)
AGG, KLINES = "BTCUSDT-aggTrades-2025-01-01", "BTCUSDT-1m-2025-01-01"
LIQUIDATIONS = "BTCUSDT-liquidationSnapshot-2025-01-01"
CANDLE = f"{MS},100,110,90,105,5,{MS + 59_999},500,7,2,200,0"
NEXT = f"{MS + 60_000},100,110,90,105,5,{MS + 119_999},500,7,2,200,0"
FORCED = f"{MS},SELL,LIMIT,IOC,1,99,100,FILLED,1,1"


def refused(path, says, row=None, **more):
    with pytest.raises(InputError, match=says) as caught:
        read(path, **more)
    assert caught.value.row == row
    assert caught.value.unit.startswith(path.name)


# zips


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("original", [SPOT, MARK])
def test_a_truncated_zip_is_refused(tmp_path, original, keep):
    content = original.read_bytes()
    path = tmp_path / original.name
    path.write_bytes(content[: int(len(content) * keep)])
    refused(path, "no complete zip .* cut off")


@pytest.mark.parametrize("totals", [None, MINUTE])
def test_a_zip_with_a_hole_in_its_middle_is_refused(tmp_path, totals):
    content = bytearray(SPOT.read_bytes())
    content[15_000:15_200] = bytes(200)
    path = tmp_path / SPOT.name
    path.write_bytes(content)
    with pytest.raises(InputError):
        read(path, totals=totals)


def test_text_that_is_not_what_the_crc_says_is_refused(tmp_path):
    """A stored member whose text was changed: the parser sees nothing wrong."""
    import zipfile

    path = tmp_path / f"{AGG}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{AGG}.csv", GOOD + "\n")
    assert len(read(path)[2]["trade"]) == 1
    path.write_bytes(path.read_bytes().replace(b"94320.9", b"94320.8"))
    refused(path, "CRC")


def test_a_wrong_checksum_is_refused_and_a_right_one_is_not(tmp_path):
    path = tmp_path / SPOT.name
    path.write_bytes(SPOT.read_bytes())
    assert len(read(with_checksum(path))[2]["trade"]) == 2000
    refused(with_checksum(path, "0" * 64), "its sha256 is .*CHECKSUM says 000000000000")
    path.with_name(path.name + ".CHECKSUM").write_text("")
    refused(path, "says nothing")


def test_a_zip_without_csv_is_refused(tmp_path):
    path = zip_file(tmp_path, f"{AGG}.zip", **{"readme.txt": GOOD})
    refused(path, "it holds no CSV, but readme.txt")


def test_an_empty_member_is_refused(tmp_path):
    for name in (AGG, KLINES.replace("1m", "klines"), LIQUIDATIONS):
        refused(zip_file(tmp_path, f"{name}.zip", **{f"{name}.csv": ""}), "it is empty")


@pytest.mark.parametrize(
    ("name", "header"), [(AGG, AGG_HEADER), (LIQUIDATIONS, LIQUIDATION_HEADER)]
)
def test_a_header_alone_is_refused(tmp_path, name, header):
    refused(zip_file(tmp_path, f"{name}.zip", header), "a header and no rows")


def test_each_member_is_a_unit_of_its_own(tmp_path):
    path = zip_file(
        tmp_path, "two.zip",
        **{f"{AGG}.csv": GOOD, "ETHUSDT-aggTrades-2025-01-01.csv": GOOD + ",true,true"},
    )  # fmt: skip
    from washout.collect.importing import find_importer

    good, bad = find_importer(path, None).read(path, options())
    assert good.name == f"two.zip!{AGG}.csv"
    assert dict(good.tables())["trade"].num_rows == 1
    with pytest.raises(InputError, match=r"two\.zip!ETHUSDT"):
        list(bad.tables())


def test_a_bad_member_does_not_stop_the_good_ones_after_it(tmp_path):
    path = zip_file(
        tmp_path, "two.zip",
        **{"ETHUSDT-aggTrades-2025-01-01.csv": f"{GOOD}\n{BAD}", f"{AGG}.csv": GOOD},
    )  # fmt: skip
    outcome = import_files(Lake.create(tmp_path / "lake"), [path], options())
    assert [r.unit for r in outcome.receipts] == [f"two.zip!{AGG}.csv"]
    assert [error.unit for error in outcome.refused] == [
        "two.zip!ETHUSDT-aggTrades-2025-01-01.csv"
    ]


# columns


@pytest.mark.parametrize("totals", [None, MINUTE])
@pytest.mark.parametrize(
    ("row", "says"),
    [
        (GOOD.rpartition(",")[0], "it has 6 columns; expected 7"),
        (GOOD + ",true", "it has 8 columns; expected 7"),
        ("", "it has 1 columns; expected 7"),
        (agg(2, "nan", 1, MS), "price is 'nan', which is no amount"),
        (agg(2, "inf", 1, MS), "price is 'inf', which is no amount"),
        (agg(2, "-5", 1, MS), "price is '-5', which is no amount"),
        (agg(2, "1e5", 1, MS), "price is '1e5', which is no amount"),
        (agg(2, "94_320", 1, MS), "price is '94_320'"),
        (agg(2, "94.3.0", 1, MS), "price is '94.3.0'"),
        (agg(2, "94320.", 1, MS), "price is '94320.'"),
        (agg(2, "", 1, MS), "price is ''"),
        (agg(2, "0.0", 1, MS), "price is 0.0; expected more than 0"),
        (agg(2, "94320", "NaN", MS), "quantity is 'NaN', which is no amount"),
        (agg(2, "94320", "-1", MS), "quantity is '-1', which is no amount"),
        (agg(2, "94320", "Infinity", MS), "quantity is 'Infinity'"),
        (agg(2, "94320", "0.000", MS), "quantity is 0.0; expected more than 0"),
        (agg("2x", "94320", 1, MS, first=7), "agg_trade_id is '2x'"),
        (agg(2, "94320", 1, MS, first=7).replace(",7,", ",a,"), "first_trade_id is 'a'"),
        (agg(2, "94320", 1, MS, "maybe"), "is_buyer_maker is 'maybe', expected true"),
        (agg(2, "94320", 1, f"{MS}.5"), "transact_time is"),
        (agg(2, "94320", 1, MS // 1000), "seconds, milliseconds and microseconds are"),
        (agg(2, "94320", 1, MS * 1000), "seconds, milliseconds and microseconds are"),
        (agg(2, "94320", 1, 1_230_000_000_000), "is before 2009"),
        (agg(2, "94320", 1, 1_999_999_999_999), "is in the future"),
        (agg(2, "943209.1", 1, MS), "more than 10 times away from the row before"),
        (agg(2, "9432.0", 1, MS), "more than 10 times away from the row before"),
    ],
)  # fmt: skip
def test_a_bad_row_of_trades_is_named(tmp_path, row, says, totals):
    path = text_file(tmp_path, f"{AGG}.csv", AGG_HEADER, GOOD, GOOD, row, GOOD)
    path.write_text(path.read_text().replace(GOOD, agg(1, "94320.9", "0.006", MS)))
    refused(path, says, row=4, totals=totals)


def test_a_bad_row_far_down_is_named_by_its_line(tmp_path):
    rows = [agg(n, "94320.9", "0.006", MS + n) for n in range(1, 60_001)]
    rows[54_321] = rows[54_321].replace("94320.9", "94320,9")
    path = zip_file(tmp_path, f"{AGG}.zip", AGG_HEADER, *rows)
    refused(path, "it has 8 columns; expected 7", row=54_323)
    refused(path, "it has 8 columns; expected 7", row=54_323, totals=MINUTE)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (AGG_HEADER.replace(",quantity", ""), "lacks column quantity"),
        (AGG_HEADER + ",fee", "has unknown column fee"),
        (AGG_HEADER.replace("quantity", "price"), "lacks column quantity"),
    ],
)
def test_a_header_with_other_columns_is_refused(tmp_path, header, says):
    refused(text_file(tmp_path, f"{AGG}.csv", header, GOOD), says, row=1)


def test_columns_reordered_without_header_are_refused(tmp_path):
    # side first, or time and price swapped: nothing says which column is which
    shifted = f"1,{MS},0.006,10,11,94320.9,true"
    refused(
        text_file(tmp_path, f"{AGG}.csv", shifted), "transact_time is '94320.9'", row=1
    )
    candle = CANDLE.replace("100,110,90,105", "110,100,90,105")
    refused(
        text_file(tmp_path, f"{KLINES}.csv", candle), "columns may be swapped", row=1
    )


@pytest.mark.parametrize(
    ("name", "lines", "says", "row"),
    [
        (KLINES, [KLINE_HEADER, CANDLE.rpartition(",")[0]], "it has 11 columns", 2),
        (KLINES, [CANDLE, CANDLE + ",1"], "it has 13 columns; expected 12", 2),
        (KLINES, [CANDLE + ",1"], "it has 13 columns and no header; expected 12", 1),
        (KLINES, [KLINE_HEADER.replace(",low", ""), CANDLE], "lacks column low", 1),
        (KLINES, [KLINE_HEADER, CANDLE.replace(",90,", ",x,")], "low is 'x'", 2),
        (KLINES, [KLINE_HEADER, CANDLE.replace(",90,", ",,")], "low is empty", 2),
        (KLINES, [CANDLE, NEXT.replace("100,110", "nan,110")], "open is nan", 2),
        (KLINES, [CANDLE, NEXT.replace(",500,", ",-1,")], "is -1.0; expected 0", 2),
        (KLINES, [CANDLE, NEXT.replace(",500,", ",inf,")], "quote_volume is inf", 2),
        (KLINES, [CANDLE, CANDLE], "does not begin after the one before", 2),
        (LIQUIDATIONS, [FORCED, FORCED.replace("SELL", "HOLD")], "'HOLD'; expected", 2),
        (LIQUIDATIONS, [FORCED, FORCED.replace("1,1", "1,-1")], "is -1.0", 2),
        (LIQUIDATIONS, [FORCED, FORCED.replace(",100,", ",1001,")], "10 times away", 2),
        (LIQUIDATIONS, [FORCED, FORCED.replace(f"{MS}", f"{MS}000")], "are mixed", 2),
        (LIQUIDATIONS, [FORCED, FORCED.replace(f"{MS}", f"{MS}"[:10])], "are mixed", 2),
        (LIQUIDATIONS, [FORCED.replace(f"{MS}", "1230000000000")], "before 2009", 1),
        (LIQUIDATIONS, [FORCED.replace(f"{MS}", "1999999999999")], "in the future", 1),
    ],
)  # fmt: skip
def test_a_bad_row_of_other_files_is_named(tmp_path, name, lines, says, row):
    refused(text_file(tmp_path, f"{name}.csv", *lines), says, row=row)


def test_a_tenfold_price_in_candles_is_refused(tmp_path):
    after = f"{MS + 60_000},1060,1070,1050,1055,5,{MS + 119_999},500,7,2,200,0"
    path = text_file(tmp_path, f"{KLINES}.csv", CANDLE, after)
    refused(path, "open 1060.0 is more than 10 times away", row=2)


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    broken = GOOD.encode().replace(b"0.006", b"0.0\xe96")
    path = text_file(tmp_path, f"{AGG}.csv", AGG_HEADER, GOOD, broken)
    refused(path, "not UTF-8 text .byte 0xe9.", row=3)
    path = text_file(
        tmp_path, f"{LIQUIDATIONS}.csv", LIQUIDATION_HEADER, FORCED.encode() + b"\xff"
    )
    refused(path, "not UTF-8 text .byte 0xff.", row=2)
    wide = tmp_path / f"{KLINES}.csv"
    wide.write_bytes((KLINE_HEADER + "\n" + CANDLE + "\n").encode("utf-16"))
    with pytest.raises(InputError):
        read(wide)


def test_times_in_nanoseconds_or_seconds_are_refused(tmp_path):
    for time in (MS // 1000, MS * 10**6):
        path = text_file(tmp_path, f"{AGG}.csv", agg(1, 100, 1, time))
        refused(path, "expected milliseconds", row=1)


# calls


def test_good_files_of_a_call_are_kept_and_the_bad_ones_named(tmp_path):
    bad = text_file(tmp_path, f"{AGG}.csv", GOOD, agg(2, "nan", 1, MS))
    empty = text_file(tmp_path, "empty.csv")
    folder = tmp_path / "folder.zip"
    folder.mkdir()
    lake = Lake.create(tmp_path / "lake")
    outcome = import_files(lake, [bad, SPOT, folder, empty, MARK], options())
    assert [receipt.unit for receipt in outcome.receipts] == [SPOT.name, MARK.name]
    reasons = [str(error) for error in outcome.refused]
    assert "row 2" in reasons[0]
    assert "folder" in reasons[1]
    assert "empty" in reasons[2]
    kinds = {part.kind for part in lake.manifest().parts}
    assert kinds == {"trade", "coverage", "candle"}
    assert {feed.market for feed in lake.feeds() if feed.kind == "trade"} == {
        "BTC-USDC"
    }


def test_nothing_of_a_bad_file_is_imported_however_late_it_turns_bad(tmp_path):
    rows = [agg(n, "94320.9", "0.006", MS + n) for n in range(1, 50_001)]
    path = zip_file(tmp_path, f"{AGG}.zip", *rows, agg(60_000, "9.1", "1", MS + 60_000))
    lake = Lake.create(tmp_path / "lake")
    for totals in (None, MINUTE):
        outcome = import_files(lake, [path], options(totals=totals))
        assert outcome.refused[0].row == 50_001
    assert lake.manifest().newest == 0
    assert not list(lake.path.rglob("*.parquet"))


@pytest.mark.parametrize("letter", ["x", "/", ":", " ", "-", "\x00"])
def test_one_wrong_letter_anywhere_in_a_row_is_refused(tmp_path, letter):
    """The characters beside the digits are those that bit tricks confuse with them."""
    row = f"2500000001,94320.9,123456.789,5800000000,5800000001,{MS},false"
    for at in range(len(row)):
        bad = row[:at] + letter + row[at + 1 :]
        path = text_file(tmp_path, f"{AGG}.csv", AGG_HEADER, row, bad)
        refused(path, "row 3: ", row=3, totals=MINUTE)
