"""Where a wave fold keeps what it knows: places in the arrays of its state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import inf, log, nan
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, SECOND, Width
from washout.config import DEFAULT, WavePreset
from washout.views._wave_reference import BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "{order}", "bar", "known_at", "observed_s", "{side}_bp", "long_usd", "short_usd",
    "oi_ref_usd", "low", "high", "close", "open_interest", "rate_8h",
    "perp_delta_usd", "spot_delta_usd", "large_delta_usd", "small_delta_usd",
    "top_position_ratio", "basis",
)  # fmt: skip
(
    R_ORDER, R_BAR, R_KNOWN, R_OBSERVED, R_BP, R_LONG, R_SHORT, R_OI_REF, R_LOW,
    R_HIGH, R_CLOSE, R_OI, R_RATE, R_PERP, R_SPOT, R_LARGE, R_SMALL, R_RATIO,
    R_BASIS,
) = range(len(COLUMNS))  # fmt: skip
"""Columns of `market` that a row holds. `order` is the sign of the forced orders."""

IDLE, ACTIVE, COOLING, DEGRADED, WARMUP = range(5)
STATUS = ("idle", "active", "cooling", "degraded", "warmup")
SIZES = ("minor", "normal", "large", "extreme")
NORMALISERS = ("open interest", "turnover", "mixed")

FEATURES = (
    "size_bp", "long_usd", "short_usd", "drawdown", "ret", "recovery", "oi_change",
    "perp_cvd_usd", "spot_cvd_usd", "perp_cvd_ex_usd", "spot_share", "passive_share",
    "large_share", "top_long_change", "coverage", "basis_change",
)  # fmt: skip
(
    F_SIZE, F_LONG, F_SHORT, F_DRAWDOWN, F_RET, F_RECOVERY, F_OI, F_PERP, F_SPOT_CVD,
    F_FREE, F_SPOT, F_PASSIVE, F_LARGE, F_TOP, F_COVERAGE, F_BASIS,
) = range(len(FEATURES))  # fmt: skip
SUFFIXES = ("conf", "exh", "end")

OUTPUTS = (
    "status", "intensity_bp", "theta_in", "theta_out",
    "event", "is_confirm", "is_exhaustion", "is_closed",
    "wave", "onset", "confirm", "peak", "exhaustion", "end", "closed",
    "confirm_known_at", "exhaustion_known_at",
    "peak_bp", "size_bp", "long_usd", "short_usd", "duration_s", "revoked", "size",
    "normaliser", "price_before", "open_interest_before", "funding_before",
    "funding_after", *(f"{f}_{s}" for s in SUFFIXES for f in FEATURES),
)  # fmt: skip
(
    O_STATUS, J, THETA_IN, THETA_OUT, O_EVENT, O_IS_CONFIRM, O_IS_EXHAUSTION,
    O_IS_CLOSED, O_WAVE, O_ONSET, O_CONFIRM, O_PEAK, O_EXHAUSTION, O_END, O_CLOSED,
    O_CONFIRM_KNOWN, O_EXHAUSTION_KNOWN, O_PEAK_BP, O_SIZE, O_LONG, O_SHORT,
    O_DURATION, O_REVOKED, O_CLASS, O_NORMALISER, O_PRICE, O_OI, O_FUNDING_BEFORE,
    O_FUNDING_AFTER, O_CONF,
) = range(30)  # fmt: skip
O_EXH = O_CONF + len(FEATURES)
O_END_FEATURES = O_EXH + len(FEATURES)
O_STOP = len(OUTPUTS)
"""The memory of a wave fold is one array, because every array that a step touches
costs time at every bar. It begins with the output, which the driver reads from it."""

_NOW = O_STOP + 41
(
    PHASE, RUNNING, BELOW, COOLED, LIVE, LAST, KNOWN, DAY_NO, NEXT_DAY, FILLED, HELD,
    SEEN, SEEN_AT, QUIET_AT, WAVES, PRICE, OI, RATE, RATIO, BASIS,
    START, SIZE, LONG_USD, SHORT_USD, LOW, HIGH, PERP, SPOT, LARGE, SMALL, OBSERVED,
    BARS, PRICE_0, OI_0, RATE_0, RATIO_0, BASIS_0, PEAK_J, BY_OI, BY_TURNOVER, STALE,
) = range(O_STOP, _NOW)  # fmt: skip
"""Then what changes from bar to bar: the machine, the values of the last bar (PRICE to
BASIS), and what has added up since the start of the run (START to BY_TURNOVER)."""

(
    KEPT, WIDTH, FADE, COOL, LONGEST, LEAST, SHARE, FULL, BLOCK, MINIMUM,
    QUIET_N, SEEN_0, SEEN_N, DAY_0, DAY_N, ENTER_Q, ENTER_Z,
) = range(_NOW, _NOW + 17)  # fmt: skip
QUIET_0 = _NOW + 17
"""Then what the settings come to, and three rings: the last values in bp (QUIET), the
observed microseconds of the last half-life (SEEN), and today's intensity (DAY)."""

State = tuple["NDArray[Any]", ...]

STATE = 5
"""How many arrays the state of a wave has."""


def preset(bar: int) -> WavePreset:
    """The preset whose bar is nearest in ratio."""
    return min(DEFAULT.waves, key=lambda p: abs(log(p.bar / bar)))


def start(
    *,
    bar: Width,
    half_life: Width = Width(0),  # noqa: B008
    reference: Width = Width(0),  # noqa: B008
    minimum: Width = Width(0),  # noqa: B008
    fade: Width = Width(0),  # noqa: B008
    cool: Width = Width(0),  # noqa: B008
    quiet: Width = Width(0),  # noqa: B008
    longest: Width = Width(0),  # noqa: B008
    quiet_share: float = 0.0,
    least_bp: float = 0.0,
    enter_quantile: float = 0.0,
    enter_deviations: float = 0.0,
) -> State:
    """Nothing is known yet. A setting of 0 is that of the preset for this bar."""
    import numpy as np

    usual = preset(bar)
    decay = max(half_life or usual.half_life, bar)
    block = max(DAY, bar)
    blocks, size = max(1, -(-(reference or usual.reference) // block)), block // bar
    flow, seen = _bars(quiet or usual.quiet, bar), _bars(decay, bar)
    memory = np.zeros(QUIET_0 + flow + seen + size)
    memory[:O_STOP] = memory[[LAST, DAY_NO, PRICE, OI, RATE, RATIO, BASIS]] = nan
    memory[J], memory[NEXT_DAY] = 0.0, -inf
    memory[[KEPT, WIDTH, BLOCK, FULL]] = 2.0 ** (-bar / decay), bar, block, seen * bar
    memory[[FADE, COOL]] = (
        _bars(fade or usual.fade, bar),
        _bars(cool or usual.cool, bar),
    )
    memory[[LONGEST, LEAST]] = longest or usual.longest, least_bp or usual.least_bp
    memory[ENTER_Q] = enter_quantile or usual.enter_quantile
    memory[ENTER_Z] = enter_deviations or usual.enter_deviations
    memory[SHARE] = quiet_share or usual.quiet_share
    memory[MINIMUM] = DEFAULT.wave_coverage * ((minimum or usual.minimum) // bar)
    memory[[QUIET_N, SEEN_0, SEEN_N]] = flow, QUIET_0 + flow, seen
    memory[[DAY_0, DAY_N]] = QUIET_0 + flow + seen, size
    return (
        memory, np.zeros((blocks, size)), np.zeros((blocks, BINS + 1), np.int32),
        np.zeros((3, BINS + 1), np.int64), np.zeros(blocks * size),
    )  # fmt: skip


def with_waves(own: Callable[..., State]) -> Callable[..., State]:
    """A first state of `STATE` wave arrays and those of `own`, with the settings of both."""
    waves, mine = inspect.signature(start).parameters, inspect.signature(own).parameters

    def both(**settings: Any) -> State:
        return (
            *start(**{name: settings[name] for name in waves}),
            *own(**{name: settings[name] for name in mine}),
        )

    merged = {**waves, **{n: p for n, p in mine.items() if n not in waves}}
    both.__signature__ = inspect.Signature([*merged.values()])  # type: ignore[attr-defined]
    return both


def _bars(span: int, bar: int) -> int:
    """A span in bars, at least one."""
    return max(1, round(span / bar))


MICROSECONDS = float(SECOND)
