"""The recording once more: a journal through the same pipeline, on a clock of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from washout.clock import SECOND
from washout.collect.entries import Entry, Kind
from washout.collect.journal import read_journal
from washout.errors import NoData
from washout.live.committing import Committer, resume_point
from washout.live.health import Health
from washout.live.pipeline import Facts, Pipeline
from washout.live.recalling import told_until
from washout.live.remembering import kept
from washout.store.lake import Lake

ENOUGH = 64 << 20
"""Bytes of facts that are committed before more is read."""

EVERY = 60.0
"""Seconds between commits of a replay that takes its time."""

STEP = 0.1
"""Seconds between portions of a replay that takes its time."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay gave: rows by kind, notices by what they say, health at its end."""

    first: int
    last: int
    entries: int
    frames: int
    rows: dict[str, int]
    notices: dict[str, int]
    health: Health


class Pace:
    """Sleeps so that journal time passes at `speed` times real time; None: at once."""

    def __init__(
        self, speed: float | None, *, sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.speed, self.sleep, self.monotonic = speed, sleep, monotonic
        self._first: tuple[int, float] | None = None

    def portions(self, blocks: Iterable[list[Entry]]) -> Iterator[list[Entry]]:
        """The same entries, each not before its time."""
        for block in blocks:
            if self.speed is None:
                yield block
                continue
            for portion in cut(block, max(int(self.speed * STEP * SECOND), 1)):
                self._wait(portion[-1].ts)
                yield portion

    def _wait(self, until: int) -> None:
        if self._first is None:
            self._first = until, self.monotonic()
        assert self.speed is not None
        begun, at = self._first
        due = at + (until - begun) / SECOND / self.speed
        self.sleep(max(due - self.monotonic(), 0.0))


def cut(block: list[Entry], width: int) -> Iterator[list[Entry]]:
    """A block in portions of at most `width` microseconds."""
    at = 0
    for place, entry in enumerate(block):
        if entry.ts - block[at].ts > width:
            yield block[at:place]
            at = place
    if block:
        yield block[at:]


def replay(
    pipeline: Pipeline, portions: Iterable[list[Entry]], take: Callable[[Facts], None]
) -> Replayed:
    """Feed a pipeline; `take` gets what comes of each portion."""
    rows: Counter[str] = Counter()
    notices: Counter[str] = Counter()
    first = last = entries = frames = 0
    for portion in portions:
        facts = pipeline.take(portion)
        first, last = first or portion[0].ts, portion[-1].ts
        entries += len(portion)
        frames += sum(1 for entry in portion if entry.kind == Kind.FRAME)
        rows.update({kind: table.num_rows for kind, table in facts.tables.items()})
        notices.update(notice.what for notice in facts.notices)
        take(facts)
    return Replayed(
        first=first, last=last, entries=entries, frames=frames, rows=dict(rows),
        notices=dict(notices), health=pipeline.health(),
    )  # fmt: skip


def replay_into(
    lake: Lake | None, journal: Path, pipeline: Pipeline, pace: Pace,
    now: Callable[[], int], *, again: bool = False,
    heard: Callable[[Facts], None] = lambda _facts: None,
) -> Replayed:  # fmt: skip
    """Replay a journal into a lake, or into none.

    What the lake has of this journal only warms the pipeline up, unless `again`: then
    all is told again, and facts that the lake knows stay one. NoData where there is no
    journal; LakeError where the lake takes nothing.
    """
    since = None
    committer = None
    if lake is not None:
        committer = Committer(lake, journal=journal)
        since, watermark = (None, 0) if again else resume_point(lake, journal)
        if watermark:
            known = kept(lake, journal, watermark)
            pipeline.resume(watermark, told_until(lake), known)
    store = _Storing(committer, now, pace)

    def take(facts: Facts) -> None:
        heard(facts)
        store.take(facts)

    told = replay(pipeline, pace.portions(read_journal(journal, since)), take)
    if not told.entries:
        raise NoData(
            f"{journal} holds no journal. Give the folder into which a recorder writes:"
            " `journal` in its lake, unless it was told otherwise."
        )
    store.commit()
    return told


class _Storing:
    """Commits when much waits, or a while has passed."""

    def __init__(
        self, committer: Committer | None, now: Callable[[], int], pace: Pace
    ) -> None:
        self.committer, self.now, self.pace = committer, now, pace
        self._last = pace.monotonic()

    def take(self, facts: Facts) -> None:
        if self.committer is None:
            return
        self.committer.add(facts.tables, facts.watermark)
        late = self.pace.speed and self.pace.monotonic() - self._last > EVERY
        if late or self.committer.state().bytes > ENOUGH:
            self.commit()

    def commit(self) -> None:
        """Bring in what waits; where somebody else writes, wait for it."""
        if self.committer is None:
            return
        while self.committer.commit(self.now()) is None and self.committer.state().rows:
            self.pace.sleep(1.0)
        self._last = self.pace.monotonic()
