"""Reading frames: typed, strict about what is needed, lenient about what is new.

A field that a venue adds is passed over; one that is missing or of another type is
never replaced by a default. What cannot be read is `Unexplained`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from washout.errors import UsageError
from washout.exchanges._contract import Instrument, Instruments, Unexplained
from washout.instruments import split_symbol

Millis = Annotated[int, msgspec.Meta(ge=1_230_768_000_000, le=4_102_444_800_000)]
"""Milliseconds since 1970, from 2009 to 2100: a stamp in another unit is no such."""

Serial = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number that a venue gives its trades."""

LONGEST = 40
"""Characters of an amount."""

SHOWN = 160
"""Bytes of a frame that an error shows."""


def unexplained(venue: str, reason: str, payload: bytes) -> Unexplained:
    """The error that says what was found, what was expected, what to do.

    The frame itself stays in the journal, so that nothing is lost.
    """
    shown = payload[:SHOWN].decode("utf-8", "replace")
    return Unexplained(
        f"{venue}: {reason}; found {shown!r}. Compare the frame with {venue}'s"
        " documentation and change log; it is kept in the journal."
    )


def read(decoder: Any, payload: bytes | msgspec.Raw, venue: str) -> Any:
    """`payload` as the decoder's type."""
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unexplained(
            venue, f"expected {_name(decoder)}, {error}", bytes(payload)
        ) from error


def _name(decoder: Any) -> str:
    name: str = getattr(decoder.type, "__name__", str(decoder.type))
    return name.strip("_")


def amount(text: str | float, name: str, venue: str, *, zero: bool = False) -> Decimal:
    """An amount or price as the venue wrote it, exactly.

    Raises Unexplained for anything but digits and a point, more than `LONGEST` of
    them, 10^18 and more, and for 0 unless `zero`.
    """
    said = text if isinstance(text, str) else _plain(text)
    plain = not said.strip("0123456789.") and len(said) <= LONGEST
    try:
        value = Decimal(said) if plain else Decimal(-1)
    except InvalidOperation:
        value = Decimal(-1)
    if not 0 <= value < 10**18 or (value == 0 and not zero):
        raise unexplained(
            venue, f"expected {name} as a number above 0", str(text).encode()
        )
    return value


def _plain(number: float) -> str:
    return format(Decimal(str(number)), "f")


def rate(text: str, name: str, venue: str) -> float:
    """A signed fraction, such as a funding rate; below 1 in size."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(1)
    if not abs(value) < 1:
        raise unexplained(
            venue, f"expected {name} as a fraction, such as 0.0001", text.encode()
        )
    return float(value)


def millis(told: str | int, name: str, venue: str) -> int:
    """A stamp that a venue writes as text, in milliseconds."""
    said = str(told)
    if not (said.isascii() and said.isdecimal() and len(said) == 13):
        raise unexplained(
            venue, f"expected {name} as 13 digits of milliseconds", said.encode()
        )
    return int(said)


def resolve(symbol: str, instruments: Instruments, venue: str) -> Instrument:
    """The instrument of that symbol; one that counts the asset need not be listed.

    Its name says what it is. How large a contract is, no name says: Unexplained.
    """
    found = instruments.get(symbol)
    return found if found is not None else named(symbol, venue)


@lru_cache(maxsize=4096)
def named(symbol: str, venue: str) -> Instrument:
    """What `BTCUSDT` says by itself: a market that counts the asset."""
    try:
        asset, market = split_symbol(symbol)
    except UsageError as error:
        raise unlisted(symbol, venue) from error
    if not asset or market.endswith("-USD") or market.count("-") != 1:
        raise unlisted(symbol, venue)
    return Instrument(symbol=symbol, asset=asset, market=market)


def unlisted(symbol: str, venue: str) -> Unexplained:
    """Of a symbol whose contract size nobody told."""
    return Unexplained(
        f"{venue}: {symbol!r} is not among the instruments listed, so that the size of"
        " its contract is not known; expected a symbol of the venue's listing. List the"
        " instruments again (a restart does); the frame is kept in the journal."
    )
