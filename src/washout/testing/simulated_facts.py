"""A simulated market as facts in a lake, so that all of washout can run on a known truth.

The market trades as `simulated:BTC-USDT`, and `simulated:BTC` has totals of its own as a
vendor would give them. What SIM-1 does not have (dollars, volume, taker flow, spot, open
interest in coins, funding) is made of what it has, plausibly and without an effect on
price: nothing here foretells a return.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from washout.clock import DAY, HOUR, MINUTE, format_width
from washout.errors import LakeError, UsageError
from washout.importers import Unit
from washout.importers._rows import coverage, facts, to_cents
from washout.store.ingest import Receipt, add_unit
from washout.store.lake import Lake
from washout.store.manifest_file import MANIFEST
from washout.testing._loops import decayed, kept, wandering
from washout.testing.simulated_market import (
    BEGIN,
    DAILY,
    MINUTES,
    Floats,
    SimulatedMarket,
    simulated_market,
)
from washout.testing.worlds import World, find_world

if TYPE_CHECKING:
    import pyarrow as pa

Cents = NDArray[np.int64]
Noise = Iterator[np.random.Generator]
Tables = Iterator[tuple[str, "pa.Table"]]

ASSET = {"exchange": "simulated", "asset": "BTC", "market": "", "source": "simulation"}
MARKET = {**ASSET, "market": "BTC-USDT"}
SCOPE = "simulated:BTC"
"""What can be asked of the lake; `simulated:BTC-USDT` is the one market of it."""

PRICE = 30_000.0
"""USD at the beginning."""

OPEN_INTEREST = 200_000.0
"""Usual open interest, in coins."""

TURNOVER = 12e9
"""USD traded on a usual day, perpetual."""

SPOT = 0.2
"""Spot turnover, relative to perpetual."""

SHORTEST, LONGEST = 2, 3650
"""Days that a lake may hold: one has no day before it, ten years fill a memory."""

_OI_EVERY = 5 * MINUTE
_FUNDING_EVERY = 8 * HOUR


class _Side(NamedTuple):
    """Prices and flow of one product, minute by minute; prices in USD."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Cents
    taker_buy: Cents


def simulated_lake(
    path: Path | str,
    world: World | str,
    *,
    seed: int,
    days: int | None = None,
    bar: int = HOUR,
    now: int | None = None,
) -> tuple[Lake, Receipt]:
    """A new lake at `path` with the market of `seed`; LakeError if there is one.

    `bar` is the width of totals and candles in microseconds; `now` is when the vintage
    is said to have come in, by default the end of the market.
    """
    path = Path(path)
    unit = simulated_unit(world, seed=seed, days=days, bar=bar)
    if (path / MANIFEST).exists():
        raise LakeError(
            f"There is a lake at {path} already, and made-up facts do not belong beside"
            " others. Name a new folder."
        )
    lake = Lake.create(path)
    with lake.writing() as scratch:
        receipt = add_unit(
            lake, scratch, unit, importer="simulation",
            sha256=hashlib.sha256(unit.name.encode()).hexdigest(),
            now=BEGIN + _days(world, days) * DAY if now is None else now,
        )  # fmt: skip
    return lake, receipt


def simulated_unit(
    world: World | str, *, seed: int, days: int | None = None, bar: int = HOUR
) -> Unit:
    """The market of `seed` as one unit of facts at bars of `bar` microseconds."""
    world = find_world(world) if isinstance(world, str) else world
    days = _days(world, days)
    if not SHORTEST <= days <= LONGEST:
        raise UsageError(
            f"A simulated market of {days} days: ask for {SHORTEST} to {LONGEST} days."
        )
    if not MINUTE <= bar <= DAY or DAY % bar:
        raise UsageError(
            f"A simulated market at {format_width(bar)}: ask for a bar of 1m to 1d that"
            " divides a day, such as 1m, 5m, 1h, 4h, 1d."
        )
    name = f"world {world.name}, seed {seed}, {days} days, bars of {format_width(bar)}"
    return Unit(
        name,
        lambda _unit: facts_of(simulated_market(world, seed=seed, days=days), bar),
        ordered=True,
    )


def _days(world: World | str, days: int | None) -> int:
    world = find_world(world) if isinstance(world, str) else world
    return world.days if days is None else days


def facts_of(market: SimulatedMarket, bar: int) -> Tables:
    """Every fact of a market, kind by kind, at bars of `bar` microseconds."""
    noise = _generators(market.seed)
    price = PRICE * np.exp(market.log_open)
    coins = _coins(market)
    longs, shorts = (
        to_cents(y * 1e-4 * coins * price) for y in (market.long_bp, market.short_bp)
    )
    perp = _perp(market, noise, longs, shorts)
    yield from _totals(market, bar, longs, shorts)
    yield from _candles(market, bar, "perp", perp)
    yield from _candles(market, bar, "spot", _spot(market, noise, perp))
    yield from _open_interest(market, min(bar, _OI_EVERY), coins, price)
    yield from _funding(market)


def _generators(seed: int) -> Iterator[np.random.Generator]:
    """One generator a series: more days change nothing about the first ones."""
    return map(np.random.default_rng, np.random.SeedSequence([seed, 1]).spawn(5))


def _coins(market: SimulatedMarket) -> Floats:
    """Open interest in coins at the start of each minute.

    It follows leverage, and loses half of what was closed lately: who takes over a
    forced order closes as often as he opens.
    """
    closed = decayed(market.long_bp + market.short_bp, kept(2 * MINUTES))
    before = np.concatenate([[0.0], closed[:-1]])
    load = np.concatenate([market.load[:1], market.load[:-1]])
    coins: Floats = OPEN_INTEREST * load**0.25 * np.exp(-0.5e-4 * before)
    return coins


def _perp(market: SimulatedMarket, noise: Noise, longs: Cents, shorts: Cents) -> _Side:
    """The perpetual: takers lean the way of price, and forced orders are takers too."""
    open_, high, low, close = (
        PRICE * np.exp(one)
        for one in (market.log_open, market.log_high, market.log_low, market.log_close)
    )
    usual = TURNOVER / MINUTES * market.sigma / (DAILY / np.sqrt(MINUTES))
    free = to_cents(usual * next(noise).gamma(2.0, 0.5, len(open_)))
    bought = _bought(market, next(noise), free, leaning=0.15)
    return _Side(open_, high, low, close, free + longs + shorts, bought + shorts)


def _bought(
    market: SimulatedMarket, random: np.random.Generator, volume: Cents, leaning: float
) -> Cents:
    """What takers buy of `volume`: up to `leaning` more or less than half, and noise."""
    move = (market.log_close - market.log_open) / market.sigma
    lean = leaning * np.tanh(move / 2) + random.uniform(-0.1, 0.1, len(move))
    return np.rint(volume * (0.5 + lean / 2)).astype(np.int64)


def _spot(market: SimulatedMarket, noise: Noise, perp: _Side) -> _Side:
    """Spot: the perpetual's price less a basis of some bp that wanders by the hour."""
    minutes = len(perp.open)
    basis = wandering(
        next(noise).standard_normal(minutes), half_life=60, deviation=3e-4
    )
    ratio = np.exp(-basis)
    before = np.concatenate([[1.0], ratio[:-1]])
    open_, close = perp.open * before, perp.close * ratio
    high = np.maximum(perp.high * ratio, np.maximum(open_, close))
    low = np.minimum(perp.low * ratio, np.minimum(open_, close))
    volume = np.rint(SPOT * perp.volume * next(noise).gamma(4.0, 0.25, minutes))
    cents = volume.astype(np.int64)
    return _Side(
        open_, high, low, close, cents, _bought(market, next(noise), cents, leaning=0.1)
    )


def _totals(market: SimulatedMarket, bar: int, longs: Cents, shorts: Cents) -> Tables:
    """What was closed, of the asset as a vendor tells it and of its only market."""
    starts = _starts(market, bar)
    for who in (ASSET, MARKET):
        yield "liquidation_total", facts("liquidation_total", len(starts), {
            **who, "ts_event": starts, "ts_recv": starts + bar, "interval": bar,
            "long_usd": _cut(longs, bar).sum(1), "short_usd": _cut(shorts, bar).sum(1),
        })  # fmt: skip
        yield "coverage", _told("liquidation_total", starts, bar, who)


def _candles(market: SimulatedMarket, bar: int, product: str, side: _Side) -> Tables:
    starts = _starts(market, bar)
    volume = _cut(side.volume, bar).sum(1)
    close = _cut(side.close, bar)[:, -1]
    yield "candle", facts("candle", len(starts), {
        **MARKET, "ts_event": starts, "ts_recv": starts + bar, "interval": bar,
        "product": product, "price_kind": "trade",
        "open": _cut(side.open, bar)[:, 0], "high": _cut(side.high, bar).max(1),
        "low": _cut(side.low, bar).min(1), "close": close,
        "volume": _cut(side.volume / 100 / side.close, bar).sum(1),
        "volume_usd": volume, "taker_buy_usd": _cut(side.taker_buy, bar).sum(1),
    })  # fmt: skip
    yield "coverage", _told("candle_taker", starts, bar, MARKET, product)


def _open_interest(
    market: SimulatedMarket, every: int, coins: Floats, price: Floats
) -> Tables:
    """Samples as they stand at the instant, from before the minute that begins there."""
    at = _starts(market, every)
    here = slice(None, None, every // MINUTE)
    yield "open_interest", facts("open_interest", len(at), {
        **MARKET, "ts_event": at, "ts_recv": at, "open_interest": coins[here],
        "open_interest_usd": to_cents((coins * price)[here]),
    })  # fmt: skip


def _funding(market: SimulatedMarket) -> Tables:
    """0.01 % in 8 hours at usual leverage, more with more of it, three times at most."""
    at = _starts(market, _FUNDING_EVERY)
    load = market.load[:: _FUNDING_EVERY // MINUTE]
    yield "funding_rate", facts("funding_rate", len(at), {
        **MARKET, "ts_event": at, "ts_recv": at, "interval": _FUNDING_EVERY,
        "rate": 1e-4 * np.minimum(load, 3.0),
    })  # fmt: skip


def _told(
    kind: str, starts: NDArray[np.int64], bar: int, who: dict[str, str],
    product: str = "perp",
) -> pa.Table:  # fmt: skip
    """Everything was watched, all of it, and told as soon as a bar ended."""
    words: dict[str, Any] = {**who, "product": product, "trust": "all", "delay": 0}
    return coverage(kind, starts, bar, **words)


def _starts(market: SimulatedMarket, width: int) -> NDArray[np.int64]:
    return market.time[:: width // MINUTE]


def _cut(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Minutes as one line a bar."""
    return values.reshape(-1, width // MINUTE)
