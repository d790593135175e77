"""Who took the other side while one side was closed by force."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from washout.clock import Width
from washout.views import _wave_state as at
from washout.views import every_bar, fold
from washout.views._wave_state import with_waves
from washout.views._wave_step import take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Row = tuple[float, ...]
State = tuple[Any, ...]

LIMITS = """What public data cannot say: taker flow is not identity, and one strong buyer looks
like many. Makers who buy with resting orders have no name (`passive_share` is all of
them together). Arbitrage turns buying of the perpetual into selling of spot and back.
Concentration of flow can be tested; "one strong entity" cannot."""

_OUTPUTS = (
    "event", "is_exhaustion", "is_closed", "wave", "onset", "perp_cvd_usd",
    "perp_cvd_ex_usd", "spot_cvd_usd", "forced_net_usd", "taker_share",
    "passive_share", "spot_share", "large_share", "top_long_change", "coverage",
    "score",
)  # fmt: skip
(
    _EVENT, _EXHAUSTION, _CLOSED, _WAVE, _ONSET, _PERP, _FREE, _SPOT, _FORCED, _TAKER,
    _PASSIVE, _SPOT_SHARE, _LARGE, _TOP, _COVERAGE, _SCORE,
) = range(len(_OUTPUTS))  # fmt: skip


def _start(*, bar: Width) -> State:  # noqa: ARG001  waves have it
    """Nothing was bought."""
    import numpy as np

    return (np.full(len(_OUTPUTS), nan),)


def _step(state: State, row: Row, _settings: Row) -> tuple[State, Floats]:
    take(state[:5], row)
    watch_buyers(state[5], state[0])
    return state, state[5]


@every_bar
def watch_buyers(shown: Floats, wave: Floats) -> None:
    """A bar of one side, after its wave has moved."""
    shown[_EVENT] = 0.0
    if wave[at.O_EVENT] == 1.0:
        if wave[at.O_IS_EXHAUSTION] == 1.0:
            _tell(shown, wave, at.O_EXH)
        elif wave[at.O_IS_CLOSED] == 1.0:
            _tell(shown, wave, at.O_END_FEATURES)


def _tell(shown: Floats, wave: Floats, then: int) -> None:
    """What flowed since the onset; only the accounting is done here."""
    shown[_EVENT] = 1.0
    shown[_EXHAUSTION] = wave[at.O_IS_EXHAUSTION]
    shown[_CLOSED] = wave[at.O_IS_CLOSED]
    shown[_WAVE], shown[_ONSET] = wave[at.O_WAVE], wave[at.O_ONSET]
    shown[_PERP], shown[_SPOT] = wave[then + at.F_PERP], wave[then + at.F_SPOT_CVD]
    shown[_FREE] = wave[then + at.F_FREE]
    shown[_FORCED] = wave[then + at.F_LONG] - wave[then + at.F_SHORT]
    shown[_PASSIVE] = wave[then + at.F_PASSIVE]
    shown[_TAKER] = 1.0 - shown[_PASSIVE]
    shown[_SPOT_SHARE] = wave[then + at.F_SPOT]
    shown[_LARGE], shown[_TOP] = wave[then + at.F_LARGE], wave[then + at.F_TOP]
    shown[_COVERAGE] = wave[then + at.F_COVERAGE]
    shown[_SCORE] = shown[_TAKER]


buyers = fold(
    over="market",
    columns=at.COLUMNS,
    outputs=_OUTPUTS,
    start=with_waves(_start),
    sides=("long", "short"),
    keep="event",
    shown=_OUTPUTS[1:],
    times=("onset",),
    flags=("is_exhaustion", "is_closed"),
    name="buyers",
    limits=LIMITS,
    documentation="""Who met a wave's forced orders: takers, makers, spot, large orders.

One row when a wave is first exhausted, and one when it has closed (then as of its end);
all sums run from its onset. `perp_cvd_ex_usd` = taker buying - selling of the perpetual
without forced orders (longs closed are sold, shorts closed are bought); `forced_net_usd`
= longs - shorts closed. `taker_share` = `perp_cvd_ex_usd` / `forced_net_usd`, also the
`score`: the part of forced selling that other takers bought, negative where they sold
along; `passive_share` = 1 - `taker_share` is left to makers. `spot_share`: spot's part of
takers on the other side; `large_share`: the part of orders from 100 k USD, forced ones
among them, since totals by cohort do not tell them apart; `top_long_change`: change of
the long share of top traders' positions. Null where a part is not recorded. Settings:
see `waves`. Method: C6.""",
)(_step)
