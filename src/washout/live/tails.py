"""Views evaluated live: every bar's rows as soon as it has ended, equal to the batch's.

Table views are asked for the bars that have just ended, by the SQL of the batch, over
facts that reach as far back as the view declares. Folds carry their state from bar to
bar; at the start it is made by one batch run over the lake. All folds over one table
view share its rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.clock import bar_start
from washout.config import DEFAULT
from washout.errors import UsageError
from washout.instruments import parse_scope
from washout.live.held import Held
from washout.store import duck, graph
from washout.store.folding import Carried, Folding, fold_on, folding
from washout.store.lake import Lake
from washout.store.manifest import Feed
from washout.store.plan import Plan, live_plan, make_plan
from washout.store.tables import asked_tables, base_tables
from washout.views import FoldView

if TYPE_CHECKING:
    import pyarrow as pa

Tables = Mapping[str, "pa.Table"]


class Question(msgspec.Struct, frozen=True):
    """A view of one scope with complete settings, to be answered bar by bar."""

    view: str
    scope: str
    settings: dict[str, Any]

    @property
    def name(self) -> tuple[Any, ...]:
        """What tells it from other questions; hashable."""
        return self.view, self.scope, *sorted(self.settings.items())


class Rows(msgspec.Struct, frozen=True):
    """Rows of a question as engines compute them: USD in cents, times in microseconds.

    They are those of `store.view(...).raw()`; of a view that speaks seldom, often none.
    """

    question: Question
    table: pa.Table


class _Under(msgspec.Struct):
    """A table view, and everything that is asked of its rows."""

    view: str
    settings: dict[str, Any]
    scopes: tuple[str, ...]
    asked: tuple[Question, ...]
    next_bar: int | None = None
    """Start of the first bar that was not answered yet; None: nothing is known."""

    @property
    def bar(self) -> int:
        return int(self.settings["bar"])


def question(view: str, scope: str, settings: Mapping[str, Any]) -> Question:
    """A question with complete settings; UnknownName or UsageError say what is wrong."""
    return Question(view, scope, graph.settings(view, settings))


class LiveViews:
    """Answers to questions, bar by bar, over a lake and what comes after it.

    `asked` holds (view, scope, settings). The lake's bars are answered at once, in
    `history`; live begins with the first bar that had not ended, with its grace, at
    `since` (by default the newest instant that the lake speaks of). A bar is answered from what `add` brought
    before `advance`: bring everything that was received up to `now` first. What comes
    later than a bar's grace changes nothing, as in the batch of `asof`; what is told
    of a feed afterwards (a gap that was noticed late) changes the batch only.

    `add` may be called from any thread; all else from one at a time.
    """

    def __init__(
        self, lake: Lake, asked: Iterable[tuple[str, str, Mapping[str, Any]]], *,
        since: int | None = None,
    ) -> None:  # fmt: skip
        import duckdb

        questions = {q.name: q for one in asked if (q := question(*one))}
        self._under = _grouped(questions.values())
        self._kinds = {k for u in self._under for k in graph.base_tables(u.view)}
        self._scopes = {parse_scope(s) for u in self._under for s in u.scopes}
        self._folds: dict[tuple[Any, ...], tuple[Folding, dict[str, Carried]]] = {}
        self._pending: deque[Tables] = deque()
        self._engine = duckdb.connect(config={"threads": 1})
        self._sql: dict[str, tuple[Any, str]] = {}
        self.history: list[Rows] = []
        """The rows of the lake's bars; of a table view, all of them. Clear it once read."""
        feeds = lake.feeds()
        self._held = Held(feeds)
        if since is None:
            since = newest(feeds)
        for under in self._under:
            if since is not None and feeds:
                under.next_bar = bar_start(since - DEFAULT.grace, under.bar)
                self._begin(lake, under, under.next_bar)

    def _begin(self, lake: Lake, under: _Under, stop: int) -> None:
        """Answer the bars of the lake before `stop`, and keep what later bars need."""
        for scope in under.scopes:
            plan = _of_lake(lake, under, scope, stop=stop)
            rows = None if plan is None else _batch(plan)
            if rows is not None:
                self.history += self._answer(under, rows)
        self._keep(lake, under, stop)

    def _keep(self, lake: Lake, under: _Under, start: int) -> None:
        import pyarrow.compute as pc

        stretch = {"start": start, "stop": start + 2 * under.bar}
        able = [s for s in under.scopes if _of_lake(lake, under, s, **stretch)]
        tail = _of_lake(lake, under, able, **stretch) if able else None
        if tail is None:
            return
        tables, since = base_tables(tail), _needed(under)
        for kind in set(tables) & set(since) - {"coverage", "gap", "series", "span"}:
            tables[kind] = tables[kind].filter(pc.field("ts_event") >= since[kind])
        self._held.load({k: t for k, t in tables.items() if k in schema.KEY})

    def add(self, tables: Tables) -> None:
        """Take facts that came in, by kind; they count from the next `advance` on."""
        self._pending.append(tables)

    def advance(self, now: int) -> list[Rows]:
        """The rows of every bar whose end and grace have passed at `now`, once.

        Of several bars, those of one question are in one table, in order.
        """
        self._take_in()
        return [rows for under in self._under for rows in self._close(under, now)]

    def _take_in(self) -> None:
        while self._pending:
            tables = self._pending.popleft()
            wanted = {k: t for k, t in tables.items() if k in self._kinds}
            self._held.add({k: self._of_scopes(t) for k, t in wanted.items()})

    def _of_scopes(self, table: pa.Table) -> pa.Table:
        """Facts that any scope could ask for."""
        import pyarrow.compute as pc

        kept = pc.field("asset").isin(["", *(scope.asset for scope in self._scopes)])
        exchanges = {scope.exchange for scope in self._scopes}
        if "all" not in exchanges:
            kept &= pc.field("exchange").isin(sorted(exchanges))
        return table.filter(kept)

    def _close(self, under: _Under, now: int) -> Iterator[Rows]:
        stop = bar_start(now - DEFAULT.grace, under.bar)
        if under.next_bar is None:
            under.next_bar = _first_bar(self._held, under)
        if under.next_bar is None or stop <= under.next_bar:
            return
        plan = live_plan(
            self._held.feeds(), under.view, under.scopes, under.settings,
            under.next_bar, stop,
        )  # fmt: skip
        rows = None if plan is None else self._run(plan)
        under.next_bar = stop  # a fold that fails must not see its rows twice
        if rows is not None:
            yield from self._answer(under, rows)
        self._held.forget(_least(self._under))

    def _run(self, plan: Plan) -> pa.Table:
        """The rows of a table view for the bars of a plan."""
        tables = asked_tables(plan)
        tables |= {
            kind: self._held.table(kind, plan.read_from)
            for kind in graph.base_tables(plan.view) - set(tables)
        }
        for name, table in tables.items():
            self._engine.register(name, table)
        asked = self._engine.execute(self._compiled(plan), [plan.start, plan.stop])
        return asked.to_arrow_table()

    def _compiled(self, plan: Plan) -> str:
        """SQL of a view, compiled once for what `series` has columns for."""
        key = repr((plan.view, plan.settings))
        known = self._sql.get(key)
        if known is None or known[0] != plan.needless:
            known = self._sql[key] = plan.needless, duck.any_bars_sql(plan)
        return known[1]

    def _answer(self, under: _Under, rows: pa.Table) -> Iterator[Rows]:
        """What every question over a table view says of its new rows."""
        import pyarrow.compute as pc

        if not rows.num_rows:
            return
        of_scope = {
            scope: rows.filter(pc.equal(rows["scope"], scope))
            for scope in pc.unique(rows["scope"]).to_pylist()
        }
        for asked in under.asked:
            mine = of_scope.get(asked.scope)
            if mine is None:
                continue
            table = mine if asked.view == under.view else self._fold(asked, mine)
            if table.num_rows:
                yield Rows(asked, table)

    def _fold(self, asked: Question, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        view = graph.find_view(asked.view)
        assert isinstance(view, FoldView)
        if asked.name not in self._folds:
            self._folds[asked.name] = folding(view, asked.settings), {}
        made, carried = self._folds[asked.name]
        pieces = []
        for side in view.sides or ("",):
            carried[side], said = fold_on(made, rows, side, carried.get(side))
            pieces.append(said)
        whole = pa.concat_tables(pieces)
        order = [(name, "ascending") for name in ("bar", "side")]
        return whole.sort_by(order) if view.sides else whole

    def bars(self) -> list[int]:
        """The widths of the bars that are watched."""
        return sorted({under.bar for under in self._under})

    def next_bar(self, bar: int) -> int | None:
        """Start of the first bar of this width that was not answered yet."""
        found = [u.next_bar for u in self._under if u.bar == bar]
        return min((b for b in found if b is not None), default=None)

    def held(self) -> dict[str, int]:
        """How many facts of each kind are in memory."""
        return self._held.rows()


def newest(feeds: Iterable[Feed]) -> int | None:
    """The newest instant that feeds speak of; None without any.

    A payment of funding speaks of an instant, however long it pays for.
    """
    ends = (
        feed.last - (feed.interval if feed.kind == "funding_rate" else 0)
        for feed in feeds
    )
    return max(ends, default=None)


def _grouped(questions: Iterable[Question]) -> list[_Under]:
    groups: dict[str, _Under] = {}
    for asked in questions:
        view = graph.find_view(asked.view)
        name = view.over if isinstance(view, FoldView) else view.name
        own = {n: asked.settings[n] for n in graph.parameters(name)}
        known = groups.setdefault(repr((name, own)), _Under(name, own, (), ()))
        known.asked += (asked,)
        known.scopes = tuple(dict.fromkeys((*known.scopes, asked.scope)))
    return list(groups.values())


def _of_lake(
    lake: Lake, under: _Under, scope: str | list[str], *, start: int | None = None,
    stop: int | None = None,
) -> Plan | None:  # fmt: skip
    """The plan of a table view over the lake; None where it holds nothing for it."""
    try:
        plan = make_plan(
            lake, under.view, scope=scope, settings=under.settings, start=start,
            stop=stop,
        )  # fmt: skip
    except UsageError:  # nothing of the scope, or no whole bar in the stretch
        return None
    return plan


def _batch(plan: Plan) -> pa.Table:
    with duck.connect(plan) as connection:
        return connection.execute(duck.table_sql(plan)[0]).to_arrow_table()


def _needed(under: _Under) -> dict[str, int]:
    """Per kind of fact, from when on the next bars need it."""
    begin = under.next_bar
    if begin is None:
        return {}
    since = [begin, *graph.anchors(under.view, under.settings)]
    return {
        kind: bar_start(min(begin - back, *since), under.bar)
        for kind, back in graph.reach(under.view, under.settings).items()
    }


def _least(groups: Sequence[_Under]) -> dict[str, int]:
    """Per kind, the earliest instant that any of the table views still needs."""
    found: dict[str, int] = {}
    if any(under.next_bar is None for under in groups):
        return found
    for under in groups:
        for kind, since in _needed(under).items():
            found[kind] = min(found.get(kind, since), since)
    return {kind: since for kind, since in found.items() if kind in schema.KEY}


def _first_bar(held: Held, under: _Under) -> int | None:
    """The bar of the first fact that a view cannot do without."""
    kinds = graph.primary_kinds(under.view)
    begun = [
        feed.first for feed in held.feeds()
        if (feed.kind == "coverage" and feed.detail in kinds)
        or (feed.kind in kinds and feed.kind not in ("coverage", "gap"))
    ]  # fmt: skip
    return bar_start(min(begun), under.bar) if begun else None


__all__ = ["LiveViews", "Question", "Rows", "newest", "question"]
