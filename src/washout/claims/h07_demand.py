"""Does new demand come in at the lows?"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from washout.claims import Floats, Record, Rows, Times, claim
from washout.claims._flows import ahead, in_bp, market, perp_without_forced
from washout.clock import HOUR


@claim(
    id="H7",
    says="In the hours after a large wave takers buy more often than after a like dip without one.",
    post="With every wave of closures new demand enters at the lows.",
    test="regression", unit="probability", horizon="4h", smallest=0.10,
)  # fmt: skip
def demand(record: Record, horizon: int) -> Rows:
    """Whether perpetual takers without forced orders and spot takers were net buyers.

    In the 4 hours after exhaustion. One wave without is enough against "every".
    """
    columns = market(record, "perp_delta_usd", "spot_delta_usd")
    flow = in_bp(columns, perp_without_forced(columns) + columns["spot_delta_usd"])
    span = max(horizon, 4 * HOUR)

    def bought(time: Times) -> Floats:
        found = ahead(record, flow, time, span)
        return np.where(np.isnan(found), np.nan, found > 0).astype(float)

    waves = record.waves(record.red, record.study_size)
    after = bought(waves["known_at"])
    rows = record.dips(waves["known_at"], bought, horizon)
    facts = {"waves without net buying after them": float(np.nansum(after == 0.0))}
    return replace(rows, facts=facts)
