"""Prices that rose although much more longs were closed than shorts."""

from __future__ import annotations

from math import erf, nan, sqrt
from typing import TYPE_CHECKING, Any

from washout.clock import Width
from washout.config import DEFAULT
from washout.views import fold
from washout.views._days import (
    SUMS,
    begin_days,
    daily_deviation,
    days_of,
    ends_day,
    is_new,
    log_ratio,
    rank_today,
    read_day,
    sum_of,
    well_observed,
    write_day,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LOW = DEFAULT.divergence_rank

Row = tuple[float, ...]
State = tuple["Floats", "Floats", "Floats", "Floats"]

_COLUMNS = ("bar", "observed_s", "net_bp", "close")
_BAR, _OBSERVED, _NET, _CLOSE = range(len(_COLUMNS))
_OUTPUTS = (
    "ends_day", "divergence", "ret", "cld_bp", "cld_rank", "sigma_30d", "score",
)  # fmt: skip
_ENDS, _FLAG, _RET, _CLD, _RANK, _SIGMA, _SCORE = range(len(_OUTPUTS))
_TODAY_NET, _TODAY_SEEN, _DAYS, _MINIMUM = range(SUMS, SUMS + 4)
_S_NET, _S_SEEN, _S_CLOSE, _S_CLD = range(4)


def _start(
    *,
    bar: Width,
    window: Width = Width(0),  # noqa: B008
    rank_reference: Width = Width(0),  # noqa: B008
    rank_minimum: Width = Width(0),  # noqa: B008
) -> State:
    """No day has ended yet. A setting of 0 is that of the config."""
    import numpy as np

    length = days_of(window or DEFAULT.window, bar)
    before = days_of(rank_reference or DEFAULT.rank_reference, bar)
    memory, table = begin_days(bar, max(before, length), series=4, sums=2)
    memory = np.append(
        memory, (length, days_of(rank_minimum or DEFAULT.rank_minimum, bar))
    )
    shown = np.full(len(_OUTPUTS), nan)
    return shown, memory, table, np.full(before, nan)


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    shown, memory, table, scratch = state
    shown[_ENDS] = shown[_FLAG] = 0.0
    if is_new(memory, table, row[_BAR]):
        if row[_NET] == row[_NET]:
            memory[_TODAY_NET] += row[_NET]
            memory[_TODAY_SEEN] += row[_OBSERVED]
        if ends_day(memory, row[_BAR]):
            _judge(shown, memory, table, scratch, row[_CLOSE])
    return state, shown


def _judge(
    shown: Floats, memory: Floats, table: Floats, scratch: Floats, close: float
) -> None:
    """The day has ended."""
    length = int(memory[_DAYS])
    write_day(memory, table, _S_NET, memory[_TODAY_NET])
    write_day(memory, table, _S_SEEN, memory[_TODAY_SEEN])
    write_day(memory, table, _S_CLOSE, close)
    if well_observed(memory, table, _S_SEEN, length):
        net = sum_of(memory, table, _S_NET, 0, length)
        write_day(memory, table, _S_CLD, net)
    before = read_day(memory, table, _S_CLOSE, length)
    shown[_ENDS] = 1.0
    shown[_RET] = log_ratio(close, before)
    shown[_CLD] = read_day(memory, table, _S_CLD, 0)
    shown[_RANK] = rank_today(memory, table, _S_CLD, memory[_MINIMUM], scratch)
    shown[_SIGMA] = daily_deviation(memory, table, _S_CLOSE)
    shown[_SCORE] = divergence_score(shown[_RET], shown[_RANK], shown[_SIGMA], length)
    shown[_FLAG] = shown[_RET] > 0.0 and shown[_RANK] <= _LOW


def divergence_score(ret: float, rank: float, sigma: float, length: float) -> float:
    """(1 - rank) times the normal probability of a lesser rise. Method: C1."""
    if not sigma > 0.0:
        return nan
    return (1.0 - rank) * 0.5 * (1.0 + erf(ret / (sigma * sqrt(2.0 * length))))


_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": _COLUMNS,
    "outputs": _OUTPUTS,
    "start": _start,
}
_SETTINGS = """
`ret` = ln(close / close `window` before); `cld_bp`: net liquidations (short - long) of
the `window`, each bar in bp of its own reference; `cld_rank`: its rank among the days of
the `rank_reference` before today, null until `rank_minimum` of them are known. `sigma_30d`: root
mean square of the daily log returns of 30 days. `score` = (1 - rank) * normal
probability of `ret` / (sigma * sqrt(days)). Sums are null unless 98 % of the window was
observed. The method's windows are 7d and 30d; 0 is 30d, 365d, 90d. Method: C1."""

divergence = fold(
    **_SHARED,
    name="divergence",
    keep="divergence",
    shown=("ret", "cld_bp", "cld_rank", "sigma_30d", "score"),
    documentation="""Days at which price had risen although longs were closed heavily.

One row for each day with `ret` > 0 and `cld_rank` <= 0.20, at the bar that ends it."""
    + _SETTINGS,
)(_step)

divergence_track = fold(
    **_SHARED,
    name="divergence_track",
    keep="ends_day",
    shown=("divergence", "ret", "cld_bp", "cld_rank", "sigma_30d", "score"),
    flags=("divergence",),
    documentation="""Price against net liquidations of a window, day by day.

One row a day, at the bar that ends it; `divergence`: `ret` > 0 and `cld_rank` <= 0.20."""
    + _SETTINGS,
)(_step)
