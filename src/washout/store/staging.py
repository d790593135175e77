"""Staging: the facts of one unit as Parquet files in scratch, cut by partition.

Times and amounts are written as differences, words and prices by dictionary: that is
both smaller and cheaper to write than the general settings, and any engine reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout import schema
from washout.clock import DAY
from washout.store.merge import ROW_GROUP

if TYPE_CHECKING:
    import pyarrow as pa

OPEN_FILES = 64
"""So many partitions are written to at a time while a unit is staged."""

Partition = tuple[str, str, str]


def conform(kind: str, table: pa.Table) -> pa.Table:
    """The columns of `kind` in its schema; dictionaries of words are kept as they are."""
    import pyarrow as pa

    wanted = schema.arrow(kind)
    for at, field in enumerate(wanted):
        given = table.schema.field(field.name).type
        if pa.types.is_dictionary(given) and given.value_type == field.type:
            wanted = wanted.set(at, field.with_type(given))
    return table.cast(wanted)


class Stager:
    """Appends tables to Parquet files, one or more per partition."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[Partition, list[Path]] = {}
        self.rows: dict[str, int] = {}
        self._open: dict[Partition, Any] = {}

    def write(self, kind: str, table: pa.Table) -> None:
        """Cut `table` by exchange and date and append the pieces."""
        if table.num_rows == 0:
            return
        self.rows[kind] = self.rows.get(kind, 0) + table.num_rows
        for partition, piece in cut(kind, table):
            writer = self._writer(partition, piece.schema)
            writer.write_table(piece.cast(writer.schema), row_group_size=ROW_GROUP)

    def _writer(self, partition: Partition, layout: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        if partition not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            mine = self.files.setdefault(partition, [])
            number = sum(len(files) for files in self.files.values())
            mine.append(self.folder / f"{number}.parquet")
            self._open[partition] = pq.ParquetWriter(
                mine[-1], layout, compression="zstd", store_schema=False,
                **_encodings(partition[0]),
            )  # fmt: skip
        return self._open[partition]

    def close(self) -> None:
        """Finish every file."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()


def _encodings(kind: str) -> dict[str, Any]:
    kinds = {name: kind_type for name, (kind_type, _) in schema.fields(kind).items()}
    return {
        "use_dictionary": [n for n, type_ in kinds.items() if type_ in (str, float)],
        "column_encoding": {
            n: "DELTA_BINARY_PACKED" for n, type_ in kinds.items() if type_ is int
        },
    }


def cut(kind: str, table: pa.Table) -> Iterable[tuple[Partition, pa.Table]]:
    """The pieces of a table by partition; one in order of time is not copied."""
    import pyarrow.compute as pc

    exchanges = pc.unique(table["exchange"]).to_pylist()
    for exchange in exchanges:
        mine = table
        if len(exchanges) > 1:
            mine = table.filter(pc.equal(table["exchange"], exchange))
        days = mine["ts_event"].to_numpy() // DAY
        pieces = _runs if (days[:-1] <= days[1:]).all() else _picks
        for date, piece in pieces(kind, mine, days):
            yield (kind, exchange, date), piece


def _runs(
    kind: str, table: pa.Table, days: np.ndarray[Any, Any]
) -> Iterable[tuple[str, pa.Table]]:
    starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist()]
    dates = [(schema.partition_of_day(kind, int(days[at])), at) for at in starts]
    begins = [(date, next(run)[1]) for date, run in groupby(dates, lambda d: d[0])]
    ends = [*(begin for _, begin in begins[1:]), table.num_rows]
    for (date, begin), end in zip(begins, ends, strict=True):
        yield date, table.slice(begin, end - begin)


def _picks(
    kind: str, table: pa.Table, days: np.ndarray[Any, Any]
) -> Iterable[tuple[str, pa.Table]]:
    dates = {
        day: schema.partition_of_day(kind, day) for day in np.unique(days).tolist()
    }
    for date in sorted(set(dates.values())):
        inside = [day for day, name in dates.items() if name == date]
        yield date, table.filter(np.isin(days, inside))
