"""Are days of little closing balanced days?"""

from __future__ import annotations

import numpy as np

from washout.claims import Correlation, Record, claim
from washout.clock import DAY


@claim(
    id="H11b",
    says="Days on which little was closed are more balanced between longs and shorts than days on which much was.",
    post="Low green bars show a relative balance of both sides.",
    test="correlation", unit="correlation", horizon="24h", benchmark="other days",
    family="alone", smallest=0.10,
)  # fmt: skip
def quiet(record: Record, horizon: int) -> Correlation:  # noqa: ARG001
    """Correlation of ln(gross) and |imbalance| over days: bars read as all that closed."""
    days = record.rows("liquidations", bar="1d")
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(days["gross_usd"])
    return Correlation(
        time=days["bar"] + DAY, x=np.where(np.isfinite(size), size, np.nan),
        y=np.abs(days["imbalance"]), group=np.zeros(len(size), np.int64),
    )  # fmt: skip
