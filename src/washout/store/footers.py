"""What the footers of Parquet files tell, without reading a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct


class Extent(Struct):
    """First and last time of a group of rows, and how many they are."""

    first: int
    last: int
    rows: int


def extents(
    files: Sequence[Path], names: Sequence[str]
) -> dict[tuple[Any, ...], Extent] | None:
    """`ts_event` by the values of the columns `names`.

    None if one of them has several values within a row group: then the rows have to be
    read.
    """
    import pyarrow.parquet as pq

    found: dict[tuple[Any, ...], Extent] = {}
    for file in files:
        footer = pq.read_metadata(file)
        place = {footer.schema.column(at).path: at for at in range(footer.num_columns)}
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            spans = [_span(group, place[name]) for name in (*names, "ts_event")]
            if any(span is None for span in spans):
                return None
            (*values, (first, last)) = [span for span in spans if span is not None]
            if any(low != high for low, high in values):
                return None
            whole = found.setdefault(
                tuple(low for low, _ in values), Extent(first, last, 0)
            )
            whole.first, whole.last = min(whole.first, first), max(whole.last, last)
            whole.rows += group.num_rows
    return found


def _span(group: Any, column: int) -> tuple[Any, Any] | None:
    """Smallest and largest value, if they are known and no value is missing."""
    statistics = group.column(column).statistics
    if statistics is None or not statistics.has_min_max or statistics.null_count:
        return None
    return statistics.min, statistics.max
