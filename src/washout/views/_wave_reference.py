"""What intensity was like in the days before: frozen references of waves.

Thresholds need the 0.90 and 0.99 quantiles, the median and the median absolute
deviation of up to 43,200 values, anew each day, exactly. Sorting them would cost more
than all the rest. Here the values of each day lie in bins of 1/32 octave, the number in
every bin is known, and only the bins in which an order statistic lies are looked into.
All functions are compiled together with the step that calls them.
"""

from __future__ import annotations

from math import exp, floor, frexp, inf, log, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

OFFSET = 0.01
"""j0: what is added to intensity before its logarithm is taken."""
SMALLEST = 2.0**-30
"""Intensity below this is 0: a billionth of a basis point."""

_PER_OCTAVE = 32
BINS = 1 + 50 * _PER_OCTAVE
"""Bin 0 holds zeros; the others reach from 2^-30 to 2^20 basis points."""

TOTALS, COUNTS, BELOW = range(3)
"""Lines of the table of counts, each a number for every bin and one more: of values in
all slots, of work, and of values in lower bins."""

_SPREAD, _LEAST_SPREAD = 1.4826, 0.2
_IN, _OUT = 0.99, 0.90
_Z_IN, _Z_CAP, _Z_OUT = 3.0, 6.0, 1.0
_FLOOR, _OUT_RATIO = 0.2, 0.25


def bin_of(value: float) -> int:
    """The bin of a number; -1 if it is negative."""
    if value < SMALLEST:
        return 0 if value >= 0.0 else -1
    mantissa, octave = frexp(value)
    place = (octave + 29) * _PER_OCTAVE + int((2.0 * mantissa - 1.0) * _PER_OCTAVE)
    return min(place + 1, BINS - 1)


def put_day(
    slot: int, today: Floats, filled: int, days: Floats, starts: Counts, counts: Counts,
    scratch: Floats,
) -> None:  # fmt: skip
    """Put a day's values into `slot`, bin by bin, in place of those that it held.

    `days` has one line of values a slot, `starts` where each bin begins in it (and one
    more), `counts` the table of counts; `scratch` has room for a day.
    """
    mine, values = starts[slot], days[slot]
    totals, ends = counts[TOTALS], counts[COUNTS]
    ends[:] = 0
    for i in range(filled):
        place = bin_of(today[i])
        scratch[i] = place
        ends[place] += 1
    begin = 0
    for place in range(BINS):
        number = ends[place]
        totals[place] += number - (mine[place + 1] - mine[place])
        ends[place] = begin
        begin += number
    for i in range(filled):
        place = int(scratch[i])
        values[ends[place]] = today[i]
        ends[place] += 1
    mine[0] = 0  # where a bin was filled up to is where the next one begins
    for place in range(BINS):
        mine[place + 1] = ends[place]


def _sum_up(counts: Counts) -> None:
    """How many values lie in lower bins, for each bin and one more."""
    below = counts[BELOW]
    below[0] = 0
    for place in range(BINS):
        below[place + 1] = below[place] + counts[TOTALS, place]


def _bin_of_rank(rank: int, below: Counts) -> int:
    """The bin in which the value of a rank lies."""
    low, high = 0, BINS - 1
    while low < high:
        middle = (low + high) // 2
        if below[middle + 1] > rank:
            high = middle
        else:
            low = middle + 1
    return low


def _gather(first: int, last: int, days: Floats, starts: Counts, into: Floats) -> int:
    """Copy all values of bins `first` to `last`; gives their number."""
    found = 0
    for slot in range(days.shape[0]):
        for i in range(starts[slot, first], starts[slot, last + 1]):
            into[found] = days[slot, i]
            found += 1
    return found


def select(values: Floats, count: int, rank: int) -> float:
    """The value of `rank` (from 0), by Hoare's selection; larger ones end up after it."""
    low, high = 0, count - 1
    while low < high:
        middle = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < middle:
                i += 1
            while values[j] > middle:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return float(values[rank])


def next_value(values: Floats, count: int, rank: int) -> float:
    """The value after that of `rank` once it was selected; infinite if there is none."""
    least = inf
    for i in range(rank + 1, count):
        least = min(least, values[i])
    return least


def _pair(
    rank: int, below: Counts, days: Floats, starts: Counts, scratch: Floats
) -> tuple[float, float]:
    """Values of `rank` and the next rank over all slots; the last is its own next."""
    if below[BINS] == rank + 1:
        value = _value(rank, below, days, starts, scratch)
        return value, value
    place = _bin_of_rank(rank, below)
    found = _gather(place, place, days, starts, scratch)
    value = select(scratch, found, rank - below[place])
    after = next_value(scratch, found, rank - below[place])
    if after == inf:
        after = _value(rank + 1, below, days, starts, scratch)
    return value, after


def _value(
    rank: int, below: Counts, days: Floats, starts: Counts, scratch: Floats
) -> float:
    place = _bin_of_rank(rank, below)
    found = _gather(place, place, days, starts, scratch)
    return select(scratch, found, rank - below[place])


def _log_quantile(
    q: float, below: Counts, days: Floats, starts: Counts, scratch: Floats
) -> float:
    """Quantile of ln(J + j0), interpolated between order statistics."""
    position = q * (below[BINS] - 1)
    rank = floor(position)
    low, high = _pair(rank, below, days, starts, scratch)
    here = log(low + OFFSET)
    return float(here + (position - rank) * (log(high + OFFSET) - here))


def _within(away: float, centre: float, below: Counts) -> tuple[int, int, int, int]:
    """Bins `away` below and above the centre; values between them, and with them."""
    low = bin_of(centre / exp(away) - OFFSET)
    high = bin_of(centre * exp(away) - OFFSET)
    inside = max(below[high] - below[low + 1], 0)
    return low, high, inside, below[high + 1] - below[max(low, 0)]


def _deviation(
    centre: float, below: Counts, days: Floats, starts: Counts, scratch: Floats
) -> float:
    """Median absolute deviation of ln(J + j0) from ln(centre).

    Bisection over the counts narrows it to the width of a bin; then the values of the
    few bins that are left decide.
    """
    total = below[BINS]
    rank = (total - 1) // 2
    least, most = 0.0, 60.0
    sure = 60.0
    for _ in range(14):  # below `least` too few can lie
        middle = 0.5 * (least + most)
        if _within(middle, centre, below)[3] <= rank:
            least = middle
        else:
            most = middle
    most = least
    for _ in range(14):  # within `sure` enough do lie
        middle = 0.5 * (most + sure)
        if _within(middle, centre, below)[2] >= rank + 2:
            sure = middle
        else:
            most = middle
    low_in, high_in, _, _ = _within(least, centre, below)
    low_out, high_out, _, _ = _within(sure, centre, below)
    return _middle_of(
        max(low_out, 0), low_in, high_in, high_out, centre, below, days, starts, scratch
    )


def _middle_of(
    low_out: int, low_in: int, high_in: int, high_out: int, centre: float,
    below: Counts, days: Floats, starts: Counts, scratch: Floats,
) -> float:  # fmt: skip
    """Median deviation when all of lesser deviation lies between the inner bins."""
    total = below[BINS]
    inside = 0
    if low_in >= high_in - 1:
        found = _gather(low_out, high_out, days, starts, scratch)
    else:
        inside = below[high_in] - below[low_in + 1]
        found = 0
        if low_in >= low_out:
            found = _gather(low_out, low_in, days, starts, scratch)
        found += _gather(high_in, high_out, days, starts, scratch[found:])
    for i in range(found):
        ratio = (scratch[i] + OFFSET) / centre
        scratch[i] = max(ratio, 1.0 / ratio)
    rank = (total - 1) // 2 - inside
    here = log(select(scratch, found, rank))
    if total % 2 == 1:
        return here
    return 0.5 * (here + log(next_value(scratch, found, rank)))


def _level(z: float, median: float, spread: float) -> float:
    """R(z): the intensity that is `z` robust deviations above the median."""
    return exp(median + z * spread) - OFFSET


def thresholds(
    days: Floats, starts: Counts, counts: Counts, scratch: Floats
) -> tuple[float, float]:
    """Entry and exit thresholds of intensity from the values in all slots. Method: B1."""
    _sum_up(counts)
    below = counts[BELOW]
    if below[BINS] == 0:
        return nan, nan
    median = _log_quantile(0.5, below, days, starts, scratch)
    deviation = _deviation(exp(median), below, days, starts, scratch)
    spread = max(_SPREAD * deviation, _LEAST_SPREAD)
    unusual = exp(_log_quantile(_IN, below, days, starts, scratch)) - OFFSET
    raised = exp(_log_quantile(_OUT, below, days, starts, scratch)) - OFFSET
    enter = max(unusual, _level(_Z_IN, median, spread))
    enter = max(min(enter, _level(_Z_CAP, median, spread)), _FLOOR)
    leave = max(raised, _level(_Z_OUT, median, spread))
    return enter, min(leave, _OUT_RATIO * enter)


def unusual(
    q: float, z: float, days: Floats, starts: Counts, counts: Counts, scratch: Floats
) -> float:
    """The larger of the quantile and R(z) of the values in all slots. Method: C3."""
    _sum_up(counts)
    below = counts[BELOW]
    if below[BINS] == 0:
        return nan
    median = _log_quantile(0.5, below, days, starts, scratch)
    deviation = _deviation(exp(median), below, days, starts, scratch)
    spread = max(_SPREAD * deviation, _LEAST_SPREAD)
    seldom = exp(_log_quantile(q, below, days, starts, scratch)) - OFFSET
    return max(seldom, _level(z, median, spread))
