"""Facts that came before: from a twin connection, or sent again.

Two facts are the same if the lake would say so (`schema.KEY`), or if their id is, where a
line tells no time (`Line.timeless`). Keys are remembered for one to two windows of time, by clock and not by count, so that memory is bounded by the
rate, and a replay that begins two windows earlier remembers the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from washout.live.rows import Rows

NAMED = ("source", "exchange", "market", "ts_event", "id")
"""What tells one liquidation or trade from another; its market names the asset."""

NAMED_TIMELESS = ("source", "exchange", "market", "id")
"""The same where a line tells no time: `ts_event` is then that of each receipt."""

POLLED = ("source", "exchange", "asset", "market")

PolledFeed = tuple[str, tuple[str, ...]]
"""A kind, and what `POLLED` names."""


class Doubles:
    """Remembers keys for between `window` and twice as long, microseconds."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._new: set[Hashable] = set()
        self._old: set[Hashable] = set()
        self._turn = 0

    def fresh(self, keys: Iterable[Hashable], now: int) -> list[bool]:
        """Whether each key is new; all are remembered."""
        if now // self.window != self._turn:
            self._forget(now // self.window)
        new, old = self._new, self._old
        keys = list(keys)
        distinct = set(keys)
        if len(distinct) == len(keys) and new.isdisjoint(keys) and old.isdisjoint(keys):
            new |= distinct
            return [True] * len(keys)
        kept = []
        for key in keys:
            known = key in new or key in old
            if not known:
                new.add(key)
            kept.append(not known)
        return kept

    def _forget(self, turn: int) -> None:
        self._old = self._new if turn == self._turn + 1 else set()
        self._new, self._turn = set(), turn

    def __len__(self) -> int:
        return len(self._new) + len(self._old)


class Polls:
    """Answers to polls: they repeat, and often hold older values beside the newest."""

    def __init__(self) -> None:
        self._last: dict[PolledFeed, int] = {}

    def fresh(self, rows: Rows) -> list[bool]:
        """Whether each row is newer than all of its feed before."""
        kept = []
        feeds = zip(*rows.columns(*POLLED), strict=True)
        for feed, time in zip(feeds, rows.column("ts_event"), strict=True):
            key = rows.kind, feed
            kept.append(time > self._last.get(key, -1))
            self._last[key] = max(time, self._last.get(key, -1))
        return kept

    def recall(self, told: Mapping[PolledFeed, int]) -> None:
        """What a lake has of feeds: up to which time they were told."""
        for feed, time in told.items():
            self._last[feed] = max(time, self._last.get(feed, -1))
