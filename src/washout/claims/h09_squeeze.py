"""Does scarcity of short closures set up a squeeze?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Rows, Times, claim
from washout.claims._flows import market
from washout.clock import DAY, HOUR


@claim(
    id="H9",
    says="After a vertical rise a large wave of short closures follows more often when shorts had hardly been closed before.",
    post="If price shoots up after a time of few short closures, a sharp squeeze may follow.",
    test="regression", unit="probability", horizon="24h", benchmark="other vertical rises",
    smallest=0.10,
)  # fmt: skip
def squeeze(record: Record, horizon: int) -> Rows:
    """Whether a short wave of 60 bp is confirmed within a day of a 2-deviation rise.

    A rise counts as prepared if a set-up fired in the 72 hours before it.
    """
    market(record, "short_bp")
    grid = record.grid()
    rises = grid[record.before(grid, DAY) >= 2.0]
    setups = record.rows("squeeze_setup")["known_at"]
    large = record.waves("short", record.study_size)
    confirmed = np.sort(large["confirm"] + record.bar)
    return Rows(
        time=rises, horizon=horizon,
        outcome=_within(confirmed, rises, 0, horizon),
        treated=_within(setups, rises, -72 * HOUR, 0),
        covariates=record.state(rises),
    )  # fmt: skip


def _within(events: Times, time: Times, first: int, last: int) -> np.ndarray:
    """1 where an event lies in (time + first, time + last], else 0."""
    events = np.sort(events)
    counted = np.searchsorted(events, time + last, side="right")
    return (counted > np.searchsorted(events, time + first, side="right")).astype(float)
