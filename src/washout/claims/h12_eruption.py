"""Does a sudden jump warn of a reversal within hours?"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from washout.claims import Floats, Record, Rows, Times, claim
from washout.clock import DAY

_SHARE = 0.5
"""Of the day's move: how far price must go, either way."""


@claim(
    id="H12",
    says="After a sudden jump of liquidations price turns against the day's move sooner than after a like move without one.",
    post="A large sudden jump of the bars warns of an eruption that may turn the trend within hours.",
    test="regression", unit="o", horizon="12h", also=("4h", "24h"), smallest=0.10,
)  # fmt: skip
def eruption(record: Record, horizon: int) -> Rows:
    """1 if price goes half the day's move against it first, -1 if along it, 0 if neither.

    Only where the day's move is at least one deviation. A bar that touches both says
    neither. Covariates are signed along the trend.
    """
    record.need(record.rows("market"), "gross_bp")
    event = record.rows("eruption")["known_at"]

    def turned(time: Times) -> Floats:
        trend = record.before(time, DAY) * record.deviation(time, DAY)
        reach = _SHARE * np.abs(trend)[:, None]
        highs, lows, _ = record.ahead(time, horizon)
        entry = record.entry(time)[:, None]
        up, down = highs >= entry + reach, lows <= entry - reach
        against = np.where(trend[:, None] > 0, down, up)
        along = np.where(trend[:, None] > 0, up, down)
        first, other = _first(against), _first(along)
        found = (first < other) * 1.0 - (other < first) * 1.0
        known = np.isfinite(highs).all(axis=1) & (np.abs(record.before(time, DAY)) >= 1)
        return np.where(known, found, np.nan)

    rows = record.dips(event, turned, horizon)
    turn = np.sign(record.before(rows.time, DAY))[:, None]
    state = rows.covariates
    returns = state.shape[1] - rows.variances
    signed = np.where(np.arange(state.shape[1]) < returns, state * turn, state)
    return replace(rows, covariates=signed)


def _first(hit: Floats) -> Floats:
    """Number of the first bar that hits, or one more than there are."""
    bars = hit.shape[1]
    return np.asarray(np.where(hit.any(axis=1), hit.argmax(axis=1), bars), np.float64)
