"""Streams that should speak and do not are found; those that have nothing to say are not."""

from __future__ import annotations

from math import exp, inf, log

import msgspec
import numpy as np
import pytest

from _recordings import entry, opened, started
from _venues import MAKERS, VENUES, frame
from test_pipeline import rows, seen_seconds
from washout.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from washout.collect.entries import Closed, Kind
from washout.live.expecting import (
    GUESSES,
    WINDOW,
    Expected,
    Moments,
    guessed,
    learned,
)  # fmt: skip
from washout.live.lately import Lately, Rate, low_quantile, rate
from washout.live.pipeline import Pipeline
from washout.live.recalling import Recalled, ends
from washout.live.remembering import keep, kept
from washout.live.rows import by_kind
from washout.live.silence import Listener, Minute, Patience, Seen, Silence
from washout.store.lake import Lake

NOON = parse_time("2026-11-25T12:00")


def ticks(begin, stop):
    """Time passes, and connections of numbers 1 and 2 give signs of life."""
    for time in range(begin + SECOND // 2, stop, SECOND):
        yield entry(Kind.TICK, time)
        if time // SECOND % 10 == 0:
            yield entry(Kind.PONG, time + 1, 1)
            yield entry(Kind.PONG, time + 2, 2)


def subscribed(number, exchange, line, symbols, wants, time):
    said = opened(exchange, line, symbols, wants)
    yield entry(Kind.OPENED, time, number, said)
    answers = [said.topics] if exchange == "alpha" else [()] * len(said.topics)
    for topics in answers:
        yield entry(Kind.FRAME, time + 1000, number, {"ack": list(topics)})


def liquidations(number, symbol, times, price=100.0):
    return [
        entry(
            Kind.FRAME, time + 1000, number,
            frame("liq", (symbol, time, str(place), "sell", price, 100_000)),
        )
        for place, time in enumerate(times)
    ]  # fmt: skip


def taken(*parts):
    entries = sorted((one for part in parts for one in part), key=lambda one: one.ts)
    pipeline = Pipeline(VENUES)
    facts = [pipeline.take(entries)]
    notices = [n for n in facts[0].notices if n.what in ("silent", "resumed")]
    return rows(facts), notices, pipeline.health()


def health(found, exchange):
    return next(f for f in found.feeds if f.exchange == exchange)


START = [entry(Kind.STARTED, NOON, 0, started())]
BETA = list(subscribed(1, "beta", "all", ("XBT", "ETH"), ("liquidations",), NOON + 10))
ALPHA = list(
    subscribed(2, "alpha", "linear", ("BTCUSDT",), ("liquidations",), NOON + 20)
)


def test_a_stream_that_acknowledges_and_is_mute_while_others_speak_is_silent():
    end = NOON + 90 * MINUTE
    others = liquidations(2, "BTCUSDT", range(NOON + SECOND, end, SECOND))
    told, notices, found = taken(START, BETA, ALPHA, others, ticks(NOON, end))
    first = notices[0]
    assert (first.what, first.exchange, first.line) == ("silent", "beta", "all")
    # 600 of others in ten minutes let expect 12: a seventh of a chance in thirteen.
    assert NOON + 20 * MINUTE < first.ts < NOON + 60 * MINUTE
    assert health(found, "beta").state == "silent"
    assert health(found, "alpha").state == "observed"
    seen = seen_seconds(told, "beta", "BTC")
    assert seen == set()
    gaps = [g for g in told["gap"] if g["exchange"] == "beta"]
    assert {gap["reason"] for gap in gaps} == {"silent"}
    assert min(gap["ts_event"] for gap in gaps) == NOON + SECOND


def test_it_counts_as_observed_again_when_it_speaks():
    end, again = NOON + 90 * MINUTE, NOON + 80 * MINUTE + SECOND // 2
    told, notices, found = taken(
        START, BETA, ALPHA, ticks(NOON, end),
        liquidations(2, "BTCUSDT", range(NOON + SECOND, end, SECOND)),
        liquidations(1, "XBT", range(again, end, MINUTE)),
    )  # fmt: skip
    assert [one.what for one in notices] == ["silent", "resumed"]
    assert notices[1].ts == again + 1000
    assert health(found, "beta").state == "observed"
    assert seen_seconds(told, "beta", "BTC") == set(
        range(again + SECOND // 2, end - MINUTE, SECOND)
    )


def test_reconnecting_does_not_make_a_silent_stream_speak():
    end = NOON + 120 * MINUTE
    cut = NOON + 80 * MINUTE
    anew = list(
        subscribed(3, "beta", "all", ("XBT", "ETH"), ("liquidations",), cut + 5)
    )
    told, notices, found = taken(
        START, BETA, ALPHA, ticks(NOON, end), anew,
        [entry(Kind.CLOSED, cut, 1, Closed(reason="lifetime"))],
        [entry(Kind.PONG, t, 3) for t in range(cut + 7, end, 10 * SECOND)],
        liquidations(2, "BTCUSDT", range(NOON + SECOND, end, SECOND)),
    )  # fmt: skip
    assert [one.what for one in notices] == ["silent"]
    assert health(found, "beta").state == "silent"
    assert seen_seconds(told, "beta", "BTC") == set()


def test_a_quiet_stream_in_a_quiet_market_is_not_silent():
    end = NOON + 3 * HOUR
    _, notices, found = taken(START, BETA, ALPHA, ticks(NOON, end))
    assert notices == []
    assert {f.state for f in found.feeds} == {"observed"}


def test_a_mute_stream_of_marks_is_found_in_minutes():
    end = NOON + 30 * MINUTE
    marks = list(subscribed(2, "alpha", "linear", ("BTCUSDT",), ("mark_price",), NOON))
    spoken = [
        entry(Kind.FRAME, t, 2, frame("mark", ("BTCUSDT", t, "", "", 100.0, 0)))
        for t in range(NOON + 2000, NOON + 10 * MINUTE, SECOND)
    ]
    _, notices, _ = taken(START, marks, spoken, ticks(NOON, end))
    assert [one.what for one in notices] == ["silent"]
    assert NOON + 10 * MINUTE < notices[0].ts <= NOON + 13 * MINUTE


# The model


def test_expectation_of_earlier_days_by_hand():
    """Three windows with 2, 4, 6 events, 10, 20, 30 of others, moves of 5, 5, 2 bp."""
    sums = Moments()
    for window in ((2, 10, 5), (4, 20, 5), (6, 30, 2)):
        sums.add(*window)
    found = learned(sums)
    assert (found.others, found.move) == (pytest.approx(0.2), pytest.approx(1.0))
    assert found.of(10, 20, 10) == pytest.approx(4.0)
    assert found.of(10, 20, 1) == pytest.approx(1.0)
    # Others tell it exactly. Of moves: squares 54, errors 9 + 1 + 16, less 12 of Poisson.
    assert found.shape == pytest.approx(54 / 14)
    alone = Moments()
    alone.add(0, 0, 0)
    alone.add(12, 0, 0)
    # mean 6, squares 72, errors 72, a = 72 / (72 - 12).
    assert learned(alone) == Expected(
        0.6, 0.0, 0.0, 0.0, 1.2, least=True
    )  # fmt: skip


def test_probability_of_silence_by_hand():
    listener = Listener(Patience(), Expected(0.6, 0.0, 0.0, 0.0, 1.2))
    for minute in range(15):
        listener.pass_minute(Minute(NOON + minute * MINUTE, 0, 0, 0.0, 0))
    both = (1 + 6 / 1.2) ** -1.2 * (1 + 3 / 1.2) ** -1.2
    assert exp(listener.log_probability()) == pytest.approx(both)
    assert listener.missing() == pytest.approx(9.0)


def test_what_is_expected_is_frozen_at_midnight():
    """Today's events change nothing of what is expected today."""
    found = []
    for today in (1, 50):
        listener = Listener(Patience(), guessed(GUESSES["liquidations"], 1, major=True))
        midnight = NOON // DAY * DAY
        for begin in range(midnight, midnight + 2 * DAY, MINUTE):
            factor = today if begin >= midnight + DAY else 1
            count = factor * (begin % (7 * MINUTE) == 0)
            listener.pass_minute(Minute(begin, count, 3 * count, 0.0, begin))
        found.append(listener.expected)
    assert found[0] == found[1]
    assert found[0].others == pytest.approx(1 / 3)


def _gamma_minutes(random, minutes, mean, shape):
    """Counts of a stream and of others that share the market's hours of storm."""
    hours = -(-minutes // 60)
    storm = np.repeat(random.gamma(0.5, 2.0, hours), 60)[:minutes]
    windows = -(-minutes // 10)
    own = np.repeat(random.gamma(shape, 1 / shape, windows), 10)[:minutes]
    return random.poisson(mean * storm * own), random.poisson(30 * mean * storm)


def _first_alarm(counts, others, moves, stop=inf):
    listener = Listener(Patience(), guessed(GUESSES["liquidations"], 1, major=True))
    for minute, (count, other, move) in enumerate(
        zip(counts, others, moves, strict=True)
    ):
        begin = NOON // DAY * DAY + minute * MINUTE
        told = Minute(begin, int(count), int(other), float(move), begin)
        if listener.pass_minute(told) and minute >= 0:
            return minute
        if minute > stop:
            break
    return None


def test_bursty_streams_raise_no_false_alarm_in_a_month_and_true_ones_soon():
    """Storms of an hour and bursts of ten minutes, one event a minute on average."""
    random = np.random.default_rng(7)
    month, delays = 30 * DAY // MINUTE, []
    for _ in range(3):
        counts, others = _gamma_minutes(random, month, 1.0, 0.5)
        moves = random.exponential(3.0, month)
        assert _first_alarm(counts, others, moves) is None
        cut = month - 2 * DAY // MINUTE
        counts[cut:] = 0
        delays.append(_first_alarm(counts, others, moves) - cut)
    assert max(delays) <= 12 * 60
    assert WINDOW == 10 * MINUTE


def test_what_was_learned_outlives_a_restart():
    silence = Silence(Patience())
    stream = ("beta", "all", "liquidations", "")
    seen = {stream: Seen(("BTC",), 1, NOON)}
    midnight = NOON // DAY * DAY
    for begin in range(midnight, midnight + DAY, MINUTE):
        silence.heard(
            "beta", "all", "liquidations", _prints(begin, 1 + begin // MINUTE % 2)
        )
        silence.pass_minute(begin, seen)
    again = Silence(Patience())
    again.recall(silence.memory())
    for one in (silence, again):
        one.restore(midnight + DAY)
        one.pass_minute(midnight + DAY, seen)
    assert again.listeners[stream].learned == silence.listeners[stream].learned
    assert again.listeners[stream].learned.flat == pytest.approx(1.5)


def _prints(time, count):
    (rows,) = by_kind(
        MAKERS["liq"](
            "beta", VENUES["beta"].listed[0], time + 5, time, str(n), "buy", 1.0, 1
        )
        for n in range(count)
    )
    return rows


def test_a_silence_that_ended_by_itself_gives_the_next_one_more_time():
    """One that was a thousand times less likely than the level: the next needs 1.5."""
    listener = Listener(Patience(), Expected(1.0, 0.0, 0.0, 0.0, 1.0))
    alarms, begin = [], NOON // WINDOW * WINDOW
    for minute in range(400):
        quiet = 0 < minute < 100 or minute > 100
        told = Minute(
            begin + minute * MINUTE, int(not quiet), 0, 0.0, begin + minute * MINUTE
        )
        if listener.pass_minute(told):
            alarms.append((minute, listener.log_probability()))
    first, second = alarms
    assert first[1] <= log(1e-6) < first[1] + log(11)
    # 9 windows of ten expected events, and one of nine.
    ended = -9 * log(11) - log(10)
    assert second[1] <= 1.5 * ended < second[1] + log(11)


BOTH = ("liquidations", "mark_price")


def marks(number, times):
    return [
        entry(Kind.FRAME, t, number, frame("mark", ("BTCUSDT", t, "", "", 100.0, 0)))
        for t in times
    ]


def test_when_a_line_is_mute_in_all_that_it_says_its_liquidations_are_not_seen_either():
    """From the last event of any of its streams until any of them speaks again."""
    begin, stop, again = NOON, NOON + 10 * MINUTE, NOON + 20 * MINUTE + SECOND // 2
    end = NOON + 24 * MINUTE
    parts = (
        START,
        list(subscribed(2, "alpha", "linear", ("BTCUSDT",), BOTH, NOON)),
        marks(2, range(begin + 2000, stop, SECOND)),
        liquidations(2, "BTCUSDT", [NOON + MINUTE, stop + 10 * SECOND]),
        marks(2, range(again, end, SECOND)),
        ticks(NOON, end),
    )  # fmt: skip
    told, notices, found = taken(*parts)
    assert [(one.what, one.since) for one in notices[:2]] == [
        ("silent", stop - SECOND + 2000), ("silent", stop + 10 * SECOND + 1000),
    ]  # fmt: skip
    assert [one.what for one in notices[2:]] == ["resumed", "resumed"]
    assert NOON + 12 * MINUTE <= notices[1].ts <= NOON + 15 * MINUTE
    gaps = [g for g in told["gap"] if g["kind"] == "liquidation"]
    assert {gap["reason"] for gap in gaps} == {"silent"}
    assert min(g["ts_event"] for g in gaps) == stop + 9 * SECOND
    assert max(g["ts_end"] for g in gaps) == again + SECOND // 2
    assert {one.state for one in found.feeds} == {"observed"}
    one_by_one = Pipeline(VENUES)
    entries = sorted((one for part in parts for one in part), key=lambda one: one.ts)
    entries = [one for one in entries if one.ts < end]
    facts = [one_by_one.take([one]) for one in entries]
    assert rows(facts) == rows([Pipeline(VENUES).take(entries)])


def test_liquidations_that_come_by_another_connection_are_seen_while_marks_are_mute():
    end = NOON + 20 * MINUTE
    told, notices, _ = taken(
        START,
        list(subscribed(1, "alpha", "linear", ("BTCUSDT",), ("mark_price",), NOON)),
        list(subscribed(2, "alpha", "linear", ("BTCUSDT",), ("liquidations",), NOON)),
        marks(1, range(NOON + 2000, NOON + 5 * MINUTE, SECOND)), ticks(NOON, end),
    )  # fmt: skip
    assert [one.what for one in notices] == ["silent"]
    assert {gap["kind"] for gap in told["gap"]} == {"candle"}


# In the same run


def test_what_a_stream_said_lately_by_hand():
    """Six windows of 100 to 150 events, and ten times as many of others."""
    counts = [100, 110, 120, 130, 140, 150]
    found = rate([(n, 10 * n) for n in counts], 20)
    assert (found.flat, found.others) == (pytest.approx(25.0), pytest.approx(0.1))
    # Squares 1750; of chi-squared 0.554 with 5 degrees and 18.51 with 35 in tables.
    assert low_quantile(5) == pytest.approx(0.5031, abs=1e-4)
    assert low_quantile(35) == pytest.approx(18.51, abs=0.05)
    assert found.shape == pytest.approx(125**2 / (1750 / low_quantile(5) - 125))
    assert rate([(n, 0) for n in counts], 20) is None
    assert rate([(n, n) for n in counts[1:]], 20) is None
    assert rate([(3, 30)] * 6, 20) is None


def test_a_steady_stream_that_falls_silent_is_found_in_minutes_after_an_hour():
    random = np.random.default_rng(5)
    for rate_a_minute, within in ((6, 20), (24, 2)):
        counts = random.poisson(rate_a_minute, 150)
        others = random.poisson(8 * rate_a_minute, 150)
        counts[60:] = 0
        found = _first_alarm(counts, others, random.exponential(3.0, 150))
        assert 60 <= found < 60 + within


def test_bursty_streams_raise_no_false_alarm_on_their_first_day():
    random = np.random.default_rng(11)
    day = DAY // MINUTE
    for mean, shape, heard in ((1.0, 0.5, 1), (10.0, 0.5, 1), (10.0, 20.0, 0)) * 4:
        counts, others = _gamma_minutes(random, day, mean, shape)
        assert (
            _first_alarm(counts, heard * others, random.exponential(3.0, day)) is None
        )


def test_a_silence_that_raised_an_alarm_teaches_nothing():
    lately = Lately()
    for minute in range(70):
        mute = 40 <= minute < 60
        lately.pass_minute(
            NOON + minute * MINUTE, 0 if mute else 20, 200,
            silent=45 <= minute <= 60, events=20,
        )  # fmt: skip
    assert lately.rate == Rate(20.0, 0.1, 100.0)


def _quiet_day(end):
    """Two venues; Beta falls silent after two hours, and speaks half an hour later."""
    others = range(NOON + SECOND, end, 5 * SECOND)
    own = [t for t in others if not 120 < (t - NOON) // MINUTE < 150]
    parts = (
        START, BETA, ALPHA, ticks(NOON, end),
        liquidations(2, "BTCUSDT", others), liquidations(1, "XBT", own),
    )  # fmt: skip
    entries = sorted((one for part in parts for one in part), key=lambda one: one.ts)
    return [one for one in entries if one.ts < end]


@pytest.mark.parametrize("stopped", [100, 121, 130, 149])
def test_a_restart_forgets_nothing_of_what_was_heard_or_silent(stopped, tmp_path):
    """Reading begins a quarter of an hour earlier; what follows is the same as without."""
    entries = _quiet_day(NOON + 170 * MINUTE)
    cut = NOON + stopped * MINUTE + 20 * SECOND
    whole, first, again = Pipeline(VENUES), Pipeline(VENUES), Pipeline(VENUES)
    lake = Lake.create(tmp_path / "lake")
    told = whole.take(entries)
    before = first.take([one for one in entries if one.ts <= cut])
    keep(lake, tmp_path / "journal", first.silence.memory())
    memory = kept(lake, tmp_path / "journal", cut)
    recalled = Recalled(coverage=ends([before.tables["coverage"]]), polled={})
    again.resume(before.watermark, recalled, memory)
    warm = [one for one in entries if one.ts > cut - 15 * MINUTE]
    setting = [
        one for one in entries if one.ts < NOON + SECOND and one.kind != Kind.TICK
    ]
    restated = [
        msgspec.structs.replace(one, ts=cut - 15 * MINUTE)
        for one in [entry(Kind.RESUMED, NOON), *setting]
    ]
    after = again.take([*restated, *warm])
    since = [one for one in told.notices if one.ts > before.watermark]
    assert [(n.what, n.ts, n.text) for n in after.notices] == [
        (n.what, n.ts, n.text) for n in since
    ]
    assert again.silence.memory() == whole.silence.memory()
    assert [n.what for n in (*before.notices, *after.notices)] == ["silent", "resumed"]
    gaps = rows([before, after])["gap"]
    missed = {
        second
        for row in gaps
        if row["exchange"] == "beta"
        for second in range(row["ts_event"], row["ts_end"], SECOND)
    }
    assert missed >= set(range(NOON + 121 * MINUTE, NOON + 150 * MINUTE, SECOND))


def test_memory_of_another_journal_or_of_later_is_not_recalled(tmp_path):
    silence, lake = Silence(Patience()), Lake.create(tmp_path / "lake")
    silence.pass_minute(NOON, {("beta", "all", "trades", ""): Seen(("BTC",), 1, NOON)})
    assert kept(lake, tmp_path / "journal", NOON) is None
    keep(lake, tmp_path / "journal", silence.memory())
    assert kept(lake, tmp_path / "journal", NOON + MINUTE) == silence.memory()
    assert kept(lake, tmp_path / "journal", NOON + MINUTE - 1) is None
    assert kept(lake, tmp_path / "other", NOON + MINUTE) is None
    (lake.path / "heard.json").write_bytes(b"{")
    assert kept(lake, tmp_path / "journal", NOON + MINUTE) is None
