"""Stationary bootstrap of a mean: washout, arch and plain numpy on the same series.

    python bench/bootstrap.py [--runs 15] [--rows 300] [--resamples 10000]

Each run takes all of them in turn, so that a busy machine slows all alike; printed are
medians, and the median of the ratios of each run. Compiling is done before. The primary
regression's wild bootstrap is timed besides: it draws from sums by block.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from washout.clock import DAY
from washout.study.bootstrap import resampled_sums
from washout.study.regression import regress
from washout.study.sample import Sample

MEAN_BLOCK = 24


def ours(values, resamples, seed):
    return resampled_sums(values[:, None], MEAN_BLOCK, resamples, seed) / len(values)


def with_arch(values, resamples, seed):
    from arch.bootstrap import StationaryBootstrap

    return StationaryBootstrap(MEAN_BLOCK, values, seed=seed).apply(np.mean, resamples)


def plain(values, resamples, seed):
    """Rows of all resamples at once: where a block ends, the next row is random."""
    random = np.random.default_rng(seed)
    rows = len(values)
    begins = random.random((resamples, rows)) < 1 / MEAN_BLOCK
    begins[:, 0] = True
    place = np.arange(rows)
    last = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    start = np.take_along_axis(random.integers(0, rows, begins.shape), last, axis=1)
    return values[(start + place - last) % rows].mean(axis=1)


def seconds(function, *arguments):
    began = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - began, float(np.std(found))


def study(rows=20_000, days=730):
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, 6))
    return Sample(
        time=np.sort(random.integers(0, days * DAY, rows)),
        outcome=random.standard_normal(rows),
        treated=(random.random(rows) < 0.01).astype(float),
        covariates=x,
        block=3 * DAY,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=10_000)
    asked = parser.parse_args()
    values = np.random.default_rng(0).standard_normal(asked.rows)
    ways = {"washout": ours, "numpy": plain, "arch": with_arch}
    for way in ways.values():
        way(values, 10, 0)
    runs = [
        {name: seconds(way, values, asked.resamples, run) for name, way in ways.items()}
        for run in range(asked.runs)
    ]
    print(f"{asked.resamples} resamples of {asked.rows} rows, mean block {MEAN_BLOCK}")
    print(f"{'':<10}{'ms':>9}{'times ours':>12}{'sd':>10}")
    for name in ways:
        cost = statistics.median(run[name][0] for run in runs)
        ratio = statistics.median(run[name][0] / run["washout"][0] for run in runs)
        spread = statistics.median(run[name][1] for run in runs)
        print(f"{name:<10}{1000 * cost:>9.1f}{ratio:>11.1f}x{spread:>10.5f}")
    sample = study()
    regress(sample)
    cost = statistics.median(
        seconds(lambda: regress(sample).effect)[0] for _ in range(min(asked.runs, 7))
    )
    print(f"wild bootstrap, 9,999 draws, 20,000 x 25: {1000 * cost:.0f} ms")


if __name__ == "__main__":
    main()
