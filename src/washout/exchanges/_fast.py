"""Many frames of Binance-like streams at once, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from washout.exchanges import _columns as columns
from washout.exchanges._binance_like import AggTrade, ForceOrder, instrument_of
from washout.exchanges._contract import Instrument, Instruments

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

Tables = Mapping[str, "pa.Table"]
DecodeMany = Callable[[Sequence[bytes], Sequence[int], Instruments], Tables]


class _Wrapped(msgspec.Struct, frozen=True, gc=False):
    data: ForceOrder | AggTrade


_WRAPPED = msgspec.json.Decoder(list[_Wrapped])


def liquidations_and_trades(venue: str) -> DecodeMany:
    """Reads combined `forceOrder` and `aggTrade` frames of `venue`."""

    def decode_many(
        frames: Sequence[bytes], received: Sequence[int], instruments: Instruments
    ) -> Tables:
        """Tables of liquidations and trades. Raises Unexplained for other frames."""
        data = [one.data for one in columns.joined(frames, _WRAPPED)]
        when = np.asarray(received, np.int64)

        def find(symbol: str) -> Instrument | None:
            return instrument_of(symbol, instruments, venue)

        forced = np.fromiter((type(one) is ForceOrder for one in data), bool, len(data))
        tables = {}
        if forced.any():
            orders = [one.o for one in data if type(one) is ForceOrder]
            tables["liquidation"] = _liquidations(venue, orders, when[forced], find)
        if not forced.all():
            fills = [one for one in data if type(one) is AggTrade]
            tables["trade"] = _trades(venue, fills, when[~forced], find)
        return tables

    return decode_many


Find = Callable[[str], Instrument | None]


def _liquidations(
    venue: str, orders: list[Any], received: NDArray[np.int64], find: Find
) -> pa.Table:
    import pyarrow.compute as pc

    told = columns.Told(
        symbol=columns.texts([o.s for o in orders]),
        sells=np.array([o.S == "SELL" for o in orders], bool),
        count=columns.texts([o.z for o in orders]),
        price=columns.texts([o.ap for o in orders]),
        time=np.array([o.T for o in orders], np.int64), received=received,
    )  # fmt: skip
    side = columns.either(told.sells, "SELL", "BUY")
    ids = pc.binary_join_element_wise(
        pc.cast(told.time, "string"), side, told.count, told.price, "-"
    )
    who = columns.named(told.symbol, find)
    return columns.liquidations(venue, told, who, ids, "fill")


def _trades(
    venue: str, fills: list[Any], received: NDArray[np.int64], find: Find
) -> pa.Table:
    told = columns.Told(
        symbol=columns.texts([f.s for f in fills]),
        sells=np.array([f.m for f in fills], bool),
        count=columns.texts([f.q for f in fills]),
        price=columns.texts([f.p for f in fills]),
        time=np.array([f.T for f in fills], np.int64), received=received,
    )  # fmt: skip
    who = columns.named(told.symbol, find)
    return columns.trades(venue, told, who, np.array([f.a for f in fills], np.int64))
