"""What connections were asked for, what was acknowledged, refused or lost, and what is said."""

from __future__ import annotations

import msgspec
import pytest

from _recordings import entry, opened, started
from _venues import VENUES, frame, instrument
from test_pipeline import rows, seen_seconds
from test_silence import liquidations, subscribed, ticks
from washout.clock import HOUR, MINUTE, SECOND, parse_time
from washout.collect.entries import Closed, Kind, Listed, Lost, Polled
from washout.live.feeds import Name
from washout.live.pipeline import Pipeline
from washout.live.recalling import Recalled

NOON = parse_time("2026-11-25T12:00")
START = [entry(Kind.STARTED, NOON, 0, started())]
WANTS = ("liquidations",)
GONE = Closed(reason="code 1006")


def taken(*parts, pipeline=None):
    entries = sorted((one for part in parts for one in part), key=lambda one: one.ts)
    pipeline = pipeline or Pipeline(VENUES)
    facts = pipeline.take(entries)
    return rows([facts]), facts.notices, pipeline.health()


def linear(number, time, symbols=("BTCUSDT", "ETHUSDT")):
    return list(subscribed(number, "alpha", "linear", symbols, WANTS, time))


def inverse(number, time):
    return list(subscribed(number, "alpha", "inverse", ("BTCUSD",), WANTS, time))


def names(told, kind="coverage"):
    return {(r["exchange"], r["asset"], r["market"]) for r in told.get(kind, [])}


def seconds(begin, end):
    return set(range(begin, end, SECOND))


def test_an_asset_is_watched_as_a_whole_when_all_its_lines_are():
    end = NOON + 3 * MINUTE + SECOND
    told, _, _ = taken(
        START, linear(2, NOON + 10), inverse(1, NOON + 40 * SECOND), ticks(NOON, end)
    )
    assert names(told) == {("alpha", "BTC", ""), ("alpha", "ETH", "")}
    assert seen_seconds(told, "alpha", "BTC") == seconds(
        NOON + 41 * SECOND, NOON + 3 * MINUTE
    )
    assert seen_seconds(told, "alpha", "ETH") == seconds(
        NOON + SECOND, NOON + 3 * MINUTE
    )


def test_markets_are_told_one_by_one_where_not_all_are_asked_for():
    end = NOON + 2 * MINUTE + SECOND
    told, _, _ = taken(START, linear(2, NOON + 10, ("BTCUSDT",)), ticks(NOON, end))
    assert names(told) == {("alpha", "BTC", "BTC-USDT")}


def test_a_new_listing_ends_the_watch_over_the_whole_asset():
    end = NOON + 4 * MINUTE + SECOND
    symbols = ("BTCUSDT", "ETHUSDT", "BTCUSD", "BTCUSDC")
    quotes = ("USDT", "USDT", "USD", "USDC")
    listed = Listed(
        exchange="alpha",
        instruments=tuple(
            msgspec.to_builtins(instrument(symbol, symbol[:3], quote), str_keys=True)
            for symbol, quote in zip(symbols, quotes, strict=True)
        ),
    )
    told, _, _ = taken(
        START, linear(2, NOON + 10), inverse(1, NOON + 10), ticks(NOON, end),
        [entry(Kind.LISTED, NOON + 2 * MINUTE, 0, listed)],
    )  # fmt: skip
    assert seen_seconds(told, "alpha", "BTC") == seconds(
        NOON + SECOND, NOON + 2 * MINUTE
    )
    assert seen_seconds(told, "alpha", "BTC", "BTC-USDT") >= seconds(
        NOON + 2 * MINUTE, NOON + 4 * MINUTE
    )


def test_nothing_is_observed_before_all_topics_are_acknowledged():
    said = opened("alpha", "linear", ("BTCUSDT", "ETHUSDT"), WANTS)
    end = NOON + 3 * MINUTE + SECOND
    acks = [
        entry(Kind.FRAME, NOON + 70 * SECOND, 2, {"ack": [said.topics[0]]}),
        entry(Kind.FRAME, NOON + 130 * SECOND, 2, {"ack": [said.topics[1]]}),
    ]
    told, notices, _ = taken(
        START, [entry(Kind.OPENED, NOON + 1, 2, said)], acks, ticks(NOON, end)
    )
    assert [one.what for one in notices] == ["unacknowledged"]
    assert "no answer to 2 of 2 topics" in notices[0].text
    assert seen_seconds(told, "alpha", "BTC", "BTC-USDT") == seconds(
        NOON + 70 * SECOND, NOON + 3 * MINUTE
    )
    assert seen_seconds(told, "alpha", "ETH") == seconds(
        NOON + 130 * SECOND, NOON + 3 * MINUTE
    )


def test_unnamed_acknowledgements_count_when_every_request_has_its_own():
    said = opened("beta", "all", ("XBT", "ETH"), WANTS)
    two = msgspec.structs.replace(said, topics=("liq.all", "liq.more"))
    begin = [entry(Kind.OPENED, NOON + 1, 1, two)]
    ack = [entry(Kind.FRAME, NOON + 2, 1, {"ack": []})]
    again = [entry(Kind.FRAME, NOON + 3, 1, {"ack": []})]
    assert taken(START, begin, ack)[2].feeds[0].state == "connecting"
    assert taken(START, begin, ack, again)[2].feeds[0].state == "observed"


def test_a_refused_topic_is_a_gap_and_a_notice():
    said = opened("alpha", "linear", ("BTCUSDT", "ETHUSDT"), WANTS)
    end = NOON + HOUR + MINUTE + SECOND
    answers = [
        entry(Kind.FRAME, NOON + 2, 2, {"ack": ["liq.ETHUSDT"]}),
        entry(Kind.FRAME, NOON + 3, 2, {"refused": ["liq.BTCUSDT"]}),
    ]
    told, notices, found = taken(
        START, [entry(Kind.OPENED, NOON + 1, 2, said)], answers, inverse(1, NOON + 4),
        ticks(NOON, end), liquidations(2, "ETHUSDT", range(NOON, end, MINUTE)),
        liquidations(1, "BTCUSD", range(NOON + 1000, end, MINUTE)),
    )  # fmt: skip
    assert [one.what for one in notices] == ["refused"]
    assert "alpha.linear refuses liq.BTCUSDT: no such" in notices[0].text
    states = {(f.line, f.want): (f.state, f.refused) for f in found.feeds}
    assert states["linear", "liquidations"] == ("refused", ("BTCUSDT",))
    assert states["inverse", "liquidations"] == ("observed", ())
    gaps = [(g["market"], g["reason"]) for g in told["gap"]]
    assert set(gaps) == {("BTC-USDT", "refused")}
    assert seen_seconds(told, "alpha", "BTC", "BTC-USDT") == set()
    whole = seconds(NOON + SECOND, NOON + HOUR + MINUTE)
    assert seen_seconds(told, "alpha", "BTC", "BTC-USD") == whole
    assert seen_seconds(told, "alpha", "ETH") == whole


@pytest.mark.parametrize(
    ("reason", "begin", "words"),
    [
        ("lifetime", 89, "reconnect"), ("code 1006", 80, "reconnect"),
        ("dead", 80, "dead connection"), ("stopped", 89, "recorder down"),
    ],
)  # fmt: skip
def test_a_hole_begins_a_second_before_the_last_sign_of_life(reason, begin, words):
    """Only ends that we made ourselves prove that the connection lived so long."""
    pong = [entry(Kind.PONG, NOON + at * SECOND + 5, 7) for at in (25, 50, 70, 81)]
    told, _, _ = taken(
        START, linear(7, NOON + 10, ("ETHUSDT",)), pong,
        [entry(Kind.CLOSED, NOON + 90 * SECOND + 7, 7, Closed(reason=reason))],
        linear(2, NOON + 100 * SECOND, ("ETHUSDT",)),
        ticks(NOON, NOON + 3 * MINUTE),
    )  # fmt: skip
    (gap,) = told["gap"]
    assert (gap["ts_event"], gap["ts_end"], gap["reason"]) == (
        NOON + begin * SECOND, NOON + 101 * SECOND, words
    )  # fmt: skip


def test_what_the_journal_lost_is_a_gap():
    lost = Lost(
        first=NOON + 70 * SECOND, last=NOON + 75 * SECOND, entries=3, size=9,
        reason="damaged",
    )  # fmt: skip
    told, notices, _ = taken(
        START, linear(2, NOON + 10, ("ETHUSDT",)), ticks(NOON, NOON + 3 * MINUTE),
        [entry(Kind.LOST, NOON + 75 * SECOND, 0, lost)],
    )  # fmt: skip
    (gap,) = told["gap"]
    assert (gap["ts_event"] - NOON, gap["ts_end"] - NOON) == (69 * SECOND, 75 * SECOND)
    assert gap["reason"] == "journal damaged"
    assert [one.what for one in notices] == ["journal_lost"]


def test_frames_that_nobody_understands_are_counted_kept_and_said_seldom():
    frames = [
        entry(Kind.FRAME, NOON + 30 * SECOND + place * SECOND // 10, 2, b"{" * 400)
        for place in range(50)
    ]
    told, notices, found = taken(
        START,
        linear(2, NOON + 10, ("ETHUSDT",)),
        frames,
        ticks(NOON, NOON + 2 * MINUTE),
    )
    assert [(one.what, len(one.frame)) for one in notices] == [("decode_error", 200)]
    assert found.feeds[0].decode_errors == 50
    (tally,) = [row for row in told["tally"] if row["name"] == "decode_errors"]
    assert (tally["count"], tally["asset"], tally["kind"]) == (50, "", "liquidation")
    missing = seconds(NOON + SECOND, NOON + MINUTE) - seen_seconds(told, "alpha", "ETH")
    assert missing == seconds(NOON + 29 * SECOND, NOON + 36 * SECOND)


def test_a_frame_of_an_unknown_connection_is_no_fact():
    told, notices, found = taken(START, liquidations(9, "XBT", [NOON + 5, NOON + 6]))
    assert told == {"coverage": []}
    assert [one.what for one in notices] == ["unknown_connection"]
    assert found.unknown == 2


def test_what_the_lake_was_told_long_ago_and_nobody_watched_since_is_a_gap():
    pipeline = Pipeline(VENUES)
    before = NOON - 5 * HOUR
    known = {Name("alpha", "liquidations", "ETH", ""): before}
    pipeline.resume(before, Recalled(coverage=known, polled={}))
    told, _, _ = taken(
        START, linear(2, NOON + 10, ("ETHUSDT",)), ticks(NOON, NOON + 2 * MINUTE),
        pipeline=pipeline,
    )  # fmt: skip
    (gap,) = told["gap"]
    assert (gap["ts_event"], gap["ts_end"]) == (before, NOON + SECOND)
    assert gap["reason"] == "recorder down"


def test_a_long_outage_is_told_at_every_full_hour():
    end = NOON + 3 * HOUR
    told, _, _ = taken(
        START, linear(2, NOON + 10, ("ETHUSDT",)),
        [entry(Kind.CLOSED, NOON + MINUTE, 2, Closed(reason="code 1006"))],
        [entry(Kind.TICK, time) for time in range(NOON, end, SECOND)],
    )  # fmt: skip
    edges = [(g["ts_event"] - NOON, g["ts_end"] - NOON) for g in told["gap"]]
    assert edges == [(SECOND, HOUR), (HOUR, 2 * HOUR)]


def test_two_equal_orders_of_one_push_stay_two():
    order = ("ETHUSDT", NOON + 5, "1", "sell", 100.0, 100)
    other = ("ETHUSDT", NOON + 5, "2", "sell", 100.0, 100)
    push = frame("liq", order, other)
    told, _, found = taken(
        START, linear(2, NOON + 10, ("ETHUSDT",)),
        [entry(Kind.FRAME, NOON + SECOND + t, 2, push) for t in (0, 1)],
        ticks(NOON, NOON + 2 * MINUTE),
    )  # fmt: skip
    assert [row["id"] for row in told["liquidation"]] == ["1", "2"]
    assert found.feeds[0].duplicates == 2
    assert found.feeds[0].lag == SECOND - 5


def test_saturated_seconds_are_those_in_which_a_throttled_market_spoke():
    at = [NOON + MINUTE + t for t in (1, 2, SECOND, 3 * SECOND)]
    told, _, found = taken(
        START, list(subscribed(1, "beta", "all", ("XBT", "ETH"), WANTS, NOON)),
        liquidations(1, "XBT", at), ticks(NOON, NOON + 3 * MINUTE),
    )  # fmt: skip
    (tally,) = [row for row in told["tally"] if row["name"] == "saturated"]
    assert (tally["market"], tally["count"]) == ("BTC-USDT", 3)
    assert tally["ts_event"] == NOON + MINUTE
    assert found.feeds[0].saturated_s == 3


def polled(time, *times):
    told = Polled(exchange="alpha", poll="interest", symbol="BTCUSDT", status=200)
    body = msgspec.json.encode([{"time": one, "size": 5} for one in times])
    return entry(Kind.POLLED, time, 0, msgspec.json.encode(told) + b"\n" + body)


def test_polls_tell_what_is_newer_than_all_before():
    """Also after a restart, where the lake remembers."""
    answers = [
        polled(NOON + 1, 10, 20),
        polled(NOON + 2, 10, 20, 30),
        polled(NOON + 3, 20),
    ]
    told, _, found = taken(START, answers)
    assert [r["ts_event"] for r in told["open_interest"]] == [10, 20, 30]
    assert (found.feeds[0].events, found.feeds[0].duplicates) == (3, 3)
    pipeline = Pipeline(VENUES)
    feed = ("open_interest", ("alpha-rest", "alpha", "BTC", "BTC-USDT"))
    pipeline.resume(NOON, Recalled(coverage={}, polled={feed: 20}))
    told, _, _ = taken(START, answers, pipeline=pipeline)
    assert [r["ts_event"] for r in told["open_interest"]] == [30]


def test_a_poll_that_fails_is_said_and_down_when_it_lasts():
    told = Polled(exchange="alpha", poll="interest", symbol="BTCUSDT", status=429)
    refused = [
        entry(Kind.POLLED, NOON + t * SECOND, 0, msgspec.json.encode(told) + b"\nslow")
        for t in range(10, 70, 10)
    ]
    _, notices, found = taken(START, [polled(NOON + SECOND, 10)], refused)
    assert [one.what for one in notices] == ["poll_failed"]
    assert "alpha.interest of BTCUSDT: HTTP 429" in notices[0].text
    (feed,) = found.feeds
    assert (feed.state, feed.decode_errors, feed.last_frame) == (
        "down",
        6,
        NOON + SECOND,
    )


def test_a_storm_of_duplicates_is_said_and_health_is_json():
    push = frame("liq", ("ETHUSDT", NOON + 5, "1", "sell", 100.0, 100))
    again = [entry(Kind.FRAME, NOON + SECOND + t, 2, push) for t in range(150)]
    _, notices, found = taken(
        START, linear(2, NOON + 10, ("ETHUSDT",)), again, ticks(NOON, NOON + 2 * MINUTE)
    )
    assert [(one.what, one.count) for one in notices] == [("duplicates", 149)]
    told = msgspec.json.decode(msgspec.json.encode(found))
    assert told["feeds"][0] | {
        "exchange": "alpha", "line": "linear", "want": "liquidations", "frames": 150,
        "state": "observed", "events": 1, "duplicates": 149, "connections": 1,
    } == told["feeds"][0]  # fmt: skip


def gap_seconds(told, market, kind="liquidation"):
    """Seconds of Alpha's BTC that lie in a gap of a market, or of all."""
    return {
        second
        for row in told["gap"]
        if row["kind"] == kind and row["asset"] in ("", "BTC")
        if row["market"] in ("", market)
        for second in seconds(row["ts_event"], row["ts_end"])
    }


@pytest.mark.parametrize("other_lives", [True, False])
def test_a_line_that_is_refused_after_a_drop_is_in_a_gap_from_the_drop_on(other_lives):
    """Told by markets from the refusal on, it leaves no second between the two."""
    drop, end = NOON + MINUTE + 300_000, NOON + 3 * MINUTE + SECOND
    anew = opened("alpha", "inverse", ("BTCUSD",), WANTS)
    cut = [] if other_lives else [entry(Kind.CLOSED, drop, 2, GONE)]
    told, _, _ = taken(
        START, linear(2, NOON + 10), inverse(1, NOON + 10), ticks(NOON, end),
        [
            entry(Kind.CLOSED, drop, 1, GONE),
            *cut,
            entry(Kind.OPENED, drop + 20 * SECOND, 3, anew),
            entry(Kind.FRAME, drop + 20 * SECOND + 9, 3, {"refused": ["liq.BTCUSD"]}),
            entry(Kind.CLOSED, drop + 21 * SECOND, 3, Closed(reason="refused")),
            entry(Kind.STOPPED, end, 0),
        ],
    )  # fmt: skip
    since = NOON + 49 * SECOND  # the last pong came at 50 s
    assert gap_seconds(told, "BTC-USD") == seconds(since, end - end % SECOND)
    linear_gap = gap_seconds(told, "BTC-USDT")
    refusal = drop + 20 * SECOND
    assert linear_gap == (
        seconds(since, refusal + SECOND - refusal % SECOND)
        if other_lives
        else seconds(since, end - end % SECOND)
    )


def test_a_hole_that_lasts_when_the_recorder_ends_is_told_then():
    """As of a line that a venue sends away (429) ever since it was dropped."""
    drop, end = NOON + MINUTE, NOON + 20 * MINUTE
    told, _, _ = taken(
        START, linear(2, NOON + 10), inverse(1, NOON + 10), ticks(NOON, end),
        [
            entry(Kind.CLOSED, drop + 5, 1, GONE),
            entry(Kind.STOPPED, end, 0),
        ],
    )  # fmt: skip
    assert gap_seconds(told, "BTC-USD") == seconds(NOON + 49 * SECOND, end)


@pytest.mark.parametrize(("late", "begin"), [(300_000, 61), (46 * SECOND, 16)])
def test_what_was_on_its_way_when_a_line_was_late_lies_in_the_hole_of_its_end(
    late, begin
):
    """The hole begins at the venue's time of what came last, less a second."""
    end = NOON + 4 * MINUTE
    push = frame(
        "liq", ("BTCUSDT", NOON + 62 * SECOND + SECOND // 2 - late, "1", "sell", 1.0, 9)
    )
    told, _, _ = taken(
        START, linear(2, NOON + 10, ("BTCUSDT",)),
        [
            entry(Kind.FRAME, NOON + 62 * SECOND + SECOND // 2, 2, push),
            *(entry(Kind.PONG, NOON + t * SECOND, 2) for t in (20, 40, 60)),
            entry(Kind.CLOSED, NOON + 80 * SECOND, 2, Closed(reason="dead")),
            *(entry(Kind.TICK, time) for time in range(NOON, end, SECOND)),
            entry(Kind.STOPPED, end, 0),
        ],
    )  # fmt: skip
    assert gap_seconds(told, "BTC-USDT") == seconds(NOON + begin * SECOND, end)
