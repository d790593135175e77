"""DuckDB, embedded: the default engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import msgspec

from washout import schema
from washout.store import sql
from washout.store.compile import compile_view
from washout.store.plan import Plan
from washout.views import BASE

if TYPE_CHECKING:
    import duckdb


def connect(plan: Plan) -> duckdb.DuckDBPyConnection:
    """A connection in which the base tables of `plan` exist as temporary views."""
    connection = _database(os.getpid()).cursor()
    for kind, files in plan.files.items():
        connection.execute(f"create temp view {kind} as {_facts(plan, kind, files)}")
    connection.execute(
        f"create temp table series as {_series(plan)}; create temp table span as"
        f" select {plan.read_from}::bigint as start, {plan.stop}::bigint as stop"
    )
    return connection


@cache
def _database(_process: int) -> duckdb.DuckDBPyConnection:
    """One engine a process: starting another takes longer than most questions.

    Temporary tables belong to a connection, so questions do not see each other's. A
    fork needs an engine of its own.
    """
    import duckdb

    spill = sql.literal(Path(gettempdir(), "washout-spill"))
    settings = f"set temp_directory = {spill}"
    return duckdb.connect().execute(settings)


def table_sql(
    plan: Plan,
    hidden: Collection[str] = (),
    shown_as: Callable[[str, str], str] | None = None,
) -> tuple[str, dict[str, str]]:
    """SQL of the plan's table view, cut to the asked bars, and its columns with types.

    Columns in `hidden` are left out, and what only they need is not computed.
    `shown_as(name, type)` may give the SQL by which a column is published.
    """
    unneeded = set(hidden) - {"scope", "bar"}  # rows are cut and ordered by these
    compiled = compile_view(plan.view, plan.settings, "duckdb", unneeded, plan.needless)
    shown = {n: kind for n, kind in compiled.columns.items() if n not in hidden}
    write = shown_as or _as_stored
    columns = ", ".join(
        f"{write(name, kind)} as {name}" for name, kind in shown.items()
    )
    return (
        f"select {columns} from ({compiled.sql}) as answer where bar >= {plan.start}"
        f" and bar < {plan.stop} order by answer.scope, answer.bar"
    ), shown


def any_bars_sql(plan: Plan) -> str:
    """The same with parameters for the first bar and the bar after the last.

    It is compiled once and asked again and again, while what the base tables hold moves
    on.
    """
    whole = msgspec.structs.replace(plan, start=-(2**62), stop=2**62)
    return (
        f"select * from ({table_sql(whole)[0]}) as rows"
        " where bar >= ? and bar < ? order by scope, bar"
    )


def _as_stored(name: str, kind: str) -> str:
    return f"{name}::{sql.TYPES[kind]}"


def _facts(plan: Plan, kind: str, files: list[str]) -> str:
    """Facts as a table; what the manifest knows of them is neither read nor tested."""
    if not files:
        return _nothing(BASE[kind])
    alike = plan.alike[kind]
    columns = ", ".join(
        f"{sql.literal(alike[name])} as {name}" if name in alike else name
        for name in schema.fields(kind)
    )
    source = f"select {columns} from {sql.parquet(files)}"
    if kind in ("coverage", "gap"):
        return source
    tests = []
    if kind in plan.wider:
        tests += [f"ts_event >= {plan.read_from} and ts_event < {plan.stop}"]
    if kind in plan.mixed:
        tests += [f"asset in ({', '.join(map(sql.literal, plan.assets_of(kind)))})"]
    return f"{source} where {' and '.join(tests)}" if tests else source


def _series(plan: Plan) -> str:
    """Many rows: DuckDB reads JSON ten times faster than it parses them as SQL."""
    if not plan.series:
        return _nothing(BASE["series"])
    rows = sql.literal(msgspec.json.encode(plan.series).decode())
    types = {name: sql.TYPES[kind] for name, kind in BASE["series"].items()}
    shape = sql.literal(msgspec.json.encode([types]).decode())
    return f"select row.* from (select unnest(from_json({rows}, {shape})) as row)"


def _nothing(columns: dict[str, str]) -> str:
    typed = ", ".join(
        f"null::{sql.TYPES[kind]} as {name}" for name, kind in columns.items()
    )
    return f"select {typed} where false"
