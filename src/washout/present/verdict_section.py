"""A section of a note from a judgement: a sentence a claim, chosen by its verdict."""

from __future__ import annotations

from collections.abc import Callable

from washout.present import verdict_words as words
from washout.present import verdicts
from washout.present import wording as say
from washout.present.chart_words import short_name
from washout.present.note import Item, Section
from washout.study.judged import Judged, Judgement

TITLE = "What was claimed, what the record says"


def section(judgement: Judgement) -> Section:
    """Every claim under its verdict: supported ones first, those undecided last."""
    order = {name: place for place, name in enumerate(words.GROUPS)}
    ranked = sorted(judgement.claims, key=lambda one: order[words.group(one.verdict)])
    other = {one.id: one for one in judgement.other}
    return Section(
        title=TITLE, intro=_intro(judgement),
        items=tuple(_item(one, other.get(one.id)) for one in ranked),
    )  # fmt: skip


def _intro(judgement: Judgement) -> str:
    return (
        f"{verdicts.intro(judgement)} The record is that of"
        f" {short_name(judgement.scope)} ({judgement.scope}), waves from {judgement.bar}"
        f" bars; every test was fixed before it was run, in a ledger of"
        f" {say.count(judgement.registered, 'spec')} whose head is"
        f" {judgement.ledger_head}."
    )


def _item(judged: Judged, other: Judged | None) -> Item:
    group = words.group(judged.verdict)
    text = SENTENCES[group](judged)
    turned = words.differs(judged, other)
    if turned:
        text += f" Read the other way round it changes: {turned}."
    return Item(id=f"claim-{judged.id}", head=judged.says, tag=group, text=text)


def _measured(judged: Judged) -> str:
    """The effect with its interval, and what it rests on."""
    around = words.interval(judged.low, judged.high, judged.unit)
    told = "" if around == words.NOTHING else f" (90 % between {_between(around)})"
    return f"{words.effect(judged)}{told}, {words.sample(judged)}"


def _between(interval: str) -> str:
    return interval.replace(" to ", " and ")


def _supported(judged: Judged) -> str:
    p = words.chance(judged.p_adjusted)
    last = words.amount(judged.out_of_sample, judged.unit)
    by_chance = "" if p == words.NOTHING else f", adjusted p {p}"
    held = "" if last == words.NOTHING else f"; out of sample it was {last}"
    return f"{judged.id}: {_measured(judged)}{by_chance}{held}."


def _not_supported(judged: Judged) -> str:
    least = words.amount(judged.smallest, judged.unit, signed=False)
    return (
        f"{judged.id}: {_measured(judged)}; what would matter, {least}, lies above"
        " what the record allows."
    )


def _contradicted(judged: Judged) -> str:
    why = words.because(judged.verdict)
    return f"{judged.id}: {_measured(judged)}{f'; {why}' if why else ''}."


def _unsaid(judged: Judged) -> str:
    text = f"{judged.id}: {words.because(judged.verdict)}"
    if words.effect(judged) == words.NOTHING:
        return f"{text}."
    return f"{text}; what was seen is {_measured(judged)}."


SENTENCES: dict[words.Group, Callable[[Judged], str]] = {
    "supported": _supported, "not supported": _not_supported,
    "contradicted": _contradicted, "cannot be said": _unsaid,
}  # fmt: skip
"""The sentence that a verdict calls for."""
