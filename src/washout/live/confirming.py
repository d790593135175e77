"""What ten minutes of frames say about the meaning of their fields.

A long is closed by selling into a falling price, and its bankruptcy price lies below the
market; with the label turned round both point the other way. So labels can be held
against prices that the same recording has: mark prices, else trades.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from washout.clock import MINUTE, SECOND
from washout.events import Candle, Event, Liquidation, Trade

Verdict = Literal["agrees", "contradicts", "not settled"]

Z = 1.959964
"""Of a two-sided interval of 95 %."""

STALE = MINUTE
"""A price older than this says nothing of the market at a liquidation."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One question: `yes` of `of` cases, and the 95 % interval of the share (Wilson)."""

    question: str
    yes: int
    of: int
    low: float
    high: float
    verdict: Verdict
    says: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording holds, and what it says."""

    liquidations: int
    prices: int
    seconds: float
    findings: tuple[Finding, ...]


def wilson(yes: int, of: int) -> tuple[float, float]:
    """95 % interval of a share.

    Source: E. B. Wilson, Probable inference, JASA 22 (1927).

    >>> [round(x, 4) for x in wilson(21, 21)]
    [0.8454, 1.0]
    """
    if not of:
        return 0.0, 1.0
    share, weight = yes / of, Z * Z / of
    middle = (share + weight / 2) / (1 + weight)
    half = Z * sqrt(share * (1 - share) / of + weight / (4 * of)) / (1 + weight)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def measure(events: Iterable[Event]) -> Measured:
    """Hold liquidations of one venue against its own prices."""
    heard = list(_once(events))
    forced = sorted(
        (e for e in heard if isinstance(e, Liquidation)), key=lambda e: e.ts_event
    )
    prices = _prices(heard)
    times = [e.ts_event for e in heard] or [0]
    return Measured(
        liquidations=len(forced), prices=sum(len(t) for t, _ in prices.values()),
        seconds=(max(times) - min(times)) / SECOND,
        findings=(
            _printed(forced, prices), _moved(forced, prices), _crowded(forced),
        ),
    )  # fmt: skip


def _once(events: Iterable[Event]) -> Iterable[Event]:
    """Twin connections tell the same twice."""
    seen = set()
    for event in events:
        key = (
            type(event), event.market, event.ts_event, getattr(event, "id", None),
        )  # fmt: skip
        if key not in seen:
            seen.add(key)
            yield event


Prices = Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
"""By market: instants and prices, in order."""


def _prices(events: Sequence[Event]) -> Prices:
    """Mark prices of a market, or its trades where there are none."""
    marks: dict[str, list[tuple[int, float]]] = defaultdict(list)
    trades: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for event in events:
        if isinstance(event, Candle):
            marks[event.market].append((event.ts_event, event.close))
        elif isinstance(event, Trade):
            trades[event.market].append((event.ts_event, event.price))
    return {
        market: (
            np.array([time for time, _ in told], np.int64),
            np.array([price for _, price in told]),
        )
        for market, rows in {**trades, **marks}.items()
        if (told := sorted(rows))
    }


def _before(prices: Prices, market: str, time: int) -> float | None:
    """The last price before `time`, if it is not stale."""
    if market not in prices:
        return None
    times, values = prices[market]
    at = int(np.searchsorted(times, time, side="left")) - 1
    return float(values[at]) if at >= 0 and times[at] > time - STALE else None


def _printed(forced: Sequence[Liquidation], prices: Prices) -> Finding:
    """A long's price is below the market, a short's above."""
    told = [
        (one, price)
        for one in forced
        if (price := _before(prices, one.market, one.ts_event)) and price != one.price
    ]
    yes = sum((one.price < price) == (one.liquidated == "long") for one, price in told)
    far = [1e4 * abs(one.price / price - 1) for one, price in told]
    away = f"; median distance {np.median(far):.1f} bp" if far else ""
    return _finding(
        "longs are printed below the market's price, shorts above", yes, len(told),
        "prices told for liquidations lie on the side of the label" + away,
    )  # fmt: skip


def _moved(forced: Sequence[Liquidation], prices: Prices) -> Finding:
    """The price fell before a long was closed, and rose before a short was."""
    told = []
    for one in forced:
        now = _before(prices, one.market, one.ts_event)
        then = _before(prices, one.market, one.ts_event - MINUTE)
        if now and then and now != then:
            told.append((now < then) == (one.liquidated == "long"))
    return _finding(
        "the price fell in the minute before longs were closed, rose before shorts",
        sum(told), len(told), "prices moved against the positions of the label",
    )  # fmt: skip


def _finding(question: str, yes: int, of: int, says: str) -> Finding:
    low, high = wilson(yes, of)
    verdict: Verdict = (
        "agrees" if low > 0.5 else "contradicts" if high < 0.5 else "not settled"
    )
    return Finding(
        question=question,
        yes=yes,
        of=of,
        low=low,
        high=high,
        verdict=verdict,
        says=says,
    )


def _crowded(forced: Sequence[Liquidation]) -> Finding:
    """Whether a market ever tells more than one order of a second.

    One such second is enough to say that it may; none in many says that it does not.
    """
    seconds: dict[tuple[str, int], int] = defaultdict(int)
    for one in forced:
        seconds[one.market, one.ts_event // SECOND] += 1
    crowded = sum(count > 1 for count in seconds.values())
    low, high = wilson(crowded, len(seconds))
    verdict: Verdict = (
        "agrees" if crowded else "contradicts" if high < 0.01 else "not settled"
    )
    return Finding(
        question="some second of a market has more than one order", yes=crowded,
        of=len(seconds), low=low, high=high, verdict=verdict,
        says="more than one order a second is published",
    )  # fmt: skip
