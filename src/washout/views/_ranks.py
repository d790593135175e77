"""How a value ranks among earlier ones."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mid_rank(value: float, earlier: NDArray[np.float64], minimum: float) -> float:
    """Share of `earlier` values that are lower; equal ones count half.

    Missing ones do not count. NaN for a missing value, or where fewer than `minimum`
    are known. Method: C (pct_rank).
    """
    if isnan(value):
        return nan
    lower, equal, known = 0, 0, 0
    for other in earlier:
        if not isnan(other):
            known += 1
            lower += other < value
            equal += other == value
    if known < max(minimum, 1.0):
        return nan
    return (lower + 0.5 * equal) / known


def mean_known(a: float, b: float, c: float, d: float) -> tuple[float, int]:
    """Mean of those that are not NaN, and how many they are; NaN of none."""
    total, known = 0.0, 0
    for value in (a, b, c, d):
        if not isnan(value):
            total += value
            known += 1
    return (total / known if known else nan), known
