"""Whether price fell as it usually does when so much is closed."""

from __future__ import annotations

from math import floor, isnan, nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, HOUR, Width
from washout.config import DEFAULT, detector_preset
from washout.views import _wave_state as at
from washout.views import every_bar, fold
from washout.views._days import log_ratio
from washout.views._wave_reference import next_value, select
from washout.views._wave_state import with_waves
from washout.views._wave_step import take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_COVERAGE = DEFAULT.coverage_ok
_MUCH = DEFAULT.slope_quantile

Row = tuple[float, ...]
State = tuple[Any, ...]

_OUTPUTS = (
    "event", "is_exhaustion", "is_closed", "wave", "onset", "size_bp", "ret_bp",
    "usual_ret_bp", "slope", "slope_bars", "score",
)  # fmt: skip
(
    _EVENT, _EXHAUSTION, _CLOSED, _WAVE, _ONSET, _SIZE, _RET, _USUAL, _SLOPE, _BARS,
    _SCORE,
) = range(len(_OUTPUTS))  # fmt: skip

_COLUMNS = (*at.COLUMNS, "net_bp")
_R_NET = len(at.COLUMNS)

_LAST, _NEXT_HOUR, _NEXT_DAY, _HOUR, _HOURS, _NET, _SEEN, _PRICE, _CLOSE, _COUNT = (
    range(10)
)
_NOW_SLOPE, _NOW_BARS, _MINIMUM = range(10, 13)


def _start(
    *,
    bar: Width,
    slope_reference: Width = Width(0),  # noqa: B008
    slope_minimum: Width = Width(0),  # noqa: B008
) -> State:
    """No hour has ended yet."""
    import numpy as np

    usual, hour = detector_preset(bar), max(HOUR, bar)
    places = max(2, (slope_reference or usual.slope_reference) // hour)
    mine = np.zeros(13)
    mine[[_NEXT_HOUR, _NEXT_DAY]] = -np.inf
    mine[[_LAST, _PRICE, _CLOSE, _NOW_SLOPE, _NOW_BARS]] = nan
    mine[_HOUR], mine[_HOURS] = hour, places
    mine[_MINIMUM] = max(1, (slope_minimum or usual.slope_minimum) // hour)
    return (
        np.full(len(_OUTPUTS), nan), mine, np.full((2, places), nan), np.zeros(places),
    )  # fmt: skip


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    take(state[:5], row)
    watch_absorption(state[5:], row, state[0])
    return state, state[5]


@every_bar
def watch_absorption(state: State, row: Row, wave: Floats) -> None:
    """A bar of one side, after its wave has moved."""
    shown, mine = state[0], state[1]
    shown[_EVENT] = 0.0
    bar = row[at.R_BAR]
    if bar > mine[_LAST] or mine[_LAST] != mine[_LAST]:
        if bar >= mine[_NEXT_HOUR]:
            _end_hour(state[1], state[2], state[3], bar)
        mine[_LAST] = bar
        if row[_R_NET] == row[_R_NET]:
            mine[_NET] += row[_R_NET]
            mine[_SEEN] += row[at.R_OBSERVED]
        mine[_CLOSE] = row[at.R_CLOSE]
    if wave[at.O_EVENT] == 1.0:
        _tell(shown, mine, wave, row[at.R_ORDER])


def _end_hour(mine: Floats, hours: Floats, scratch: Floats, bar: float) -> None:
    """Put the hour away that has ended; at the first one of a day, fit anew.

    An hour counts if nearly all of it was observed and prices around it are known.
    Hours without a bar leave holes that count as unknown.
    """
    number, places = floor(bar / mine[_HOUR]), int(mine[_HOURS])
    if mine[_NEXT_HOUR] > 0.0:
        ended = floor(mine[_NEXT_HOUR] / mine[_HOUR] - 0.5)
        ret = 1e4 * log_ratio(mine[_CLOSE], mine[_PRICE])
        enough = mine[_SEEN] * 1e6 >= _COVERAGE * mine[_HOUR]
        hours[0, ended % places] = mine[_NET] if enough and not isnan(ret) else nan
        hours[1, ended % places] = ret
        mine[_PRICE] = mine[_CLOSE]
        for empty in range(max(ended + 1, number - places), number):
            hours[:, empty % places] = nan
        if number > ended + 1:
            mine[_PRICE] = nan
    mine[_NEXT_HOUR] = (number + 1.0) * mine[_HOUR]
    mine[_NET] = mine[_SEEN] = 0.0
    if bar >= mine[_NEXT_DAY]:
        mine[_NEXT_DAY] = (floor(bar / DAY) + 1.0) * DAY
        mine[_NOW_SLOPE], mine[_NOW_BARS] = usual_slope(hours, scratch, mine[_MINIMUM])


def usual_slope(hours: Floats, scratch: Floats, minimum: float) -> tuple[float, float]:
    """OLS slope of returns on net liquidations where much was closed, and of how many.

    `hours` has net liquidations (NaN: does not count) and returns. Much: at least the
    0.90 quantile of absolute values. With an intercept. NaN where fewer than `minimum`
    hours count or the slope is not positive: then nothing is usual. Method: C1.
    """
    known = 0
    for i in range(hours.shape[1]):
        if hours[0, i] == hours[0, i]:
            scratch[known] = abs(hours[0, i])
            known += 1
    if known < max(minimum, 3.0):
        return nan, float(known)
    position = _MUCH * (known - 1)
    rank = floor(position)
    least = select(scratch, known, rank)
    if position > rank:
        least += (position - rank) * (next_value(scratch, known, rank) - least)
    return _fit(hours, least)


def _fit(hours: Floats, least: float) -> tuple[float, float]:
    """Slope over hours with at least so much closed; sums about the means."""
    count, x, y = 0.0, 0.0, 0.0
    for i in range(hours.shape[1]):
        if abs(hours[0, i]) >= least:
            count += 1.0
            x += hours[0, i]
            y += hours[1, i]
    if count < 3.0:
        return nan, count
    x, y, xx, xy = x / count, y / count, 0.0, 0.0
    for i in range(hours.shape[1]):
        if abs(hours[0, i]) >= least:
            away = hours[0, i] - x
            xx += away * away
            xy += away * (hours[1, i] - y)
    return (xy / xx if xx > 0.0 and xy > 0.0 else nan), count


def _tell(shown: Floats, mine: Floats, wave: Floats, order: float) -> None:
    """A wave is exhausted or has closed."""
    exhausted, closed = wave[at.O_IS_EXHAUSTION] == 1.0, wave[at.O_IS_CLOSED] == 1.0
    if not exhausted and not closed:
        return
    at_then = at.O_EXH if exhausted else at.O_END_FEATURES
    shown[_EVENT] = 1.0
    shown[_EXHAUSTION], shown[_CLOSED] = exhausted, closed
    shown[_WAVE], shown[_ONSET] = wave[at.O_WAVE], wave[at.O_ONSET]
    shown[_SIZE], shown[_RET] = wave[at_then], 1e4 * wave[at_then + at.F_RET]
    shown[_SLOPE], shown[_BARS] = mine[_NOW_SLOPE], mine[_NOW_BARS]
    shown[_USUAL] = order * shown[_SLOPE] * shown[_SIZE]
    shown[_SCORE] = absorbed(shown[_RET], shown[_USUAL])


def absorbed(ret: float, usual: float) -> float:
    """0: price moved as usual; 1: it did not move; NaN where nothing is usual."""
    return 1.0 - ret / usual if usual != 0.0 else nan


absorption = fold(
    over="market",
    columns=_COLUMNS,
    outputs=_OUTPUTS,
    start=with_waves(_start),
    sides=("long", "short"),
    keep="event",
    shown=_OUTPUTS[1:],
    times=("onset",),
    flags=("is_exhaustion", "is_closed"),
    name="absorption",
    documentation="""How much of a wave's usual effect on price did not happen.

One row when a wave is first exhausted, and one when it has closed (then as of its end).
`score` = 1 - `ret_bp` / `usual_ret_bp`: 0 is a move as usual, 1 none at all, more than 1
one against the wave. `usual_ret_bp` is `slope` times the wave's `size_bp`, down for long
waves and up for short ones. `slope` (bp of price per bp of net liquidations) is fitted
once a UTC day, with an intercept, to the hours (or bars, where they are wider) of the
`slope_reference` before it in which |net liquidations| were at least their 0.90
quantile: `slope_bars` of them. Null until `slope_minimum` was observed, and where the
slope is not positive. A wave lasts longer than an hour or a bar: that its effect adds up
bar by bar is an assumption. Other settings: see `waves`; 0 is that of the preset for the
bar (`DETECTORS` in the config). Method: C1.""",
)(_step)
