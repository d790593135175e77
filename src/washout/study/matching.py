"""Events against their five nearest controls (MAT): a check that decides nothing.

Bias-corrected nearest neighbours (Abadie and Imbens 2011), with inference on sums by
calendar block of events and controls together. Its measured size is about 9 %, so it
is described beside the regression and never gives a verdict.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from washout.config import DEFAULT, Config
from washout.study.estimate import Estimate, Rests, concluded, influences, unknown
from washout.study.overlap import nearest, overlap, scaled
from washout.study.sample import (
    Floats,
    Sample,
    blocks,
    clusters,
    events,
    require_complete,
    sums,
)
from washout.study.signs import sign_vectors, studentised


class Matched(msgspec.Struct, frozen=True, eq=False):
    """Events with their controls.

    `row` is int64[n_events, K], rows of the controls; `unadjusted` and `corrected`,
    float64[n_events], are event minus mean of its controls without and with the part
    that covariates explain; `event_left` and `control_left` are outcomes minus what is
    expected at their covariates.
    """

    row: NDArray[np.int64]
    unadjusted: Floats
    corrected: Floats
    event_left: Floats
    control_left: Floats


def matched(
    event_x: Floats, event_y: Floats, control_x: Floats, control_y: Floats, count: int
) -> Matched:
    """Match each event with `count` controls, with replacement.

    What is expected at X is a linear regression over the controls in use, weighted by
    how often each is used.
    """
    ours, theirs = scaled(event_x, control_x), scaled(control_x, control_x)
    row = nearest(ours, theirs, count)[1]
    use = np.bincount(row.ravel(), minlength=len(control_y))
    weight = np.sqrt(use[:, None])
    line = np.column_stack([np.ones(len(theirs)), theirs])
    slope = np.linalg.lstsq(weight * line, weight[:, 0] * control_y, rcond=None)[0]
    event_left = event_y - np.column_stack([np.ones(len(ours)), ours]) @ slope
    control_left = control_y - line @ slope
    return Matched(
        row=row,
        unadjusted=event_y - control_y[row].mean(axis=1),
        corrected=event_left - control_left[row].mean(axis=1),
        event_left=event_left,
        control_left=control_left,
    )


def match(
    sample: Sample,
    *,
    smallest: float = DEFAULT.smallest_z,
    seed: int = 0,
    config: Config = DEFAULT,
) -> Estimate:
    """Mean difference of events to their matched controls, in the outcome's unit."""
    require_complete(sample)
    event, count = events(sample), config.neighbours
    n_events, n_controls = int(event.sum()), int((~event).sum())
    rests = Rests(
        method="MAT", n_events=n_events, n_controls=n_controls, seed=seed,
        clusters=clusters(sample), smallest=smallest, overlap=overlap(sample, config),
    )  # fmt: skip
    if not n_events or n_controls < count:
        return unknown(rests)
    x, y = sample.covariates, sample.outcome
    found = matched(x[event], y[event], x[~event], y[~event], count)
    use = np.bincount(found.row.ravel(), minlength=n_controls)
    share, value = event / n_events, np.empty(len(y))
    value[event] = found.event_left / n_events
    value[~event] = -use * found.control_left / (count * n_events)
    in_use = event.copy()
    in_use[~event] = use > 0
    _, place = np.unique(blocks(sample.time[in_use], sample.block), return_inverse=True)
    score, shares = (sums(place, column[in_use]) for column in (value, share))
    if len(score) < 2:
        return unknown(rests)
    effect, error = _redrawn(score, shares, np.ones((1, len(score))))
    drawn = [
        studentised(*_redrawn(score, shares, sign))
        for sign in sign_vectors(len(score), config.resamples, seed)
    ]
    return concluded(
        rests, float(effect[0]), float(error[0]), np.concatenate(drawn),
        influences(sample.time, value, sample.block),
    )  # fmt: skip


def _redrawn(score: Floats, shares: Floats, sign: Floats) -> tuple[Floats, Floats]:
    """(effect, SE) with the sign of each block's sum flipped, float64[draws] each."""
    flipped = sign * score
    effect = flipped.sum(axis=1)
    flipped -= effect[:, None] * shares
    count = len(score)
    spread = np.einsum("ij,ij->i", flipped, flipped) * count / max(count - 1, 1)
    return effect, np.sqrt(spread)
