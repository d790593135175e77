"""SIM-1: one asset, minute by minute, in a world of which the truth is known.

Volatility wanders slowly and fast; returns are Student-t, with jumps that leave the
market unsettled. Leverage load wanders by itself, so that equal dips close very
different amounts: that is what lets a judge tell the dip from the closing. Where price
travels to new lows, longs are closed; closures call for more closures. Shorts mirror
them. Method: G.

What the method leaves open is settled here.

* A jump happens within its minute, and its aftershock is volatility without direction.
  A jump spread over minutes would foretell its own rest, and a world without any effect
  would have one. So in `null0` no return can be foretold, exactly: `expected` is zero.
* "New low" is measured from a support that follows price with a half-life of 8
  hours, as orders and stops are rebuilt, not from the low of a fixed window: it needs
  no memory and has no edge at which an old low drops out.
* Permanent impact reaches price with a half-life of 20 minutes: who took over the
  forced flow passes it on.
* Drift is planted by closed longs alone, and more longs than shorts push price. A
  constant drift offsets what either comes to over the years: price stays where it can
  be drawn, and waves stay as frequent as in a world without effects.
* Who is closed cannot be closed again: what can be closed in a day is bounded, so that
  impact does not feed on itself without end.
* One seed gives the same shocks in every world and for any number of days: worlds
  differ by their laws only, and a longer market begins with the shorter one.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from washout.clock import MINUTE, parse_time
from washout.errors import UsageError
from washout.testing._loops import compiled, decayed, kept, wandering
from washout.testing.worlds import World, find_world

Floats = NDArray[np.float64]

BEGIN = parse_time("2021-01-01")
"""First minute of every simulated market."""

MINUTES = 1440
"""Of a day."""

DAILY = 0.026
"""Standard deviation of a day's log return."""

BP = 1e-4

JUMPS_A_DAY = 0.5
JUMP = 0.01
"""Standard deviation of a jump."""

AFTERSHOCK = 0.5
"""Variance that follows a jump, over all its aftershock, per squared jump."""

_SHARE_OF_NEW_LOWS = 0.32
"""bp of open interest closed per bp of travel to new lows at a load of one."""

_MIRROR = 0.6
"""Shorts closed, relative to longs closed by the same travel."""

_BRANCHING = 0.4
"""Closures that each closure calls for."""

_BURSTS = 0.6
"""Shape of the Gamma noise on closures of a minute: below one, most are small."""

_BACKGROUND = 0.002
"""Median of what is closed in any minute, bp of open interest."""

_USUAL = 90.0 / MINUTES
"""Longs closed a minute over the years, bp of open interest: what the offset is of."""

_CLOSABLE = 2_500.0
"""bp of open interest; when so much was closed lately, price closes no more."""

_KEPT_CLOSED = kept(12 * 60)
_KEPT_PLANTED = kept(6 * 60)
_KEPT_DIP = kept(12 * 60)
_KEPT_IMPACT = kept(20)
_KEPT_HEAT = kept(5)
_FOLLOWED = 1.0 - kept(8 * 60)


class SimulatedMarket(Struct, frozen=True, kw_only=True):
    """A market and the truth about it; every array has one value a minute.

    `time` is the start of the minute, microseconds UTC. Prices are natural logs
    relative to the first open, `long_bp` and `short_bp` what was closed in bp of open
    interest. The truth that no market shows: `load` (leverage, mean one), `sigma` (the
    standard deviation of the minute's return without jumps) and `expected` (the return
    that follows from what happened before the minute).
    """

    world: World
    seed: int
    time: NDArray[np.int64]
    log_close: Floats
    log_high: Floats
    log_low: Floats
    long_bp: Floats
    short_bp: Floats
    load: Floats
    sigma: Floats
    expected: Floats

    @property
    def log_open(self) -> Floats:
        """The close of the minute before."""
        return np.concatenate([[0.0], self.log_close[:-1]])

    @property
    def days(self) -> int:
        """How many days it runs."""
        return len(self.time) // MINUTES


class _Shocks(Struct, frozen=True, kw_only=True):
    """What nobody decides: one value a minute, the same in every world."""

    slow: Floats
    fast: Floats
    load: Floats
    returns: Floats
    jump_chance: Floats
    jump_size: Floats
    extremes: Floats
    bursts: Floats
    background: Floats


def simulated_market(
    world: World | str, *, seed: int, days: int | None = None
) -> SimulatedMarket:
    """The market of `seed` in a world, named or made; `days` defaults to the world's."""
    world = find_world(world) if isinstance(world, str) else world
    days = world.days if days is None else days
    if days < 1:
        raise UsageError(f"A simulated market of {days} days: ask for one or more.")
    shocks = _shocks(seed, days * MINUTES)
    jumps = np.where(
        shocks.jump_chance < JUMPS_A_DAY / MINUTES, JUMP * shocks.jump_size, 0.0
    )
    sigma = _volatility(shocks, jumps)
    load = np.exp(
        wandering(shocks.load, half_life=5 * MINUTES, deviation=0.8) - 0.8**2 / 2
    )
    own = sigma * shocks.returns + jumps
    shown = np.empty((6, len(own)))
    _play(
        own, sigma, load, shocks.extremes, shocks.bursts, shocks.background,
        (world.planted, world.dip, world.iota), shown,
    )  # fmt: skip
    close, high, low, longs, shorts, expected = shown
    return SimulatedMarket(
        world=world, seed=seed,
        time=BEGIN + np.arange(len(own), dtype=np.int64) * MINUTE,
        log_close=close, log_high=high, log_low=low,
        long_bp=longs, short_bp=shorts, load=load, sigma=sigma, expected=expected,
    )  # fmt: skip


def _shocks(seed: int, minutes: int) -> _Shocks:
    """One generator a row, so that no row depends on how many values another takes."""
    rows = iter(map(np.random.default_rng, np.random.SeedSequence(seed).spawn(15)))
    return _Shocks(
        slow=next(rows).standard_normal(minutes),
        fast=next(rows).standard_normal(minutes),
        load=next(rows).standard_normal(minutes),
        returns=next(rows).standard_t(5, minutes) * np.sqrt(3 / 5),
        jump_chance=next(rows).random(minutes),
        jump_size=next(rows).standard_normal(minutes),
        extremes=np.stack([next(rows).standard_exponential(minutes) for _ in "lh"]),
        bursts=np.stack(
            [next(rows).standard_gamma(_BURSTS, minutes) / _BURSTS for _ in "lsls"]
        ),
        background=np.stack(
            [_BACKGROUND * np.exp(next(rows).standard_normal(minutes)) for _ in "ls"]
        ),
    )


def _volatility(shocks: _Shocks, jumps: Floats) -> Floats:
    """Standard deviation of each minute: two autoregressions, and aftershocks."""
    slow = wandering(shocks.slow, half_life=3 * MINUTES, deviation=0.4)
    fast = wandering(shocks.fast, half_life=120, deviation=0.3)
    jumped = JUMPS_A_DAY * JUMP**2
    base = (DAILY**2 - jumped * (1 + AFTERSHOCK)) / MINUTES
    calm = base * np.exp(2 * (slow + fast) - 2 * (0.4**2 + 0.3**2))
    share = kept(30)
    unsettled = AFTERSHOCK * (1 - share) * decayed(jumps * jumps, share)
    before = np.concatenate([[0.0], unsettled[:-1]])
    sigma: Floats = np.sqrt(calm + before)
    return sigma


@compiled
def _extreme(move: float, sigma: float, exponential: float) -> float:
    """How far a Brownian path of a minute that ends at `move` went below its start.

    The law of the minimum of a Brownian bridge; `exponential` is -ln of a uniform.
    """
    reach = np.sqrt(move * move + 2.0 * sigma * sigma * exponential)
    return float(0.5 * (reach - move))


@compiled
def _closed(
    travel: float, load: float, heat: float, gone: float, fresh: float, child: float
) -> float:
    """What is closed in a minute, bp of open interest, background aside."""
    left = max(1.0 - gone / _CLOSABLE, 0.0)
    by_price = _SHARE_OF_NEW_LOWS * load * left * (travel / BP) * fresh
    by_others = _BRANCHING * (1.0 - _KEPT_HEAT) * heat * child
    return float(by_price + by_others)


@compiled
def _play(
    own: Floats, sigma: Floats, load: Floats, extremes: Floats, bursts: Floats,
    background: Floats, laws: tuple[float, float, float], shown: Floats,
) -> None:  # fmt: skip
    """Price and closures, each moving the other, into the rows of `shown`."""
    planted, dip, iota = laws
    price = support = resistance = 0.0
    to_rise = to_give_back = to_push = 0.0
    long_heat = short_heat = longs_gone = shorts_gone = 0.0
    offset = (planted - iota * (1.0 - _MIRROR)) * _USUAL * BP
    for t in range(own.size):
        expected = (
            to_rise * (1.0 - _KEPT_PLANTED)
            - to_give_back * (1.0 - _KEPT_DIP)
            + to_push * (1.0 - _KEPT_IMPACT)
            - offset
        )
        move = own[t] + expected
        low = price - _extreme(move, sigma[t], extremes[0, t])
        high = price + _extreme(-move, sigma[t], extremes[1, t])
        support += (price - support) * _FOLLOWED
        resistance += (price - resistance) * _FOLLOWED
        down, up = max(support - low, 0.0), max(high - resistance, 0.0)
        longs = background[0, t] + _closed(
            down, load[t], long_heat, longs_gone, bursts[0, t], bursts[2, t]
        )
        shorts = _MIRROR * (
            background[1, t]
            + _closed(up, load[t], short_heat, shorts_gone, bursts[1, t], bursts[3, t])
        )
        support, resistance = support - down, resistance + up
        price += move
        to_rise = to_rise * _KEPT_PLANTED + planted * longs * BP
        to_give_back = to_give_back * _KEPT_DIP + dip * own[t]
        to_push = to_push * _KEPT_IMPACT + iota * (shorts - longs) * BP
        long_heat = long_heat * _KEPT_HEAT + longs
        short_heat = short_heat * _KEPT_HEAT + shorts / _MIRROR
        longs_gone = longs_gone * _KEPT_CLOSED + longs
        shorts_gone = shorts_gone * _KEPT_CLOSED + shorts / _MIRROR
        shown[0, t], shown[1, t], shown[2, t] = price, high, low
        shown[3, t], shown[4, t], shown[5, t] = longs, shorts, expected
