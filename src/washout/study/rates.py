"""Counts and what they do not say: base rates, Wilson intervals, losses."""

from __future__ import annotations

import math

import msgspec

from washout.errors import UsageError


class Share(msgspec.Struct, frozen=True):
    """A share of counts with its interval."""

    value: float
    low: float
    high: float


def wilson(count: int, total: int, *, level: float = 0.90) -> Share:
    """Share `count / total` with Wilson's score interval (1927) at `level`.

    NaN within 0 to 1 where nothing was counted.
    """
    if not 0 <= count <= total:
        raise UsageError(f"{count} of {total}: expected a part of a whole.")
    if total == 0:
        return Share(math.nan, 0.0, 1.0)
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, total, alpha=1 - level, method="wilson")
    return Share(count / total, float(low), float(high))


class BaseRates(msgspec.Struct, frozen=True, kw_only=True):
    """Both readings of "rallies and waves go together", and the rate without a wave.

    `wave_given_rally` is what a chart suggests; only `rally_given_wave` against `rally`
    says whether a wave foretells anything.
    """

    wave_given_rally: float
    rally_given_wave: float
    rally: float
    lift: float


def base_rates(
    *, both: int, wave_only: int, rally_only: int, neither: int
) -> BaseRates:
    """Rates from a table of counts; NaN where a row or column of it is empty."""
    rally = _ratio(both + rally_only, both + wave_only + rally_only + neither)
    after = _ratio(both, both + wave_only)
    return BaseRates(
        wave_given_rally=_ratio(both, both + rally_only),
        rally_given_wave=after,
        rally=rally,
        lift=_ratio(after, rally),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def loss_interval(
    notional: float, *, least_leverage: float = 10, most_leverage: float = 50
) -> tuple[float, float]:
    """What was lost, at least and at most, when `notional` was closed by force.

    The margin is lost, not the position: notional / leverage. Same unit in and out.
    """
    return notional / most_leverage, notional / least_leverage
