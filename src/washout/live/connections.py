"""Connections as the journal tells of them: what they carry, and what was acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from washout.collect.entries import Opened
from washout.exchanges import Instrument, Line, Said, Want
from washout.live.rows import Rows

ORDERLY = ("lifetime", "stopped")
"""Ends that we made ourselves, on connections that lived: nothing was lost before."""

KINDS: dict[str, str] = {
    "liquidations": "liquidation", "trades": "trade", "mark_price": "candle",
    "open_interest": "open_interest", "funding_rate": "funding_rate",
}  # fmt: skip
"""The kind of fact that a want is answered with."""

WANT: dict[str, str] = {kind: want for want, kind in KINDS.items()}

TIMED = ("liquidation", "trade", "candle")
"""Kinds whose events come as they happen."""

Carried = tuple[str, str]
"""A want and a symbol."""


class Connection:
    """One connection. `watching` says since when it has been seeing what it carries."""

    def __init__(
        self, number: int, opened: Opened, line: Line, time: int,
        instruments: Mapping[str, Instrument],
    ) -> None:  # fmt: skip
        self.number, self.opened, self.line = number, opened, line
        self.exchange = opened.exchange
        self.since = self.last = time
        self.alive = True
        self.warned = False
        asks = len(line.ask(list(opened.topics))) if line.acknowledges else 0
        self.pending = set(opened.topics) if asks else set()
        self.refused: dict[str, str] = {}
        self._answers = asks
        self.needs = needs(line, opened, instruments)
        self.watching: dict[Carried, int] = {}
        self.ready: dict[Carried, int] = {}
        """Since when each would be seen, were its stream not silent."""
        self.wants = tuple(dict.fromkeys(want for want, _ in self.needs))
        self.kinds = tuple(KINDS[want] for want in self.wants)

    @property
    def name(self) -> str:
        """How notices call it."""
        twin = "'" if self.opened.twin else ""
        return f"{self.exchange}.{self.line.name}{twin}"

    @property
    def settled(self) -> bool:
        """Whether nothing that was asked for is unanswered or refused."""
        return not self.pending and not self.refused

    def stale(self, now: int) -> bool:
        """Whether its last sign of life is too old (METHOD E5: 30 s)."""
        return now - self.last > self.line.silent_after * 1_000_000

    def sees(self, carried: Carried) -> bool:
        """Whether it would deliver what a symbol has of a want."""
        topics = self.needs[carried]
        return self.alive and not any(
            t in self.pending or t in self.refused for t in topics
        )

    def subscribed(self, carried: Carried, now: int, *, sees: bool) -> None:
        """Note whether it delivers what a symbol has of a want."""
        if sees:
            self.ready.setdefault(carried, now)
        else:
            self.ready.pop(carried, None)

    def hear(self, said: Said) -> list[str]:
        """Take an answer; gives the topics that it settled or refused."""
        if said.topics:
            named = [topic for topic in said.topics if topic in self.opened.topics]
        else:
            self._answers -= 1
            last = self._answers <= 0 or said.what == "refused"
            named = sorted(self.pending) if last else []
        for topic in named:
            self.pending.discard(topic)
            if said.what == "refused":
                self.refused[topic] = said.text or "refused"
            else:
                self.refused.pop(topic, None)
        return named


def needs(
    line: Line, opened: Opened, instruments: Mapping[str, Instrument]
) -> dict[Carried, frozenset[str]]:
    """Per want and symbol the topics without which it is not seen."""
    asked = frozenset(opened.topics)
    found: dict[Carried, frozenset[str]] = {}
    for want, symbols in sorted(opened.carries.items()):
        known = [instruments[symbol] for symbol in symbols if symbol in instruments]
        whole = _topics(line, want, known) & asked or asked
        for symbol in symbols:
            alone = _topics(line, want, [i for i in known if i.symbol == symbol])
            found[want, symbol] = alone if alone and alone <= asked else whole
    return found


def _topics(line: Line, want: str, instruments: Sequence[Instrument]) -> frozenset[str]:
    if not instruments:
        return frozenset()
    asked: Want = msgspec.convert(want, Want)
    return frozenset(line.topics(asked, instruments))


def lost_since(connection: Connection, reason: str, now: int, lag: int) -> int:
    """From when on an ended connection saw nothing: after a bad end, its last sign.

    `lag` is how late the line was: what was printed so much earlier was on its way.
    """
    if reason == "lifetime":  # the next one was acknowledged before, and gets it
        return now
    return (now if reason in ORDERLY else min(connection.last, now)) - lag


class Lags:
    """How late each line is: from an event to its receipt, beyond `reach`.

    The last event counts: what came behind it on the way was waiting as long.
    """

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self._last: dict[tuple[str, str], tuple[int, int]] = {}

    def note(self, line: tuple[str, str], rows: Rows) -> None:
        """Events came for the first time, in the order of receipt.

        Those of one microsecond count as one, so that it is the same however they are
        read.
        """
        events, receipts = rows.columns("ts_event", "ts_recv")
        received, place = receipts[-1], len(receipts)
        while place and receipts[place - 1] == received:
            place -= 1
        event = max(events[place:])
        known = self._last.get(line, (0, 0))
        if known[0] == received:
            event = max(event, known[1])
        if known[0] <= received:
            self._last[line] = received, event

    def of(self, connection: Connection) -> int:
        """Microseconds; 0 where it is as soon as a venue may be."""
        line = connection.exchange, connection.line.name
        received, event = self._last.get(line, (0, 0))
        return max(received - event - self.reach, 0)


def words(reason: str) -> str:
    """An end in the words of a gap: `dead connection`, `refused`, `reconnect`."""
    known = {
        "dead": "dead connection",
        "refused": "refused",
        "stopped": "recorder down",
    }
    return known.get(reason, "reconnect")
