"""Do low bars mean balance?"""

from __future__ import annotations

import numpy as np

from washout.claims import Correlation, Floats, Lacks, Record, claim
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
    gross, net = days["gross_usd"], np.abs(days["net_usd"])
    uneven = np.abs(days["imbalance"])
    if not np.isfinite(uneven).any():
        raise Lacks("liquidations: nothing was closed")
    edges = np.nanquantile(gross, (1 / 3, 2 / 3))
    quiet = net <= np.nanmedian(net)
    told = {"days of low bars": quiet, "other days": ~quiet}
    return Correlation(
        time=days["bar"] + DAY,
        x=net,
        y=uneven,
        group=np.searchsorted(edges, gross),
        facts={
            **{
                f"median |imbalance| on {n}": _middle(uneven[d])
                for n, d in told.items()
            },
            **{f"median gross on {n}, USD": _middle(gross[d]) for n, d in told.items()},
        },
    )


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
