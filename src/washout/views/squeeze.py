"""Shorts that could be squeezed, and the moment at which they are."""

from __future__ import annotations

from math import exp, isnan, nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, Width
from washout.config import DEFAULT
from washout.views import _wave_state as at
from washout.views import every_bar, fold
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
from washout.views._ranks import mean_known
from washout.views._rings import highest, new_ring, put_bar, value_at
from washout.views._wave_state import with_waves
from washout.views._wave_step import take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST_SCORE = DEFAULT.squeeze_score
_VERTICAL = DEFAULT.vertical

Row = tuple[float, ...]
State = tuple[Any, ...]

_OUTPUTS = (
    "ends_day", "squeeze_setup", "short_closed_bp", "scarcity_rank", "mean_rate_8h",
    "funding_rank", "oi_change", "oi_rank", "ranks", "score",
)  # fmt: skip
(
    _ENDS, _SETUP, _CLOSED, _SCARCITY, _RATE, _FUNDING, _CHANGE, _OI, _RANKS, _SCORE,
) = range(len(_OUTPUTS))  # fmt: skip
_TODAY_SHORT, _TODAY_SEEN, _DAYS, _MINIMUM = range(SUMS, SUMS + 4)
_S_SHORT, _S_SEEN, _S_OI, _S_CLOSED, _S_RATE, _S_CHANGE, _S_CLOSE = range(7)
_WEEK = 7 * DAY
_LEAST_RANKS = 2


def _start_setup(
    *,
    bar: Width,
    window: Width = Width(0),  # noqa: B008
    rank_reference: Width = Width(0),  # noqa: B008
    rank_minimum: Width = Width(0),  # noqa: B008
) -> State:
    """No day has ended yet. A setting of 0 is that of the config."""
    import numpy as np

    length = days_of(window or Width(_WEEK), bar)
    before = days_of(rank_reference or DEFAULT.rank_reference, bar)
    memory, table = begin_days(bar, max(before, length), series=7, sums=2)
    least = days_of(rank_minimum or DEFAULT.rank_minimum, bar)
    return (
        np.full(len(_OUTPUTS), nan), np.append(memory, (length, least)), table,
        np.full(before, nan),
    )  # fmt: skip


_COLUMNS = (
    "bar", "observed_s", "short_usd", "mean_rate_8h", "open_interest",
    "open_interest_usd", "close",
)  # fmt: skip


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    _day(state, row[0], row[1], row[2], row[3], row[4], row[5], row[6])
    return state, state[0]


@every_bar
def _day(
    state: State, bar: float, observed: float, short: float, rate: float, oi: float,
    oi_usd: float, close: float,
) -> None:  # fmt: skip
    """Add a bar to its day; judge the day if it ends."""
    shown, memory, table, scratch = state
    shown[_ENDS] = shown[_SETUP] = 0.0
    if is_new(memory, table, bar):
        if not isnan(short):
            memory[_TODAY_SHORT] += short
            memory[_TODAY_SEEN] += observed
        if ends_day(memory, bar):
            _judge(shown, memory, table, scratch, rate, oi, oi_usd, close)


def _judge(
    shown: Floats, memory: Floats, table: Floats, scratch: Floats, rate: float,
    oi: float, oi_usd: float, close: float,
) -> None:  # fmt: skip
    """The day has ended: how scarce short closures are, who pays, what was built up."""
    length, least = int(memory[_DAYS]), memory[_MINIMUM]
    write_day(memory, table, _S_SHORT, memory[_TODAY_SHORT])
    write_day(memory, table, _S_SEEN, memory[_TODAY_SEEN])
    write_day(memory, table, _S_OI, oi)
    write_day(memory, table, _S_RATE, rate)
    write_day(memory, table, _S_CLOSE, close)
    if well_observed(memory, table, _S_SEEN, length) and oi_usd > 0.0:
        closed = sum_of(memory, table, _S_SHORT, 0, length)
        write_day(memory, table, _S_CLOSED, 1e4 * closed / oi_usd)
    before = read_day(memory, table, _S_OI, length)
    write_day(memory, table, _S_CHANGE, log_ratio(oi, before))
    shown[_ENDS] = 1.0
    shown[_CLOSED] = read_day(memory, table, _S_CLOSED, 0)
    shown[_RATE], shown[_CHANGE] = rate, read_day(memory, table, _S_CHANGE, 0)
    shown[_SCARCITY] = 1.0 - rank_today(memory, table, _S_CLOSED, least, scratch)
    shown[_FUNDING] = 1.0 - rank_today(memory, table, _S_RATE, least, scratch)
    shown[_OI] = rank_today(memory, table, _S_CHANGE, least, scratch)
    mean, ranks = mean_known(shown[_SCARCITY], shown[_FUNDING], shown[_OI], nan)
    shown[_RANKS] = ranks
    shown[_SCORE] = mean if ranks >= _LEAST_RANKS else nan
    shown[_SETUP] = shown[_SCORE] >= _LEAST_SCORE


_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": _COLUMNS,
    "outputs": _OUTPUTS,
    "start": _start_setup,
}
_INPUTS = _OUTPUTS[2:]
_SETTINGS = """
`score` is the mean of the ranks that are known, at least two of them; `ranks` says how
many. The method has a fourth, the short positions that a map of liquidation prices sees
within 5 % above the price; there is no such map yet, so at most three are used.
`scarcity_rank` = 1 - rank of `short_closed_bp` (shorts closed in the `window`, in bp of
open interest at its end), `funding_rank` = 1 - rank of `mean_rate_8h` (mean funding of 7
days), `oi_rank` = rank of `oi_change` (log change of open interest in base asset over
the `window`); ranks are among the days of `rank_reference` before today, null until
`rank_minimum` of them are known. 0 is 7d, 365d, 90d. Method: C2."""

squeeze_setup = fold(
    **_SHARED,
    name="squeeze_setup",
    keep="squeeze_setup",
    shown=_INPUTS,
    documentation="""Days that end with many shorts open, paying, and few of them closed.

One row for each day with a `score` >= 0.70, at the bar that ends it."""
    + _SETTINGS,
)(_step)

squeeze_setup_track = fold(
    **_SHARED,
    name="squeeze_setup_track",
    keep="ends_day",
    shown=("squeeze_setup", *_INPUTS),
    flags=("squeeze_setup",),
    documentation="""How far shorts are set up for a squeeze, day by day.

One row a day, at the bar that ends it; `squeeze_setup`: `score` >= 0.70."""
    + _SETTINGS,
)(_step)

_T_OUTPUTS = (
    "squeeze_trigger", "wave", "onset", "setup", "score", "close", "high_24h",
    "ret_24h", "sigma_30d", "vertical_rise",
)  # fmt: skip
(
    _T_TRIGGER, _T_WAVE, _T_ONSET, _T_SETUP, _T_SCORE, _T_CLOSE, _T_HIGH, _T_RET,
    _T_SIGMA, _T_VERTICAL,
) = range(len(_T_OUTPUTS))  # fmt: skip
_LIVE, _LIVE_SCORE, _DEVIATION, _STEEP, _T_WIDTH, _T_WITHIN, _T_DAY = range(7)
_T_COLUMNS = (*at.COLUMNS, "mean_rate_8h", "open_interest_usd")
_R_MEAN_RATE, _R_OI_USD = range(len(at.COLUMNS), len(_T_COLUMNS))


def _start_trigger(
    *,
    bar: Width,
    window: Width = Width(0),  # noqa: B008
    rank_reference: Width = Width(0),  # noqa: B008
    rank_minimum: Width = Width(0),  # noqa: B008
    within: Width = Width(0),  # noqa: B008
) -> State:
    """No set-up, no wave."""
    import numpy as np

    shown = np.full(len(_T_OUTPUTS), nan)
    bars = max(1, DAY // bar)
    mine = np.full(7, nan)
    mine[_T_WIDTH], mine[_T_DAY] = bar, bars * bar
    mine[_T_WITHIN] = within or max(DEFAULT.squeeze_within, bar)
    daily = _start_setup(
        bar=bar,
        window=window,
        rank_reference=rank_reference,
        rank_minimum=rank_minimum,
    )
    return (shown, mine, new_ring(bars), new_ring(bars), *daily)


def _trigger(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    take(state[:5], row)
    watch_squeeze(state[5:], row, state[0])
    return state, state[5]


@every_bar
def watch_squeeze(state: State, row: Row, wave: Floats) -> None:
    """A bar of the side `short`, after its wave has moved."""
    shown, mine, closes, highs = state[:4]
    shown[_T_TRIGGER] = 0.0
    shown[_T_SETUP], shown[_T_SCORE] = mine[_LIVE], mine[_LIVE_SCORE]
    shown[_T_SIGMA] = mine[_DEVIATION]
    bar, close, width = row[at.R_BAR], row[at.R_CLOSE], mine[_T_WIDTH]
    before = value_at(closes, bar - mine[_T_DAY], width)
    shown[_T_RET] = log_ratio(close, before)
    shown[_T_VERTICAL] = nan
    if not isnan(before) and mine[_STEEP] == mine[_STEEP]:
        shown[_T_VERTICAL] = close >= before * mine[_STEEP]
    if wave[at.O_IS_CONFIRM] == 1.0:
        _confirmed(shown, mine, highs, row, wave)
    put_bar(closes, bar, width, close)
    put_bar(highs, bar, width, row[at.R_HIGH])
    _day(
        state[4:], bar, row[at.R_OBSERVED], row[at.R_SHORT], row[_R_MEAN_RATE],
        row[at.R_OI], row[_R_OI_USD], close,
    )  # fmt: skip
    if state[4][_ENDS] == 1.0:
        _set_up(mine, state[4], state[5], state[6], bar)


def _confirmed(
    shown: Floats, mine: Floats, highs: Floats, row: Row, wave: Floats
) -> None:
    """A wave of shorts has begun: the trigger, if a set-up is live and price is high."""
    bar, close = row[at.R_BAR], row[at.R_CLOSE]
    shown[_T_WAVE], shown[_T_ONSET] = wave[at.O_WAVE], wave[at.O_ONSET]
    shown[_T_CLOSE] = close
    shown[_T_HIGH] = highest(highs, bar, mine[_T_WIDTH])
    live = bar - mine[_LIVE] <= mine[_T_WITHIN]
    shown[_T_TRIGGER] = live and close >= shown[_T_HIGH]


def _set_up(
    mine: Floats, said: Floats, memory: Floats, table: Floats, bar: float
) -> None:
    """A day has ended: what it says holds from the next bar on."""
    mine[_DEVIATION] = daily_deviation(memory, table, _S_CLOSE)
    moved = mine[_DEVIATION] > 0.0
    mine[_STEEP] = exp(_VERTICAL * mine[_DEVIATION]) if moved else nan
    if said[_SETUP] == 1.0:
        mine[_LIVE], mine[_LIVE_SCORE] = bar, said[_SCORE]


_T_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": _T_COLUMNS,
    "outputs": _T_OUTPUTS,
    "start": with_waves(_start_trigger),
    "sides": ("short",),
    "times": ("onset", "setup"),
    "flags": ("vertical_rise",),
}
_T_SETTINGS = """
`setup` is the bar that ended the last day with a `squeeze_setup`, `score` its score.
`high_24h` is the highest price of the 24 hours (or the bar) before the bar, `ret_24h` =
ln(close / close 24 hours before), `vertical_rise`: `ret_24h` >= 2 `sigma_30d`, the
deviation of daily returns up to the last day that has ended; null while
price has not moved. A set-up counts for
`within` (0: 72 hours). Other settings: see `squeeze_setup` and `waves`. Method: C2."""

squeeze_trigger = fold(
    **_T_SHARED,
    name="squeeze_trigger",
    keep="squeeze_trigger",
    shown=_T_OUTPUTS[1:],
    documentation="""Waves of closed shorts that begin soon after a set-up, at a new high.

One row at the bar that confirms such a wave, with `close` >= `high_24h`."""
    + _T_SETTINGS,
)(_trigger)

squeeze_track = fold(
    **_T_SHARED,
    name="squeeze_track",
    shown=("setup", "score", "ret_24h", "sigma_30d", "vertical_rise"),
    documentation="""Steep rises and the last set-up for a squeeze, bar by bar."""
    + _T_SETTINGS,
)(_trigger)
