"""Vendor answers: what is read, and what is refused and why."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from washout.clock import DAY, HOUR, parse_time
from washout.collect.importing import Outcome, find_importer, import_files
from washout.importers import Options
from washout.importers._json import envelope
from washout.instruments import parse_scope
from washout.store.answer import Store
from washout.store.lake import Lake

VENDORS = Path(__file__).parent / "data" / "vendors"
NOW = parse_time("2025-01-01")


def bring(
    tmp_path: Path,
    *paths: Path,
    scope: str | None = None,
    bar: int | None = None,
    named: str | None = None,
    **columns: str,
) -> Outcome:
    options = Options(
        now=NOW, scope=parse_scope(scope) if scope else None, bar=bar, columns=columns
    )
    lake = Lake.create(tmp_path / "lake")
    return import_files(lake, paths, options, format=named)


def rows(tmp_path: Path, scope: str, bar: str = "1d", **more: str) -> list[dict]:
    answer = Store(Lake.open(tmp_path / "lake")).view(
        "liquidations", scope=scope, bar=bar, **more
    )
    return answer.rows()


def written(tmp_path: Path, content: object, name: str = "answer.json") -> Path:
    path = tmp_path / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(outcome: Outcome) -> str:
    assert not outcome.receipts
    (error,) = outcome.refused
    return str(error)


@pytest.mark.parametrize(
    ("name", "importer"),
    [
        ("coinalyze_usd_daily.json", "coinalyze"),
        ("coinalyze_base_1hour.json", "coinalyze"),
        ("coinglass_pair.json", "coinglass"),
        ("coinglass_coin.json", "coinglass"),
        ("cryptoquant_day.json", "cryptoquant"),
        ("cryptoquant_hour.csv", "cryptoquant"),
        ("binance-futures_liquidations_2020-09-01_BTCUSDT.csv", "tardis"),
    ],
)
def test_a_vendor_is_recognised_by_content_under_any_name(tmp_path, name, importer):
    path = tmp_path / "download"
    path.write_bytes((VENDORS / name).read_bytes())
    assert find_importer(path, None).name == importer


# Coinalyze


def test_coinalyze_totals_of_two_markets_land_under_their_exchanges(tmp_path):
    outcome = bring(tmp_path, VENDORS / "coinalyze_usd_daily.json", unit="usd")
    assert not outcome.refused
    binance = rows(tmp_path, "binance:BTC-USDT")
    assert [r["bar"] for r in binance] == [
        "2024-08-04T00:00:00Z",
        "2024-08-05T00:00:00Z",
    ]
    assert binance[0]["long_usd"] == 30000000.5
    assert binance[0]["short_usd"] == 10000000.25
    assert [r["short_usd"] for r in rows(tmp_path, "bybit:BTC-USD")] == [2000000, 5]


def test_coinalyze_does_not_guess_the_unit_of_a_bare_answer(tmp_path):
    said = refusal(bring(tmp_path, VENDORS / "coinalyze_usd_daily.json"))
    assert "--map unit=usd" in said
    assert "--map unit=base" in said


def test_coinalyze_base_amounts_are_no_usd_without_a_price(tmp_path):
    path = VENDORS / "coinalyze_base_1hour.json"
    said = refusal(bring(tmp_path, path, unit="base"))
    assert "convert_to_usd=true" in said
    assert "washout fetch coinalyze" in said


def test_coinalyze_inverse_contracts_count_usd_even_as_base(tmp_path):
    history = [{"t": 1722729600 + n * 86400, "l": 100, "s": 7} for n in range(3)]
    path = written(tmp_path, [{"symbol": "BTCUSD_PERP.A", "history": history}])
    assert not bring(tmp_path, path, unit="base").refused
    assert [r["short_usd"] for r in rows(tmp_path, "binance:BTC-USD")] == [7, 7, 7]


@pytest.mark.parametrize(
    ("symbol", "scope"),
    [
        ("BTCUSDT_PERP.A", "binance:BTC-USDT"),
        ("BTCUSD_PERP.A", "binance:BTC-USD"),
        ("BTCUSDT.6", "bybit:BTC-USDT"),
        ("BTCPERP.6", "bybit:BTC-USDC"),
        ("BTCUSDT_PERP.3", "okx:BTC-USDT"),
        ("BTCUSD_PERP.0", "bitmex:BTC-USD"),
        ("BTC-PERPETUAL.2", "deribit:BTC-USD"),
        ("BTC_USDC-PERPETUAL.2", "deribit:BTC-USDC"),
        ("BTCUSDT_PERP.4", "htx:BTC-USDT"),
        ("BTCUSDT_PERP.F", "bitfinex:BTC-USDT"),
    ],
)
def test_coinalyze_suffixes_name_the_exchange(tmp_path, symbol, scope):
    history = [{"t": 1722729600 + n * 86400, "l": 5, "s": 7} for n in range(2)]
    path = written(tmp_path, [{"symbol": symbol, "history": history}])
    assert not bring(tmp_path, path, unit="usd").refused
    assert [r["net_usd"] for r in rows(tmp_path, scope)] == [2, 2]


def test_coinalyze_unknown_suffix_asks_for_a_scope(tmp_path):
    history = [{"t": 1722729600 + n * 86400, "l": 5, "s": 7} for n in range(2)]
    path = written(tmp_path, [{"symbol": "BTCUSDT.S", "history": history}])
    assert "--scope exchange:ASSET-QUOTE" in refusal(bring(tmp_path, path, unit="usd"))
    assert not bring(tmp_path, path, unit="usd", scope="other:BTC-USDT").refused
    assert len(rows(tmp_path, "other:BTC-USDT")) == 2


def test_an_envelope_says_the_unit_and_leaves_out_the_bar_that_was_still_open(tmp_path):
    answer = (VENDORS / "coinalyze_usd_daily.json").read_bytes()
    asked = {"interval": "daily", "convert_to_usd": "true"}
    fetched = parse_time("2024-08-05T12:00:00Z")
    kept = envelope("coinalyze", "https://x/v1", asked, fetched, answer)
    path = written(tmp_path, kept.decode())
    assert find_importer(path, None).name == "coinalyze"
    outcome = bring(tmp_path, path)
    assert not outcome.refused
    assert "had not ended" in outcome.receipts[0].notes[0]
    assert [r["bar"] for r in rows(tmp_path, "binance:BTC-USDT")] == [
        "2024-08-04T00:00:00Z"
    ]


def test_an_hour_that_a_vendor_left_out_is_a_hole_and_not_zero(tmp_path):
    history = [{"t": 1722816000 + n * 3600, "l": 5, "s": 7} for n in (0, 1, 3)]
    path = written(tmp_path, [{"symbol": "BTCUSDT_PERP.A", "history": history}])
    bring(tmp_path, path, unit="usd")
    hours = rows(tmp_path, "binance:BTC-USDT", "1h")
    assert [r["long_usd"] for r in hours] == [5, 5, None, 5]
    assert hours[2]["gap_s"] == 3600


# CoinGlass


def test_coinglass_text_amounts_of_a_pair_and_its_padding(tmp_path):
    path = VENDORS / "coinglass_pair.json"
    outcome = bring(tmp_path, path, scope="binance:BTC-USDT")
    assert "padding" in outcome.receipts[0].notes[0]
    found = rows(tmp_path, "binance:BTC-USDT")
    assert [r["bar"][:10] for r in found] == ["2022-07-27", "2022-07-28"]
    assert found[0]["long_usd"] == 2369935.20
    assert found[0]["short_usd"] == 6947459.44


def test_coinglass_zeros_after_the_first_amount_are_zero(tmp_path):
    body = json.loads((VENDORS / "coinglass_pair.json").read_text())
    body["data"][-1].update(long_liquidation_usd="0", short_liquidation_usd="0")
    bring(tmp_path, written(tmp_path, body), scope="binance:BTC-USDT")
    assert [r["long_usd"] for r in rows(tmp_path, "binance:BTC-USDT")] == [2369935.2, 0]


def test_coinglass_coin_totals_are_of_the_whole_coin(tmp_path):
    path = VENDORS / "coinglass_coin.json"
    assert not bring(tmp_path, path, scope="binance:BTC").refused
    assert [r["long_usd"] for r in rows(tmp_path, "binance:BTC")] == [
        5916885.14,
        5345708.23,
    ]


@pytest.mark.parametrize(
    ("name", "scope", "wanted"),
    [
        ("coinglass_pair.json", "binance:BTC", "exchange:ASSET-QUOTE"),
        ("coinglass_coin.json", "binance:BTC-USDT", "exchange:ASSET"),
        ("coinglass_coin.json", None, "--scope"),
    ],
)
def test_coinglass_totals_of_a_pair_are_not_those_of_a_coin(
    tmp_path, name, scope, wanted
):
    assert wanted in refusal(bring(tmp_path, VENDORS / name, scope=scope))


def test_coinglass_envelope_names_the_scope_and_refuses_sums_over_exchanges(tmp_path):
    answer = (VENDORS / "coinglass_coin.json").read_bytes()
    for exchanges in ("Binance", "Binance,OKX"):
        asked = {"exchange_list": exchanges, "symbol": "BTC", "interval": "1d"}
        kept = envelope("coinglass", "https://x/api", asked, NOW, answer)
        outcome = bring(tmp_path, written(tmp_path, kept.decode(), f"{exchanges}.json"))
        if exchanges == "Binance":
            assert len(rows(tmp_path, "binance:BTC")) == 2
        else:
            assert "one exchange at a time" in refusal(outcome)


def test_coinglass_error_inside_a_good_answer_is_told(tmp_path):
    path = written(tmp_path, {"code": "401", "msg": "Upgrade plan", "data": None})
    said = refusal(bring(tmp_path, path, scope="binance:BTC"))
    assert "401" in said
    assert "Upgrade plan" in said


# CryptoQuant


def test_cryptoquant_newest_first_becomes_oldest_first(tmp_path):
    outcome = bring(tmp_path, VENDORS / "cryptoquant_day.json", scope="binance:BTC")
    assert not outcome.refused
    found = rows(tmp_path, "binance:BTC")
    assert [r["bar"][:10] for r in found] == ["2024-08-03", "2024-08-04", "2024-08-05"]
    assert found[2]["long_usd"] == 81000000.1


def test_cryptoquant_csv_by_the_hour(tmp_path):
    outcome = bring(tmp_path, VENDORS / "cryptoquant_hour.csv", scope="binance:BTC")
    assert not outcome.refused
    hours = rows(tmp_path, "binance:BTC", "1h")
    assert [r["short_usd"] for r in hours] == [54000, 54000.5, 270000]


def test_cryptoquant_missing_amounts_are_missing_and_counted(tmp_path):
    body = json.loads((VENDORS / "cryptoquant_day.json").read_text())
    body["result"]["data"][1]["long_liquidations_usd"] = None
    outcome = bring(tmp_path, written(tmp_path, body), scope="binance:BTC")
    assert "1 rows have no long_usd" in outcome.receipts[0].notes[0]
    found = rows(tmp_path, "binance:BTC")
    assert [r["long_usd"] for r in found] == [12000000, None, 81000000.1]


def test_cryptoquant_error_answer_is_told(tmp_path):
    body = {"status": {"code": 403, "message": "Forbidden for plan"}}
    said = refusal(bring(tmp_path, written(tmp_path, body), scope="binance:BTC"))
    assert "403" in said
    assert "Forbidden for plan" in said


def test_cryptoquant_rows_are_named_by_their_line_in_csv(tmp_path):
    text = (VENDORS / "cryptoquant_hour.csv").read_text().replace("54000.5", "-1")
    path = written(tmp_path, text, "x.csv")
    said = refusal(bring(tmp_path, path, scope="binance:BTC"))
    assert "row 3" in said
    assert "-1" in said


# Tardis


TARDIS = VENDORS / "binance-futures_liquidations_2020-09-01_BTCUSDT.csv"


def test_tardis_sides_sizes_and_doubles(tmp_path):
    outcome = bring(tmp_path, TARDIS)
    (receipt,) = outcome.receipts
    # Alike but for their receipt are two orders; alike in that too is one told twice.
    assert (receipt.added, receipt.duplicates) == (3, 1)
    (day,) = rows(tmp_path, "binance:BTC-USDT")
    assert day["long_usd"] == pytest.approx(0.5 * 11633.02)
    assert day["short_usd"] == pytest.approx(2 * 0.02 * 11700)
    assert day["observed_s"] == 86400
    assert day["bar"] == "2020-09-01T00:00:00Z"


def test_tardis_gzip_is_read_as_it_is_served(tmp_path):
    path = tmp_path / (TARDIS.name + ".gz")
    path.write_bytes(gzip.compress(TARDIS.read_bytes()))
    assert find_importer(path, None).name == "tardis"
    assert not bring(tmp_path, path).refused
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(path.read_bytes()[:-20])
    assert "cut off" in str(bring(tmp_path, cut).refused[0])


def test_tardis_day_without_liquidations_was_observed(tmp_path):
    path = tmp_path / "binance-futures_liquidations_2020-09-02_BTCUSDT.csv"
    path.write_text(TARDIS.read_text().split("\n")[0] + "\n")
    assert not bring(tmp_path, TARDIS, path).refused
    quiet = rows(tmp_path, "binance:BTC-USDT")[1]
    assert (quiet["long_usd"], quiet["observed_s"]) == (0, 86400)


@pytest.mark.parametrize(
    ("exchange", "symbol", "size", "scope", "usd"),
    [
        ("binance-delivery", "BTCUSD_PERP", None, "binance:BTC-USD", 200),
        ("binance-delivery", "ETHUSD_PERP", None, "binance:ETH-USD", 20),
        ("bybit", "BTCUSD", None, "bybit:BTC-USD", 2),
        ("bybit", "BTCUSDT", None, "bybit:BTC-USDT", 20000),
        ("deribit", "BTC-PERPETUAL", None, "deribit:BTC-USD", 2),
        ("bitmex", "XBTUSD", None, "bitmex:BTC-USD", 2),
        ("okex-swap", "BTC-USDT-SWAP", "0.01", "okx:BTC-USDT", 200),
        ("okex-swap", "BTC-USD-SWAP", "100", "okx:BTC-USD", 200),
    ],
)
def test_tardis_amounts_are_what_the_exchange_counts(
    tmp_path, exchange, symbol, size, scope, usd
):
    line = f"{exchange},{symbol},1598918403696000,1598918403703000,a1,sell,10000,2"
    path = written(tmp_path, TARDIS.read_text().split("\n")[0] + f"\n{line}\n", "x.csv")
    columns = {} if size is None else {"contract_size": size}
    assert not bring(tmp_path, path, **columns).refused
    assert rows(tmp_path, scope)[0]["long_usd"] == usd


def test_tardis_contracts_of_unknown_size_are_refused(tmp_path):
    line = "okex-swap,BTC-USDT-SWAP,1598918403696000,1598918403703000,a1,sell,10000,2"
    path = written(tmp_path, TARDIS.read_text().split("\n")[0] + f"\n{line}\n", "x.csv")
    assert "contract_size" in refusal(bring(tmp_path, path))


# Bad input


def bad_coinalyze(**point: object) -> list:
    history = [{"t": 1722729600 + n * 86400, "l": 5, "s": 7} for n in range(3)]
    history[1].update(point)
    return [{"symbol": "BTCUSDT_PERP.A", "history": history}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bad_coinalyze(l=-1), "row 2: long_usd is -1"),
        (bad_coinalyze(l="NaN"), "row 2: l is 'NaN'"),
        (bad_coinalyze(l="inf"), "row 2: l is 'inf'"),
        (bad_coinalyze(l=True), "row 2: l is True"),
        (bad_coinalyze(l=1e300), "more than any market"),
        (bad_coinalyze(t=1722816000000), "seconds, milliseconds and microseconds"),
        (bad_coinalyze(t=1722816000.5), "expected a whole number"),
        (bad_coinalyze(t=1722816001), "distance between rows varies"),
        (bad_coinalyze(t=1722729600), "row 2: it states other values"),
        (
            json.dumps(bad_coinalyze()).replace('"l": 5', '"l": NaN', 1),
            "no complete JSON",
        ),
        (json.dumps(bad_coinalyze())[:-20], "no complete JSON"),
        ([{"symbol": "BTCUSDT_PERP.A", "history": []}], "holds no bars"),
        ([{"symbol": "BTCUSDT_PERP.A", "history": [{"t": 1}]}], "no 'l'"),
        ([{"symbol": "BTCUSDT_PERP.A", "history": [7]}], "expected an object"),
        ({"message": "Invalid/Missing API key"}, "Invalid/Missing API key"),
        ("<!DOCTYPE html><html><body>Busy</body></html>", "web page"),
    ],
)
def test_a_bad_answer_is_refused_with_the_reason(tmp_path, content, reason):
    if reason == "row 2: it states other values":
        content[0]["history"][1]["l"] = 99
    path = written(tmp_path, content)
    outcome = bring(tmp_path, path, named="coinalyze", unit="usd", bar=None)
    said = refusal(outcome)
    assert reason in said
    assert "answer.json" in said
    assert Lake.open(tmp_path / "lake").feeds() == ()


@pytest.mark.parametrize(
    ("time", "reason"),
    [(1100000000, "before 2009"), (1893456000, "in the future")],
)
def test_times_that_no_market_has_are_refused(tmp_path, time, reason):
    history = [{"t": time + n * 86400, "l": 5, "s": 7} for n in range(3)]
    path = written(tmp_path, [{"symbol": "BTCUSDT_PERP.A", "history": history}])
    assert reason in refusal(bring(tmp_path, path, unit="usd", bar=HOUR))


def test_a_bar_that_contradicts_the_rows_is_refused(tmp_path):
    path = VENDORS / "coinalyze_base_1hour.json"
    assert "T01:00:00Z is not the UTC start of a bar of 1d" in refusal(
        bring(tmp_path, path, unit="usd", bar=DAY)
    )


def test_one_bar_alone_needs_its_width(tmp_path):
    one = [{"symbol": "BTCUSDT_PERP.A", "history": [{"t": 1722729600, "l": 5, "s": 7}]}]
    path = written(tmp_path, one)
    assert "--bar" in refusal(bring(tmp_path, path, unit="usd"))
    assert not bring(tmp_path, path, unit="usd", bar=DAY).refused


def test_bad_files_do_not_stop_good_ones(tmp_path):
    good = VENDORS / "coinalyze_usd_daily.json"
    latin = tmp_path / "latin.json"
    latin.write_bytes('[{"symbol":"BTCUSDT_PERP.A","history":"é"}]'.encode("latin-1"))
    empty = written(tmp_path, "", "empty.json")
    cut = written(tmp_path, good.read_text()[:300], "cut.json")
    outcome = bring(tmp_path, latin, empty, tmp_path, cut, good, unit="usd")
    assert [Path(e.unit).name for e in outcome.refused] == [
        "latin.json", "empty.json", tmp_path.name, "cut.json",
    ]  # fmt: skip
    assert "UTF-8" in outcome.refused[0].reason
    assert "empty" in outcome.refused[1].reason
    assert "folder" in outcome.refused[2].reason
    assert [r.unit for r in outcome.receipts] == ["coinalyze_usd_daily.json"]


def test_the_hours_of_a_crash_day_sum_to_the_day(tmp_path):
    path = VENDORS / "coinalyze_base_1hour.json"
    bring(tmp_path, path, unit="usd")
    history = json.loads(path.read_text())[0]["history"]
    (day,) = rows(tmp_path, "binance:BTC-USDT", "1d")
    assert math.isclose(
        day["long_usd"], sum(round(h["l"], 2) for h in history), abs_tol=0.1
    )
