"""Frames to facts, one by one or many at once; both ways give the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from washout import schema
from washout.collect.entries import Entry
from washout.events import Event
from washout.exchanges import Instruments, Line, Said
from washout.live.rows import Rows, by_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa


class Piece(msgspec.Struct, frozen=True):
    """Frames in a row that state facts, or one that speaks of itself or of nothing."""

    frames: Sequence[Entry]
    rows: Sequence[Rows] = ()
    said: Said | None = None
    error: Exception | None = None


def pieces(
    line: Line, frames: Sequence[Entry], instruments: Instruments, many: int
) -> Iterator[Piece]:
    """What frames of one line mean, in order; from `many` on they are read at once."""
    rows = at_once(line, frames, instruments) if len(frames) >= many else None
    if rows is not None:
        yield Piece(frames, rows)
        return
    begin, facts = 0, list[Event]()
    for place, frame in enumerate(frames):
        meaning = read(line, frame, instruments)
        if isinstance(meaning, list):
            facts += meaning
            continue
        if place > begin:
            yield Piece(frames[begin:place], by_kind(facts))
        if isinstance(meaning, Said):
            yield Piece([frame], said=meaning)
        else:
            yield Piece([frame], error=meaning)
        begin, facts = place + 1, []
    if begin < len(frames):
        yield Piece(frames[begin:], by_kind(facts))


def read(
    line: Line, frame: Entry, instruments: Instruments
) -> list[Event] | Said | Exception:
    """What one frame means, or why nobody can say."""
    try:
        meaning = line.decode(frame.payload, frame.ts, instruments)
    except Exception as error:  # noqa: BLE001  a decoder's bug must not end recording
        return error
    if isinstance(meaning, list | Said):
        return meaning
    return TypeError(f"the decoder gave {type(meaning).__name__}")


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
