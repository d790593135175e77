"""What an exchange is: dated facts with their sources, and how a frame becomes events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from washout.events import Event, Trust


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """How complete a venue's public liquidation feed was from `since` on."""

    since: int
    trust: Trust
    floor: bool
    says: str
    source: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """An instant at which the meaning of a venue's record changed."""

    at: int
    label: str
    source: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A venue.

    `coverage` is ordered by time; before its first fact nothing is known. `decode`
    turns one decoded JSON message and its receipt time (microseconds) into events, or
    raises ValueError for a message it cannot explain.
    """

    name: str
    title: str
    coverage: Sequence[Fact] = ()
    breaks: Sequence[Break] = ()
    decode: Callable[[Any, int], list[Event]] | None = None


def cents(amount: Decimal) -> int:
    """USD as int64 cents, half to even.

    >>> cents(Decimal("138.677"))
    13868
    """
    return int((amount * 100).to_integral_value(ROUND_HALF_EVEN))
