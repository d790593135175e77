"""SIM-W: forced closures minute by minute, with waves of known onset, flow and size.

Nothing but flow: no price. The background is a compound Poisson process whose rate
wanders and follows the hour of the day; waves are planted on top, each with its whole
flow known, so that a detector's onset, confirmation and exhaustion can be timed against
what really happened. A second world has bursts of noise and no wave at all: everything
found in it is false. Method: G.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from washout.clock import MINUTE
from washout.errors import UsageError
from washout.testing._loops import wandering
from washout.testing.scoring import Planted, planted_from
from washout.testing.simulated_market import BEGIN, MINUTES

Floats = NDArray[np.float64]

SMALLEST, LARGEST = 5.0, 300.0
"""Sizes of planted waves, bp of open interest, evenly spread in logarithms."""

APART = 12 * 60
"""Minutes from the end of a wave to the onset of the next of its side, or more."""

LEARNING = 8 * MINUTES
"""Minutes without a wave at the beginning: a detector learns what is usual first."""

_ORDERS = 1.5
"""Background orders a minute and side, on average."""

_WANDER = 1.2
"""Standard deviation of the logarithm of the background's rate."""

_ORDER = 0.0035
"""Median size of a background order, bp of open interest."""

_SPREAD = 1.6
"""Standard deviation of the logarithm of an order's size."""


class SideFlow(Struct, frozen=True, kw_only=True):
    """One side: what was closed each minute, in bp of open interest, and the truth.

    `y` = background + `wave`; `wave` is the planted part, and `planted` its table.
    """

    y: Floats
    wave: Floats
    planted: Planted


class SimulatedWaves(Struct, frozen=True, kw_only=True):
    """Both sides; `time` is the start of each minute, microseconds UTC."""

    seed: int
    time: NDArray[np.int64]
    long: SideFlow
    short: SideFlow

    @property
    def days(self) -> int:
        """How many days it runs."""
        return len(self.time) // MINUTES


def simulated_waves(
    *, seed: int, days: int = 180, per_30_days: float = 5.0
) -> SimulatedWaves:
    """Background and planted waves; `per_30_days` counts waves of both sides."""
    return _both(seed, days, per_30_days / 2, bursts=False)


def simulated_noise(*, seed: int, days: int = 180) -> SimulatedWaves:
    """Background and log-normal bursts of some minutes; no wave, an empty truth."""
    return _both(seed, days, 0.0, bursts=True)


def _both(seed: int, days: int, per_30_days: float, *, bursts: bool) -> SimulatedWaves:
    if days < 1:
        raise UsageError(f"Simulated waves of {days} days: ask for one or more.")
    minutes = days * MINUTES
    long, short = (
        _side(np.random.default_rng(child), minutes, per_30_days, bursts=bursts)
        for child in np.random.SeedSequence(seed).spawn(2)
    )
    time = BEGIN + np.arange(minutes, dtype=np.int64) * MINUTE
    return SimulatedWaves(seed=seed, time=time, long=long, short=short)


def _side(
    random: np.random.Generator, minutes: int, per_30_days: float, *, bursts: bool
) -> SideFlow:
    background = _background(random, minutes)
    if bursts:
        background += _bursts(random, minutes)
    flows = _waves(random, minutes, per_30_days)
    wave = np.zeros(minutes)
    for onset, flow in flows:
        wave[onset : onset + len(flow)] += flow
    return SideFlow(y=background + wave, wave=wave, planted=planted_from(flows))


def _background(random: np.random.Generator, minutes: int) -> Floats:
    """Compound Poisson: the rate wanders for hours and is highest at 15:00 UTC."""
    wander = wandering(
        random.standard_normal(minutes), half_life=120, deviation=_WANDER
    )
    hour = np.arange(minutes) % MINUTES / 60
    diurnal = 1 + 0.4 * np.cos(2 * np.pi * (hour - 15) / 24)
    rate = _ORDERS * diurnal * np.exp(wander - _WANDER**2 / 2)
    orders = random.poisson(rate)
    sizes = random.lognormal(np.log(_ORDER), _SPREAD, int(orders.sum()))
    minute = np.repeat(np.arange(minutes), orders)
    closed: Floats = np.bincount(minute, sizes, minutes).astype(np.float64)
    return closed


def _bursts(random: np.random.Generator, minutes: int) -> Floats:
    """Six bursts a day, over in minutes: of 0.2 bp mostly, of 60 bp once in months."""
    count = random.poisson(6 * minutes / MINUTES)
    sizes = random.lognormal(np.log(0.2), 1.8, count)
    lasting = random.integers(1, 6, count)
    begin = random.integers(0, minutes, count)
    noise = np.zeros(minutes)
    for at, size, length in zip(begin, sizes, lasting, strict=True):
        end = min(at + length, minutes)
        noise[at:end] += size / length
    return noise


def _waves(
    random: np.random.Generator, minutes: int, per_30_days: float
) -> list[tuple[int, Floats]]:
    """(onset, flow of each minute) of every planted wave, in order, apart."""
    if per_30_days <= 0:
        return []
    pause = 30 * MINUTES / per_30_days
    waves: list[tuple[int, Floats]] = []
    at = LEARNING + int(random.exponential(pause))
    while True:
        flow = _flow(random)
        if at + len(flow) > minutes:
            return waves
        waves.append((at, flow))
        at += len(flow) + APART + int(random.exponential(pause))


def _flow(random: np.random.Generator) -> Floats:
    """One wave, minute by minute: fast rises, slow declines, uneven within.

    Three in ten come in two pulses: a lull in the middle is what makes an end hard to
    tell. The first minute always flows, so that the onset is what the truth says it is.
    """
    size = np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST)))
    scale = np.exp(random.uniform(np.log(4), np.log(25)))
    second = random.uniform(0.2, 0.8) if random.random() < 0.3 else 0.0
    delay = random.uniform(2, 6)
    time = np.arange(1, int(14 * scale) + 1) / scale
    shape = _pulse(time) * (1 - second) + _pulse(time - delay) * second
    uneven = shape * (0.1 + random.standard_gamma(0.6, len(time)))
    flow: Floats = np.trim_zeros(uneven * (size / uneven.sum()), "b")
    return flow


def _pulse(time: Floats) -> Floats:
    """Flow at `time` since a pulse began, in units of its scale."""
    inside = time.clip(0.0, 8.0)
    shape: Floats = np.where(time <= 8.0, inside * np.exp(-inside), 0.0)
    return shape
