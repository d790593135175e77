"""Whether there are controls that look like the events at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from washout.config import DEFAULT, Config
from washout.study.sample import Floats, Sample, events


def scaled(covariates: Floats, controls: Floats) -> Floats:
    """Covariates in standard deviations of the controls' from the controls' mean.

    A column that is constant among controls keeps its unit.
    """
    spread = controls.std(axis=0)
    return np.asarray(
        (covariates - controls.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    )


def nearest(
    events: Floats, controls: Floats, count: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Distances and rows of the `count` nearest controls of each event.

    Both are [n_events, count], nearest first; a missing neighbour is at infinity.
    """
    from scipy.spatial import cKDTree

    tree: Any = cKDTree(controls)
    distance, row = tree.query(events, k=[*range(1, count + 1)])
    return distance, row


def overlap(sample: Sample, config: Config = DEFAULT) -> float:
    """Share of events with enough controls near by: five within two deviations."""
    event = events(sample)
    around, controls = sample.covariates[event], sample.covariates[~event]
    if not len(around) or len(controls) < config.neighbours:
        return 0.0
    if not sample.covariates.shape[1]:
        return 1.0
    distance, _ = nearest(
        scaled(around, controls), scaled(controls, controls), config.neighbours
    )
    return float((distance[:, -1] <= config.caliper).mean())
