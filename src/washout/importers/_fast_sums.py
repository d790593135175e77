"""Columns of trades to checks and totals, in compiled loops over a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from washout.importers import _rows
from washout.importers._fast_parse import compiled, inlined

JUMP = _rows.JUMP

FINE, NO_PRICE, NO_SIZE, EARLY, LATE, LEAP = range(6)
"""What `check` finds wrong with a row."""

LAST_ID, MISSING, REPEATS, LAST_TIME, BACKWARDS = range(5)
"""Places in `seen`: the last id, ids that were skipped, ids that do not rise, the last
time, times that go back."""

MILLISECOND = 1000
NOTHING = -MILLISECOND
"""No trade is at this time."""

BAR, BEGIN = range(2)
"""Places in `waiting`; cents and trades bought, cents and trades sold come after."""


@compiled
def check(
    ids: Any, times: Any, prices: Any, sizes: Any, rows: int, first: int, last: int,
    seen: NDArray[np.int64], price: float,
) -> Any:  # fmt: skip
    """(first bad row, what is wrong with it); `price` is the one before the batch."""
    last_id, last_time = seen[LAST_ID], seen[LAST_TIME]
    for row in range(rows):
        number, time = ids[row], times[row]
        if number != last_id + 1:
            if number > last_id:
                seen[MISSING] += number - last_id - 1 if last_id >= 0 else 0
            else:
                seen[REPEATS] += 1
        if time < last_time:
            seen[BACKWARDS] += 1
        if not first <= time <= last:
            return row, EARLY if time < first else LATE
        if not prices[row] > 0.0:
            return row, NO_PRICE
        if not sizes[row] > 0.0:
            return row, NO_SIZE
        if prices[row] > JUMP * price or price > JUMP * prices[row]:
            return row, LEAP
        last_id, last_time, price = number, time, prices[row]
    seen[LAST_ID], seen[LAST_TIME] = last_id, last_time
    return rows, FINE


@compiled
def add(
    times: Any, cents: Any, sells: Any, begin: int, rows: int, bounds: Any,
    first: int, width: int, waiting: Any, usd: Any, count: Any,
) -> Any:  # fmt: skip
    """Add rows from `begin` on to `usd[bar, cohort, sells]` and `count[bar, cohort]`.

    `first` is the number of the first bar. Trades of one side and millisecond are one
    taker's order, which has a cohort only when the millisecond is over: until then it
    is in `waiting` (bar, start of the millisecond, cents and trades bought and sold).
    Returns the first row that opens an order in no bar.
    """
    low, bar = waiting[BEGIN], waiting[BAR]
    bought, buys, sold, sales = waiting[2], waiting[3], waiting[4], waiting[5]
    bar_low = bar_high = np.int64(0)
    done = rows
    for row in range(begin, rows):
        time = times[row]
        if not low <= time < low + MILLISECOND:
            if buys:
                _count(bought, buys, 0, bar - first, bounds, usd, count)
            if sales:
                _count(sold, sales, 1, bar - first, bounds, usd, count)
            bought = buys = sold = sales = np.int64(0)
            low = time // MILLISECOND * MILLISECOND
            if not bar_low <= low < bar_high:
                bar = low // width
                bar_low, bar_high = bar * width, (bar + 1) * width
                if not first <= bar < first + len(count):
                    low, done = NOTHING, row
                    break
        taken = np.int64(sells[row])
        sold += taken * cents[row]
        sales += taken
        bought += (1 - taken) * cents[row]
        buys += 1 - taken
    waiting[BEGIN], waiting[BAR] = low, bar
    waiting[2], waiting[3], waiting[4], waiting[5] = bought, buys, sold, sales
    return done


@inlined
def _count(
    amount: Any, trades: Any, side: Any, bar: Any, bounds: Any, usd: Any, count: Any
) -> None:
    cohort = np.int64(0)
    while cohort < len(bounds) and amount >= bounds[cohort]:
        cohort += 1
    usd[bar, cohort, side] += amount
    count[bar, cohort] += trades


@compiled
def settle(waiting: Any, bounds: Any, first: int, usd: Any, count: Any) -> None:
    """Add the orders of the last millisecond."""
    for side in range(2):
        amount, trades = waiting[2 + 2 * side], waiting[3 + 2 * side]
        if trades:
            _count(amount, trades, side, waiting[BAR] - first, bounds, usd, count)
