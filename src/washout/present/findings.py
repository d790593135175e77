"""What a record says, as numbers and classes: the findings behind every sentence.

Findings hold no words of a note, so that a note, a test and whoever asks for
`washout quicktake --json` read the same thing. USD are dollars, instants UTC. A class
is chosen by a rule stated here and printed in the note, never by the sample.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

Shorts = Literal["none", "scarce", "fewer", "balanced", "more", "dominant"]
Pressure = Literal["none", "long", "balanced", "short"]
Move = Literal["up", "down", "flat"]
Reach = Literal["never", "sums", "exceptions", "common"]
Standing = Literal["contradicted", "not_shown", "borne_out", "no_data"]

SCARCE, EVEN_LOW, EVEN_HIGH, DOMINANT = 1 / 3, 0.45, 0.55, 2 / 3
"""Bounds of the short share: below the first scarce, between the middle two balanced."""

FLAT = 0.02
"""A price change of less than this fraction is called flat."""

JUDGED_FROM = 0.9
"""Share of the window that must be observed before a statement is judged (D6)."""

COMMON = 0.05
"""Share of days from which an amount is common rather than an exception."""

LEVERAGE = (50, 10)
"""A forced closure loses about 1/leverage of its notional: high and low leverage (H2)."""


class About(Struct, frozen=True, kw_only=True):
    """What was asked. `unit` is what days are called: wide bars are their own unit."""

    scope: str
    exchange: str
    asset: str
    bar: str
    bar_s: float
    start: datetime
    stop: datetime
    window: str
    window_s: float
    anchor: datetime
    unit: Literal["day", "week"]


class Peak(Struct, frozen=True, kw_only=True):
    """A day (or week) that stands out."""

    time: datetime
    long_usd: float
    short_usd: float
    floor: bool


class Sides(Struct, frozen=True, kw_only=True):
    """Longs against shorts over the window; share and classes None or none if no USD."""

    long_usd: float
    short_usd: float
    short_share: float | None
    shorts: Shorts
    pressure: Pressure
    floor: bool

    @property
    def gross_usd(self) -> float:
        """Both sides together."""
        return self.long_usd + self.short_usd

    @property
    def net_usd(self) -> float:
        """Short - long: negative when more longs were closed."""
        return self.short_usd - self.long_usd


class Days(Struct, frozen=True, kw_only=True):
    """The window by UTC day. `seen` had at least some observation, `whole` all of it."""

    count: int
    seen: int
    whole: int
    zero: int
    median_long_usd: float
    median_short_usd: float
    median_gross_usd: float
    long_led: int
    short_led: int
    top_count: int
    top_long_share: float | None
    top_short_share: float | None
    largest_long: Peak
    largest_short: Peak


class Amounts(Struct, frozen=True, kw_only=True):
    """How amounts of `low` to `high` USD of longs come about: in days, or in sums.

    `fastest_*` is the fewest consecutive days that reach it, `typical_*` how many
    median days do; None if the window never does. `rolling_share` is the share of
    rolling windows of longs inside the range.
    """

    low: float
    high: float
    reach: Reach
    days_from_low: int
    days_above_high: int
    largest: tuple[Peak, ...]
    next_long_usd: float | None
    fastest_low: int | None
    fastest_high: int | None
    typical_low: int | None
    typical_high: int | None
    rolling_share: float | None
    runs_inside: int
    runs_shortest_s: float | None
    runs_longest_s: float | None


class RedRun(Struct, frozen=True, kw_only=True):
    """A run of the red area. `begun`, `going_on`: cut by an edge of the window."""

    start: datetime
    stop: datetime
    long_usd: float
    trough_usd: float
    trough_at: datetime
    floor: bool
    begun: bool
    going_on: bool


class Red(Struct, frozen=True, kw_only=True):
    """The rolling net. `known` bars have one; `share` of them are below zero."""

    known: int
    bars: int
    share: float | None
    lowest: float | None
    lowest_at: datetime | None
    highest: float | None
    highest_at: datetime | None
    runs: tuple[RedRun, ...]

    @property
    def largest(self) -> RedRun | None:
        """The run in which most longs were closed."""
        return max(self.runs, key=lambda run: run.long_usd, default=None)


class LongWave(Struct, frozen=True, kw_only=True):
    """A wave of long closures, from its onset to its end. `open`: it was not over."""

    start: datetime
    stop: datetime
    long_usd: float
    short_usd: float
    floor: bool
    open: bool


class WavesSeen(Struct, frozen=True, kw_only=True):
    """Waves of long closures, and how many of shorts. `missing` says why none is known.

    `unknown` is the share of bars in which nobody could tell.
    """

    missing: str
    unknown: float
    longs: tuple[LongWave, ...]
    shorts: int

    @property
    def largest(self) -> LongWave | None:
        """The wave in which most longs were closed."""
        return max(self.longs, key=lambda wave: wave.long_usd, default=None)


class Price(Struct, frozen=True, kw_only=True):
    """Price over the window: first open to last close, extremes of highs and lows.

    `falls` and `rises` say how often price fell on days that longs led, and rose on
    days that shorts led; `after_*` how often price stood higher a week later. `market` is the scope that it is the price of.
    """

    first: float
    last: float
    first_at: datetime
    last_at: datetime
    change: float
    move: Move
    low: float
    low_at: datetime
    high: float
    high_at: datetime
    known_share: float
    long_days: int
    falls: int
    short_days: int
    rises: int
    after_top: int
    after_top_up: int
    after_all: int
    after_all_up: int
    market: str
    source: tuple[str, ...]


class Net(Struct, frozen=True, kw_only=True):
    """CLD and the green bars, in the sign of order flow (short - long)."""

    anchor: datetime
    cld_last: float | None
    cld_last_at: datetime | None
    largest: float
    largest_at: datetime
    low_third_gross_usd: float | None
    other_gross_usd: float | None
    eruptions: tuple[datetime, ...]
    eruption_rule: str


class Hole(Struct, frozen=True, kw_only=True):
    """A stretch that nobody observed."""

    start: datetime
    stop: datetime


class Completeness(Struct, frozen=True, kw_only=True):
    """How much of the window was observed, and how far to trust it."""

    bars: int
    missing: int
    partial: int
    observed_share: float
    unobserved_s: float
    trust: dict[str, int]
    floor_bars: int
    floor_since: datetime | None
    holes: tuple[Hole, ...]
    breaks: tuple[tuple[datetime, str, str], ...]
    sources: tuple[str, ...]

    @property
    def judged(self) -> bool:
        """Whether enough was observed to judge a statement."""
        return self.observed_share >= JUDGED_FROM


class Loss(Struct, frozen=True, kw_only=True):
    """What closed longs lost, if leverage was between the two of `LEVERAGE`."""

    notional_usd: float
    least_usd: float
    most_usd: float


class Said(Struct, frozen=True, kw_only=True):
    """A statement often made about such a chart, and how the record stands to it."""

    id: str
    standing: Standing


class Findings(Struct, frozen=True, kw_only=True):
    """Everything that a note about one scope and window rests on."""

    about: About
    sides: Sides
    days: Days
    amounts: Amounts | None
    red: Red
    waves: WavesSeen
    price: Price | None
    no_price: str
    net: Net
    loss: Loss
    completeness: Completeness
    said: tuple[Said, ...]

    def standing(self, statement: str) -> Standing | None:
        """How the record stands to a statement; None if it was not looked at."""
        return {said.id: said.standing for said in self.said}.get(statement)


def shorts_of(share: float | None) -> Shorts:
    """What a short share is called."""
    if share is None:
        return "none"
    if share < SCARCE:
        return "scarce"
    if share < EVEN_LOW:
        return "fewer"
    if share <= EVEN_HIGH:
        return "balanced"
    return "more" if share <= DOMINANT else "dominant"


def pressure_of(shorts: Shorts) -> Pressure:
    """Which side the forced closures bore down on."""
    if shorts in ("scarce", "fewer"):
        return "long"
    if shorts in ("more", "dominant"):
        return "short"
    return "balanced" if shorts == "balanced" else "none"


def move_of(change: float) -> Move:
    """What a relative price change is called."""
    if abs(change) < FLAT:
        return "flat"
    return "up" if change > 0 else "down"
