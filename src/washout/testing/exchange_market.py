"""What happens on the exchanges that are faked: one true market, as each venue sees it.

Prices and the pace of forced closures come from SIM-1 (`simulated_market`), orders from
SIM-C (`censoring`): every venue has a share of the same market, and venues that print
one order a second print only that. Everything is made by the hour, when it is needed,
and one seed gives one market.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from math import exp
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from washout.clock import DAY, HOUR, MINUTE, SECOND
from washout.errors import UnknownName, UsageError
from washout.testing.censoring import Orders, one_per_second, simulated_orders
from washout.testing.simulated_market import BEGIN, SimulatedMarket, simulated_market

Throttle = Literal["largest", "latest", "largest per side"]
"""What a venue prints of the orders of one market in one second."""

FIRST_PRICE = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0, "XRP": 0.55, "DOGE": 0.11}
"""USD at the beginning, and all the assets that there are."""

OPEN_INTEREST = {
    "BTC": 90_000.0,
    "ETH": 1_500_000.0,
    "SOL": 9e6,
    "XRP": 6e8,
    "DOGE": 5e9,
}
"""In coins, on every venue."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A perpetual as a venue lists it; one contract is `size` of its `unit`.

    Orders count contracts in multiples of `step`; prices are multiples of `tick`.
    """

    symbol: str
    asset: str
    market: str
    size: Decimal = Decimal(1)
    unit: Literal["base", "usd"] = "base"
    step: Decimal = Decimal("0.001")
    tick: Decimal = Decimal("0.1")

    def usd(self, count: Decimal, price: Decimal) -> Decimal:
        """What so many contracts are worth in USD at a price."""
        return count * self.size * (price if self.unit == "base" else 1)

    def base(self, count: Decimal, price: Decimal) -> Decimal:
        """How much of the asset so many contracts are."""
        return count * self.size / (1 if self.unit == "base" else price)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A forced order.

    `time` is in microseconds (whole milliseconds), `price` the one that the venue
    publishes, `serial` unlike that of any other order of the contract.
    """

    contract: Contract
    time: int
    long: bool
    count: Decimal
    price: Decimal
    serial: int

    @property
    def usd(self) -> Decimal:
        """Notional in USD at the published price, exact."""
        return self.contract.usd(self.count, self.price)


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade; `sells` says that the taker sold."""

    contract: Contract
    time: int
    sells: bool
    count: Decimal
    price: Decimal
    serial: int

    @property
    def usd(self) -> Decimal:
        """Notional in USD, exact."""
        return self.contract.usd(self.count, self.price)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Mark price, index price, and the funding rate that is coming, at a time."""

    contract: Contract
    time: int
    price: Decimal
    index: Decimal
    funding: Decimal


Happening = Order | Trade | Mark


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much happens.

    `orders` and `trades` a second and contract, on average, on a venue with a `share` of
    one; marks every so many seconds, 0 for none.
    """

    orders: float = 0.05
    trades: float = 0.5
    marks: float = 1.0


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The market all venues share: `begin` in microseconds, `days` of prices."""

    begin: int
    seed: int
    assets: tuple[str, ...]
    pace: Pace
    days: int = 3

    def price(self, asset: str, time: int) -> float:
        """The price in USD at a time; the last one after the end of the market."""
        log = _path(self.seed + _number(asset), self.days)
        minute, rest = divmod(max(time - self.begin, 0), MINUTE)
        before, after = (
            log[min(minute, len(log) - 1)],
            log[min(minute + 1, len(log) - 1)],
        )
        return FIRST_PRICE[asset] * exp(before + (after - before) * rest / MINUTE)

    def mark(self, contract: Contract, time: int) -> Mark:
        """Mark and index price of a contract at a time."""
        price = self.price(contract.asset, time)
        wave = np.sin(2 * np.pi * (time % DAY) / DAY)
        return Mark(
            contract=contract, time=time,
            price=rounded(price * (1 + 2e-5 * wave), contract.tick),
            index=rounded(price, contract.tick),
            funding=Decimal(round(10_000 * (1 + wave))).scaleb(-8),
        )  # fmt: skip

    def open_interest(self, asset: str, time: int) -> Decimal:
        """In coins, up and down by a tenth within the day."""
        wave = 1 + 0.1 * np.cos(2 * np.pi * (time % DAY) / DAY)
        return rounded(OPEN_INTEREST[asset] * wave, Decimal("0.001"))


def simulated_world(
    *, begin: int, seed: int = 0, assets: tuple[str, ...] = ("BTC", "ETH"),
    pace: Pace | None = None, days: int = 3,
) -> World:  # fmt: skip
    """A market; UnknownName for an asset of which there is no price."""
    for asset in assets:
        if asset not in FIRST_PRICE:
            raise UnknownName("asset", asset, FIRST_PRICE)
    if days < 1:
        raise UsageError(f"A market of {days} days: ask for one or more.")
    return World(
        begin=begin, seed=seed, assets=assets, pace=pace or Pace(), days=days
    )  # fmt: skip


def happenings(
    world: World, contract: Contract, *, share: float, throttle: Throttle | None,
    salt: int, wants: Mapping[str, bool],
) -> Iterator[Happening]:  # fmt: skip
    """What a venue prints of one contract, in order of time, hour by hour, for ever.

    `salt` tells venues apart; `wants` says whether there are `trades` and `marks`.
    """
    hour, orders, trades = 0, 0, 0
    while True:
        seed = [world.seed, _number(contract.asset), salt, hour]
        printed = _printed(world, contract, hour, share, throttle, seed)
        traded = _traded(world, contract, hour, share, seed) if wants["trades"] else []
        marked = _marked(world, contract, hour) if wants["marks"] else []
        yield from sorted(
            [*_numbered(printed, orders), *_numbered(traded, trades), *marked],
            key=lambda one: one.time,
        )
        orders, trades = orders + len(printed), trades + len(traded)
        hour += 1


def _numbered(made: Sequence[Order | Trade], before: int) -> list[Order | Trade]:
    return [msgspec.structs.replace(one, serial=one.serial + before) for one in made]


def merged(streams: list[Iterator[Happening]]) -> Iterator[Happening]:
    """Streams of several contracts as one in order of time."""
    return heapq.merge(*streams, key=lambda one: one.time)


def burst(
    world: World, contract: Contract, time: int, count: int, serial: int
) -> Iterator[Order]:
    """So many forced orders within a second, longs mostly; each is unlike the others."""
    price = world.price(contract.asset, time)
    for place in range(count):
        yield Order(
            contract=contract, time=time + place * SECOND // count // 1000 * 1000,
            long=place % 4 != 3, count=contract.step * (1 + place % 1000),
            price=rounded(price * (1 - 1e-6 * place), contract.tick), serial=serial + place,
        )  # fmt: skip


def rounded(value: float | Decimal, step: Decimal) -> Decimal:
    """The nearest multiple of a step, with the step's digits."""
    count = (Decimal(value) / step).to_integral_value(ROUND_HALF_EVEN)
    return (count * step).quantize(step)


def true_orders(
    world: World, contract: Contract, hour: int, share: float, salt: int
) -> Orders:
    """Every forced order of an hour, printed or not; times are since BEGIN."""
    return _true(
        world, contract, hour, share, [world.seed, _number(contract.asset), salt, hour]
    )


def _true(
    world: World, contract: Contract, hour: int, share: float, seed: list[int]
) -> Orders:
    market = _market(world.seed + _number(contract.asset), world.days)
    minutes = np.arange(hour * 60, hour * 60 + 60) % len(market.time)

    def rate(closed: NDArray[np.float64]) -> NDArray[np.float64]:
        usual = float(market.long_bp.mean()) or 1.0
        capped = np.minimum(closed[minutes] / usual, 40.0)
        # Half of all orders come whatever price does: no hour without any.
        steady = world.pace.orders * share * (0.5 + 0.5 * capped)
        return np.repeat(steady, 60)

    return simulated_orders(
        seed=int(np.random.default_rng(seed).integers(2**31)), seconds=3600,
        long_rate=rate(market.long_bp), short_rate=rate(market.short_bp),
    )  # fmt: skip


def _printed(
    world: World, contract: Contract, hour: int, share: float,
    throttle: Throttle | None, seed: list[int],
) -> list[Order]:  # fmt: skip
    orders = _throttled(_true(world, contract, hour, share, seed), throttle)
    begin = world.begin + hour * HOUR
    made: list[Order] = []
    for place in range(len(orders.time)):
        time = begin + (int(orders.time[place]) - BEGIN) // 1000 * 1000
        # No two orders of a contract share a millisecond, so that each can be told.
        time = max(time, made[-1].time + 1000) if made else time
        price = rounded(world.price(contract.asset, time), contract.tick)
        worth = contract.usd(contract.step, price)
        steps = max(round(float(orders.usd[place]) / float(worth)), 1)
        count = contract.step * steps
        made.append(
            Order(
                contract=contract, time=time, long=bool(orders.long[place]),
                count=count, price=price, serial=place,
            )
        )  # fmt: skip
    return made


def _throttled(orders: Orders, throttle: Throttle | None) -> Orders:
    if throttle is None:
        return orders
    if throttle != "largest per side":
        return one_per_second(orders, throttle)
    sides = [
        one_per_second(_only(orders, orders.long == side), "largest")
        for side in (True, False)
    ]
    time = np.concatenate([side.time for side in sides])
    order = np.argsort(time, kind="stable")
    return Orders(
        begin=orders.begin, seconds=orders.seconds, time=time[order],
        long=np.concatenate([side.long for side in sides])[order],
        usd=np.concatenate([side.usd for side in sides])[order],
    )  # fmt: skip


def _only(orders: Orders, kept: NDArray[np.bool_]) -> Orders:
    return Orders(
        begin=orders.begin, seconds=orders.seconds, time=orders.time[kept],
        long=orders.long[kept], usd=orders.usd[kept],
    )  # fmt: skip


def _traded(
    world: World, contract: Contract, hour: int, share: float, seed: list[int]
) -> list[Trade]:
    random = np.random.default_rng([*seed, 1])
    count = random.poisson(3600 * world.pace.trades * share)
    times = np.sort(random.integers(0, 3_600_000, count)) * 1000
    begin = world.begin + hour * HOUR
    sells, sizes = random.random(count) < 0.5, random.lognormal(8, 1.2, count)
    made = []
    for place in range(count):
        time = begin + int(times[place])
        price = rounded(world.price(contract.asset, time), contract.tick)
        worth = contract.usd(contract.step, price)
        steps = max(round(float(sizes[place]) / float(worth)), 1)
        made.append(
            Trade(
                contract=contract, time=time, sells=bool(sells[place]),
                count=contract.step * steps, price=price, serial=place,
            )
        )  # fmt: skip
    return made


def _marked(world: World, contract: Contract, hour: int) -> list[Mark]:
    every = world.pace.marks
    if every <= 0:
        return []
    begin = world.begin + hour * HOUR
    return [
        world.mark(contract, begin + int(place * every * SECOND))
        for place in range(int(3600 / every))
    ]


@cache
def _path(seed: int, days: int) -> list[float]:
    """The log price at the start of each minute."""
    return [float(value) for value in _market(seed, days).log_open]


@cache
def _market(seed: int, days: int) -> SimulatedMarket:
    return simulated_market("null0", seed=seed, days=days)


def _number(asset: str) -> int:
    return list(FIRST_PRICE).index(asset) if asset in FIRST_PRICE else 99
