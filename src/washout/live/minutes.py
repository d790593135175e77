"""Trades and mark prices of a minute become totals by size of order, and candles.

A minute is closed once its grace is over. What comes later is late: it is counted, and
never changes what was told. The result does not depend on the order of receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import MINUTE
from washout.config import DEFAULT, cohort_names
from washout.events import Candle, TradeTotal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from washout.live.rows import Rows

MILLISECOND = 1000
BOUNDS = np.array([bound * 100 for bound in DEFAULT.cohorts], np.int64)
COHORTS = cohort_names()

Who = tuple[str, str, str, str, str]
"""Exchange, source, asset, market, product."""

Taken = tuple[int, int, float, float, int, bool, int]
"""Time, id, price, quantity, cents, whether the taker sold, receipt."""

Quoted = tuple[int, float, int]
"""Time, price, receipt."""

WHO = ("exchange", "source", "asset", "market", "product")


class Minutes:
    """The minutes that are not yet closed, by their start."""

    def __init__(self, grace: int) -> None:
        self.grace = grace
        self._trades: dict[int, dict[Who, list[Taken]]] = {}
        self._quotes: dict[int, dict[Who, list[Quoted]]] = {}

    @property
    def pending(self) -> bool:
        """Whether any minute is open."""
        return bool(self._trades or self._quotes)

    def add_trades(self, rows: Rows) -> None:
        """Take trades; late ones are left out."""
        sells = (side == "sell" for side in rows.column("side"))
        taken = zip(
            *rows.columns("ts_event", "id", "price", "quantity", "usd"), sells,
            rows.column("ts_recv"), strict=True,
        )  # fmt: skip
        last: tuple[int, Who] | None = None
        for who, trade in zip(
            zip(*rows.columns(*WHO), strict=True), taken, strict=True
        ):
            begin = trade[0] - trade[0] % MINUTE
            if trade[6] > begin + MINUTE + self.grace:
                continue
            if last != (begin, who):
                mine = self._trades.setdefault(begin, {}).setdefault(who, [])
                last = begin, who
            mine.append(trade)

    def add_quotes(self, rows: Rows) -> None:
        """Take single mark prices; late ones are left out."""
        quotes = zip(*rows.columns("ts_event", "close", "ts_recv"), strict=True)
        for who, quote in zip(
            zip(*rows.columns(*WHO), strict=True), quotes, strict=True
        ):
            begin = quote[0] - quote[0] % MINUTE
            if quote[2] <= begin + MINUTE + self.grace:
                self._quotes.setdefault(begin, {}).setdefault(who, []).append(quote)

    def close(self, end: int) -> Iterator[TradeTotal | Candle]:
        """Facts of the minutes that ended by `end`, in order of time and feed."""
        for begin in sorted(b for b in self._trades if b + MINUTE <= end):
            for who, trades in sorted(self._trades.pop(begin).items()):
                trades.sort()
                yield from _totals(begin, who, trades)
                yield _candle(begin, who, trades)
        for begin in sorted(b for b in self._quotes if b + MINUTE <= end):
            for who, quotes in sorted(self._quotes.pop(begin).items()):
                yield _mark(begin, who, sorted(quotes, key=lambda quote: quote[0]))


def _named(who: Who) -> dict[str, Any]:
    return dict(zip(WHO, who, strict=True))


def _complete(begin: int, receipts: Sequence[int]) -> int:
    """When the minute's facts were all there: its end, or the last receipt after it."""
    return max(begin + MINUTE, *receipts)


def cohorts(
    times: NDArray[np.int64], cents: NDArray[np.int64], sells: NDArray[np.bool_]
) -> list[tuple[str, int, int, int]]:
    """(cohort, cents bought, cents sold, trades) of one minute's trades.

    Trades of one side and millisecond are one taker's order, as in archives of
    aggregated trades.
    """
    orders, place = np.unique(times // MILLISECOND * 2 + sells, return_inverse=True)
    amounts = np.zeros(len(orders), np.int64)
    np.add.at(amounts, place, cents)
    trades = np.bincount(place, minlength=len(orders))
    size, sold = np.searchsorted(BOUNDS, amounts, side="right"), orders % 2 == 1
    return [
        (
            COHORTS[at], int(amounts[(size == at) & ~sold].sum()),
            int(amounts[(size == at) & sold].sum()), int(trades[size == at].sum()),
        )
        for at in np.unique(size)
    ]  # fmt: skip


def _totals(begin: int, who: Who, trades: Sequence[Taken]) -> Iterator[TradeTotal]:
    times, _, _, _, cents, sells, receipts = zip(*trades, strict=True)
    known = _complete(begin, receipts)
    for cohort, bought, sold, count in cohorts(
        np.array(times, np.int64), np.array(cents, np.int64), np.array(sells, np.bool_)
    ):
        yield TradeTotal(
            **_named(who), ts_event=begin, ts_recv=known, interval=MINUTE,
            cohort=cohort, buy_usd=bought, sell_usd=sold, trades=count,
        )  # fmt: skip


def _candle(begin: int, who: Who, trades: Sequence[Taken]) -> Candle:
    _, _, prices, sizes, cents, sells, receipts = zip(*trades, strict=True)
    return Candle(
        **_named(who), ts_event=begin, ts_recv=_complete(begin, receipts),
        price_kind="trade", interval=MINUTE, open=prices[0], high=max(prices),
        low=min(prices), close=prices[-1], volume=float(sum(sizes)),
        volume_usd=sum(cents), trades=len(trades),
        taker_buy_usd=sum(c for c, sold in zip(cents, sells, strict=True) if not sold),
    )  # fmt: skip


def _mark(begin: int, who: Who, quotes: Sequence[Quoted]) -> Candle:
    _, prices, receipts = zip(*quotes, strict=True)
    return Candle(
        **_named(who), ts_event=begin, ts_recv=_complete(begin, receipts),
        price_kind="mark", interval=MINUTE, open=prices[0], high=max(prices),
        low=min(prices), close=prices[-1], volume=None, volume_usd=None,
        taker_buy_usd=None, trades=None,
    )  # fmt: skip
