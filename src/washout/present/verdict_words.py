"""Verdicts and their numbers in plain words: what is known, what is not, and why.

A verdict has three words; read aloud they mislead in one place. `contradicted` holds
both "the opposite was found" and "nothing of a size that matters was found", which are
told apart here: the latter reads *not supported*.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Literal

from washout.present import wording as say
from washout.study.judged import Judged, Reading, Secondary
from washout.study.verdict import Quarter, Verdict

Group = Literal["supported", "not supported", "contradicted", "cannot be said"]
GROUPS: tuple[Group, ...] = (
    "supported", "not supported", "contradicted", "cannot be said",
)  # fmt: skip
"""What a verdict reads as, in the order in which they are told."""

REASONS = {
    "": "what was found fits an effect that matters as well as none",
    "data coverage": "too little of the time was observed",
    "n too small": "too few events apart in time",
    "no comparable dips": "too few falls like these without a wave to compare with",
    "effect not identified": "what is compared with leaves no effect to measure",
    "unstable": "it does not hold in most quarters of the time and out of sample",
    "tracks disagree": "what was received and what is estimated disagree",
}
"""Why nothing can be said, by the reason of the verdict."""

READINGS: dict[Reading, str] = {
    "flow": "below zero means that longs were closed",
    "cryptoquant": "below zero means that shorts were closed",
}

UNITS = ("usd", "bp", "share", "z", "s", "hours", "days")
"""Units that end the name of a fact."""

NOTHING = "-"
"""Where the record has no number."""


def group(verdict: Verdict) -> Group:
    """What a verdict reads as."""
    if verdict.word == "supported":
        return "supported"
    if verdict.word == "inconclusive":
        return "cannot be said"
    lacking = verdict.reason == "no effect of interest"
    return "not supported" if lacking else "contradicted"


def told(verdict: Verdict) -> str:
    """A verdict with its reason.

    >>> told(Verdict("inconclusive", "n too small"))
    'cannot be said: too few events apart in time'
    >>> told(Verdict("contradicted", "no effect of interest"))
    'not supported: no effect of a size that matters'
    """
    return f"{group(verdict)}: {why}" if (why := because(verdict)) else group(verdict)


def because(verdict: Verdict) -> str:
    """The reason in words, "" where the word says all."""
    if verdict.word == "inconclusive":
        if verdict.reason.startswith("missing: "):
            return f"the record lacks {verdict.reason.removeprefix('missing: ')}"
        return REASONS.get(verdict.reason, verdict.reason)
    return {
        "no effect of interest": "no effect of a size that matters",
        "the opposite effect": "the opposite was found",
    }.get(verdict.reason, verdict.reason)


def amount(value: float, unit: str, *, signed: bool = True) -> str:
    """A number in the unit of a claim.

    >>> amount(0.31, "z"), amount(-0.082, "probability"), amount(0.55, "share")
    ('+0.31 z', '−8.2 points', '55 %')
    """
    if not isfinite(value):
        return NOTHING
    if unit == "USD":
        return say.money(value)
    if unit == "share":
        return say.percent(value).replace("-", "−")
    scaled, name = (100 * value, "points") if unit == "probability" else (value, unit)
    digits = 1 if unit == "probability" else 2
    told_ = f"{scaled:+.{digits}f}" if signed else f"{scaled:.{digits}f}"
    return f"{told_} {name}".replace("-", "−")


def interval(low: float, high: float, unit: str) -> str:
    """A 90 % confidence interval, the unit told once.

    >>> interval(0.12, 0.5, "z")
    '+0.12 to +0.50 z'
    """
    if not (isfinite(low) and isfinite(high)):
        return NOTHING
    first, last = amount(low, unit), amount(high, unit)
    ending = f" {last.rpartition(' ')[2]}"
    return f"{first.removesuffix(ending)} to {last}"


def effect(judged: Judged) -> str:
    """The effect, in basis points of price too where it has them."""
    text = amount(judged.effect, judged.unit)
    if isfinite(judged.effect_bp):
        text += f", {judged.effect_bp:+.0f} bp".replace("-", "−")
    return text


def chance(p: float) -> str:
    """A p-value.

    >>> chance(0.0001), chance(0.013), chance(0.5)
    ('< 0.001', '0.013', '0.50')
    """
    if not isfinite(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def whole(number: float) -> str:
    """A count that may be unknown."""
    return f"{number:,.0f}" if isfinite(number) else NOTHING


def dip(judged: Judged) -> str:
    """How much of the effect any like dip shows."""
    if not isfinite(judged.unconditional):
        return "not asked: this claim has no benchmark of like dips"
    raw = amount(judged.unconditional, judged.unit)
    dipped = amount(judged.just_the_dip, judged.unit)
    return (
        f"{raw} after events against all times; {dipped} of it is what like dips show"
        f" as well, {amount(judged.effect, judged.unit)} is left"
    )


def power(judged: Judged) -> str:
    """What could have been found, and what would matter."""
    least = amount(judged.smallest, judged.unit, signed=False)
    if not isfinite(judged.mde):
        return f"an effect that matters is {least}; what could have been found is not known"
    found = amount(judged.mde, judged.unit, signed=False)
    text = f"would have found {found} in four of five samples; what matters is {least}"
    if isfinite(judged.needed) and judged.needed > judged.clusters:
        text += (
            f", for which {judged.needed:,.0f} time blocks with events would be needed"
        )
    return text


def quarters(found: Sequence[Quarter], unit: str) -> str:
    """The effect quarter by quarter, with the time blocks that it rests on."""
    parts = [f"{amount(one.effect, unit)} ({one.clusters})" for one in found]
    return ", ".join(parts) or NOTHING


def secondary(one: Secondary, unit: str) -> str:
    """A further test in a line; only members of the family have an adjusted p."""
    text = f"{one.what}: {amount(one.effect, unit)}"
    if isfinite(one.low):
        text += f" ({interval(one.low, one.high, unit)})"
    text += f", p {chance(one.p)}"
    if isfinite(one.p_adjusted):
        text += f", adjusted {chance(one.p_adjusted)}"
    return text


def fact(name: str, value: float) -> str:
    """A further number; its unit is in its name.

    >>> fact("closed_usd", 5.736e9), fact("waves_a_year", 68.2), fact("depth_bp", 241)
    ('closed 5,736 M USD', 'waves a year 68.2', 'depth 241 bp')
    """
    words, _, unit = name.replace("_", " ").rpartition(" ")
    if unit not in UNITS:
        words, unit = name.replace("_", " "), ""
    if not isfinite(value):
        return f"{words} {NOTHING}"
    if unit == "usd":
        return f"{words} {say.money(value)}"
    if unit == "share":
        return f"{words} {say.percent(value)}".replace("-", "−")
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
    return f"{words} {number} {unit}".rstrip().replace("-", "−")


def differs(judged: Judged, other: Judged | None) -> str:
    """What the other reading says, where it says another thing; else ""."""
    if other is None or group(judged.verdict) == group(other.verdict):
        return ""
    return (
        f"{group(judged.verdict)} becomes {told(other.verdict)}, if"
        f" {READINGS[other.reading]} ({effect(other)}; {sample(other)})"
    )


def sample(judged: Judged) -> str:
    """How much an effect rests on."""
    if not judged.n_events:
        return "no event"
    blocks = f"{judged.clusters:,} time block{'s' * (judged.clusters != 1)}"
    return f"{judged.n_events:,} event{'s' * (judged.n_events > 1)} in {blocks}"
