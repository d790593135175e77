"""Was it billions that were lost?"""

from __future__ import annotations

import numpy as np

from washout.claims import Record, Told, claim
from washout.claims._flows import of_post

_LEAST, _MOST = 10, 50
"""Leverage between which positions are usually closed by force."""

_SHOWN = 0.48
"""Least share of a wave that a feed of one order a second showed. Method: I."""


@claim(
    id="H2",
    says="Longs that were closed by force in 2024 and 2025 lost at least two billion dollars.",
    post="Billions were lost on leveraged buying in 2024 and 2025.",
    test="told", unit="USD", horizon="24h", family="alone", benchmark="none",
    smallest=1e9,
)  # fmt: skip
def billions(record: Record, horizon: int) -> Told:  # noqa: ARG001
    """Notional is not loss: at a leverage of 10 to 50 a tenth to a fiftieth of it is.

    The interval is that of leverage, and above of what a throttled feed may have hidden.
    """
    columns = record.rows("liquidations")
    years = of_post(columns["bar"])
    closed = columns[f"{record.red}_usd"][years]
    total = float(np.nansum(closed))
    net = float(np.nansum(columns["net_usd"][years]))
    gross = float(np.nansum(columns["gross_usd"][years]))
    shown = _SHOWN if np.any(columns["floor"][years]) else 1.0
    return Told(
        value=total / (_LEAST * _MOST) ** 0.5, low=total / _MOST, high=total / _LEAST / shown,
        threshold=2e9, n=int(np.isfinite(closed).sum()),
        facts={
            "notional closed, USD": total,
            "more than a billion closed, and longs more than shorts (1 yes)": float(
                total > 1e9 and net * record.sign > 0
            ),
            "imbalance": net / gross if gross else float("nan"),
            "share of bars that are floors": float(np.mean(columns["floor"][years])),
        },
    )  # fmt: skip
