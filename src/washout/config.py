"""Defaults, in one versioned place. `cfg_hash` names them in every result."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import msgspec

from washout.clock import DAY, SECOND


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every default of the method; keys follow its appendix."""

    version: int = 1
    grace: int = 5 * SECOND
    """A bar takes rows received up to its end plus this."""
    coverage_ok: float = 0.98
    """A rolling sum needs this share of its window observed."""
    anchor: str = "2024-01-01"
    """Where CLD starts unless it is told otherwise."""
    window: int = 30 * DAY
    cohorts: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    """Trade-size bounds in USD."""
    half_life: int = 600 * SECOND
    """Half-life of forced-closure intensity."""
    resamples: int = 9999
    """Draws of a bootstrap."""
    shifts: int = 999
    """Draws of a circular shift."""
    neighbours: int = 5
    """Controls that an event is matched with, or needs near by."""
    caliper: float = 2.0
    """How near is near: distance in standard deviations of the controls."""
    alpha: float = 0.05
    """Chance of a false verdict in the family of primary tests."""
    false_discovery: float = 0.10
    """Share of false findings among secondary tests."""
    min_coverage: float = 0.90
    """Share of the record that was observed, below which nothing is judged."""
    min_clusters: int = 10
    """Calendar blocks with events, below which nothing is judged."""
    min_overlap: float = 0.70
    """Share of events with comparable controls, below which nothing is judged."""
    smallest_z: float = 0.20
    """Smallest effect of interest on an outcome in standard deviations."""
    smallest_probability: float = 0.10
    """The same for a probability."""
    smallest_position: float = 0.10
    """The same for an outcome between -1 and 1 along the trend."""
    smallest_ratio: float = 0.10
    """The same for a ratio."""


DEFAULT = Config()


def cfg_hash(config: Config = DEFAULT) -> str:
    """sha256 of the canonical JSON of `config`, first 12 hex digits."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()[:12]


def cohort_names(bounds: tuple[int, ...] = DEFAULT.cohorts) -> tuple[str, ...]:
    """Names of the trade-size cohorts, smallest first: `below_1k`, ..., `from_1m`."""
    marks = [_short(bound) for bound in bounds]
    between = [f"{a}_{b}" for a, b in pairwise(marks)]
    return (f"below_{marks[0]}", *between, f"from_{marks[-1]}")


def _short(usd: int) -> str:
    for size, letter in ((1_000_000, "m"), (1_000, "k")):
        if usd % size == 0:
            return f"{usd // size}{letter}"
    return str(usd)
