"""The journal gives back what it took, whatever happens to its writer and its files."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _journals import NOON, files, frame, frames, read, write
from washout.clock import HOUR, MINUTE
from washout.collect import _blocks
from washout.collect.entries import Closed, Entry, Kind, Listed, Lost, Opened, Started
from washout.collect.journal import (
    Extent,
    JournalWriter,
    journal_extent,
    lost_entry,
    read_journal,
    repair,
    trim,
)
from washout.errors import LakeBusy, LakeError, LakeTooNew


@pytest.fixture(autouse=True, scope="module")
def patient_disk():
    """What is written need not outlive the machine here: test_journal_failures does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


STARTED = Entry(
    Kind.STARTED, NOON, 0,
    msgspec.json.encode(
        Started(washout="1", scopes=("binance:BTC",), wants=(), durability="1s")
    ),
)  # fmt: skip


def opened(connection, ts):
    told = Opened(
        exchange="binance", line="usd", url="ws://", topics=("a",), carries={}
    )
    return Entry(Kind.OPENED, ts, connection, msgspec.json.encode(told))


def closed(connection, ts):
    told = Closed(reason="lifetime")
    return Entry(Kind.CLOSED, ts, connection, msgspec.json.encode(told))


entries = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from([Kind.FRAME, Kind.TICK, Kind.PONG, Kind.POLLED]),
        ts=st.integers(NOON - 3 * HOUR, NOON + 3 * HOUR),
        connection=st.integers(0, 40),
        payload=st.binary(max_size=300),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(entries, max_size=8), most=st.integers(1, 2000))
def test_what_is_appended_is_read_whatever_the_clock_does_and_wherever_segments_end(
    batches, most
):
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), *batches, segment_bytes=most)
        found, lost = read(Path(name))
        assert found == [entry for batch in batches for entry in batch]
        assert lost == []
        assert repair(Path(name)).cut == 0


def test_segments_end_with_the_hour_and_are_named_after_their_first_entry(tmp_path):
    write(
        tmp_path, [frame(0, ts=NOON - 1)], [frame(1, ts=NOON)],
        [frame(2, ts=NOON + HOUR - 1)], [frame(3, ts=NOON + HOUR)],
    )  # fmt: skip
    assert [path.name for path in files(tmp_path)] == [
        "00000001-20261125T115959.999999Z.journal",
        "00000002-20261125T120000.000000Z.journal",
        "00000003-20261125T130000.000000Z.journal",
    ]
    line = files(tmp_path)[1].read_bytes().partition(b"\n")[0]
    assert line.startswith(b'{"washout_journal":1,"segment":2,"number":1,')


def test_segments_end_when_they_are_full(tmp_path):
    write(tmp_path, *(frames(n, n + 5) for n in range(0, 50, 5)), segment_bytes=500)
    assert 2 < len(files(tmp_path)) < 10
    assert read(tmp_path) == (frames(0, 50), [])


def test_a_journal_cut_at_any_byte_gives_a_prefix_and_says_what_is_torn(tmp_path):
    batches = [frames(0, 3), frames(3, 4), frames(4, 9)]
    write(tmp_path / "whole", *batches)
    [path] = files(tmp_path / "whole")
    content, seen = path.read_bytes(), set()
    for cut in range(len(content)):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / path.name).write_bytes(content[:cut])
        found, lost = read(folder)
        assert found == frames(0, len(found))
        assert len(found) in (0, 3, 4)
        mended = repair(folder)
        assert mended.cut == sum(hole.size for hole in lost)
        assert mended.last == (found[-1].ts if found else None)
        assert read(folder) == (found, [])
        write(folder, frames(50, 52))
        assert read(folder) == ([*found, *frames(50, 52)], [])
        seen.add((len(found), bool(lost)))
        shutil.rmtree(folder)
    assert seen == {(n, torn) for n in (0, 3, 4) for torn in (False, True)}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_costs_at_most_its_block_and_the_hole_is_told(data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, *(frames(n, n + 4) for n in range(0, 40, 4)), segment_bytes=400)
        path = data.draw(st.sampled_from(files(folder)))
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) * 8 - 1))
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        found, lost = read(folder)
        gone = [f for f in frames(0, 40) if f not in found]
        assert found == [f for f in frames(0, 40) if f not in gone]
        assert len(gone) in (0, 4)
        if gone:
            [hole] = lost
            assert hole.first <= gone[0].ts
            assert hole.last is None or hole.last >= gone[-1].ts
            assert hole.entries in (4, None)


def test_a_damaged_block_is_skipped_and_its_stretch_known_from_its_neighbours(tmp_path):
    write(tmp_path, frames(0, 2), frames(2, 5), frames(5, 6))
    [path] = files(tmp_path)
    content = bytearray(path.read_bytes())
    _, at = _blocks.read_title(memoryview(content))
    second = list(_blocks.scan(memoryview(bytes(content)), at))[1]
    content[second.end - 3] ^= 1
    path.write_bytes(content)
    told = list(read_journal(tmp_path))
    hole = Lost(
        first=NOON + 1, last=NOON + 5, entries=3, size=second.end - second.begin,
        reason="damaged",
    )  # fmt: skip
    assert told == [frames(0, 2), [lost_entry(hole)], frames(5, 6)]
    assert repair(tmp_path).cut == 0


def test_a_segment_that_is_missing_is_told_with_the_number_of_its_entries(tmp_path):
    write(tmp_path, *(frames(n, n + 5) for n in (0, 5, 10)), segment_bytes=1)
    files(tmp_path)[1].unlink()
    found, [hole] = read(tmp_path)
    assert found == [*frames(0, 5), *frames(10, 15)]
    assert (hole.first, hole.last, hole.entries) == (NOON + 4, NOON + 10, 5)
    assert hole.reason == "missing"


def test_garbage_at_the_tail_is_cut_and_counted(tmp_path):
    write(tmp_path, frames(0, 3))
    [path] = files(tmp_path)
    with path.open("ab") as handle:
        handle.write(_blocks.MAGIC * 9 + bytes(4096))
    _, [hole] = read(tmp_path)
    assert (hole.last, hole.size, hole.reason) == (None, 4132, "torn off")
    writer = write(tmp_path, frames(3, 4))
    assert writer.repaired.cut == 4132
    assert writer.repaired.last == NOON + 2
    assert read(tmp_path) == (frames(0, 4), [])


def test_a_newer_journal_is_refused_and_a_newer_entry_is_not_guessed(tmp_path):
    write(tmp_path, frames(0, 1))
    [path] = files(tmp_path)
    title = _blocks.Title(washout_journal=9, segment=1, number=0, first=NOON)
    path.write_bytes(_blocks.title_line(title))
    with pytest.raises(LakeTooNew, match="format 9"):
        read(tmp_path)
    with pytest.raises(LakeTooNew):
        JournalWriter(tmp_path)


def test_reading_that_begins_amid_a_recording_restates_what_goes_on(tmp_path):
    write(
        tmp_path, [STARTED, opened(1, NOON), opened(2, NOON)], [closed(1, NOON + 5)],
        [frame(1, ts=NOON + HOUR)], [opened(3, NOON + HOUR + 1)],
        [frame(2, ts=NOON + 2 * HOUR)],
    )  # fmt: skip

    def at(ts, *told):
        return [msgspec.structs.replace(entry, ts=ts) for entry in told]

    second, third = NOON + HOUR, NOON + 2 * HOUR
    resumed = Entry(Kind.RESUMED, third, 0)
    assert list(read_journal(tmp_path, third)) == [
        [resumed, *at(third, STARTED, opened(2, 0), opened(3, 0))],
        [frame(2, ts=third)],
    ]
    [restated, *rest] = read_journal(tmp_path, third - 1)
    assert [e.kind for e in restated] == [Kind.RESUMED, Kind.STARTED, Kind.OPENED]
    assert rest == [
        [frame(1, ts=second)], [opened(3, second + 1)], [frame(2, ts=third)]
    ]  # fmt: skip
    assert all(e[0].kind is not Kind.RESUMED for e in read_journal(tmp_path))


def test_of_lists_of_instruments_the_last_of_each_exchange_is_restated(tmp_path):
    def listed(exchange, symbol):
        told = Listed(exchange=exchange, instruments=({"symbol": symbol},))
        return Entry(Kind.LISTED, NOON, 0, msgspec.json.encode(told))

    one, two, other = listed("bybit", "A"), listed("bybit", "B"), listed("okx", "A")
    write(tmp_path, [STARTED, one, other, two, one], [frame(1, ts=NOON + HOUR)])
    [[_, _, *lists], _] = read_journal(tmp_path, NOON + HOUR)
    assert [entry.payload for entry in lists] == [one.payload, other.payload]


def test_a_segment_that_begins_with_a_start_restates_nothing(tmp_path):
    write(tmp_path, [STARTED, opened(1, NOON)])
    write(tmp_path, [msgspec.structs.replace(STARTED, ts=NOON + 9)])
    [only] = read_journal(tmp_path, NOON + 9)
    assert [entry.kind for entry in only] == [Kind.STARTED]


def test_a_journal_has_one_writer(tmp_path):
    writer = JournalWriter(tmp_path, durability="sync")
    with pytest.raises(LakeBusy, match="Stop that recorder"):
        JournalWriter(tmp_path)
    with pytest.raises(LakeBusy):
        repair(tmp_path)
    writer.close()
    JournalWriter(tmp_path).close()


def test_a_block_that_is_being_written_is_not_called_torn(tmp_path):
    writer = JournalWriter(tmp_path, durability="sync")
    writer.append(frames(0, 2))
    [path] = files(tmp_path)
    with path.open("ab") as handle:
        handle.write(_blocks.pack(frames(2, 4), 2)[:-1])
    assert read(tmp_path) == (frames(0, 2), [])
    writer.close()
    assert read(tmp_path)[1][0].reason == "torn off"


def test_a_follower_gets_what_is_written_while_it_reads_and_ends_with_the_writer(
    tmp_path,
):
    writer = JournalWriter(tmp_path, durability="sync", segment_bytes=300)
    writer.append(frames(0, 2))
    following = read_journal(tmp_path, follow=True, pause=0.001)
    assert next(following) == frames(0, 2)
    seen, reached = [], threading.Event()

    def follow():
        for batch in following:
            seen.extend(batch)
            if len(seen) == 30:
                reached.set()

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(2, 32):
        writer.append(frames(number, number + 1))
    assert reached.wait(30)
    writer.append(frames(32, 33))
    writer.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == frames(2, 33)
    assert len(files(tmp_path)) > 2


def test_the_thread_makes_entries_durable_without_being_asked(tmp_path):
    writer = JournalWriter(tmp_path)
    assert writer.append(frames(0, 5)) == frames(0, 5)
    while not files(tmp_path) or not read(tmp_path)[0]:
        threading.Event().wait(0.01)
    assert list(read_journal(tmp_path)) == [frames(0, 5)]
    writer.close()


def test_the_extent_of_a_journal_is_known_from_its_edges(tmp_path):
    assert journal_extent(tmp_path / "none") == Extent(
        first=None, last=None, bytes=0, entries=0, segments=0
    )
    write(tmp_path, *(frames(n, n + 5) for n in (0, 5, 10)), segment_bytes=1)
    files(tmp_path)[0].unlink()
    assert journal_extent(tmp_path) == Extent(
        first=NOON + 5, last=NOON + 14, entries=10, segments=2,
        bytes=sum(path.stat().st_size for path in files(tmp_path)),
    )  # fmt: skip


def test_trimming_deletes_whole_segments_that_nobody_needs(tmp_path):
    write(
        tmp_path, *([frame(n, ts=NOON + n * MINUTE)] for n in range(6)), segment_bytes=1
    )
    names = files(tmp_path)
    assert trim(tmp_path, NOON - 1, watermark=NOON + HOUR) == 0
    assert trim(tmp_path, NOON + HOUR, watermark=NOON + 2 * MINUTE) > 0
    assert files(tmp_path) == names[2:]
    trim(tmp_path, NOON + 3 * MINUTE + 1, watermark=NOON + HOUR)
    assert files(tmp_path) == names[3:]
    trim(tmp_path, NOON + HOUR, watermark=NOON + HOUR)
    assert files(tmp_path) == names[5:], "the last segment stays"
    assert trim(tmp_path / "none", NOON, watermark=NOON) == 0
    found, lost = read(tmp_path)
    assert found == [frame(5, ts=NOON + 5 * MINUTE)]
    assert lost == []


def test_a_journal_that_cannot_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="file"):
        JournalWriter(tmp_path / "file" / "journal")
