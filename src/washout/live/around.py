"""What surrounds an alert: prices after it, and how well its bars were observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from washout.clock import HOUR, SECOND

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST = 1024
_BAR, _CLOSE, _OBSERVED, _FLOOR = range(4)


class Around:
    """The rows of `market` of one scope and width, as far as alerts need them."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._bars = np.empty(_FIRST, np.int64)
        self._columns = np.empty((3, _FIRST))

    def extend(self, rows: pa.Table) -> None:
        """Rows that follow those known, in order; repeated ones are passed over."""
        bars = rows["bar"].to_numpy()
        fresh = bars > self.last
        if not fresh.any():
            return
        columns = [
            rows[name].cast("double").to_numpy()[fresh]
            for name in ("close", "observed_s", "floor")
        ]
        end = self.count + int(fresh.sum())
        self._grow(end)
        self._bars[self.count : end] = bars[fresh]
        self._columns[:, self.count : end] = columns
        self.count = end

    def _grow(self, size: int) -> None:
        if size > len(self._bars):
            size = max(size, 2 * len(self._bars))
            self._bars = np.resize(self._bars, size)
            wider = np.empty((3, size))
            wider[:, : self.count] = self._columns[:, : self.count]
            self._columns = wider

    @property
    def last(self) -> int:
        """Start of the last bar; 0 if there is none."""
        return int(self._bars[self.count - 1]) if self.count else 0

    @property
    def first(self) -> int:
        """Start of the first bar; 0 if there is none."""
        return int(self._bars[0]) if self.count else 0

    @property
    def bars(self) -> NDArray[np.int64]:
        """Starts of bars."""
        return self._bars[: self.count]

    @property
    def closes(self) -> NDArray[np.float64]:
        """Closing prices, NaN where not recorded."""
        return self._columns[0, : self.count]

    def place(self, bar: int) -> int:
        """Where the first bar at or after `bar` stands."""
        return int(np.searchsorted(self.bars, bar))

    def price(self, bar: int) -> float | None:
        """The close of a bar; None where it is not recorded."""
        at = self.place(bar)
        if at >= self.count or self._bars[at] != bar:
            return None
        close = float(self._columns[0, at])
        return None if np.isnan(close) else close

    def observed(self, bar: int) -> float:
        """Share of the hour up to the end of a bar (or of the bar) that was observed."""
        span = max(HOUR, self.width)
        begin, end = self.place(bar + self.width - span), self.place(bar + 1)
        seen = np.nansum(self._columns[1, begin:end])
        return float(min(1.0, seen * SECOND / span))

    def floor(self, bar: int) -> bool:
        """Whether totals of a bar can only be larger."""
        at = self.place(bar)
        there = at < self.count and self._bars[at] == bar
        return bool(there and self._columns[2, at] == 1.0)
