"""Does spot money make up for what derivatives lose?"""

from __future__ import annotations

import numpy as np

from washout.claims import Lacks, Record, Rows, claim
from washout.claims._flows import market


@claim(
    id="H10",
    says="The more spot takers had bought while a large wave of long closures ran, the better the next day.",
    post="Spot money makes up for the losses of derivatives.",
    test="dose", unit="z", horizon="24h", also=("72h", "7d"), benchmark="other waves",
)  # fmt: skip
def spot(record: Record, horizon: int) -> Rows:
    """Return on spot taker buying since the onset, in bp of the market, over waves."""
    market(record, "spot_delta_usd")
    waves = record.waves(record.red, record.study_size)
    with np.errstate(invalid="ignore", divide="ignore"):
        bought = waves["spot_cvd_usd_exh"] * waves["size_bp_exh"]
        bought = bought / waves[f"{record.red}_usd_exh"]
    if not np.isfinite(bought).any():
        raise Lacks("spot taker flow during waves")
    time = waves["known_at"]
    return Rows(
        time=time, outcome=record.after(time, horizon), horizon=horizon,
        treated=bought,
        covariates=np.column_stack(
            [waves["drawdown_exh"], np.log(waves["size_bp_exh"])]
        ),
        flexible=False,
    )  # fmt: skip
