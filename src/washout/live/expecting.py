"""What a stream is expected to say: learned from earlier days, or guessed.

The model is that of `silence.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from washout.clock import MINUTE

WINDOW = 10 * MINUTE


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a stream without history."""

    per_market: float
    """Events a minute of each market, at most `most` of all."""
    most: float
    share: float
    """Events for one that other lines are told."""
    per_bp: float = 0.0
    """Events for each bp that the price moved in a window beyond `calm` bp, of majors."""
    calm: float = 20.0
    shape: float = 1.0


GUESSES: dict[str, Guess] = {
    "liquidations": Guess(per_market=0.02, most=1.0, share=0.02, per_bp=0.02),
    "trades": Guess(per_market=0.02, most=1.0, share=0.001, per_bp=0.2),
    # Binance pushes mark prices every 3 s or faster, Bybit and OKX several times a
    # second (their documentation): one every six seconds is little.
    "mark_price": Guess(per_market=10.0, most=10.0, share=0.0, shape=100.0),
}
"""By want. A venue's liquidations of all markets are never away for hours: 1 a minute
raises the alarm after about an hour, one market alone after half a day; with other
venues or prices that move it is minutes."""


class Moments(msgspec.Struct):
    """Sums over windows: count n, others o, move m, and their products."""

    windows: float = 0.0
    n: float = 0.0
    o: float = 0.0
    m: float = 0.0
    nn: float = 0.0
    no: float = 0.0
    nm: float = 0.0
    oo: float = 0.0
    om: float = 0.0
    mm: float = 0.0

    def add(self, n: float, o: float, m: float) -> None:
        """One more window."""
        products = (1.0, n, o, m, n * n, n * o, n * m, o * o, o * m, m * m)
        for name, value in zip(self.__struct_fields__, products, strict=True):
            setattr(self, name, getattr(self, name) + value)


def together(days: Iterable[Moments]) -> Moments:
    """Sums over several days."""
    total = Moments()
    for day in days:
        for name in total.__struct_fields__:
            setattr(total, name, getattr(total, name) + getattr(day, name))
    return total


class Expected(msgspec.Struct, frozen=True):
    """What a stream should say, and how unevenly (the shape a).

    Of `flat * minutes`, `others * o` and `move * max(m - calm, 0)` the sum, or the least
    of those that are known (not 0).
    """

    flat: float
    others: float
    move: float
    calm: float
    shape: float
    least: bool = False

    def of(self, minutes: float, o: float, m: float) -> float:
        """Events expected in part of a window."""
        moved = self.move * max(m - self.calm, 0.0)
        if not self.least:
            return self.flat * minutes + self.others * o + moved
        told = (self.flat, minutes), (self.others, o), (self.move, m)
        return min((rate * much for rate, much in told if rate), default=0.0)


def learned(sums: Moments) -> Expected:
    """What earlier days teach; `sums` has events."""
    x = sums.n / sums.o if sums.o else 0.0
    y = sums.n / sums.m if sums.m else 0.0
    mean = sums.n / sums.windows
    shapes = [_shape(sums, x, sums.no, sums.oo)] if x else []
    shapes += [_shape(sums, y, sums.nm, sums.mm)] if y else []
    shapes = shapes or [_shape(sums, mean, sums.n, sums.windows)]
    flat = 0.0 if x or y else mean / (WINDOW / MINUTE)
    return Expected(flat, x, y, 0.0, min(shapes), least=True)


def _shape(sums: Moments, slope: float, cross: float, square: float) -> float:
    """The shape a of counts around `slope` times what has these sums of products."""
    told = slope**2 * square
    error = sums.nn - 2 * slope * cross + told
    return min(max(told / max(error - sums.n, 1e-9), 0.2), 100.0)


def guessed(guess: Guess, markets: int, *, major: bool) -> Expected:
    """What is expected of a stream of so many markets without history."""
    return Expected(
        min(guess.per_market * markets, guess.most), guess.share,
        guess.per_bp if major else 0.0, guess.calm, guess.shape,
    )  # fmt: skip
