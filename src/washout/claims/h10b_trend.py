"""Can fear not stop a trend that real money carries?"""

from __future__ import annotations

import numpy as np

from washout.claims import Lacks, Record, Rows, claim
from washout.claims._ranks import ranked


@claim(
    id="H10b",
    says="After a large wave that spot takers bought into, price breaks down within a week less often than after other waves.",
    post="Fear by liquidation cannot stop a rise that real money supports.",
    test="regression", unit="probability", horizon="7d", benchmark="other waves",
    family="alone", sign=-1, smallest=0.10,
)  # fmt: skip
def trend(record: Record, horizon: int) -> Rows:
    """Whether price fell a deviation in 7 days, where the spot share was in its top third.

    The share of the buying that met the wave; its rank is among the waves before it.
    """
    waves = record.waves(record.red, record.study_size)
    share = waves["spot_share_exh"]
    if not np.isfinite(share).any():
        raise Lacks("spot and perpetual taker flow during waves")
    rank = ranked(share, len(share), 5)
    time = waves["known_at"]
    fell = -record.sign * record.after(time, horizon)
    return Rows(
        time=time, horizon=horizon,
        outcome=np.where(np.isnan(fell), np.nan, fell <= -1.0).astype(float),
        treated=np.where(np.isnan(rank), np.nan, rank >= 2 / 3).astype(float),
        covariates=waves["drawdown_exh"][:, None], flexible=False,
    )  # fmt: skip
