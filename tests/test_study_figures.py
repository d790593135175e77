"""What a figure of a claim shows."""

from __future__ import annotations

import tracemalloc

import numpy as np

from _study import near
from washout.clock import HOUR, MINUTE
from washout.study.figures import _POINTS, _course
from washout.study.outcomes import forward_return


class Record:
    """Log closes alone, a bar every five minutes."""

    step = 5 * MINUTE

    def __init__(self, close):
        self.close = close

    def returns(self, time, horizon):
        return forward_return(self.close, horizon // self.step)[time]


def course(rows, hours):
    close = np.cumsum(np.random.default_rng(0).normal(0, 1e-3, 30_000))
    time = np.arange(rows)
    return close, time, _course(time, Record(close), hours * HOUR, "after", "claim")


def test_a_path_is_the_mean_return_after_each_bar():
    close, time, line = course(rows=50, hours=6)
    moves = 1e4 * (close[time[:, None] + 2 + np.arange(72)] - close[time + 1][:, None])
    assert line.x == near((np.arange(72) + 1) / 12)
    assert line.y == near(moves.mean(axis=0))
    reach = 1.645 * moves.std(axis=0) / np.sqrt(50)
    assert line.low == near(moves.mean(axis=0) - reach)
    assert line.high == near(moves.mean(axis=0) + reach)


def test_a_long_path_has_few_points_and_needs_no_table_of_rows_by_bars():
    tracemalloc.start()
    _, _, line = course(rows=20_000, hours=168)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(line.x) == _POINTS
    assert line.x[0] == near(1 / 12)
    assert line.x[-1] == near(168.0)
    assert peak < 20_000_000 < 20_000 * 168 * 12 * 8


def test_rows_at_the_end_of_a_record_have_no_path():
    _, _, line = course(rows=30_000, hours=6)
    assert line is not None
    close = np.zeros(60)
    assert _course(np.arange(60), Record(close), 6 * HOUR, "after", "claim") is None
