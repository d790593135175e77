"""Do low bars mean balance?"""

from __future__ import annotations

import numpy as np

from washout.claims import Correlation, Record, claim
from washout.clock import DAY


@claim(
    id="H11",
    says="On days with equally much closed, those with a lower net bar are more balanced between longs and shorts.",
    post="Low green bars show a relative balance of both sides.",
    test="correlation", unit="correlation", horizon="24h", benchmark="days of like gross",
    family="alone", smallest=0.10,
)  # fmt: skip
def balance(record: Record, horizon: int) -> Correlation:  # noqa: ARG001
    """Correlation of |net| and |imbalance| within terciles of gross, averaged.

    Nearly true by construction: |imbalance| is |net| / gross, so given gross it must
    rise with |net|. H11b asks what does not follow from arithmetic.
    """
    days = record.rows("liquidations", bar="1d")
    gross = days["gross_usd"]
    edges = np.nanquantile(gross, (1 / 3, 2 / 3)) if len(gross) else (0.0, 0.0)
    whole = np.abs(days["net_usd"]), np.abs(days["imbalance"])
    low = np.nanmedian(whole[0]) if len(gross) else np.nan
    quiet, loud = whole[0] <= low, whole[0] > low
    return Correlation(
        time=days["bar"] + DAY, x=whole[0], y=whole[1],
        group=np.searchsorted(edges, gross),
        facts={
            "median |imbalance| on days of low bars": float(np.nanmedian(whole[1][quiet])),
            "median |imbalance| on other days": float(np.nanmedian(whole[1][loud])),
            "median gross on days of low bars, USD": float(np.nanmedian(gross[quiet])),
            "median gross on other days, USD": float(np.nanmedian(gross[loud])),
        },
    )  # fmt: skip
