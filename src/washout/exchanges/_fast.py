"""Many frames of Binance-like streams at once, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from washout.exchanges import _binance_like as like
from washout.exchanges._columns import DecodeMany, Recipe, many

if TYPE_CHECKING:
    from washout.exchanges._template import Path


class _Wrapped(msgspec.Struct, frozen=True):
    data: like.ForceOrder | like.AggTrade


_WRAPPED = msgspec.json.Decoder(_Wrapped)

_FORCED = Recipe(
    kind="liquidation", symbol="s", side="S", sells=b"SELL", buys=b"BUY", count="z",
    price="ap", time="T", id=("T", "S", "z", "ap"),
)  # fmt: skip
_TRADED = Recipe(
    kind="trade", symbol="s", side="m", count="q", price="p", time="T", id=("a",)
)


def liquidations_and_trades(venue: str) -> DecodeMany:
    """Reads combined frames of `venue`: `forceOrder` and `aggTrade` fast."""
    return many(
        venue,
        like.decoder(venue),
        _recognise,
        _fixed,
        lambda symbol, known: like.instrument_of(symbol, known, venue),
    )


def _recognise(frame: bytes) -> tuple[Recipe, Sequence[Path]] | None:
    try:
        told = _WRAPPED.decode(frame).data
    except msgspec.DecodeError:
        return None
    if isinstance(told, like.ForceOrder):
        return _FORCED, [("data", "o")]
    return _TRADED, [("data",)]


def _fixed(path: Path, _text: bytes) -> int:
    """The sort of event is part of the shape."""
    return -1 if path == ("data", "e") else 0
