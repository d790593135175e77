"""From numbers to one of three words, by rules fixed beforehand, in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from washout.config import DEFAULT, Config
from washout.study.estimate import Estimate

Word = Literal["supported", "contradicted", "inconclusive"]

_FEWEST = 3
"""Clusters that a quarter needs to count, and quarters that must count."""
_SHARE = 0.75
"""Share of them with the claim's sign."""


class Verdict(msgspec.Struct, frozen=True):
    """The word, and why; `reason` is empty where the word says all."""

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


class Quarter(msgspec.Struct, frozen=True):
    """The effect in a quarter of the in-sample time, and its clusters with events."""

    effect: float
    clusters: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that the rules look at. Effects are oriented: + is what the claim says.

    Parameters
    ----------
    estimate : Estimate
        In sample; it carries the smallest effect of interest.
    p_adjusted : float
        Within the claim's family.
    coverage : float
        Share of the record that was observed.
    quarters : tuple of Quarter
        Of the in-sample time.
    out_of_sample : float, optional
        The effect in the last quarter of all time; None before it was opened.
    second : Verdict, optional
        That of the other track (received against estimated), where there is one.
    missing : tuple of str
        Data that the claim needs and the record does not have.
    """

    estimate: Estimate
    p_adjusted: float
    coverage: float
    quarters: tuple[Quarter, ...] = ()
    out_of_sample: float | None = None
    second: Verdict | None = None
    missing: tuple[str, ...] = ()


Rule = Callable[[Evidence, Config], Verdict | None]


def judge(evidence: Evidence, config: Config = DEFAULT) -> Verdict:
    """The verdict of the first rule that applies; tracks that disagree decide nothing."""
    found = (rule(evidence, config) for rule in RULES)
    verdict = next((v for v in found if v is not None), Verdict("inconclusive"))
    return verdict if evidence.second is None else agreed(verdict, evidence.second)


def agreed(first: Verdict, second: Verdict) -> Verdict:
    """The first track's verdict, unless the second says another word."""
    if first.word in {second.word, "inconclusive"}:
        return first
    return Verdict("inconclusive", "tracks disagree")


def stable(quarters: Sequence[Quarter]) -> bool:
    """Whether three quarters of the quarters, and three at least, show the sign.

    Quarters with fewer than three clusters are not counted.
    """
    counted = [
        quarter.effect > 0
        for quarter in quarters
        if quarter.clusters >= _FEWEST and math.isfinite(quarter.effect)
    ]
    return len(counted) >= _FEWEST and sum(counted) >= _SHARE * len(counted)


def _missing(evidence: Evidence, _: Config) -> Verdict | None:
    if not evidence.missing:
        return None
    return Verdict("inconclusive", f"missing: {', '.join(evidence.missing)}")


def _coverage(evidence: Evidence, config: Config) -> Verdict | None:
    if evidence.coverage >= config.min_coverage:
        return None
    return Verdict("inconclusive", "data coverage")


def _clusters(evidence: Evidence, config: Config) -> Verdict | None:
    if evidence.estimate.clusters >= config.min_clusters:
        return None
    return Verdict("inconclusive", "n too small")


def _overlap(evidence: Evidence, config: Config) -> Verdict | None:
    overlap = evidence.estimate.overlap
    if overlap is None or overlap >= config.min_overlap:
        return None
    return Verdict("inconclusive", "no comparable dips")


def _identified(evidence: Evidence, _: Config) -> Verdict | None:
    """Covariates can explain a treatment wholly: then no number follows."""
    if math.isfinite(evidence.estimate.effect):
        return None
    return Verdict("inconclusive", "effect not identified")


def _opposite(evidence: Evidence, config: Config) -> Verdict | None:
    if evidence.p_adjusted < config.alpha and evidence.estimate.effect < 0:
        return Verdict("contradicted", "the opposite effect")
    return None


def _nothing_of_interest(evidence: Evidence, _: Config) -> Verdict | None:
    if evidence.estimate.high < evidence.estimate.smallest:
        return Verdict("contradicted", "no effect of interest")
    return None


def _confirmed(evidence: Evidence, config: Config) -> Verdict | None:
    if not (evidence.p_adjusted < config.alpha and evidence.estimate.effect > 0):
        return None
    if not stable(evidence.quarters):
        return Verdict("inconclusive", "unstable")
    if evidence.out_of_sample is None:
        return Verdict("inconclusive", "missing: out-of-sample effect")
    if not evidence.out_of_sample > 0:
        return Verdict("inconclusive", "unstable")
    return Verdict("supported")


def _power(evidence: Evidence, _: Config) -> Verdict | None:
    if evidence.estimate.mde > evidence.estimate.smallest:
        return Verdict("inconclusive", "n too small")
    return None


RULES: tuple[Rule, ...] = (
    _missing, _coverage, _clusters, _overlap, _identified, _opposite,
    _nothing_of_interest, _confirmed, _power,
)  # fmt: skip
"""In the order in which they decide."""
