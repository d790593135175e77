"""Fields of many frames as columns, and tables of facts out of them.

Amounts are computed in float64, where that rounds to the same cents as exact decimals
do; the few beside a tie are computed exactly. So a table holds what `decode` would say
of each frame alone; where that cannot be promised, `Unexplained` is raised and the
caller decodes one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from washout import schema
from washout.exchanges._contract import Instrument, Unexplained
from washout.exchanges._reading import AMOUNT_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

NEAR = 1e-3
"""A float this close to a tie, in cents, may round otherwise than the exact value."""

LARGEST = 1e12
"""Cents beyond which a float may be further off than `NEAR` by its own rounding."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Columns as venues wrote them: what was traded, how much, at what price, when.

    `count` and `price` are texts; `sells` says whether the (forced or taker's) order
    sold; `time` is milliseconds, `received` microseconds.
    """

    symbol: pa.StringArray
    sells: NDArray[np.bool_]
    count: pa.StringArray
    price: pa.StringArray
    time: NDArray[np.int64]
    received: NDArray[np.int64]


def slow(reason: str) -> Unexplained:
    """What says that frames must be decoded one by one."""
    return Unexplained(f"not told in columns: {reason}; decode the frames one by one.")


def texts(values: Sequence[str]) -> pa.StringArray:
    """Texts as a column."""
    import pyarrow as pa

    return pa.array(values, pa.string())


def numbers(column: pa.StringArray) -> NDArray[np.float64]:
    """Amounts above 0 as float64, correctly rounded.

    Raises Unexplained where one is anything but digits and a point.
    """
    import pyarrow.compute as pc

    data = column.buffers()[2]
    if data is None or data.to_pybytes().translate(None, AMOUNT_BYTES):
        raise slow("an amount that is no plain number")
    try:
        values: NDArray[np.float64] = pc.cast(column, "float64").to_numpy()
    except ValueError as error:
        raise slow(str(error)) from error
    if not (values > 0).all() or np.isinf(values).any():
        raise slow("an amount of 0")
    return values


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Instruments of a column of symbols: one a distinct symbol, and which row has which."""

    instruments: list[Instrument]
    row: NDArray[np.int64]

    def names(self, field: str) -> pa.Array:
        """A text field of the instruments, row by row."""
        import pyarrow as pa

        return pa.array(
            [getattr(one, field) for one in self.instruments], pa.string()
        ).take(pa.array(self.row))

    @property
    def inverse(self) -> NDArray[np.bool_]:
        """Which rows count contracts of a USD size."""
        return np.array([one.unit == "usd" for one in self.instruments], bool)[self.row]


def named(column: pa.StringArray, find: Callable[[str], Instrument | None]) -> Named:
    """Look up the distinct symbols. Raises Unexplained for a dated contract."""
    coded = column.dictionary_encode()
    found = [find(symbol) for symbol in coded.dictionary.to_pylist()]
    instruments = [one for one in found if one is not None]
    if len(instruments) != len(found):
        raise slow("a dated contract")
    return Named(instruments=instruments, row=coded.indices.to_numpy().astype(np.int64))


def sized(
    told: Told, who: Named
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(quantity in the asset, price, cents) of every row."""
    count, price = numbers(told.count), numbers(told.price)
    size = np.array([float(one.contract) for one in who.instruments])[who.row]
    quantity, value = count.copy(), count * price * 100.0
    inverse = who.inverse
    whole = inverse & (count == np.floor(count)) & (size == np.floor(size))
    plain = (size == 1.0) | whole
    if inverse.any():
        value[inverse] = (count * size * 100.0)[inverse]
        quantity[inverse] = (count * size)[inverse] / price[inverse]
    usd, exactly = _rounded(value, plain)
    for at in exactly:
        quantity[at], usd[at] = _exactly(told, who, int(at))
    return quantity, price, usd


def _rounded(
    value: NDArray[np.float64], plain: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Whole cents, and the rows that must be computed exactly."""
    fraction = value - np.floor(value)
    doubtful = (np.abs(fraction - 0.5) < NEAR) | (value > LARGEST) | ~plain
    safe = np.where(value > LARGEST, 0.0, value)
    return np.rint(safe).astype(np.int64), np.flatnonzero(doubtful)


def _exactly(told: Told, who: Named, at: int) -> tuple[float, int]:
    from washout.exchanges._making import sized as one_by_one

    instrument = who.instruments[who.row[at]]
    count, price = told.count[at].as_py(), told.price[at].as_py()
    quantity, usd = one_by_one(instrument, Decimal(count), Decimal(price))
    if usd >= 2**63:
        raise slow("an amount beyond any market")
    return quantity, usd


def liquidations(
    venue: str, told: Told, who: Named, ids: pa.Array, price_kind: str
) -> pa.Table:
    """A table of liquidations."""
    quantity, price, usd = sized(told, who)
    return _table(
        "liquidation", venue, told, who,
        {
            "id": ids, "side": either(told.sells, "sell", "buy"),
            "liquidated": either(told.sells, "long", "short"), "quantity": quantity,
            "price": price, "price_kind": price_kind, "usd": usd,
        },
    )  # fmt: skip


def trades(venue: str, told: Told, who: Named, ids: NDArray[np.int64]) -> pa.Table:
    """A table of trades."""
    quantity, price, usd = sized(told, who)
    return _table(
        "trade", venue, told, who,
        {
            "product": "perp", "id": ids, "side": either(told.sells, "sell", "buy"),
            "price": price, "quantity": quantity, "usd": usd,
        },
    )  # fmt: skip


def either(first: NDArray[np.bool_], yes: str, no: str) -> pa.Array:
    """One of two texts, row by row."""
    import pyarrow as pa

    return pa.array([no, yes], pa.string()).take(pa.array(first.astype(np.int8)))


def _table(
    kind: str, venue: str, told: Told, who: Named, columns: dict[str, Any]
) -> pa.Table:
    import pyarrow as pa

    columns = {
        "exchange": venue, "source": f"{venue}-stream", "asset": who.names("asset"),
        "market": who.names("market"), "ts_event": told.time * 1000,
        "ts_recv": told.received, **columns,
    }  # fmt: skip
    fields, count = schema.arrow(kind), len(told.time)
    return pa.table(
        [
            pa.repeat(pa.scalar(columns[field.name], field.type), count)
            if isinstance(columns[field.name], str)
            else pa.array(columns[field.name], field.type)
            for field in fields
        ],
        schema=fields,
    )


def joined(frames: Sequence[bytes], decoder: msgspec.json.Decoder[Any]) -> list[Any]:
    """Many frames read in one go. Raises Unexplained unless each is one value."""
    try:
        found: list[Any] = decoder.decode(b"[" + b",".join(frames) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise slow(str(error)) from error
    if len(found) != len(frames):
        raise slow("a frame that is several")
    return found


def told_apart(told: Told, ids: pa.Array, frame: NDArray[np.int64]) -> pa.Array:
    """Ids of which the second and third alike in one frame get `#2`, `#3`.

    As `_making.distinct` does it; `frame` is the number of each row's frame.
    """
    import pyarrow as pa

    from washout.exchanges._making import distinct

    names = list(
        zip(frame.tolist(), told.symbol.to_pylist(), ids.to_pylist(), strict=True)
    )
    if len(set(names)) == len(names):
        return ids
    return pa.array(
        distinct([(f"{at} {symbol}", said) for at, symbol, said in names]), pa.string()
    )
