"""How the feeds are: what `washout health` shows and rules ask before they warn."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median_low
from typing import Literal

import msgspec

from washout.collect.entries import Opened

State = Literal["observed", "connecting", "silent", "refused", "down"]

RECENT = 10
"""Whole minutes of which the rate is the mean."""

FeedKey = tuple[str, str, str]
"""Exchange, line (or poll), want."""

LAGS = 101
"""Latest events of which the lag is the median."""


class FeedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One want on one line of an exchange, or one poll.

    Counts are since the recorder started; rates are events a minute; `lag` is receipt
    minus event time in microseconds. Times are 0 where it never happened.
    """

    exchange: str
    line: str
    want: str
    state: State
    connections: int
    last_frame: int
    last_event: int
    rate: float
    expected_rate: float | None
    frames: int
    events: int
    duplicates: int
    late: int
    decode_errors: int
    reconnects: int
    gaps: int
    saturated_s: int
    """Seconds in which a throttled market spoke, summed over markets."""
    lag: int | None
    silent: tuple[str, ...] = ()
    """Assets whose stream is silent; all of the line if one is empty."""
    refused: tuple[str, ...] = ()
    """Symbols that the venue refuses."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The pipeline at `ts`, the time of its last entry."""

    ts: int
    started: int
    unknown: int
    """Frames of connections of which nothing is known."""
    feeds: tuple[FeedHealth, ...]


class Record:
    """Counts of one feed since the recorder started."""

    def __init__(self) -> None:
        self.frames = self.events = self.duplicates = self.late = 0
        self.decode_errors = self.reconnects = self.gaps = self.saturated = 0
        self.last_frame = self.last_event = 0
        self._opened: set[tuple[tuple[str, ...], int]] = set()
        self._minute = self._minute_doubles = 0
        self.recent: deque[int] = deque(maxlen=RECENT)
        self.lags: deque[int] = deque(maxlen=LAGS)

    def opens(self, opened: Opened) -> bool:
        """Whether a connection is made again: same topics, same twin."""
        what = opened.topics, opened.twin
        again = what in self._opened
        self._opened.add(what)
        self.reconnects += again
        return again

    def take(self, times: Sequence[int], receipts: Sequence[int], *, late: int) -> None:
        """New events."""
        self.events += len(times)
        self._minute += len(times)
        self.late += late
        newest = max(times)
        self.last_event = max(self.last_event, newest)
        latest = zip(times[-LAGS:], receipts[-LAGS:], strict=True)
        self.lags.extend(received - time for time, received in latest)

    def double(self, count: int) -> None:
        """Events that came before."""
        self.duplicates += count
        self._minute_doubles += count

    def pass_minute(self) -> tuple[int, int]:
        """Events and duplicates of the minute that ended."""
        ended = self._minute, self._minute_doubles
        self.recent.append(self._minute)
        self._minute = self._minute_doubles = 0
        return ended

    def told(
        self, key: FeedKey, state: State, *, connections: int,
        expected: float | None, silent: tuple[str, ...], refused: tuple[str, ...],
    ) -> FeedHealth:  # fmt: skip
        """The feed in the words of health."""
        exchange, line, want = key
        return FeedHealth(
            exchange=exchange, line=line, want=want, state=state,
            connections=connections, last_frame=self.last_frame,
            last_event=self.last_event, expected_rate=expected,
            rate=sum(self.recent) / len(self.recent) if self.recent else 0.0,
            frames=self.frames, events=self.events, duplicates=self.duplicates,
            late=self.late, decode_errors=self.decode_errors,
            reconnects=self.reconnects, gaps=self.gaps, saturated_s=self.saturated,
            lag=median_low(self.lags) if self.lags else None, silent=silent,
            refused=refused,
        )  # fmt: skip


class Records(dict[FeedKey, Record]):
    """Records by feed; a new one where there is none."""

    def __missing__(self, key: FeedKey) -> Record:
        made = self[key] = Record()
        return made
