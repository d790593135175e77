"""Many frames of facts at once, as tables.

Frames whose shape is known (`_template`) become columns in compiled loops; the others,
and those with amounts that are no plain decimals, are read by `decode` one by one, so
that a table says what `decode` says, in the order of the frames. Cents are rounded from
integers, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from washout import schema
from washout.events import KINDS, PriceKind
from washout.exchanges._contract import (
    Decode,
    Instrument,
    Instruments,
    Said,
    Unexplained,
)
from washout.exchanges._template import Fixed, Heap, Path, Template, learn

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_TEMPLATES = 32
FIRST_MILLI, LAST_MILLI = 1_230_768_000_000, 4_102_444_800_000
"""As `_reading.Millis`."""

Find = Callable[[str], Instrument | None]
Tables = Mapping[str, "pa.Table"]
DecodeMany = Callable[[Sequence[bytes], Sequence[int], Instruments], Tables]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event's fields stand in a frame.

    `side` holds `sells` where the (forced or taker's) order sold and `buys` where it
    bought; empty words: it is a flag, true where it sold. `id` names the fields that
    make the id, of a trade the one that is it.
    """

    kind: Literal["liquidation", "trade"]
    symbol: str
    side: str
    count: str
    price: str
    time: str
    id: tuple[str, ...]
    sells: bytes = b""
    buys: bytes = b""
    price_kind: PriceKind = "fill"

    def slots(self, template: Template, base: Path) -> dict[str, int] | None:
        """The slot of each field below `base`."""
        found = {
            str(path[-1]): slot
            for slot, path in enumerate(template.paths)
            if path[:-1] == base
        }
        needed = {self.symbol, self.side, self.count, self.price, self.time, *self.id}
        return found if needed <= set(found) else None


class Known(msgspec.Struct, frozen=True):
    """A template, how its frames are read, and the slots of each event in a frame."""

    template: Template
    recipe: Recipe
    events: tuple[dict[str, int], ...]


Recognise = Callable[[bytes], tuple[Recipe, Sequence[Path]] | None]
"""How a frame is to be read, and the bases of its events; None: one by one."""


def many(
    venue: str,
    decode: Decode,
    recognise: Recognise,
    fixed: Fixed,
    find: Callable[[str, Instruments], Instrument | None],
) -> DecodeMany:
    """A `decode_many` that remembers the shapes it met."""
    shapes: list[Known] = []

    def decode_many(
        frames: Sequence[bytes], received: Sequence[int], instruments: Instruments
    ) -> Tables:
        """Tables by kind. Raises Unexplained where `decode` does, or for an answer."""
        when = np.asarray(received, np.int64)
        parts, rest = _fast(
            venue, frames, when, shapes, (recognise, fixed),
            lambda symbol: find(symbol, instruments),
        )  # fmt: skip
        parts += _slow(frames, when, rest, instruments, decode)
        return _together(parts)

    return decode_many


Part = tuple[str, "pa.Table", "NDArray[np.int64]"]
"""Kind, rows, and the frame of each row."""


def _fast(
    venue: str,
    frames: Sequence[bytes],
    received: NDArray[np.int64],
    shapes: list[Known],
    learning: tuple[Recognise, Fixed],
    find: Find,
) -> tuple[list[Part], NDArray[np.int64]]:
    """What fits a shape, and the frames that are left."""
    heap, parts = Heap(frames), []
    todo, left = np.arange(len(frames)), [np.empty(0, np.int64)]
    tried = 0
    while len(todo):
        if tried == len(shapes):
            first = frames[todo[0]]
            if tried >= MOST_TEMPLATES or not _learned(first, shapes, *learning):
                left.append(todo[:1])
                todo = todo[1:]
                if tried >= MOST_TEMPLATES:
                    break
                continue
        known = shapes[tried]
        fits, begins, ends = heap.fitting(known.template, todo)
        part, bad = _rows(venue, known, heap, todo[fits], received, begins, ends, find)
        parts += [part] if part else []
        left.append(bad)
        todo = todo[~fits]
        tried += 1
    return parts, np.sort(np.concatenate([*left, todo]))


def _learned(
    frame: bytes, shapes: list[Known], recognise: Recognise, fixed: Fixed
) -> bool:
    told = recognise(frame)
    template = learn(frame, fixed) if told else None
    if told is None or template is None:
        return False
    events = [told[0].slots(template, base) for base in told[1]]
    if not events or None in events:
        return False
    shapes.append(Known(template, told[0], tuple(e for e in events if e is not None)))
    return True


class _Cut:
    """Fields of the rows of frames that fit: begins and ends in the heap."""

    def __init__(
        self, known: Known, heap: Heap, frames: NDArray[np.int64],
        begins: NDArray[np.int64], ends: NDArray[np.int64],
    ) -> None:  # fmt: skip
        self.known, self.data = known, heap.data
        self._begins, self._ends = begins[frames], ends[frames]
        self.frame = np.repeat(frames, len(known.events))

    def field(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Begins and ends of one field, row by row: frame by frame, event by event."""
        slots = [event[name] for event in self.known.events]
        return self._begins[:, slots].reshape(-1), self._ends[:, slots].reshape(-1)

    def texts(self, names: Sequence[str], keep: NDArray[np.bool_]) -> pa.Array:
        """Fields of the rows to keep, joined by hyphens."""
        import pyarrow as pa

        from washout.exchanges._kernels import joined

        cut = [self.field(name) for name in names]
        begins = np.stack([b[keep] for b, _ in cut], axis=1)
        ends = np.stack([e[keep] for _, e in cut], axis=1)
        rows = len(begins)
        size = int((ends - begins).sum()) + rows * (len(names) - 1)
        offsets, text = np.empty(rows + 1, np.int32), np.empty(size, np.uint8)
        joined(self.data, begins, ends, offsets, text)
        return pa.StringArray.from_buffers(
            rows, pa.py_buffer(offsets), pa.py_buffer(text)
        )

    def sells(self) -> NDArray[np.int8]:
        """1 where the order sold, 0 where it bought, -1 where neither is said."""
        from washout.exchanges._kernels import either, flags

        recipe = self.known.recipe
        begins, ends = self.field(recipe.side)
        if not recipe.sells:
            said: NDArray[np.int8] = flags(self.data, begins).astype(np.int8)
            return said
        words = (np.frombuffer(w, np.uint8) for w in (recipe.sells, recipe.buys))
        told: NDArray[np.int8] = either(self.data, begins, ends, *words)
        return told


def _rows(
    venue: str,
    known: Known,
    heap: Heap,
    frames: NDArray[np.int64],
    received: NDArray[np.int64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    find: Find,
) -> tuple[Part | None, NDArray[np.int64]]:
    """Rows of the frames that fit, and frames that must be read one by one after all."""
    if not len(frames):
        return None, frames
    from washout.exchanges._kernels import amounts, wholes

    cut, recipe = _Cut(known, heap, frames, begins, ends), known.recipe
    sells, time = cut.sells(), wholes(heap.data, *cut.field(recipe.time))
    found, which = _instruments(
        cut.texts([recipe.symbol], np.ones(len(sells), bool)), find
    )
    listed = np.array([one is not None for one in found])[which]
    size, inverse = _sizes(found)
    quantity, price, usd = amounts(
        heap.data, *cut.field(recipe.count), *cut.field(recipe.price),
        size[which], inverse[which],
    )  # fmt: skip
    odd = (sells < 0) | (time < FIRST_MILLI) | (time > LAST_MILLI) | (usd < 0)
    odd &= listed
    odd |= _alike(len(known.events), time, price, quantity)
    bad = np.unique(cut.frame[odd])
    keep = listed & ~np.isin(cut.frame, bad) if len(bad) else listed
    columns: dict[str, Any] = {
        "exchange": venue, "source": f"{venue}-stream",
        "asset": _names(found, "asset", which[keep]),
        "market": _names(found, "market", which[keep]),
        "ts_event": time[keep] * 1000, "ts_recv": received[cut.frame[keep]],
        "side": _either(sells[keep], "sell", "buy"), "quantity": quantity[keep],
        "price": price[keep], "usd": usd[keep],
    }  # fmt: skip
    if recipe.kind == "liquidation":
        columns["liquidated"] = _either(sells[keep], "long", "short")
        columns["price_kind"] = recipe.price_kind
        columns["id"] = cut.texts(recipe.id, keep)
    else:
        columns["product"] = "perp"
        columns["id"] = wholes(heap.data, *cut.field(recipe.id[0]))[keep]
    table = _table(recipe.kind, columns, int(keep.sum()))
    return (recipe.kind, table, cut.frame[keep]), bad


def _instruments(
    column: pa.Array, find: Find
) -> tuple[list[Instrument | None], NDArray[np.int64]]:
    """Instruments of the distinct symbols, and which of them each row has."""
    coded = column.dictionary_encode()
    found = [find(symbol) for symbol in coded.dictionary.to_pylist()]
    return found, coded.indices.to_numpy().astype(np.int64)


def _sizes(
    found: Sequence[Instrument | None],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Whole contract sizes (0: not whole), and whether they are of USD."""
    sizes = [
        int(one.contract) if one and one.contract == int(one.contract) else 0
        for one in found
    ]
    inverse = [one is not None and one.unit == "usd" for one in found]
    return np.array(sizes, np.int64), np.array(inverse, bool)


def _alike(
    events: int, time: NDArray[np.int64], price: NDArray[np.float64],
    quantity: NDArray[np.float64],
) -> NDArray[np.bool_]:  # fmt: skip
    """Rows of frames in which two are alike: their ids need numbers."""
    if events == 1:
        return np.zeros(len(time), bool)
    shaped = [column.reshape(-1, events) for column in (time, price, quantity)]
    alike = np.zeros(len(shaped[0]), bool)
    for one in range(events):
        for other in range(one):
            same = [column[:, one] == column[:, other] for column in shaped]
            alike |= same[0] & same[1] & same[2]
    return np.repeat(alike, events)


def _names(
    found: Sequence[Instrument | None], field: str, which: NDArray[np.int64]
) -> pa.Array:
    import pyarrow as pa

    names = [getattr(one, field) if one else "" for one in found]
    return pa.array(names, pa.string()).take(pa.array(which))


def _either(first: NDArray[np.int8], yes: str, no: str) -> pa.Array:
    import pyarrow as pa

    return pa.array([no, yes], pa.string()).take(pa.array(first))


def _table(kind: str, columns: dict[str, Any], count: int) -> pa.Table:
    import pyarrow as pa

    fields = schema.arrow(kind)
    return pa.table(
        [
            pa.repeat(pa.scalar(columns[field.name], field.type), count)
            if isinstance(columns[field.name], str)
            else pa.array(columns[field.name], field.type)
            for field in fields
        ],
        schema=fields,
    )


def _slow(
    frames: Sequence[bytes],
    received: NDArray[np.int64],
    rest: NDArray[np.int64],
    instruments: Instruments,
    decode: Decode,
) -> list[Part]:
    """The frames `rest`, read one by one."""
    import pyarrow as pa

    names = {event: kind for kind, event in KINDS.items()}
    rows: dict[str, list[Any]] = {}
    at: dict[str, list[int]] = {}
    for number in rest.tolist():
        told = decode(frames[number], int(received[number]), instruments)
        if isinstance(told, Said):
            if told.what != "ignored":
                raise Unexplained(
                    f"a frame says {told.what}; expected facts alone. Decode the frames"
                    " one by one."
                )
            continue
        for event in told:
            kind = names[type(event)]
            rows.setdefault(kind, []).append(msgspec.structs.asdict(event))
            at.setdefault(kind, []).append(number)
    return [
        (
            kind, pa.Table.from_pylist(found, schema=schema.arrow(kind)),
            np.array(at[kind], np.int64),
        )
        for kind, found in rows.items()
    ]  # fmt: skip


def _together(parts: Sequence[Part]) -> dict[str, pa.Table]:
    """One table a kind, in the order of the frames."""
    import pyarrow as pa

    tables = {}
    for kind in dict.fromkeys(part[0] for part in parts):
        mine = [part for part in parts if part[0] == kind]
        table = pa.concat_tables([part[1] for part in mine])
        if len(mine) > 1:
            order = np.argsort(np.concatenate([p[2] for p in mine]), kind="stable")
            table = table.take(pa.array(order)).combine_chunks()
        if len(table):
            tables[kind] = table
    return tables
