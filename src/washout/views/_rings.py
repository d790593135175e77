"""Values of the last bars, found by the time of the bar: bars may be missing.

A ring is an array of two lines, the starts of bars and their values. All functions
are compiled together with the step that calls them.
"""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

from washout.views._contract import every_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def new_ring(bars: int) -> Floats:
    """Room for the last `bars` bars."""
    import numpy as np

    return np.full((2, bars), nan)


@every_bar
def put_bar(ring: Floats, bar: float, width: float, value: float) -> None:
    """Keep the value of a bar in place of the one that lies the ring's length back."""
    place = int(bar / width) % ring.shape[1]
    ring[0, place] = bar
    ring[1, place] = value


@every_bar
def value_at(ring: Floats, bar: float, width: float) -> float:
    """The value of a bar; NaN if it was missing, or is no longer kept."""
    place = int(bar / width) % ring.shape[1]
    return ring[1, place] if ring[0, place] == bar else nan


def highest(ring: Floats, bar: float, width: float) -> float:
    """The highest value of the bars that the ring holds before a bar; NaN of none."""
    found = nan
    for back in range(1, ring.shape[1] + 1):
        value = value_at(ring, bar - back * width, width)
        if not isnan(value) and not value <= found:
            found = value
    return found


def total_of(
    ring: Floats, bar: float, width: float, first: int, count: int
) -> tuple[float, int]:
    """Sum of `count` bars, the last of them `first` bars back, and how many are known.

    Oldest first, so that sums are the same everywhere.
    """
    found, known = 0.0, 0
    for back in range(first + count - 1, first - 1, -1):
        value = value_at(ring, bar - back * width, width)
        if not isnan(value):
            found += value
            known += 1
    return found, known


def move_column(table: Floats, source: int, target: int) -> None:
    """Copy a column of a table onto another one, value by value: nothing is made."""
    for line in range(table.shape[0]):
        table[line, target] = table[line, source]
