"""Days, for folds that look at a day when it ends: sums of today, and days before.

A day is a UTC day, or a bar where bars are wider. `memory` begins with what `begin`
sets and goes on with sums of today; `table` has a line for each daily series and a
column for each of the last days. At a bar that ends no day a fold only adds to its
sums. All functions are compiled together with the step that calls them.
"""

from __future__ import annotations

from math import floor, inf, isnan, log, nan, sqrt
from typing import TYPE_CHECKING

from washout.clock import DAY
from washout.config import DEFAULT
from washout.views._contract import every_bar
from washout.views._ranks import mid_rank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_COVERAGE = DEFAULT.coverage_ok

LAST_BAR, DAY_NO, NEXT_DAY, BAR, DAY_LENGTH, SUMS_END, SUMS = range(7)
_MONTH, _MONTH_SEEN = 30 * DAY, 0.8


def begin_days(bar: int, days: int, series: int, sums: int) -> tuple[Floats, Floats]:
    """Memory and table: `series` over today and the `days` before, `sums` of today.

    There is always room for the month of `daily_deviation`.
    """
    import numpy as np

    days = max(days, days_of(_MONTH, bar), 2)
    memory = np.zeros(SUMS + sums)
    memory[: BAR + 1] = nan, nan, -inf, bar
    memory[DAY_LENGTH], memory[SUMS_END] = max(DAY, bar), SUMS + sums
    return memory, np.full((series, days + 1), nan)


def days_of(span: int, bar: int) -> int:
    """A span in days (or bars, where they are wider), at least one."""
    block = max(DAY, bar)
    return max(1, -(-span // block))


@every_bar
def is_new(memory: Floats, table: Floats, bar: float) -> bool:
    """Begin a day if the bar does. False for a bar that was told before."""
    if bar <= memory[LAST_BAR]:
        return False
    if bar >= memory[NEXT_DAY]:
        turn(memory, table, bar)
    memory[LAST_BAR] = bar
    return True


@every_bar
def ends_day(memory: Floats, bar: float) -> bool:
    """Whether a bar is the last of its day."""
    return bool(bar + memory[BAR] >= memory[NEXT_DAY])


def turn(memory: Floats, table: Floats, bar: float) -> None:
    """A new day: no sums yet, and days without a bar are missing."""
    day, size = floor(bar / memory[DAY_LENGTH]), table.shape[1]
    known = memory[DAY_NO] == memory[DAY_NO]
    first = int(memory[DAY_NO]) + 1 if known else day
    for number in range(max(first, day - size + 1), day + 1):
        table[:, number % size] = nan
    memory[SUMS : int(memory[SUMS_END])] = 0.0
    memory[DAY_NO], memory[NEXT_DAY] = day, (day + 1.0) * memory[DAY_LENGTH]


def write_day(memory: Floats, table: Floats, series: int, value: float) -> None:
    """The value of today."""
    table[series, int(memory[DAY_NO]) % table.shape[1]] = value


def read_day(memory: Floats, table: Floats, series: int, back: int) -> float:
    """The value `back` days ago (0: today); NaN where it is missing."""
    return float(table[series, (int(memory[DAY_NO]) - back) % table.shape[1]])


def sum_of(memory: Floats, table: Floats, series: int, first: int, count: int) -> float:
    """Sum of `count` days, the last of them `first` days ago; missing days are 0."""
    found = 0.0
    for back in range(first + count - 1, first - 1, -1):
        value = read_day(memory, table, series, back)
        if not isnan(value):
            found += value
    return found


def well_observed(memory: Floats, table: Floats, series: int, days: int) -> bool:
    """Whether enough of the last days was observed to speak of their sum.

    The series holds the observed seconds of each day.
    """
    seen = sum_of(memory, table, series, 0, days)
    return bool(seen >= _COVERAGE * days * memory[DAY_LENGTH] / 1e6)


def rank_today(
    memory: Floats, table: Floats, series: int, minimum: float, scratch: Floats
) -> float:
    """Rank of today's value among those of as many days before as `scratch` has room."""
    for back in range(scratch.shape[0]):
        scratch[back] = read_day(memory, table, series, back + 1)
    return mid_rank(read_day(memory, table, series, 0), scratch, minimum)


def daily_deviation(memory: Floats, table: Floats, closes: int) -> float:
    """Root mean square of the daily log returns of the last 30 days, today included.

    NaN where fewer than 80 % of them are known. `sigma_30d` of the method.
    """
    days = max(2, int(_MONTH / memory[DAY_LENGTH]))
    squares, known = 0.0, 0
    for back in range(days - 1, -1, -1):
        change = log_ratio(
            read_day(memory, table, closes, back),
            read_day(memory, table, closes, back + 1),
        )
        if not isnan(change):
            squares += change * change
            known += 1
    return sqrt(squares / known) if known >= _MONTH_SEEN * days else nan


def log_ratio(above: float, below: float) -> float:
    """ln(above / below); NaN unless both are positive and finite."""
    if 0.0 < above < inf and 0.0 < below < inf:
        return log(above / below)
    return nan
