"""Generated markets: everything that real feeds do to a record, in six weeks.

Two exchanges, two assets, several markets and sources of one fact, single events and
totals, rows that come late, twice, out of order, at equal times, or not at all. A seed
names a market; nothing else is random.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout import schema
from washout.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from washout.config import cohort_names
from washout.importers import Unit
from washout.importers._rows import coverage, facts, stretches
from washout.store.ingest import add_unit
from washout.store.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

BEGIN = parse_time("2025-01-20")
"""A Monday, five weeks before Bybit's feed changed its meaning."""

DAYS = 42
END = BEGIN + DAYS * DAY
NOW = END + DAY

SCOPES = ("binance:BTC", "bybit:BTC", "all:BTC", "binance:BTC-USDT", "binance:ETH")
"""What can be asked of a generated market; not every view has all of it."""

Tables = Iterator[tuple[str, "pa.Table"]]


def generated_lake(path: Path, seed: int) -> Lake:
    """A new lake at `path` that holds the market of `seed`."""
    lake = Lake.create(path)
    with lake.writing() as scratch:
        add_unit(
            lake, scratch, generated(seed),
            importer="generated", sha256=str(seed), now=NOW,
        )  # fmt: skip
    return lake


def generated(seed: int) -> Unit:
    """The market of `seed` as one unit of facts."""
    return Unit(f"market {seed}", lambda _unit: _shuffled(seed))


def _shuffled(seed: int) -> Tables:
    """Every table with some rows twice and all rows out of order."""
    random = np.random.default_rng(seed)
    for kind, table in _facts(random):
        again = random.integers(0, table.num_rows, table.num_rows // 30)
        order = np.concatenate([np.arange(table.num_rows), again])
        if kind != "coverage":
            random.shuffle(order)
        yield kind, table.take(order)


def _facts(random: np.random.Generator) -> Tables:
    yield from _liquidations(random)
    yield from _flow(random)
    yield from _candles(random)
    yield from _samples(random)


def _who(exchange: str, market: str, source: str, asset: str = "BTC") -> dict[str, Any]:
    return {"exchange": exchange, "asset": asset, "market": market, "source": source}


def _grid(
    random: np.random.Generator, first: float, last: float, interval: int, kept: float
) -> NDArray[np.int64]:
    """Starts of intervals between two days of the market, some missing."""
    starts = np.arange(BEGIN + int(first * DAY), BEGIN + int(last * DAY), interval)
    keep = random.random(len(starts)) < kept
    keep[[0, -1]] = True
    return starts[keep].astype(np.int64)


def _received(
    random: np.random.Generator, at: NDArray[np.int64], late: float = 0.05
) -> NDArray[np.int64]:
    """Receipt: soon after, but for some hours after."""
    soon = random.integers(20_000, 4 * SECOND, len(at))
    hours = random.integers(0, 6 * HOUR, len(at))
    return at + np.where(random.random(len(at)) < late, hours, soon)


def _usd(random: np.random.Generator, count: int, typical: float) -> NDArray[np.int64]:
    """Heavy-tailed amounts in cents."""
    return np.rint(100 * typical * random.lognormal(0, 1.5, count)).astype(np.int64)


def _liquidations(random: np.random.Generator) -> Tables:
    """A vendor's totals, then a stream; another exchange's stream; one market alone."""
    for who, first, last, interval in (
        (_who("binance", "", "vendor"), 0, 33, 4 * HOUR),
        (_who("binance", "BTC-USDT", "vendor"), 0, 42, HOUR),
        (_who("binance", "", "vendor", "ETH"), 3, 42, DAY),
        (_who("bybit", "", "vendor"), 0, 14, HOUR),
    ):
        starts = _grid(random, first, last, interval, 0.95)
        yield "liquidation_total", facts("liquidation_total", len(starts), {
            **who, "ts_event": starts, "interval": interval,
            "ts_recv": _received(random, starts + interval),
            "long_usd": _usd(random, len(starts), interval / SECOND),
            "short_usd": _usd(random, len(starts), interval / SECOND),
        })  # fmt: skip
        yield (
            "coverage",
            coverage("liquidation_total", starts, interval, delay=20 * MINUTE, **who),
        )
    yield from _stream(random, "binance", 25, 42, ("BTC-USDT", "BTC-USD"))
    yield from _stream(random, "bybit", 10, 42, ("BTC-USDT",))


def _stream(
    random: np.random.Generator, exchange: str, first: int, last: int,
    markets: tuple[str, ...],
) -> Tables:  # fmt: skip
    """Single events with outages: three told as gaps, two as holes in the coverage."""
    begin, end = BEGIN + first * DAY, BEGIN + last * DAY
    out = np.sort(random.integers(begin, end, 5))
    back = out + random.integers(10 * MINUTE, 9 * HOUR, 5)
    at = np.sort(random.integers(begin, end, 40 * (last - first)))
    at[1::9] = at[::9][: len(at[1::9])]  # equal times
    seen = ~np.any((at[:, None] >= out) & (at[:, None] < back), axis=1)
    at = at[seen]
    longs = random.random(len(at)) < 0.5
    usd = _usd(random, len(at), 20_000)
    yield "liquidation", facts("liquidation", len(at), {
        **_who(exchange, "", "stream"), "ts_event": at,
        "market": random.choice(markets, len(at)),
        "ts_recv": _received(random, at), "id": np.arange(len(at)).astype(str),
        "side": np.where(longs, "sell", "buy"),
        "liquidated": np.where(longs, "long", "short"),
        "quantity": usd / 5e6, "price": 50_000.0, "price_kind": "fill", "usd": usd,
    })  # fmt: skip
    yield "tally", _tallies(random, exchange, begin, end)
    told = _who(exchange, "", "stream")
    edges = np.concatenate([[begin], np.column_stack([out[:2], back[:2]]).ravel()])
    starts, stops = edges[::2], np.concatenate([edges[1::2], [end]])
    starts = np.maximum.accumulate(starts)
    real = stops > starts
    yield "coverage", stretches("liquidation", starts[real], stops[real], 0, **told)
    whose = {**told, "asset": np.array(["BTC", "", "BTC"])}
    yield "gap", facts("gap", 3, {
        **whose, "market": np.array(["", "", "BTC-USDT"]), "kind": "liquidation",
        "ts_event": out[2:], "ts_end": back[2:], "ts_recv": back[2:],
        "reason": "connection lost",
    })  # fmt: skip


def _tallies(
    random: np.random.Generator, exchange: str, begin: int, end: int
) -> pa.Table:
    """What a recorder counts minute by minute, of an asset or a whole connection."""
    count = 400
    minutes = np.arange(begin // MINUTE, end // MINUTE)
    at = np.sort(random.choice(minutes, count, replace=False)) * MINUTE
    names = ("frames", "events", "duplicates", "late", "late_usd", "reconnects")
    return facts("tally", count, {
        **_who(exchange, "", "stream", ""), "asset": random.choice(["BTC", ""], count),
        "ts_event": at, "ts_recv": _received(random, at + MINUTE),
        "kind": random.choice(["liquidation", "trade"], count, p=[0.9, 0.1]),
        "interval": MINUTE, "name": random.choice(names, count),
        "count": random.integers(1, 50, count),
    })  # fmt: skip


def _flow(random: np.random.Generator) -> Tables:
    """Trades for some days, totals by cohort and of all trades around them."""
    perp = _who("binance", "BTC-USDT", "tape")
    begin, end = BEGIN + 28 * DAY, BEGIN + 31 * DAY
    at = np.sort(random.integers(begin, end, 3000))
    at[1::5] = at[::5][: len(at[1::5])]
    usd = _usd(random, len(at), 8_000)
    yield "trade", facts("trade", len(at), {
        **perp, "ts_event": at, "ts_recv": _received(random, at), "product": "perp",
        "id": np.arange(len(at)), "side": random.choice(["buy", "sell"], len(at)),
        "price": 50_000.0, "quantity": usd / 5e6, "usd": usd,
    })  # fmt: skip
    yield "coverage", stretches("trade", [begin], [end], 0, **perp)
    for product, cohorts in (("perp", cohort_names()), ("spot", ("",))):
        starts = _grid(random, 15, 35, HOUR, 0.97)
        who = _who("binance", "BTC-USDT", f"totals-{product}")
        for cohort in cohorts:
            yield "trade_total", facts("trade_total", len(starts), {
                **who, "ts_event": starts, "ts_recv": _received(random, starts + HOUR),
                "product": product, "interval": HOUR, "cohort": cohort,
                "buy_usd": _usd(random, len(starts), 1e5),
                "sell_usd": _usd(random, len(starts), 1e5),
            })  # fmt: skip
        yield (
            "coverage",
            coverage(
                "trade_total",
                starts,
                HOUR,
                product=product,
                trust="all",
                delay=0,
                **who,
            ),
        )


def _candles(random: np.random.Generator) -> Tables:
    """Several widths and sources; some tell volume, some taker volume, some neither."""
    for who, product, interval, first, last, tells in (
        (_who("binance", "BTC-USDT", "archive"), "perp", HOUR, 0, 42, "taker"),
        (_who("binance", "BTC-USDT", "archive"), "perp", 5 * MINUTE, 28, 34, ""),
        (_who("binance", "BTC-USDT", "vendor"), "perp", 4 * HOUR, 0, 42, "usd"),
        (_who("binance", "BTC-USDT", "archive"), "spot", 4 * HOUR, 0, 40, "taker"),
        (_who("bybit", "BTC-USDT", "archive"), "perp", 4 * HOUR, 5, 42, "taker"),
        (_who("binance", "ETH-USDT", "archive", "ETH"), "perp", DAY, 0, 42, "usd"),
        (_who("binance", "BTC-USD", "archive"), "mark", HOUR, 10, 30, ""),
    ):
        starts = _grid(random, first, last, interval, 0.995)
        count = len(starts)
        trend = np.linspace(0, 0.5, count)
        price = 50_000 * np.exp(trend + np.cumsum(random.normal(0, 1e-3, count)))
        usd = _usd(random, count, interval / SECOND * 100) if tells else None
        taker = None if usd is None or tells != "taker" else usd // 2
        is_mark = product == "mark"
        close = price * np.exp(random.normal(0, 1e-3, count))
        wick = np.exp(np.abs(random.normal(0, 1e-3, count)))
        yield "candle", facts("candle", count, {
            **who, "ts_event": starts, "interval": interval,
            "product": "perp" if is_mark else product,
            "price_kind": "mark" if is_mark else "trade",
            "ts_recv": _received(random, starts + interval, 0.02),
            "open": price, "high": np.maximum(price, close) * wick,
            "low": np.minimum(price, close) / wick, "close": close,
            "volume": None if usd is None else usd / 5e6,
            "volume_usd": usd, "taker_buy_usd": taker,
        })  # fmt: skip
        if taker is not None:
            yield "coverage", coverage(
                "candle_taker", starts, interval, product=product, trust="all",
                delay=0, **who,
            )  # fmt: skip


def _samples(random: np.random.Generator) -> Tables:
    """Open interest of several markets and sources, and funding, with holes."""
    for who, interval, base in (
        (_who("binance", "BTC-USDT", "archive"), 30 * MINUTE, True),
        (_who("binance", "BTC-USDT", "poll"), 47 * MINUTE, True),
        (_who("binance", "BTC-USD", "archive"), HOUR, False),
        (_who("bybit", "BTC-USDT", "archive"), 4 * HOUR, True),
        (_who("binance", "", "vendor", "ETH"), DAY, True),
    ):
        at = _grid(random, 0, 42, interval, 0.9)
        usd = _usd(random, len(at), 1e9)
        yield "open_interest", facts("open_interest", len(at), {
            **who, "ts_event": at, "ts_recv": _received(random, at, 0.02),
            "open_interest": usd / 5e6 if base else None, "open_interest_usd": usd,
        })  # fmt: skip
    for exchange, source in (
        ("binance", "archive"), ("binance", "poll"), ("bybit", "archive")
    ):  # fmt: skip
        at = _grid(random, 0, 42, 8 * HOUR, 0.98) + random.integers(0, 9_000)
        yield "funding_rate", facts("funding_rate", len(at), {
            **_who(exchange, "BTC-USDT", source), "ts_event": at,
            "ts_recv": _received(random, at, 0.02), "interval": 8 * HOUR,
            "rate": random.normal(1e-4, 1e-4, len(at)),
        })  # fmt: skip


KINDS = tuple(kind for kind in schema.KEY)
"""Every kind of fact occurs in a generated market."""
