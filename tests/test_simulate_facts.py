"""A simulated market in a lake, and the command that makes one."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import washout
from _lakes import contents
from washout import schema
from washout.cli import main
from washout.clock import DAY, HOUR, MINUTE, parse_width
from washout.errors import LakeError, UsageError
from washout.store.checks import examine
from washout.store.lake import Lake
from washout.testing.simulate import (
    SCOPE,
    WORLDS,
    simulated_lake,
    simulated_market,
    simulated_unit,
)

DAYS = 40
WHOLE = {"start": "2021-01-01", "end": "2021-02-10"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "lake"
    return simulated_lake(path, "p1", seed=3, days=DAYS)[0]


@pytest.fixture(scope="module")
def truth():
    return simulated_market("p1", seed=3, days=DAYS)


@pytest.fixture
def ask(lake):
    opened = washout.open(lake.path)

    def rows(view, bar="1h", scope=SCOPE, **words):
        answer = opened.view(view, scope=scope, bar=bar, **{**WHOLE, **words})
        return answer.pandas()

    return rows


def test_a_lake_of_a_seed_is_always_the_same(lake, tmp_path):
    again = simulated_lake(tmp_path / "again", "p1", seed=3, days=DAYS)[0]
    other = simulated_lake(tmp_path / "other", "p1", seed=4, days=DAYS)[0]
    assert contents(again) == contents(lake)
    assert again.vintages() == lake.vintages()
    assert contents(other) != contents(lake)


def test_liquidations_in_the_lake_are_those_of_the_market(ask, truth):
    """In bp of the open interest that the lake tells, hour by hour."""
    closed = ask("liquidations")
    oi = ask("open_interest")
    assert (closed.observed_s == 3600).all()
    assert (closed.coverage == "all").all()
    told = closed.long_usd.to_numpy() / oi.open_interest_usd.to_numpy() * 1e4
    true = truth.long_bp.reshape(-1, 60).sum(1)
    calm = true < 5  # in a wave open interest moves within the hour
    assert np.allclose(told[calm], true[calm], rtol=0.08)


def test_the_asset_and_its_only_market_tell_the_same(ask):
    one, two = ask("liquidations"), ask("liquidations", scope="simulated:BTC-USDT")
    assert one.drop(columns="bar").equals(two.drop(columns="bar"))


def test_normalised_closures_come_near_the_truth(ask, truth):
    days = ask("normalised", "1d").long_bp.to_numpy()[2:]
    true = truth.long_bp.reshape(-1, 1440).sum(1)[2:]
    assert np.corrcoef(np.log(days), np.log(true))[0, 1] > 0.98


def test_candles_are_the_price_of_the_market(ask, truth):
    hours = ask("candles")
    price = 30_000 * np.exp(truth.log_close.reshape(-1, 60))
    assert np.allclose(hours.close, price[:, -1])
    assert np.allclose(
        hours.high, 30_000 * np.exp(truth.log_high.reshape(-1, 60).max(1))
    )
    assert np.allclose(hours.low, 30_000 * np.exp(truth.log_low.reshape(-1, 60).min(1)))
    assert (hours.volume_usd > 0).all()


def test_takers_lean_the_way_of_price_and_forced_orders_are_among_them(ask):
    flow, hours = ask("taker_flow"), ask("candles")
    closed = ask("liquidations")
    moves = np.log(hours.close / hours.open)
    for product in ("perp", "spot"):
        assert (flow[f"{product}_buy_usd"] > 0).all()
        assert (flow[f"{product}_sell_usd"] > 0).all()
        assert np.corrcoef(flow[f"{product}_delta_usd"], moves)[0, 1] > 0.3
    assert (flow.perp_sell_usd >= closed.long_usd).all()
    assert (flow.perp_buy_usd >= closed.short_usd).all()
    assert np.allclose(flow.perp_buy_usd + flow.perp_sell_usd, hours.volume_usd)


def test_funding_is_paid_three_times_a_day_and_follows_leverage(ask):
    assert len(ask("funding_rate", "8h")) == 3 * DAYS


def test_spot_candles_are_candles(lake):
    rows = [row for row in contents(lake)["candle"] if "spot" in row]
    assert len(rows) == 24 * DAYS
    for row in rows:
        open_, high, low, close = [x for x in row if isinstance(x, float)][:4]
        assert low <= min(open_, close) <= max(open_, close) <= high


@pytest.mark.parametrize("bar", ["5m", "4h", "1d"])
def test_wider_and_finer_bars_tell_the_same_days(bar, ask, tmp_path):
    path = tmp_path / "lake"
    simulated_lake(path, "p1", seed=3, days=3, bar=parse_width(bar))
    span = {"start": "2021-01-01", "end": "2021-01-04"}
    opened = washout.open(path)
    for view in ("liquidations", "candles", "taker_flow"):
        mine = opened.view(view, scope=SCOPE, bar="1d", **span).pandas()
        hourly = ask(view, "1d", **span)
        for column in mine.select_dtypes("float"):
            assert np.allclose(mine[column], hourly[column], equal_nan=True)


def test_the_lake_is_in_good_health(lake):
    checks = examine(lake.path, lake_expected=True)
    assert all(c.ok for c in checks if c.name in ("lake", "parts", "orphans"))


@pytest.mark.parametrize("kind", ["liquidation_total", "candle"])
def test_no_fact_arrives_before_its_interval_ends(lake, kind):
    names = list(schema.fields(kind))
    rows = [dict(zip(names, row, strict=True)) for row in contents(lake)[kind]]
    assert all(r["ts_recv"] >= r["ts_event"] + r["interval"] for r in rows)


def test_open_interest_knows_nothing_of_the_minute_that_it_begins(lake, truth):
    """The first sample is from before anything happened."""
    names = list(schema.fields("open_interest"))
    first = dict(zip(names, contents(lake)["open_interest"][0], strict=True))
    assert first["open_interest_usd"] / first["open_interest"] == pytest.approx(3e6)
    assert first["open_interest"] == pytest.approx(200_000 * truth.load[0] ** 0.25)


def test_the_newest_instant_is_the_end_of_the_market(lake, truth):
    (vintage,) = lake.vintages()
    assert vintage.imported_at == truth.time[-1] + MINUTE
    assert "world p1, seed 3" in vintage.unit


def test_a_lake_that_exists_is_not_written_to(lake):
    before = lake.vintages()
    with pytest.raises(LakeError, match=r"There is a lake at .* already"):
        simulated_lake(lake.path, "null0", seed=1, days=3)
    assert lake.vintages() == before


def test_bars_and_days_that_make_no_lake_are_refused():
    for days in (1, 4000):
        with pytest.raises(UsageError, match=f"of {days} days: ask for 2 to 3650"):
            simulated_unit("null0", seed=1, days=days)
    for bar in (7 * DAY, 7 * HOUR, 30 * 1_000_000):
        with pytest.raises(UsageError, match="a bar of 1m to 1d that divides a day"):
            simulated_unit("null0", seed=1, days=3, bar=bar)


@pytest.fixture
def run(capsys, monkeypatch):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["washout", "simulate", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        return code, *capsys.readouterr()

    return call


def test_the_command_writes_the_market_that_python_writes(run, tmp_path):
    path, same = tmp_path / "new" / "lake", tmp_path / "same"
    words = ("--days", 3, "--seed", 5, "--bar", "4h")
    code, out, err = run("market", "null_dip", "--out", path, *words)
    assert (code, err) == (0, "")
    assert f"{path}: world null_dip, seed 5, 3 days, bars of 4h: " in out
    assert f"--scope {SCOPE} --bar 4h" in out
    made = simulated_lake(same, "null_dip", seed=5, days=3, bar=4 * HOUR)[0]
    assert contents(Lake.open(path)) == contents(made)


def test_what_the_command_says_to_try_next_works(run, tmp_path, capsys, monkeypatch):
    path = tmp_path / "my lake"
    out = run("market", "null0", "--out", path, "--days", 35, "--bar", "4h")[1]
    lines = [shlex.split(x) for x in out.splitlines() if x.startswith("  washout")]
    assert len(lines) == 3
    for words in lines:
        monkeypatch.setattr(sys, "argv", words)
        main()
        assert len(capsys.readouterr().out.splitlines()) > 2


def test_the_command_tells_json(run, tmp_path):
    path = tmp_path / "lake"
    out = run("market", "p2", "--out", path, "--days", 2, "--json")[1]
    told = json.loads(out)
    rows = told.pop("rows")
    assert told == {
        "lake": str(path), "scope": SCOPE, "world": "p2", "seed": 0, "days": 2,
        "bar": "1h",
    }  # fmt: skip
    assert rows["liquidation_total"] == 2 * 48


def test_the_worlds_are_listed_with_what_they_are(run):
    code, out, _ = run("worlds")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == list(WORLDS)
    assert all(w.title in line for w, line in zip(WORLDS.values(), lines, strict=True))
    told = json.loads(run("worlds", "--json")[1])
    assert {w["name"]: w["planted"] for w in told} == {
        w.name: w.planted for w in WORLDS.values()
    }


@pytest.mark.parametrize("name", ["market", "worlds"])
def test_every_subcommand_has_help_with_an_example(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"washout simulate {name}" in out.replace("Usage: washout", "")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("market", "nul0", "--out", "x"), 2, "no world 'nul0'. Did you mean null0"),
        (("market", "null0"), 2, "Missing option '--out'"),
        (("market", "null0", "--out", "x", "--days", "1"), 2, "ask for 2 to 3650 days"),
        (("market", "null0", "--out", "x", "--days", "0"), 2, "ask for 2 to 3650 days"),
        (("market", "null0", "--out", "x", "--days", "many"), 2, "not a valid integer"),
        (("market", "null0", "--out", "x", "--seed", "-1"), 2, "--seed"),
        (("market", "null0", "--out", "x", "--bar", "7m"), 2, "does not tile the day"),
        (("market", "null0", "--out", "x", "--bar", "1w"), 2, "1m to 1d"),
        (("market", "null0", "--out", "file/lake", "--days", "2"), 5, "file/lake"),
        (("market", "null0", "--out", "file", "--days", "2"), 5, "is a file"),
        (("market", "null0", "--out", "full", "--days", "2"), 5, "no lake"),
        (("market", "null0", "--out", "there", "--days", "2"), 5, "a lake at there already"),
        (("markt", "null0"), 2, "market"),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_one_line_that_helps_and_leaves_nothing(
    run, tmp_path, monkeypatch, words, code, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "manifest.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    found, out, err = run(*words)
    assert says in err
    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_not_writable_is_named(run, tmp_path, monkeypatch):
    def refuse(path, *_words, **_named):  # root may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    path = tmp_path / "lake"
    code, out, err = run("market", "null0", "--out", path, "--days", 2)
    assert (code, out) == (5, "")
    assert f"{path}: it is not writable" in err


def test_tab_offers_the_worlds(run, monkeypatch):
    monkeypatch.setenv("_WASHOUT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "washout simulate market null")
    monkeypatch.setenv("COMP_CWORD", "3")
    out = run()[1]
    offered = {line.removeprefix("plain,") for line in out.split()}
    assert offered == {"null0", "null_dip", "null_impact"}
