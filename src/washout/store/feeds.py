"""Which feeds files of facts hold, with their extents: from footers where they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from washout import schema
from washout.store import footers, sql
from washout.store.manifest import Feed

if TYPE_CHECKING:
    import duckdb

SMALL = 200_000
"""Rows up to which a file is read into memory for this."""


def feeds_in(
    connection: duckdb.DuckDBPyConnection, kind: str, files: Sequence[Path]
) -> tuple[Feed, ...]:
    """The feeds in files of one kind, in order."""
    names, end = _names(kind), _end(kind)
    if end == "ts_event":
        told = footers.extents(files, names)
        if told is not None:
            return _feeds(
                kind, names,
                [(*who, one.first, one.last, one.rows) for who, one in told.items()],
            )  # fmt: skip
    if len(files) == 1 and rows_in(files[0]) <= SMALL:
        return _feeds(kind, names, _grouped(files[0], names, end))
    found = connection.execute(
        f"select {', '.join(names)}, min(ts_event), max({end}), count(*)"
        f" from {sql.parquet(files)} group by all"
    ).fetchall()
    return _feeds(kind, names, found)


def _names(kind: str) -> list[str]:
    """The columns that tell one feed from another."""
    named = ["exchange", "asset", "market", "product", "source", "interval"]
    named += ["kind"] if kind in ("coverage", "gap") else []
    named += [] if kind == "liquidation" else ["price_kind"]
    return [name for name in named if name in schema.fields(kind)]


def _end(kind: str) -> str:
    """The column in which a fact's end, or else its instant, stands."""
    return "ts_end" if "ts_end" in schema.fields(kind) else "ts_event"


def _grouped(path: Path, names: Sequence[str], end: str) -> list[tuple[Any, ...]]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read(columns=[*{*names, "ts_event", end}])
    found = table.group_by(list(names)).aggregate(
        [("ts_event", "min"), (end, "max"), ("ts_event", "count")]
    )
    told = [*names, "ts_event_min", f"{end}_max", "ts_event_count"]
    columns = [found[name].to_pylist() for name in told]
    return list(zip(*columns, strict=True))


def _feeds(
    kind: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> tuple[Feed, ...]:
    at = {name: place for place, name in enumerate(names)}
    return tuple(sorted(_feed(kind, at, row) for row in rows))


def _feed(kind: str, at: Mapping[str, int], row: tuple[Any, ...]) -> Feed:
    """A feed ends after its last fact: after its interval, or the next instant."""
    *_, first, last, rows = row

    def value(name: str, other: Any) -> Any:
        return row[at[name]] if name in at else other

    interval = value("interval", 0)
    return Feed(
        kind, value("exchange", ""), value("asset", ""), value("market", ""),
        value("product", ""), value("source", ""), interval,
        value("kind", value("price_kind", "")), first,
        last + (0 if _end(kind) == "ts_end" else max(interval, 1)), rows,
    )  # fmt: skip


def rows_in(path: Path) -> int:
    """How many rows a Parquet file has."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
