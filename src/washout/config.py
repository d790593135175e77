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
    large: int = 100_000
    """From which of these an order is large."""
    turnover_to_open_interest: float = 0.75
    """Open interest over mean daily perpetual volume, where only the latter is known."""
    half_life: int = 600 * SECOND
    """Half-life of forced-closure intensity."""


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
