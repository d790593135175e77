"""Was it billions that were lost?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Told, claim

_LEAST, _MOST = 10, 50
"""Leverage between which positions are usually closed by force."""


@claim(
    id="H2",
    says="Longs that were closed by force lost at least two billion dollars.",
    post="Billions were lost on leveraged buying in 2024 and 2025.",
    test="told", unit="USD", horizon="24h", family="alone", benchmark="none",
    smallest=1e9,
)  # fmt: skip
def billions(record: Record, horizon: int) -> Told:  # noqa: ARG001
    """Notional is not loss: at a leverage of 10 to 50 a tenth to a fiftieth of it is.

    The interval is that of leverage; totals of a throttled feed are floors.
    """
    columns = record.rows("liquidations")
    closed = columns[f"{record.red}_usd"]
    total = float(np.nansum(closed))
    net = float(np.nansum(columns["net_usd"]))
    gross = float(np.nansum(columns["gross_usd"]))
    return Told(
        value=total / (_LEAST * _MOST) ** 0.5, low=total / _MOST, high=total / _LEAST,
        threshold=2e9, n=int(np.isfinite(closed).sum()),
        facts={
            "notional closed, USD": total,
            "imbalance": net / gross if gross else float("nan"),
            "share of bars that are floors": float(np.mean(columns["floor"])),
        },
    )  # fmt: skip
