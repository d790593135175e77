"""Events against the same events at other times (PLA), and the lift of a claim.

The whole train of events is shifted around the record, so that the gaps between them
stay, and the t-statistic is computed anew at each shift. This compares with any other
time, not with a like one: where dips rebound by themselves it rejects half the time,
which is what makes it a benchmark (B0) and no verdict on dips.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from washout.clock import DAY
from washout.config import DEFAULT, Config
from washout.study.estimate import (
    Estimate,
    Rests,
    concluded,
    exceedance,
    influences,
    unknown,
)
from washout.study.sample import Flags, Floats, Times, blocks
from washout.study.signs import FEW

Places = NDArray[np.int64]

LEAST_SHIFT = 5 * DAY
"""A shift by less would leave events near their own outcomes."""

_CELLS = 2_000_000


class Grid(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Outcomes at evenly spaced instants, NaN where missing.

    `outcome[i]` belongs to the decision at `begin + i * step` us.
    """

    begin: int
    step: int
    outcome: Floats

    @property
    def time(self) -> Times:
        """Decision instants, int64[N], us."""
        return self.begin + self.step * np.arange(len(self.outcome))


def snapped(grid: Grid, event: Times) -> Places:
    """Rows of the grid at or right after each event; events off the grid drop out."""
    row = -((grid.begin - event) // grid.step)
    return np.asarray(row[(row >= 0) & (row < len(grid.outcome))], np.int64)


def placebo(
    grid: Grid,
    event: Times,
    *,
    block: int,
    smallest: float = DEFAULT.smallest_z,
    seed: int = 0,
    config: Config = DEFAULT,
) -> Estimate:
    """Mean outcome after events minus the mean outcome, against shifted events.

    Shifts are drawn evenly from five days to the record's length less five days; with
    ten clusters or fewer every one of them is taken.
    """
    return _tested(grid, snapped(grid, event), block, smallest, seed, config, "PLA")


def lift(
    grid: Grid,
    event: Times,
    *,
    window: int,
    block: int,
    smallest: float = DEFAULT.smallest_ratio,
    seed: int = 0,
    config: Config = DEFAULT,
) -> Estimate:
    """P(outcome | event in the `window` us before) / P(outcome) - 1.

    `grid.outcome` is 1 where it happened afterwards and 0 where not. With outcomes
    divided by their mean this is the placebo test on all instants that an event
    precedes, studentised like it. P(event | outcome) is another number and is not
    asked for here.
    """
    rate = float(np.nanmean(grid.outcome)) if np.isfinite(grid.outcome).any() else 0.0
    place = snapped(grid, event)
    after = np.flatnonzero(exposed(place, window // grid.step, len(grid.outcome)))
    scaled = replace(grid, outcome=grid.outcome / rate if rate else grid.outcome)
    found = _tested(scaled, after, block, smallest, seed, config, "LIFT")
    return replace(
        found, n_events=len(place), n_controls=len(grid.outcome) - len(after)
    )


def exposed(place: Places, rows: int, length: int) -> Flags:
    """Rows of a grid with an event in them or in the `rows` before."""
    change = np.zeros(length + 1, np.int64)
    np.add.at(change, place, 1)
    np.add.at(change, np.minimum(place + rows + 1, length), -1)
    return np.asarray(np.cumsum(change[:-1]) > 0)


def _tested(
    grid: Grid, place: Places, block: int, smallest: float, seed: int,
    config: Config, method: str,
) -> Estimate:  # fmt: skip
    place = place[np.isfinite(grid.outcome[place])]
    block_of = blocks(grid.time, block)
    clusters = len(np.unique(block_of[place]))
    rests = Rests(
        method=method, n_events=len(place), clusters=clusters, smallest=smallest,
        n_controls=int(np.isfinite(grid.outcome).sum()) - len(place), seed=seed,
    )  # fmt: skip
    every = allowed(len(grid.outcome), grid.step)
    if clusters < 2 or not len(every):
        return unknown(rests)
    if clusters > FEW:
        generator = np.random.default_rng(seed)
        every = generator.integers(every[0], every[-1] + 1, config.shifts)
    block_of = block_of - block_of[0]
    effect, error = shifted(grid.outcome, place, np.zeros(1, np.int64), block_of)
    drawn = [
        difference / spread
        for difference, spread in (
            shifted(grid.outcome, place, some, block_of)
            for some in _parts(every, max(len(place), int(block_of[-1]) + 1))
        )
    ]
    return concluded(
        rests, float(effect[0]), float(error[0]), np.concatenate(drawn),
        influences(grid.time, _influence(grid.outcome, place), block),
    )  # fmt: skip


def allowed(length: int, step: int) -> Places:
    """Shifts in rows that are far enough from none and from a whole turn."""
    least = -(-LEAST_SHIFT // step)
    return np.arange(least, length - least + 1, dtype=np.int64)


def _parts(shifts: Places, cells: int) -> Iterator[Places]:
    rows = max(_CELLS // cells, 1)
    for begin in range(0, len(shifts), rows):
        yield shifts[begin : begin + rows]


def shifted(
    outcome: Floats, place: Places, shifts: Places, block_of: Places
) -> tuple[Floats, Floats]:
    """(difference, SE) at each shift of the events; `block_of` numbers blocks from 0.

    SE is that of the mean after events, clustered by calendar block of the shifted
    events: the mean over all instants hardly moves.
    """
    row = (place + shifts[:, None]) % len(outcome)
    value = outcome[row]
    there = np.isfinite(value)
    count = there.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, value, 0.0).sum(axis=1) / count
        left = np.where(there, value - mean[:, None], 0.0)
        wide = int(block_of[-1]) + 1
        key = (block_of[row] + wide * np.arange(len(shifts))[:, None])[there]
        shape, cells = (len(shifts), wide), len(shifts) * wide
        total = np.bincount(key, left[there], cells).reshape(shape)
        used = (np.bincount(key, minlength=cells).reshape(shape) > 0).sum(axis=1)
        spread = np.einsum("ij,ij->i", total, total) * used / (used - 1)
        error = np.sqrt(spread) / count
    error[~(error > 0)] = math.nan
    return mean - np.nanmean(outcome), error


def _influence(outcome: Floats, place: Places) -> Floats:
    left = np.nan_to_num(outcome - np.nanmean(outcome))
    weight = np.bincount(place, minlength=len(outcome)) / len(place)
    there = np.isfinite(outcome)
    return np.asarray((weight - there / there.sum()) * left)


def exact_shift_p(
    outcome: Floats, place: Places, shifts: Places
) -> tuple[float, Floats, float]:
    """(difference, differences at the shifts, p) without studentising.

    For demonstration: unstudentised, it rejects 7 to 9 % of the time at 5 %.
    """
    mean = float(np.mean(outcome))
    effect = float(np.mean(outcome[place])) - mean
    drawn = outcome[(place + shifts[:, None]) % len(outcome)].mean(axis=1) - mean
    return effect, drawn, exceedance(effect, drawn)
