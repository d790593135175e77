"""The files of a journal: their names, what each holds, and mending the last."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from washout.clock import from_datetime, to_datetime
from washout.collect import _blocks
from washout.collect._blocks import Block, Damage
from washout.store.files import sync_file, sync_folder

LOCK = ".lock"
_NAME = re.compile(r"(\d{8,})-(\d{8}T\d{6}\.\d{6})Z\.journal")


class Segment(msgspec.Struct, frozen=True, order=True):
    """One file of a journal. `first` is the ts of the first entry it was begun for."""

    number: int
    first: int
    path: Path


def segment_path(folder: Path, number: int, first: int) -> Path:
    """Where segment `number`, begun at the instant `first`, lies."""
    when = to_datetime(first).strftime("%Y%m%dT%H%M%S.%f")
    return folder / f"{number:08d}-{when}Z.journal"


def segments(folder: Path) -> list[Segment]:
    """The segments of a journal in order; none where there is no such folder."""
    if not folder.is_dir():
        return []
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.iterdir())
    return sorted(
        Segment(int(name[1]), _instant(name[2]), path) for path, name in named if name
    )


def _instant(text: str) -> int:
    from datetime import UTC, datetime

    moment = datetime.strptime(text, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    return from_datetime(moment)


def begin_at(found: list[Segment], since: int | None) -> list[Segment]:
    """The segments from the one on that was being written at `since`.

    A clock that was set back makes this earlier, never later.
    """
    if since is None:
        return found
    later = (at for at, segment in enumerate(found) if segment.first > since)
    return found[max(next(later, len(found)) - 1, 0) :]


class Content(msgspec.Struct, frozen=True):
    """What is in one segment, whole blocks and damage in order."""

    title: _blocks.Title | None
    items: list[Block | Damage]
    size: int

    @property
    def blocks(self) -> Iterator[Block]:
        """The blocks that hold numbered entries."""
        return (b for b in self.items if isinstance(b, Block) and not b.restated)


def content(path: Path) -> Content:
    """Read and check a whole segment."""
    data = memoryview(path.read_bytes())
    title, at = _blocks.read_title(data)
    return Content(title, list(_blocks.scan(data, at)), len(data))


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """What mending did. `cut` bytes at the end were no whole block.

    They were received after `last` (None if the journal holds nothing), the ts of the
    last entry that is whole; until when is unknown. `number` is that of the next entry,
    `segment` that of the next segment.
    """

    cut: int
    last: int | None
    number: int
    segment: int


def mend(folder: Path) -> Repaired:
    """Cut the journal to its last whole block. Only its one writer may do this."""
    found, cut, last, number = segments(folder), 0, None, 0
    following = found[-1].number + 1 if found else 1
    for segment in reversed(found):
        held = content(segment.path)
        blocks = list(held.blocks)
        cut += _cut(segment.path, held, keep=bool(blocks))
        if blocks:
            last, number = blocks[-1].last, blocks[-1].number + blocks[-1].count
            break
        if held.title is not None:
            number = max(number, held.title.number)
    return Repaired(cut=cut, last=last, number=number, segment=following)


def _cut(path: Path, held: Content, *, keep: bool) -> int:
    """Cut what is torn off the end, or remove a file without entries; bytes lost."""
    torn = held.items[-1] if held.items else None
    size = held.size - torn.begin if isinstance(torn, Damage) and torn.torn else 0
    if not keep:
        path.unlink()
        sync_folder(path.parent)
        return size or (0 if held.title else held.size)
    if size:
        os.truncate(path, held.size - size)
        sync_file(path)
    return size
