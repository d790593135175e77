"""One row of prints: kept, and at ends of minutes and bars made an estimate of."""

from __future__ import annotations

from math import exp, floor, isnan, nan, sqrt
from typing import TYPE_CHECKING

from washout.clock import MINUTE, MONDAY, SECOND, WEEK
from washout.views._censoring import (
    above,
    below,
    gamma_exposure,
    hidden_below,
    information,
    latest_factor,
    latest_variance,
    log_deviation,
    parameter_variance,
    square_below,
)
from washout.views._censoring_fit import (
    CENTRE,
    EVIDENCE,
    LONG,
    MINUTES,
    SHAPE,
    SHORT,
    SPREAD,
    bin_of_size,
    class_of,
    fit,
)
from washout.views._censoring_state import (
    ALL,
    BELOW,
    BLOCK,
    BLOCK_DAYS,
    BLOCKS,
    DAY_NO,
    DAYS_LENGTH,
    ESTIMATE,
    HIGH,
    HIGH_MODEL,
    HIGH_VARIANCE,
    IS_LONG,
    LANE_COUNT,
    LARGEST,
    LATEST,
    LOW,
    LOW_MODEL,
    LOW_VARIANCE,
    MINUTE_USD,
    NUMBER,
    ONES,
    OWN,
    POOL_ONES,
    POOL_OWN,
    POOL_TAIL,
    RING,
    ROW_BAR,
    ROW_LANES,
    ROW_LONG,
    ROW_OBSERVED,
    ROW_POOL,
    ROW_SHORT,
    ROW_THROTTLED,
    ROW_TIME,
    RULE,
    SECONDS,
    SEEN,
    SQUARE,
    SUMS,
    TAIL,
    UNDECIDED,
    UNTOLD,
    USD,
    WARMUP,
    WHICH,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    State = tuple[
        Floats, Floats, Floats, Floats, Floats, Floats, Floats, Floats, Floats, Floats,
        Floats, Floats, Floats,
    ]  # fmt: skip

_DECIDED = 5.0
"""Difference of log likelihoods from which the rule of a feed counts as known."""
_FEW = 3
"""Prints of a side, below which ten minutes are taken together."""
_NORMAL = 1.6448536269514722
"""Deviations on each side of an interval of 90 %."""
_CENTS = 100.0


def advance(
    state: State, row: tuple[float, ...], settings: tuple[float, ...]
) -> tuple[State, Floats]:
    """One second with a print, the end of a minute, or the end of a bar."""
    (
        memory, ring, marks, history, empties, minutes, fitted, prints,
        every, empty, scratch, corners, shown,
    ) = state  # fmt: skip
    width, error = settings
    time = row[ROW_TIME]
    day = floor(time / DAYS_LENGTH)
    if day != memory[DAY_NO]:
        _new_day(
            day, memory, history, empties, minutes, fitted, prints, every,
            empty, scratch, corners,
        )  # fmt: skip
    minute = floor(time / MINUTE)
    for lane in range(LANE_COUNT):
        if not isnan(row[ROW_LANES + lane]):
            _keep(lane, minute, row[ROW_LANES + lane], ring, marks)
    memory[MINUTE_USD + LONG] += row[ROW_LONG] / _CENTS
    memory[MINUTE_USD + SHORT] += row[ROW_SHORT] / _CENTS
    shown[-1] = 0.0
    if time + SECOND == (minute + 1) * MINUTE:
        _close_minute(
            minute, row[ROW_OBSERVED], row[ROW_POOL], row[ROW_THROTTLED], memory, ring,
            marks, fitted, scratch,
        )  # fmt: skip
        _learn(
            minute, row[ROW_OBSERVED], row[ROW_THROTTLED], memory, ring, marks, history,
            empties, minutes,
        )  # fmt: skip
    offset = MONDAY if width == WEEK else 0
    if (time + SECOND - offset) % width == 0.0:
        _publish(row[ROW_BAR], error, memory, fitted, shown)
    return state, shown


def _keep(lane: int, minute: int, usd: float, ring: Floats, marks: Floats) -> None:
    """The print of a second in the ring of minutes."""
    place = minute % RING
    if marks[lane, place, WHICH] != minute:
        marks[lane, place, WHICH] = minute
        marks[lane, place, NUMBER] = 0.0
    number = int(marks[lane, place, NUMBER])
    if number < SECONDS:
        ring[lane, place, USD, number] = abs(usd) / _CENTS
        ring[lane, place, IS_LONG, number] = 1.0 if usd < 0.0 else 0.0
        marks[lane, place, NUMBER] = number + 1.0


def _new_day(
    day: int, memory: Floats, history: Floats, empties: Floats, minutes: Floats,
    fitted: Floats, prints: Floats, every: Floats, empty: Floats, scratch: Floats,
    corners: Floats,
) -> None:  # fmt: skip
    """Fit every lane to the days before, and let go of those long ago."""
    block = floor(day / BLOCK_DAYS)
    known = memory[BLOCK] == memory[BLOCK]
    first = max(int(memory[BLOCK]) + 1, block - BLOCKS + 1) if known else block
    for number in range(first, block + 1):
        history[number % BLOCKS] = 0.0
        empties[number % BLOCKS] = 0.0
        minutes[number % BLOCKS] = 0.0
    memory[DAY_NO], memory[BLOCK] = day, block
    for lane in range(LANE_COUNT):
        total = 0.0
        prints[:] = 0.0
        empty[:] = 0.0
        for slot in range(BLOCKS):
            total += minutes[slot, lane]
            if minutes[slot, lane] > 0.0:
                prints += history[slot, lane]
                empty += empties[slot, lane]
        if total > 0.0 or fitted[lane, MINUTES] > 0.0:
            fit(fitted[lane], prints, every, empty, total, scratch[TAIL], corners)


def _learn(
    minute: int, observed: float, throttled: float, memory: Floats, ring: Floats,
    marks: Floats, history: Floats, empties: Floats, minutes: Floats,
) -> None:  # fmt: skip
    """Count a minute's prints for the fits of later days."""
    place, slot = minute % RING, int(memory[BLOCK]) % BLOCKS
    for lane in range(LANE_COUNT):
        count = _count(lane, minute, marks)
        if count == 0 or throttled != 1.0:
            continue
        longs = 0
        for i in range(count):
            longs += int(ring[lane, place, IS_LONG, i])
        busy = class_of(count, longs)
        for i in range(count):
            side = LONG if ring[lane, place, IS_LONG, i] == 1.0 else SHORT
            history[slot, lane, side, busy, bin_of_size(ring[lane, place, USD, i])] += 1
        empties[slot, lane, busy] += max(observed - count, 0.0)
        minutes[slot, lane] += 1.0


def _count(lane: int, minute: int, marks: Floats) -> int:
    """How many seconds of a minute had a print."""
    place = minute % RING
    return int(marks[lane, place, NUMBER]) if marks[lane, place, WHICH] == minute else 0


def _close_minute(
    minute: int, observed: float, pooled: float, throttled: float, memory: Floats,
    ring: Floats, marks: Floats, fitted: Floats, scratch: Floats,
) -> None:  # fmt: skip
    """Add a minute's estimate to that of the bar."""
    seen = memory[MINUTE_USD + LONG] + memory[MINUTE_USD + SHORT]
    if seen > 0.0:
        rule = _rule(throttled, fitted)
        memory[RULE] = max(memory[RULE], rule)
        for side in (LONG, SHORT):
            usd = memory[MINUTE_USD + side]
            hidden, variance, fewer, less = 0.0, 0.0, 0.0, 0.0
            if rule in (LARGEST, UNDECIDED):
                hidden, variance = _if_largest(
                    side, minute, observed, pooled, ring, marks, fitted, scratch
                )
            if rule in (LATEST, UNDECIDED):
                fewer, less = _if_latest(side, minute, observed, ring, marks)
            _add(side, rule, usd, hidden, variance, fewer, less, memory)
    memory[MINUTE_USD + LONG] = 0.0
    memory[MINUTE_USD + SHORT] = 0.0


def _rule(throttled: float, fitted: Floats) -> int:
    """Which order of a second is shown, as far as the days before can tell."""
    if isnan(throttled):
        return UNTOLD
    if throttled == 0.0:
        return ALL
    evidence, known = 0.0, 0
    for lane in range(LANE_COUNT):
        if fitted[lane, SHAPE] > 0.0:
            evidence += fitted[lane, EVIDENCE]
            known += 1
    if known == 0:
        return WARMUP
    if evidence > _DECIDED:
        return LARGEST
    return LATEST if evidence < -_DECIDED else UNDECIDED


def _add(
    side: int, rule: int, usd: float, hidden: float, variance: float, other: float,
    other_variance: float, memory: Floats,
) -> None:  # fmt: skip
    """Add what one minute hid of one side; both models where the rule is not known."""
    base = SUMS + 8 * side
    memory[base + SEEN] += usd
    estimate = low = high = usd + hidden
    low_variance = high_variance = variance
    if rule == LATEST:
        estimate = low = high = usd + other
        low_variance = high_variance = other_variance
        if isnan(other):
            low, low_variance = usd, 0.0
    elif rule == UNDECIDED and isnan(other):
        high = high_variance = nan
    elif rule == UNDECIDED:
        estimate = sqrt(estimate * (usd + other))
        if other > hidden:
            high, high_variance = usd + other, other_variance
        else:
            low, low_variance = usd + other, other_variance
    elif rule in (WARMUP, UNTOLD):
        estimate = low = high = nan
    memory[base + ESTIMATE] += estimate
    memory[base + LOW] += low
    memory[base + HIGH] += high
    memory[base + LOW_VARIANCE] += low_variance
    memory[base + HIGH_VARIANCE] += high_variance
    if rule != ALL:
        memory[base + LOW_MODEL] += low
        memory[base + HIGH_MODEL] += high


def _lane_of_fit(lane: int, fitted: Floats) -> int:
    """A lane with too few prints takes the fit of the one with most."""
    if fitted[lane, SHAPE] > 0.0:
        return lane
    best = lane
    for other in range(LANE_COUNT):
        if fitted[other, SHAPE] > 0.0 and (
            fitted[best, SHAPE] == 0.0 or fitted[other, MINUTES] > fitted[best, MINUTES]
        ):
            best = other
    return best


def _if_largest(
    side: int, minute: int, observed: float, pooled: float, ring: Floats, marks: Floats,
    fitted: Floats, scratch: Floats,
) -> tuple[float, float]:  # fmt: skip
    """USD of one side that a minute hid if the largest is shown, and its variance."""
    hidden, variance = 0.0, 0.0
    for lane in range(LANE_COUNT):
        count = _count(lane, minute, marks)
        if count > 0:
            law = fitted[_lane_of_fit(lane, fitted)]
            usd, spread = _lane_if_largest(
                side, lane, minute, count, observed, pooled, ring, marks, law, scratch
            )
            hidden += usd
            variance += spread
    return hidden, variance


def _lane_if_largest(
    side: int, lane: int, minute: int, count: int, observed: float, pooled: float,
    ring: Floats, marks: Floats, law: Floats, scratch: Floats,
) -> tuple[float, float]:  # fmt: skip
    centre, spread, shape = law[CENTRE + side], law[SPREAD + side], law[SHAPE]
    place, own = minute % RING, 0.0
    for i in range(count):
        usd = ring[lane, place, USD, i]
        scratch[TAIL, i] = above(usd, centre, spread)
        scratch[BELOW, i] = below(usd, centre, spread)
        scratch[SQUARE, i] = square_below(usd, centre, spread)
        scratch[OWN, i] = _is_own(side, ring[lane, place, IS_LONG, i])
        own += scratch[OWN, i]
    tail, mine, ones = scratch[TAIL], scratch[OWN], scratch[ONES]
    seconds, empty = count, max(observed - count, 0.0)
    if own < _FEW:
        seconds = _pool(side, lane, minute, ring, marks, centre, spread, scratch)
        tail, mine, ones = scratch[POOL_TAIL], scratch[POOL_OWN], scratch[POOL_ONES]
        empty = max(pooled - seconds, 0.0)
    ones[:seconds] = 1.0
    b = gamma_exposure(shape, empty, tail, ones, mine, seconds)
    known = information(b, shape, empty, tail, ones, mine, seconds)
    hidden, variance = hidden_below(
        b, shape, scratch[TAIL], scratch[BELOW], scratch[SQUARE], scratch[OWN], count
    )
    variance += parameter_variance(
        b, shape, known, scratch[TAIL], scratch[BELOW], scratch[OWN], count
    )
    return hidden, variance


def _is_own(side: int, is_long: float) -> float:
    return is_long if side == LONG else 1.0 - is_long


def _pool(
    side: int, lane: int, minute: int, ring: Floats, marks: Floats, centre: float,
    spread: float, scratch: Floats,
) -> int:  # fmt: skip
    """The prints of the ten minutes that end with this one; gives their number."""
    found = 0
    for back in range(RING - 1, -1, -1):
        place = (minute - back) % RING
        for i in range(_count(lane, minute - back, marks)):
            usd = ring[lane, place, USD, i]
            scratch[POOL_TAIL, found] = above(usd, centre, spread)
            scratch[POOL_OWN, found] = _is_own(side, ring[lane, place, IS_LONG, i])
            found += 1
    return found


def _if_latest(
    side: int, minute: int, observed: float, ring: Floats, marks: Floats
) -> tuple[float, float]:
    """USD of one side that a minute hid if the latest is shown, and its variance."""
    hidden, variance = 0.0, 0.0
    for lane in range(LANE_COUNT):
        count = _count(lane, minute, marks)
        usd, squares, place = 0.0, 0.0, minute % RING
        for i in range(count):
            if _is_own(side, ring[lane, place, IS_LONG, i]) == 1.0:
                usd += ring[lane, place, USD, i]
                squares += ring[lane, place, USD, i] ** 2
        if usd > 0.0:
            hidden += usd * (latest_factor(count, observed) - 1.0)
            variance += latest_variance(count, observed, usd, squares)
    return hidden, variance


def _publish(
    observed: float, error: float, memory: Floats, fitted: Floats, shown: Floats
) -> None:
    """The output of a bar in the order of `OUTPUTS`; the sums begin anew."""
    shown[:] = nan
    shown[-1], shown[-2] = 1.0, observed
    if observed > 0.0:
        for side in (LONG, SHORT):
            _publish_side(side, SUMS + 8 * side, error, memory, shown)
        for i in range(SUMS, SUMS + 8):
            memory[i] += memory[i + 8]
        _publish_side(2, SUMS, error, memory, shown)
        if shown[5] > 0.0:
            shown[12] = 1.0 - shown[2] / shown[5]
        if memory[RULE] >= 0.0:
            shown[13] = memory[RULE]
        _publish_fit(fitted, shown)
    memory[RULE] = -1.0
    memory[SUMS : SUMS + 16] = 0.0


def _publish_side(
    place: int, base: int, error: float, memory: Floats, shown: Floats
) -> None:
    seen, low, high = memory[base + SEEN], memory[base + LOW], memory[base + HIGH]
    shown[place] = seen
    shown[3 + place] = memory[base + ESTIMATE]
    down = log_deviation(
        low, memory[base + LOW_VARIANCE], memory[base + LOW_MODEL], error
    )
    up = log_deviation(
        high, memory[base + HIGH_VARIANCE], memory[base + HIGH_MODEL], error
    )
    shown[6 + 2 * place] = low if isnan(low) else max(seen, low * exp(-_NORMAL * down))
    shown[7 + 2 * place] = high * exp(_NORMAL * up)


def _publish_fit(fitted: Floats, shown: Floats) -> None:
    """What the fits of the day say: evidence for the largest, shape of the busiest."""
    evidence, most = 0.0, 0.0
    for lane in range(LANE_COUNT):
        if fitted[lane, SHAPE] > 0.0:
            evidence += fitted[lane, EVIDENCE]
            if fitted[lane, MINUTES] > most:
                most = fitted[lane, MINUTES]
                shown[15] = fitted[lane, SHAPE]
    if most > 0.0:
        shown[14] = evidence
