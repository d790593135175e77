"""Does a wave foretell a rally, or are rallies only preceded by waves?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Shifted, claim
from washout.clock import DAY


@claim(
    id="H4c",
    says="A strong rally is at least a quarter more likely in the week after a large wave of long closures.",
    post="The largest closures happened before strong launches.",
    test="lift", unit="ratio", horizon="7d", benchmark="any time", smallest=0.25,
)  # fmt: skip
def before_launches(record: Record, horizon: int) -> Shifted:
    """P(7-day return of two deviations | a wave in the week before) / P(the same) - 1.

    Not P(wave | rally): that rallies had waves before them says little where waves are
    before most things.
    """
    grid = record.grid()
    rally = record.after(grid, horizon)
    waves = record.waves(record.red, record.study_size)
    return Shifted(
        begin=int(grid[0]), step=record.step,
        outcome=np.where(np.isnan(rally), np.nan, rally >= 2.0).astype(float),
        event=waves["known_at"], window=7 * DAY, horizon=horizon,
    )  # fmt: skip
