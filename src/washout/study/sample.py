"""What a test looks at: one row a decision, with its outcome and what was known.

Rows of several markets may stand in one sample: dependence is carried by calendar
blocks, and a block is one cluster whatever market a row is of.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from washout.clock import DAY
from washout.errors import UsageError

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Sample(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Rows of a study; `n` rows, `k` covariates.

    Parameters
    ----------
    time : int64[n], us
        When the decision was taken: all of a row but its outcome was known then.
    outcome : float64[n]
        What happened afterwards, in the unit of the estimate.
    treated : float64[n]
        1 for an event and 0 for a control; for a dose, the dose.
    covariates : float64[n, k]
        What an event is compared at.
    block : int, us
        Width of a calendar block; blocks start at multiples of it since the epoch.
    extra : float64[n, m], optional
        Further columns of a regression, taken as they are.
    event : bool[n], optional
        Rows that count as events; the default is told by `events`.
    """

    time: Times
    outcome: Floats
    treated: Floats
    covariates: Floats
    block: int
    extra: Floats | None = None
    event: Flags | None = None

    def __post_init__(self) -> None:
        rows = len(self.time)
        for name in ("outcome", "treated", "covariates", "extra", "event"):
            column = getattr(self, name)
            wanted = 2 if name in {"covariates", "extra"} else 1
            if column is not None and (
                len(column) != rows or np.ndim(column) != wanted
            ):
                raise UsageError(
                    f"A sample's {name} has shape {np.shape(column)}; expected"
                    f" {rows} rows in {wanted} dimension{'s' * (wanted > 1)}."
                )
        if self.block <= 0:
            raise UsageError(f"A block of {self.block} us: give a positive width.")


def selected(sample: Sample, rows: Flags | Times) -> Sample:
    """The rows of a sample where `rows` is true, or those of these numbers in order."""
    return replace(
        sample,
        time=sample.time[rows],
        outcome=sample.outcome[rows],
        treated=sample.treated[rows],
        covariates=sample.covariates[rows],
        extra=None if sample.extra is None else sample.extra[rows],
        event=None if sample.event is None else sample.event[rows],
    )


def complete(sample: Sample) -> tuple[Sample, int]:
    """The rows without a missing number, and how many others were left out."""
    whole = np.isfinite(sample.outcome) & np.isfinite(sample.treated)
    whole &= np.isfinite(sample.covariates).all(axis=1)
    if sample.extra is not None:
        whole &= np.isfinite(sample.extra).all(axis=1)
    return selected(sample, whole), int((~whole).sum())


def require_complete(sample: Sample) -> None:
    """Refuse rows with missing numbers: a test must not choose what to leave out."""
    left_out = complete(sample)[1]
    if left_out:
        raise UsageError(
            f"{left_out} of {len(sample.time)} rows of a sample have missing numbers;"
            " expected none. Leave them out with `complete`, and report how many."
        )


def events(sample: Sample) -> Flags:
    """Rows that count as events: treated ones, or those with a dose above the median.

    A dose has no controls, but the question whether like is compared with like stays:
    are there rows of little dose that look like those of much? Halves answer it
    without a threshold to choose.
    """
    if sample.event is not None:
        return sample.event
    if np.isin(sample.treated, (0.0, 1.0)).all():
        return np.asarray(sample.treated == 1.0)
    return np.asarray(sample.treated > np.median(sample.treated))


def blocks(time: Times, width: int) -> Times:
    """Number of the calendar block of each instant, counted from the epoch."""
    return np.asarray(time // width, np.int64)


def sums(place: Times, value: Floats) -> Floats:
    """Sums of `value` by place, which counts from 0."""
    return np.asarray(np.bincount(place, value), np.float64)


def clusters(sample: Sample) -> int:
    """Calendar blocks that hold an event."""
    return len(np.unique(blocks(sample.time[events(sample)], sample.block)))


def block_width(horizon: int, dependence: float = 0.0) -> int:
    """Width of calendar blocks for outcomes over `horizon`, both in us.

    The largest of twice the horizon, three days, and how long residuals depend on each
    other (`bootstrap.dependence`), rounded up to whole days: then sums per UTC day are
    enough to form the blocks of any family of tests.
    """
    widest = max(2 * horizon, 3 * DAY, int(np.ceil(dependence)))
    return -(-widest // DAY) * DAY


def interacted(sample: Sample, modifier: Floats) -> Sample:
    """Ask for how the effect changes with `modifier` (float64[n]).

    The product of treatment and modifier is treated; both by themselves are extra
    columns. Events stay what they were.
    """
    own = np.column_stack([sample.treated, modifier])
    extra = own if sample.extra is None else np.column_stack([sample.extra, own])
    return replace(
        sample, treated=sample.treated * modifier, extra=extra, event=events(sample)
    )


def reserved_from(begin: int, end: int) -> int:
    """Where the last quarter of time begins, which is out of sample."""
    return begin + 3 * (end - begin) // 4


def quarters(sample: Sample, begin: int, end: int) -> tuple[Sample, ...]:
    """A sample in four equal stretches of the calendar from `begin` to `end`."""
    bounds = [begin + part * (end - begin) // 4 for part in range(5)]
    return tuple(
        selected(sample, (sample.time >= low) & (sample.time < high))
        for low, high in pairwise(bounds)
    )


def clear_of_past(time: Times, begin: Times, end: Times, span: int) -> Flags:
    """Instants with no wave active in the `span` us before them.

    Waves run from `begin` to `end`. One that begins later excludes nothing: leaving
    out controls because an event follows would look ahead.
    """
    order = np.argsort(begin, kind="stable")
    latest = np.maximum.accumulate(end[order], dtype=np.int64)
    begun = np.searchsorted(begin[order], time, side="right")
    last = np.concatenate([[np.iinfo(np.int64).min], latest])[begun]
    return np.asarray(last < time - span)


def first_of_each(time: Times, horizon: int) -> Flags:
    """The first instant, then the next one at least `horizon` us later, and so on."""
    kept = np.zeros(len(time), np.bool_)
    free = np.iinfo(np.int64).min
    for row in np.argsort(time, kind="stable"):
        if time[row] >= free:
            kept[row], free = True, time[row] + horizon
    return kept
