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
from washout.exchanges._template import PADDING, Fixed, Heap, Path, Template, learn

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
        needed = {self.symbol, self.side, self.count, self.price, self.time, *self.id}
        found = {
            str(path[-1]): slot
            for slot, path in enumerate(template.paths)
            if path[:-1] == base and path[-1] in needed
        }
        return found if needed == set(found) else None


class Known(msgspec.Struct, frozen=True):
    """A template, how its frames are read, and where each event's fields are.

    `wanted` are the slots that are cut out; `events` name their columns by field.
    """

    template: Template
    recipe: Recipe
    wanted: tuple[int, ...]
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
        fits, begins, ends = heap.fitting(known.template, known.wanted, todo)
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
    found = [told[0].slots(template, base) for base in told[1]]
    events = [slots for slots in found if slots is not None]
    if not events or len(events) < len(found):
        return False
    wanted = tuple(sorted({slot for slots in events for slot in slots.values()}))
    cut = [{f: wanted.index(slot) for f, slot in slots.items()} for slots in events]
    shapes.append(Known(template, told[0], wanted, tuple(cut)))
    return True


class _Cut:
    """Fields of the rows of frames that fit: begins and ends in the heap."""

    def __init__(
        self, known: Known, heap: Heap, frames: NDArray[np.int64],
        begins: NDArray[np.int32], ends: NDArray[np.int32],
    ) -> None:  # fmt: skip
        whole = len(frames) == len(begins)
        self.known, self.heap, self.data = known, heap, heap.data
        self._begins = begins if whole else begins[frames]
        self._ends = ends if whole else ends[frames]
        self.frame = np.repeat(frames, len(known.events))

    def field(self, name: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Begins and ends of one field, row by row: frame by frame, event by event."""
        columns = [event[name] for event in self.known.events]
        if len(columns) == 1:
            return self._begins[:, columns[0]].copy(), self._ends[:, columns[0]].copy()
        return self._begins[:, columns].reshape(-1), self._ends[:, columns].reshape(-1)

    def texts(self, names: Sequence[str], kept: Any) -> pa.Array:
        """Fields of the rows `kept`, joined by hyphens."""
        import pyarrow as pa

        from washout.exchanges._kernels import joined

        cut = [(b[kept], e[kept]) for b, e in map(self.field, names)]
        begins, ends = np.stack([b for b, _ in cut]), np.stack([e for _, e in cut])
        rows = begins.shape[1]
        size = int(ends.sum(dtype=np.int64) - begins.sum(dtype=np.int64))
        size += rows * (len(names) - 1)
        offsets = np.empty(rows + 1, np.int32)
        text = np.empty(size + PADDING, np.uint8)
        into = np.ndarray(size + PADDING - 7, "<u8", text, strides=(1,))
        joined(self.heap.wide, begins, ends, offsets, text, into)
        return pa.StringArray.from_buffers(
            rows, pa.py_buffer(offsets), pa.py_buffer(text)
        )

    def symbols(self, find: Find) -> tuple[list[Instrument | None], NDArray[np.int64]]:
        """Instruments of the distinct symbols, and which of them each row has."""
        from washout.exchanges._kernels import distinct

        begins, ends = self.field(self.known.recipe.symbol)
        which, firsts = distinct(self.data, begins, ends)
        names = [bytes(self.data[begins[at] : ends[at]]).decode() for at in firsts]
        return [find(name) for name in names], which

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


class _Values(msgspec.Struct, frozen=True):
    """What the rows of a shape say, before it is decided which are kept."""

    sells: NDArray[np.int8]
    time: NDArray[np.int64]
    quantity: NDArray[np.float64]
    price: NDArray[np.float64]
    usd: NDArray[np.int64]
    found: list[Instrument | None]
    which: NDArray[np.int64]


def _rows(
    venue: str,
    known: Known,
    heap: Heap,
    frames: NDArray[np.int64],
    received: NDArray[np.int64],
    begins: NDArray[np.int32],
    ends: NDArray[np.int32],
    find: Find,
) -> tuple[Part | None, NDArray[np.int64]]:
    """Rows of the frames that fit, and frames that must be read one by one after all."""
    if not len(frames):
        return None, frames
    cut = _Cut(known, heap, frames, begins, ends)
    told = _values(cut, find)
    listed = np.array([one is not None for one in told.found])[told.which]
    odd = (told.sells < 0) | (told.time < FIRST_MILLI) | (told.time > LAST_MILLI)
    odd = ((odd | (told.usd < 0)) & listed) | _alike(len(known.events), told)
    bad = np.unique(cut.frame[odd])
    keep = listed & ~np.isin(cut.frame, bad) if len(bad) else listed
    kept = slice(None) if keep.all() else np.flatnonzero(keep)
    columns = _told(cut, told, kept) | {
        "exchange": venue, "source": f"{venue}-stream",
        "ts_recv": received[cut.frame[kept]],
    }  # fmt: skip
    table = _table(known.recipe.kind, columns, len(cut.frame[kept]))
    return (known.recipe.kind, table, cut.frame[kept]), bad


def _values(cut: _Cut, find: Find) -> _Values:
    from washout.exchanges._kernels import amounts, wholes

    recipe = cut.known.recipe
    found, which = cut.symbols(find)
    size, inverse = _sizes(found)
    quantity, price, usd = amounts(
        cut.data, *cut.field(recipe.count), *cut.field(recipe.price),
        size[which], inverse[which],
    )  # fmt: skip
    time = wholes(cut.data, *cut.field(recipe.time))
    return _Values(cut.sells(), time, quantity, price, usd, found, which)


def _told(cut: _Cut, told: _Values, kept: Any) -> dict[str, Any]:
    """Columns of the rows `kept`, but for who told them when."""
    from washout.exchanges._kernels import wholes

    recipe, which, sells = cut.known.recipe, told.which[kept], told.sells[kept]
    columns = {
        "asset": _names(told.found, "asset", which),
        "market": _names(told.found, "market", which),
        "ts_event": told.time[kept] * 1000, "side": _either(sells, "sell", "buy"),
        "quantity": told.quantity[kept], "price": told.price[kept],
        "usd": told.usd[kept],
    }  # fmt: skip
    if recipe.kind == "trade":
        ids = wholes(cut.data, *cut.field(recipe.id[0]))[kept]
        return {**columns, "product": "perp", "id": ids}
    return {
        **columns, "liquidated": _either(sells, "long", "short"),
        "price_kind": recipe.price_kind, "id": cut.texts(recipe.id, kept),
    }  # fmt: skip


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


def _alike(events: int, told: _Values) -> NDArray[np.bool_]:
    """Rows of frames in which two are alike: their ids need numbers."""
    if events == 1:
        return np.zeros(len(told.time), bool)
    columns = (told.time, told.price, told.quantity)
    shaped = [column.reshape(-1, events) for column in columns]
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
