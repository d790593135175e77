"""Streams that are subscribed and say nothing although they should.

A venue may acknowledge a subscription and then send nothing, for weeks. What should have
come is judged from the stream's own earlier days, and from what was going on meanwhile:
what other lines were told of the same kind, and how far prices moved.

Time is cut into windows of ten minutes. In window w the stream is expected to say
mu_w = min(x * others_w, y * move_w): the smaller of what follows from what other lines
were told of the kind and the assets, and from the sum of absolute minute returns in bp.
x and y are the stream's events per event of others and per bp on its earlier UTC days
(at most seven, frozen at midnight). The smaller, because streams come in storms and
prices also move without: both must speak for it. Where one of them never said anything,
the other counts, and where both did not, the mean. The count of a window is a Gamma
mixture of Poissons with shape a, by moments from the same days, the smaller of both
(between 0.2 and 100, the grid of METHOD E2), so that nothing comes of a window with
probability (1 + mu/a)^-a. A stream is silent when the product over the windows since its
last event falls below `level`, and clearly below that of any silence that ended by itself
in the last days (its logarithm `beyond` times as low: windows are less independent than
the model has them), and at least `least` has passed.

Without earlier days what it said in this run stands in (`lately.py`), and within the first
half hour of that `Guess`: cautious numbers with a = 1 (exponential).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import log, log1p

import msgspec

from washout.clock import DAY, MINUTE, SECOND
from washout.live.expecting import (
    GUESSES,
    WINDOW,
    Expected,
    Moments,
    guessed,
    learned,
    together,
)  # fmt: skip
from washout.live.lately import Lately, Recent
from washout.live.rows import Rows

Stream = tuple[str, str, str, str]
"""Exchange, line, want, asset; all assets of the line together if that is empty."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """When silence is an alarm."""

    level: float = 1e-6
    """Probability of so long a silence. With 10,000 events a day, each of which begins a
    silence, that is one false alarm in a hundred days."""
    beyond: float = 1.5
    most: float = 4.0
    """No silence that ended counts for more than this many times `level`'s logarithm."""
    least: int = 30 * SECOND
    days: int = 7
    windows: int = 36
    """Least number of whole windows (six hours) that make a reference."""
    events: int = 20
    """Least number of events that make one."""
    majors: tuple[str, ...] = ("BTC", "ETH")
    """Assets of which a move of price brings liquidations on every venue."""


class Minute(msgspec.Struct, frozen=True):
    """What went on around a stream in a minute; `begin` is its start."""

    begin: int
    count: int
    others: int
    move: float
    """Absolute return in bp."""
    last: int
    """Receipt of the last event, if `count`."""


class Listener:
    """One stream: its history, and the silence that it is in."""

    def __init__(self, patience: Patience, guess: Expected) -> None:
        self.patience, self.guess = patience, guess
        self.learned: Expected | None = None
        self.lately = Lately()
        self.last = 0
        """Receipt of the last event, or when it was first watched."""
        self.silent = False
        self.days: dict[int, Moments] = {}
        self.worst: dict[int, float] = {}
        """Per day the least log-probability of a silence that ended."""
        self._day = self._window = -1
        self._sums = [0.0, 0.0, 0.0, 0.0]
        """Minutes, count, others, move of the window that runs."""
        self._quiet = [0.0, 0.0, 0.0]
        """Minutes, others, move of its part since the last event."""
        self._before = 0.0
        """Log-probability of the silence up to this window."""
        self.waited = 0.0
        """Events expected since the last one, up to this window."""

    def state(self) -> State:
        """All that it knows, apart from what it will learn."""
        names = State.__struct_fields__
        told = {name: getattr(self, name) for name in names if name != "lately"}
        return msgspec.convert(
            msgspec.to_builtins(
                {**told, "lately": self.lately.state()}, str_keys=False
            ),
            State,
        )

    def become(self, state: State) -> None:
        """Know what another one knew."""
        for name in State.__struct_fields__:
            if name != "lately":
                setattr(self, name, getattr(state, name))
        self.lately = Lately(state.lately)

    @property
    def expected(self) -> Expected:
        """What is expected of it now."""
        if self.learned is None and (told := self.lately.rate) is not None:
            return Expected(told.flat, told.others, 0.0, 0.0, told.shape, least=True)
        return self.learned or self.guess

    def pass_minute(self, minute: Minute) -> bool:
        """Take a watched minute; True if the stream falls silent with it."""
        self._turn(minute.begin)
        self.lately.pass_minute(
            minute.begin, minute.count, minute.others,
            silent=self.silent, events=self.patience.events,
        )  # fmt: skip
        self._sums[0] += 1
        self._sums[1] += minute.count
        self._sums[2] += minute.others
        self._sums[3] += minute.move
        if minute.count:
            self._remember(minute.begin // DAY)
            self.last, self.silent = minute.last, False
            self._quiet, self._before, self.waited = [0.0, 0.0, 0.0], 0.0, 0.0
            return False
        self._quiet[0] += 1
        self._quiet[1] += minute.others
        self._quiet[2] += minute.move
        long_enough = minute.begin + MINUTE - self.last >= self.patience.least
        alarm = self.log_probability() <= self._limit() and long_enough
        fell = alarm and not self.silent
        self.silent |= alarm
        return fell

    def _limit(self) -> float:
        """The log-probability below which it is silent."""
        worst = min(self.worst.values(), default=0.0)
        return min(log(self.patience.level), self.patience.beyond * worst)

    def _remember(self, day: int) -> None:
        ended = max(
            self.log_probability(), self.patience.most * log(self.patience.level)
        )
        self.worst[day] = min(ended, self.worst.get(day, 0.0))

    def log_probability(self) -> float:
        """Of so long a silence."""
        return self._before + self._nothing(self.expected.of(*self._quiet))

    def improbable(self, minutes: float) -> bool:
        """Whether a silence of so long would be one, at what is expected now."""
        return self._nothing(self.rate() * minutes) <= self._limit()

    def missing(self) -> float:
        """Events expected since the last one."""
        return self.waited + self.expected.of(*self._quiet)

    def rate(self) -> float:
        """Events a minute expected in the window that runs."""
        minutes = max(self._sums[0], 1.0)
        return self.expected.of(self._sums[0], *self._sums[2:]) / minutes

    def _nothing(self, mu: float) -> float:
        return -self.expected.shape * log1p(mu / self.expected.shape)

    def _turn(self, time: int) -> None:
        """Close the window, and at midnight freeze what the days before teach."""
        window = time // WINDOW
        if window == self._window:
            return
        if self._sums[0] == WINDOW // MINUTE and not self.silent:
            day = self.days.setdefault(self._window * WINDOW // DAY, Moments())
            day.add(*self._sums[1:])
        mu = self.expected.of(*self._quiet)
        self._before += self._nothing(mu)
        self.waited += mu
        self._sums, self._quiet = [0.0] * 4, [0.0] * 3
        self._window = window
        if time // DAY != self._day:
            self._freeze(time // DAY)

    def _freeze(self, today: int) -> None:
        self._day = today
        earliest = today - self.patience.days
        self.days = {d: s for d, s in self.days.items() if d >= earliest}
        self.worst = {d: w for d, w in self.worst.items() if d >= earliest}
        sums = together(s for d, s in self.days.items() if d < today)
        enough = (
            sums.windows >= self.patience.windows and sums.n >= self.patience.events
        )
        self.learned = learned(sums) if enough else None


class Seen(msgspec.Struct, frozen=True):
    """What a watched stream carries: its assets, how many markets, and since when."""

    assets: tuple[str, ...]
    markets: int
    since: int


class State(msgspec.Struct, frozen=True):
    """All that a listener knows, by the names of its attributes."""

    guess: Expected
    learned: Expected | None
    lately: Recent
    last: int
    silent: bool
    days: dict[int, Moments]
    worst: dict[int, float]
    waited: float
    _day: int
    _window: int
    _sums: list[float]
    _quiet: list[float]
    _before: float


class Memory(msgspec.Struct, frozen=True):
    """What all listeners knew when the minute that ended at `until` was over."""

    until: int
    streams: list[tuple[Stream, State]]


class Silence:
    """All streams. Counts are taken as they come, judged when a minute is over."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.listeners: dict[Stream, Listener] = {}
        self._counts: dict[Stream, int] = {}
        self._last: dict[Stream, int] = {}
        self._prices: dict[str, dict[str, float]] = {}
        self._before: dict[str, dict[str, float]] = {}
        self._until = 0
        self._recalled: Memory | None = None

    def memory(self) -> Memory:
        """What is known now, for `recall` after a restart."""
        told = [(stream, one.state()) for stream, one in sorted(self.listeners.items())]
        return Memory(self._until, told)

    def recall(self, memory: Memory) -> None:
        """Know what `memory` held once its last minute has passed again.

        Reading begins before that minute. What it teaches once more is put aside then,
        so that all goes on as if there had been no restart.
        """
        self._recalled = memory

    def restore(self, begin: int) -> bool:
        """Know it now, if the minute that begins at `begin` is the first after it."""
        told = self._recalled
        if told is None or begin < told.until:
            return False
        self._recalled = None
        for stream, state in told.streams:
            self.listeners[stream] = Listener(self.patience, state.guess)
            self.listeners[stream].become(state)
        return True

    def heard(self, exchange: str, line: str, want: str, rows: Rows) -> None:
        """Events arrived."""
        assets, receipts = rows.columns("asset", "ts_recv")
        for asset, count in Counter(assets).items():
            stream = (exchange, line, want, asset)
            self._counts[stream] = self._counts.get(stream, 0) + count
        for asset, time in dict(zip(assets, receipts, strict=True)).items():
            self._last[exchange, line, want, asset] = time

    def priced(self, rows: Rows, name: str) -> None:
        """Prices: the last one of each market counts."""
        names = rows.columns("exchange", "asset", "market", name)
        for exchange, asset, market, price in zip(*names, strict=True):
            self._prices.setdefault(asset, {})[f"{exchange}:{market}:{name}"] = price

    def pass_minute(self, begin: int, watched: Mapping[Stream, Seen]) -> list[Stream]:
        """Streams that fall silent; `watched` are those subscribed the whole minute."""
        self._until = begin + MINUTE
        moves = self._moves()
        totals = _totals(self._counts)
        fell = []
        for stream, seen in watched.items():
            listener = self._listener(stream, seen)
            others = sum(
                totals.get((stream[2], asset), 0) - totals.get((*stream[:3], asset), 0)
                for asset in seen.assets
            )
            move = moves.get(stream[3], 0.0)
            count, last = self._of(stream)
            if listener.pass_minute(Minute(begin, count, others, move, last)):
                fell.append(stream)
        self._counts.clear()
        self._last.clear()
        return fell

    def _listener(self, stream: Stream, seen: Seen) -> Listener:
        if stream not in self.listeners:
            major = any(asset in self.patience.majors for asset in seen.assets)
            guess = guessed(GUESSES[stream[2]], seen.markets, major=major)
            self.listeners[stream] = Listener(self.patience, guess)
            self.listeners[stream].last = seen.since
        return self.listeners[stream]

    def _of(self, stream: Stream) -> tuple[int, int]:
        """Events of a stream in the minute, and receipt of the last."""
        if stream[3]:
            return self._counts.get(stream, 0), self._last.get(stream, 0)
        mine = [one for one in self._counts if one[:3] == stream[:3]]
        return (
            sum(self._counts[one] for one in mine),
            max((self._last[one] for one in mine), default=0),
        )

    def _moves(self) -> dict[str, float]:
        """Absolute returns of the minute in bp, by asset: the median over markets.

        Of all assets (""): the median over majors.
        """
        moves = {}
        for asset, prices in self._prices.items():
            before = self._before.get(asset, {})
            found = sorted(
                1e4 * abs(log(price / before[market]))
                for market, price in prices.items()
                if market in before
            )
            if found:
                moves[asset] = found[len(found) // 2]
            self._before[asset] = dict(prices)
        majors = sorted(moves[a] for a in self.patience.majors if a in moves)
        if majors:
            moves[""] = majors[len(majors) // 2]
        return moves


def _totals(counts: Mapping[Stream, int]) -> dict[tuple[str, ...], int]:
    """Sums by want and asset, and by stream."""
    totals: dict[tuple[str, ...], int] = {}
    for stream, count in counts.items():
        for key in (stream[2:], stream):
            totals[key] = totals.get(key, 0) + count
    return totals
