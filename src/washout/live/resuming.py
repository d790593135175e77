"""After a restart: what the journal has and the lake has not, and where to go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from washout.clock import MINUTE
from washout.collect.entries import Entry

if TYPE_CHECKING:
    from washout.live.committing import Committer
    from washout.live.pipeline import Pipeline

log = logging.getLogger("washout.recorder")

WARM_UP = 15 * MINUTE
"""So much of the journal before the watermark the pipeline must have seen."""
