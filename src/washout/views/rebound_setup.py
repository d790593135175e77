"""Long waves whose forced selling has ended, and how earlier ones went on."""

from __future__ import annotations

from math import exp, inf, isnan, nan, sqrt
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, Width
from washout.config import DEFAULT
from washout.views import _wave_state as at
from washout.views import every_bar, fold
from washout.views._rings import move_column
from washout.views._wave_state import with_waves
from washout.views._wave_step import take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_COVERAGE = DEFAULT.coverage_ok

Row = tuple[float, ...]
State = tuple[Any, ...]

_OUTPUTS = (
    "rebound_setup", "wave", "onset", "size_bp", "long_usd", "drawdown", "ret",
    "recovery", "oi_change", "spot_share", "earlier", "recovered", "recovered_share",
    "share_low", "share_high", "score",
)  # fmt: skip
(
    _SETUP, _WAVE, _ONSET, _SIZE, _LONG, _DRAWDOWN, _RET, _RECOVERY, _OI, _SPOT,
    _EARLIER, _RECOVERED, _SHARE, _LOW, _HIGH, _SCORE,
) = range(len(_OUTPUTS))  # fmt: skip

_LAST, _OPEN, _STUDY, _WITHIN, _WIDTH, _N, _WON = range(7)
_UNTIL, _TARGET, _REACHED, _PRICED = range(4)
_ROOM = 64
_NORMAL_95 = 1.959963984540054


def _start(
    *,
    bar: Width,
    within: Width = Width(0),  # noqa: B008
    study_bp: float = DEFAULT.wave_sizes[1],
) -> State:
    """No set-up yet."""
    import numpy as np

    mine = np.zeros(7)
    mine[[_LAST, _STUDY, _WIDTH]] = -inf, study_bp, bar
    mine[_WITHIN] = within or max(DAY, bar)
    return np.full(len(_OUTPUTS), nan), mine, np.zeros((4, _ROOM))


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    take(state[:5], row)
    watch_rebound(state[5:], row, state[0])
    return state, state[5]


@every_bar
def watch_rebound(state: State, row: Row, wave: Floats) -> None:
    """A bar of one side, after its wave has moved."""
    shown, mine, waiting = state
    shown[_SETUP] = 0.0
    if row[at.R_BAR] <= mine[_LAST]:
        return
    mine[_LAST] = row[at.R_BAR]
    if mine[_OPEN] > 0.0:
        _go_on(mine, waiting, row[at.R_BAR], row[at.R_CLOSE])
    if wave[at.O_IS_EXHAUSTION] == 1.0 and wave[at.O_EXH] >= mine[_STUDY]:
        _set_up(shown, mine, waiting, wave, row[at.R_BAR])


def _go_on(mine: Floats, waiting: Floats, bar: float, close: float) -> None:
    """What became of earlier set-ups: each is counted when all its time has passed.

    Counting a recovery when it happens, and its absence only at the end, would make
    the share too high. A set-up whose prices were mostly not recorded is not counted.
    """
    left = 0
    for i in range(int(mine[_OPEN])):
        until = waiting[_UNTIL, i]
        if bar + mine[_WIDTH] <= until and not isnan(close):
            waiting[_PRICED, i] += mine[_WIDTH]
            if close >= waiting[_TARGET, i]:
                waiting[_REACHED, i] = 1.0
        if bar + mine[_WIDTH] < until:
            move_column(waiting, i, left)
            left += 1
        elif waiting[_PRICED, i] >= _COVERAGE * mine[_WITHIN]:
            mine[_N] += 1.0
            mine[_WON] += waiting[_REACHED, i]
    mine[_OPEN] = left


def _set_up(
    shown: Floats, mine: Floats, waiting: Floats, wave: Floats, bar: float
) -> None:
    """Forced selling of a wave that matters has ended."""
    size, drawdown = wave[at.O_EXH], wave[at.O_EXH + at.F_DRAWDOWN]
    shown[_SETUP] = 1.0
    shown[_WAVE], shown[_ONSET] = wave[at.O_WAVE], wave[at.O_ONSET]
    shown[_SIZE], shown[_LONG] = size, wave[at.O_EXH + at.F_LONG]
    shown[_DRAWDOWN], shown[_RET] = drawdown, wave[at.O_EXH + at.F_RET]
    shown[_RECOVERY], shown[_OI] = (
        wave[at.O_EXH + at.F_RECOVERY],
        wave[at.O_EXH + at.F_OI],
    )
    shown[_SPOT] = wave[at.O_EXH + at.F_SPOT]
    shown[_EARLIER], shown[_RECOVERED] = mine[_N], mine[_WON]
    shown[_SHARE] = mine[_WON] / mine[_N] if mine[_N] > 0.0 else nan
    shown[_LOW], shown[_HIGH] = wilson(mine[_WON], mine[_N])
    shown[_SCORE] = size / mine[_STUDY]
    target = wave[at.O_PRICE] * exp(0.5 * drawdown)
    if drawdown < 0.0 and mine[_OPEN] < _ROOM:
        place = int(mine[_OPEN])
        waiting[_UNTIL, place] = bar + mine[_WIDTH] + mine[_WITHIN]
        waiting[_TARGET, place] = target
        waiting[_REACHED, place] = waiting[_PRICED, place] = 0.0
        mine[_OPEN] += 1.0


def wilson(won: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; NaN of nothing."""
    if count <= 0.0:
        return nan, nan
    z2 = _NORMAL_95 * _NORMAL_95
    share = won / count
    middle = (share + z2 / (2.0 * count)) / (1.0 + z2 / count)
    spread = share * (1.0 - share) / count + z2 / (4.0 * count * count)
    half = _NORMAL_95 * sqrt(spread) / (1.0 + z2 / count)
    return max(middle - half, 0.0), min(middle + half, 1.0)


rebound_setup = fold(
    over="market",
    columns=at.COLUMNS,
    outputs=_OUTPUTS,
    start=with_waves(_start),
    sides=("long",),
    keep="rebound_setup",
    times=("onset",),
    name="rebound_setup",
    shown=_OUTPUTS[1:],
    limits="""Shares of what happened before are no forecast: read them with their number and
interval, and compare them with dips of the same size without forced selling.""",
    documentation="""Large long waves at their first exhaustion, with what earlier ones came to.

One row at the first exhaustion of a long wave of at least `study_bp`. Of the `earlier`
set-ups of this record whose outcome was known by then, `recovered` had closed at least
half their drawdown above the low within the `within` (0: 24 hours) after; the share
has Wilson's 95 % interval (`share_low`, `share_high`). All is from before the row. A
set-up is counted once all its time has passed, and only if its prices were recorded.
`drawdown` to `spot_share` as in `waves` at exhaustion; `recovery` of a half or more
means that price had come back when forced selling ended. `score` = size / `study_bp`;
it is no probability. How much of the usual fall did not happen says `absorption`, at the
same bar. Other settings: see `waves`. Method: C4.""",
)(_step)
