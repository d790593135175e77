"""One bar of a wave fold. The order of operations is that of the method's appendix 1."""

from __future__ import annotations

from math import floor, inf, log, nan
from typing import TYPE_CHECKING, Any

from washout.config import DEFAULT
from washout.views import _wave_state as at
from washout.views._contract import every_bar
from washout.views._wave_reference import SMALLEST, TOTALS, put_day, thresholds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Row = tuple[float, ...]

_ETA = 0.25
_REVOKE = 0.5
_COVERAGE = DEFAULT.wave_coverage
_NORMAL, _LARGE, _EXTREME = DEFAULT.wave_sizes


def advance(
    state: tuple[Any, ...], row: Row, _settings: Row
) -> tuple[tuple[Any, ...], Floats]:
    """Fold one row of `market`; the output is the array of the state that holds it."""
    take(state, row)
    return state, state[0]


@every_bar
def take(state: tuple[Any, ...], row: Row) -> None:
    """Fold one row into the state; steps that watch waves begin with it."""
    m = state[0]
    m[at.O_EVENT] = 0.0
    bar = row[at.R_BAR]
    if bar <= m[at.LAST]:  # told twice: the first one counts
        m[at.O_IS_CONFIRM : at.O_IS_CLOSED + 1] = 0.0
        return
    if bar >= m[at.NEXT_DAY]:
        _renew(state, bar)
    if bar > m[at.LAST] + m[at.WIDTH]:
        _pass_over(m, bar)
    if m[at.STALE] != 0.0:
        m[at.O_IS_CONFIRM : at.O_STOP] = nan
        m[at.STALE] = 0.0
    m[at.LAST] = bar
    m[at.KNOWN] = max(m[at.KNOWN], row[at.R_KNOWN])
    m[at.O_STATUS] = _flow(m, row)
    if m[at.PHASE] != at.IDLE or m[at.STALE] != 0.0:
        _show(m)
    m[at.PRICE], m[at.OI] = row[at.R_CLOSE], row[at.R_OI]
    m[at.RATE], m[at.RATIO] = row[at.R_RATE], row[at.R_RATIO]
    m[at.BASIS] = row[at.R_BASIS]


@every_bar
def _flow(m: Floats, row: Row) -> int:
    """Steps 1 and 2: intensity, and whether the machine may move. Gives the status."""
    observed = row[at.R_BP] == row[at.R_BP]
    y = row[at.R_BP] if observed else 0.0
    level = m[at.J] * m[at.KEPT] + y
    m[at.J] = level if level >= SMALLEST else 0.0
    _keep(m, y)
    covered = _coverage(m, row[at.R_OBSERVED] if observed else 0.0)
    enough = covered >= _COVERAGE
    if observed and enough:
        m[int(m[at.DAY_0] + m[at.FILLED])] = m[at.J]
        m[at.FILLED] += 1.0
    if m[at.THETA_IN] != m[at.THETA_IN]:
        if m[at.PHASE] != at.IDLE:
            _close(m, row)
        return at.WARMUP
    if not enough:
        return at.DEGRADED
    _move(m, row, y)
    return int(m[at.PHASE])


def _renew(state: tuple[Any, ...], bar: float) -> None:
    """Put the day away that has ended, forget days that are too old, new thresholds."""
    m, days, starts, counts, scratch = state
    day = floor(bar / m[at.BLOCK])
    kept = days.shape[0]
    today = m[int(m[at.DAY_0]) : int(m[at.DAY_0] + m[at.DAY_N])]
    if m[at.DAY_NO] == m[at.DAY_NO]:
        ended = int(m[at.DAY_NO])
        put_day(ended % kept, today, int(m[at.FILLED]), days, starts, counts, scratch)
        for empty in range(max(ended + 1, day - kept), day):  # days without a bar
            put_day(empty % kept, today, 0, days, starts, counts, scratch)
    m[at.FILLED] = 0.0
    m[at.DAY_NO], m[at.NEXT_DAY] = day, (day + 1.0) * m[at.BLOCK]
    m[at.HELD] = counts[TOTALS].sum()
    m[at.THETA_IN] = m[at.THETA_OUT] = nan
    if m[at.HELD] >= max(m[at.MINIMUM], 1.0):
        m[at.THETA_IN], m[at.THETA_OUT] = thresholds(
            m[at.ENTER_Q], m[at.ENTER_Z], days, starts, counts, scratch
        )


def _pass_over(m: Floats, bar: float) -> None:
    """Bars that are missing count as not observed."""
    missing = int((bar - m[at.LAST]) / m[at.WIDTH]) - 1
    m[at.J] *= m[at.KEPT] ** missing
    for _ in range(min(missing, int(m[at.QUIET_N]))):
        _keep(m, 0.0)
    for _ in range(min(missing, int(m[at.SEEN_N]))):
        _coverage(m, 0.0)


@every_bar
def _keep(m: Floats, y: float) -> None:
    """The last values, oldest first from the place that is written next."""
    m[at.QUIET_0 + int(m[at.QUIET_AT])] = y
    following = m[at.QUIET_AT] + 1.0
    m[at.QUIET_AT] = following if following < m[at.QUIET_N] else 0.0


@every_bar
def _coverage(m: Floats, seconds: float) -> float:
    """Share of the last half-life that was observed; whole microseconds add exactly."""
    i = int(m[at.SEEN_0] + m[at.SEEN_AT])
    micros = floor(seconds * at.MICROSECONDS + 0.5)
    m[at.SEEN] += micros - m[i]
    m[i] = micros
    following = m[at.SEEN_AT] + 1.0
    m[at.SEEN_AT] = following if following < m[at.SEEN_N] else 0.0
    return float(m[at.SEEN] / m[at.FULL])


@every_bar
def _move(m: Floats, row: Row, y: float) -> None:
    """Steps 3 to 9: the tracker of runs, then the machine."""
    high = m[at.J] >= m[at.THETA_OUT]
    waiting = m[at.PHASE] == at.IDLE
    if waiting and not high:
        m[at.RUNNING] = 0.0
        return
    if waiting and m[at.RUNNING] == 0.0:
        _begin(m, row)
    _add(m, row, y)
    if waiting:
        if m[at.J] >= m[at.THETA_IN]:
            _confirm(m, row)
        return
    _peak(m, row)
    _exhaust(m, row)
    _fade(m, row)
    cooled = m[at.PHASE] == at.COOLING and m[at.COOLED] >= m[at.COOL]
    if cooled or row[at.R_BAR] - m[at.O_CONFIRM] >= m[at.LONGEST]:
        _close(m, row)


def _begin(m: Floats, row: Row) -> None:
    """A run of bars above the exit threshold: what was before it, and nothing added."""
    m[at.RUNNING] = 1.0
    m[at.START : at.PRICE_0] = 0.0
    m[at.START] = row[at.R_BAR]
    m[at.LOW], m[at.HIGH] = inf, -inf
    m[at.PRICE_0], m[at.OI_0] = m[at.PRICE], m[at.OI]
    m[at.RATE_0], m[at.RATIO_0] = m[at.RATE], m[at.RATIO]
    m[at.BASIS_0] = m[at.BASIS]
    m[at.BY_OI] = m[at.BY_TURNOVER] = 0.0


def _add(m: Floats, row: Row, y: float) -> None:
    """Add a bar to the run. A sum with a part that is missing is missing."""
    m[at.SIZE] += y
    if row[at.R_LONG] == row[at.R_LONG] and row[at.R_SHORT] == row[at.R_SHORT]:
        m[at.LONG_USD] += row[at.R_LONG] / 100.0
        m[at.SHORT_USD] += row[at.R_SHORT] / 100.0
        m[at.OBSERVED] += row[at.R_OBSERVED] * at.MICROSECONDS
    m[at.BARS] += m[at.WIDTH]
    m[at.LOW] = _lesser(row[at.R_LOW], m[at.LOW])
    m[at.HIGH] = -_lesser(-row[at.R_HIGH], -m[at.HIGH])
    m[at.PERP] += row[at.R_PERP] / 100.0
    m[at.SPOT] += row[at.R_SPOT] / 100.0
    m[at.LARGE] += row[at.R_LARGE] / 100.0
    m[at.SMALL] += row[at.R_SMALL] / 100.0
    if row[at.R_OI_REF] == row[at.R_OI_REF]:
        m[at.BY_OI] = 1.0
    else:
        m[at.BY_TURNOVER] = 1.0


def _lesser(value: float, known: float) -> float:
    """The lesser of both; a missing value is passed over."""
    return value if value < known else known  # noqa: FURB136  min() keeps NaN


def _confirm(m: Floats, row: Row) -> None:
    bar = row[at.R_BAR]
    m[at.PHASE] = at.ACTIVE
    m[at.BELOW] = m[at.COOLED] = m[at.LIVE] = 0.0
    m[at.PEAK_J] = m[at.J]
    m[at.WAVES] += 1.0
    m[at.O_WAVE] = m[at.WAVES]
    m[at.O_ONSET] = m[at.START]
    m[at.O_CONFIRM] = m[at.O_PEAK] = bar
    m[at.O_CONFIRM_KNOWN] = m[at.KNOWN]
    m[at.O_REVOKED] = 0.0
    m[at.O_PRICE], m[at.O_OI] = m[at.PRICE_0], m[at.OI_0]
    m[at.O_FUNDING_BEFORE] = m[at.RATE_0]
    m[at.O_EVENT] = 1.0
    _features(m, at.O_CONF, row)
    _ends(m, row)


def _peak(m: Floats, row: Row) -> None:
    """A new peak revokes a live exhaustion, and so does a strong return."""
    if m[at.J] > m[at.PEAK_J]:
        m[at.PEAK_J] = m[at.J]
        m[at.O_PEAK] = row[at.R_BAR]
        returned = True
    else:
        returned = m[at.J] >= m[at.THETA_IN] and m[at.J] > _REVOKE * m[at.PEAK_J]
    if returned and m[at.LIVE] != 0.0:
        m[at.LIVE] = 0.0
        m[at.O_REVOKED] += 1.0


def _exhaust(m: Floats, row: Row) -> None:
    """Forced selling has ended: only the first time is told and kept."""
    if m[at.LIVE] != 0.0 or m[at.SIZE] < m[at.LEAST] or m[at.J] > _ETA * m[at.PEAK_J]:
        return
    flowed, window = 0.0, int(m[at.QUIET_N])
    for i in range(window):  # oldest first, so that sums are the same everywhere
        flowed += m[at.QUIET_0 + (int(m[at.QUIET_AT]) + i) % window]
    if flowed > m[at.SHARE] * m[at.SIZE]:
        return
    m[at.LIVE] = 1.0
    if m[at.O_EXHAUSTION] == m[at.O_EXHAUSTION]:
        return
    m[at.O_EXHAUSTION] = row[at.R_BAR]
    m[at.O_EXHAUSTION_KNOWN] = m[at.KNOWN]
    m[at.O_EVENT] = 1.0
    m[at.O_CLASS] = _size_class(m[at.SIZE])
    _features(m, at.O_EXH, row)


def _size_class(size: float) -> float:
    if size < _NORMAL:
        return 0.0
    if size < _LARGE:
        return 1.0
    return 2.0 if size < _EXTREME else 3.0


def _fade(m: Floats, row: Row) -> None:
    """From active to cooling and back: coming back is how waves merge."""
    if m[at.PHASE] == at.ACTIVE:
        if m[at.J] >= m[at.THETA_OUT]:
            m[at.BELOW] = 0.0
            _ends(m, row)
            return
        m[at.BELOW] += 1.0
        if m[at.BELOW] >= m[at.FADE]:
            m[at.PHASE] = at.COOLING
            m[at.COOLED] = 0.0
        return
    m[at.COOLED] += 1.0
    if m[at.J] >= m[at.THETA_IN]:
        m[at.PHASE] = at.ACTIVE
        m[at.BELOW] = 0.0
        _ends(m, row)


def _ends(m: Floats, row: Row) -> None:
    """The wave reaches to this bar."""
    m[at.O_END] = row[at.R_BAR]
    _features(m, at.O_END_FEATURES, row)


def _close(m: Floats, row: Row) -> None:
    m[at.PHASE] = at.IDLE
    m[at.RUNNING] = 0.0
    m[at.STALE] = 1.0
    m[at.O_CLOSED] = row[at.R_BAR]
    m[at.O_FUNDING_AFTER] = row[at.R_RATE]
    m[at.O_EVENT] = 1.0


def _show(m: Floats) -> None:
    """Numbers that change while a wave is on, and at its close."""
    m[at.O_IS_CONFIRM] = m[at.O_CONFIRM] == m[at.LAST]
    m[at.O_IS_EXHAUSTION] = m[at.O_EXHAUSTION] == m[at.LAST]
    m[at.O_IS_CLOSED] = m[at.O_CLOSED] == m[at.LAST]
    m[at.O_PEAK_BP] = m[at.PEAK_J]
    m[at.O_SIZE] = m[at.SIZE]
    m[at.O_LONG], m[at.O_SHORT] = m[at.LONG_USD], m[at.SHORT_USD]
    m[at.O_DURATION] = (m[at.O_END] - m[at.O_ONSET]) / at.MICROSECONDS
    m[at.O_NORMALISER] = m[at.BY_TURNOVER] + m[at.BY_OI] * m[at.BY_TURNOVER]


def _features(m: Floats, i: int, row: Row) -> None:
    """What a wave has done until this bar; everything in it is known with the bar."""
    down = row[at.R_ORDER] < 0.0
    m[i] = m[at.SIZE]
    m[i + 1], m[i + 2] = m[at.LONG_USD], m[at.SHORT_USD]
    furthest = m[at.LOW] if down else m[at.HIGH]
    m[i + 3] = _log_ratio(furthest, m[at.PRICE_0])
    m[i + 4] = _log_ratio(row[at.R_CLOSE], m[at.PRICE_0])
    back = _log_ratio(row[at.R_CLOSE], furthest)
    m[i + 5] = -back / m[i + 3] if m[i + 3] != 0.0 else nan
    m[i + 6] = row[at.R_OI] / m[at.OI_0] - 1.0 if m[at.OI_0] > 0.0 else nan
    free = m[at.PERP] + m[at.LONG_USD] - m[at.SHORT_USD]
    forced = m[at.LONG_USD] - m[at.SHORT_USD]
    m[i + 7], m[i + 8], m[i + 9] = m[at.PERP], m[at.SPOT], free
    against = 1.0 if down else -1.0
    m[i + 10] = _share(m[at.SPOT] * against, free * against)
    m[i + 11] = 1.0 - free / forced if forced != 0.0 else nan
    m[i + 12] = _share(m[at.LARGE] * against, m[at.SMALL] * against)
    m[i + 13] = _long_share(row[at.R_RATIO]) - _long_share(m[at.RATIO_0])
    m[i + 14] = m[at.OBSERVED] / m[at.BARS] if m[at.BARS] > 0.0 else nan
    m[i + 15] = row[at.R_BASIS] - m[at.BASIS_0]


def _log_ratio(above: float, below: float) -> float:
    """ln(above / below); NaN unless both are prices."""
    if 0.0 < above < inf and 0.0 < below < inf:
        return log(above / below)
    return nan


def _share(mine: float, other: float) -> float:
    """The positive part of `mine` in both positive parts; NaN if neither is."""
    both = max(mine, 0.0) + max(other, 0.0)
    return max(mine, 0.0) / both if mine + other == mine + other and both > 0.0 else nan


def _long_share(ratio: float) -> float:
    return ratio / (1.0 + ratio)
