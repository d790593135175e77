"""Where a recording goes on that was begun before: what the lake was told of each feed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from washout.live.feeds import SHAPES, Name
from washout.store.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

WANT_OF = {shape[0]: want for want, shapes in SHAPES.items() for shape in shapes}


def told_until(lake: Lake) -> dict[Name, int]:
    """Up to where the coverage of each recorded feed goes, microseconds."""
    import pyarrow.parquet as pq

    parts = (part for part in lake.state().parts if part.kind == "coverage")
    return ends(pq.ParquetFile(file).read() for file in lake.files(parts))


def ends(coverage: Iterable[pa.Table]) -> dict[Name, int]:
    """The last instant that coverage rows of streams speak of, by feed."""
    found: dict[Name, int] = {}
    for row in (row for table in coverage for row in table.to_pylist()):
        want = WANT_OF.get(row["kind"])
        if want is None or row["source"] != f"{row['exchange']}-stream":
            continue
        name = Name(row["exchange"], want, row["asset"], row["market"])
        found[name] = max(found.get(name, 0), row["ts_end"])
    return found
