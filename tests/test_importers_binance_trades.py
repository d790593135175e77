"""aggTrades: trades and totals, by an own parser that must be exact."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from _binance_archive import AGG_HEADER, DATA, agg, read, text_file, zip_file
from washout.clock import DAY, MINUTE, SECOND, parse_time
from washout.config import DEFAULT, cohort_names
from washout.errors import InputError
from washout.importers import Options

SPOT = DATA / "BTCUSDC-aggTrades-2025-10-04.zip"
MS = 1_735_689_600_000  # 2025-01-01


def test_spot_without_header_in_microseconds_is_read():
    name, units, facts = read(SPOT)
    assert name == "binance-aggtrades"
    assert units[0].name == SPOT.name
    assert (units[0].ordered, units[0].whole, units[0].notes) == (True, True, [])
    trades = facts["trade"]
    assert len(trades) == 2000
    # 122335.79 * 0.00084 = 102.7620636 USD; the buyer was taker (maker False)
    assert trades[0] == {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDC",
        "source": "binance-archive", "product": "spot", "id": 184359103,
        "ts_event": 1759536000061015, "ts_recv": 1759536000061015, "side": "buy",
        "price": 122335.79, "quantity": 0.00084, "usd": 10276,
    }  # fmt: skip
    assert trades[-1]["id"] == 184361102
    assert sum(t["usd"] for t in trades if t["side"] == "buy") == 212021398
    assert sum(t["usd"] for t in trades if t["side"] == "sell") == 238919475


def test_a_zip_covers_its_whole_day_and_a_plain_csv_only_its_rows(tmp_path):
    _, _, facts = read(SPOT)
    told = facts["coverage"][0]
    assert (told["kind"], told["product"], told["interval"]) == ("trade", "spot", 0)
    assert told["ts_event"] == parse_time("2025-10-04")
    assert told["ts_end"] == parse_time("2025-10-05")
    plain = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv",
        agg(1, 100, 1, MS + 5), agg(2, 100, 1, MS + 9_000),
    )  # fmt: skip
    told = read(plain)[2]["coverage"][0]
    assert (told["ts_event"], told["ts_end"]) == (
        (MS + 5) * 1000,
        (MS + 9_000) * 1000 + 1,
    )


def test_a_month_covers_its_quiet_days_too(tmp_path):
    path = zip_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01.zip", AGG_HEADER, agg(1, 100, 1, MS + 3 * 86_400_000)
    )  # fmt: skip
    told = read(path)[2]["coverage"][0]
    assert told["ts_event"] == parse_time("2025-01-01")
    assert told["ts_end"] == parse_time("2025-02-01")


def test_the_current_day_is_covered_only_up_to_now(tmp_path):
    noon = parse_time("2026-05-28T12:00:00Z")
    path = zip_file(
        tmp_path, "BTCUSDT-aggTrades-2026-05-28.zip", agg(1, 100, 1, noon // 1000 - 1)
    )
    from washout.collect.importing import find_importer

    [unit] = find_importer(path, None).read(path, Options(now=noon))
    told = dict(unit.tables())["coverage"].to_pylist()[0]
    assert told["ts_end"] == noon


def test_futures_with_header_and_carriage_returns(tmp_path):
    path = text_file(
        tmp_path, "ETHUSDT-aggTrades-2025-01-01.csv", AGG_HEADER + "\r",
        agg(7, "3000.55", "1.5", MS, "true") + "\r",
        agg(8, "3000.6", "20", MS + 1, "false") + "\r",
    )  # fmt: skip
    first, second = read(path)[2]["trade"]
    assert (first["market"], first["product"]) == ("ETH-USDT", "perp")
    assert first["side"] == "sell"
    assert second["side"] == "buy"
    assert first["usd"] == 450082  # 4500.825 USD is a tie: to the even cent
    assert second["usd"] == 6001200
    assert first["ts_event"] == MS * 1000


def test_coin_m_counts_contracts_of_a_fixed_size(tmp_path):
    path = text_file(
        tmp_path, "BTCUSD_PERP-aggTrades-2025-01-01.csv", agg(1, "50000", "7", MS)
    )
    [btc] = read(path)[2]["trade"]
    assert (btc["market"], btc["usd"], btc["quantity"]) == ("BTC-USD", 70000, 0.014)
    path = text_file(
        tmp_path, "ETHUSD_250328-aggTrades-2025-01-01.csv", agg(1, "2500", "3", MS)
    )
    [eth] = read(path)[2]["trade"]
    assert (eth["market"], eth["usd"]) == ("ETH-USD-250328", 3000)
    assert eth["quantity"] == pytest.approx(30 / 2500)


def test_a_header_says_which_column_is_which(tmp_path):
    header = "is_buyer_maker,transact_time,price,quantity,agg_trade_id,last_trade_id,first_trade_id"
    path = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv", header,
        f"true,{MS},94320.9,0.006,1,11,10", f"false,{MS + 1},94321.0,0.5,2,13,12",
    )  # fmt: skip
    standard = text_file(
        tmp_path, "b/BTCUSDT-aggTrades-2025-01-01.csv", AGG_HEADER,
        f"1,94320.9,0.006,10,11,{MS},true", f"2,94321.0,0.5,12,13,{MS + 1},false",
    )  # fmt: skip
    assert read(path)[2] == read(standard)[2]


@pytest.mark.parametrize("folder", ["spot", "futures/um"])
def test_the_path_and_then_the_map_say_which_product(tmp_path, folder):
    path = text_file(
        tmp_path / folder, "BTCUSDT-aggTrades-2025-01-01.csv", agg(1, 100, 1, MS)
    )
    assert read(path)[2]["trade"][0]["product"] == (
        "spot" if folder == "spot" else "perp"
    )
    told = read(path, columns={"product": "spot"})[2]["trade"][0]
    assert told["product"] == "spot"


def _market(seed: int, rows: int, *, spot: bool):
    """Rows with ties, long and short numbers, and several trades a millisecond."""
    draw = random.Random(seed)
    time, number, cents = MS, 1, 9_432_090
    for _ in range(rows):
        time += draw.choice([0, 0, 1, 7, 400, 65_000])
        number += draw.choice([1, 1, 1, 1, 3])
        cents = max(100_000, cents + draw.randint(-900, 900))
        size = draw.choice([1, 5, 25, 125, 999, 10**4, 10**6]) * draw.randint(1, 9)
        if spot:
            price, quantity = f"{cents / 100:.8f}", f"{size / 10**5:.8f}"
            yield number, price, quantity, time * 1000 + draw.randint(0, 999)
        else:
            price = f"{cents / 100:.2f}" if draw.random() < 0.5 else str(cents // 100)
            yield number, price, f"{size / 1000:.{draw.randint(1, 3)}f}", time


@pytest.mark.parametrize("spot", [False, True])
def test_every_value_equals_decimal_arithmetic(tmp_path, spot):
    rows = [
        (*row, random.Random(row[0]).random() < 0.5)
        for row in _market(3, 20_000, spot=spot)
        if Decimal(row[2]) > 0
    ]
    rows.sort(key=lambda row: (row[3], row[0]))
    end = ",True" if spot else ""
    lines = [
        agg(n, p, q, t, str(m) if spot else str(m).lower()) + end
        for n, p, q, t, m in rows
    ]
    path = zip_file(tmp_path, "BTCUSDT-aggTrades-2025-01.zip", *lines)
    found = read(path)[2]["trade"]
    scale = 1 if spot else 1000
    cent = Decimal(1)
    expected = [
        (
            number, float(price), float(size), time * scale, "sell" if maker else "buy",
            int((Decimal(price) * Decimal(size) * 100).quantize(cent, ROUND_HALF_EVEN)),
        )
        for number, price, size, time, maker in rows
    ]  # fmt: skip
    got = [
        (t["id"], t["price"], t["quantity"], t["ts_event"], t["side"], t["usd"])
        for t in found
    ]
    assert got == expected


@pytest.mark.parametrize(
    ("price", "size"),
    [
        ("0.00001234", "1000000000.00"),
        ("0.00000001", "999999999999"),
        ("0.00001234", "98765432.12345678"),
        ("122335.79000000", "8999.99999999"),
        ("1", "1"),
        ("99999999.5", "0.00000001"),
        ("0.5", "0.01"),
        ("1.5", "0.01"),
        ("12345678", "0.001"),
        ("123456789.12", "1"),
    ],
)
def test_extreme_numbers_are_read_to_the_cent(tmp_path, price, size):
    path = text_file(
        tmp_path, "PEPEUSDT-aggTrades-2025-01-01.csv", agg(1, price, size, MS)
    )
    [trade] = read(path)[2]["trade"]
    usd = (Decimal(price) * Decimal(size) * 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert (trade["price"], trade["quantity"]) == (float(price), float(size))
    assert trade["usd"] == int(usd)


def test_fields_that_grow_and_shrink_are_followed(tmp_path):
    """The parser guesses lengths from the row before; wrong guesses must not show."""
    rows = [
        ("9", "9.5", "1"), ("10", "10.25", "100.5"), ("99999999", "9.75", "2"),
        ("100000000", "90.25", "123456789.5"), ("9999999999999999", "12", "0.00000001"),
    ]  # fmt: skip
    lines = [f"{n},{p},{q},{n},{n},{MS},true" for n, p, q in rows]
    path = text_file(tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv", *lines)
    found = [(t["id"], t["price"], t["quantity"]) for t in read(path)[2]["trade"]]
    assert found == [(int(n), float(p), float(q)) for n, p, q in rows]


def _expected_totals(trades: list[dict], width: int) -> dict:
    """Totals by plain Python: trades of one side and millisecond are one order."""
    orders = defaultdict(lambda: [0, 0])
    for trade in trades:
        order = orders[trade["ts_event"] // 1000, trade["side"]]
        order[0] += trade["usd"]
        order[1] += 1
    totals = defaultdict(Counter)
    for (moment, side), (usd, count) in orders.items():
        place = sum(usd >= bound * 100 for bound in DEFAULT.cohorts)
        bar = moment * 1000 // width * width
        totals[bar, cohort_names()[place]].update({side: usd, "trades": count})
    return {
        key: (sums["buy"], sums["sell"], sums["trades"]) for key, sums in totals.items()
    }


@pytest.mark.parametrize("width", [MINUTE, 5 * MINUTE, 10 * SECOND])
@pytest.mark.parametrize("source", ["real", "made up"])
def test_totals_are_the_sums_of_the_single_trades(tmp_path, source, width):
    path = SPOT
    if source == "made up":
        lines = [
            agg(n, p, q, t, "true" if n % 3 else "false")
            for n, p, q, t in _market(5, 30_000, spot=False)
            if Decimal(q) > 0
        ]
        path = zip_file(tmp_path, "BTCUSDT-aggTrades-2025-01.zip", AGG_HEADER, *lines)
    single, totals = read(path)[2], read(path, totals=width)[2]
    found = {
        (t["ts_event"], t["cohort"]): (t["buy_usd"], t["sell_usd"], t["trades"])
        for t in totals["trade_total"]
    }
    assert found == _expected_totals(single["trade"], width)
    assert {t["interval"] for t in totals["trade_total"]} == {width}
    assert {cohort for _, cohort in found} <= set(cohort_names())
    assert len({cohort for _, cohort in found}) >= 3
    told = totals["coverage"][0]
    assert (told["kind"], told["interval"]) == ("trade_total", width)


def test_an_order_that_sweeps_the_book_is_one_order(tmp_path):
    path = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv",
        agg(1, "50000", "0.015", MS, "false"),  # 750 USD
        agg(2, "50010", "0.010", MS, "false"),  # 500.10 USD
        agg(3, "50010", "0.010", MS, "true"),  # the other side
        agg(4, "50010", "0.010", MS + 1, "false"),
    )  # fmt: skip
    rows = read(path, totals=MINUTE)[2]["trade_total"]
    small, large = cohort_names()[:2]
    assert {r["cohort"]: (r["buy_usd"], r["sell_usd"], r["trades"]) for r in rows} == {
        small: (50010, 50010, 2),
        large: (125010, 0, 2),
    }
    assert all(r["ts_event"] == MS * 1000 for r in rows)
    assert all(r["ts_recv"] == MS * 1000 + MINUTE for r in rows)


def test_many_pieces_of_text_give_what_one_gives(monkeypatch):
    """Cuts between pieces fall everywhere in a row."""
    from washout.importers import _archive, _fast_trades

    whole = read(SPOT)[2]
    totals = read(SPOT, totals=MINUTE)[2]
    for piece in (700, 1009, 4099):
        monkeypatch.setattr(_archive, "PIECE", piece)
        monkeypatch.setattr(_fast_trades, "BATCH", 17)
        assert read(SPOT)[2] == whole
        assert read(SPOT, totals=MINUTE)[2] == totals


def test_missing_ids_are_told(tmp_path):
    path = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv",
        agg(1, 100, 1, MS), agg(2, 100, 1, MS), agg(9, 100, 1, MS),
    )  # fmt: skip
    assert read(path)[1][0].notes == ["6 agg_trade_id are missing between rows"]


def test_repeats_and_steps_back_are_sorted_singly_and_refused_in_totals(tmp_path):
    path = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv",
        agg(1, 100, 1, MS + 5), agg(1, 100, 1, MS + 5), agg(2, 100, 1, MS),
    )  # fmt: skip
    _, [unit], facts = read(path)
    assert len(facts["trade"]) == 3
    assert not unit.ordered
    assert "1 agg_trade_id do not rise and 1 times go back" in unit.notes[0]
    with pytest.raises(InputError, match="1 agg_trade_id do not rise and 1 times"):
        read(path, totals=MINUTE)


def test_totals_of_a_span_that_no_archive_file_has_are_refused(tmp_path):
    path = text_file(
        tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv",
        agg(1, 100, 1, MS - 15 * 365 * 86_400_000), agg(2, 100, 1, MS),
    )  # fmt: skip
    with pytest.raises(InputError, match="a day or a month"):
        read(path, totals=MINUTE)
    years = text_file(
        tmp_path, "ETHUSDT-aggTrades-2025-01-01.csv",
        agg(1, 100, 1, MS - 400 * 86_400_000), agg(2, 100, 1, MS),
    )  # fmt: skip
    found = read(years, totals=MINUTE)[2]["trade_total"]
    assert [t["ts_event"] for t in found] == [MS * 1000 - 400 * DAY, MS * 1000]


def test_a_cohort_begins_at_its_bound(tmp_path):
    sizes = ["0.99999", "1", "9.99999", "10", "1000"]
    rows = [agg(n, "1000", size, MS + n, "false") for n, size in enumerate(sizes, 1)]
    path = text_file(tmp_path, "BTCUSDT-aggTrades-2025-01-01.csv", *rows)
    found = read(path, totals=MINUTE)[2]["trade_total"]
    counts = {row["cohort"]: row["trades"] for row in found}
    names = cohort_names()
    assert counts == {names[0]: 1, names[1]: 2, names[2]: 1, names[4]: 1}
