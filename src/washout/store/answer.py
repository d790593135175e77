"""Asking a lake: `open(path).view(name, scope=..., bar=...)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from washout.clock import Time, format_time, parse_time
from washout.store import duck, graph
from washout.store.lake import Lake
from washout.store.manifest import Feed
from washout.store.plan import Plan, make_plan
from washout.views import FoldView

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

TIMES = ("bar", "anchor", "known_at")
"""Columns that hold instants."""


def open_lake(path: str | Path = "lake") -> Store:
    """Open the lake at `path`. LakeError if there is none, or it cannot be read.

    >>> import washout
    >>> lake = washout.open("washout-demo/lake")  # doctest: +SKIP
    >>> lake.view("cld", scope="binance:BTC", bar="1d").pandas()  # doctest: +SKIP
    """
    return Store(Lake.open(path))


class Store:
    """A lake as questions see it."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def view(
        self,
        name: str,
        *,
        scope: str | Sequence[str],
        bar: str = "1d",
        start: str | Time | None = None,
        end: str | Time | None = None,
        as_of: str | Time | None = None,
        **settings: Any,
    ) -> Answer:
        """Ask for a view.

        `start` is inclusive, `end` exclusive, both UTC; without them the whole record.
        `as_of` asks for the lake as it was known then. Nothing is computed until the
        answer is turned into a table.
        """
        plan = make_plan(
            self.lake, name, scope=scope, settings={"bar": bar, **settings},
            start=_time(start), stop=_time(end), as_of=_time(as_of),
        )  # fmt: skip
        return Answer(plan)

    def feeds(self) -> tuple[Feed, ...]:
        """Every series of facts in the lake."""
        return self.lake.feeds()

    def views(self) -> list[str]:
        """Names of the views that can be asked for."""
        return sorted(graph.all_views())


def _time(value: str | Time | None) -> Time | None:
    return parse_time(value) if isinstance(value, str) else value


class Answer:
    """Rows of a view: one per scope and bar, USD in dollars, missing values null.

    Turns into Arrow, pandas or Polars, and shows itself as a table in a notebook. The
    `scope` column is there when more than one scope was asked for.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._arrow: pa.Table | None = None

    def raw(self) -> pa.Table:
        """As engines compute it: USD in int64 cents, times int64, every column."""
        if isinstance(graph.find_view(self.plan.view), FoldView):
            from washout.store.folding import run_fold

            return run_fold(self.plan)
        with duck.connect(self.plan) as connection:
            return connection.execute(duck.table_sql(self.plan)[0]).to_arrow_table()

    def arrow(self) -> pa.Table:
        """An Arrow table; `bar` and other instants are timestamps in UTC."""
        if self._arrow is None:
            self._arrow = _published(self.raw(), self._hidden())
        return self._arrow

    def rows(self) -> list[dict[str, Any]]:
        """Dictionaries, with instants in ISO 8601."""
        columns, rows = self.tuples()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def tuples(self) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Column names and rows, without loading Arrow."""
        if self._arrow is not None or isinstance(
            graph.find_view(self.plan.view), FoldView
        ):
            table = self.arrow()
            return table.column_names, _python_rows(table)
        sql, compiled = duck.table_sql(self.plan)
        shown = [c for c in compiled.columns if c not in self._hidden()]
        chosen = ", ".join(_expression(c, compiled.columns[c]) for c in shown)
        with duck.connect(self.plan) as connection:
            found = connection.execute(f"select {chosen} from ({sql})").fetchall()
        times = [i for i, c in enumerate(shown) if c in TIMES]
        return shown, (_with_times(row, times) for row in found)

    def _hidden(self) -> set[str]:
        return {"known_at"} | ({"scope"} if len(self.plan.scopes) == 1 else set())

    def pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, indexed by nothing."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def polars(self) -> pl.DataFrame:
        """A Polars DataFrame; needs polars installed."""
        import polars

        return polars.DataFrame(self.arrow())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.arrow().num_rows)

    def __repr__(self) -> str:
        plan = self.plan
        return (
            f"<{plan.view} of {', '.join(plan.scopes)},"
            f" {format_time(plan.start)} to {format_time(plan.stop)}>"
        )

    def _repr_html_(self) -> str:
        html: str = self.pandas().to_html(max_rows=20, index=False, na_rep="")
        return f"<p>{self!r}</p>".replace("<<", "&lt;").replace(">><", ">&gt;<") + html


def _expression(column: str, kind: str) -> str:
    is_money = column.endswith("_usd") and kind.startswith("int")
    return f"{column} / 100.0 as {column}" if is_money else column


def _with_times(row: tuple[Any, ...], times: Sequence[int]) -> tuple[Any, ...]:
    values = list(row)
    for index in times:
        values[index] = None if row[index] is None else format_time(row[index])
    return tuple(values)


def _published(table: pa.Table, hidden: set[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name in table.column_names:
        values = table[name]
        if name in TIMES:
            values = values.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        elif name.endswith("_usd") and pa.types.is_integer(values.type):
            values = pc.divide(values.cast(pa.float64()), 100.0)
        if name not in hidden:
            columns[name] = values
    return pa.table(columns)


def _python_rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    import pyarrow as pa

    for row in table.to_pylist():
        yield tuple(
            format_time(_micros(v))
            if pa.types.is_timestamp(table.schema.field(n).type) and v is not None
            else v
            for n, v in row.items()
        )


def _micros(moment: Any) -> int:
    from washout.clock import from_datetime

    return from_datetime(
        moment.to_pydatetime() if hasattr(moment, "to_pydatetime") else moment
    )


__all__ = ["Answer", "Store", "open_lake"]
