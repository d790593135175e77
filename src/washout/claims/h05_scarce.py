"""Were short closures scarce, given how price moved?"""

from __future__ import annotations

import numpy as np

from washout.claims import Rates, Record, claim
from washout.claims._flows import market


@claim(
    id="H5",
    says="For a like move against them, shorts are closed at least a fifth less than longs are.",
    post="Few shorts are closed, so those who bet on falling prices were hardly hurt.",
    test="ratio", unit="ratio", horizon="24h", benchmark="long closures in falls",
    sign=-1, smallest=0.10,
)  # fmt: skip
def scarce(record: Record, horizon: int) -> Rates:  # noqa: ARG001
    """Short bp per deviation of rise over long bp per deviation of fall, less 0.8.

    Bars that moved half a deviation or more. No closures are not no losses: who closes
    by hand is not seen.
    """
    columns = market(record, "long_bp", "short_bp")
    spread = record.deviation(columns["known_at"], record.bar)
    with np.errstate(invalid="ignore", divide="ignore"):
        move = np.log(columns["close"] / columns["open"]) / spread
    move[~np.isfinite(move)] = np.nan
    up, down = move >= 0.5, move <= -0.5
    white, red = columns[f"{record.white}_bp"], columns[f"{record.red}_bp"]
    rise, fall = (up, down) if record.red == "long" else (down, up)
    return Rates(
        time=columns["known_at"],
        ours=np.where(rise, white, 0.0), our_base=np.where(rise, np.abs(move), 0.0),
        theirs=np.where(fall, red, 0.0), their_base=np.where(fall, np.abs(move), 0.0),
        null=0.8,
        facts={"share of shorts in all that was closed": _share(columns)},
    )  # fmt: skip


def _share(columns: dict[str, np.ndarray]) -> float:
    shorts, longs = np.nansum(columns["short_usd"]), np.nansum(columns["long_usd"])
    return float(shorts / (shorts + longs)) if shorts + longs else float("nan")
