"""Frames to facts, one by one or many at once; both ways give the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from washout import schema
from washout.collect.entries import Entry
from washout.exchanges import Instruments, Line
from washout.live.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa


def at_once(
    line: Line, frames: Sequence[Entry], instruments: Instruments
) -> list[Rows] | None:
    """Facts of many frames; None where they must be read one by one.

    What `decode_many` stumbles over is found, and judged, by reading one by one.
    """
    if line.decode_many is None:
        return None
    payloads = [frame.payload for frame in frames]
    times = [frame.ts for frame in frames]
    try:
        tables = line.decode_many(payloads, times, instruments)
        return _checked(tables)
    except Exception:  # noqa: BLE001  whatever it is, the slow way says it
        return None


def _checked(tables: Mapping[str, pa.Table]) -> list[Rows]:
    found = []
    for kind in sorted(tables):
        table = tables[kind].select(schema.arrow(kind).names)
        if table.num_rows:
            found.append(Rows(kind, table.cast(schema.arrow(kind))))
    return found
