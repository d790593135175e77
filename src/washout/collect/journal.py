"""The journal: what came in, kept before anybody tried to understand it.

A folder of segments (`_segments.py`) of checksummed, packed blocks (`_blocks.py`).
`JournalWriter` appends; here it is read, measured, mended and trimmed. A reader never
fails on a damaged or torn stretch: it goes on behind it and says with an entry of kind
`LOST` what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from washout.collect import _blocks
from washout.collect._blocks import Block, Damage
from washout.collect._segments import (
    LOCK,
    Repaired,
    Segment,
    begin_at,
    content,
    mend,
    segments,
)
from washout.collect._writing import Held, JournalWriter, locked
from washout.collect.entries import Entry, Kind, Lost
from washout.store.files import explained, lock_holder, sync_folder

__all__ = [
    "Extent", "Held", "JournalWriter", "Repaired", "journal_extent", "lost_entry",
    "read_journal", "repair", "trim",
]  # fmt: skip


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal holds: ts of its first and last entry (None: none), and how much."""

    first: int | None
    last: int | None
    bytes: int
    entries: int
    segments: int


def read_journal(
    folder: Path, since: int | None = None, *, follow: bool = False, pause: float = 0.05
) -> Iterator[list[Entry]]:
    """The entries of a journal in order, block by block; lazily.

    Reading begins with the segment that was being written at `since` (microseconds UTC),
    else with the first; if that is amid a recording, with a list that begins with an
    entry `RESUMED`. `follow` waits for more, looking every `pause` seconds, as long as
    somebody writes. LakeTooNew where a newer washout wrote the journal.
    """
    reading = _Reading()
    segment = next(iter(begin_at(segments(folder), since)), None)
    while segment is not None:
        offset, following = 0, None
        while following is None:
            written = lock_holder(folder / LOCK) is not None
            following = _following(folder, segment)
            begun = offset
            for item in _items(segment.path, offset, reading):
                if _unfinished(item) and written and following is None:
                    break
                offset = item.end
                yield from reading.take(item)
            if not (written and follow):
                break
            if following is None and offset == begun:
                time.sleep(pause)
        segment = following
    yield from reading.end()


def _unfinished(item: Block | Damage) -> bool:
    return isinstance(item, Damage) and item.torn


def _following(folder: Path, segment: Segment) -> Segment | None:
    later = (one for one in segments(folder) if one.number > segment.number)
    return next(later, None)


def _items(path: Path, offset: int, reading: _Reading) -> Iterator[Block | Damage]:
    """What is in a segment from `offset` on; nothing if it was trimmed meanwhile."""
    try:
        with path.open("rb") as handle:
            handle.seek(offset)
            data = memoryview(handle.read())
    except FileNotFoundError:
        return
    at = 0
    if offset == 0:
        title, at = _blocks.read_title(data)
        reading.begin(title)
    for item in _blocks.scan(data, at):
        yield msgspec.structs.replace(
            item, begin=item.begin + offset, end=item.end + offset
        )


class _Reading:
    """What a reader knows: the number that must come next, and what it met since."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.last = 0
        self.unreadable = 0
        self.begun = False

    def begin(self, title: _blocks.Title | None) -> None:
        if self.number is None and title is not None:
            self.number, self.last = title.number, title.first

    def take(self, item: Block | Damage) -> Iterator[list[Entry]]:
        if isinstance(item, Damage):
            self.unreadable += item.end - item.begin
        elif not item.restated:
            yield from self._numbered(item)
        elif not self.begun:
            self.begun = True
            yield _blocks.unpack(item)

    def _numbered(self, block: Block) -> Iterator[list[Entry]]:
        """Entries not told before; ahead of them, what is missing."""
        self.begun = True
        due = block.number if self.number is None else self.number
        if block.number + block.count <= due:
            return
        entries = _blocks.unpack(block)
        if block.number > due or (self.number is None and self.unreadable):
            count = block.number - due
            yield [self._lost(block.first, count or None)]
        self.number, self.last = block.number + block.count, block.last
        self.unreadable = 0
        yield entries[max(due - block.number, 0) :]

    def _lost(self, until: int | None, count: int | None) -> Entry:
        reason = "damaged" if self.unreadable else "missing"
        first = self.last or until or 0
        return lost_entry(
            Lost(
                first=first, last=until, entries=count, size=self.unreadable,
                reason=reason if until is not None else "torn off",
            )
        )  # fmt: skip

    def end(self) -> Iterator[list[Entry]]:
        if self.unreadable:
            yield [self._lost(None, None)]


def lost_entry(lost: Lost) -> Entry:
    """The entry that says so, at the end of the hole."""
    ts = lost.first if lost.last is None else lost.last
    return Entry(Kind.LOST, ts, 0, msgspec.json.encode(lost))


def repair(folder: Path) -> Repaired:
    """Cut a journal to its last whole block; what is damaged before that stays.

    `JournalWriter` does so by itself. LakeBusy while somebody writes; LakeError if the
    disk refuses.
    """
    with locked(folder), explained(folder):
        return mend(folder)


def journal_extent(folder: Path) -> Extent:
    """How much a journal holds; reads its last segment only."""
    found = segments(folder)
    if not found:
        return Extent(first=None, last=None, bytes=0, entries=0, segments=0)
    with found[0].path.open("rb") as handle:
        title, _ = _blocks.read_title(handle.read(4096))
    last, number = None, title.number if title else 0
    for segment in reversed(found):
        blocks = list(content(segment.path).blocks)
        if blocks:
            last, number = blocks[-1].last, blocks[-1].number + blocks[-1].count
            break
    return Extent(
        first=found[0].first, last=last, segments=len(found),
        bytes=sum(segment.path.stat().st_size for segment in found),
        entries=number - (title.number if title else 0),
    )  # fmt: skip


def trim(folder: Path, keep_after: int, *, watermark: int) -> int:
    """Delete whole segments of entries before `keep_after`; how many bytes that freed.

    No segment that has anything since `watermark` (ts of the last entry committed to
    the lake, less what a restart needs to warm up) is deleted. May run beside a writer.
    """
    until, freed = min(keep_after, watermark), 0
    found = segments(folder)
    with explained(folder):
        for segment in found[: found.index(begin_at(found, until)[0])] if found else ():
            freed += segment.path.stat().st_size
            segment.path.unlink()
        if freed:
            sync_folder(folder)
    return freed
