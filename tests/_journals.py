"""Small journals for tests: entries, and what a reader gets from a folder."""

from __future__ import annotations

import msgspec

from washout.clock import parse_time
from washout.collect.entries import Entry, Kind, Lost
from washout.collect.journal import JournalWriter, read_journal

NOON = parse_time("2026-11-25T12:00")


def frame(number, *, ts=None, size=40):
    payload = f"{number:08d}".encode().ljust(size, b".")
    return Entry(Kind.FRAME, NOON + number if ts is None else ts, 1, payload)


def frames(first, stop, **how):
    return [frame(number, **how) for number in range(first, stop)]


def write(folder, *batches, **how):
    """A journal of these batches, each durable before the next."""
    writer = JournalWriter(folder, durability="sync", **how)
    for batch in batches:
        assert writer.append(batch) == list(batch)
    writer.close()
    return writer


def read(folder, since=None):
    """All entries but the restated ones, and what the reader says is lost."""
    found, lost = [], []
    for entries in read_journal(folder, since):
        if entries[0].kind is Kind.RESUMED:
            continue
        for entry in entries:
            if entry.kind is Kind.LOST:
                lost.append(msgspec.json.decode(entry.payload, type=Lost))
            else:
                found.append(entry)
    return found, lost


def files(folder):
    return sorted(folder.glob("*.journal"))
