"""SIM-C: all forced orders of some hours, and what a throttled feed shows of them.

Venues print at most one forced order a second and market. Whoever estimates the rest
can be tested against orders of which all are known. Method: E, G.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from washout.clock import DAY, SECOND
from washout.errors import UnknownName, UsageError
from washout.testing.simulated_market import BEGIN

if TYPE_CHECKING:
    import pyarrow as pa

Rate = float | NDArray[np.float64]
Rule = Literal["largest", "latest"]

_MINUTE = 60
RULES = {"largest": "MAX1S", "latest": "LAST1S"}
"""What a feed prints of a second, and what the method calls it."""


class Orders(Struct, frozen=True, kw_only=True):
    """Forced orders in order of time; one value an order.

    `time` is in microseconds UTC; `long` says that a long was closed; `usd` is the
    notional in USD. `seconds` is how long was watched, from `begin` on.
    """

    begin: int
    seconds: int
    time: NDArray[np.int64]
    long: NDArray[np.bool_]
    usd: NDArray[np.float64]

    @property
    def second(self) -> NDArray[np.int64]:
        """The second since `begin` in which each order was."""
        return (self.time - self.begin) // SECOND


def simulated_orders(
    *,
    seed: int,
    seconds: int = 3600,
    long_rate: Rate = 1.0,
    short_rate: Rate = 0.5,
    median_usd: float = 5_000.0,
    deviation: float = 1.5,
    shape: float | None = None,
) -> Orders:
    """Orders of both sides, sizes log-normal with `deviation` in logarithms.

    Rates are orders a second: one number, or one for each second. With `shape` each
    second and side has its own rate, Gamma-distributed with this shape around the
    given one: counts then vary more than Poisson's. Sides vary independently, which is
    what an estimator for one side supposes of the other.
    """
    if seconds < 1:
        raise UsageError(f"Orders of {seconds} seconds: ask for one or more.")
    random = np.random.default_rng(seed)
    counts = [_counts(random, seconds, rate, shape) for rate in (long_rate, short_rate)]
    second = np.concatenate([np.repeat(np.arange(seconds), c) for c in counts])
    long = np.repeat([True, False], [int(c.sum()) for c in counts])
    time = BEGIN + second * SECOND + random.integers(0, SECOND, len(second))
    usd = random.lognormal(np.log(median_usd), deviation, len(second))
    order = np.argsort(time, kind="stable")
    return Orders(
        begin=BEGIN, seconds=seconds, time=time[order], long=long[order], usd=usd[order]
    )


def _counts(
    random: np.random.Generator, seconds: int, rate: Rate, shape: float | None
) -> NDArray[np.int64]:
    """How many orders each second has."""
    rates = np.broadcast_to(np.asarray(rate, np.float64), (seconds,))
    if shape is not None:
        rates = rates * random.standard_gamma(shape, seconds) / shape
    return random.poisson(rates)


def one_per_second(orders: Orders, rule: Rule) -> Orders:
    """What a feed prints: the largest or the latest order of each second.

    Both sides share the one place of a second. Of equal sizes the earlier is printed.
    """
    if rule not in RULES:
        raise UnknownName("rule of a feed", rule, RULES)
    second = orders.second
    place = np.arange(len(second))
    rank = -orders.usd if rule == "largest" else -place
    ranked = np.lexsort((rank, second))
    first = np.diff(second[ranked], prepend=-1) != 0
    kept = np.sort(ranked[first])
    return Orders(
        begin=orders.begin, seconds=orders.seconds, time=orders.time[kept],
        long=orders.long[kept], usd=orders.usd[kept],
    )  # fmt: skip


def print_rows(prints: Orders, *, throttled: bool = True, bar: int = DAY) -> pa.Table:
    """What a feed printed as rows of the view `prints`, all of it watched.

    One scope, one market; what is known of it is known at once.
    """
    import pyarrow as pa

    second = np.unique(prints.second)
    minutes = np.unique(second // _MINUTE)
    until = -(-(prints.begin + prints.seconds * SECOND) // bar) * bar
    bars = np.arange(prints.begin // bar * bar + bar, until + 1, bar)
    ends = np.union1d(
        minutes * _MINUTE + _MINUTE - 1, (bars - prints.begin) // SECOND - 1
    )
    rows = np.union1d(second, ends)
    places = np.searchsorted(rows, prints.second)
    usd = np.rint(100 * prints.usd).astype(np.int64)
    sums = [
        np.bincount(places, np.where(prints.long == side, usd, 0), len(rows))
        for side in (True, False)
    ]
    is_end, closes = (
        np.isin(rows, ends),
        np.isin(rows, (bars - prints.begin) // SECOND - 1),
    )
    signed = np.zeros(len(rows))
    order = np.argsort(usd, kind="stable")
    signed[places[order]] = np.where(prints.long, -usd, usd)[order]
    time = prints.begin + rows * SECOND
    nothing = np.full(len(rows), np.nan)
    columns = {
        "bar": time, "known_at": time,
        "usdt_print_usd": np.where(np.isin(rows, second), signed, np.nan),
        **{f"{lane}_print_usd": nothing for lane in ("usdc", "usd", "other")},
        "long_usd": sums[0], "short_usd": sums[1],
        "observed_s": np.where(is_end, 60.0, np.nan),
        "pool_observed_s": np.where(is_end, np.minimum(rows + 1.0, 600.0), np.nan),
        "bar_observed_s": np.where(closes, bar / SECOND, np.nan),
        "throttled": np.where(is_end, float(throttled), np.nan),
    }  # fmt: skip
    made = pa.table(columns)
    return made.add_column(0, "scope", pa.repeat("simulated:BTC", len(rows)))
