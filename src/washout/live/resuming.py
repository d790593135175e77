"""After a restart: what the journal has of earlier runs and the lake has not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from washout.clock import MINUTE

if TYPE_CHECKING:
    from washout.live.committing import Committer
    from washout.live.pipeline import Pipeline

log = logging.getLogger("washout.recorder")

WARM_UP = 15 * MINUTE
"""So much of the journal before the watermark the pipeline must have seen."""


def resume(
    folder: Path, pipeline: Pipeline, committer: Committer, started: int
) -> None:
    """Take the journal's entries before `started` that the lake does not have yet."""
    from washout.collect.journal import read_journal

    watermark = committer.watermark()
    if watermark is not None:
        pipeline.resume(watermark)
    since = None if watermark is None else watermark - WARM_UP
    count = 0
    for entries in read_journal(folder, since):
        earlier = [entry for entry in entries if entry.ts < started]
        if earlier:
            count += len(earlier)
            committer.add(pipeline.take(earlier))
        if len(earlier) < len(entries):
            break
    log.info("resumed", extra={"about": {"entries": count, "watermark": watermark}})
