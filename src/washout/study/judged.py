"""What judging a claim gives: the verdict with all that it rests on, ready to show."""

from __future__ import annotations

from typing import Literal

import msgspec

from washout.study.verdict import Quarter, Verdict

Reading = Literal["flow", "cryptoquant"]
"""What below zero means on the chart of the post: `flow`, longs were closed;
`cryptoquant`, shorts were."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line, row of bars or histogram of a figure; `low` and `high` bound `y`."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    role: Literal["claim", "control", "reference"] = "claim"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What lets a reader see the effect.

    `path`: mean course after events and after controls, x in hours. `dose`: mean
    outcome by bin of the dose. `bars`: one value a group, x counts `groups`.
    `histogram`: x are left edges of bins. `marks` are drawn as vertical lines.
    """

    kind: Literal["path", "dose", "bars", "histogram"]
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    groups: tuple[str, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()


class Secondary(msgspec.Struct, frozen=True, kw_only=True):
    """A further test of the same claim: another horizon or method; exploratory."""

    what: str
    effect: float
    low: float
    high: float
    p: float
    p_adjusted: float = float("nan")
    """By Benjamini-Hochberg over all secondary tests; NaN where it is not one of them."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with its verdict. Numbers are NaN where the record cannot say."""

    id: str
    says: str
    post: str
    """The statement of the post that it tests, in our words."""
    verdict: Verdict
    reading: Reading
    unit: str
    """Of the effect: z, probability, ratio, correlation, share, USD."""
    effect: float
    low: float
    high: float
    """90 % confidence interval."""
    effect_bp: float
    """The effect as basis points of price, for effects in z; else NaN."""
    p: float
    p_adjusted: float
    """Within the family of primary tests (Romano-Wolf)."""
    n_events: int
    n_controls: int
    clusters: int
    """Calendar blocks with events."""
    overlap: float | None
    smallest: float
    """Smallest effect of interest."""
    mde: float
    """Smallest effect that would have been found in 80 % of samples."""
    needed: float
    """Clusters needed to find the smallest effect of interest."""
    unconditional: float
    """Mean after events less the mean of all times: the effect without a benchmark."""
    just_the_dip: float
    """unconditional - effect: how much of it any like dip would have shown."""
    quarters: tuple[Quarter, ...]
    out_of_sample: float
    secondary: tuple[Secondary, ...]
    facts: dict[str, float]
    """Further numbers by name, with their unit in the name."""
    test: str
    benchmark: str
    horizon: str
    bar: str
    """Bars that waves are read from."""
    step: str
    """Bars that prices are read from."""
    normaliser: str
    """What liquidations are measured by: open interest, turnover, or both."""
    left_out: int
    """Rows with missing numbers."""
    spec_hash: str
    seed: int
    figure: Figure | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All claims that were judged in one run."""

    scope: str
    begin: int
    end: int
    reserved_from: int
    """Where the last quarter of time begins, which is out of sample. Microseconds."""
    bar: str
    step: str
    coverage: float
    """Observed share of the record."""
    claims: tuple[Judged, ...]
    """Under the reading `flow`."""
    other: tuple[Judged, ...]
    """The same claims under the other reading."""
    registered: int
    """Specs ever registered in the ledger."""
    ledger_head: str
    cfg_hash: str
    data_hash: str
    version: str
