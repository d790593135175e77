"""Asking a lake: `open(path).view(name, scope=..., bar=...)`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from washout.clock import Time, format_time, parse_time
from washout.store import duck, graph
from washout.store.health import engine_errors
from washout.store.lake import Lake
from washout.store.manifest import NUMBERED, AsOf, Feed
from washout.store.plan import Plan, make_plan
from washout.store.sql import TYPES
from washout.views import FoldView

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

TIMES = ("bar", "anchor", "perp_anchor", "spot_anchor", "known_at")
"""Columns of table views that hold instants; fold views declare theirs."""


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
        as_of: AsOf = None,
        **settings: Any,
    ) -> Answer:
        """Ask for a view.

        `start` is inclusive, `end` exclusive, both UTC; without them the whole record.
        `as_of` asks for the lake as it was known then: an instant, or `vintage:3`.
        Nothing is computed until the answer is turned into a table.
        """
        plan = make_plan(
            self.lake, name, scope=scope, settings={"bar": bar, **settings},
            start=_time(start), stop=_time(end), as_of=as_of_what(as_of),
        )  # fmt: skip
        return Answer(plan, self.lake)

    def feeds(self) -> tuple[Feed, ...]:
        """Every series of facts in the lake."""
        return self.lake.feeds()

    def views(self) -> list[str]:
        """Names of the views that can be asked for."""
        return sorted(graph.all_views())


def _time(value: str | Time | None) -> Time | None:
    return parse_time(value) if isinstance(value, str) else value


def as_of_what(value: AsOf) -> AsOf:
    """Read `2025-01-01` as an instant; `vintage:3` and numbers stay what they are."""
    if isinstance(value, str) and not value.startswith(NUMBERED):
        return parse_time(value)
    return value


class Answer:
    """Rows of a view: at most one per scope, bar and side, USD in dollars, missing values null.

    Turns into Arrow, pandas or Polars, and shows itself as a table in a notebook. The
    `scope` column is there when several scopes, or a wildcard, were asked for.
    """

    def __init__(self, plan: Plan, lake: Lake) -> None:
        self.plan, self.lake = plan, lake
        self._arrow: pa.Table | None = None

    def raw(self) -> pa.Table:
        """As engines compute it: USD in int64 cents, times int64, every column."""
        return self._table(hidden=())

    def arrow(self) -> pa.Table:
        """An Arrow table; `bar` and other instants are timestamps in UTC."""
        if self._arrow is None:
            whole = self._table(self._hidden(), _shown_as)
            self._arrow = _published(whole, self._times())
        return self._arrow

    def _table(
        self,
        hidden: Collection[str],
        shown_as: Callable[[str, str], str] | None = None,
    ) -> pa.Table:
        with engine_errors(self.lake):
            if self._folds():
                from washout.store.folding import run_fold

                whole = run_fold(self.plan)
                return whole.select([n for n in whole.column_names if n not in hidden])
            with duck.connect(self.plan) as connection:
                sql, _ = duck.table_sql(self.plan, hidden, shown_as)
                return connection.execute(sql).to_arrow_table()

    def rows(self) -> list[dict[str, Any]]:
        """Dictionaries, with instants in ISO 8601."""
        columns, rows = self.tuples()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def tuples(self) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Column names and rows, as in `rows`; a table view needs no Arrow for it."""
        kinds, rows = self._plain()
        times = self._times()
        write = [_writer(name, kind, times) for name, kind in kinds.items()]
        return list(kinds), (
            tuple(
                None if value is None else as_text(value)
                for value, as_text in zip(row, write, strict=True)
            )
            for row in rows
        )

    def _plain(self) -> tuple[dict[str, str], Iterable[tuple[Any, ...]]]:
        """Types of the shown columns, and rows as the engine's Python values."""
        if self._folds():
            table = self._table(self._hidden())
            kinds = {field.name: str(field.type) for field in table.schema}
            return kinds, zip(*(c.to_pylist() for c in table.columns), strict=True)
        sql, kinds = duck.table_sql(self.plan, self._hidden())
        with engine_errors(self.lake), duck.connect(self.plan) as connection:
            return kinds, connection.execute(sql).fetchall()

    def _times(self) -> tuple[str, ...]:
        view = graph.find_view(self.plan.view)
        return (*TIMES, *view.times) if isinstance(view, FoldView) else TIMES

    def _folds(self) -> bool:
        return isinstance(graph.find_view(self.plan.view), FoldView)

    def _hidden(self) -> set[str]:
        return {"known_at"} | (set() if self.plan.several else {"scope"})

    def pandas(self) -> pd.DataFrame:
        """A pandas DataFrame, indexed by nothing."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def polars(self) -> pl.DataFrame:
        """A Polars DataFrame; needs polars installed."""
        import polars as pl

        return pl.DataFrame(self.arrow())

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
        table = self.pandas().to_html(max_rows=20, index=False, na_rep="")
        return f"<p>{escape(repr(self))}</p>{table}"


def _is_money(name: str, kind: str) -> bool:
    return name.endswith("_usd") and kind == "int64"


def _shown_as(name: str, kind: str) -> str:
    """SQL of a published column: the engine divides on all its cores."""
    if _is_money(name, kind):
        return f"{name}::BIGINT / 100.0"
    return f"{name}::{TYPES[kind]}"


def _writer(name: str, kind: str, times: Collection[str]) -> Callable[[Any], Any]:
    """How a raw value of a column is published."""
    if name in times:
        return format_time
    return _dollars if _is_money(name, kind) else _as_it_is


def _dollars(cents: int) -> float:
    return cents / 100


def _as_it_is(value: Any) -> Any:
    return value


def _published(table: pa.Table, times: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name in table.column_names:
        values = table[name]
        if name in times:
            values = values.cast(pa.timestamp("us", tz="UTC"))
        elif _is_money(name, str(values.type)):
            values = pc.divide(values.cast(pa.float64()), 100.0)
        columns[name] = values
    return pa.table(columns)


__all__ = ["Answer", "Store", "as_of_what", "open_lake"]
