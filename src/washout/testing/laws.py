"""The three laws, for any view that is installed: run them in your own tests.

>>> from washout.testing import laws, markets
>>> lake = markets.generated_lake(tmp_path / "lake", seed=1)  # doctest: +SKIP
>>> for case in laws.cases("my_view"):  # doctest: +SKIP
...     laws.live_is_batch(lake, case)
...     laws.the_future_changes_nothing(lake, case)
...     laws.engines_agree(lake, case, clickhouse_client)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec
import numpy as np

from washout.clock import DAY, HOUR, MINUTE, WEEK, Time, Width, bar_start, format_time
from washout.config import DEFAULT
from washout.errors import NoData, UnknownName
from washout.store import clickhouse, duck, graph
from washout.store.folding import Folding, fold_table, folding, matrix, published
from washout.store.lake import Lake
from washout.store.plan import Plan, make_plan
from washout.store.tables import base_tables
from washout.testing import markets
from washout.views import FoldView

if TYPE_CHECKING:
    import pyarrow as pa

RELATIVE = 1e-9
_SPAN_OF_BARS = 6
"""Windows in the laws are this many bars, so that their edges are met often."""

_SPAN_OF = {"half_life": 1, "fade": 2, "quiet": 2, "within": 72}
"""Of these so many: a wave must have time to end before it is closed, and signals must
meet what they wait for."""

_EASY = {
    "least_bp": 1e-6, "study_bp": 1e-6, "floor_bp": 1e-6, "jump": 1.5,
    "quantile": 0.5, "deviations": 0.5, "quiet_share": 0.9,
}  # fmt: skip
"""Settings of detectors under which they say something in a quiet generated market."""

Tables = dict[str, "pa.Table"]
Row = dict[str, Any]
Key = tuple[Any, ...]
"""Scope, bar, and side where a view has one."""
Keyed = dict[Key, Row]


_BENEATH: dict[bytes, pa.Table] = {}
"""ClickHouse's rows of views beneath folds: many folds stand on the same ones."""
_REMEMBERED = 8


class LawBroken(AssertionError):
    """A view whose rows depend on what they must not."""


class Case(msgspec.Struct, frozen=True):
    """A view with complete settings, for all scopes that have data for it."""

    view: str
    settings: dict[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.settings.items())
        return f"{self.view}({shown})"


def cases(view: str, bars: Sequence[int] = (15 * MINUTE, HOUR, WEEK)) -> list[Case]:
    """A view at several bar widths, `asof` and `final`, each choice taken once."""
    return [
        Case(view, graph.settings(view, settings))
        for bar in bars
        for settings in _variants(view, Width(bar))
    ]


def _variants(view: str, bar: Width) -> Iterator[dict[str, Any]]:
    plain: dict[str, Any] = {}
    choices: list[tuple[str, Any]] = []
    for name, parameter in graph.parameters(view).items():
        if parameter.type is Width:
            bars = 1 if name == "bar" else _SPAN_OF.get(name, _SPAN_OF_BARS)
            plain[name] = Width(bars * bar)
        elif name in _EASY and parameter.type is float:
            plain[name] = _EASY[name]
        elif parameter.type is Time:
            plain[name] = Time(markets.BEGIN + 12 * DAY + 37 * MINUTE)
        elif get_origin(parameter.type) is Literal:
            others = get_args(parameter.type)
            choices += [(name, v) for v in others if v != parameter.default]
    yield plain
    if bar == HOUR:
        yield from ({**plain, name: value} for name, value in choices)


def plan(lake: Lake, case: Case, scopes: Sequence[str] = markets.SCOPES) -> Plan | None:
    """The plan of a case over the scopes that have data for it; None if none has."""
    able = [scope for scope in scopes if _can(lake, case, scope)]
    if not able:
        return None
    return make_plan(lake, case.view, scope=able, settings=case.settings)


def _can(lake: Lake, case: Case, scope: str) -> bool:
    try:
        make_plan(lake, case.view, scope=scope, settings=case.settings)
    except (NoData, UnknownName):
        return False
    return True


def live_is_batch(lake: Lake, case: Case, *, seed: int = 0, samples: int = 4) -> int:
    """Law 1: a bar computed when it closed, from the declared tail, is the batch's.

    Live knows the facts received by the row's `known_at` and reads back as far as the
    view declares. Returns how many rows were compared.
    """
    whole = plan(lake, case)
    if whole is None:
        return 0
    if isinstance(graph.find_view(case.view), FoldView):
        return _steps_are_batch(whole, case, seed)
    facts = base_tables(whole)
    batch = _keyed(_run(whole, facts))
    random = np.random.default_rng(seed)
    compared = 0
    for scope, bar in _sampled(whole, batch, random, samples):
        row = batch.get((scope, bar))
        now = row["known_at"] if row else bar + case.settings["bar"] + DEFAULT.grace
        one = _at_close(whole, case, bar)
        known = _within_reach(_known(facts, now, one), one)
        live = _keyed(_run(one, known)).get((scope, bar))
        _same(case, "live is not batch", (scope, bar), row, live)
        compared += row is not None
    return compared


def _sampled(
    whole: Plan, batch: Mapping[Key, Row], random: np.random.Generator,
    samples: int,
) -> list[Key]:  # fmt: skip
    """Bars of the batch, and some of the grid that the batch may not have."""
    keys = list(batch)
    chosen = [keys[i] for i in random.integers(0, len(keys), samples)] if keys else []
    width = whole.settings["bar"]
    count = (whole.stop - whole.start) // width
    bar = whole.start + int(random.integers(0, count)) * width
    return [*chosen, (whole.scopes[0], bar)]


def _at_close(whole: Plan, case: Case, bar: int) -> Plan:
    back = bar - graph.memory(case.view, case.settings)
    width = case.settings["bar"]
    read_from = bar_start(min([back, *graph.anchors(case.view, case.settings)]), width)
    return msgspec.structs.replace(
        whole, start=bar, stop=bar + width, read_from=read_from
    )


def _steps_are_batch(whole: Plan, case: Case, seed: int) -> int:
    """For folds: stepping bar by bar, in chunks of any size, is the batch."""
    view = graph.find_view(case.view)
    assert isinstance(view, FoldView)
    made = folding(view, case.settings)
    under = msgspec.structs.replace(whole, view=view.over, start=whole.read_from)
    rows = _run(under, base_tables(under))
    batch = _keyed(fold_table(made, rows, whole.start, whole.stop))
    random = np.random.default_rng(seed)
    live: Keyed = {}
    for scope in whole.scopes:
        mine = [row for row in rows.to_pylist() if row["scope"] == scope]
        for side in view.sides or ("",):
            values = matrix(_table_of(mine, rows), view.read(side))
            live |= _stepped(made, mine, values, side, random)
    for key in batch.keys() | live.keys():
        expected, found = batch.get(key), live.get(key)
        if expected:
            expected = {k: v for k, v in expected.items() if k != "known_at"}
        _same(case, "live is not batch", key, expected, found)
    return len(batch)


def _stepped(
    made: Folding, rows: list[Row], values: Any, side: str, random: np.random.Generator
) -> Keyed:
    """The rows of one scope and side, folded in steps of one or two bars."""
    state, at = made.first, 0
    kept: list[Row] = []
    outputs = [np.empty((0, len(made.view.shown)))]
    while at < len(rows):
        size = int(random.integers(1, 3))
        state, shown, places = made.run(state, values[at : at + size])
        outputs.append(shown)
        kept += [rows[at + place] for place in places]
        at += size
    said = np.concatenate(outputs)
    columns = [
        published(made.view, name, said[:, i]).to_pylist()
        for i, name in enumerate(made.view.shown)
    ]
    found = (
        {
            "scope": row["scope"],
            "bar": bar_start(row["bar"], made.width),
            **({"side": side} if side else {}),
        }
        | dict(zip(made.view.shown, values, strict=True))
        for row, values in zip(kept, zip(*columns, strict=True), strict=True)
    )
    return {_key(row): row for row in found}


def _table_of(rows: list[Row], like: pa.Table) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=like.schema)


def the_future_changes_nothing(
    lake: Lake, case: Case, *, seed: int = 0, cuts: int = 3
) -> int:
    """Law 2: what was known at a cut is the same when the record ends there.

    Cuts are made where some row just became known, when the least is known of what
    follows. Returns how many rows were compared.
    """
    whole = plan(lake, case)
    if whole is None:
        return 0
    facts = base_tables(whole)
    rows = _keyed(_run(whole, facts))
    random = np.random.default_rng(seed)
    compared = 0
    moments = sorted({row["known_at"] for row in rows.values()})
    for place in random.integers(0, len(moments), cuts) if moments else ():
        now = moments[place]
        ended = msgspec.structs.replace(
            whole, stop=bar_start(now, case.settings["bar"]) + case.settings["bar"]
        )
        prefix = _keyed(_run(ended, _known(facts, now, ended)))
        for key, row in rows.items():
            if row["known_at"] <= now:
                _same(case, "the future changed a row", key, row, prefix.get(key))
                compared += 1
    return compared


def engines_agree(lake: Lake, case: Case, client: Any) -> int:
    """Law 3: ClickHouse gives DuckDB's rows. Returns how many were compared."""
    whole = plan(lake, case)
    if whole is None:
        return 0
    expected = _keyed(_run(whole, base_tables(whole)))
    found = _keyed(_on_clickhouse(case, whole, client))
    for key in expected.keys() | found.keys():
        here, there = expected.get(key), found.get(key)
        _same(case, "ClickHouse is not DuckDB", key, here, there)
    return len(expected)


def _on_clickhouse(case: Case, whole: Plan, client: Any) -> pa.Table:
    from clickhouse_connect.driver.exceptions import DatabaseError

    def run(asked: Plan) -> pa.Table:
        if asked.view == case.view:
            return clickhouse.run(asked, client)
        key = msgspec.json.encode((id(client), asked))
        if key not in _BENEATH:
            if len(_BENEATH) >= _REMEMBERED:
                _BENEATH.clear()
            _BENEATH[key] = clickhouse.run(asked, client)
        return _BENEATH[key]

    try:
        return _folded(whole, run)
    except DatabaseError as error:
        raise LawBroken(f"{case}: ClickHouse refuses it: {error}") from error


def _run(asked: Plan, tables: Tables) -> pa.Table:
    """The rows of a plan on DuckDB over given base tables."""
    return _folded(asked, lambda under: _on_duckdb(under, tables))


def _folded(asked: Plan, run: Callable[[Plan], pa.Table]) -> pa.Table:
    """The rows of a plan; of a fold view, by folding those of the view beneath."""
    view = graph.find_view(asked.view)
    if not isinstance(view, FoldView):
        return run(asked)
    own = graph.parameters(view.over)
    under = msgspec.structs.replace(
        asked, view=view.over, start=asked.read_from,
        settings={n: v for n, v in asked.settings.items() if n in own},
    )  # fmt: skip
    made = folding(view, asked.settings)
    return fold_table(made, run(under), asked.start, asked.stop)


def _on_duckdb(asked: Plan, tables: Tables) -> pa.Table:
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        found: pa.Table = connection.execute(duck.table_sql(asked)[0]).to_arrow_table()
        return found


def _known(tables: Tables, now: int, asked: Plan) -> Tables:
    """What could be known at `now`, in the stretch that a plan reads."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = {}
    for name, table in tables.items():
        if name == "series":
            known[name] = table
        elif name == "span":
            span = {"start": [asked.read_from], "stop": [asked.stop]}
            known[name] = pa.table(span, schema=table.schema)
        elif name in ("coverage", "gap"):
            begun = table.filter(pc.field("ts_event") < now)
            ends = pc.min_element_wise(begun["ts_end"], now)
            at = begun.schema.get_field_index("ts_end")
            known[name] = begun.set_column(at, begun.schema.field(at), ends)
        else:
            known[name] = table.filter(
                (pc.field("ts_recv") <= now)
                & (pc.field("ts_event") >= asked.read_from)
                & (pc.field("ts_event") < asked.stop)
            )
    return known


def _within_reach(tables: Tables, asked: Plan) -> Tables:
    """The same without what the view says that it does not need of a table."""
    import pyarrow.compute as pc

    if graph.anchors(asked.view, asked.settings):
        return tables
    back = graph.reach(asked.view, asked.settings)
    kept = {}
    for name, table in tables.items():
        begin = bar_start(asked.start - back.get(name, 0), asked.settings["bar"])
        if name == "span":
            kept[name] = table.set_column(0, table.schema.field(0), [[begin]])
        elif name in ("series", "coverage", "gap"):
            kept[name] = table
        else:
            kept[name] = table.filter(pc.field("ts_event") >= begin)
    return kept


def _keyed(table: pa.Table) -> Keyed:
    return {_key(row): row for row in table.to_pylist()}


def _key(row: Row) -> Key:
    return tuple(row[name] for name in ("scope", "bar", "side") if name in row)


def _same(
    case: Case, law: str, key: Key, expected: Row | None, found: Row | None
) -> None:
    if expected == found:
        return
    scope, bar, *side = key
    at = f"{case}: {law} for {' '.join([scope, *side])} at {format_time(bar)}"
    if expected is None or found is None:
        raise LawBroken(f"{at}: expected {expected}, found {found}")
    for name, value in found.items():
        if not _close(expected[name], value):
            raise LawBroken(f"{at}: {name} is {value}, expected {expected[name]}")


def _close(here: Any, there: Any) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=RELATIVE, abs_tol=RELATIVE)
    return bool(here == there)
