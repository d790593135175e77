"""The recorder: what comes in is journalled, understood, told, and put into the lake.

One loop. Venues' connections and polls give entries to the intake; every 10 ms these go
into the journal, and what it acknowledges through the pipeline to the tape and to hooks.
Facts are committed to the lake by a thread. What fails is said in health, and the rest
goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from washout._version import __version__
from washout.clock import DAY
from washout.collect.entries import Entry, Kind, Started
from washout.collect.journal import trim
from washout.collect.pacing import Timing
from washout.collect.sockets import Edge
from washout.errors import InputError, LakeError
from washout.exchanges import Want
from washout.live.catching_up import last_entry, resume
from washout.live.committing import resume_point
from washout.live.guarding import Watchdog, guarded
from washout.live.intake import Intake
from washout.live.remembering import keep
from washout.live.tape import Tape
from washout.live.venues import Venue, Where
from washout.live.vitals import Vitals
from washout.live.wiring import Wish

if TYPE_CHECKING:
    import socket

    from washout.collect.journal import JournalWriter
    from washout.live.committing import Committer
    from washout.live.noticing import Notice
    from washout.live.pipeline import Facts, Pipeline
    from washout.live.silence import Memory

log = logging.getLogger("washout.recorder")

FLUSH_EVERY = 0.01
TICK_EVERY = 0.9
"""Seconds; the journal has a tick at least once a second."""

STOP_WITHIN = 45.0
"""Seconds for an end in order; what is not in the lake by then is in the journal."""

Hook = Callable[["Facts"], None]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to record; widths are microseconds, `commit_every` seconds."""

    lake: Path
    journal: Path
    wishes: tuple[Wish, ...]
    wants: tuple[Want, ...]
    where: Where = Where()
    durability: Literal["1s", "sync"] = "1s"
    commit_every: float = 60.0
    keep_journal: int | None = 7 * DAY
    keep_trades: bool = False
    rate: float = 1.0

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope, as one writes it."""
        return tuple(str(scope) for wish in self.wishes for scope in wish.scopes)


def steady(clock: Callable[[], int], last: int) -> Callable[[], int]:
    """The same clock, never before `last`, nor backwards: entries are in order."""

    def now() -> int:
        nonlocal last
        last = max(last, clock())
        return last

    return now


class Recorder:
    """Records until told to stop."""

    def __init__(
        self, settings: Settings, clock: Callable[[], int], journal: JournalWriter,
        pipeline: Pipeline, committer: Committer, *, hooks: Sequence[Hook] = (),
    ) -> None:  # fmt: skip
        self.settings = settings
        self.clock = steady(clock, last_entry(settings.journal, clock()))
        self.timing = Timing(self.clock, settings.rate)
        self.journal, self.pipeline, self.committer = journal, pipeline, committer
        self.intake = Intake(journal)
        self.started = self.clock()
        self.tape = Tape(self.started)
        self.hooks = tuple(hooks)
        self.edge: Edge | None = None
        self.slowest = 0.0
        self.venues: list[Venue] = []
        self.notices: deque[Notice] = deque(maxlen=50)
        self.failures: deque[tuple[int, str]] = deque(maxlen=20)
        self.health = Vitals(self)
        self.stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._committing = asyncio.Lock()
        self.ended_by: LakeError | None = None

    # From start to end

    async def run(self, listening: socket.socket | None = None) -> None:
        """Record until `stopping` is set, then end in order."""
        watchdog = Watchdog(self.health.stuck)
        recording = self._record(self.settings.wishes)
        keeping = self._keep(watchdog, listening)
        log.info("started", extra={"about": {"scopes": " ".join(self.settings.scopes)}})
        try:
            await self.stopping.wait()
            self.health.state = "stopping"
            await self._end(recording)
        finally:
            watchdog.end()
            for task in (*recording, *keeping):
                task.cancel()
            await asyncio.gather(*recording, *keeping, return_exceptions=True)
        self.health.state = "stopped"
        await asyncio.to_thread(self.health.write)
        log.info("stopped")
        if self.ended_by is not None:
            raise self.ended_by

    def _record(self, wishes: Sequence[Wish]) -> list[asyncio.Task[None]]:
        """Begin the journal's run, the ticks and the venues."""
        settings = self.settings
        self.edge = edge = Edge(self.intake.sink, self.timing)
        self.intake.tap = edge
        started = Started(
            washout=__version__, scopes=settings.scopes, wants=settings.wants,
            durability=settings.durability,
        )  # fmt: skip
        payload = msgspec.json.encode(started)
        self.intake.sink(Entry(Kind.STARTED, self.started, 0, payload))
        self.venues = [Venue(one, edge, settings.where, self.failed) for one in wishes]
        return [
            self._task("ticks", self._tick),
            *(self._task(venue.name, venue.run) for venue in self.venues),
        ]

    def _keep(
        self, watchdog: Watchdog, listening: socket.socket | None
    ) -> list[asyncio.Task[None]]:
        """Begin what works on entries, and tells of it."""

        async def flow() -> None:
            while True:
                self.slowest = max(self.slowest, watchdog.beat() - FLUSH_EVERY)
                if self.edge is not None:
                    self.edge.beat()
                await self._flow()
                await asyncio.sleep(FLUSH_EVERY)

        tasks = [
            self._task("resume", self._resume),
            self._task("flow", flow),
            self._task("commits", self._commits),
            self._task("health", self.health.run),
        ]
        if listening is not None:
            tasks.append(self._task("endpoint", lambda: self._serve(listening)))
        return tasks

    def _task(
        self, name: str, run: Callable[[], Awaitable[None]]
    ) -> asyncio.Task[None]:
        return asyncio.create_task(guarded(name, run, self.failed), name=name)

    def failed(self, why: str) -> None:
        """Something failed and is tried again: health says so for an hour."""
        self.failures.append((self.clock(), why))

    async def _serve(self, listening: socket.socket) -> None:
        from washout.live.serving import server

        await server(self.tape, self.health.report).serve(sockets=[listening])

    async def _tick(self) -> None:
        while True:
            self._enter(Kind.TICK)
            await self.timing.sleep(TICK_EVERY)

    def _enter(self, kind: Kind, payload: bytes = b"") -> None:
        self.intake.sink(Entry(kind, self.clock(), 0, payload))

    # From entries to facts

    async def _resume(self) -> None:
        """Bring in what the journal has of earlier runs and the lake has not."""
        if not self._ready.is_set():
            try:
                await asyncio.to_thread(
                    resume, self.pipeline, self.committer, self.settings.journal,
                    self.clock, until=self.started,
                )  # fmt: skip
            except LakeError as error:
                self._give_up(error)
            if self.hooks:
                await self.commit()  # they begin with what the lake has
            self._ready.set()
            self.health.state = "recording"
        await asyncio.Event().wait()

    def _give_up(self, error: LakeError) -> None:
        """End: no more facts fit into memory. The next start brings in the journal."""
        log.critical("ending", extra={"about": {"why": str(error)}})
        self.ended_by = error
        self.stopping.set()

    async def _flow(self) -> None:
        """Journal what came in, and work on what the journal has."""
        await self.intake.flush()
        while self._ready.is_set() and (portion := self.intake.take()):
            self._digest(portion)
            await asyncio.sleep(0)
            await self.intake.flush()

    def _digest(self, entries: Sequence[Entry]) -> None:
        """Work on entries; after a failure one by one, so that only one is left out."""
        try:
            facts = self.pipeline.take(entries)
        except Exception as error:
            log.exception("the pipeline failed")
            if len(entries) == 1:
                self.failed(
                    f"the pipeline failed on an entry ({type(error).__name__}: {error});"
                    " it is in the journal: `washout replay` reads it again"
                )
                return
            for entry in entries:
                self._digest([entry])
            return
        self._keep_facts(facts)
        liquidations = facts.tables.get("liquidation")
        if liquidations is not None:
            self.health.liquidations += liquidations.num_rows
            self.tape.publish(liquidations)
        for notice in facts.notices:
            self.notices.append(notice)
            told = {"what": notice.what, "at": notice.ts, "text": notice.text}
            log.warning("notice", extra={"about": told})
        for hook in self.hooks:
            self._call(hook, facts)

    def _keep_facts(self, facts: Facts) -> None:
        """Hand facts to the committer, unless some before them could not be kept."""
        if self.ended_by is not None:
            return
        try:
            self.committer.add(facts.tables, facts.watermark)
        except LakeError as error:
            self._give_up(error)

    def _call(self, hook: Hook, facts: Facts) -> None:
        try:
            hook(facts)
        except Exception as error:
            log.exception("a hook failed")
            self.failed(f"a hook failed: {type(error).__name__}: {error}")

    # Into the lake

    async def _commits(self) -> None:
        while True:
            await self.timing.sleep(self.settings.commit_every)
            await self.commit()

    async def commit(self) -> None:
        """Put the facts so far into the lake; what cannot be put waits for the next."""
        async with self._committing:
            # Taken before, so that it is not of more than what is committed.
            heard = self.pipeline.silence.memory() if self._ready.is_set() else None
            await asyncio.to_thread(self._commit, heard)

    def _commit(self, heard: Memory | None) -> None:
        try:
            self.journal.sync()  # the lake must not be ahead of it after a power cut
            done = self.committer.commit(self.clock())
        except (LakeError, InputError) as error:
            log.error("not committed", extra={"about": {"why": str(error)}})  # noqa: TRY400
            return
        if done is not None and heard is not None:
            keep(self.committer.lake, self.settings.journal, heard)
        self._trim()

    def _trim(self) -> None:
        """Delete segments of the journal that are old, and not needed for a restart."""
        keep, journal = self.settings.keep_journal, self.settings.journal
        needed, _ = resume_point(self.committer.lake, journal)
        if keep is not None and needed is not None:
            with suppress(LakeError):
                trim(journal, self.clock() - keep, watermark=needed)

    # The end

    async def _end(self, recording: Sequence[asyncio.Task[None]]) -> None:
        """Close connections, enter the end, and commit; each within its time."""
        for task in recording:
            task.cancel()
        await asyncio.wait(recording, timeout=STOP_WITHIN / 6)
        self._enter(Kind.STOPPED)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await self._ready.wait()
                await self._flow()
                await asyncio.to_thread(self.journal.sync)
                await self.commit()
        except TimeoutError:
            log.error(  # noqa: TRY400
                "not all is in the lake yet; the journal has it, and the next start"
                " brings it in"
            )
        except Exception:
            log.exception("the end was not in order; the journal has what it took")
        with suppress(Exception):
            await asyncio.to_thread(self.journal.close)
