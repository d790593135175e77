"""Who is on the other side while longs are closed?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Rows, claim
from washout.claims._flows import in_bp, market


@claim(
    id="H1",
    says="While a large wave of long closures runs, large takers buy more than in a like dip without one.",
    post="Somebody strong gains by buying while the others collapse.",
    test="regression", unit="ln bp", horizon="24h", smallest=1.0,
)  # fmt: skip
def strong_hands(record: Record, horizon: int) -> Rows:
    """Net taker buying of orders from 100 k USD, and of spot, over a wave's usual length.

    In bp of the market. Whether it is one buyer cannot be seen: flow has no name.
    """
    columns = market(record, "large_delta_usd", "spot_delta_usd")
    flow = in_bp(columns, columns["large_delta_usd"] + columns["spot_delta_usd"])
    waves = record.waves(record.red, record.study_size)
    lasted = waves["known_at"] - waves["onset"]
    usual = int(np.median(lasted)) if len(lasted) else record.bar
    return record.dips(
        waves["known_at"],
        lambda time: record.total(flow, "bp", time, max(usual, record.bar)),
        horizon,
    )
