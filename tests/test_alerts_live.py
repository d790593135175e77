"""Alerts beside a recorder: the same as the backtest's, none twice, none forgotten."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pytest
from click.testing import CliRunner

from _live_lakes import add, between, gathered, lake_of
from washout import schema
from washout.channels import Channel
from washout.clock import DAY, HOUR, MINUTE, SECOND
from washout.live.alerts import Alerts, backtest
from washout.live.messages import message
from washout.live.rules import parse_rules
from washout.live.sending import Way
from washout.live.warning import Worker
from washout.store.lake import Lake
from washout.testing.simulated_facts import SCOPE, simulated_unit
from washout.testing.simulated_market import BEGIN

DAYS = 108
SPLIT = BEGIN + 95 * DAY + 7 * MINUTE
END = BEGIN + 106 * DAY

RULES = f"""
[defaults]
scopes = ["{SCOPE}"]
bar = "1h"
channels = ["mine"]

[channels.mine]
kind = "console"

[[rule]]
name = "wave"
signal = "wave_confirmed"
group = "g"
within = "6h"
outcome = {{ direction = "with", horizon = "8h", move = 0.01 }}
settings = {{ enter_quantile = 0.9, enter_deviations = 1.0 }}

[[rule]]
name = "eruption"
signal = "eruption"
group = "g"
within = "6h"
settings = {{ jump = 2.0, quantile = 0.9, deviations = 1.0 }}

[[rule]]
name = "much"
signal = "unusual"
at_least = 1.5
release = 0
cool_down = "2h"
when_degraded = "hold"
settings = {{ window = "7d" }}
quiet = {{ from = "22:00", to = "07:00", zone = "America/New_York" }}

[[rule]]
name = "gap"
signal = "feed_gap"
cool_down = "1h"
"""


def gap(begin):
    """Twenty minutes, told when they are over."""
    return {
        "exchange": "simulated", "asset": "BTC", "market": "", "source": "simulation",
        "ts_event": begin, "ts_end": begin + HOUR // 3, "ts_recv": begin + HOUR // 3,
        "kind": "liquidation_total", "reason": "silent",
    }  # fmt: skip


@pytest.fixture(scope="module")
def everything():
    tables = gathered(simulated_unit("p1", seed=5, days=DAYS, bar=HOUR).tables())
    holes = [gap(BEGIN + day * DAY + day * 5 % 24 * HOUR) for day in range(60, 106)]
    return tables | {"gap": pa.Table.from_pylist(holes, schema=schema.arrow("gap"))}


@pytest.fixture(scope="module")
def rules():
    return parse_rules(RULES, Path("rules.toml"))


@pytest.fixture(scope="module")
def expected(everything, rules, tmp_path_factory):
    """What a backtest over the whole record tells of the time after SPLIT."""
    lake = lake_of(
        tmp_path_factory.mktemp("whole") / "lake", between(everything, 0, END)
    )
    found = backtest(lake, rules.rules)
    assert found.skipped == ()
    return found, [n for n in found.notices if SPLIT < n.time <= END]


class Sink:
    """A channel that keeps what it is sent."""

    def __init__(self):
        self.messages = []
        channel = Channel(name="sink", title="sink", send=self._send)
        self.out = {"mine": Way("mine", channel, {}, ())}

    def _send(self, message, _settings):
        self.messages.append(msgspec.structs.replace(message, sent=0))


def running(lake, rules, sink):
    return Alerts(lake, rules, sink.out, lambda: END + SECOND)


def play(alerts, tables, begin, end):
    alerts.advance(begin)
    while begin < end:
        later = min(begin + 11 * HOUR, end)
        alerts.add(between(tables, begin, later))
        begin = later
        alerts.advance(begin)


def sent(notices):
    return [message(notice) for notice in notices if notice.channels]


def plain(message):
    """What people read, and what tells it from others."""
    return message.id, message.kind, message.time, message.title, message.body


def near(one, other):
    """Equal, floats to 1e-9: sums over another stretch are rounded otherwise."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(near(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(near, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def lines(lake):
    text = (lake.path / "alerts/alerts.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_live_tells_what_the_backtest_tells(everything, rules, expected, tmp_path):
    _, notices = expected
    kinds = {(a.rule, a.status, a.degraded) for n in notices for a in n.alerts}
    assert {rule for rule, _, _ in kinds} == {"wave", "eruption", "much", "gap"}
    assert ("much", "held", True) in kinds
    assert {n.kind for n in notices} == {"alert", "digest", "silent"}
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    sink = Sink()
    alerts = running(lake, rules, sink)
    play(alerts, everything, SPLIT, END)
    alerts.close()
    assert alerts.failures == 0
    assert list(map(plain, sink.messages)) == list(map(plain, sent(notices)))
    for one, other in zip(sink.messages, sent(notices), strict=True):
        assert near(one.alerts, other.alerts)
    written = [line for line in lines(lake) if line["what"] == "message"]
    assert [line["id"] for line in written] == [n.id for n in notices]


def test_the_record_in_a_message_is_that_of_the_backtest(everything, rules, expected):
    """The last alert's record is what a backtest that ends before it prints."""
    found, notices = expected
    last = [a for n in notices for a in n.alerts if a.rule == "wave"][-1]
    assert last.record.decided > 5
    shown = next(m for m in sent(notices) if last.id in {a["id"] for a in m.alerts})
    record = last.record
    words = f"{record.hits} of {record.decided} were right, {100 * record.share:.0f} %"
    assert words in shown.body
    place = [rule.name for rule in rules.rules].index("wave")
    whole = found.records[place]
    later = sum(
        a.rule == "wave" and a.status == "fired" and a.time >= last.time
        for n in found.notices for a in n.alerts
    )  # fmt: skip
    assert whole.fired == record.fired + later


def test_a_restart_repeats_nothing_and_forgets_nothing(
    everything, rules, expected, tmp_path
):
    """Stopped twice: the second time facts reach the lake while no alerts run."""
    _, notices = expected
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    sink = Sink()
    stops = [SPLIT, SPLIT + 4 * DAY, SPLIT + 7 * DAY, END]
    for number, (begin, end) in enumerate(pairwise(stops)):
        alerts = running(Lake.open(lake.path), rules, sink)
        if number != 1:
            play(alerts, everything, begin, end)
        alerts.close()
        if end < END:
            add(lake, between(everything, begin, end))
    assert sorted(m.id for m in sink.messages) == sorted(
        n.id for n in notices if n.channels
    )
    written = [line["id"] for line in lines(lake) if line["what"] == "message"]
    assert sorted(written) == sorted(n.id for n in notices)


def test_on_a_lake_without_alerts_so_far_the_past_is_not_told(
    everything, rules, tmp_path
):
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    sink = Sink()
    alerts = running(lake, rules, sink)
    alerts.advance(SPLIT)
    alerts.close()
    assert sink.messages == []
    assert not (lake.path / "alerts/alerts.jsonl").exists()


def test_what_was_not_sent_before_a_crash_is_sent_at_the_start(
    everything, rules, expected, tmp_path
):
    _, notices = expected
    first = sent(notices)[0]
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    dead = running(lake, rules, Sink())
    dead.log.write({
        "what": "message", "id": first.id, "channels": ["mine"],
        "message": msgspec.to_builtins(first),
    })  # fmt: skip
    dead.close()
    sink = Sink()
    running(Lake.open(lake.path), rules, sink).close()
    assert sink.messages == [first]


def test_facts_that_cannot_be_used_are_counted_and_alerts_go_on(
    everything, rules, tmp_path, caplog
):
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    alerts = running(lake, rules, Sink())
    alerts.add({"candle": pa.table({"nonsense": [1]})})
    alerts.advance(SPLIT)
    assert alerts.failures == 1
    assert "could not go on" in caplog.text
    alerts.advance(SPLIT + SECOND)
    assert alerts.failures == 1
    alerts.close()


class Facts(NamedTuple):
    tables: dict
    watermark: int


def test_the_hook_of_the_recorder_tells_the_same_from_a_thread_of_its_own(
    everything, rules, expected, tmp_path
):
    _, notices = expected
    lake = lake_of(tmp_path / "lake", between(everything, 0, SPLIT))
    sink = Sink()
    worker = Worker(running(lake, rules, sink))
    now = SPLIT
    while now < END:
        later = min(now + 13 * HOUR, END)
        worker.take(Facts(between(everything, now, later), later))
        worker.take(Facts({}, later))
        now = later
    worker.close(patience=60)
    assert worker.alerts.failures == 0
    assert [m.id for m in sink.messages] == [n.id for n in notices if n.channels]


@pytest.fixture
def washout(monkeypatch, tmp_path):
    from washout.cli import group

    monkeypatch.chdir(tmp_path)

    def run(*words):
        done = CliRunner().invoke(group, words, standalone_mode=False)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_the_command_prints_the_records_of_the_backtest(
    everything, expected, washout, tmp_path
):
    found, _ = expected
    lake_of(tmp_path / "lake", between(everything, 0, END))
    (tmp_path / "rules.toml").write_text(RULES)
    printed = washout("alerts", "backtest", "rules.toml", "--json", "--each").stdout
    told = json.loads(printed)
    assert told["rules"] == {
        rule.name: msgspec.to_builtins(record)
        for rule, record in zip(found.rules, found.records, strict=True)
    }
    assert [a["id"] for a in told["alerts"]] == [
        a.id for n in found.notices for a in n.alerts
    ]
    table = washout("alerts", "backtest", "rules.toml", "--from", "2021-03-01").stdout
    head, wave, *_ = table.splitlines()
    assert head.split()[:4] == ["rule", "fired", "held", "back"]
    assert wave.split()[0] == "wave"
    assert 0 < int(wave.split()[1]) < found.records[0].fired


def test_rules_are_written_once_listed_and_tested(washout, tmp_path):
    from washout.errors import UsageError

    assert "alerts list --rules alerts.toml" in washout("alerts", "init").stdout
    with pytest.raises(UsageError, match="exists already"):
        washout("alerts", "init")
    listed = washout("alerts", "list", "--rules", "alerts.toml").stdout
    assert "eruption: closing has erupted" in listed
    assert "webhook: JSON to an address of your own" in listed
    done = washout("alerts", "test", "--rules", "alerts.toml", "--rule", "wave")
    assert "console: sent" in done.output


def test_dead_letters_are_retried_by_command(washout, tmp_path):
    from washout.channels import Message
    from washout.live.sending import Log, bury

    (tmp_path / "rules.toml").write_text(RULES)
    one = Message(id="x", kind="alert", time=BEGIN, title="t", body="b")
    bury(Log(tmp_path / "lake"), "mine", one, "the phone was off", BEGIN)
    done = washout("alerts", "retry", "--rules", "rules.toml")
    assert "1 sent, 0 left" in done.output
    assert list(Log(tmp_path / "lake").lines(Log(tmp_path / "lake").dead)) == []
