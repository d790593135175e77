"""What a fake exchange sent, to whom, and what nobody could have seen: exactly.

Against it a recorder's lake is compared, order by order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from washout.clock import SECOND
from washout.exchanges import cents
from washout.testing.exchange_faults import Fault
from washout.testing.exchange_market import Order, Trade

Outcome = Literal["whole", "broken", "doubtful", "withheld", "unsent"]
"""Of a frame: `broken` cannot be read, `doubtful` may have been lost on the way,
`withheld` was kept back by a fault, `unsent` met a connection that had ended."""

TIMELESS = frozenset({"bitmex"})
"""Venues that give no time with an order: its time is when it was received."""

Key = tuple[str, str, int]
"""Line, symbol and serial: one forced order."""


class Forced(msgspec.Struct, kw_only=True, gc=False):
    """A forced order that a venue printed.

    Times are market time in microseconds: `time` is what the venue says, `at` when it
    was due. `usd` is in cents at the published price. `whole` counts the connections
    that got it in one piece, `doubtful` those that may have.
    """

    line: str
    symbol: str
    market: str
    time: int
    at: int
    long: bool
    usd: int
    serial: int
    whole: int = 0
    doubtful: int = 0
    broken: int = 0
    withheld: int = 0
    extra: int = 0
    """Times a connection got it once more."""

    @property
    def exchange(self) -> str:
        """The venue."""
        return self.line.split(".")[0]

    @property
    def key(self) -> Fact:
        """What a recorder must have stored of it."""
        time = 0 if self.exchange in TIMELESS else self.time
        side = "long" if self.long else "short"
        return Fact(self.exchange, self.market, time, side, self.usd)


class Fact(NamedTuple):
    """A liquidation as it is compared; `time` is 0 where the venue gives none."""

    exchange: str
    market: str
    time: int
    liquidated: str
    usd: int


class Connected(msgspec.Struct, kw_only=True):
    """A connection: when it was opened, first acknowledged, and ended, and how."""

    line: str
    number: int
    path: str
    opened: int
    acknowledged: int | None = None
    closed: int | None = None
    how: str = ""
    frames: dict[str, int] = {}
    """Sent whole, by sort: orders, trades, marks, other."""
    heard: int = 0


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a line gave nothing to anybody who could have asked for it.

    `seen` is how a client can know of it: `at once`, `by pings`, `by watching` (other
    venues, or the price), `by errors`.
    """

    line: str
    start: int
    stop: int
    why: str
    seen: str


class Injected(msgspec.Struct, kw_only=True):
    """A fault as it happened: when, to which connections, to how many frames."""

    fault: Fault
    line: str
    at: int
    connections: tuple[int, ...] = ()
    frames: int = 0


HOW_SEEN = {
    "half_open": "by pings", "silence": "by watching", "unrouted": "by watching",
    "no_ack": "by waiting", "refuse": "at once", "malformed": "by errors",
    "truncated": "at once",
}  # fmt: skip


class Ledger:
    """The book. Written by one thread, read when the fake has stopped or is quiet."""

    def __init__(self) -> None:
        self.orders: dict[Key, Forced] = {}
        self.connections: list[Connected] = []
        self.faults: list[Injected] = []
        self.trades: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0])
        """By line, market and minute: how many reached somebody, and their cents."""
        self.withheld: list[tuple[str, int, int, int, str]] = []
        """Line, connection, from, to, why: it was open and was given nothing."""
        self.seconds: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        """By line and second: frames sent whole, and forced orders in them."""
        self._traded: set[Key] = set()

    def happened(self, line: str, orders: Iterable[Order], at: int) -> None:
        """A venue prints these orders, whoever listens."""
        for order in orders:
            key = (line, order.contract.symbol, order.serial)
            self.orders[key] = Forced(
                line=line, symbol=order.contract.symbol, market=order.contract.market,
                time=order.time, at=at, long=order.long, usd=cents(order.usd),
                serial=order.serial,
            )  # fmt: skip

    def sent(
        self, connected: Connected, sort: str, orders: Iterable[Key],
        trades: Iterable[Trade], outcome: Outcome, at: int, *, again: bool = False,
    ) -> None:  # fmt: skip
        """A frame went to a connection, or did not."""
        keys = list(orders)
        for key in keys:
            _count(self.orders[key], outcome, again=again)
        if outcome != "whole":
            return
        connected.frames[sort] = connected.frames.get(sort, 0) + 1
        second = self.seconds[connected.line, at // SECOND]
        second[0] += 1
        second[1] += len(keys)
        for trade in trades:
            self._trade(connected.line, trade)

    def _trade(self, line: str, trade: Trade) -> None:
        key = (line, trade.contract.symbol, trade.serial)
        if key in self._traded:
            return
        self._traded.add(key)
        minute = trade.time // (60 * SECOND) * 60 * SECOND
        total = self.trades[line, trade.contract.market, minute]
        total[0] += 1
        total[1] += cents(trade.usd)

    def delivered(self) -> list[Forced]:
        """Orders that somebody got whole, and cannot have lost on the way."""
        return [one for one in self.orders.values() if one.whole]

    def missed(self) -> list[Forced]:
        """Orders that nobody got: nobody was there, or a fault kept them back."""
        return [one for one in self.orders.values() if not one.whole]

    def holes(self, line: str, until: int) -> list[Hole]:
        """Stretches from the first acknowledgement to `until` in which nobody got data.

        With several connections a hole is what none of them covers.
        """
        mine = [one for one in self.connections if one.line == line]
        served: list[tuple[int, int]] = []
        for one in mine:
            if one.acknowledged is not None:
                end = until if one.closed is None else min(one.closed, until)
                served.extend(_without(one.acknowledged, end, self._kept(one, until)))
        if not served:
            return []
        found, reached = [], min(start for start, _ in served)
        for start, stop in sorted(served):
            if start > reached:
                found.append(self._hole(line, mine, reached, start))
            reached = max(reached, stop)
        if reached < until:
            found.append(self._hole(line, mine, reached, until))
        return found

    def _kept(self, one: Connected, until: int) -> list[tuple[int, int]]:
        return [
            (start, min(stop, until))
            for line, number, start, stop, _ in self.withheld
            if (line, number) == (one.line, one.number)
        ]

    def _hole(self, line: str, mine: list[Connected], start: int, stop: int) -> Hole:
        for where, _, begin, end, why in self.withheld:
            if where == line and begin < stop and end > start:
                seen = HOW_SEEN.get(why, "at once")
                return Hole(line=line, start=start, stop=stop, why=why, seen=seen)
        ended = [one for one in mine if one.closed == start]
        why = ended[0].how if ended else "nobody connected"
        return Hole(line=line, start=start, stop=stop, why=why, seen="at once")

    def write(self, path: Path) -> None:
        """The book as lines of JSON: connections, faults, then orders."""
        encode = msgspec.json.encode
        with path.open("wb") as file:
            for sort, rows in (
                ("connection", self.connections), ("fault", self.faults),
                ("order", list(self.orders.values())),
            ):  # fmt: skip
                for row in rows:
                    file.write(
                        encode({"sort": sort, **msgspec.to_builtins(row)}) + b"\n"
                    )


def _count(order: Forced, outcome: Outcome, *, again: bool) -> None:
    if outcome == "whole" and again:
        order.extra += 1
    elif outcome == "whole":
        order.whole += 1
    elif outcome == "doubtful":
        order.doubtful += 1
    elif outcome == "broken":
        order.broken += 1
    else:
        order.withheld += 1


def _without(
    start: int, stop: int, kept: list[tuple[int, int]]
) -> Iterable[tuple[int, int]]:
    for begin, end in sorted(kept):
        if begin >= stop:
            break
        if begin > start:
            yield start, min(begin, stop)
        start = max(start, end)
    if start < stop:
        yield start, stop


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A lake held against the ledger; counts of forced orders, and their cents.

    `lost` were sent whole and are neither stored nor within a gap; `uncovered` reached
    nobody and are within no gap; `duplicated` are stored more often than printed;
    `unknown` are stored and were never printed.
    """

    printed: int
    sent: int
    sent_usd: int
    stored: int
    stored_usd: int
    in_gaps: int
    lost: tuple[Fact, ...]
    uncovered: tuple[Fact, ...]
    duplicated: tuple[Fact, ...]
    unknown: tuple[Fact, ...]

    @property
    def exact(self) -> bool:
        """Whether nothing is lost, uncovered, duplicated or made up."""
        return not (self.lost or self.uncovered or self.duplicated or self.unknown)


Gaps = Mapping[str, list[tuple[int, int, str]]]
"""By exchange: from, to (microseconds), market or "" for all."""


def compare(
    ledger: Ledger, stored: Iterable[Fact], gaps: Gaps, *, start: int, stop: int
) -> Comparison:
    """Hold what is stored against what was printed from `start` to `stop`.

    Only facts whose push was due within the stretch count, so that what comes before
    the first acknowledgement and after the end is left out on both sides.
    """
    kept = Counter(stored)
    printed = Counter[Fact]()
    sent: list[Forced] = []
    lost: list[Fact] = []
    uncovered: list[Fact] = []
    covered = 0
    for order in ledger.orders.values():
        printed[order.key] += 1
        if not start <= order.at < stop:
            continue
        if order.whole:
            sent.append(order)
        if kept[order.key] or order.doubtful:
            continue
        if _in_gap(order, gaps):
            covered += 1
        else:
            (lost if order.whole else uncovered).append(order.key)
    over = {
        fact: count - printed[fact]
        for fact, count in kept.items()
        if count > printed[fact]
    }
    return Comparison(
        printed=printed.total(), sent=len(sent), sent_usd=sum(one.usd for one in sent),
        stored=kept.total(), stored_usd=sum(one.usd * n for one, n in kept.items()),
        in_gaps=covered, lost=tuple(lost), uncovered=tuple(uncovered),
        duplicated=tuple(fact for fact in over if printed[fact]),
        unknown=tuple(fact for fact in over if not printed[fact]),
    )  # fmt: skip


def _in_gap(order: Forced, gaps: Gaps) -> bool:
    return any(
        start <= at < stop and market in ("", order.market)
        for start, stop, market in gaps.get(order.exchange, [])
        for at in (order.time, order.at)
    )
