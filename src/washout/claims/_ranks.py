"""Where a value stands among those before it."""

from __future__ import annotations

import numpy as np

from washout.claims._contract import Floats


def ranked(values: Floats, most: int, least: int) -> Floats:
    """Mid-rank of each value among the `most` before it, in [0, 1].

    (below + half of equal) / n, today excluded; NaN with fewer than `least` before it.
    """
    found = np.full(len(values), np.nan)
    for row in range(least, len(values)):
        past = values[max(0, row - most) : row]
        past = past[np.isfinite(past)]
        if len(past) >= least and np.isfinite(values[row]):
            below = np.count_nonzero(past < values[row])
            equal = np.count_nonzero(past == values[row])
            found[row] = (below + equal / 2) / len(past)
    return found
