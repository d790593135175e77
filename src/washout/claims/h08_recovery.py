"""Does price come back once forced selling has ended?"""

from __future__ import annotations

import numpy as np

from washout.claims import Floats, Record, Rows, Times, claim
from washout.clock import DAY


@claim(
    id="H8",
    says="Half of a fall is won back within a day more often when a large wave of long closures has just ended.",
    post="Price rebounds when forced selling has run out.",
    test="regression", unit="probability", horizon="24h", also=("72h",), smallest=0.10,
)  # fmt: skip
def recovery(record: Record, horizon: int) -> Rows:
    """Whether the extreme after entry wins back half of the last day's fall.

    Events and like dips alike are measured from the day's high to the low after it; only
    falls of at least one deviation of a day count. For short waves all is upside down.
    """
    sign = -record.sign

    def fall(time: Times) -> tuple[Floats, Floats]:
        """Log high of the last day, and the lowest after it (upside down for shorts)."""
        high, low = record.path(time, DAY)
        if sign < 0:
            high, low = -low, -high
        top = np.where(np.isnan(high), -np.inf, high).argmax(axis=1)
        after = np.arange(high.shape[1]) >= top[:, None]
        lowest = np.where(after & np.isfinite(low), low, np.inf).min(axis=1)
        return high[np.arange(len(top)), top], lowest

    def won(time: Times) -> Floats:
        top, bottom = fall(time)
        highs, lows, _ = record.ahead(time, horizon)
        best = (highs if sign > 0 else -lows).max(axis=1)
        deep = (top - bottom) >= record.deviation(time, DAY)
        back = best >= bottom + 0.5 * (top - bottom)
        return np.where(np.isnan(best) | ~deep, np.nan, back).astype(float)

    waves = record.waves(record.red, record.study_size)
    return record.dips(waves["known_at"], won, horizon)
