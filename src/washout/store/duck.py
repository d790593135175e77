"""DuckDB, embedded: the default engine."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from washout import schema
from washout.store import sql
from washout.store.compile import Compiled, compile_view
from washout.store.plan import Plan
from washout.views import BASE

if TYPE_CHECKING:
    import duckdb


def connect(plan: Plan) -> duckdb.DuckDBPyConnection:
    """A connection in which the base tables of `plan` exist as temporary views."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        "set enable_progress_bar = false;"
        f" set temp_directory = {sql.literal(Path(gettempdir(), 'washout-spill'))}"
    )
    for kind, files in plan.files.items():
        connection.execute(f"create temp view {kind} as {_facts(plan, kind, files)}")
    connection.execute(f"create temp table series as {_series(plan)}")
    connection.execute(
        f"create temp table span as select {plan.read_from}::bigint as start,"
        f" {plan.stop}::bigint as stop"
    )
    return connection


def table_sql(plan: Plan) -> tuple[str, Compiled]:
    """SQL of the plan's table view, cut to the asked bars, and how it was compiled."""
    compiled = compile_view(plan.view, plan.settings, "duckdb")
    columns = ", ".join(
        f"{name}::{sql.TYPES[kind]} as {name}"
        for name, kind in compiled.columns.items()
    )
    return (
        f"select {columns} from ({compiled.sql}) where bar >= {plan.start}"
        f" and bar < {plan.stop} order by scope, bar"
    ), compiled


def _facts(plan: Plan, kind: str, files: list[str]) -> str:
    if not files:
        return _nothing(BASE[kind])
    columns = ", ".join(schema.fields(kind))
    source = f"select {columns} from {sql.parquet(files)}"
    if kind in ("coverage", "gap"):
        return source
    return (
        f"{source} where ts_event >= {plan.read_from} and ts_event < {plan.stop}"
        f" and asset in ({', '.join(sql.literal(a) for a in plan.assets)})"
    )


def _series(plan: Plan) -> str:
    if not plan.series:
        return _nothing(BASE["series"])
    rows = ", ".join(
        "(" + ", ".join(sql.literal(row[name]) for name in BASE["series"]) + ")"
        for row in plan.series
    )
    return f"select * from (values {rows}) t({', '.join(BASE['series'])})"


def _nothing(columns: dict[str, str]) -> str:
    typed = ", ".join(
        f"null::{sql.TYPES[kind]} as {name}" for name, kind in columns.items()
    )
    return f"select {typed} where false"
