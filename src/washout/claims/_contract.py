"""What a claim is.

A claim is a function `question(record, horizon)` with what `claim` declares: the
statement in words, the test, the smallest effect of interest. The function picks what is
compared, from a `Record` that holds nothing that was not known; it computes no p-value.
It returns one of

* `Rows`: decisions with an outcome, some of them events (or with a dose);
* `Shifted`: events on a grid, to be compared with the same events at other times;
* `Rates`: two rates, of which the ratio is asked;
* `Correlation`: two columns and a grouping;
* `Told`: a number that needs no test, with its interval.

It raises `Lacks` when the record does not have the data: the verdict then says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from washout.errors import NoData

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Flags = NDArray[np.bool_]
Side = Literal["long", "short"]

Test = Literal["regression", "dose", "lift", "ratio", "correlation", "told"]
Unit = Literal["z", "probability", "ratio", "correlation", "share", "USD", "ln bp", "o"]


class Lacks(NoData):
    """The record has not the data that a claim needs; the message names them."""


class Rows(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One row a decision, in any order; NaN where a number is missing.

    Parameters
    ----------
    time : int64[n], us
        When the decision could be taken.
    outcome : float64[n]
        What followed, in the claim's unit.
    treated : float64[n]
        1 for an event, 0 for a control; or a dose.
    covariates : float64[n, k]
        What an event is compared at, known at `time`.
    shape : float64[n, m], optional
        Further columns, taken as they are.
    event : bool[n], optional
        Rows that count as events where `treated` is neither 0 nor 1.
    horizon : int, us
        How long the outcome takes: no row may reach beyond the record.
    flexible : bool
        Whether squares and the falling half of the covariates stand beside them.
    variances : int
        How many of the last covariates are of variance: what is compared at when only
        volatility is matched.
    facts : mapping
        Further numbers to report.
    """

    time: Times
    outcome: Floats
    treated: Floats
    covariates: Floats
    horizon: int
    variances: int = 0
    shape: Floats | None = None
    event: Flags | None = None
    flexible: bool = True
    facts: Mapping[str, float] = msgspec.field(default_factory=dict)


class Shifted(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Outcomes (0 or 1) at evenly spaced instants, and events; both in us.

    Asked is P(outcome | event in the `window` before) / P(outcome).
    """

    begin: int
    step: int
    outcome: Floats
    event: Times
    window: int
    horizon: int
    facts: Mapping[str, float] = msgspec.field(default_factory=dict)


class Rates(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """(sum ours / sum our_base) / (sum theirs / sum their_base), all float64[n].

    `null` is the ratio at which the claim begins to be wrong.
    """

    time: Times
    ours: Floats
    our_base: Floats
    theirs: Floats
    their_base: Floats
    null: float = 1.0
    facts: Mapping[str, float] = msgspec.field(default_factory=dict)


class Correlation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Correlation of `x` and `y` (float64[n]) within each `group`, averaged."""

    time: Times
    x: Floats
    y: Floats
    group: Times
    facts: Mapping[str, float] = msgspec.field(default_factory=dict)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its interval; the claim holds where it is above `threshold`.

    Where `low` and `high` are on both sides of it nothing is said.
    """

    value: float
    low: float
    high: float
    threshold: float
    n: int
    least: int = 1
    """Fewer than this say nothing."""
    facts: Mapping[str, float] = msgspec.field(default_factory=dict)
    bins: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    """Left edges and counts of a histogram to show."""
    band: tuple[float, ...] = ()
    """Edges to mark in it."""
    of: str = ""
    """What the histogram counts."""


Question = Rows | Shifted | Rates | Correlation | Told


class Record(Protocol):
    """What a claim may look at: one scope, up to one instant, nothing later."""

    scope: str
    bar: int
    """Width of the bars that liquidations are read from, us."""
    step: int
    """Width of the bars that prices are read from, us."""
    begin: int
    end: int
    study_size: float
    """Bp from which a wave is an event: 60, and 30 and 120 beside it."""
    red: Side
    """The side that the post's red stands for; `white` is the other."""
    white: Side

    @property
    def sign(self) -> int:
        """-1 if red are longs (net below zero), else 1."""
        ...

    def rows(self, view: str, **settings: Any) -> dict[str, Any]:
        """Columns of a view by name; times in us, USD in dollars. Lacks if it has none."""
        ...

    def need(self, columns: Mapping[str, Floats], *names: str) -> None:
        """Lacks, where one of the named columns has no number at all."""
        ...

    def grid(self) -> Times:
        """Every instant at which a price bar had closed, int64[n], us."""
        ...

    def waves(self, side: Side, at_least: float) -> dict[str, Any]:
        """First exhaustions of waves of at least so many bp: columns of `wave_events`."""
        ...

    def active(self, side: Side, at_least: float, span: int, time: Times) -> Flags:
        """Whether such a wave was active in the `span` before each instant."""
        ...

    def returns(self, time: Times, horizon: int) -> Floats:
        """Log return over `horizon` after each instant, entered one price bar later."""
        ...

    def after(self, time: Times, horizon: int) -> Floats:
        """The same in standard deviations of a return over `horizon`."""
        ...

    def before(self, time: Times, span: int) -> Floats:
        """Log return over the `span` before each instant, in standard deviations."""
        ...

    def deviation(self, time: Times, span: int) -> Floats:
        """Standard deviation of a log return over `span`, known at each instant."""
        ...

    def path(self, time: Times, span: int) -> tuple[Floats, Floats]:
        """Log highs and lows of the `span` before each instant, float64[n, bars]."""
        ...

    def ahead(self, time: Times, span: int) -> tuple[Floats, Floats, Floats]:
        """Log highs, lows and closes of the `span` after entry, float64[n, bars]."""
        ...

    def entry(self, time: Times) -> Floats:
        """Log close at which a decision is entered: of the bar after the known one."""
        ...

    def state(self, time: Times) -> Floats:
        """What dips are matched on, float64[n, k]: returns and variance before each."""
        ...

    def shape(self, time: Times) -> Floats:
        """How a dip came about, float64[n, m]: further terms of a dose regression."""
        ...

    def level(self, columns: Mapping[str, Any], name: str, time: Times) -> Floats:
        """The last value of a column that was known at each instant; NaN before."""
        ...

    def total(
        self, columns: Mapping[str, Any], name: str, time: Times, span: int
    ) -> Floats:
        """Sum of a column over the bars of the `span` that was known at each instant."""
        ...

    def dips(
        self, event: Times, outcome: Callable[[Times], Floats], horizon: int
    ) -> Rows:
        """Events against all other instants with no wave of the study on in the day before.

        Both are compared at `state`; what followed says `outcome(time)`.
        """
        ...


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A statement with its test, fixed before data are looked at."""

    id: str
    says: str
    post: str
    test: Test
    unit: Unit
    horizon: str
    also: tuple[str, ...] = ()
    """Secondary horizons; exploratory."""
    benchmark: str = "like dips"
    sign: int = 1
    """-1 where the claim says that the effect is below zero."""
    smallest: float = 0.20
    family: Literal["primary", "alone"] = "primary"
    """Primary tests are adjusted together."""
    block: int = 0
    """Least width of calendar blocks, us."""
    seed: int = 20240101
    question: Callable[[Any, int], Question]

    @property
    def name(self) -> str:
        """How users call it."""
        return self.id

    @property
    def source(self) -> str:
        """The claim's own source code: a changed claim is another claim."""
        return inspect.getsource(inspect.getmodule(self.question) or self.question)


def claim(**told: Any) -> Callable[[Callable[[Any, int], Question]], Claim]:
    """Make a claim of a function `question(record, horizon)`; see `Claim`."""

    def make(question: Callable[[Any, int], Question]) -> Claim:
        return Claim(question=question, **told)

    return make
