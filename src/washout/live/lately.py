"""What a stream said lately, while it has no earlier days to be judged by.

Windows of five minutes of the same run, of the last six hours, at least six of them;
those since the last event do not count before another event has come. Of n_i events in K
windows with mean m the stream is expected to say, in part of a window,
mu = min(m * part, x * others), where x is its events per event of others in the same
windows. Few windows say little about how bursty a stream is, so its variance v is taken
at the upper end of what they allow, v * (K - 1) / q with q the 0.01 quantile of
chi-squared with K - 1 degrees of freedom (Wilson and Hilferty 1931), and the shape of the
Gamma mixture is a = m^2 / (v - m), between 0.2 and 100. So a steady stream of an event
every few seconds is missed after minutes, and a bursty one no sooner than without. Where
there are no others, nothing is known: a storm that ends looks like a stream that is cut.
"""

from __future__ import annotations

from collections import deque
from math import sqrt

import msgspec

from washout.clock import MINUTE

WIDTH = 5 * MINUTE
MOST, LEAST = 72, 6
"""Windows that count at most, and that are needed: six hours, and half an hour."""

NORMAL = -2.3263
"""The 0.01 quantile of the normal distribution."""


class Rate(msgspec.Struct, frozen=True):
    """Events a minute, events per event of others, and the shape."""

    flat: float
    others: float
    shape: float


class Recent(msgspec.Struct, frozen=True):
    """What is known of one stream: windows of (events, events of others).

    `quiet` are those since the last event; `running` has the minutes, events, and events
    of others of the window that runs, the `at`-th since 1970.
    """

    windows: tuple[tuple[int, int], ...] = ()
    quiet: tuple[tuple[int, int], ...] = ()
    rate: Rate | None = None
    at: int = -1
    running: tuple[int, int, int] = (0, 0, 0)


class Lately:
    """The windows of one stream, minute after minute."""

    def __init__(self, state: Recent = Recent()) -> None:  # noqa: B008  frozen
        self.rate = state.rate
        self._windows = deque(state.windows, maxlen=MOST)
        self._quiet = list(state.quiet)
        self._at = state.at
        self._minutes, self._count, self._others = state.running

    def state(self) -> Recent:
        """All that it knows."""
        running = self._minutes, self._count, self._others
        return Recent(
            tuple(self._windows), tuple(self._quiet), self.rate, self._at, running
        )

    def pass_minute(
        self, begin: int, count: int, others: int, *, silent: bool, events: int
    ) -> None:
        """Take a watched minute, `silent` if an alarm went before it.

        `events` is how many there must be in all before they say anything.
        """
        if begin // WIDTH != self._at:
            self._close(events)
            self._at = begin // WIDTH
        if count:
            if not silent:
                self._windows.extend(self._quiet)
            self._quiet.clear()
        # A window that is silent in part tells nothing.
        self._minutes += -MOST if count and silent else 1
        self._count += count
        self._others += others

    def _close(self, events: int) -> None:
        if self._minutes == WIDTH // MINUTE:
            window = self._count, self._others
            if self._count:
                self._windows.append(window)
                self.rate = rate(list(self._windows), events)
            else:
                self._quiet.append(window)
        self._minutes = self._count = self._others = 0


def rate(windows: list[tuple[int, int]], events: int) -> Rate | None:
    """What windows of (events, events of others) teach; None if they are too few.

    None too where there are no others: a storm that ends cannot be told from a stream
    that is cut.
    """
    counts = [n for n, _ in windows]
    some, total = len(counts), sum(counts)
    others = sum(o for _, o in windows)
    if some < LEAST or total < events or not others:
        return None
    mean = total / some
    squares = sum((n - mean) ** 2 for n in counts)
    excess = squares / low_quantile(some - 1) - mean
    shape = min(max(mean**2 / max(excess, 1e-9), 0.2), 100.0)
    flat = mean / (WIDTH / MINUTE)
    return Rate(flat, total / others, shape)


def low_quantile(freedom: int) -> float:
    """The 0.01 quantile of chi-squared, by Wilson and Hilferty."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + NORMAL * sqrt(part)) ** 3)
