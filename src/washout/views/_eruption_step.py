"""One bar of an eruption fold: sudden bursts of closures, and what price did after."""

from __future__ import annotations

from math import exp, floor, inf, isnan, log, nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, HOUR, Width
from washout.config import DEFAULT, detector_preset
from washout.views import every_bar
from washout.views._days import (
    DAY_LENGTH,
    NEXT_DAY,
    begin_days,
    daily_deviation,
    ends_day,
    is_new,
    log_ratio,
    write_day,
)
from washout.views._rings import move_column, new_ring, put_bar, total_of, value_at
from washout.views._wave_reference import BINS, SMALLEST, put_day, unusual

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WATCHED = DEFAULT.wave_coverage
_COVERAGE = DEFAULT.coverage_ok
_BARRIER = DEFAULT.barrier

Row = tuple[float, ...]
State = tuple[Any, ...]

COLUMNS = (
    "bar",
    "observed_s",
    "gross_bp",
    "long_bp",
    "short_bp",
    "high",
    "low",
    "close",
)
_BAR, _OBSERVED, _GROSS, _LONG, _SHORT, _HIGH, _LOW, _CLOSE = range(len(COLUMNS))

HORIZONS = (4 * HOUR, 12 * HOUR, DAY)
WORDS = ("none", "reversed", "continued")
_NONE, _REVERSED, _CONTINUED = 0.0, 1.0, 2.0

OUTPUTS = (
    "eruption", "is_known", "intensity_bp", "threshold_bp", "jump_ratio", "long_share",
    "close", "ret_24h", "sigma_30d", "score",
    "eruption_bar", "eruption_ret_24h", "barrier", "decided",
    "outcome_4h", "outcome_12h", "outcome_24h", "o_4h", "o_12h", "o_24h", "ambiguous",
)  # fmt: skip
(
    O_ERUPTION, O_KNOWN, O_J, O_THRESHOLD, O_JUMP, O_LONG, O_CLOSE, O_RET, O_SIGMA,
    O_SCORE, O_THEN, O_THEN_RET, O_BARRIER, O_DECIDED, O_OUTCOME,
) = range(15)  # fmt: skip
O_NUMBER = O_OUTCOME + len(HORIZONS)
O_AMBIGUOUS = O_NUMBER + len(HORIZONS)

(
    _LAST, _WIDTH, _KEPT, _BURST, _BEFORE, _JUMP, _REFRACTORY, _UNTIL, _QUANTILE, _Z,
    _MINIMUM, _FILLED, _DAY_MARK, _DEVIATION, _ONE_DAY, _OPEN, _FLOOR,
) = range(17)  # fmt: skip

(
    T_BAR, T_PRICE, T_RET, T_BARRIER, T_DECIDED, T_SIDE, T_AMBIGUOUS, T_DONE, T_SEEN,
) = range(9)  # fmt: skip
"""Lines of the table of eruptions whose outcome is not published yet; from T_SEEN on, how
long prices were recorded, for each horizon."""


def start(
    *,
    bar: Width,
    eruption_half_life: Width = Width(0),  # noqa: B008
    before: Width = Width(0),  # noqa: B008
    refractory: Width = Width(0),  # noqa: B008
    eruption_reference: Width = Width(0),  # noqa: B008
    eruption_minimum: Width = Width(0),  # noqa: B008
    jump: float = 0.0,
    quantile: float = 0.0,
    deviations: float = 0.0,
    floor_bp: float = 0.0,
) -> State:
    """Nothing is known yet. A setting of 0 is that of the preset for this bar."""
    import numpy as np

    usual = detector_preset(bar)
    decay = max(eruption_half_life or usual.half_life, bar)
    burst = max(1, round(decay / bar))
    earlier = max(1, round((before or usual.before) / bar))
    block = max(DAY, bar)
    blocks = max(1, -(-(eruption_reference or usual.reference) // block))
    quiet = max(refractory or usual.refractory, bar)
    day_bars = max(1, DAY // bar)
    mine = np.zeros(17)
    mine[[_LAST, _UNTIL]] = -inf
    mine[[_DAY_MARK, _DEVIATION]] = nan
    mine[[_WIDTH, _KEPT, _BURST, _BEFORE]] = bar, 2.0 ** (-bar / decay), burst, earlier
    mine[[_JUMP, _REFRACTORY]] = jump or usual.jump, quiet
    mine[[_QUANTILE, _Z]] = quantile or usual.quantile, deviations or usual.deviations
    mine[[_FLOOR, _ONE_DAY]] = floor_bp or DEFAULT.jump_floor_bp, day_bars * bar
    mine[_MINIMUM] = max(1.0, _WATCHED * ((eruption_minimum or usual.minimum) // bar))
    room = 2 * (-(-max(HORIZONS[-1], bar) // quiet) + 2)
    memory, table = begin_days(bar, 0, series=1, sums=0)
    shown = np.full(len(OUTPUTS), nan)
    shown[O_J] = 0.0
    return (
        shown, mine, new_ring(burst + earlier), new_ring(day_bars),
        memory, table, np.zeros((T_SEEN + len(HORIZONS), room)), np.zeros(block // bar),
        np.zeros((blocks, block // bar)), np.zeros((blocks, BINS + 1), np.int32),
        np.zeros((3, BINS + 1), np.int64), np.zeros(blocks * (block // bar)),
    )  # fmt: skip


def advance(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    """Fold one row of `market`; the output is the array of the state that holds it."""
    shown, mine = state[0], state[1]
    shown[O_ERUPTION] = shown[O_KNOWN] = 0.0
    bar = row[_BAR]
    if bar > mine[_LAST]:
        memory, table = state[4], state[5]
        if bar >= memory[NEXT_DAY]:
            _renew(state, bar)
        is_new(memory, table, bar)
        if mine[_OPEN] > 0.0:
            _go_on(shown, mine, state[6], bar, row)
        _burst(state, row)
        put_bar(state[3], bar, mine[_WIDTH], row[_CLOSE])
        if ends_day(memory, bar):
            write_day(memory, table, 0, row[_CLOSE])
            mine[_DEVIATION] = daily_deviation(memory, table, 0)
        mine[_LAST] = bar
    return state, shown


def _renew(state: State, bar: float) -> None:
    """Put the day away that has ended; a new threshold and deviation for today."""
    shown, mine, memory = state[0], state[1], state[4]
    today, past, starts, counts, scratch = state[7:]
    day, kept = floor(bar / memory[DAY_LENGTH]), past.shape[0]
    if mine[_DAY_MARK] == mine[_DAY_MARK]:
        ended = int(mine[_DAY_MARK])
        filled = int(mine[_FILLED])
        put_day(ended % kept, today, filled, past, starts, counts, scratch)
        for empty in range(max(ended + 1, day - kept), day):  # days without a bar
            put_day(empty % kept, today, 0, past, starts, counts, scratch)
    mine[_DAY_MARK], mine[_FILLED] = day, 0.0
    shown[O_SIGMA] = mine[_DEVIATION]
    shown[O_THRESHOLD] = nan
    if counts[0].sum() >= mine[_MINIMUM]:
        shown[O_THRESHOLD] = unusual(
            mine[_QUANTILE], mine[_Z], past, starts, counts, scratch
        )


@every_bar
def _burst(state: State, row: Row) -> None:
    """Intensity of both sides together; an eruption where it suddenly is high."""
    shown, mine, flow = state[0], state[1], state[2]
    bar, y, width = row[_BAR], row[_GROSS], mine[_WIDTH]
    if bar > mine[_LAST] + width and mine[_LAST] > 0.0:
        shown[O_J] *= mine[_KEPT] ** int((bar - mine[_LAST]) / width - 1.0)
    seen = not isnan(y) and row[_OBSERVED] * 1e6 >= _WATCHED * width
    level = shown[O_J] * mine[_KEPT] + (y if not isnan(y) else 0.0)
    shown[O_J] = level if level >= SMALLEST else 0.0
    put_bar(flow, bar, width, y if seen else nan)
    if seen:
        state[7][int(mine[_FILLED])] = shown[O_J]
        mine[_FILLED] += 1.0
        if shown[O_J] >= shown[O_THRESHOLD] and bar >= mine[_UNTIL]:
            _judge(shown, mine, flow, state[3], state[6], row)


def _judge(
    shown: Floats, mine: Floats, flow: Floats, closes: Floats, waiting: Floats, row: Row
) -> None:
    """Intensity is high: an eruption if it jumped."""
    bar, width = row[_BAR], mine[_WIDTH]
    burst, before = int(mine[_BURST]), int(mine[_BEFORE])
    now, seen = total_of(flow, bar, width, 0, burst)
    earlier, seen_before = total_of(flow, bar, width, burst, before)
    if min(seen / burst, seen_before / before) < _WATCHED:
        return
    share = mine[_BURST] / mine[_BEFORE]
    ratio = jump_ratio(now, earlier, share, mine[_FLOOR])
    if ratio < mine[_JUMP]:
        return
    shown[O_ERUPTION] = 1.0
    mine[_UNTIL] = bar + mine[_REFRACTORY]
    shown[O_JUMP], shown[O_SCORE] = ratio, log(ratio / mine[_JUMP])
    shown[O_LONG] = row[_LONG] / row[_GROSS] if row[_GROSS] > 0.0 else nan
    shown[O_CLOSE] = row[_CLOSE]
    before_price = value_at(closes, bar - mine[_ONE_DAY], width)
    shown[O_RET] = log_ratio(row[_CLOSE], before_price)
    _wait(shown, mine, waiting, bar)


def jump_ratio(now: float, before: float, share: float, least: float) -> float:
    """A burst over what usually flows in as long a time, at least g0. Method: C3."""
    return now / max(share * before, least)


def _wait(shown: Floats, mine: Floats, waiting: Floats, bar: float) -> None:
    """Remember an eruption until its outcome is published."""
    place = int(mine[_OPEN])
    if place >= waiting.shape[1]:
        return
    ret = shown[O_RET]
    waiting[T_BAR, place], waiting[T_PRICE, place] = bar, shown[O_CLOSE]
    waiting[T_RET, place] = ret
    waiting[T_BARRIER, place] = _BARRIER * abs(ret)
    waiting[T_SIDE, place] = waiting[T_AMBIGUOUS, place] = 0.0
    waiting[T_SEEN:, place] = 0.0
    waiting[T_DECIDED, place] = inf
    defined = abs(ret) >= shown[O_SIGMA]  # false where either is missing
    waiting[T_DONE, place] = 0.0 if defined else 1.0
    if not defined:
        waiting[T_BARRIER, place] = nan
    mine[_OPEN] += 1.0


def _go_on(shown: Floats, mine: Floats, waiting: Floats, bar: float, row: Row) -> None:
    """Follow prices after eruptions; publish the oldest one whose outcome is known.

    One row a bar: where two are known at once the other one is told a bar later.
    """
    count, told = int(mine[_OPEN]), -1
    for i in range(count):
        if waiting[T_DONE, i] == 0.0:
            _follow(waiting[:, i], bar, mine[_WIDTH], row)
        if told < 0 and waiting[T_DONE, i] == 1.0:
            told = i
    if told < 0:
        return
    _publish(shown, waiting[:, told], mine[_WIDTH])
    for i in range(told + 1, count):
        move_column(waiting, i, i - 1)
    mine[_OPEN] -= 1.0


def _follow(one: Floats, bar: float, width: float, row: Row) -> None:
    """A bar after an eruption: which barrier was touched, if any.

    Where both lie within one bar nobody knows which came first. Then neither is
    claimed: the outcome stays `none` from there on, and `ambiguous` says so. To drop
    such eruptions would choose by how wild the market was afterwards.
    """
    begun = one[T_BAR] + width
    if bar < begun + HORIZONS[-1]:
        high, low = row[_HIGH], row[_LOW]
        if not isnan(high) and not isnan(low):
            for i in range(len(HORIZONS)):
                one[T_SEEN + i] += width if bar < begun + HORIZONS[i] else 0.0
        up = high >= one[T_PRICE] * exp(one[T_BARRIER])
        down = low <= one[T_PRICE] * exp(-one[T_BARRIER])
        if up or down:
            one[T_DECIDED], one[T_DONE] = bar, 1.0
            rose = one[T_RET] > 0.0
            if up and down:
                one[T_AMBIGUOUS] = 1.0
            else:
                one[T_SIDE] = _CONTINUED if up == rose else _REVERSED
    if bar + width >= begun + HORIZONS[-1]:
        one[T_DONE] = 1.0


def _publish(shown: Floats, one: Floats, width: float) -> None:
    """The outcome at every horizon that holds whole bars.

    Null where the run-up was less than a deviation, or prices were not recorded.
    """
    shown[O_KNOWN] = 1.0
    shown[O_THEN], shown[O_THEN_RET] = one[T_BAR], one[T_RET]
    shown[O_BARRIER], shown[O_AMBIGUOUS] = one[T_BARRIER], one[T_AMBIGUOUS]
    touched = one[T_DECIDED] < inf
    shown[O_DECIDED] = one[T_DECIDED] if touched else nan
    begun = one[T_BAR] + width
    for i in range(len(HORIZONS)):
        reach = HORIZONS[i]
        until = min(one[T_DECIDED] + width, begun + reach)
        known = one[T_BARRIER] == one[T_BARRIER] and width <= reach
        if not known or one[T_SEEN + i] < _COVERAGE * (until - begun):
            shown[O_OUTCOME + i] = shown[O_NUMBER + i] = nan
            continue
        within = one[T_DECIDED] + width <= begun + reach
        side = one[T_SIDE] if within else _NONE
        shown[O_OUTCOME + i] = side
        shown[O_NUMBER + i] = (side == _REVERSED) * 1.0 - (side == _CONTINUED) * 1.0
