"""What the watchdog learned outlives the recorder: a small file in the lake.

It is written after each commit, and holds what was known when that began: never more
than the lake's watermark speaks of. So a recorder that starts again, or a replay into the
same lake, knows what was known there, and nothing of what comes after.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from washout.live.committing import journal_name
from washout.live.silence import Memory
from washout.store.lake import Lake

log = logging.getLogger("washout.recorder")

FILE = "heard.json"


class Kept(msgspec.Struct, frozen=True):
    """What the file holds: the journal that the memory comes of, as the lake calls it."""

    journal: str
    memory: Memory


def keep(lake: Lake, journal: Path, memory: Memory) -> None:
    """Replace what is kept; where the disk is full, what was kept before stays."""
    path = lake.path / FILE
    temporary = path.with_name(f".{FILE}.tmp")
    try:
        told = Kept(journal_name(lake, journal), memory)
        temporary.write_bytes(msgspec.json.encode(told))
        os.replace(temporary, path)
    except OSError as error:
        log.error("not kept", extra={"about": {"why": f"{path}: {error.strerror}"}})  # noqa: TRY400


def kept(lake: Lake, journal: Path, watermark: int) -> Memory | None:
    """What was known at a lake's watermark of a journal; None if that is not kept."""
    path = lake.path / FILE
    try:
        told = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("not recalled", extra={"about": {"why": f"{path}: {error}"}})
        return None
    mine = told.journal == journal_name(lake, journal)
    return told.memory if mine and told.memory.until <= watermark else None
