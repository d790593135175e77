"""A journal replayed gives the lake that recording it gave, and the lake tells the truth."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from click.testing import CliRunner

import washout
from _lakes import NOW, contents
from _recordings import BEGIN, generated
from _venues import ALPHA, VENUES
from test_pipeline import ASSETS, chunks, lake_of, rows, seen_seconds, truly_seen
from washout import schema
from washout.cli import group
from washout.clock import MINUTE, SECOND, parse_time
from washout.collect.journal import JournalWriter
from washout.errors import NoData
from washout.live.committing import Committer
from washout.live.feeds import Name
from washout.live.pipeline import Pipeline
from washout.live.recalling import told_until
from washout.live.replaying import Pace, cut, replay_into
from washout.store.lake import Lake

GRACE = 5 * SECOND


def journal_of(folder, entries, **how):
    writer = JournalWriter(folder, durability="sync", **how)
    for at in range(0, len(entries), 200):
        writer.append(entries[at : at + 200])
    writer.close()
    return folder


def told(lake):
    """What a lake says, whatever vintages said it."""
    return {kind: found for kind, found in contents(lake).items() if found}


def replayed(lake, folder, **how):
    return replay_into(lake, folder, Pipeline(VENUES), Pace(None), lambda: NOW, **how)


@pytest.fixture(scope="module")
def recording():
    return generated(3, minutes=8)


@pytest.fixture(scope="module")
def recorded(recording, tmp_path_factory):
    """A lake written as a recorder does: bit by bit, with a commit now and then."""
    folder = tmp_path_factory.mktemp("recorded")
    lake = Lake.create(folder / "lake")
    committer, pipeline = Committer(lake), Pipeline(VENUES)
    random = Random(1)
    for part in chunks(recording.entries, random):
        facts = pipeline.take(part)
        committer.add(facts.tables, facts.watermark)
        if random.random() < 0.05:
            committer.commit(NOW)
    committer.commit(NOW)
    return lake


@pytest.fixture
def folder(recording, tmp_path):
    return journal_of(tmp_path / "journal", recording.entries)


def test_a_replay_at_once_gives_the_recorded_lake(recorded, folder, tmp_path):
    lake = Lake.create(tmp_path / "again")
    summary = replayed(lake, folder)
    assert told(lake) == told(recorded)
    assert summary.rows["liquidation"] == len(told(lake)["liquidation"])


def test_a_second_replay_changes_nothing(recorded, folder, tmp_path):
    lake = Lake.create(tmp_path / "again")
    for again in (False, False, True):
        replayed(lake, folder, again=again)
        assert told(lake) == told(recorded)


def test_a_recorder_killed_between_commits_goes_on_without_hole_or_double(
    recording, recorded, tmp_path
):
    for seed in range(4):
        random = Random(seed)
        lake = Lake.create(tmp_path / f"lake{seed}")
        folder = tmp_path / f"journal{seed}"
        stop = random.randrange(len(recording.entries))
        commit = random.randrange(stop)
        committer, pipeline = Committer(lake, journal=folder), Pipeline(VENUES)
        facts = pipeline.take(recording.entries[:commit])
        committer.add(facts.tables, facts.watermark)
        committer.commit(NOW)
        facts = pipeline.take(recording.entries[commit:stop])
        committer.add(facts.tables, facts.watermark)  # and killed
        journal_of(folder, recording.entries, segment_bytes=20_000)
        replayed(lake, folder)
        assert told(lake) == told(recorded), seed


def test_reading_may_begin_amid_a_recording(tmp_path):
    """Only what the warm-up holds is known: a segment restates the connections."""
    recording = generated(11, minutes=25, rate=0.1, crash=False, broken=0)
    folder = journal_of(tmp_path / "journal", recording.entries, segment_bytes=30_000)
    whole = lake_of(rows([Pipeline(VENUES).take(recording.entries)]))
    at = next(
        place for place, one in enumerate(recording.entries)
        if one.ts > BEGIN + 22 * MINUTE
    )  # fmt: skip
    lake = Lake.create(tmp_path / "lake")
    committer = Committer(lake, journal=folder)
    facts = Pipeline(VENUES).take(recording.entries[:at])
    committer.add(facts.tables, facts.watermark)
    committer.commit(NOW)
    summary = replayed(lake, folder)
    assert summary.entries < len(recording.entries)
    found = told(lake)
    for kind in ("liquidation", "trade_total", "candle", "open_interest", "coverage"):
        expected = whole[kind].values() if kind != "coverage" else whole[kind]
        assert found[kind] == sorted((tuple(r.values()) for r in expected), key=repr)


def test_bars_of_the_lake_are_sums_of_what_was_delivered(recording, recorded):
    store = washout.open(recorded.path)
    names = {one.symbol: one.asset for v in VENUES.values() for one in v.listed}
    for exchange, asset in ASSETS:
        bars = store.view(
            "liquidations", scope=f"{exchange}:{asset}", bar="1m",
            start="2026-11-25T10:58:00", end="2026-11-25T11:08:00", version="asof",
        ).rows()  # fmt: skip
        truth = _sums(recording, exchange, asset, names)
        seen = seen_seconds(
            {kind: _named(kind, found) for kind, found in told(recorded).items()},
            exchange, asset,
        )  # fmt: skip
        assert len([bar for bar in bars if bar["observed_s"]]) >= 5
        for bar in bars:
            start = parse_time(bar["bar"])
            inside = [second for second in seen if start <= second < start + MINUTE]
            assert bar["observed_s"] == len(inside)
            if inside:
                sums = truth.get(start, (0, 0))
                assert (bar["long_usd"], bar["short_usd"]) == (
                    pytest.approx(sums[0] / 100), pytest.approx(sums[1] / 100)
                )  # fmt: skip
        last = max(seen)
        true = truly_seen(recording, exchange, ASSETS[exchange, asset])
        assert seen <= {second for second in true if second <= last}


def _named(kind, found):
    names = schema.arrow(kind).names
    return [dict(zip(names, row, strict=True)) for row in found]


def _sums(recording, exchange, asset, names):
    """Cents of longs and shorts per minute, of what came before its grace was over."""
    sums = {}
    for key, event in recording.delivered.items():
        begin = event["time"] // MINUTE * MINUTE
        on_time = event["received"] <= begin + MINUTE + GRACE
        if (key[0], names[key[1]], key[2]) == (exchange, asset, "liq") and on_time:
            longs, shorts = sums.get(begin, (0, 0))
            sold = event["side"] == "sell"
            sums[begin] = (
                longs + sold * event["usd"], shorts + (not sold) * event["usd"]
            )  # fmt: skip
    return sums


def test_what_a_lake_was_told_is_recalled(recorded):
    found = told_until(recorded)
    rows = {kind: _named(kind, said) for kind, said in told(recorded).items()}
    newest = max(row["ts_event"] for row in rows["open_interest"])
    feed = ("open_interest", ("alpha-rest", "alpha", "BTC", "BTC-USDT"))
    assert found.polled == {feed: newest}
    ends = {}
    for row in rows["coverage"]:
        if row["kind"] in ("liquidation", "trade_total"):
            want = {"liquidation": "liquidations"}.get(row["kind"], "trades")
            name = Name(row["exchange"], want, row["asset"], row["market"])
            ends[name] = max(row["ts_end"], ends.get(name, 0))
    assert found.coverage == ends


def test_a_replay_at_a_speed_waits_for_each_portion(recording, folder):
    slept, now = [], [100.0]

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(60.0, sleep=sleep, monotonic=lambda: now[0])
    summary = replay_into(None, folder, Pipeline(VENUES), pace, lambda: NOW)
    at_once = replay_into(None, folder, Pipeline(VENUES), Pace(None), lambda: NOW)
    assert summary == at_once
    span = (recording.end - recording.entries[0].ts) / SECOND / 60
    assert sum(slept) == pytest.approx(span, abs=6 / 60 + 0.01)


def test_portions_hold_every_entry_once(recording):
    portions = list(cut(recording.entries, 6 * SECOND))
    assert [one for portion in portions for one in portion] == recording.entries
    assert max(p[-1].ts - p[0].ts for p in portions) <= 6 * SECOND


def test_a_folder_without_journal_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoData, match="holds no journal"):
        replayed(None, tmp_path / "empty")


def test_the_command_replays_and_says_what_it_gave(folder, tmp_path, monkeypatch):
    from washout.store import trust

    monkeypatch.setattr(trust, "exchanges", lambda: VENUES)
    lake = tmp_path / "lake"
    done = CliRunner().invoke(
        group, ["replay", str(folder), "--lake", str(lake), "--json"]
    )
    assert done.exit_code == 0, done.output
    summary = msgspec.json.decode(done.stdout)
    assert summary["rows"]["liquidation"] == len(told(Lake.open(lake))["liquidation"])
    feed = next(f for f in summary["health"]["feeds"] if f["exchange"] == ALPHA.name)
    assert feed["want"] in ("liquidations", "trades", "mark_price", "open_interest")
    text = CliRunner().invoke(group, ["replay", str(folder), "--notices"])
    assert f"{summary['frames']:,} frames" in text.stdout
    assert "beta.all liquidations: observed" in text.stdout
    assert "recorder_down" in text.stderr
    wrong = CliRunner().invoke(group, ["replay", str(folder), "--speed", "fast"])
    assert "--speed fast: write a number above 0" in str(wrong.exception)
