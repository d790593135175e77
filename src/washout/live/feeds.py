"""What is told of a feed: when it was on duty (Coverage), and what it missed (Gap).

Coverage runs from the first subscription on and spans holes; a hole is a `Gap` in it, and
bars subtract it. A hole is told as soon as it is known: what was already told is taken
back by a Gap at once, the rest when it ends, and at every full hour while it lasts.

Seconds are whole: one in which anything was missed counts as missed. Events are pushed
up to `reach` after they happened, so a hole begins that much before the connection's end.
"""

from __future__ import annotations

import msgspec

from washout.clock import MINUTE
from washout.events import Coverage, Gap
from washout.exchanges import Exchange, Fact
from washout.live.stretches import Stretch, second_after, second_before

Shape = tuple[str, str, int]
"""Kind, product and interval of a coverage row."""

SHAPES: dict[str, tuple[Shape, ...]] = {
    "liquidations": (("liquidation", "perp", 0),),
    "trades": (("trade_total", "perp", MINUTE), ("candle_taker", "perp", MINUTE)),
    "mark_price": (),
    "funding_rate": (),
    "open_interest": (),
}
"""Coverage that is told of a want. Kinds without it speak for themselves."""

SINGLE_TRADES: Shape = ("trade", "perp", 0)

SILENT_KINDS: dict[str, str] = {
    "mark_price": "candle", "funding_rate": "funding_rate",
    "open_interest": "open_interest",
}  # fmt: skip
"""The kind of a gap in what has no coverage."""


class Name(msgspec.Struct, frozen=True, order=True):
    """A feed: `market` is empty where all markets of the asset are watched together."""

    exchange: str
    want: str
    asset: str
    market: str


class Feed:
    """The bookkeeping of one feed; methods return the rows that are to be told."""

    def __init__(self, name: Name, shapes: tuple[Shape, ...]) -> None:
        self.name, self.shapes = name, shapes
        self.symbols: tuple[str, ...] = ()
        self.begin: int | None = None
        self.told = 0
        self.hole: int | None = None
        self.stated = 0
        """Up to here the open hole was told."""
        self.missed: Stretch = (0, 0)
        """The last hole that was told after it was over."""
        self.reason = ""

    @property
    def watched(self) -> bool:
        """Whether everything it names is being seen."""
        return self.begin is not None and self.hole is None

    def recall(self, time: int, reason: str = "recorder down") -> None:
        """It was on duty, and told up to `time`; it was not seen since."""
        self.begin = self.told = self.hole = self.stated = second_before(time)
        self.reason = reason

    def gain(self, time: int) -> tuple[list[Stretch], list[Stretch]]:
        """It is seen from `time` on: (coverage, gaps)."""
        begin = second_after(time)
        if self.begin is None:
            self.begin = self.told = begin
            return [], []
        if self.hole is None:
            return [], []
        told, gaps = self._advance(begin), _real(self.stated, begin)
        self.hole = None
        return told, gaps

    def lose(
        self, since: int, reach: int, reason: str
    ) -> tuple[list[Stretch], list[Stretch]]:
        """It is not seen from `since` on, until further notice."""
        if self.begin is None:
            return [], []
        at = max(second_before(since - reach), self.begin)
        if self.hole is not None:
            earlier = _real(at, self.hole)
            self.hole = min(self.hole, at)
            return [], earlier
        told = self._advance(at)
        self.hole, self.stated, self.reason = at, max(at, self.told), reason
        return told, _real(at, self.told)

    def miss(self, piece: Stretch, reach: int) -> list[Stretch]:
        """It was not seen in a piece that is over; a repeat tells what is new."""
        if self.begin is None:
            return []
        begin = max(second_before(piece[0] - reach), self.begin)
        end = second_after(piece[1])
        end = end if self.hole is None else min(end, self.hole)
        if self.missed[0] <= begin <= self.missed[1]:
            begin, self.missed = (
                self.missed[1],
                (self.missed[0], max(end, self.missed[1])),
            )
        else:
            self.missed = begin, end
        return _real(begin, end)

    def pass_time(self, time: int) -> list[Stretch]:
        """Coverage up to `time`, a full minute, if it is seen."""
        return self._advance(time) if self.watched else []

    def tell_hole(self, time: int) -> tuple[list[Stretch], list[Stretch]]:
        """A hole that lasts is told up to a full second."""
        if self.hole is None:
            return [], []
        gaps = _real(self.stated, time)
        self.stated = max(self.stated, time)
        return self._advance(time), gaps

    def _advance(self, time: int) -> list[Stretch]:
        told, self.told = self.told, max(self.told, time)
        return _real(told, time)


def _real(begin: int, end: int) -> list[Stretch]:
    return [(begin, end)] if begin < end else []


def coverage_row(
    name: Name, shape: Shape, stretch: Stretch, fact: Fact | None
) -> Coverage:
    """Coverage in the trust that the venue's dated facts allow."""
    kind, product, interval = shape
    single = kind == "liquidation"
    trust = (fact.trust if fact else "unknown") if single else "all"
    return Coverage(
        exchange=name.exchange, asset=name.asset, market=name.market,
        source=f"{name.exchange}-stream", ts_event=stretch[0], ts_recv=stretch[0],
        ts_end=stretch[1], kind=kind, product=product, interval=interval, trust=trust,
        floor=bool(single and fact and fact.floor), delay=0,
    )  # fmt: skip


def gap_row(name: Name, kind: str, stretch: Stretch, reason: str, known: int) -> Gap:
    """A gap; `known` is when it was told."""
    return Gap(
        exchange=name.exchange, asset=name.asset, market=name.market,
        source=f"{name.exchange}-stream", ts_event=stretch[0], ts_end=stretch[1],
        ts_recv=known, kind=kind, reason=reason,
    )  # fmt: skip


def fact_at(venue: Exchange, time: int) -> Fact | None:
    """What is known about the venue's feed at `time`."""
    known = [fact for fact in venue.coverage if fact.since <= time]
    return known[-1] if known else None


def gap_kinds(feed: Feed) -> tuple[str, ...]:
    """The kinds of which a hole in the feed is told."""
    silent = SILENT_KINDS.get(feed.name.want)
    return tuple(shape[0] for shape in feed.shapes) or ((silent,) if silent else ())
