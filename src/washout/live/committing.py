"""Facts out of the pipeline into the lake, minute after minute.

What the pipeline made waits in memory until the lake takes it; with the facts goes the
watermark, so that after a crash the journal says the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from washout.clock import MINUTE
from washout.errors import LakeBusy, LakeError
from washout.importers import Unit
from washout.store.ingest import Receipt
from washout.store.joining import ordered
from washout.store.lake import Lake
from washout.store.manifest import Recorded
from washout.store.recording import extend, vintage_name

if TYPE_CHECKING:
    import pyarrow as pa

JOURNAL = "journal"
"""Where the journal lies in a lake unless told otherwise."""

WARM_UP = 15 * MINUTE
"""So much of the journal before the watermark is replayed to know what went on."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What is not in the lake yet, and why.

    `watermark` is how far the lake is; `told` how far the facts that wait reach (ts of
    entries; None before the first). `trouble` is what the last try to commit met.
    """

    rows: int
    bytes: int
    watermark: int | None
    told: int | None
    trouble: str | None


class Committer:
    """Gathers facts and commits them. `add` and `commit` may run in two threads.

    `journal` is the folder of the journal that the facts come from. At most `most_held`
    bytes wait in memory.
    """

    def __init__(
        self, lake: Lake, *, journal: Path | None = None, most_held: int = 512 << 20
    ) -> None:
        self.lake = lake
        self._journal = journal_name(lake, journal)
        self._most = most_held
        self._lock = threading.Lock()
        self._tables: dict[str, list[pa.Table]] = {}
        self._told: int | None = None
        self._rows = self._bytes = 0
        self._trouble: str | None = None

    def add(self, tables: Mapping[str, pa.Table], watermark: int) -> None:
        """Take facts by kind, in the schemas of their kinds.

        They come of entries up to `watermark`, the ts of the last. LakeError when more
        waits than memory should hold: the facts were not taken. They are in the journal,
        so end and begin again from `resume_point`.
        """
        size = sum(table.nbytes for table in tables.values())
        with self._lock:
            if self._bytes and self._bytes + size > self._most:
                raise LakeError(
                    f"{self._bytes / 1e6:.0f} MB of facts wait for {self.lake.path}, which"
                    f" takes none ({self._trouble or 'no commit was tried'}), and no more"
                    " fit into memory. The journal holds them: free the lake, then start"
                    " the recorder again."
                )
            for kind, table in tables.items():
                if table.num_rows:
                    self._tables.setdefault(kind, []).append(table)
                    self._rows += table.num_rows
            self._bytes += size
            self._told = watermark

    def commit(self, now: int) -> Receipt | None:
        """Bring all that waits into the lake, in one commit, with its watermark.

        None if nothing waits, or the lake is being written: then the facts wait on.
        LakeError (a full disk, a damaged part) keeps them too.
        """
        with self._lock:
            taken, told = self._tables, self._told
            rows, size = self._rows, self._bytes
            self._tables, self._rows, self._bytes = {}, 0, 0
        if not taken or told is None:
            return None
        done = False
        try:
            receipt = self._extend(taken, told, now)
            self._trouble, done = None, True
        except LakeBusy as busy:
            self._trouble = str(busy)
            return None
        except Exception as error:
            self._trouble = str(error) or type(error).__name__
            raise
        finally:
            if not done:
                self._put_back(taken, rows, size)
        return receipt

    def _put_back(self, taken: dict[str, list[pa.Table]], rows: int, size: int) -> None:
        with self._lock:
            newer, self._tables = self._tables, taken
            for kind, tables in newer.items():
                self._tables.setdefault(kind, []).extend(tables)
            self._rows += rows
            self._bytes += size

    def _extend(
        self, taken: Mapping[str, Sequence[pa.Table]], told: int, now: int
    ) -> Receipt:
        told_twice, tables = 0, []
        for kind, pieces in taken.items():
            table, repeated = ordered(kind, pieces)
            told_twice += repeated
            tables.append((kind, table))
        unit = Unit(vintage_name(now), lambda _unit: iter(tables), ordered=True)
        unit.duplicates = told_twice
        recorded = Recorded(self._journal, told)
        return extend(self.lake, unit, now=now, recorded=recorded)

    def state(self) -> Waiting:
        """What waits, for health."""
        return Waiting(
            rows=self._rows, bytes=self._bytes, told=self._told, trouble=self._trouble,
            watermark=self.lake.manifest().watermark(self._journal),
        )  # fmt: skip


def journal_name(lake: Lake, folder: Path | None) -> str:
    """What the lake calls a journal: its folder, relative where it lies within."""
    if folder is None:
        return JOURNAL
    inside = folder.absolute()
    root = lake.path.absolute()
    return str(inside.relative_to(root) if inside.is_relative_to(root) else inside)


def resume_point(lake: Lake, journal: Path | None = None) -> tuple[int | None, int]:
    """Where to go on after a stop or a crash: `(since, watermark)`.

    The journal is replayed from `since` (None: from its beginning) and the facts that
    come of entries up to `watermark` are in the lake already.
    """
    watermark = lake.manifest().watermark(journal_name(lake, journal))
    return (None, 0) if watermark is None else (watermark - WARM_UP, watermark)
