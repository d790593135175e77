"""How much leverage a market carries, and who is adding to it."""

from __future__ import annotations

from math import floor, inf, nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, HOUR, Width
from washout.config import DEFAULT
from washout.views import every_bar, fold
from washout.views._days import (
    BAR,
    SUMS,
    begin_days,
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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST_LOAD = DEFAULT.loaded

Row = tuple[float, ...]
State = tuple[Any, ...]

_COLUMNS = (
    "bar", "open_interest_usd", "adv30_usd", "mean_rate_8h", "open_interest",
    "volume_usd", "spot_volume_usd", "close",
)  # fmt: skip
_BAR, _OI_USD, _ADV, _RATE, _OI, _PERP, _SPOT, _CLOSE = range(len(_COLUMNS))
QUADRANTS = ("long_build", "short_build", "short_cover", "long_unwind")

_OUTPUTS = (
    "ends_day", "loaded", "turnover_days", "turnover_rank", "funding_year",
    "funding_rank", "oi_change", "oi_rank", "perp_to_spot", "perp_to_spot_rank",
    "ranks", "score", "ends_block", "quadrant", "block_oi_change", "block_ret",
)  # fmt: skip
(
    _ENDS, _LOADED, _TURNOVER, _TURNOVER_RANK, _FUNDING, _FUNDING_RANK, _CHANGE,
    _CHANGE_RANK, _RATIO, _RATIO_RANK, _RANKS, _SCORE, _ENDS_BLOCK, _QUADRANT,
    _BLOCK_OI, _BLOCK_RET,
) = range(len(_OUTPUTS))  # fmt: skip
_TODAY_PERP, _TODAY_SPOT, _TODAY_PERP_S, _TODAY_SPOT_S = range(SUMS, SUMS + 4)
(
    _DAYS, _MINIMUM, _BLOCK, _NEXT_BLOCK, _OI_THEN, _CLOSE_THEN, _LAST_OI, _LAST_CLOSE,
) = range(SUMS + 4, SUMS + 12)  # fmt: skip
(
    _S_PERP, _S_SPOT, _S_PERP_S, _S_SPOT_S, _S_OI, _S_TURNOVER, _S_RATE, _S_CHANGE,
    _S_RATIO,
) = range(9)  # fmt: skip
_PAYMENTS = 365.0 * 3.0
_LEAST_RANKS = 3


def _start(
    *,
    bar: Width,
    window: Width = Width(0),  # noqa: B008
    rank_reference: Width = Width(0),  # noqa: B008
    rank_minimum: Width = Width(0),  # noqa: B008
    block: Width = Width(0),  # noqa: B008
) -> State:
    """No day has ended yet. A setting of 0 is that of the config."""
    import numpy as np

    length = days_of(window or Width(7 * DAY), bar)
    before = days_of(rank_reference or DEFAULT.rank_reference, bar)
    memory, table = begin_days(bar, max(before, length), series=9, sums=4)
    least = days_of(rank_minimum or DEFAULT.rank_minimum, bar)
    mine = (length, least, max(block or Width(4 * HOUR), bar), -inf, nan, nan, nan, nan)
    return (
        np.full(len(_OUTPUTS), nan), np.append(memory, mine), table,
        np.full(before, nan),
    )  # fmt: skip


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    shown, memory, table, scratch = state
    shown[_ENDS] = shown[_LOADED] = shown[_ENDS_BLOCK] = 0.0
    if is_new(memory, table, row[_BAR]):
        _blocks(shown, memory, row)
        width = memory[BAR]
        if row[_PERP] == row[_PERP]:
            memory[_TODAY_PERP] += row[_PERP]
            memory[_TODAY_PERP_S] += width / 1e6
        if row[_SPOT] == row[_SPOT]:
            memory[_TODAY_SPOT] += row[_SPOT]
            memory[_TODAY_SPOT_S] += width / 1e6
        if ends_day(memory, row[_BAR]):
            _judge(shown, memory, table, scratch, row)
    return state, shown


@every_bar
def _blocks(shown: Floats, memory: Floats, row: Row) -> None:
    """Blocks of 4 hours: from the last bar of one to the last bar of the next."""
    bar = row[_BAR]
    if bar >= memory[_NEXT_BLOCK]:
        number = floor(bar / memory[_BLOCK])
        late = bar >= memory[_NEXT_BLOCK] + memory[_BLOCK]  # no bar in between
        memory[_OI_THEN] = nan if late else memory[_LAST_OI]
        memory[_CLOSE_THEN] = nan if late else memory[_LAST_CLOSE]
        memory[_NEXT_BLOCK] = (number + 1.0) * memory[_BLOCK]
    memory[_LAST_OI], memory[_LAST_CLOSE] = row[_OI], row[_CLOSE]
    if bar + memory[BAR] >= memory[_NEXT_BLOCK]:
        shown[_ENDS_BLOCK] = 1.0
        shown[_BLOCK_OI] = log_ratio(row[_OI], memory[_OI_THEN])
        shown[_BLOCK_RET] = log_ratio(row[_CLOSE], memory[_CLOSE_THEN])
        shown[_QUADRANT] = quadrant(shown[_BLOCK_OI], shown[_BLOCK_RET])


def quadrant(oi_change: float, ret: float) -> float:
    """Place in `QUADRANTS`; NaN where one did not change or is missing. Method: C5."""
    if oi_change > 0.0:
        return 0.0 if ret > 0.0 else (1.0 if ret < 0.0 else nan)
    if oi_change < 0.0:
        return 2.0 if ret > 0.0 else (3.0 if ret < 0.0 else nan)
    return nan


def _judge(
    shown: Floats, memory: Floats, table: Floats, scratch: Floats, row: Row
) -> None:
    """The day has ended."""
    length, least = int(memory[_DAYS]), memory[_MINIMUM]
    write_day(memory, table, _S_PERP, memory[_TODAY_PERP])
    write_day(memory, table, _S_SPOT, memory[_TODAY_SPOT])
    write_day(memory, table, _S_PERP_S, memory[_TODAY_PERP_S])
    write_day(memory, table, _S_SPOT_S, memory[_TODAY_SPOT_S])
    write_day(memory, table, _S_OI, row[_OI])
    if row[_ADV] > 0.0:
        write_day(memory, table, _S_TURNOVER, row[_OI_USD] / row[_ADV])
    write_day(memory, table, _S_RATE, row[_RATE])
    before = read_day(memory, table, _S_OI, length)
    write_day(memory, table, _S_CHANGE, log_ratio(row[_OI], before))
    spot = sum_of(memory, table, _S_SPOT, 0, length)
    told = well_observed(memory, table, _S_PERP_S, length)
    if told and well_observed(memory, table, _S_SPOT_S, length) and spot > 0.0:
        perp = sum_of(memory, table, _S_PERP, 0, length)
        write_day(memory, table, _S_RATIO, perp / spot)
    _rank(shown, memory, table, scratch, least)


def _rank(
    shown: Floats, memory: Floats, table: Floats, scratch: Floats, least: float
) -> None:
    shown[_ENDS] = 1.0
    shown[_TURNOVER] = read_day(memory, table, _S_TURNOVER, 0)
    shown[_FUNDING] = read_day(memory, table, _S_RATE, 0) * _PAYMENTS
    shown[_CHANGE] = read_day(memory, table, _S_CHANGE, 0)
    shown[_RATIO] = read_day(memory, table, _S_RATIO, 0)
    a = rank_today(memory, table, _S_TURNOVER, least, scratch)
    b = rank_today(memory, table, _S_RATE, least, scratch)
    c = rank_today(memory, table, _S_CHANGE, least, scratch)
    d = rank_today(memory, table, _S_RATIO, least, scratch)
    shown[_TURNOVER_RANK], shown[_FUNDING_RANK] = a, b
    shown[_CHANGE_RANK], shown[_RATIO_RANK] = c, d
    load, ranks = mean_known(a, b, c, d)
    shown[_RANKS] = ranks
    shown[_SCORE] = load if ranks >= _LEAST_RANKS else nan
    shown[_LOADED] = shown[_SCORE] >= _LEAST_LOAD and shown[_FUNDING] > 0.0


_SHARED: dict[str, Any] = {
    "over": "market",
    "columns": _COLUMNS,
    "outputs": _OUTPUTS,
    "start": _start,
}
_LOAD = _OUTPUTS[2:12]
_SETTINGS = """
`score` is the mean of the ranks that are known, at least three; `ranks` says how many.
They are the ranks of `turnover_days` (open interest over the mean daily volume of 30
days), `funding_year` (mean funding of 7 days, a fraction a year), `oi_change` (log change
of open interest in base asset over the `window`) and `perp_to_spot` (volume of the
perpetual over that of spot in the `window`, null unless 98 % of both is recorded) among
the days of `rank_reference` before today, null until `rank_minimum` of them are known. 0
is 7d, 365d, 90d. Method: C5."""

leverage_load = fold(
    **_SHARED,
    name="leverage_load",
    keep="loaded",
    shown=_LOAD,
    documentation="""Days that end with a market loaded with long leverage.

One row for each day with a `score` >= 0.8 and positive funding, at the bar that ends it."""
    + _SETTINGS,
)(_step)

leverage_track = fold(
    **_SHARED,
    name="leverage_track",
    keep="ends_day",
    shown=("loaded", *_LOAD),
    flags=("loaded",),
    documentation="""How much leverage a market carries, day by day.

One row a day, at the bar that ends it; `loaded`: `score` >= 0.8 and positive funding."""
    + _SETTINGS,
)(_step)

leverage_quadrant = fold(
    **_SHARED,
    name="leverage_quadrant",
    keep="ends_block",
    shown=("quadrant", "block_oi_change", "block_ret"),
    words={"quadrant": QUADRANTS},
    documentation="""Who adds and who leaves: open interest and price, by blocks of 4 hours.

One row for each `block` (0: 4 hours, or a bar), at the bar that ends it. With open
interest in base asset, never in USD: up and price up is `long_build`, up and down
`short_build`, down and up `short_cover`, both down `long_unwind`; null where one is
unchanged or missing. A name for a pattern: every contract has a long and a short.
Method: C5.""",
)(_step)
