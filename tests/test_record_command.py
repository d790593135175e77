"""`washout record` and `washout health` as a person runs them."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from click.testing import CliRunner

from _recording import facts, fake_exchange, stored
from washout.cli import group
from washout.errors import NoData, UnknownName, UsageError, WashoutError
from washout.live.health import FeedHealth
from washout.live.logs import Structured
from washout.live.report import FILE, Linked, Report, metrics, words
from washout.testing.exchange_ledger import compare

NOW = 1_800_000_000_000_000


def record(lake, fake, *options):
    """The command in a process of its own."""
    url = fake.url("okx")
    command = [
        sys.executable, "-m", "washout", "record", "okx:BTC", "--lake", str(lake),
        "--url", f"okx={url}", "--rest", f"okx={url.replace('ws', 'http')}",
        "--want", "liquidations", "--listen", "off", "--commit-every", "1s", *options,
    ]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait(true, patience=30.0):
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def health(lake):
    return msgspec.json.decode((lake / FILE).read_bytes(), type=Report)


def liquidations(lake):
    """How many a recorder has told since it started."""
    path = lake / FILE
    return health(lake).counts["liquidations_total"] if path.exists() else 0


def test_killed_and_begun_again_it_loses_nothing_but_what_it_says(tmp_path):
    lake = tmp_path / "lake"
    with fake_exchange(["okx"], speed=1.0, pace=None) as fake:
        first = record(lake, fake)
        wait(lambda: liquidations(lake) >= 3)
        start = health(lake).written
        wait(lambda: liquidations(lake) >= 6)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        first.stderr.close()
        second = record(lake, fake)
        wait(lambda: health(lake).pid == second.pid and liquidations(lake) >= 2)
        stop = fake.now() - 1_000_000
        second.send_signal(signal.SIGTERM)
        _, said = second.communicate(timeout=30)
        assert second.returncode == 0
    gaps = {
        "okx": [
            (gap["ts_event"], gap["ts_end"], gap["market"])
            for gap in stored(lake, "gap")
            if gap["kind"] == "liquidation"
        ]
    }
    found = compare(
        fake.ledger, facts(stored(lake, "liquidation")), gaps, start=start, stop=stop
    )
    assert found.exact
    assert found.stored >= 8
    assert {gap["reason"] for gap in stored(lake, "gap")} == {"recorder down"}
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "started"
    assert events[-1] == "stopped"
    assert health(lake).state == "stopped"


def test_it_stops_by_itself_after_its_time(tmp_path):
    log = tmp_path / "log.jsonl"
    with fake_exchange(["okx"], speed=1.0) as fake:
        process = record(tmp_path / "lake", fake, "--for", "2s", "--log", str(log))
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == ""
    assert json.loads(log.read_text().splitlines()[0])["event"] == "started"


def asked(*arguments):
    """What a command raises."""
    result = CliRunner().invoke(group, ["record", *arguments], standalone_mode=False)
    assert isinstance(result.exception, WashoutError), result.output
    return result.exception


def test_questions_that_cannot_be_answered_are_refused_at_once(tmp_path):
    error = asked("binanse:BTC")
    assert isinstance(error, UnknownName)
    assert "Did you mean binance" in str(error)
    assert "is no scope" in str(asked("binance"))
    assert "write NAME=URL" in str(asked("binance:BTC", "--url", "binance"))
    assert "begins with ws://" in str(asked("binance:BTC", "--url", "binance=http://a"))
    assert "--for: 'soon' is no width of time" in str(asked("--for", "soon"))
    error = asked("--lake", str(tmp_path / "l"), "--listen", "here")
    assert "write HOST:PORT" in str(error)


def test_an_address_in_use_is_refused(tmp_path):
    from washout.live.serving import listen_at

    with listen_at("127.0.0.1:0") as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = asked("--lake", str(tmp_path / "lake"), "--listen", address)
    assert isinstance(error, UsageError)
    assert "Address already in use" in str(error)


def feed(**others):
    return FeedHealth(**{
        "exchange": "bybit", "line": "linear", "want": "liquidations",
        "state": "observed", "connections": 2, "last_frame": NOW, "last_event": NOW,
        "rate": 3.25, "expected_rate": 4.0, "frames": 9, "events": 8, "duplicates": 7,
        "late": 0, "decode_errors": 0, "reconnects": 0, "gaps": 0, "saturated_s": 0,
        "lag": None, **others,
    })  # fmt: skip


def told(**others):
    return Report(**{
        "washout": "1", "pid": 4711, "state": "recording", "started": NOW - 7200_000_000,
        "written": NOW, "scopes": ("bybit:BTC",), "wants": ("liquidations",),
        "wrong": (), "connections": (), "polls": (), "feeds": (feed(),), "notices": (),
        "counts": {"frames_total": 12.0, "liquidations_total": 8.0}, **others,
    })  # fmt: skip


def test_health_in_words_says_what_is_observed():
    link = Linked(
        name="bybit.linear (t)", exchange="bybit", state="open", says="", connects=1,
        failures=0, refused={},
    )  # fmt: skip
    observed = (
        "  observed   bybit.linear liquidations: 3.2 a minute, last event 3 s ago"
    )
    assert list(words(told(connections=(link,)), NOW + 3_000_000)) == [
        "well: recording, health written 3 s ago",
        "recording liquidations of bybit:BTC",
        f"{observed}, 7 duplicates",
        "  open       bybit.linear (t)",
        "started 2 h ago: 12 frames, 8 liquidations",
    ]


def test_a_recorder_that_died_is_known_by_the_age_of_its_health():
    lines = list(words(told(), NOW + 600_000_000))
    assert lines[0] == "NOT WELL: recording, health written 10 min ago"
    assert lines[1].startswith("  ! the recorder (process 4711) last wrote its health")
    assert "it is dead or stuck" in lines[1]


def test_metrics_have_a_type_and_a_value_each():
    link = Linked(
        name='a"b', exchange="v", state="waiting", says="", connects=1, failures=2,
        refused={},
    )  # fmt: skip
    assert metrics(told(connections=(link,), wrong=("x",))) == (
        "# TYPE washout_up gauge\nwashout_up 1\n"
        "# TYPE washout_wrong gauge\nwashout_wrong 1\n"
        "# TYPE washout_frames_total counter\nwashout_frames_total 12\n"
        "# TYPE washout_liquidations_total counter\nwashout_liquidations_total 8\n"
        "# TYPE washout_connection_open gauge\n"
        'washout_connection_open{name="a\\"b"} 0\n'
    )


def run_health(lake, *options):
    return CliRunner().invoke(
        group, ["health", "--lake", str(lake), *options], standalone_mode=False
    )


def test_the_health_command_fails_where_something_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr("washout.cli.health.now", lambda: NOW + 1_000_000)
    (tmp_path / FILE).write_bytes(msgspec.json.encode(told()))
    well = run_health(tmp_path)
    assert well.exit_code == 0
    (tmp_path / FILE).write_bytes(msgspec.json.encode(told(wrong=("the sky falls",))))
    ill = run_health(tmp_path, "--json")
    assert json.loads(ill.output)["wrong"] == ["the sky falls"]
    assert ill.exit_code == 1


def test_the_health_of_a_lake_that_nobody_records_to_is_no_data(tmp_path):
    result = run_health(tmp_path)
    assert isinstance(result.exception, NoData)
    assert "washout record" in str(result.exception)


@pytest.mark.parametrize(
    ("state", "others", "says"),
    [
        ("silent", {"silent": ("",)}, "silent (all): acknowledged, but nothing comes"),
        ("refused", {"refused": ("A", "B")}, "refused by the venue: A, B"),
        ("down", {}, "not observed"),
        ("observed", {}, ""),
        ("connecting", {}, ""),
    ],
)
def test_what_is_wrong_with_a_feed_is_a_sentence(state, others, says):
    from washout.live.report import trouble

    assert says in trouble(feed(state=state, **others))
    assert bool(trouble(feed(state=state, **others))) == bool(says)


def test_a_log_line_is_json_with_what_it_is_about():
    made = logging.LogRecord("washout.x", logging.WARNING, "f", 1, "dead", None, None)
    made.about = {"share": "bybit", "pause": 1.5}
    made.created, made.msecs = NOW / 1e6, 7.0
    assert json.loads(Structured().format(made)) == {
        "time": "2027-01-15T08:00:00.007Z", "level": "warning", "logger": "washout.x",
        "event": "dead", "share": "bybit", "pause": 1.5,
    }  # fmt: skip
