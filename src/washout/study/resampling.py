"""Resampled sums, compiled. Loads Numba: import it inside functions."""

from __future__ import annotations

from math import log1p
from typing import Any

from numba import njit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_blocks(running: Any, chance: float, generator: Any, sums: Any) -> None:
    """Add one stationary-bootstrap sample of rows to each row of `sums`.

    `running` (float64[n + 1, k]) are running sums of the rows, from 0, so that a block
    of any length costs one difference; `chance` ends a block after each row. Lengths
    are geometric, by inversion; a block that reaches the last row goes on at the first.
    """
    rows, columns = running.shape[0] - 1, running.shape[1]
    scale = 1.0 / log1p(-chance) if chance < 1.0 else 0.0
    for draw in range(sums.shape[0]):
        left = rows
        while left > 0:
            begin = int(generator.random() * rows)
            length = 1 + int(min(log1p(-generator.random()) * scale, rows))
            length = min(length, left)
            left -= length
            end = begin + length
            for column in range(columns):
                before = running[begin, column]
                if end <= rows:
                    sums[draw, column] += running[end, column] - before
                else:
                    sums[draw, column] += (
                        running[rows, column] - before + running[end - rows, column]
                    )
