"""A rule's own record: how often it fired, and how often it was right.

An alert is a *hit* if within its `horizon` a bar closes `move` (log return) away from the
close at the alert, in its direction, before one closes as far the other way. Directions:

* `with`: the way of the forced orders: down for longs that are closed, up for shorts;
* `up`, `down`; `either`: any way counts, and nothing comes before it;
* `reversal`: against the 24 hours before, by half of their move (`ret_24h`), as the view
  `eruption_outcome` has it, on closes;
* `recovery`: half of the drawdown is won back, as in `rebound_setup`; nothing comes
  before it.

Only what was known at a moment counts in the record of that moment: an alert is counted
once all of its horizon has passed, and if its prices were recorded. Beside it stands how
often the same happens from any hour of the record, in the alerts' directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from statistics import median
from typing import Any

import msgspec
import numpy as np

from washout.clock import DAY, HOUR, SECOND
from washout.config import DEFAULT
from washout.live.around import Around
from washout.live.signals import Outcome
from washout.views.rebound_setup import wilson

MONTH = 30 * DAY


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Of one rule up to one moment. `share` is hits of decided, with Wilson's 95 %.

    `usual_share` is that of any hour, null where a direction has no such measure;
    `lead_s` is the median time from alert to hit.
    """

    fired: int
    held: int
    decided: int = 0
    hits: int = 0
    share: float | None = None
    low: float | None = None
    high: float | None = None
    usual_share: float | None = None
    false_a_month: float | None = None
    fired_a_month: float | None = None
    lead_s: float | None = None
    since: int = 0


class _Fired(msgspec.Struct, frozen=True):
    scope: str
    bar: int
    sign: int
    move: float


class _Usual(msgspec.Struct):
    """Of one scope and direction: hours counted, hits among them, where to go on."""

    counted: int = 0
    hits: int = 0
    place: int = 0


class TrackRecord:
    """The record of one rule, which grows with what is known."""

    def __init__(self, outcome: Outcome | None, width: int) -> None:
        self._outcome, self._width = outcome, width
        self._open: list[_Fired] = []
        self._usual: dict[tuple[str, int], _Usual] = {}
        self._ways: dict[int, int] = {}
        self.fired = self.held = self.decided = self.hits = 0
        self._leads: list[int] = []

    def fire(
        self, scope: str, side: str, bar: int, values: Mapping[str, Any],
        price: float | None,
    ) -> None:  # fmt: skip
        """An alert was told; its outcome will be known later."""
        self.fired += 1
        aim = _aim(self._outcome, side, values)
        if aim is not None and price is not None:
            self._open.append(_Fired(scope, bar, *aim))
            self._ways[aim[0]] = self._ways.get(aim[0], 0) + 1

    def hold(self) -> None:
        """An alert was held back: its data were not good enough."""
        self.held += 1

    def known(self, now: int, around: Mapping[str, Around]) -> Record:
        """The record at `now`, the end of a bar, from prices up to then."""
        self._settle(now, around)
        first = min((a.first for a in around.values() if a.count), default=now)
        months = (now - first) / MONTH
        counts = Record(
            fired=self.fired, held=self.held, since=first,
            fired_a_month=self.fired / months if months > 0 else None,
        )  # fmt: skip
        if not self.decided or months <= 0:
            return counts
        low, high = wilson(float(self.hits), float(self.decided))
        return msgspec.structs.replace(
            counts, decided=self.decided, hits=self.hits,
            share=self.hits / self.decided, low=low, high=high,
            usual_share=self._any_hour(now, around),
            false_a_month=(self.decided - self.hits) / months,
            lead_s=median(self._leads) / SECOND if self._leads else None,
        )  # fmt: skip

    def _settle(self, now: int, around: Mapping[str, Around]) -> None:
        if self._outcome is None:
            return
        left = []
        for one in self._open:
            if one.bar + self._width + self._outcome.horizon > now:
                left.append(one)
                continue
            place = around[one.scope].place(one.bar)
            self._count(self._judged(around[one.scope], place, one.sign, one.move))
        self._open = left

    def _count(self, lead: int | None) -> None:
        if lead is None:
            return
        self.decided += 1
        if lead > 0:
            self.hits += 1
            self._leads.append(lead)

    def _judged(self, around: Around, place: int, sign: int, move: float) -> int | None:
        """Time until the hit, 0 if there was none, None where prices are missing."""
        assert self._outcome is not None
        bars = self._outcome.horizon // self._width
        start = around.closes[place]
        after = around.closes[place + 1 : place + 1 + bars]
        if isnan(start) or np.isfinite(after).sum() < DEFAULT.coverage_ok * bars:
            return None
        gone = np.log(after / start)
        two_sided = self._outcome.direction not in ("either", "recovery")
        hit = np.abs(gone) >= move if sign == 0 else sign * gone >= move
        first = int(np.argmax(hit)) if hit.any() else -1
        if first < 0 or (two_sided and (-sign * gone[:first] >= move).any()):
            return 0
        return (first + 1) * self._width

    def _any_hour(self, now: int, around: Mapping[str, Around]) -> float | None:
        """How often it happens from any hour, weighted by the alerts' directions."""
        outcome = self._outcome
        if outcome is None or outcome.direction in ("reversal", "recovery"):
            return None
        total, weight = 0.0, 0
        for sign, count in self._ways.items():
            counted = hits = 0
            for scope, prices in around.items():
                usual = self._usual.setdefault((scope, sign), _Usual())
                self._go_on(usual, prices, sign, now)
                counted, hits = counted + usual.counted, hits + usual.hits
            if counted:
                total, weight = total + count * hits / counted, weight + count
        return total / weight if weight else None

    def _go_on(self, usual: _Usual, prices: Around, sign: int, now: int) -> None:
        """Count the hours whose horizon has passed since the last time."""
        assert self._outcome is not None
        end = prices.place(now - self._width - self._outcome.horizon + 1)
        bars = prices.bars[usual.place : end]
        for place in usual.place + np.flatnonzero(bars % max(HOUR, self._width) == 0):
            lead = self._judged(prices, int(place), sign, self._outcome.move)
            usual.counted += lead is not None
            usual.hits += bool(lead)
        usual.place = max(usual.place, end)


def _aim(
    outcome: Outcome | None, side: str, values: Mapping[str, Any]
) -> tuple[int, float] | None:
    """Sign and size (log return) of the move that makes a hit; None: no outcome."""
    if outcome is None:
        return None
    ret, fall = values.get("ret_24h"), values.get("drawdown")
    match outcome.direction:
        case "reversal":
            return ((-1 if ret > 0 else 1), abs(ret) / 2) if ret else None
        case "recovery":
            won = values.get("ret")
            return None if fall is None or won is None else (1, fall / 2 - won)
        case "with":
            return _ORDERS.get(side, 0), outcome.move
    return _SIGNS[outcome.direction], outcome.move


_ORDERS = {"long": -1, "short": 1}
_SIGNS = {"up": 1, "down": -1, "either": 0}
