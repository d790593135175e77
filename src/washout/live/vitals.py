"""What the recorder says of itself, every two seconds into a file of the lake."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from washout._version import __version__
from washout.clock import HOUR, SECOND
from washout.live.report import FILE, Report, State, trouble

if TYPE_CHECKING:
    from washout.live.recorder import Recorder

log = logging.getLogger("washout.recorder")

EVERY = 2.0
LITTLE_SPACE = 1 << 30
"""Bytes left on a disk that are worth a warning."""


class Vitals:
    """Gathers the recorder's state into reports."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.state: State = "starting"
        self.liquidations = 0
        self._stuck = 0.0
        self._file_trouble = ""

    async def run(self) -> None:
        """Write a report every two seconds, for ever."""
        while True:
            self._stuck = 0.0
            report = self.report()
            await asyncio.to_thread(self.write, report)
            await asyncio.sleep(EVERY)

    def stuck(self, seconds: float) -> None:
        """The loop does not beat; called by the watchdog's thread."""
        self._stuck = seconds
        self.write()

    def write(self, report: Report | None = None) -> None:
        """Replace the file by the report; a full disk is said once, and tried again."""
        path = self.recorder.settings.lake / FILE
        temporary = path.with_name(f".{FILE}.tmp")
        try:
            temporary.write_bytes(msgspec.json.encode(report or self.report()))
            os.replace(temporary, path)
            self._file_trouble = ""
        except OSError as error:
            if not self._file_trouble:
                log.error("no health", extra={"about": {"why": str(error)}})  # noqa: TRY400
            self._file_trouble = f"{path}: {error.strerror}"

    def report(self) -> Report:
        """The recorder now."""
        recorder = self.recorder
        settings = recorder.settings
        venues = recorder.venues
        return Report(
            washout=__version__, pid=os.getpid(), started=recorder.started,
            state="stuck" if self._stuck else self.state, written=recorder.clock(),
            scopes=settings.scopes, wants=settings.wants, wrong=tuple(self._wrong()),
            connections=tuple(one for venue in venues for one in venue.linked()),
            polls=tuple(one for venue in venues for one in venue.polled()),
            feeds=recorder.pipeline.health().feeds, notices=tuple(recorder.notices), counts=self._counts(),
        )  # fmt: skip

    def _wrong(self) -> list[str]:
        recorder, now = self.recorder, self.recorder.clock()
        if self.state in ("stopping", "stopped"):
            return self._troubles(now)
        found = [sentence for venue in recorder.venues for sentence in venue.wrong()]
        if self._stuck:
            found.append(f"the recorder's loop is stuck since {self._stuck:.0f} s")
        found += [why for at, why in recorder.failures if now - at < HOUR]
        found += [
            says for one in recorder.pipeline.health().feeds if (says := trouble(one))
        ]
        found += self._troubles(now)
        return list(dict.fromkeys(found))

    def _troubles(self, now: int) -> list[str]:
        """What the disk, the lake and the journal say."""
        recorder = self.recorder
        held = recorder.journal.state()
        waiting = recorder.committer.state()
        late = now - max(waiting.watermark or 0, recorder.started)
        patience = int((3 * recorder.settings.commit_every + 60) * SECOND)
        free = shutil.disk_usage(recorder.settings.lake).free
        told = {
            f"the journal cannot be written: {held.trouble}": held.trouble,
            f"{held.dropped} entries were lost for want of disk and memory": held.dropped,
            f"the lake cannot be written: {waiting.trouble}": waiting.trouble,
            f"nothing was committed to the lake for {late // SECOND} s": late
            > patience,
            f"only {free / 1e6:.0f} MB are left on the lake's disk": free
            < LITTLE_SPACE,
            "venues are held back: this machine is too slow": recorder.intake.paused,
            self._file_trouble: self._file_trouble,
        }
        return [sentence for sentence, true in told.items() if true]

    def _counts(self) -> dict[str, float]:
        recorder, now = self.recorder, self.recorder.clock()
        intake, tape, held = recorder.intake, recorder.tape, recorder.journal.state()
        waiting = recorder.committer.state()
        committed = waiting.watermark
        return {
            "frames_total": intake.frames,
            "entries_total": intake.entries,
            "liquidations_total": self.liquidations,
            "waiting_bytes": intake.held,
            "held_back_total": intake.pauses,
            "journal_bytes_total": held.bytes,
            "journal_held_bytes": held.held,
            "journal_dropped_total": held.dropped,
            "journal_slowest_seconds": round(held.slowest, 6),
            "uncommitted_rows": waiting.rows,
            "tape_listeners": len(tape.listeners),
            "tape_dropped_total": tape.dropped,
            "committed_seconds_ago": -1
            if committed is None
            else (now - committed) / SECOND,
            "slowest_turn_seconds": round(recorder.slowest, 3),
            "failures": len(recorder.failures),
        }
