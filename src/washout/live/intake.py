"""From sockets into the journal, and from there on to the pipeline, in bounded memory."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

from washout.collect.entries import Entry, Kind
from washout.errors import LakeError

log = logging.getLogger("washout.recorder")

HIGH, LOW = 64 << 20, 16 << 20
"""Bytes in memory above which nothing more is read from venues, and below which again."""

OVERHEAD = 150
"""What an entry occupies beside its payload, about."""

PORTION = 2000
"""Entries that are worked through before connections have their turn again."""


class Journal(Protocol):
    """What is needed of a journal: `collect.journal.JournalWriter` has it."""

    durability: Literal["1s", "sync"]

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take entries; gives back what is acknowledged."""
        ...


class Tap(Protocol):
    """What can be told to stop and to go on: `collect.sockets.Edge`."""

    def pause(self) -> None:
        """Read nothing for now."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...


class Intake:
    """Entries on their way: first the inbox, then the journal, then the backlog."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.tap: Tap | None = None
        self.held = self.frames = self.entries = self.pauses = 0
        self.paused = False
        self.trouble = ""
        self._inbox: list[Entry] = []
        self._backlog: deque[Entry] = deque()
        self._turn = asyncio.Lock()

    def sink(self, entry: Entry) -> None:
        """Take one entry; called for everything that happens, in order of time."""
        self._inbox.append(entry)
        self.held += len(entry.payload) + OVERHEAD

    async def flush(self) -> None:
        """Hand the inbox to the journal; what that acknowledges may be worked on."""
        async with self._turn:
            entries, self._inbox = self._inbox, []
            if entries:
                await self._journal(entries)
        self._hold_back()

    async def _journal(self, entries: list[Entry]) -> None:
        size = _size(entries)
        try:
            if self.journal.durability == "sync":
                # An fsync takes milliseconds to seconds; connections go on meanwhile.
                kept = await asyncio.to_thread(self.journal.append, entries)
            else:
                kept = self.journal.append(entries)
        except LakeError as error:
            if not self.trouble:
                log.error("journal", extra={"about": {"why": str(error)}})  # noqa: TRY400
            self.trouble = str(error)
            self.held -= size
            return
        self.trouble = ""
        self._backlog.extend(kept)
        self.held += _size(kept) - size

    def take(self) -> list[Entry]:
        """The next entries for the pipeline; fewer than PORTION if there are no more."""
        portion = [
            self._backlog.popleft() for _ in range(min(PORTION, len(self._backlog)))
        ]
        self.held -= _size(portion)
        self.entries += len(portion)
        self.frames += sum(entry.kind is Kind.FRAME for entry in portion)
        self._hold_back()
        return portion

    def _hold_back(self) -> None:
        """Stop reading from venues where we are too slow, and go on when we caught up."""
        if self.tap is None:
            return
        if self.held > HIGH and not self.paused:
            self.paused, self.pauses = True, self.pauses + 1
            log.warning("too slow", extra={"about": {"bytes": self.held}})
            self.tap.pause()
        elif self.held < LOW and self.paused:
            self.paused = False
            self.tap.resume()


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.payload) for entry in entries) + OVERHEAD * len(entries)
