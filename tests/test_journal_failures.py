"""A journal's disk fails, its writer is killed: what was acknowledged is there, once."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from _journals import NOON, files, frame, frames, read
from washout.clock import HOUR
from washout.collect.entries import Kind, Lost
from washout.collect.journal import JournalWriter, repair
from washout.errors import LakeError

HARNESS = Path(__file__).parent / "journal_harness.py"
CALLS = ("open", "write", "fsync", "ftruncate")


def failing(monkeypatch, fails, code=errno.ENOSPC):
    """Calls that change the disk fail where `fails(number)`; a write does half first."""
    calls = iter(range(1_000_000))

    def guarded(name, function):
        def call(*args, **kwargs):
            if name == "open" and not args[1] & os.O_CREAT:
                return function(*args, **kwargs)
            if fails(next(calls)):
                if name == "write":
                    function(args[0], args[1][: len(args[1]) // 2])
                raise OSError(code, os.strerror(code))
            return function(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, guarded(name, getattr(os, name)))
    return calls


@pytest.mark.parametrize("lasting", [1, 2, 5])
def test_whatever_call_the_disk_refuses_each_entry_is_acknowledged_and_read_once(
    tmp_path, monkeypatch, lasting
):
    met, fatal = 0, 0
    while met == fatal:
        folder = tmp_path / str(fatal)
        batches = [
            [frame(n, ts=NOON + n * HOUR // 2), frame(n + 1, ts=NOON + n * HOUR // 2)]
            for n in range(0, 12, 2)
        ]
        writer = JournalWriter(folder, durability="sync", segment_bytes=400)
        acknowledged = []
        with monkeypatch.context() as patch:
            failing(patch, lambda n, at=fatal: at <= n < at + lasting)
            for batch in batches:
                try:
                    acknowledged += writer.append(batch)
                except LakeError as error:
                    met = fatal + 1
                    assert "No space left" in str(error)
                    assert "MB are held in memory" in str(error)
                    assert writer.state().trouble == os.strerror(errno.ENOSPC)
                found, lost = read(folder)
                assert found[: len(acknowledged)] == acknowledged
                assert lost == []
        acknowledged += writer.append([frame(99, ts=NOON + 9 * HOUR)])
        assert writer.state().trouble is None
        writer.close()
        wanted = [*(entry for batch in batches for entry in batch)]
        assert acknowledged == [*wanted, frame(99, ts=NOON + 9 * HOUR)]
        assert read(folder) == (acknowledged, [])
        assert repair(folder).cut == 0
        fatal += 1
    assert fatal > 20


def test_a_full_disk_bounds_memory_and_what_was_refused_is_in_the_journal(
    tmp_path, monkeypatch
):
    writer = JournalWriter(tmp_path, durability="1s", most_held=2_000)
    with monkeypatch.context() as patch:
        failing(patch, lambda _: True)
        held = writer.append(frames(0, 10))
        assert held == frames(0, 10), "they are in memory"
        for first in (10, 15, 20):
            with pytest.raises(LakeError, match=r"No space left.*free space"):
                writer.append(frames(first, first + 5))
        assert writer.state().held < 2_000
        assert writer.state().dropped == 15
    told = writer.append(frames(25, 26))
    writer.close()
    hole = msgspec.json.decode(told[0].payload, type=Lost)
    assert (hole.first, hole.last, hole.entries) == (NOON + 10, NOON + 24, 15)
    assert "No space left" in hole.reason
    assert told[0].kind is Kind.LOST
    assert told[1:] == frames(25, 26)
    assert read(tmp_path) == ([*frames(0, 10), *frames(25, 26)], [hole])


def test_what_was_refused_last_is_told_when_the_writer_closes(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path, durability="sync", most_held=500)
    with monkeypatch.context() as patch:
        failing(patch, lambda _: True, errno.EIO)
        for first in (0, 3):
            with pytest.raises(LakeError, match="nput/output error"):
                writer.append(frames(first, first + 3))
    writer.close()
    found, [hole] = read(tmp_path)
    assert found == frames(0, 3)
    assert (hole.first, hole.last, hole.entries) == (NOON + 3, NOON + 5, 3)


def test_a_writer_that_cannot_write_its_rest_says_so_and_lets_go(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path, durability="sync")
    with monkeypatch.context() as patch:
        failing(patch, lambda _: True)
        with pytest.raises(LakeError):
            writer.append(frames(0, 3))
        with pytest.raises(LakeError, match="No space left"):
            writer.close()
    assert files(tmp_path) == []
    JournalWriter(tmp_path).close()


def test_callers_at_once_share_writes_and_none_returns_before_its_entries_are_on_disk(
    tmp_path, monkeypatch
):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(1), fsync(handle)))
    writer = JournalWriter(tmp_path, durability="sync")
    wrong = []

    def appending(mine):
        for number in range(20):
            entry = frame(mine * 100 + number)
            writer.append([entry])
            if entry not in read(tmp_path)[0]:
                wrong.append(entry)

    threads = [threading.Thread(target=appending, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert wrong == []
    wanted = [frame(mine * 100 + n) for mine in range(4) for n in range(20)]
    assert sorted(read(tmp_path)[0], key=lambda e: e.ts) == wanted
    assert len(synced) <= 82


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))


def test_a_file_that_may_not_grow_is_left_whole_and_another_is_begun(tmp_path):
    """The kernel refuses in the middle of a write, with `ulimit -f`."""
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(tmp_path), "sync", "300"],
        capture_output=True, text=True, check=False, preexec_fn=limited,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    found, lost = read(tmp_path)
    assert [int(entry.payload[:8]) for entry in found] == list(range(300))
    assert lost == []
    assert all(path.stat().st_size <= 3_000 for path in files(tmp_path))


def kill_rounds(folder, durability, rounds, seed):
    """Kill a writer `rounds` times; every acknowledged entry must be there, once."""
    chance, number = random.Random(seed), 0
    for _ in range(rounds):
        writer = subprocess.Popen(
            [sys.executable, str(HARNESS), str(folder), durability, "1000000"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "FIRST": str(number)},
        )  # fmt: skip
        told = 0
        for _ in range(chance.randrange(1, 40)):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].splitlines()
        told = int(rest[-1]) if rest and rest[-1].isdigit() else told
        repair(folder)
        found, lost = read(folder)
        assert lost == []
        numbers = [int(entry.payload[:8]) for entry in found]
        assert numbers == list(range(len(numbers)))
        if durability == "sync":
            assert len(numbers) > told
        number = len(numbers)
    return number


@pytest.mark.parametrize("durability", ["1s", "sync"])
def test_a_killed_writer_leaves_what_it_acknowledged(tmp_path, durability):
    found = kill_rounds(tmp_path, durability, 3, seed=durability)
    assert found > 0 or durability == "1s"


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["1s", "sync"])
def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path, durability):
    assert kill_rounds(tmp_path, durability, 200, seed=durability) > 1000
