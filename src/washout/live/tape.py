"""The raw tape: liquidations as they come, numbered, to whoever listens.

A listener has a queue of bounded length. One that does not keep up is dropped, and told
so: it can come again with the number of the last row that it had.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

KEPT = 20_000
"""Rows kept for listeners that come again."""

QUEUE = 5_000
"""Rows that may wait for one listener."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One liquidation: its number in this recording, and its fields as JSON.

    USD is in cents, times are microseconds UTC, as in the lake.
    """

    number: int
    content: bytes


class Missed(msgspec.Struct, frozen=True):
    """Rows that a listener will not get: `[first, last]`, and why."""

    first: int
    last: int
    reason: str


class Listener:
    """What one listener has still to get."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: deque[Row] = deque()
        self.missed: Missed | None = None
        self.dropped = False
        self._more = asyncio.Event()

    def put(self, rows: list[Row]) -> bool:
        """Queue rows; False, and nothing more, if the queue is too long for them."""
        if len(self.waiting) + len(rows) > self.most:
            self.dropped = True
            self.missed = Missed(
                rows[0].number, rows[-1].number,
                f"more than {self.most} rows were waiting: read faster, and come again"
                f" with the number of your last row",
            )  # fmt: skip
        else:
            self.waiting.extend(rows)
        self._more.set()
        return not self.dropped

    async def next(self, patience: float | None = None) -> list[Row] | Missed:
        """All that waits, at least one row; Missed instead where rows are missing.

        A dropped listener gets what it had waiting first. TimeoutError after `patience`
        seconds without anything.
        """
        if self.missed is not None and not (self.dropped and self.waiting):
            missed, self.missed = self.missed, None
            return missed
        while not self.waiting:
            if self.missed is not None:
                return await self.next(patience)
            self._more.clear()
            async with asyncio.timeout(patience):
                await self._more.wait()
        rows = list(self.waiting)
        self.waiting.clear()
        return rows


class Tape:
    """Numbers rows from 1 on, keeps the last ones, and hands them to listeners.

    `run` tells this recording from others: numbers begin anew with each.
    """

    def __init__(self, run: int, *, kept: int = KEPT) -> None:
        self.run, self.number, self.dropped = run, 0, 0
        self.listeners: set[Listener] = set()
        self._kept: deque[Row] = deque(maxlen=kept)

    def publish(self, table: pa.Table) -> None:
        """Take rows of `liquidation` facts; a listener that is too slow is dropped."""
        rows = [
            Row(self.number + place, msgspec.json.encode(fact))
            for place, fact in enumerate(table.to_pylist(), 1)
        ]
        if not rows:
            return
        self.number = rows[-1].number
        self._kept.extend(rows)
        slow = [listener for listener in self.listeners if not listener.put(rows)]
        self.listeners.difference_update(slow)
        self.dropped += len(slow)

    def listen(self, after: str | None = None, *, most: int = QUEUE) -> Listener:
        """Listen from now on, or from behind the row called `after` (`RUN-NUMBER`).

        What lies between and is not kept any more comes as `Missed`.
        """
        listener = Listener(most)
        if after is not None:
            self._catch_up(listener, after)
        self.listeners.add(listener)
        return listener

    def _catch_up(self, listener: Listener, after: str) -> None:
        run, _, number = after.partition("-")
        known = run == str(self.run) and number.isdecimal()
        last = min(int(number), self.number) if known else 0
        first = self._kept[0].number if self._kept else self.number + 1
        begin = max(first, last + 1, self.number - listener.most + 1)
        listener.waiting.extend(row for row in self._kept if row.number >= begin)
        if not known:
            listener.missed = Missed(
                1, begin - 1, f"{after!r} is of another recording than {self.run}"
            )
        elif begin > last + 1:
            listener.missed = Missed(last + 1, begin - 1, "not kept any more")

    def leave(self, listener: Listener) -> None:
        """A listener has gone."""
        self.listeners.discard(listener)

    def name(self, row: Row) -> str:
        """What a listener gives back as `after`."""
        return f"{self.run}-{row.number}"
