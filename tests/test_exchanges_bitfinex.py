"""Bitfinex speaks in arrays, whose places have no names that the laws could change."""

from __future__ import annotations

import json

import pytest

from _frames import frames
from washout.exchanges import Said, Unexplained
from washout.exchanges.bitfinex import decode

OURS = [frame for frame in frames() if frame.exchange.name == "bitfinex"]
[EXECUTED] = [f for f in OURS if "2830" in f.told["source"]]
[TRIGGERED] = [f for f in OURS if "2838" in f.told["source"]]
WRONG = ([], {}, "x", None, True, "1594036710543")
UNREAD = {3, 6, 7, 10}
"""Two that are not documented, the price of entry, and one more."""


def row(**places):
    """The execution with other things at some of its places."""
    frame = json.loads(EXECUTED.told["raw"])
    for place, value in places.items():
        frame[1][0][int(place[1:])] = value
    return json.dumps(frame).encode()


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("place", range(12))
def test_a_place_of_another_sort_is_never_made_up(place, wrong):
    payload = row(**{f"_{place}": wrong})
    if place in UNREAD - {6}:
        assert decode(payload, EXECUTED.received, {}) == EXECUTED.decode()
        return
    with pytest.raises(Unexplained):
        decode(payload, EXECUTED.received, {})


@pytest.mark.parametrize("length", range(12))
def test_a_row_that_is_too_short_is_unexplained(length):
    frame = json.loads(EXECUTED.told["raw"])
    frame[1][0] = frame[1][0][:length]
    with pytest.raises(Unexplained, match="xpected"):
        decode(json.dumps(frame).encode(), 0, {})


@pytest.mark.parametrize(
    ("place", "value"),
    [(8, 2), (8, -1), (9, 2), (5, 0), (11, 0), (11, -235.52), (2, 1.5)],
)
def test_a_number_that_means_nothing_is_unexplained(place, value):
    with pytest.raises(Unexplained):
        decode(row(**{f"_{place}": value}), 0, {})


def test_the_price_of_entry_is_not_read():
    moved = decode(row(_6=99_999.5), EXECUTED.received, {})
    assert moved == EXECUTED.decode()


def test_a_trigger_and_its_execution_are_one_liquidation():
    found = [frame.decode() for frame in (TRIGGERED, EXECUTED)]
    events = [one for said in found if not isinstance(said, Said) for one in said]
    assert [(one.liquidated, one.quantity, one.usd) for one in events] == [
        ("short", 4.56671421, 107555)
    ]


def test_two_executions_of_one_position_are_two():
    frame = json.loads(EXECUTED.told["raw"])
    frame[1].append([*frame[1][0][:5], -4.03398579, *frame[1][0][6:]])
    found = decode(json.dumps(frame).encode(), 0, {})
    assert len({one.id for one in found}) == 2
    assert sum(one.quantity for one in found) == pytest.approx(8.6007)


@pytest.mark.parametrize("channel", [907, 1, 386841])
def test_the_number_of_the_channel_does_not_matter(channel):
    frame = json.loads(EXECUTED.told["raw"])
    for shown in ([channel, *frame[1:]], [channel, frame[1]]):
        found = decode(json.dumps(shown).encode(), EXECUTED.received, {})
        assert found == EXECUTED.decode()


def test_names_at_the_end_must_be_those_of_the_feed():
    frame = json.loads(EXECUTED.told["raw"])
    for names in (["trades", "tBTCUSD"], ["liquidations"], [1, 2]):
        with pytest.raises(Unexplained):
            decode(json.dumps([*frame[:4], *names]).encode(), 0, {})
