"""Writing the journal: taken into memory, packed, on disk, and only then forgotten."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from washout.clock import HOUR
from washout.collect import _blocks
from washout.collect._segments import LOCK, Repaired, mend, segment_path
from washout.collect.entries import Entry, Kind, Lost
from washout.errors import LakeBusy, LakeError
from washout.store.files import explained, sync_folder, write_lock

Durability = Literal["1s", "sync"]
PERIOD = 0.4
"""Seconds between writes with durability `1s`: the rest of the second is the disk's."""
BLOCK = 256 << 10
"""Bytes of payload after which a block is full; also wakes the writing thread."""
OVERHEAD = 100
"""What an entry occupies beside its payload, about."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How the writer is: `trouble` is what the disk said last, None if all is well.

    `held` bytes are not on disk yet. `dropped` entries were refused since the start;
    `slowest` is the longest that writing to disk took, in seconds.
    """

    held: int
    dropped: int
    trouble: str | None
    entries: int
    bytes: int
    slowest: float


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only writer of a journal; LakeBusy if there is one."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            stack.enter_context(write_lock(folder / LOCK, wait=False))
            yield
    except LakeBusy as busy:
        raise LakeBusy(
            f"The journal {folder} is being written already. Stop that recorder, or name"
            f" another journal. ({busy})"
        ) from None


class JournalWriter:
    """Appends to a journal; one at a time. What a crash may have torn off is cut first.

    With durability `1s` an entry that was taken is on disk within a second: a thread
    writes every 0.4 s. With `sync` it is on disk when `append` returns. A segment ends
    with the UTC hour, or beyond `segment_bytes`. While the disk takes nothing, up to
    `most_held` bytes are kept in memory; what comes beyond that is refused.

    LakeBusy if somebody else writes; LakeError if the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: Durability = "1s",
        segment_bytes: int = 64 << 20,
        most_held: int = 256 << 20,
    ) -> None:
        self.folder, self.durability = folder, durability
        self._most = most_held
        self._stack = ExitStack()
        self._stack.enter_context(locked(folder))
        try:
            with explained(folder):
                self.repaired: Repaired = mend(folder)
        except BaseException:
            self._stack.close()
            raise
        self._file = _File(
            folder, self.repaired.segment, self.repaired.number, segment_bytes
        )
        self._adding, self._writing = threading.Lock(), threading.Lock()
        self._pending: list[Entry] = []
        self._unreturned: list[Entry] = []
        self._lost: Lost | None = None
        self._held = self._dropped = self._entries = 0
        self._slowest = 0.0
        self._trouble: str | None = None
        self._closing, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        if durability == "1s":
            self._thread = threading.Thread(
                target=self._run, name="washout-journal", daemon=True
            )
            self._thread.start()

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take entries; gives back those that are now acknowledged, in order.

        Those are `entries`, ahead of them what an earlier failure kept back, and an
        entry `LOST` in place of what was refused. LakeError if the disk takes nothing:
        with `1s` the entries were refused for want of memory; with `sync` they are
        held, acknowledged by a later call, or refused for want of memory.
        """
        self._take(entries)
        if self.durability == "sync":
            self.sync()
        elif self._held >= BLOCK:
            self._wake.set()
        with self._adding:
            acknowledged, self._unreturned = self._unreturned, []
        return acknowledged

    def _take(self, entries: Sequence[Entry]) -> None:
        if not entries or self._add(entries):
            return
        try:
            self.sync()
        except LakeError:
            self._drop(entries)
            raise
        self._add(entries, anyway=True)

    def _add(self, entries: Sequence[Entry], *, anyway: bool = False) -> bool:
        size = _size(entries)
        with self._adding:
            if self._held and self._held + size > self._most and not anyway:
                return False
            if self._lost is not None:
                entries = [_told(self._lost), *entries]
                size, self._lost = _size(entries), None
            self._pending.extend(entries)
            self._unreturned.extend(entries)
            self._held += size
            return True

    def _drop(self, entries: Sequence[Entry]) -> None:
        with self._adding:
            before = self._lost
            self._dropped += len(entries)
            self._lost = Lost(
                first=before.first if before else entries[0].ts, last=entries[-1].ts,
                entries=(before.entries or 0 if before else 0) + len(entries), size=0,
                reason=f"refused: {self._trouble or 'no memory was left'}",
            )  # fmt: skip

    def sync(self) -> None:
        """Return when all that was taken is on disk; LakeError if it cannot be.

        Who waits for another's write finds its own entries written with it.
        """
        with self._writing:
            with self._adding:
                batch, self._pending = self._pending, []
            if batch:
                self._write(batch)

    def _write(self, batch: list[Entry]) -> None:
        """Write a batch whole, or make it pending again."""
        begun, done = time.monotonic(), False
        try:
            self._file.write(batch)
            done = True
        except OSError as error:
            self._trouble = error.strerror or str(error)
            raise LakeError(self._plea()) from error
        finally:
            with self._adding:
                if done:
                    self._held -= _size(batch)
                    self._entries += len(batch)
                else:
                    self._pending[:0] = batch
        self._slowest = max(self._slowest, time.monotonic() - begun)
        self._trouble = None

    def _plea(self) -> str:
        return (
            f"The journal {self.folder} cannot be written: {self._trouble}."
            f" {self._held / 1e6:.1f} MB of at most {self._most / 1e6:.0f} MB are held in"
            " memory and are written when the disk takes them again: free space there."
        )

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(PERIOD)
            self._wake.clear()
            with suppress(LakeError):
                self.sync()
            if self._trouble is not None:
                self._closing.wait(PERIOD)

    def state(self) -> Held:
        """How the writer is, for health."""
        return Held(
            held=self._held, dropped=self._dropped, trouble=self._trouble,
            entries=self._entries, bytes=self._file.bytes, slowest=self._slowest,
        )  # fmt: skip

    def close(self) -> None:
        """Write what is left and let go of the journal; LakeError if it cannot be."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._add((), anyway=True)
            self.sync()
        finally:
            self._file.close()
            self._stack.close()


def _size(entries: Sequence[Entry]) -> int:
    return sum([len(entry.payload) for entry in entries]) + OVERHEAD * len(entries)


def _told(lost: Lost) -> Entry:
    return Entry(Kind.LOST, lost.last or lost.first, 0, msgspec.json.encode(lost))


class _File:
    """The segment being written. After any failure the next write begins another.

    An fsync that failed says nothing about what a later one means, so a file is not
    trusted again; what it held is written once more, under the same numbers.
    """

    def __init__(self, folder: Path, segment: int, number: int, most: int) -> None:
        self.folder, self.most = folder, most
        self.bytes = 0
        self._segment, self._number = segment, number
        self._handle: int | None = None
        self._path = folder
        self._hour = self._size = self._durable = 0
        self._context = _Context()

    def write(self, batch: Sequence[Entry]) -> None:
        """Write entries durably, or raise and be as before."""
        context, number = self._context.copy(), self._number
        try:
            for portion in _portions(batch):
                handle = self._ready(portion[0], number, context)
                self._put(handle, _blocks.pack(portion, number))
                number += len(portion)
                context.take(portion)
            os.fsync(handle)
        except BaseException:
            self._abandon()
            raise
        self._context, self._number = context, number
        self.bytes += self._size - self._durable
        self._durable = self._size

    def _ready(self, entry: Entry, number: int, context: _Context) -> int:
        """A file with room for a block that begins with `entry`."""
        full = self._size >= self.most or entry.ts // HOUR > self._hour
        if self._handle is not None and full:
            os.fsync(self._handle)
            self.bytes += self._size - self._durable
            self.close()
        return (
            self._begin(entry, number, context)
            if self._handle is None
            else self._handle
        )

    def _begin(self, entry: Entry, number: int, context: _Context) -> int:
        self._path = segment_path(self.folder, self._segment, entry.ts)
        self._size = self._durable = 0
        self._hour = entry.ts // HOUR
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o644)
        title = _blocks.Title(
            washout_journal=_blocks.FORMAT, segment=self._segment, number=number,
            first=entry.ts,
        )  # fmt: skip
        self._segment += 1
        self._put(self._handle, _blocks.title_line(title))
        told = [] if entry.kind == Kind.STARTED else context.restated(entry.ts)
        if told:
            self._put(self._handle, _blocks.pack(told, number, _blocks.RESTATED))
        sync_folder(self.folder)
        return self._handle

    def _put(self, handle: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(handle, rest)
            rest = rest[written:]
        self._size += len(data)

    def _abandon(self) -> None:
        """Leave the file as it was when it was last known to be on disk."""
        if self._handle is None:
            return
        with suppress(OSError):
            if self._durable:
                os.ftruncate(self._handle, self._durable)
            else:
                self._path.unlink()
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with suppress(OSError):
                os.close(handle)


def _portions(batch: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Pieces of a batch that make blocks of a handy size."""
    count = -(-len(batch) * BLOCK // max(_size(batch), BLOCK))
    for at in range(0, len(batch), count):
        yield batch[at : at + count]


class _Listing(msgspec.Struct):
    exchange: str


def _exchange(listed: Entry) -> str:
    """A list of an exchange's instruments replaces the one before."""
    return msgspec.json.decode(listed.payload, type=_Listing).exchange


_COMMON = (int(Kind.FRAME), int(Kind.TICK))
"""As integers in a tuple: an IntEnum's hash is slow, and every frame is compared."""


class _Context:
    """What a reader must know who begins amid a recording."""

    def __init__(self) -> None:
        self.started: Entry | None = None
        self.listed: dict[str, Entry] = {}
        self.open: dict[int, Entry] = {}

    def copy(self) -> _Context:
        other = _Context()
        other.started, other.listed = self.started, dict(self.listed)
        other.open = dict(self.open)
        return other

    def take(self, entries: Sequence[Entry]) -> None:
        for entry in [e for e in entries if e.kind not in _COMMON]:
            match entry.kind:
                case Kind.STARTED | Kind.STOPPED:
                    self.__init__()  # type: ignore[misc]
                    self.started = entry if entry.kind is Kind.STARTED else None
                case Kind.LISTED:
                    self.listed[_exchange(entry)] = entry
                case Kind.OPENED:
                    self.open[entry.connection] = entry
                case Kind.CLOSED:
                    self.open.pop(entry.connection, None)

    def restated(self, ts: int) -> list[Entry]:
        """The same at the instant `ts`; nothing where no recording goes on."""
        known = [self.started, *self.listed.values(), *self.open.values()]
        told = [
            msgspec.structs.replace(entry, ts=ts)
            for entry in known
            if entry is not None
        ]
        return [Entry(Kind.RESUMED, ts, 0), *told] if told else []
