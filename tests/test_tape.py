"""The raw tape: numbers, listeners that come again, listeners that are too slow."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from _venue import run
from washout.live.serving import stream
from washout.live.tape import Missed, Tape


def table(*usd):
    return pa.table({"exchange": ["v"] * len(usd), "usd": list(usd)})


def numbers(rows):
    return [row.number for row in rows]


@run
async def test_rows_are_numbered_and_handed_over_in_order():
    tape = Tape(7)
    listener = tape.listen()
    tape.publish(table(100, 200))
    tape.publish(table(300))
    rows = await listener.next()
    assert numbers(rows) == [1, 2, 3]
    assert [msgspec.json.decode(row.content)["usd"] for row in rows] == [100, 200, 300]
    assert [tape.name(row) for row in rows] == ["7-1", "7-2", "7-3"]


@run
async def test_who_comes_again_gets_what_came_meanwhile():
    tape = Tape(7)
    tape.publish(table(1, 2, 3, 4))
    assert numbers(await tape.listen("7-2").next()) == [3, 4]


@run
async def test_who_is_up_to_date_waits_for_the_next_row():
    tape = Tape(7)
    tape.publish(table(1, 2))
    listener = tape.listen("7-2")
    with pytest.raises(TimeoutError):
        await listener.next(0.01)
    tape.publish(table(3))
    assert numbers(await listener.next()) == [3]


@run
async def test_rows_that_are_not_kept_any_more_are_told_as_missed():
    tape = Tape(7, kept=2)
    tape.publish(table(1, 2, 3, 4, 5))
    listener = tape.listen("7-1")
    assert await listener.next() == Missed(2, 3, "not kept any more")
    assert numbers(await listener.next()) == [4, 5]


@run
async def test_numbers_of_another_recording_are_told_apart():
    tape = Tape(8)
    tape.publish(table(1, 2))
    listener = tape.listen("7-1")
    missed = await listener.next()
    assert "another recording" in missed.reason
    assert numbers(await listener.next()) == [1, 2]


@run
async def test_a_listener_that_is_too_slow_is_dropped_and_told_after_what_it_had():
    tape = Tape(7)
    slow, quick = tape.listen(most=3), tape.listen()
    tape.publish(table(1, 2, 3))
    tape.publish(table(4))
    assert tape.listeners == {quick}
    assert tape.dropped == 1
    assert numbers(await slow.next()) == [1, 2, 3]
    missed = await slow.next()
    assert (missed.first, missed.last) == (4, 4)
    assert numbers(await quick.next()) == [1, 2, 3, 4]


@run
async def test_the_stream_of_a_dropped_listener_says_so_and_ends():
    tape = Tape(7)
    listener = tape.listen(most=1)
    tape.publish(table(1))
    tape.publish(table(2))
    parts = [part async for part in stream(tape, listener)]
    assert parts[0] == b": recording 7\n\n"
    assert parts[1].startswith(b"id: 7-1\nevent: liquidation\ndata: {")
    assert parts[2].startswith(b'event: missed\ndata: {"first":2,"last":2,')
    assert len(parts) == 3


@run
async def test_a_listener_that_leaves_is_forgotten():
    tape = Tape(7)
    listener = tape.listen()
    flowing = stream(tape, listener)
    assert await anext(flowing) == b": recording 7\n\n"
    await flowing.aclose()
    assert tape.listeners == set()
