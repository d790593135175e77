"""The normalised facts. USD is int64 cents, time is int64 microseconds UTC.

`asset` is what is traded (BTC), `market` one instrument (BTC-USDT); in totals an empty
`market` means every perpetual of the asset. `ts_event` orders the market, `ts_recv`
says when we could know. `source` names who told us: two sources of one fact are never
added up.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Side = Literal["buy", "sell"]
Position = Literal["long", "short"]
PriceKind = Literal["fill", "order", "bankruptcy", "mark"]
Product = Literal["perp", "spot"]
Trust = Literal["all", "one_per_second", "aggregated", "open_orders_only", "unknown"]


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """What every fact has."""

    exchange: str
    asset: str
    market: str
    source: str
    ts_event: int
    ts_recv: int


class Liquidation(Event, frozen=True, kw_only=True, gc=False):
    """One forced order. A long is closed by a sell, a short by a buy."""

    id: str
    side: Side
    liquidated: Position
    quantity: float
    price: float
    price_kind: PriceKind
    usd: int


class LiquidationTotal(Event, frozen=True, kw_only=True, gc=False):
    """A vendor's or exchange's sum over `[ts_event, ts_event + interval)`."""

    interval: int
    long_usd: int
    short_usd: int


class Trade(Event, frozen=True, kw_only=True, gc=False):
    """One (aggregated) trade; `side` is the taker's."""

    product: Product
    id: int
    side: Side
    price: float
    quantity: float
    usd: int


class TradeTotal(Event, frozen=True, kw_only=True, gc=False):
    """Taker volume over an interval, of one trade-size cohort or, if "", of all."""

    product: Product
    interval: int
    cohort: str
    buy_usd: int
    sell_usd: int
    trades: int | None


class Candle(Event, frozen=True, kw_only=True, gc=False):
    """Open, high, low, close of an interval; volumes are null where not told."""

    product: Product
    price_kind: Literal["trade", "mark"]
    interval: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    volume_usd: int | None
    taker_buy_usd: int | None
    trades: int | None


class OpenInterest(Event, frozen=True, kw_only=True, gc=False):
    """Open positions at an instant: in base asset, in USD, and the venue's ratios."""

    open_interest: float | None
    open_interest_usd: int | None
    top_account_ratio: float | None = None
    top_position_ratio: float | None = None
    account_ratio: float | None = None
    taker_ratio: float | None = None


class FundingRate(Event, frozen=True, kw_only=True, gc=False):
    """Rate paid by longs to shorts for `interval`, a fraction."""

    interval: int
    rate: float


class Gap(Event, frozen=True, kw_only=True, gc=False):
    """`[ts_event, ts_end)` was not observed although it should have been."""

    kind: str
    ts_end: int
    reason: str


class Coverage(Event, frozen=True, kw_only=True, gc=False):
    """`[ts_event, ts_end)` was observed by `source`, and how far to trust it.

    `interval` is 0 for single events, else the width of the totals; `delay` is how
    long after the end of a bar the source is assumed to publish; `floor` says that
    true totals can only be larger.
    """

    kind: str
    product: str
    interval: int
    ts_end: int
    trust: Trust
    floor: bool
    delay: int


class Tally(Event, frozen=True, kw_only=True, gc=False):
    """How often something happened to a feed in `[ts_event, ts_event + interval)`.

    `kind` is what the feed tells of; `name` is what is counted: `frames`, `events`,
    `duplicates`, `late`, `decode_errors`, `reconnects`, ...
    """

    kind: str
    interval: int
    name: str
    count: int


KINDS: dict[str, type[Event]] = {
    "liquidation": Liquidation,
    "liquidation_total": LiquidationTotal,
    "trade": Trade,
    "trade_total": TradeTotal,
    "candle": Candle,
    "open_interest": OpenInterest,
    "funding_rate": FundingRate,
    "gap": Gap,
    "coverage": Coverage,
    "tally": Tally,
}
"""Every kind of fact that a lake stores, by name."""
