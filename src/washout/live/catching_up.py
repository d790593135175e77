"""After a restart: what the journal has of earlier runs and the lake has not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from washout.clock import HOUR, format_time
from washout.collect.entries import Entry, Kind
from washout.collect.journal import journal_extent, read_journal
from washout.errors import LakeError
from washout.live.committing import Committer, resume_point
from washout.live.recalling import told_until
from washout.live.remembering import kept

if TYPE_CHECKING:
    from washout.live.pipeline import Pipeline

log = logging.getLogger("washout.recorder")

ENOUGH = 64 << 20
"""Bytes of facts that are committed before more of the journal is read."""

BUSY = 1.0
"""Seconds between tries while somebody else writes to the lake."""


AHEAD = HOUR
"""So far may the journal's last entry lie ahead of the clock: it was set back."""


def last_entry(folder: Path, now: int) -> int:
    """Ts of the journal's last entry; LakeError if it lies far in the future."""
    last = journal_extent(folder).last or 0
    if last > now + AHEAD:
        raise LakeError(
            f"The journal {folder} ends at {format_time(last)}, but this machine's clock"
            f" says {format_time(now)}. Set the clock, or name a new folder with --journal."
        )
    return last


def resume(
    pipeline: Pipeline,
    committer: Committer,
    folder: Path,
    clock: Callable[[], int],
    *,
    until: int,
) -> None:
    """Take the journal up to the run that started at `until`; LakeError from the lake.

    The pipeline is warmed up by what is in the lake already, and says nothing of it.
    """
    count = 0
    since, watermark = resume_point(committer.lake, folder)
    if watermark:
        heard = kept(committer.lake, folder, watermark)
        pipeline.resume(watermark, told_until(committer.lake), heard)
    for entries in read_journal(folder, since):
        earlier = list(takewhile(lambda one: not _starts(one, until), entries))
        if earlier:
            count += len(earlier)
            facts = pipeline.take(earlier)
            committer.add(facts.tables, facts.watermark)
            _relieve(committer, clock)
        if len(earlier) < len(entries):
            break
    log.info("resumed", extra={"about": {"entries": count, "watermark": watermark}})


def _starts(entry: Entry, until: int) -> bool:
    return entry.kind == Kind.STARTED and entry.ts == until


def _relieve(committer: Committer, clock: Callable[[], int]) -> None:
    """Commit where much waits, and wait for who else writes."""
    while committer.state().bytes > ENOUGH and committer.commit(clock()) is None:
        time.sleep(BUSY)
