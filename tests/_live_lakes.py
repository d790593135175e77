"""Facts of a generated market in order of receipt, and lakes that end somewhere."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from washout import schema
from washout.importers import Unit
from washout.store.ingest import add_unit
from washout.store.lake import Lake

NOW = 1_780_000_000_000_000


def gathered(tables):
    """Tables of a unit, one a kind, in the schemas of their kinds."""
    found = {}
    for kind, table in tables:
        whole = table.select(schema.arrow(kind).names).cast(schema.arrow(kind))
        found.setdefault(kind, []).append(whole)
    return {kind: pa.concat_tables(parts) for kind, parts in found.items()}


def between(tables, begin, end):
    """Facts received in (begin, end], and what was told of feeds for that time."""
    found = {}
    for kind, table in tables.items():
        if kind in ("coverage", "gap"):
            rows = [
                _cut(kind, row, begin, end)
                for row in table.to_pylist()
                if row["ts_event"] < end and row["ts_end"] > begin
            ]
            found[kind] = pa.Table.from_pylist(rows, schema=table.schema)
        else:
            found[kind] = table.filter(
                (pc.field("ts_recv") > begin) & (pc.field("ts_recv") <= end)
            )
    return {kind: table for kind, table in found.items() if table.num_rows}


def _cut(kind, row, begin, end):
    first = max(row["ts_event"], begin) if kind == "coverage" else row["ts_event"]
    return {**row, "ts_event": first, "ts_end": min(row["ts_end"], end)}


def add(lake, tables):
    unit = Unit("market", lambda _unit: iter(tables.items()))
    with lake.writing() as scratch:
        add_unit(lake, scratch, unit, importer="t", sha256="s", now=NOW)


def lake_of(path, tables):
    lake = Lake.create(path)
    add(lake, tables)
    return lake
