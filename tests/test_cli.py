"""The command line: what it answers, and that it never shows a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from washout.cli import group, main

WASHOUT = [sys.executable, "-c", "from washout.cli import main; main()"]


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command line in this process: (exit code, output, errors)."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["washout", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def ask(run, sample_lake):
    """Run it on the bundled sample."""
    return lambda *words: run(*words, "--lake", sample_lake)


DAYS = ("--from", "2024-08-04", "--to", "2024-08-07")
LIQUIDATIONS = ("query", "liquidations", "--scope", "binance:BTC", *DAYS)


def test_a_query_as_json_is_an_array_of_objects_in_dollars(ask):
    code, out, _ = ask(*LIQUIDATIONS, "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [row["bar"] for row in rows] == [
        f"2024-08-0{day}T00:00:00Z" for day in (4, 5, 6)
    ]
    assert round(rows[1]["long_usd"] / 1e6, 1) == 91.7
    assert rows[1]["net_usd"] == round(rows[1]["short_usd"] - rows[1]["long_usd"], 2)
    assert list(rows[0]) == [
        "bar", "long_usd", "short_usd", "net_usd", "gross_usd", "imbalance",
        "short_share", "observed_s", "gap_s", "coverage", "floor",
    ]  # fmt: skip


def test_missing_values_are_null_empty_or_a_dash(ask):
    words = ("query", "cld", "--scope", "binance:BTC", "--to", "2020-12-24")
    assert json.loads(ask(*words, "--format", "json")[1])[0]["cld_usd"] is None
    assert ask(*words, "--format", "csv")[1].splitlines()[1].split(",")[2] == ""
    assert ask(*words)[1].splitlines()[1].split()[2] == "-"


def test_every_format_holds_the_same_rows(ask, tmp_path):
    expected = json.loads(ask(*LIQUIDATIONS, "--format", "json")[1])
    table = list(csv.DictReader(io.StringIO(ask(*LIQUIDATIONS, "--format", "csv")[1])))
    assert [float(row["long_usd"]) for row in table] == [
        r["long_usd"] for r in expected
    ]
    assert [row["floor"] for row in table] == ["true"] * 3
    for name, read in {
        "parquet": pq.read_table,
        "arrow": lambda path: pa.ipc.open_stream(path).read_all(),
    }.items():
        path = tmp_path / name
        assert ask(*LIQUIDATIONS, "--format", name, "-o", path)[0] == 0
        found = read(path)
        assert found["long_usd"].to_pylist() == [r["long_usd"] for r in expected]
        assert str(found.schema.field("bar").type) == "timestamp[us, tz=UTC]"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_empty_answer_is_an_empty_array(ask):
    words = ("query", "cld", "--scope", "binance:BTC", "--to", "2019-01-02")
    assert json.loads(ask(*words, "--from", "2019-01-01", "--format", "json")[1]) == []


def test_several_scopes_and_wildcards_start_rows_with_their_scope(ask):
    for scopes in (("binance:BTC", "all:BTC"), ("binance:*",)):
        options = [word for scope in scopes for word in ("--scope", scope)]
        out = ask("query", "cld", *options, *DAYS, "--format", "json")[1]
        rows = json.loads(out)
        assert {next(iter(row)) for row in rows} == {"scope"}
        assert len({row["scope"] for row in rows}) == len(scopes)


BINANCE = ("query", "cld", "--scope", "binance:BTC")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("qery",), 2, "no command 'qery'. Did you mean query?"),
        (("query", "cdl", "--scope", "binance:BTC"), 2, "no view 'cdl'. Did you mean cld"),
        (("query", "cld", "--scope", "binance:BTX"), 2, "Did you mean binance:BTC"),
        (("query", "cld", "--scope", "BTC"), 2, "is no scope: write exchange:ASSET"),
        (("query", "cld"), 2, "Missing option '--scope'"),
        ((*BINANCE, "--param", "windw=7d"), 2, "Did you mean window?"),
        ((*BINANCE, "--param", "window"), 2, "write NAME=VALUE"),
        ((*BINANCE, "--param", "window=soon"), 2, "'soon' is no width of time"),
        ((*BINANCE, "--param", "version=best"), 2, "version='best'"),
        ((*BINANCE, "--bar", "7m"), 2, "does not tile the day"),
        ((*BINANCE, "--bar", "1h"), 3, "nothing finer than 1d"),
        ((*BINANCE, "--from", "2025-02-30"), 2, "is no date"),
        ((*BINANCE, "--from", "2025-02-01", "--to", "2025-01-01"), 2, "--to must be later"),
        ((*BINANCE, "--from", "9999-12-31"), 2, "--to must be later"),
        ((*BINANCE, "--to", "0001-01-01"), 2, "No bar of 1d"),
        ((*BINANCE, "--from", "9999-12-31", "--bar", "1w", "--param", "window=4w"), 2, "No bar"),
        ((*BINANCE, "--as-of", "vintage:77"), 2, "no vintage of this lake"),
        ((*BINANCE, "--as-of", "2001-01-01"), 3, "holds nothing"),
        ((*BINANCE, "--format", "xls"), 2, "Invalid value for '--format'"),
        ((*BINANCE, "-o", "/nowhere/at/all.csv"), 1, "cannot be written"),
        ((*BINANCE, "--nonsense"), 2, "No such option"),
        (("query", "funding_rate", "--scope", "kraken:BTC"), 2, "no scope 'kraken:BTC'"),
        (("list", "vews"), 2, "Did you mean views?"),
        (("export", "--scope", "binance:BTC", "-o", "x.csv"), 2, "a VIEW such as cld, or --kind"),
        (("export", "cld", "--scope", "binance:BTC", "-o", "x.xls"), 2, "ending in .csv"),
        (("export", "--kind", "candel", "--scope", "a:B", "-o", "x.parquet"), 2, "candle"),
        (("export", "--kind", "trade", "--scope", "a:B", "-o", "x.parquet"), 3, "no trade"),
        (("export", "--kind", "candle", "--scope", "a:B", "-o", "x.csv"), 2, "FILE.parquet"),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_one_line_that_helps(ask, words, code, says):
    found, out, err = ask(*words)
    assert says in err
    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("washout: ")


def test_without_a_command_there_is_help(run):
    code, _, err = run()
    assert code == 2
    assert "washout query cld" in err


def test_a_lake_that_is_not_there_is_named(run, tmp_path):
    code, _, err = run(*LIQUIDATIONS, "--lake", tmp_path / "none")
    assert (code, "There is no lake at" in err) == (5, True)


def test_the_lake_can_be_named_by_the_environment(run, sample_lake, monkeypatch):
    monkeypatch.setenv("WASHOUT_LAKE", str(sample_lake))
    assert run(*LIQUIDATIONS)[0] == 0


def test_binary_is_not_thrown_at_a_terminal(ask, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = ask(*LIQUIDATIONS, "--format", "arrow")
    assert (code, out) == (2, "")
    assert "is binary: name a file with -o" in err


@pytest.mark.parametrize("output", ["json", "csv", "parquet"])
def test_a_reader_who_has_seen_enough_gets_no_complaints(sample_lake, output):
    words = [*LIQUIDATIONS[:4], "--lake", str(sample_lake), "--format", output]
    with subprocess.Popen(
        [*WASHOUT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_interrupting_is_one_line(ask, monkeypatch):
    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("washout.store.answer.open_lake", stop)
    assert ask(*LIQUIDATIONS) == (130, "", "\nwashout: stopped\n")


@pytest.mark.parametrize("name", [None, *group.list_commands(None)])
def test_every_command_has_help_with_examples(run, name):
    code, out, _ = run(*([name] if name else []), "--help")
    assert code == 0
    assert "washout " in out.replace("Usage: washout", "")
    if name is None:
        assert "Exit codes" in out


def test_exit_codes_in_the_help_are_those_of_the_errors(run):
    import washout.errors as errors

    out = run("--help")[1]
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.WashoutError):
            assert f"{error.exit_code} " in out


HEAVY = ("ibis", "pyarrow", "numba", "matplotlib", "plotly", "pandas", "httpx", "rich")


def imported_by(code, *words, **environment):
    """Modules that a Python process has loaded after running `code`."""
    script = (
        f"import sys; sys.argv = {['washout', *map(str, words)]!r}\n{code}\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return {name.split(".")[0] for name in done.stderr.split("\n")}


RUN = "from washout.cli import main\ntry: main()\nexcept SystemExit: pass"


def test_help_and_import_load_nothing_heavy():
    for code, words in (("import washout", ()), (RUN, ("--help",))):
        assert not imported_by(code, *words) & {*HEAVY, "duckdb", "numpy"}


@pytest.mark.parametrize("view", ["cld", "liquidations", "candles"])
def test_a_warm_query_loads_no_compiler_and_no_arrow(ask, sample_lake, view):
    words = ("query", view, "--scope", "binance:BTC", "--bar", "1d", *DAYS)
    assert ask(*words)[0] == 0
    loaded = imported_by(RUN, *words, "--lake", sample_lake)
    assert "duckdb" in loaded
    assert not loaded & {*HEAVY, "numpy", "sqlglot"}


def test_listing_says_what_can_be_asked(ask):
    scopes = json.loads(ask("list", "scopes", "--json")[1])
    daily = next(s for s in scopes if s["scope"] == "binance:BTC")
    assert (daily["kind"], daily["source"]) == ("liquidation_total", "coinglass")
    assert (daily["width"], daily["rows"]) == ("1d", 1787)
    assert (daily["from"], daily["to"]) == (
        "2020-12-23T00:00:00Z",
        "2025-11-14T00:00:00Z",
    )
    for scope in scopes:
        if scope["kind"] in ("liquidation_total", "funding_rate", "open_interest"):
            view = {"liquidation_total": "liquidations"}.get(
                scope["kind"], scope["kind"]
            )
            words = ("query", view, "--scope", scope["scope"], "--bar", "1d")
            assert ask(*words)[0] == 0, scope


def test_listing_views_names_settings_and_defaults(ask):
    views = {v["name"]: v for v in json.loads(ask("list", "views", "--json")[1])}
    assert views["cld"]["parameters"]["window"] == "30d"
    assert views["cld"]["parameters"]["bar"] is None
    text = ask("list", "views")[1]
    assert "anchor=2024-01-01" in text
    assert all(view["summary"] in text for view in views.values())


@pytest.mark.parametrize("what", ["imports", "formats", "exchanges", "views", "scopes"])
def test_every_list_is_text_and_json(ask, what):
    assert ask("list", what)[1].strip()
    assert isinstance(json.loads(ask("list", what, "--json")[1]), list)


def test_listing_exchanges_gives_dated_facts_with_sources(ask):
    found = {
        e["exchange"]: e for e in json.loads(ask("list", "exchanges", "--json")[1])
    }
    (fact,) = (f for f in found["binance"]["coverage"] if f["since"] == "2021-04-27")
    assert fact["floor"]
    assert "1000ms" in fact["source"]


def test_a_list_without_a_lake_still_shows_the_views(run, tmp_path):
    code, out, _ = run("list", "--lake", tmp_path / "none")
    assert code == 0
    assert "cld" in out


def test_exported_views_are_the_queried_ones(ask, tmp_path):
    path = tmp_path / "out.csv"
    code, out, _ = ask("export", *LIQUIDATIONS[1:], "-o", path)
    assert (code, out) == (0, f"{path}: 3 rows of liquidations\n")
    assert path.read_text() == ask(*LIQUIDATIONS, "--format", "csv")[1]


COMPLETE = "COMP_WORDS", "COMP_CWORD"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("washout quer", {"query"}),
        ("washout query cl", {"cld"}),
        ("washout query cld --scope binance:BTC-", {"binance:BTC-USDT"}),
        ("washout query cld --param an", {"anchor="}),
        ("washout import --format coing", {"coinglass"}),
        ("washout export --kind liquidation_", {"liquidation_total"}),
        ("washout completion z", {"zsh"}),
    ],
)
def test_tab_offers_names_from_the_lake_and_the_plug_ins(
    run, sample_lake, monkeypatch, words, offered
):
    monkeypatch.setenv("WASHOUT_LAKE", str(sample_lake))
    monkeypatch.setenv("_WASHOUT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    code, out, err = run()
    assert (code, err) == (0, "")
    assert {line.removeprefix("plain,") for line in out.split()} == offered


def test_tab_is_silent_where_there_is_no_lake(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WASHOUT_LAKE", str(tmp_path / "none"))
    monkeypatch.setenv("_WASHOUT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "washout query cld --scope b")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert run()[1:] == ("\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(run, shell):
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_WASHOUT_COMPLETE" in out


def test_bash_accepts_its_completion_script(run, sample_lake, tmp_path):
    """A real bash completes a scope, colon and all."""
    (tmp_path / "washout").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from washout.cli import main; main()' \"$@\"\n"
    )
    (tmp_path / "washout").chmod(0o755)
    (tmp_path / "script").write_text(run("completion", "bash")[1])
    asked = (
        f". {tmp_path}/script; COMP_WORDS=(washout query cld --scope binance:BTC-);"
        " COMP_CWORD=4; _washout_completion washout; printf '%s\\n' \"${COMPREPLY[@]}\";"
        " case $COMP_WORDBREAKS in *:*) echo colon;; esac"
    )
    done = subprocess.run(
        ["bash", "-c", asked], capture_output=True, text=True, check=True,
        env={
            **os.environ, "WASHOUT_LAKE": str(sample_lake),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
    )  # fmt: skip
    assert done.stdout == "binance:BTC-USDT\n"
