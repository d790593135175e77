"""What followed a decision, and what the market looked like at it.

Prices are natural logs, float64[n], one a bar, NaN where missing. Everything but
`forward_return` looks back only: a value at bar k uses bars up to k.
"""

from __future__ import annotations

import msgspec
import numpy as np

from washout.clock import DAY, HOUR
from washout.config import DEFAULT
from washout.study.sample import Flags, Floats

RETURNS = (HOUR, 4 * HOUR, 24 * HOUR, 72 * HOUR)
"""Windows of the returns that dips are matched on."""

VARIANCES = (4 * HOUR, 24 * HOUR)
"""Windows of the recent variance that dips are matched on."""

SHAPES = (6 * HOUR, 12 * HOUR)
"""Windows of the further returns that tell the shape of a dip."""


class Columns(msgspec.Struct, frozen=True, eq=False):
    """Named columns: `value` is float64[n, k]."""

    names: tuple[str, ...]
    value: Floats


def forward_return(log_price: Floats, bars: int, *, delay: int = 1) -> Floats:
    """Log return over `bars` bars, entered `delay` bars after the decision's bar.

    A decision at the end of bar k can be acted upon in bar k + 1: y[k] is
    p[k + delay + bars] - p[k + delay], NaN where that lies ahead of the record.
    """
    result = np.full(len(log_price), np.nan)
    ahead = delay + bars
    if ahead < len(log_price):
        entry = log_price[delay : len(log_price) - bars]
        result[: len(log_price) - ahead] = log_price[ahead:] - entry
    return result


def standardised(change: Floats, volatility: Floats | float, bars: int) -> Floats:
    """A return over `bars` bars in standard deviations; `volatility` is of one bar."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.asarray(change / (volatility * np.sqrt(bars)), np.float64)
    return np.where(np.isfinite(result), result, np.nan)


def trailing_return(log_price: Floats, bars: int) -> Floats:
    """Log return over the last `bars` bars; NaN where history is short."""
    result = np.full(len(log_price), np.nan)
    result[bars:] = log_price[bars:] - log_price[:-bars]
    return result


def mean_square(log_price: Floats, bars: int) -> Floats:
    """Mean of the squared one-bar returns over the last `bars` bars, this one included.

    Missing returns are left out of the mean while the share that is there suffices
    (`coverage_ok`); otherwise, and where history is short, NaN.
    """
    squares = np.diff(log_price, prepend=np.nan) ** 2
    there = np.isfinite(squares)
    total = _last(np.cumsum(np.where(there, squares, 0.0)), bars)
    count = _last(np.cumsum(there, dtype=np.float64), bars)
    enough = (np.arange(len(squares)) >= bars) & (count >= DEFAULT.coverage_ok * bars)
    mean = np.full(len(total), np.nan)
    np.divide(total, count, out=mean, where=enough)
    return mean


def _last(running: Floats, bars: int) -> Floats:
    """Sums over the last `bars` rows, from a running sum."""
    before = np.zeros(len(running))
    before[bars:] = running[:-bars]
    return np.asarray(running - before, np.float64)


def trailing_volatility(
    log_price: Floats, width: int, *, window: int = DEFAULT.window
) -> Floats:
    """Standard deviation of one bar's return over the last `window` us (30 days)."""
    return np.asarray(np.sqrt(mean_square(log_price, window // width)), np.float64)


def trailing_move(log_price: Floats, volatility: Floats, bars: int) -> Floats:
    """Return over the last `bars` bars in standard deviations."""
    return standardised(trailing_return(log_price, bars), volatility, bars)


def fell(move: Floats, by: float) -> Flags:
    """Where a standardised move is a fall of `by` deviations or more."""
    return np.asarray(move <= -by)


def rose(move: Floats, by: float) -> Flags:
    """Where a standardised move is a rise of `by` deviations or more."""
    return np.asarray(move >= by)


def covariates(log_price: Floats, volatility: Floats, width: int) -> Columns:
    """What dips are matched on: recent returns and recent variance, standardised.

    Returns over 1, 4, 24 and 72 h, and half the log of the variance over 4 and 24 h
    against the trailing one. Windows are taken in whole bars, rounded down. A return
    shorter than a bar is left out, and a variance of fewer than two bars.
    """
    found = {
        f"r{window // HOUR}h": trailing_move(log_price, volatility, window // width)
        for window in RETURNS
        if window >= width
    }
    found |= {
        f"rv{window // HOUR}h": _log_ratio(
            mean_square(log_price, window // width), volatility
        )
        for window in VARIANCES
        if window >= 2 * width
    }
    return _columns(found, len(log_price))


def _log_ratio(variance: Floats, volatility: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        result = 0.5 * np.log(variance / volatility**2)
    return np.where(np.isfinite(result), result, np.nan)


def dip_shape(
    log_price: Floats,
    volatility: Floats,
    width: int,
    *,
    log_high: Floats | None = None,
    log_low: Floats | None = None,
) -> Columns:
    """Further terms of a dose regression: how the dip came about, and their squares.

    Drawdown from the high and rise from the low of the last 24 h (closes where no
    highs and lows are given), in daily deviations, and the moves over 6 and 12 h.
    Without them a dose of liquidations stands for a steep, late dip: measured on
    worlds where dips rebound by themselves, the test then rejects 13 % of the time.
    """
    day = DAY // width
    found: dict[str, Floats] = {}
    if day >= 1:
        high = _highest(log_price if log_high is None else log_high, day)
        low = -_highest(-(log_price if log_low is None else log_low), day)
        found["drawdown"] = standardised(high - log_price, volatility, day)
        found["rise"] = standardised(log_price - low, volatility, day)
    for window in SHAPES:
        if window >= width:
            bars = window // width
            found[f"r{window // HOUR}h"] = trailing_move(log_price, volatility, bars)
    squares = {f"{name}^2": column**2 for name, column in found.items()}
    return _columns(found | squares, len(log_price))


def _columns(found: dict[str, Floats], rows: int) -> Columns:
    value = np.column_stack(list(found.values())) if found else np.empty((rows, 0))
    return Columns(tuple(found), value)


def _highest(values: Floats, bars: int) -> Floats:
    """Largest of the last `bars` rows, NaN where one is missing or history is short.

    Windows are halves that overlap: log2(bars) passes instead of `bars`.
    """
    best, reach = values, 1
    while reach < bars:
        step = min(reach, bars - reach)
        shifted = np.full(len(values), np.nan)
        shifted[step:] = best[: len(values) - step]
        best, reach = np.maximum(best, shifted), reach + step
    return best
