"""Do more closures mean more rebound?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Rows, claim
from washout.claims._flows import market
from washout.clock import HOUR


@claim(
    id="H4b",
    says="Of two like dips, the one with more long closures is followed by the better return.",
    post="The largest waves of closures come before the strongest launches.",
    test="dose", unit="z", horizon="24h", also=("4h", "72h", "7d"), smallest=0.20,
)  # fmt: skip
def more_is_more(record: Record, horizon: int) -> Rows:
    """Return on ln(1 + bp of longs closed), over all dips of one deviation in 4 hours.

    Closures of the last 6 hours, or of the bars that hold them. Needs no threshold for
    waves; the terms of the dip's shape take out what any such fall is followed by.
    """
    columns = market(record, f"{record.red}_bp")
    time = record.grid()
    fall = record.before(time, max(4 * HOUR, record.step))
    time = time[fall <= -1.0] if record.red == "long" else time[fall >= 1.0]
    closed = record.total(columns, f"{record.red}_bp", time, max(6 * HOUR, record.bar))
    return Rows(
        time=time, outcome=record.after(time, horizon), horizon=horizon,
        treated=np.log1p(closed), covariates=record.state(time),
        shape=record.shape(time),
    )  # fmt: skip
