"""The law of sizes and the unevenness of rates, from the prints of the days before.

Prints are kept as counts by how busy their minute was (`CLASSES`) and how large they
were (`BINS`, a third of an octave each). Minutes of one class are taken to have one
mean rate, which is profiled out; what is left is searched for: centre and spread of the
log-normal sizes of each side, and one shape for both. All functions are compiled
together with the step that calls them. Method: E2, Appendix 1.
"""

from __future__ import annotations

from math import erfc, exp, floor, log, sqrt
from typing import TYPE_CHECKING

from washout.views._censoring import LEAST, gamma_exposure, gamma_likelihood

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PER_OCTAVE = 3.0
BINS = 84
"""From 1 USD to 268 millions."""

_UP_TO = (1, 2, 4, 7, 11, 16, 24, 36, 48, 60)
_SHARES = 3
CLASSES = len(_UP_TO) * _SHARES
"""Of minutes, by how many of their seconds had a print, and whose prints they were: in a
wave of one side that side's rate is another."""

WINDOWS = 50
"""Minutes with a print, below which nothing is said."""
PRINTS = 50
"""Prints of a side, below which it shares the sizes of both."""

SHAPES = (
    0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2, 3.3, 5.0, 7.5, 11.0, 17.0, 25.0, 40.0, 63.0, 100.0
)  # fmt: skip
"""Unevenness of rates that is looked through: the last is as good as Poisson."""

LONG, SHORT = 0, 1
CENTRE, SPREAD, SHAPE, EVIDENCE, MINUTES = 0, 2, 4, 5, 6
FIT = 7
"""Places of a fit: two centres, two spreads, shape, evidence for the rule of the largest
(log likelihood over that of the latest), minutes."""

_LEAST_SPREAD, _MOST_SPREAD = 0.05, 6.0


def bin_of_size(usd: float) -> int:
    """The bin of a size in USD."""
    place = floor(_PER_OCTAVE * log(max(usd, 1.0)) / log(2.0))
    return min(max(place, 0), BINS - 1)


def log_of_bin(place: int) -> float:
    """Logarithm of the middle of a bin."""
    return (place + 0.5) * log(2.0) / _PER_OCTAVE


def class_of(prints: int, longs: int) -> int:
    """The class of a minute with so many seconds with a print, so many of longs."""
    found = 0
    for i in range(len(_UP_TO) - 1):
        if prints > _UP_TO[i]:
            found = i + 1
    return found * _SHARES + min(_SHARES * longs // prints, _SHARES - 1)


def log_likelihood(
    centre: float, spread: float, shape: float, own: Floats, every: Floats,
    empty: Floats, tail: Floats,
) -> float:  # fmt: skip
    """Of one side's prints, the mean rate of each class being the most likely one.

    `own` and `every` are counts by class and bin, `empty` seconds without a print by
    class; `tail` is scratch.
    """
    found = 0.0
    for place in range(BINS):
        away = (log_of_bin(place) - centre) / spread
        tail[place] = max(0.5 * erfc(away / sqrt(2.0)), LEAST)
        count = 0.0
        for busy in range(CLASSES):
            count += own[busy, place]
        found -= count * (0.5 * away * away + log(spread))
    for busy in range(CLASSES):
        b = gamma_exposure(shape, empty[busy], tail, every[busy], own[busy], BINS)
        found += gamma_likelihood(
            b, shape, empty[busy], tail, every[busy], own[busy], BINS
        )
    return found


def moments(own: Floats) -> tuple[float, float, float]:
    """Count, mean and standard deviation of the logarithms of printed sizes."""
    count, total, squares = 0.0, 0.0, 0.0
    for place in range(BINS):
        value = log_of_bin(place)
        for busy in range(CLASSES):
            count += own[busy, place]
            total += own[busy, place] * value
            squares += own[busy, place] * value * value
    if count == 0.0:
        return 0.0, 0.0, 0.0
    mean = total / count
    return count, mean, sqrt(max(squares / count - mean * mean, 0.0))


def fit_sizes(
    fitted: Floats, side: int, own: Floats, every: Floats, empty: Floats, tail: Floats,
    corners: Floats,
) -> None:  # fmt: skip
    """Most likely centre and spread of one side, from those in `fitted` on.

    Nelder and Mead's search over centre and ln spread; `corners` is 3 by 3 scratch.
    """
    shape = fitted[SHAPE]
    centre, width = fitted[CENTRE + side], log(fitted[SPREAD + side])
    for corner in range(3):
        corners[corner, 0] = centre + (0.3 if corner == 1 else 0.0)
        corners[corner, 1] = width + (0.2 if corner == 2 else 0.0)
        corners[corner, 2] = _at(
            corners[corner, 0], corners[corner, 1], shape, own, every, empty, tail
        )
    for _ in range(120):
        _sort(corners)
        if corners[0, 2] - corners[2, 2] < 1e-6:
            break
        _move(corners, shape, own, every, empty, tail)
    fitted[CENTRE + side] = corners[0, 0]
    fitted[SPREAD + side] = min(max(exp(corners[0, 1]), _LEAST_SPREAD), _MOST_SPREAD)


def _at(
    centre: float, width: float, shape: float, own: Floats, every: Floats,
    empty: Floats, tail: Floats,
) -> float:  # fmt: skip
    spread = min(max(exp(width), _LEAST_SPREAD), _MOST_SPREAD)
    return log_likelihood(centre, spread, shape, own, every, empty, tail)


def _sort(corners: Floats) -> None:
    """The best corner first."""
    for i in (0, 1, 0):
        if corners[i, 2] < corners[i + 1, 2]:
            for j in range(3):
                corners[i, j], corners[i + 1, j] = corners[i + 1, j], corners[i, j]


def _move(
    corners: Floats, shape: float, own: Floats, every: Floats, empty: Floats,
    tail: Floats,
) -> None:  # fmt: skip
    """Put a better corner in place of the worst one."""
    x = 0.5 * (corners[0, 0] + corners[1, 0])
    y = 0.5 * (corners[0, 1] + corners[1, 1])
    far_x, far_y = x - corners[2, 0], y - corners[2, 1]
    value = _at(x + far_x, y + far_y, shape, own, every, empty, tail)
    reach = 1.0
    if value > corners[0, 2]:
        further = _at(x + 2 * far_x, y + 2 * far_y, shape, own, every, empty, tail)
        if further > value:
            reach, value = 2.0, further
    elif value <= corners[1, 2]:
        reach = 0.5 if value > corners[2, 2] else -0.5
        value = _at(
            x + reach * far_x, y + reach * far_y, shape, own, every, empty, tail
        )
    if value > corners[2, 2]:
        corners[2, 0], corners[2, 1] = x + reach * far_x, y + reach * far_y
        corners[2, 2] = value
        return
    for corner in (1, 2):
        for j in (0, 1):
            corners[corner, j] = 0.5 * (corners[corner, j] + corners[0, j])
        corners[corner, 2] = _at(
            corners[corner, 0], corners[corner, 1], shape, own, every, empty, tail
        )


def fit_laws(
    fitted: Floats, place: int, prints: Floats, every: Floats, empty: Floats,
    tail: Floats, corners: Floats,
) -> float:  # fmt: skip
    """Fit the sizes of both sides under a shape; gives the likelihood of both."""
    fitted[SHAPE] = SHAPES[place]
    found = 0.0
    for side in (LONG, SHORT):
        few = moments(prints[side])[0] < PRINTS
        mine = every if few else prints[side]
        fit_sizes(fitted, side, mine, every, empty, tail, corners)
        found += log_likelihood(
            fitted[CENTRE + side], fitted[SPREAD + side], fitted[SHAPE], prints[side],
            every, empty, tail,
        )  # fmt: skip
    return found


def climb(
    fitted: Floats, prints: Floats, every: Floats, empty: Floats, tail: Floats,
    corners: Floats,
) -> float:  # fmt: skip
    """Fit sizes and shape together, from the last shape on; gives the likelihood.

    Large sizes and uneven rates explain the same prints nearly as well: sizes are
    fitted anew under every shape.
    """
    best = place_of(fitted[SHAPE])
    value = fit_laws(fitted, best, prints, every, empty, tail, corners)
    for step in (1, -1):
        moved = False
        while 0 <= best + step < len(SHAPES):
            other = fit_laws(fitted, best + step, prints, every, empty, tail, corners)
            if other <= value:
                break
            best, value, moved = best + step, other, True
        if moved:
            break
    return fit_laws(fitted, best, prints, every, empty, tail, corners)


def place_of(shape: float) -> int:
    """Where a shape is in the list."""
    best = 0
    for place in range(len(SHAPES)):
        if SHAPES[place] <= shape:
            best = place
    return best


def latest_likelihood(prints: Floats, every: Floats, empty: Floats) -> float:
    """Log likelihood of the same prints if the latest order of a second is shown.

    Sizes are then those of all orders, and whether a second has a print, and of which
    side, says nothing of its size.
    """
    found = 0.0
    for side in (LONG, SHORT):
        count, _, spread = moments(prints[side])
        if count > 0.0:
            found -= count * (0.5 + log(max(spread, _LEAST_SPREAD)))
    for busy in range(CLASSES):
        total, own = 0.0, 0.0
        for place in range(BINS):
            total += every[busy, place]
            own += prints[LONG, busy, place]
        found += _entropy(total, empty[busy]) + _entropy(own, total - own)
    return found


def _entropy(one: float, other: float) -> float:
    """Largest log likelihood of so many of one and of another."""
    found = 0.0
    for count in (one, other):
        if count > 0.0:
            found += count * log(count / (one + other))
    return found


def fit(
    fitted: Floats, prints: Floats, every: Floats, empty: Floats, minutes: float,
    tail: Floats, corners: Floats,
) -> None:  # fmt: skip
    """Fit a lane anew from its counts; below `WINDOWS` minutes nothing is known.

    `prints` are counts by side, class and bin; `every` is scratch for their sum. Sizes
    and shape are sought in turns, beginning where the last fit ended.
    """
    fitted[MINUTES] = minutes
    if minutes < WINDOWS:
        fitted[SHAPE] = 0.0
        return
    for busy in range(CLASSES):
        for place in range(BINS):
            every[busy, place] = prints[LONG, busy, place] + prints[SHORT, busy, place]
    if fitted[SHAPE] == 0.0:
        _begin(fitted, every)
    best = climb(fitted, prints, every, empty, tail, corners)
    fitted[EVIDENCE] = best - latest_likelihood(prints, every, empty)


def _begin(fitted: Floats, every: Floats) -> None:
    """Where the first search begins: what is printed, somewhat smaller."""
    _, mean, spread = moments(every)
    for side in (LONG, SHORT):
        fitted[CENTRE + side] = mean - 0.5 * spread
        fitted[SPREAD + side] = min(max(spread, 0.2), 3.0)
    fitted[SHAPE] = SHAPES[6]
