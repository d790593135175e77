"""How fast one may go: time, attempts per host, pauses that grow.

Nothing here knows what is sent; sockets and polls share it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from time import monotonic

import msgspec

from washout.collect._server import retry_after

LONGEST_PAUSE = 60.0
"""Seconds between attempts, at most, unless the server asks for more."""

PENALTY = 30.0
"""Seconds to stay away where a server says that we are too many, but not how long."""


class Timing(msgspec.Struct, frozen=True):
    """Time at the edge: `clock` is microseconds UTC, `rate` how fast it runs.

    With a rate of 20 a second of a venue passes in 50 ms: soaks are run so.
    """

    clock: Callable[[], int]
    rate: float = 1.0

    def seconds(self) -> float:
        """Seconds that never run backwards, for measuring durations."""
        return monotonic() * self.rate

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of `clock`."""
        await asyncio.sleep(max(0.0, seconds) / self.rate)


class Backoff:
    """Pauses that double up to a cap, each with jitter, until something went well."""

    def __init__(self, first: float = 0.5, cap: float = LONGEST_PAUSE) -> None:
        self.first, self.cap, self.failures = first, cap, 0

    def next(self) -> float:
        """Seconds to wait: between half of the growing pause and the whole of it."""
        pause = min(self.cap, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  jitter is no secret

    def reset(self) -> None:
        """Something went well: the next pause is short again."""
        self.failures = 0


class Attempts:
    """Attempts at one host: at most so many in a window, none while it asks for rest."""

    def __init__(self, timing: Timing) -> None:
        self.timing, self.until = timing, 0.0
        self._times: deque[float] = deque()
        self._turn = asyncio.Lock()

    def rest(self, seconds: float) -> None:
        """The host asked all of us to stay away for so long."""
        self.until = max(self.until, self.timing.seconds() + seconds)

    async def wait(self, most: tuple[int, float]) -> None:
        """Wait for a turn, first come first served; `most` is (attempts, seconds)."""
        count, window = most
        async with self._turn:
            while (pause := self._pause(count, window)) > 0:
                await self.timing.sleep(pause)
            self._times.append(self.timing.seconds())

    def _pause(self, count: int, window: float) -> float:
        now = self.timing.seconds()
        while self._times and self._times[0] <= now - window:
            self._times.popleft()
        full = len(self._times) >= count
        return max(self.until - now, self._times[0] + window - now if full else 0.0)


def asked_pause(status: int, after: str, now: int) -> float | None:
    """Seconds that an HTTP answer asks us to stay away; None if it asks for nothing.

    429 and 503 are of RFC 6585 and 9110; 418 is what Binance answers to an address that
    it has banned, with the same `Retry-After`.
    """
    told = retry_after(after.strip(), now)
    if told is not None and status in (418, 429, 503):
        return told
    return PENALTY if status in (418, 429) else None
