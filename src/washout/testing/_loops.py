"""Recursions over time, compiled once for all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function once for all processes; it runs without the GIL."""
    made: Function = njit(cache=True, nogil=True)(function)
    return made


def kept(half_life: float) -> float:
    """Share that is left after one step, for a half-life in steps."""
    return float(2.0 ** (-1.0 / half_life))


@compiled
def decayed(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """What is left of all values so far when each step keeps `share` of it."""
    sums = np.empty_like(values)
    total = 0.0
    for t in range(values.size):
        total = total * share + values[t]
        sums[t] = total
    return sums


def wandering(
    shocks: NDArray[np.float64], *, half_life: float, deviation: float
) -> NDArray[np.float64]:
    """A stationary autoregression of order one around zero.

    `shocks` are standard normal, one a step; `half_life` is in steps; `deviation` is
    the standard deviation of the result, which holds from its first step on.
    """
    share = kept(half_life)
    pushes = shocks * (deviation * np.sqrt(1.0 - share * share))
    pushes[:1] = shocks[:1] * deviation
    return decayed(pushes, share)
