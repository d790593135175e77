"""Joining ordered facts in memory: what a recorder brings in is small and known.

The same as `merge.merge` for a unit of which each key comes once, without an engine:
a commit touches dozens of partitions, and a statement costs more than their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout import schema
from washout.store.merge import ROW_GROUP, Change

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 2_000_000
"""Rows beyond which an engine, which may spill, does the work."""

Flags = np.ndarray[Any, np.dtype[np.bool_]]


def ordered(kind: str, pieces: Sequence[pa.Table]) -> tuple[pa.Table, int]:
    """Facts in order of their keys, of each key the last told; and how many went."""
    whole = _sorted(kind, pieces)
    repeated = _like_next(whole, schema.KEY[kind])
    return _without(whole, repeated), int(repeated.sum())


def join(
    kind: str,
    coming: Sequence[Path],
    old: Sequence[str],
    into: Path,
    *,
    change: Change,
    anyway: bool,
) -> bool:
    """Write to `into` what old parts and a unit say together; False if nothing changes.

    The parts share no key among each other. With `anyway` it is written all the same.
    """
    import pyarrow.parquet as pq

    before, told = _read(kind, old), _read(kind, coming)
    whole = _sorted(kind, [*before, *told])
    known = _like_next(whole, schema.KEY[kind])
    same = _like_next(whole, whole.column_names)
    rows = sum(table.num_rows for table in told)
    change.added += rows - int(known.sum())
    change.changed += int((known & ~same).sum())
    if not anyway and int((known & same).sum()) == rows:
        return False
    pq.write_table(
        _without(whole, known), into, compression="zstd", row_group_size=ROW_GROUP
    )
    return True


def fits(rows: int) -> bool:
    """Whether so many rows may be joined in memory."""
    return rows <= MOST


def _read(kind: str, files: Sequence[str | Path]) -> list[pa.Table]:
    import pyarrow.parquet as pq

    layout = schema.arrow(kind)
    return [pq.ParquetFile(f).read(columns=layout.names).cast(layout) for f in files]


def _sorted(kind: str, pieces: Sequence[pa.Table]) -> pa.Table:
    """By key; of equal keys the later piece comes later, since sorting is stable."""
    import pyarrow as pa

    layout = schema.arrow(kind)
    whole = pa.concat_tables([piece.cast(layout) for piece in pieces])
    return whole.combine_chunks().sort_by([(n, "ascending") for n in schema.KEY[kind]])


def _like_next(table: pa.Table, names: Sequence[str]) -> Flags:
    """Whether the next row has the same values in the columns `names`."""
    import pyarrow.compute as pc

    found = np.zeros(table.num_rows, dtype=bool)
    found[:-1] = True
    for name in names if table.num_rows > 1 else ():
        here, after = table[name].slice(0, table.num_rows - 1), table[name].slice(1)
        equal = pc.fill_null(pc.equal(here, after), False)
        if table[name].null_count:
            equal = pc.or_(equal, pc.and_(pc.is_null(here), pc.is_null(after)))
        found[:-1] &= equal.to_numpy()
    return found


def _without(table: pa.Table, rows: Flags) -> pa.Table:
    import pyarrow as pa

    return table.filter(pa.array(~rows)) if rows.any() else table
