"""ClickHouse: the same plans, for when one machine is too small.

`client` is a clickhouse-connect client: of a server, or in process
(`clickhouse_connect.get_client(interface="chdb")`). Base tables are loaded as
temporary tables of its session, so that nothing is left behind and nobody collides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from washout import schema
from washout.store.compile import Compiled, compile_view
from washout.store.plan import Plan
from washout.store.tables import base_tables
from washout.views import BASE

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS = {
    "join_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "max_query_size": 4_194_304,
}
"""What makes ClickHouse join and add up like every other engine: missing is null.

Wide views are longer in SQL than it would read by default.
"""

_TYPES = {
    "string": "String", "int64": "Int64", "float64": "Float64", "boolean": "Bool"
}  # fmt: skip


def run(plan: Plan, client: Any) -> pa.Table:
    """The rows of a table view, as `duck` would give them."""
    load(client, base_tables(plan))
    sql, compiled = table_sql(plan)
    return fetch(client, sql, compiled)


def load(client: Any, tables: Mapping[str, pa.Table]) -> None:
    """Make `tables` the base tables of the client's session."""
    for name, table in tables.items():
        client.command(f"drop temporary table if exists {name}")
        client.command(
            f"create temporary table {name} ({_columns(name)}) engine = Memory"
        )
        if table.num_rows:
            client.insert_arrow(name, table)


def _columns(name: str) -> str:
    nullable = (
        {column for column, (_, null) in schema.fields(name).items() if null}
        if name in schema.KEY
        else set()
    )
    return ", ".join(
        f"{column} {_nullable(_TYPES[kind]) if column in nullable else _TYPES[kind]}"
        for column, kind in BASE[name].items()
    )


def _nullable(kind: str) -> str:
    return f"Nullable({kind})"


def table_sql(plan: Plan) -> tuple[str, Compiled]:
    """SQL of the plan's table view, cut to the asked bars, and how it was compiled."""
    compiled = compile_view(
        plan.view, plan.settings, "clickhouse", needless=plan.needless
    )
    columns = ", ".join(
        f"cast({name} as {_nullable(_TYPES[kind])}) as {name}"
        for name, kind in compiled.columns.items()
    )
    return (
        f"select {columns} from ({compiled.sql}) as answer where bar >= {plan.start}"
        f" and bar < {plan.stop} order by scope, bar"
    ), compiled


def fetch(client: Any, sql: str, compiled: Compiled) -> pa.Table:
    """Run SQL over the loaded tables; Arrow with the view's own types."""
    import pyarrow as pa

    types = {
        "string": pa.string(), "int64": pa.int64(), "float64": pa.float64(),
        "boolean": pa.bool_(),
    }  # fmt: skip
    found = client.query_arrow(sql, settings=SETTINGS, use_strings=True)
    return found.cast(
        pa.schema([(name, types[kind]) for name, kind in compiled.columns.items()])
    )
