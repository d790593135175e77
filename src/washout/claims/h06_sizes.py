"""Are the large waves of 120 to 360 million dollars?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from washout.claims import Floats, Record, Told, claim
from washout.claims._flows import of_post

_LOW, _HIGH = 120e6, 360e6
_TOP = 20


@claim(
    id="H6",
    says="At least half of the twenty largest waves of long closures in 2024 and 2025 are of 120 to 360 million dollars.",
    post="Long positions were closed in series of 120 to 360 million dollars.",
    test="told", unit="share", horizon="24h", family="alone", benchmark="none",
    smallest=0.10,
)  # fmt: skip
def sizes(record: Record, horizon: int) -> Told:  # noqa: ARG001
    """Share of the largest waves, and of the largest days, inside the band."""
    waves = record.rows("waves")
    mine = (waves["side"] == record.red) & of_post(waves["onset"])
    size = np.sort(waves[f"{record.red}_usd"][mine])[::-1][:_TOP]
    days = _largest_days(record)
    share, low, high = _share(size)
    edges = np.arange(0, max(480e6, float(size.max(initial=0)) + 40e6), 40e6)
    return Told(
        value=share, low=low, high=high, threshold=0.5, n=len(size), least=10,
        facts={
            "largest wave, USD": float(size.max(initial=0.0)),
            "largest day, USD": float(days.max(initial=0.0)),
            "share of the largest days in the band": _share(days)[0],
            "waves": float(len(size)),
        },
        bins=(
            tuple(float(e) / 1e6 for e in edges[:-1]),
            tuple(float(c) for c in np.histogram(size, edges)[0]),
        ),
        band=(_LOW / 1e6, _HIGH / 1e6), of="waves by M USD closed",
    )  # fmt: skip


def _largest_days(record: Record) -> Floats:
    rows: Any = record.rows("liquidations", bar="1d")
    days = rows[f"{record.red}_usd"][of_post(rows["bar"])]
    return np.asarray(np.sort(days[np.isfinite(days)])[::-1][:_TOP])


def _share(size: Floats) -> tuple[float, float, float]:
    """Share inside the band with its Wilson interval at 90 %."""
    n = len(size)
    if not n:
        return math.nan, math.nan, math.nan
    share = float(np.mean((size >= _LOW) & (size <= _HIGH)))
    z = 1.6448536269514722
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + (z / n / 2) ** 2)
    return share, middle - reach, middle + reach
