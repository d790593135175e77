"""Laws that every exchange obeys, over frames recorded from it.

Exchanges and their frames are found by themselves: a new one is a file in `exchanges/`,
`tests/frames/NAME.jsonl` and `tests/frames/NAME.subscribe.json`.
"""

from __future__ import annotations

import contextlib
import json
from copy import deepcopy

import msgspec
import pytest

from _frames import EXCHANGES, frames, requests
from washout.clock import parse_time
from washout.events import KINDS
from washout.exchanges import Instrument, Said, Unexplained
from washout.store.trust import fact_at

EVERY = frames()
EVENTFUL = [f for f in EVERY if f.events and "listing" not in f.told]
NEEDED = {
    "liquidation": "asset market ts_event side liquidated quantity price price_kind usd",
    "trade": "asset market ts_event side price quantity usd",
    "candle": "market ts_event price_kind close",
    "open_interest": "market ts_event open_interest open_interest_usd",
    "funding_rate": "market ts_event interval rate",
}
WRONG = ([], {}, "x", -1, None, True)
"""What no venue means by any of its fields."""

of_every_exchange = pytest.mark.parametrize("name", sorted(EXCHANGES))


def plain(events):
    """Events as dictionaries with their kind."""
    names = {kind: name for name, kind in KINDS.items()}
    return [{"kind": names[type(one)], **msgspec.to_builtins(one)} for one in events]


def paths(value, at=()):
    """Every place in parsed JSON at which a key of an object stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


def without(value, path):
    changed = deepcopy(value)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return changed


def replaced(value, path, new):
    changed = deepcopy(value)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    old, inner[path[-1]] = inner[path[-1]], new
    meant = type(old) is type(new) and isinstance(new, (bool, list))
    return None if old == new or meant else changed


@of_every_exchange
def test_every_line_poll_and_listing_has_recorded_frames(name):
    exchange = EXCHANGES[name]
    told = [f.told for f in EVERY if f.exchange is exchange]
    assert {line.name for line in exchange.lines} == {
        t["line"] for t in told if "line" in t
    }
    assert {p.name for p in exchange.polls} == {t["poll"] for t in told if "poll" in t}
    assert {one.url for one in exchange.listings} == {
        t["listing"] for t in told if "listing" in t
    }


@of_every_exchange
def test_every_line_has_a_liquidation_among_its_frames(name):
    for line in EXCHANGES[name].lines:
        kinds = {
            event["kind"]
            for f in EVENTFUL
            if f.exchange.name == name and f.told.get("line") == line.name
            for event in f.events
        }
        assert "liquidation" in kinds, line.name


@pytest.mark.parametrize("frame", EVERY, ids=repr)
def test_a_frame_means_what_was_worked_out_by_hand(frame):
    told = frame.told
    assert told["source"]
    if "unexplained" in told:
        with pytest.raises(Unexplained, match="xpected"):
            frame.decode()
        return
    found = frame.decode()
    if "listing" in told:
        assert found == msgspec.convert(told["expected"], list[Instrument])
    elif "expected" in told:
        assert_says(plain(found), told["expected"], frame.received)
    else:
        what = "ignored" if "ignored" in told else told["said"]
        assert isinstance(found, Said)
        assert found.what == what
        assert list(found.topics) == told.get("topics", list(found.topics))
        if "answer" in told:
            assert found.answer == told["answer"].encode()


def assert_says(found, expected, received):
    for event in expected:
        missing = set(NEEDED[event["kind"]].split()) - set(event)
        assert not missing, "the frame does not state what its event must have"
    stated = [
        {key: event[key] for key in wanted}
        for event, wanted in zip(found, expected, strict=True)
    ]
    assert stated == expected
    assert {event["ts_recv"] for event in found} == {received}


@pytest.mark.parametrize("frame", EVENTFUL, ids=repr)
def test_ids_are_the_same_each_time_and_tell_events_of_a_frame_apart(frame):
    first, again = frame.decode(), frame.decode()
    assert first == again
    keys = [(type(e), e.market, e.ts_event, getattr(e, "id", None)) for e in first]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("frame", EVENTFUL, ids=repr)
def test_a_field_that_is_missing_or_of_another_sort_is_never_made_up(frame):
    events, whole = frame.decode(), json.loads(frame.told["raw"])
    changed = [without(whole, path) for path in paths(whole)]
    changed += [
        replaced(whole, path, new)
        for path in paths(whole)
        for new in WRONG
        if not (new == -1 and path[-1] in frame.told.get("signed", ()))
    ]
    for value in changed:
        if value is None:
            continue
        with contextlib.suppress(Unexplained):
            found = frame.decode(frame.packed(json.dumps(value).encode()))
            if frame.told.get("partial") and isinstance(found, Said):
                assert found.what == "ignored"
                continue
            assert found == events, value


@pytest.mark.parametrize("frame", EVENTFUL, ids=repr)
def test_a_truncated_frame_is_unexplained_at_every_length(frame):
    payload = frame.payload
    for length in range(len(payload)):
        with pytest.raises(Unexplained):
            frame.decode(payload[:length])


@pytest.mark.parametrize(
    "payload",
    [b"", b"[1]", b"null", b"{}", b"\xff\xfe", b"1", b'"x"', b"[" * 100_000, b"{" * 9],
    ids=lambda payload: repr(payload[:9]),
)
@of_every_exchange
def test_what_is_no_frame_is_unexplained(name, payload):
    for line in EXCHANGES[name].lines:
        with contextlib.suppress(Unexplained):
            said = line.decode(payload, 0, {})
            assert isinstance(said, Said), line.name


@of_every_exchange
def test_frames_together_are_the_frames_one_by_one(name):
    """Where a line reads many frames at once, and says that it can."""
    for line in EXCHANGES[name].lines:
        if line.decode_many is None:
            continue
        mine = [
            f for f in EVENTFUL
            if f.exchange.name == name and f.told.get("line") == line.name
        ]  # fmt: skip
        known = {s: one for f in mine for s, one in f.known.items()}
        held = []
        for frame in mine:
            with contextlib.suppress(Unexplained):
                line.decode_many([frame.payload], [frame.received], known)
                held.append(frame)
        assert held, "no recorded frame is read in the fast way"
        tables = line.decode_many(
            [f.payload for f in held], [f.received for f in held], known
        )
        one_by_one = [event for f in held for event in f.decode()]
        for kind, event in KINDS.items():
            alone = [e for e in one_by_one if type(e) is event]
            together = tables[kind].to_pylist() if kind in tables else []
            assert together == msgspec.to_builtins(alone)


@pytest.mark.parametrize(
    ("exchange", "entry"), requests(), ids=lambda x: getattr(x, "name", None)
)
def test_topics_addresses_and_requests_are_the_documented_ones(exchange, entry):
    line = exchange.line(entry["line"])
    own = msgspec.convert(entry.get("instruments", []), list[Instrument])
    known = {one.symbol: one for one in (*exchange.listed, *own)}
    listed = [known[symbol] for symbol in entry["symbols"]]
    assert all(line.carries(one) for one in listed)
    topics = line.topics(entry["want"], listed)
    assert topics == entry["topics"]
    assert line.locate(topics) == entry["locate"]
    sent = [json.loads(one) for one in line.ask(topics)]
    assert sent == [json.loads(one) for one in entry["ask"]]


@of_every_exchange
def test_every_want_of_every_line_has_a_documented_request(name):
    wants = (
        "liquidations", "trades", "mark_price", "open_interest", "funding_rate",
    )  # fmt: skip
    told = {(e["line"], e["want"]) for x, e in requests() if x.name == name}
    for line in EXCHANGES[name].lines:
        carried = [one for one in EXCHANGES[name].listed if line.carries(one)]
        assert carried, line.name
        for want in wants:
            if line.topics(want, carried):
                assert (line.name, want) in told


@of_every_exchange
def test_many_topics_are_all_asked_for(name):
    for line in EXCHANGES[name].lines:
        carried = next(one for one in EXCHANGES[name].listed if line.carries(one))
        many = [
            msgspec.structs.replace(
                carried, symbol=carried.symbol.replace("BTC", f"C{i}")
            )
            for i in range(450)
        ]
        for want in ("liquidations", "trades"):
            topics = line.topics(want, many)
            sent = b"".join(line.ask(topics)) + line.locate(topics).encode()
            for one in many if len(topics) == len(many) else []:
                assert one.symbol.lower().encode() in sent.lower()


@of_every_exchange
def test_polls_ask_for_their_instrument_over_https(name):
    exchange = EXCHANGES[name]
    for poll in exchange.polls:
        carried = [one for one in exchange.listed if poll.carries(one)]
        addresses = {poll.locate(one) for one in carried}
        assert len(addresses) == len(carried) > 0
        assert all(a.startswith("https://") for a in addresses)


@of_every_exchange
def test_facts_breaks_and_meanings_name_their_source(name):
    exchange = EXCHANGES[name]
    for told in (*exchange.coverage, *exchange.breaks, *exchange.meanings):
        assert len(told.source) > 10
    since = [fact.since for fact in exchange.coverage]
    assert since == sorted(since)


@pytest.mark.parametrize(
    ("name", "at", "before", "after"),
    [
        ("binance", "2021-04-27", None, ("one_per_second", True, "latest")),
        ("binance", "2026-04-10", ("one_per_second", True, "latest"),
         ("one_per_second", True, "largest")),
        ("bybit", "2025-02-25", ("one_per_second", True, "one order"),
         ("all", False, "every")),
        ("okx", "2026-07-19", ("one_per_second", True, "at most one"),
         ("unknown", True, "no longer")),
    ],
)  # fmt: skip
def test_both_sides_of_a_dated_change(name, at, before, after):
    for time, expected in ((parse_time(at) - 1, before), (parse_time(at), after)):
        fact = fact_at(EXCHANGES[name], time)
        if expected is None:
            assert fact is None
        else:
            assert (fact.trust, fact.floor) == expected[:2]
            assert expected[2] in fact.says


def test_what_binance_merged_is_one_fact_on_either_host():
    [usdm] = [f for f in EVENTFUL if "ETHUSD_PERP" in f.told["raw"]]
    lines = usdm.exchange.line("usdm"), usdm.exchange.line("coinm")
    first, second = (
        line.decode(usdm.payload, usdm.received, usdm.known) for line in lines
    )
    assert first == second
