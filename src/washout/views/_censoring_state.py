"""Where the estimate of hidden orders keeps what it knows: places in its arrays."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, MINUTE, SECOND, Width
from washout.views._censoring_fit import BINS, CLASSES, FIT
from washout.views.prints import LANES, POOL

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "bar", *(f"{lane}_print_usd" for lane in LANES), "long_usd", "short_usd",
    "observed_s", "pool_observed_s", "bar_observed_s", "throttled",
)  # fmt: skip
ROW_TIME, ROW_LANES = 0, 1
ROW_LONG, ROW_SHORT, ROW_OBSERVED, ROW_POOL, ROW_BAR, ROW_THROTTLED = range(
    1 + len(LANES), 7 + len(LANES)
)
LANE_COUNT = len(LANES)

SIDES = ("long", "short", "gross")
OUTPUTS = (
    *(f"{side}_usd" for side in SIDES),
    *(f"estimated_{side}_usd" for side in SIDES),
    *(f"{side}_{end}_usd" for side in SIDES for end in ("low", "high")),
    "hidden_share", "rule", "evidence", "shape", "observed_s", "ends",
)  # fmt: skip
RULES = ("all", "largest", "latest", "undecided", "warmup", "untold")
ALL, LARGEST, LATEST, UNDECIDED, WARMUP, UNTOLD = range(len(RULES))

SECONDS = int(MINUTE / SECOND)
RING = int(POOL / MINUTE)
ROOM = SECONDS * RING

USD, IS_LONG = 0, 1
NUMBER, WHICH = 0, 1
"""Of a minute in the ring: how many prints, and which minute it is."""

DAY_NO, BLOCK, RULE, OBSERVED = 0, 1, 2, 3
MINUTE_USD = 4
"""What was observed of each side in this bar, at OBSERVED 0, in this minute, here."""
SUMS = 8
ESTIMATE, LOW, HIGH, LOW_VARIANCE, HIGH_VARIANCE, LOW_MODEL, HIGH_MODEL, SEEN = range(8)
"""Of each side in this bar: what is estimated, by which the interval begins and ends,
variances of these, the parts that come from a model; and what was observed."""
MEMORY = SUMS + 2 * 8

BLOCK_DAYS, BLOCKS = 10, 3
"""Fits rest on this block of ten days and the two before: 20 to 29 days."""
DAYS_LENGTH = float(DAY)

TAIL, BELOW, SQUARE, OWN, ONES, POOL_TAIL, POOL_OWN, POOL_ONES = range(8)
"""Lines of scratch, a number a second."""


def start(
    *,
    bar: Width,  # noqa: ARG001  a setting of the step
    model_error: float = 0.10,  # noqa: ARG001
) -> tuple[NDArray[Any], ...]:
    """Nothing was printed yet."""
    import numpy as np

    memory = np.zeros(MEMORY)
    memory[[DAY_NO, BLOCK]] = nan
    memory[RULE] = -1.0
    ring_marks = np.zeros((LANE_COUNT, RING, 2))
    ring_marks[:, :, WHICH] = -1.0
    return (
        memory, np.zeros((LANE_COUNT, RING, 2, SECONDS)), ring_marks,
        np.zeros((BLOCKS, LANE_COUNT, 2, CLASSES, BINS)),
        np.zeros((BLOCKS, LANE_COUNT, CLASSES)), np.zeros((BLOCKS, LANE_COUNT)),
        np.zeros((LANE_COUNT, FIT)),
        np.zeros((2, CLASSES, BINS)), np.zeros((CLASSES, BINS)), np.zeros(CLASSES),
        np.ones((8, ROOM)), np.zeros((3, 3)), np.full(len(OUTPUTS), nan),
    )  # fmt: skip
