"""Does price rise although longs are closed?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Rows, claim
from washout.claims._flows import market
from washout.claims._ranks import ranked
from washout.clock import DAY


@claim(
    id="H3",
    says="After thirty days in which unusually many longs were closed, price does better than after other days.",
    post="Price goes up although positions are closed: the market accumulates from the losers.",
    test="regression", unit="z", horizon="30d", benchmark="other days", block=60 * DAY,
)  # fmt: skip
def despite(record: Record, horizon: int) -> Rows:
    """Days whose 30-day net in bp is in the lowest fifth of the year before them.

    Beside the return of the 30 days before and its square: 60-day blocks, so that two
    years are twelve observations and a naive test would find anything.
    """
    columns = market(record, "net_bp")
    days = record.grid()
    days = days[(days - days[0]) % DAY == 0]
    net = record.total(columns, "net_bp", days, 30 * DAY)
    rank = ranked(-record.sign * net, 365, 90)
    prior = record.before(days, 30 * DAY)
    return Rows(
        time=days, outcome=record.after(days, horizon), horizon=horizon,
        treated=np.where(np.isnan(rank), np.nan, rank <= 0.20).astype(float),
        covariates=prior[:, None], shape=(prior**2)[:, None], flexible=False,
    )  # fmt: skip
