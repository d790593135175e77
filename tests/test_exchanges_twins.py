"""Two connections hear the same frame at different moments and must tell the same facts."""

from __future__ import annotations

import msgspec
import pytest

from _frames import frames

EVENTFUL = [f for f in frames() if f.events and "line" in f.told]


def told(frame, received):
    line = frame.exchange.line(frame.told["line"])
    return [
        msgspec.to_builtins(one)
        for one in line.decode(frame.payload, received, frame.known)
    ]


@pytest.mark.parametrize("frame", EVENTFUL, ids=repr)
def test_twins_tell_the_same_facts_whenever_they_hear_them(frame):
    late = frame.received + 1_234_567
    first, second = told(frame, frame.received), told(frame, late)
    moments = {"ts_recv"}
    if frame.exchange.line(frame.told["line"]).timeless:
        moments.add("ts_event")
        assert {one["ts_event"] for one in second} == {late}
    assert {one["ts_recv"] for one in second} == {late}
    for one in (*first, *second):
        for name in moments:
            del one[name]
    assert first == second


def test_only_bitmex_tells_no_time():
    assert {
        (f.exchange.name, f.told["line"])
        for f in EVENTFUL
        if f.exchange.line(f.told["line"]).timeless
    } == {("bitmex", "realtime")}
