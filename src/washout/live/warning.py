"""Rules beside a recorder: facts by a hook that never waits, work on a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from washout.live.alerts import Alerts
from washout.live.rules import Rules
from washout.live.sending import ways
from washout.store.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

EVERY = 0.1
"""Seconds between looks at whether a bar has ended."""


class Received(Protocol):
    """What the pipeline gives: facts by kind, and the time up to which it has seen."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """Facts in the schemas of their kinds."""
        ...

    @property
    def watermark(self) -> int:
        """Time of the last entry, microseconds."""
        ...


class Worker:
    """The thread of `warning`: hands facts to alerts, and time, in this order."""

    def __init__(self, alerts: Alerts) -> None:
        self.alerts = alerts
        self._received: deque[Received] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()

    def take(self, facts: Received) -> None:
        """Take facts; returns at once."""
        self._received.append(facts)

    def close(self, patience: float = 5.0) -> None:
        """Work on what was received, and let messages go out, for so many seconds."""
        self._stopping.set()
        self._thread.join(patience)
        self.alerts.close(patience)

    def _work(self) -> None:
        while not self._stopping.wait(EVERY):
            self._turn()
        self._turn()

    def _turn(self) -> None:
        now = None
        while self._received:
            facts = self._received.popleft()
            if facts.tables:
                self.alerts.add(facts.tables)
            now = facts.watermark
        if now is not None:
            self.alerts.advance(now)


@contextmanager
def warning(
    lake: Lake, rules: Rules, clock: Callable[[], int]
) -> Iterator[Callable[[Received], None]]:
    """A hook for the recorder: rules watch what it is called with.

    UsageError where a channel lacks a secret. What earlier runs left in the journal
    must be in the lake before the hook is called first.
    """
    worker = Worker(Alerts(lake, rules, ways(rules), clock))
    try:
        yield worker.take
    finally:
        worker.close()
