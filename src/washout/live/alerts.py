"""Alerts beside the recorder: facts in, messages out; and the same over the past."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from washout import schema
from washout.clock import HOUR
from washout.config import DEFAULT
from washout.errors import UsageError
from washout.live.alerting import Engine, Notice, questions
from washout.live.messages import message
from washout.live.rules import Rule, Rules
from washout.live.sending import ATTEMPTS, Log, Sender, Way, written
from washout.live.signals import GAPS
from washout.live.tails import LiveViews, Rows, newest
from washout.live.track_record import Record
from washout.store.lake import Lake
from washout.store.plan import make_plan

if TYPE_CHECKING:
    import pyarrow as pa

Tables = Mapping[str, "pa.Table"]

_LOG = logging.getLogger("washout.alerts")


class Alerts:
    """Rules over a lake and what comes after it, for the recorder.

    `add` takes facts from any thread and returns at once. `advance(now)` is called from
    one worker thread, about once a second, after everything received up to `now` was
    added: it answers bars that have ended and hands messages to threads that send
    them. Neither raises: what fails is logged and counted in `failures`. The first
    `advance` reads the history of the lake, which takes a while; facts wait meanwhile.

    Alerts that fell due while nobody watched, up to the lake's newest fact, are told
    then, if alerts ran on this lake before.
    """

    def __init__(
        self, lake: Lake, rules: Rules, out: Mapping[str, Way],
        clock: Callable[[], int], *, attempts: int = ATTEMPTS,
    ) -> None:  # fmt: skip
        self.failures = 0
        self.log = Log(lake.path)
        self._lake, self._rules = lake, rules
        self._pending: deque[Tables] = deque()
        self._engine = Engine(rules.rules)
        self._views: LiveViews | None = None
        self._gaps: list[pa.Table] = []
        self._known = self.log.known()
        self._moved = self.log.position()
        self._sender = Sender(out, self.log, clock, attempts=attempts)
        for name, one in self.log.unsent():
            self._sender.put(name, one)

    def add(self, tables: Tables) -> None:
        """Take facts by kind, in the schemas of their kinds."""
        self._pending.append(tables)

    def advance(self, now: int) -> None:
        """Tell what is due at `now`."""
        try:
            self._advance(now)
        except Exception:  # noqa: BLE001  the recorder must go on
            self.failures += 1
            _LOG.exception("alerts could not go on at %d", now)

    def _advance(self, now: int) -> None:
        if self._views is None:
            self._begin()
        assert self._views is not None
        while self._pending:
            tables = self._pending.popleft()
            self._views.add(tables)
            if "gap" in tables:
                self._gaps.append(tables["gap"])
        rows = self._views.advance(now)
        gaps, self._gaps = self._gaps, []
        notices = self._engine.take(rows, _together(gaps), now)
        for notice in notices:
            self._tell(notice)
        if notices or rows:
            self._move(now)

    def _begin(self) -> None:
        """Read the past: where rules stand, their record, and what is still to be told."""
        views = LiveViews(self._lake, questions(self._rules.rules))
        bars = [b for b in map(views.next_bar, views.bars()) if b is not None]
        until = newest(self._lake.feeds()) or 0
        gaps = gaps_of(self._lake)
        for notice in self._engine.take(views.history, gaps, until) if bars else ():
            if self._moved is not None and notice.time > self._moved:
                self._tell(notice)
            else:
                self._known.add(notice.id)
        views.history.clear()
        self._move(until)
        self._views = views

    def _tell(self, notice: Notice) -> None:
        """Write a notice down, and send it, once."""
        if notice.id in self._known:
            return
        self._known.add(notice.id)
        told = message(notice)
        self.log.write(written(told, notice.channels, notice.kind))
        for name in notice.channels:
            self._sender.put(name, told)

    def _move(self, now: int) -> None:
        if now > (self._moved or 0):
            self._moved = now
            self.log.move(now)

    def held(self) -> dict[str, int]:
        """How many facts of each kind are in memory."""
        return self._views.held() if self._views is not None else {}

    def close(self, patience: float = 5.0) -> None:
        """Let messages go out, for so many seconds."""
        self._sender.close(patience)


def gaps_of(lake: Lake) -> pa.Table:
    """Every gap in a lake."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [part for part in lake.state().parts if part.kind == "gap"]
    shape = schema.arrow("gap")
    pieces = [pq.ParquetFile(f).read(columns=shape.names).cast(shape) for f in lake.files(parts)]  # fmt: skip
    return pa.concat_tables([shape.empty_table(), *pieces])


def _together(tables: list[pa.Table]) -> pa.Table | None:
    import pyarrow as pa

    return pa.concat_tables(tables) if tables else None


class Backtest(msgspec.Struct, frozen=True):
    """What rules would have told over a stretch, and their records at its end."""

    rules: tuple[Rule, ...]
    notices: tuple[Notice, ...]
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]
    """Rules of which the lake has nothing, and why."""


def backtest(
    lake: Lake, rules: Iterable[Rule], *, start: int | None = None,
    stop: int | None = None,
) -> Backtest:  # fmt: skip
    """Run rules over a lake's history by the engine that runs live.

    Views know the whole record before `start`, as they would have live; rules begin
    there with a clean slate.
    """
    reasons = {rule.name: (rule, _unable(lake, rule)) for rule in rules}
    kept = tuple(rule for rule, why in reasons.values() if not why)
    last = newest(lake.feeds()) or 0
    until = last if stop is None else min(stop, last)
    views = LiveViews(lake, questions(kept), since=until + DEFAULT.grace)
    engine = Engine(kept)
    rows = [_since(one, start) for one in views.history]
    gaps = _between(gaps_of(lake), start, until)
    notices = engine.take(rows, gaps, until)
    notices += engine.take([], None, 2**62)  # what waits for a group or a morning
    return Backtest(
        kept, tuple(notices), tuple(engine.records()),
        tuple((name, why) for name, (_, why) in reasons.items() if why),
    )  # fmt: skip


def _unable(lake: Lake, rule: Rule) -> str:
    """Why a lake has no answer for a rule; empty if it has one."""
    view = "market" if rule.view == GAPS else rule.view
    settings = rule.settings if rule.view != GAPS else {"bar": rule.bar}
    for scope in rule.scopes:
        try:
            make_plan(lake, view, scope=scope, settings=settings)
        except UsageError as error:
            return str(error)
    return ""


def _since(rows: Rows, start: int | None) -> Rows:
    """Rows from an instant on; of `market` an hour more, for the health of the first."""
    import pyarrow.compute as pc

    if start is None:
        return rows
    is_market = rows.question.view == "market"
    back = max(HOUR, rows.question.settings["bar"]) if is_market else 0
    kept = rows.table.filter(pc.field("bar") >= start - back)
    return Rows(rows.question, kept)


def _between(gaps: pa.Table, start: int | None, until: int) -> pa.Table:
    import pyarrow.compute as pc

    kept = gaps.filter(pc.field("ts_recv") <= until)
    return kept if start is None else kept.filter(pc.field("ts_recv") >= start)
