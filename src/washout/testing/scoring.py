"""How well found waves agree with planted ones. Pure: arrays in, numbers out.

Times are numbers of minutes since the beginning; sizes are bp of open interest. One
score is of one side of one market; scores are pooled by `pooled`, so that quantiles are
of waves and not of markets. Method: I.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CLASSES = (5.0, 10.0, 20.0, 50.0, 100.0)
"""Lower bounds of size classes by which recall is told, bp of open interest."""

LARGE = 60.0
"""False waves are counted from this size: the size of a study."""

EARLY = 10
"""Exhaustion this many minutes before 95 % of the flow, or more, is early."""

LATEST = 30
"""Minutes after a planted wave's last flow in which a found wave still answers it."""

NEVER = -1
"""In place of a minute: it did not happen."""


class Planted(Struct, frozen=True, kw_only=True):
    """Waves of which all is known, in order of onset; one value a wave.

    `low` and `high` are the minutes in which 5 % and 95 % of the flow were reached,
    `end` is the last minute with flow.
    """

    onset: Ints
    low: Ints
    high: Ints
    end: Ints
    size: Floats


class Found(Struct, frozen=True, kw_only=True):
    """Waves that a detector found; `exhaustion` is the first one, or NEVER."""

    onset: Ints
    confirm: Ints
    exhaustion: Ints
    end: Ints
    size: Floats


class Score(Struct, frozen=True, kw_only=True):
    """Raw outcomes, so that scores can be pooled.

    One value a planted wave: `size`, `pieces` (found waves that answer it), and of the
    first of these `onset_error` (found - planted onset), `confirm_delay` (after the
    5 % point) and `exhaustion_lag` (after the 95 % point), minutes, NaN where there is
    none. `false_sizes` are of found waves that answer no planted one; `days` is how
    long was watched.
    """

    size: Floats
    pieces: Ints
    onset_error: Floats
    confirm_delay: Floats
    exhaustion_lag: Floats
    false_sizes: Floats
    days: float

    @property
    def early_share(self) -> float:
        """Share of exhaustions that came EARLY minutes too soon; NaN without any."""
        lags = self.exhaustion_lag[~np.isnan(self.exhaustion_lag)]
        return float(np.mean(lags < -EARLY)) if len(lags) else float("nan")

    @property
    def splits(self) -> int:
        """Planted waves that were found in pieces."""
        return int(np.sum(self.pieces > 1))

    def false_per_30_days(self, size: float = LARGE) -> float:
        """False waves of `size` or more in 30 days."""
        return float(np.sum(self.false_sizes >= size)) * 30 / self.days

    def recall(self, at_least: float, below: float = np.inf) -> float:
        """Share of planted waves of `at_least <= size < below` that were found."""
        mine = (self.size >= at_least) & (self.size < below)
        return float(np.mean(self.pieces[mine] > 0)) if mine.any() else float("nan")

    def quantiles(
        self, of: str, shares: Sequence[float] = (0.1, 0.5, 0.9), at_least: float = 0.0
    ) -> tuple[float, ...]:
        """Quantiles of `onset_error`, `confirm_delay` or `exhaustion_lag`, minutes."""
        values: Floats = getattr(self, of)[self.size >= at_least]
        values = values[~np.isnan(values)]
        if not len(values):
            return tuple(float("nan") for _ in shares)
        return tuple(float(q) for q in np.quantile(values, shares))


class ClassRecall(Struct, frozen=True, kw_only=True):
    """One line of recall: planted waves of `at_least <= size < below`."""

    at_least: float
    below: float
    planted: int
    recall: float


def planted_from(flows: Sequence[tuple[int, Floats]]) -> Planted:
    """The truth table of waves given as (onset, flow of each minute)."""
    reached = [np.cumsum(flow) / flow.sum() for _, flow in flows]
    pairs = list(zip(flows, reached, strict=True))
    return Planted(
        onset=_minutes(at for at, _ in flows),
        low=_minutes(at + np.argmax(share >= 0.05) for (at, _), share in pairs),
        high=_minutes(at + np.argmax(share >= 0.95) for (at, _), share in pairs),
        end=_minutes(at + len(flow) - 1 for at, flow in flows),
        size=np.array([flow.sum() for _, flow in flows], np.float64),
    )


def _minutes(values: Iterable[int | np.integer]) -> Ints:
    return np.array([int(value) for value in values], np.int64)


def score(planted: Planted, found: Found, *, days: float) -> Score:
    """Score one side of one market that was watched for `days`.

    A found wave answers the planted wave with which it shares most minutes, from the
    planted onset to LATEST minutes after its last flow; if it shares none, it is false.
    """
    answers = _answers(planted, found)
    first = np.array([_first(answers == i) for i in range(len(planted.size))], np.int64)
    return Score(
        size=planted.size,
        pieces=np.bincount(answers[answers >= 0], minlength=len(planted.size)),
        onset_error=_since(found.onset, first, planted.onset),
        confirm_delay=_since(found.confirm, first, planted.low),
        exhaustion_lag=_since(found.exhaustion, first, planted.high),
        false_sizes=found.size[answers < 0],
        days=days,
    )


def _answers(planted: Planted, found: Found) -> Ints:
    """Number of the planted wave that each found wave answers, or NEVER."""
    if not len(planted.size):
        return np.full(len(found.size), NEVER, np.int64)
    begin = np.maximum(found.onset[:, None], planted.onset[None, :])
    end = np.minimum(found.end[:, None], planted.end[None, :] + LATEST)
    shared = end - begin + 1
    best = np.argmax(shared, axis=1)
    hit = np.take_along_axis(shared, best[:, None], axis=1)[:, 0] > 0
    return np.where(hit, best, NEVER).astype(np.int64)


def _first(hit: NDArray[np.bool_]) -> int:
    return int(np.argmax(hit)) if hit.any() else NEVER


def _since(times: Ints, chosen: Ints, origin: Ints) -> Floats:
    """Minutes from `origin` to the chosen found wave's time; NaN where there is none."""
    since = np.full(len(chosen), np.nan)
    held = np.flatnonzero(chosen != NEVER)
    held = held[times[chosen[held]] != NEVER]
    since[held] = times[chosen[held]] - origin[held]
    return since


def pooled(scores: Sequence[Score]) -> Score:
    """Scores of several sides or markets as one."""
    columns = {
        name: np.concatenate([getattr(one, name) for one in scores])
        for name in Score.__struct_fields__
        if name != "days"
    }
    return Score(**columns, days=sum(one.days for one in scores))


def recalls(
    scored: Score, bounds: Sequence[float] = CLASSES
) -> tuple[ClassRecall, ...]:
    """Recall by size class, the smallest first; the last class has no upper bound."""
    edges = [*bounds, np.inf]
    return tuple(
        ClassRecall(
            at_least=low, below=high,
            planted=int(np.sum((scored.size >= low) & (scored.size < high))),
            recall=scored.recall(low, high),
        )
        for low, high in pairwise(edges)
    )  # fmt: skip
