"""Making events out of what was read: sizes, sides, ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from washout.clock import HOUR
from washout.events import (
    Candle,
    FundingRate,
    Liquidation,
    OpenInterest,
    Position,
    PriceKind,
    Side,
    Trade,
)
from washout.exchanges._contract import Instrument, Unexplained, cents

CLOSES: dict[str, tuple[Side, Position]] = {
    "long": ("sell", "long"),
    "short": ("buy", "short"),
}
"""A long is closed by a sell, a short by a buy."""

OF_ORDER: dict[str, tuple[Side, Position]] = {
    "SELL": CLOSES["long"],
    "BUY": CLOSES["short"],
}
"""Where a venue tells the side of the forced order."""


def sized(instrument: Instrument, count: Decimal, price: Decimal) -> tuple[float, int]:
    """`count` of the venue's units as (quantity in the asset, cents).

    Contracts of a USD size are worth it at any price: they are never multiplied by it.
    Raises Unexplained for more than int64 cents.
    """
    size = count * instrument.contract
    inverse = instrument.unit == "usd"
    usd = cents(size if inverse else size * price)
    if usd >= 2**63:
        raise Unexplained(
            f"{instrument.symbol}: {count} at {price} is worth {usd // 100} USD; expected"
            " what a market can trade. Compare the frame, which is kept in the journal,"
            " with the venue's documentation."
        )
    return float(size) / float(price) if inverse else float(size), usd


def liquidation(
    venue: str,
    instrument: Instrument,
    sides: tuple[Side, Position],
    count: Decimal,
    price: Decimal,
    price_kind: PriceKind,
    time: int,
    received: int,
    id: str,  # noqa: A002
) -> Liquidation:
    """A forced order of `count` units; `time` is milliseconds."""
    quantity, usd = sized(instrument, count, price)
    return Liquidation(
        exchange=venue, asset=instrument.asset, market=instrument.market,
        source=f"{venue}-stream", ts_event=time * 1000, ts_recv=received, id=id,
        side=sides[0], liquidated=sides[1], quantity=quantity, price=float(price),
        price_kind=price_kind, usd=usd,
    )  # fmt: skip


def trade(
    venue: str,
    instrument: Instrument,
    side: Side,
    count: Decimal,
    price: Decimal,
    time: int,
    received: int,
    id: int,  # noqa: A002
) -> Trade:
    """A trade of `count` units with the taker's side; `time` is milliseconds."""
    quantity, usd = sized(instrument, count, price)
    return Trade(
        exchange=venue, asset=instrument.asset, market=instrument.market,
        source=f"{venue}-stream", ts_event=time * 1000, ts_recv=received,
        product="perp", id=id, side=side, price=float(price), quantity=quantity, usd=usd,
    )  # fmt: skip


def mark_price(
    venue: str, instrument: Instrument, price: Decimal, time: int, received: int
) -> Candle:
    """One quote of the mark price, as a candle of no width; `time` is milliseconds."""
    value = float(price)
    return Candle(
        exchange=venue, asset=instrument.asset, market=instrument.market,
        source=f"{venue}-stream", ts_event=time * 1000, ts_recv=received,
        product="perp", price_kind="mark", interval=0, open=value, high=value,
        low=value, close=value, volume=None, volume_usd=None, taker_buy_usd=None,
        trades=None,
    )  # fmt: skip


def open_interest(
    venue: str,
    instrument: Instrument,
    base: Decimal | None,
    usd: Decimal | None,
    time: int,
    received: int,
) -> OpenInterest:
    """Open positions at `time` (milliseconds), in the asset and in USD."""
    return OpenInterest(
        exchange=venue, asset=instrument.asset, market=instrument.market,
        source=f"{venue}-rest", ts_event=time * 1000, ts_recv=received,
        open_interest=None if base is None else float(base),
        open_interest_usd=None if usd is None else cents(usd),
    )  # fmt: skip


def funding_rates(
    venue: str,
    instrument: Instrument,
    paid: Iterable[tuple[int, float]],
    received: int,
) -> list[FundingRate]:
    """Rates from (time in milliseconds, rate) that follow each other without a hole.

    A rate is paid for the time since the one before, in whole hours; the first one
    only says when the second began.
    """
    ordered = sorted(paid)
    return [
        FundingRate(
            exchange=venue, asset=instrument.asset, market=instrument.market,
            source=f"{venue}-rest", ts_event=time * 1000, ts_recv=received,
            interval=round((time - before) / 3_600_000) * HOUR, rate=rate,
        )
        for (before, _), (time, rate) in pairwise(ordered)
    ]  # fmt: skip


def distinct(told: Sequence[tuple[str, str]]) -> list[str]:
    """Ids of the (symbol, id) of one frame: the second and third alike get `#2`, `#3`.

    Twins of a connection number alike, since they hear the same frame; where one of
    them hears it in pieces, the other still has every order.

    >>> distinct([("BTCUSDT", "5-Buy"), ("BTCUSDT", "5-Buy"), ("ETHUSDT", "5-Buy")])
    ['5-Buy', '5-Buy#2', '5-Buy']
    """
    seen: Counter[tuple[str, str]] = Counter()
    ids = []
    for key in told:
        seen[key] += 1
        ids.append(key[1] if seen[key] == 1 else f"{key[1]}#{seen[key]}")
    return ids
