"""How often something happened to a feed, minute by minute.

A tally belongs to the minute of receipt, so that it is final when the minute ends; only
`saturated` belongs to the minute of the events and is told after the grace. Facts are
counted per market. What no market can be named for (frames, decode errors, reconnects)
is counted for every kind that the connection carries, with `asset` and `market` empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from washout.clock import MINUTE, SECOND
from washout.events import Tally
from washout.live.rows import Rows

Key = tuple[str, str, str, str, str, str]
"""Exchange, source, asset, market, kind, name."""

FEED = ("exchange", "source", "asset", "market")


class Tallies:
    """Counts of the running minute."""

    def __init__(self, grace: int) -> None:
        self.grace = grace
        self._counts: Counter[Key] = Counter()
        self._printed: dict[int, set[tuple[str, str, str, str, int]]] = {}

    @property
    def pending(self) -> bool:
        """Whether anything waits to be told."""
        return bool(self._counts or self._printed)

    def line(self, exchange: str, kind: str, name: str, count: int = 1) -> None:
        """Count what happened to a whole connection."""
        source = f"{exchange}-stream"
        self._counts[exchange, source, "", "", kind, name] += count

    def facts(self, rows: Rows, name: str) -> None:
        """Count facts by market."""
        for feed, count in Counter(zip(*rows.columns(*FEED), strict=True)).items():
            self._counts[*feed, rows.kind, name] += count

    def late(self, rows: Rows) -> int:
        """Count the facts that came too late for their bar, and their cents."""
        slack = MINUTE + self.grace
        times = zip(*rows.columns("ts_event", "ts_recv"), strict=True)
        behind = [received > t - t % MINUTE + slack for t, received in times]
        if not any(behind):
            return 0
        mine = rows.where(behind)
        self.facts(mine, "late")
        if rows.kind in ("liquidation", "trade"):
            feeds = zip(*mine.columns(*FEED), strict=True)
            for feed, usd in zip(feeds, mine.column("usd"), strict=True):
                self._counts[*feed, rows.kind, "late_usd"] += usd
        return len(mine)

    def printed(self, rows: Rows) -> int:
        """Note the seconds in which throttled markets spoke; gives how many are new."""
        found = 0
        feeds = zip(*rows.columns(*FEED), strict=True)
        times = zip(*rows.columns("ts_event", "ts_recv"), strict=True)
        for feed, (time, received) in zip(feeds, times, strict=True):
            begin = time - time % MINUTE
            if received > begin + MINUTE + self.grace:
                continue
            seen = self._printed.setdefault(begin, set())
            second = (*feed, time // SECOND)
            found += second not in seen
            seen.add(second)
        return found

    def tell(self, end: int) -> Iterator[Tally]:
        """Tallies of the minute of receipt that ended at `end`."""
        for key, count in sorted(self._counts.items()):
            yield _tally(key, end - MINUTE, end, count)
        self._counts.clear()

    def tell_printed(self, end: int) -> Iterator[Tally]:
        """Saturated seconds of minutes that ended by `end`, their grace over."""
        for begin in sorted(b for b in self._printed if b + MINUTE <= end):
            seconds = Counter(second[:4] for second in self._printed.pop(begin))
            for feed, count in sorted(seconds.items()):
                key = (*feed, "liquidation", "saturated")
                yield _tally(key, begin, end + self.grace, count)


def _tally(key: Key, begin: int, known: int, count: int) -> Tally:
    exchange, source, asset, market, kind, name = key
    return Tally(
        exchange=exchange, source=source, asset=asset, market=market, kind=kind,
        name=name, ts_event=begin, ts_recv=known, interval=MINUTE, count=count,
    )  # fmt: skip
