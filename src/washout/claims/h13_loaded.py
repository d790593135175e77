"""Was the market loaded with leverage?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Rows, claim
from washout.claims._flows import market
from washout.clock import DAY, HOUR


@claim(
    id="H13",
    says="Of two like falls, more longs are closed in the one before which leverage was higher.",
    post="The market was loaded with leveraged buying.",
    test="dose", unit="ln bp", horizon="24h", benchmark="like falls", smallest=0.20,
)  # fmt: skip
def loaded(record: Record, horizon: int) -> Rows:
    """ln(1 + bp of longs closed) around falls of 2 deviations, on leverage load before.

    The load is what was known a bar before the fall began; closures are those of the bar
    of the fall and of the day after it.
    """
    columns = market(record, f"{record.red}_bp")
    load = record.rows("leverage_track")
    record.need(load, "score")
    time = record.grid()
    span = max(4 * HOUR, record.step)
    fall = record.before(time, span)
    time = time[fall <= -2.0] if record.red == "long" else time[fall >= 2.0]
    closed = record.total(columns, f"{record.red}_bp", time + horizon, horizon + span)
    return Rows(
        time=time, horizon=horizon + DAY, outcome=np.log1p(closed),
        treated=record.level(load, "score", time - span - record.bar),
        covariates=record.state(time),
    )  # fmt: skip
