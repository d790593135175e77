"""washout import, export of facts, doctor."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

from _lakes import add, beside, contents, sizes, totals
from test_cli import run  # noqa: F401  a fixture
from washout import sample
from washout.store.lake import Lake

ROWS = "time,longs,shorts\n2024-01-01,1.5,2\n2024-01-02,3,4\n"
MAP = ("--format", "csv", "--scope", "binance:ETH", "--bar", "1d")
MAP += ("--map", "time=time,long_usd=longs", "--map", "short_usd=shorts")


@pytest.fixture
def lake(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def bring(run, lake):
    """Import into a lake of its own."""
    return lambda *words: run("import", *words, "--lake", lake)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "eth.csv"
    path.write_text(ROWS)
    return path


def test_an_import_makes_the_lake_and_says_what_it_did(bring, lake, table):
    code, out, err = bring(table, *MAP)
    assert (code, err) == (0, "")
    assert out == ("eth.csv: 1 coverage, 2 liquidation_total: 2 added; vintage 1\n")
    assert sizes(Lake.open(lake)) == {("ETH", 0): (150, 200), ("ETH", 1): (300, 400)}


def test_the_same_file_again_changes_nothing_and_says_so(bring, lake, table):
    bring(table, *MAP)
    before = Lake.open(lake).manifest()
    code, out, _ = bring(table, *MAP)
    assert code == 0
    assert out == (
        "eth.csv: nothing new: already in the lake (vintage 1 is this very file)\n"
    )
    assert Lake.open(lake).manifest() == before


def test_the_same_file_read_in_another_way_is_another_import(bring, lake, table):
    bring(table, *MAP)
    bring(table, *MAP, "--scope", "binance:SOL")
    assert {asset for asset, _ in sizes(Lake.open(lake))} == {"ETH", "SOL"}


def test_a_file_that_was_overridden_in_between_wins_again(bring, lake, table):
    bring(table, *MAP)
    table.write_text(ROWS.replace("1.5", "9"))
    assert "1 changed" in bring(table, *MAP)[1]
    table.write_text(ROWS)
    assert "1 changed; vintage 3" in bring(table, *MAP)[1]
    assert sizes(Lake.open(lake))["ETH", 0] == (150, 200)


def test_good_units_of_a_call_are_kept_and_bad_ones_named(bring, lake, table, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text(ROWS.replace("3,4", "nan,4"))
    worse = tmp_path / "folder"
    worse.mkdir()
    code, out, err = bring(bad, worse, table, *MAP)
    assert code == 4
    assert out.startswith("eth.csv: ")
    first, second = err.splitlines()
    assert "bad.csv, row 3: longs is 'nan'" in first
    assert "folder: it is a folder" in second
    assert len(sizes(Lake.open(lake))) == 2


def test_duplicates_are_counted_in_the_line(bring, table):
    """Two files of the sample state the same rows in one file."""
    table.write_text(ROWS + "2024-01-02,3,4\n")
    code, out, err = bring(table, *MAP)
    assert (code, err) == (0, "")
    assert "2 added, 1 duplicates dropped" in out


def test_an_unknown_format_names_the_nearest_and_imports_nothing(bring, lake, table):
    code, _, err = bring(table, "--format", "coinglas")
    assert (code, "Did you mean coinglass" in err) == (2, True)
    assert Lake.open(lake).manifest().newest == 0


def test_a_file_of_nothing_we_know_lists_what_we_know(bring, tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text("Call me Ishmael.")
    code, _, err = bring(path)
    assert code == 4
    assert "coinglass" in err
    assert "--map" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--map", "time"), "--map time: write NAME=VALUE"),
        (("--map", "tme=time"), "Did you mean time"),
        (("--bar", "7m"), "does not tile"),
        (("--scope", "ETH"), "is no scope"),
        (("--totals", "often"), "is no width"),
    ],
)
def test_wrong_options_are_explained(bring, table, words, says):
    code, out, err = bring(table, *MAP, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_json_tells_programs_the_same(bring, table, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text(ROWS.replace("3,4", "-3,4"))
    code, out, _ = bring(table, bad, *MAP, "--json")
    found = json.loads(out)
    assert code == 4
    assert found["units"][0]["added"] == 2
    assert found["units"][0]["unchanged"] is False
    assert found["refused"] == [
        {"unit": "bad.csv", "row": 3, "reason": found["refused"][0]["reason"]}
    ]


def test_a_busy_lake_is_refused_with_its_own_exit_code(bring, lake, table):
    with Lake.create(lake).writing():
        code, _, err = bring(table, *MAP)
    assert code == 5
    assert "is being written by process" in err


def test_a_lake_may_not_be_a_file(run, table):
    code, _, err = run("import", table, *MAP, "--lake", table)
    assert (code, "is a file; a lake is a folder" in err) == (5, True)


def test_the_sample_imports_from_the_command_line(bring, lake, sample_lake):
    assert bring(*sample.files())[0] == 0
    assert contents(Lake.open(lake)) == contents(Lake.open(sample_lake))


def exported(run, lake, path, *words):
    code, out, err = run("export", *words, "--lake", lake, "-o", path)
    assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("liquidation_total", "binance:BTC-USDT"),
        ("candle", "binance:BTC-USDT"),
        ("funding_rate", "binance:*"),
        ("open_interest", "all:BTC"),
    ],
)
def test_exported_facts_come_back_as_they_were(
    run,
    bring,
    lake,
    sample_lake,
    tmp_path,
    kind,
    scope,
):
    path = tmp_path / "facts.parquet"
    out = exported(run, sample_lake, path, "--kind", kind, "--scope", scope)
    assert out == f"{path}: {pq.read_metadata(path).num_rows:,} {kind}\n"
    assert bring(path)[0] == 0
    assert contents(Lake.open(lake))[kind] == [
        row for row in contents(Lake.open(sample_lake))[kind]
        if scope != "binance:BTC-USDT" or "BTC-USDT" in row
    ]  # fmt: skip


def test_views_of_exported_facts_are_the_views_of_the_lake(
    run,
    bring,
    lake,
    sample_lake,
    tmp_path,
):
    """What was watched travels with the facts, cut to the same stretch."""
    path, days = (
        tmp_path / "facts.parquet",
        ("--from", "2024-07-01", "--to", "2024-07-08"),
    )
    exported(
        run,
        sample_lake,
        path,
        "--kind",
        "liquidation_total",
        "--scope",
        "binance:BTC",
        *days,
    )
    bring(path)
    words = ("query", "liquidations", "--scope", "binance:BTC", "--format", "json")
    before = run(*words, *days, "--lake", sample_lake)[1]
    assert run(*words, "--lake", lake)[1] == before
    assert len(json.loads(before)) == 7


def test_facts_of_one_market_do_not_pretend_to_be_all_markets(
    run,
    bring,
    tmp_path,
    lake,
):
    from _lakes import START, event, told, unit
    from washout.clock import DAY

    source = Lake.create(tmp_path / "source")
    events = [event(START + 5, 100), event(START + 6, 7, market="BTC-USD")]
    told_all = [told("liquidation", START, START + DAY)]
    add(source, unit(liquidation=events, coverage=told_all))
    path = tmp_path / "facts.parquet"
    exported(
        run, source.path, path, "--kind", "liquidation", "--scope", "binance:BTC-USDT"
    )
    bring(path)
    ask = ("query", "liquidations", "--bar", "1d", "--lake", lake, "--scope")
    assert run(*ask, "binance:BTC-USDT")[0] == 0
    assert run(*ask, "binance:BTC")[0] == 3


def test_a_failed_export_leaves_no_file(run, sample_lake, tmp_path):
    path = tmp_path / "facts.parquet"
    words = ("export", "--kind", "candle", "--scope", "kraken:BTC", "-o", path)
    assert run(*words, "--lake", sample_lake)[0] == 3
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def checked(run, sample_lake, tmp_path):
    """A copy of the sample lake, and `washout doctor` on it as (code, checks)."""
    path = tmp_path / "checked"
    shutil.copytree(sample_lake, path)

    def doctor(where=path):
        code, out, _ = run("doctor", "--lake", where, "--json")
        return code, {check["name"]: check for check in json.loads(out)}

    return path, doctor


def test_a_sound_lake_is_well(checked, run):
    path, doctor = checked
    code, checks = doctor()
    assert code == 0
    assert all(check["ok"] for check in checks.values())
    assert {"python", "duckdb", "cache", "parts", "orphans", "lock", "disk"} <= set(
        checks
    )
    assert "supported: <2,>=1.4" in checks["duckdb"]["says"]
    assert run("doctor", "--lake", path)[1].count("ok ") == len(checks)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda part: part.unlink(), "is missing"),
        (lambda part: part.write_bytes(part.read_bytes()[:-1]), "bytes instead of"),
        (lambda part: part.write_bytes(b"x" * part.stat().st_size), "cannot be read"),
    ],
)
def test_damaged_parts_are_found(checked, run, harm, says):
    path, doctor = checked
    part = min(path.rglob("*.parquet"))
    harm(part)
    code, checks = doctor()
    assert code == 1
    assert says in checks["part"]["says"]
    assert str(part.relative_to(path)) in checks["part"]["says"]
    assert "backup" in checks["part"]["remedy"]
    assert "-> Restore" in run("doctor", "--lake", path)[1]


def test_what_a_crash_left_is_found_and_goes_with_the_next_import(checked):
    path, doctor = checked
    orphan = path / "parts" / "candle" / "000099.parquet"
    orphan.write_bytes(b"")
    (path / ".manifest.json.1.tmp").write_bytes(b"")
    code, checks = doctor()
    assert (code, checks["orphans"]["ok"]) == (1, False)
    assert "2 files" in checks["orphans"]["says"]
    add(Lake.open(path), totals(d0=(1, 1)))
    assert doctor()[0] == 0
    assert beside(path) == set()


def test_a_writer_at_work_is_no_fault(checked):
    path, doctor = checked
    with Lake.open(path).writing():
        code, checks = doctor()
    assert code == 0
    assert "is writing" in checks["lock"]["says"]


def test_a_broken_manifest_and_a_missing_lake_are_faults(checked, tmp_path):
    path, doctor = checked
    (path / "manifest.json").write_text("{")
    for where in (path, tmp_path / "none"):
        code, checks = doctor(where)
        assert (code, checks["lake"]["ok"]) == (1, False)
        assert checks["lake"]["remedy"]


def test_a_cache_that_cannot_be_written_is_a_fault(checked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WASHOUT_CACHE", str(tmp_path / "file"))
    code, checks = checked[1]()
    assert (code, checks["cache"]["ok"]) == (1, False)


def test_a_library_of_an_unsupported_version_is_a_fault(checked, monkeypatch):
    from washout.store import checks as module

    real = module.version
    monkeypatch.setattr(
        module, "version", lambda name: "2.0.0" if name == "duckdb" else real(name)
    )
    code, checks = checked[1]()
    assert (code, checks["duckdb"]["ok"]) == (1, False)
    assert checks["duckdb"]["remedy"] == "Run `pip install 'duckdb<2,>=1.4'`."
