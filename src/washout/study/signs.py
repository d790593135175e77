"""Random signs of blocks: what the wild bootstrap multiplies residuals by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from washout.study.sample import Floats

FEW = 10
"""Blocks up to which every vector of signs is taken instead of a draw."""

_ROWS = 1024


def sign_vectors(blocks: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Vectors of +1 and -1, one entry a block, as float64[rows, blocks] at a time.

    With ten blocks or fewer, all 2^blocks of them, the vector of ones included: the
    p-value (1 + #) / (B + 1) then counts the sample itself twice, on the careful side.
    """
    if blocks <= FEW:
        numbers = np.arange(2**blocks)[:, None]
        yield np.asarray(1 - 2 * ((numbers >> np.arange(blocks)) & 1), np.float64)
        return
    generator = np.random.default_rng(seed)
    for begin in range(0, resamples, _ROWS):
        shape = (min(_ROWS, resamples - begin), blocks)
        yield 2.0 * generator.integers(0, 2, shape, np.int8) - 1.0


def studentised(statistic: Floats, se: Floats) -> Floats:
    """Statistics in standard errors; NaN where a draw has no spread to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = statistic / se
    return np.where(np.isfinite(found), found, np.nan)
