"""Samples that tests of the study package share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from washout.clock import DAY, HOUR
from washout.study.estimate import Estimate
from washout.study.sample import Sample

CASES = {
    case["id"]: case
    for case in json.loads(
        (Path(__file__).parent / "data" / "golden_d.json").read_text()
    )
}


def near(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def made(
    seed=0, rows=400, days=90, columns=2, effect=0.0, chance=0.2, block=3 * DAY,
    noise=None,
):  # fmt: skip
    """Rows at random instants: X drives both treatment and outcome."""
    random = np.random.default_rng(seed)
    time = np.sort(random.integers(0, days * DAY, rows))
    x = random.standard_normal((rows, columns))
    pull = np.exp(0.5 * x[:, 0]) if columns else np.ones(rows)
    treated = (random.random(rows) < chance * pull).astype(float)
    error = random.standard_normal(rows) if noise is None else noise(random, time)
    outcome = effect * treated + 0.4 * x.sum(axis=1) + error
    return Sample(
        time=time, outcome=outcome, treated=treated, covariates=x, block=block
    )


def hourly_shocks(random, time):
    """Errors that neighbours share: an autoregression by the hour, half-life 12 h."""
    hours = int(time.max() // HOUR) + 1
    keep = 0.5 ** (1 / 12)
    path = np.zeros(hours)
    for hour, step in enumerate(random.standard_normal(hours)):
        path[hour] = keep * path[hour - 1] + np.sqrt(1 - keep**2) * step
    return path[time // HOUR] + 0.5 * random.standard_normal(len(time))


def estimate(**changed):
    """An estimate that passes every rule of the verdict, unless changed."""
    fields = {
        "method": "REG", "effect": 0.3, "se": 0.05, "t": 6.0, "p": 0.001, "low": 0.2,
        "high": 0.4, "smallest": 0.2, "mde": 0.14, "needed": 20.0, "n_events": 60,
        "n_controls": 900, "clusters": 40, "overlap": 0.95,
    }  # fmt: skip
    return Estimate(**{**fields, **changed})
