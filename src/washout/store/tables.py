"""The base tables of a plan as Arrow, for engines that do not read the lake's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from washout import schema
from washout.store.plan import Plan
from washout.views import BASE

if TYPE_CHECKING:
    import pyarrow as pa


def base_tables(plan: Plan) -> dict[str, pa.Table]:
    """The base tables of a plan as Arrow, cut to what it may read."""
    return {kind: _facts(plan, kind) for kind in plan.files} | asked_tables(plan)


def asked_tables(plan: Plan) -> dict[str, pa.Table]:
    """The base tables that say what is asked: `series` and `span`."""
    import pyarrow as pa

    span = [{"start": plan.read_from, "stop": plan.stop}]
    return {
        "series": pa.Table.from_pylist(plan.series, schema=_arrow("series")),
        "span": pa.Table.from_pylist(span, schema=_arrow("span")),
    }


def _facts(plan: Plan, kind: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    told = kind in ("coverage", "gap")
    inside = (
        (pc.field("ts_event") >= plan.read_from)
        & (pc.field("ts_event") < plan.stop)
        & pc.field("asset").isin(plan.assets_of(kind))
    )
    pieces = [
        pq.ParquetFile(file)
        .read(columns=schema.arrow(kind).names)
        .cast(schema.arrow(kind))
        for file in plan.files[kind]
    ]
    whole = pa.concat_tables([schema.arrow(kind).empty_table(), *pieces])
    return whole if told else whole.filter(inside)


def _arrow(name: str) -> pa.Schema:
    import pyarrow as pa

    types = {"string": pa.string(), "int64": pa.int64(), "boolean": pa.bool_()}
    return pa.schema([(column, types[kind]) for column, kind in BASE[name].items()])
