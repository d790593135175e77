"""What the record does not support: the words for statements judged on findings."""

from __future__ import annotations

from collections.abc import Callable

from washout.present import wording as say
from washout.present.findings import Amounts, Findings, Said
from washout.present.note import Item, Section
from washout.present.sentences import amount, share
from washout.present.statements import QUOTED, waves_inside

TAGS = {
    "contradicted": "contradicted",
    "not_shown": "not shown",
    "no_data": "cannot be judged",
}
"""How a standing is written behind a statement."""

WEEKS = 14
"""Days of median pace from which a sum is one over weeks."""


def sections(found: Findings) -> tuple[Section, ...]:
    """Statements that this record does not bear out, then those it does."""
    objections = Section(
        title="What the record does not support",
        intro="Often read into charts like this one, and how this record stands to it:",
        items=tuple(_item(s, found) for s in found.said if s.standing != "borne_out"),
    )
    held = Section(
        title="What it does bear out",
        intro="Of the same statements, as far as this record goes:",
        items=tuple(_item(s, found) for s in found.said if s.standing == "borne_out"),
    )
    return (objections, held) if held.items else (objections,)


def _item(said: Said, found: Findings) -> Item:
    tag = TAGS.get(said.standing, "")
    return Item(id=said.id, head=HEADS[said.id], text=_text(said.id, found), tag=tag)


HEADS = {
    "shorts_scarce": "Short closures were scarce.",
    "longs_bore_it": "The pressure was on longs.",
    "shorts_safe": "Short sellers were never in danger.",
    "wave_amounts": "Waves of long closures came in 120 to 360 M USD.",
    "billions_lost": "Leveraged longs lost billions.",
    "price_rose": "Price rose while longs were closed by force.",
    "accumulation": "Somebody strong was buying what others lost.",
    "spot_made_up": "Spot money made up for the losses.",
    "declines_launch": "Violent falls are launch pads.",
    "leverage_load": "There was too much leverage in the market.",
    "low_is_balance": "Short green bars mean balance.",
    "warnings": "A tall green bar warns of a turn; a squeeze or a rebound is due.",
}
"""The statements, in our words."""


def _text(name: str, found: Findings) -> str:
    too_little = found.sides.shorts == "none" or not found.completeness.judged
    if found.standing(name) == "no_data" and name in _JUDGED and too_little:
        return _unjudged(found)
    return _TEXTS[name](found)


def _unjudged(found: Findings) -> str:
    if found.sides.shorts == "none":
        return "There is no closure in this window to judge it by."
    return (
        f"Only {say.percent(found.completeness.observed_share)} of the window was observed;"
        " under 90 % nothing of the kind is judged."
    )


def _shorts_scarce(found: Findings) -> str:
    sides = found.sides
    against = (
        f"{say.capital(amount(sides.short_usd, floor=sides.floor))} of shorts against"
        f" {say.money(sides.long_usd)} of longs is a share of {share(found)}"
    )
    verdicts = {
        "scarce": "under the third from which on a side is not scarce",
        "fewer": "fewer than longs, yet over the third under which this note calls a side"
        " scarce",
        "balanced": "about balanced; under one third would be scarce",
        "more": "the larger side",
        "dominant": "by far the larger side",
    }
    return f"{against}: {verdicts[sides.shorts]}.{_approximate(found)}"


def _approximate(found: Findings) -> str:
    if "one_per_second" not in found.completeness.trust:
        return ""
    return (
        " Both sums are floors of a feed that shows one order per second, whichever side"
        " it is of, so that the share is approximate."
    )


def _longs_bore_it(found: Findings) -> str:
    value = found.sides.short_share or 0.0
    longs, shorts = say.percent(1 - value), say.percent(value)
    if found.sides.pressure == "balanced":
        return (
            f"It was on both sides: {longs} of the closed USD were longs, {shorts} shorts,"
            " and shorts led on"
            f" {say.of(found.days.short_led, found.days.seen, found.about.unit)}."
        )
    if found.sides.pressure == "long":
        return f"Longs were {longs} of the closed USD, shorts {shorts}."
    return f"It was on shorts: they were {shorts} of the closed USD."


def _shorts_safe(found: Findings) -> str:
    sides = found.sides
    if found.standing("shorts_safe") == "contradicted":
        largest = found.days.largest_short
        return (
            f"{say.capital(amount(sides.short_usd, floor=sides.floor))} of shorts were closed"
            f" by force, {say.money(largest.short_usd)} of it on {say.instant(largest.time)}"
            " alone."
        )
    return (
        "Few forced closures are not few losses: who closes at a loss by hand or by a stop"
        " order never shows in this record."
    )


def _wave_amounts(found: Findings) -> str:
    told = found.amounts
    if told is None:
        return f"{say.capital(found.about.unit)}s are too coarse to tell waves by."
    return _by_waves(found) + _REACH[told.reach](found, told)


def _by_waves(found: Findings) -> str:
    """What the waves of the chart closed, where there are any."""
    inside = waves_inside(found)
    if not inside:
        return ""
    noun = "wave" if len(found.waves.longs) == len(inside) else "largest wave"
    floors = " (as floors)" if any(one.floor for one in found.waves.longs) else ""
    lengths = [
        (wave.stop - wave.start).total_seconds()
        for wave in found.waves.longs
        if QUOTED.low <= wave.long_usd <= QUOTED.high
    ]
    lasted = (
        f", and lasted {say.durations(min(lengths), max(lengths))}" if lengths else ""
    )
    return (
        f"{say.of(sum(inside), len(inside), noun)} of the chart closed that"
        f" much{floors}{lasted}; single {found.about.unit}s are another matter. "
    )


def _never(found: Findings, told: Amounts) -> str:
    if not found.sides.long_usd:
        return "The record has no long closure in this window."
    return (
        f"The whole window holds {amount(found.sides.long_usd, floor=found.sides.floor)} of"
        f" longs, less than {say.money(told.low)}."
    )


def _sums(found: Findings, told: Amounts) -> str:
    largest = found.days.largest_long
    return (
        f"No {found.about.unit} of the record reached {say.money(told.low)}: the largest,"
        f" {say.instant(largest.time)}, closed"
        f" {amount(largest.long_usd, floor=largest.floor)} of longs. {_span(found, told)}"
    )


def _exceptions(found: Findings, told: Amounts) -> str:
    unit = found.about.unit
    many = say.count(told.days_from_low, unit)
    days = say.listed(
        [
            f"{say.instant(p.time)} ({amount(p.long_usd, floor=p.floor)} of longs)"
            for p in told.largest
        ]
    )
    lead = "" if told.days_from_low <= len(told.largest) else "the largest "
    rest = (
        f" On every other {unit} less was closed, {say.money(told.next_long_usd)} at most."
        if told.next_long_usd is not None else ""
    )  # fmt: skip
    return (
        f"{say.capital(many)} of {found.days.seen:,} reached {say.money(told.low)} alone:"
        f" {lead}{days}.{rest} {_span(found, told)}"
    )


def _common(found: Findings, told: Amounts) -> str:
    unit, largest = found.about.unit, told.largest[0]
    above = (
        f", and {told.days_above_high:,} of them more than {say.money(told.high)}"
        if told.days_above_high else ""
    )  # fmt: skip
    return (
        f"Single {unit}s did it here: {told.days_from_low:,} of {found.days.seen:,} closed"
        f" {say.money(told.low)} of longs or more{above}. The largest,"
        f" {say.instant(largest.time)}, closed"
        f" {amount(largest.long_usd, floor=largest.floor)}."
    )


_REACH: dict[str, Callable[[Findings, Amounts], str]] = {
    "never": _never, "sums": _sums, "exceptions": _exceptions, "common": _common
}  # fmt: skip


def _span(found: Findings, told: Amounts) -> str:
    """How long sums of the quoted size take."""
    unit, pace = found.about.unit, told.typical_low
    over = "weeks" if pace is None or unit == "week" or pace >= WEEKS else f"{unit}s"
    elsewhere = "Otherwise amounts" if told.days_from_low else "Amounts"
    amounts = f"{elsewhere} of {say.money_range(told.low, told.high)}"
    over = "days in a wave, else over weeks" if any(waves_inside(found)) else over
    text = f"{amounts} are sums over {over}"
    if pace is not None and told.typical_high is not None:
        text += (
            f": at the pace of a median {unit} they take {pace:,} to"
            f" {told.typical_high:,} {unit}s"
        )
    if told.days_from_low == 0 and told.fastest_low and told.fastest_high:
        text += (
            f"; in the densest stretches, {told.fastest_low:,} to {told.fastest_high:,}"
        )
    return f"{text}.{_runs(found, told)}"


def _runs(found: Findings, told: Amounts) -> str:
    if (
        not told.runs_inside
        or told.runs_shortest_s is None
        or told.runs_longest_s is None
    ):
        return ""
    lasted = say.durations(told.runs_shortest_s, told.runs_longest_s)
    verb = "closed" if told.runs_inside == 1 else "each closed"
    runs = len(found.red.runs)
    which = (
        "The one run of the red area" if runs == 1
        else f"{say.capital(say.count(told.runs_inside, 'run'))} of the red area (of {runs})"
    )  # fmt: skip
    return f" {which} {verb} that much, and lasted {lasted}."


def _billions_lost(found: Findings) -> str:
    loss, floor = found.loss, found.sides.floor
    if not loss.notional_usd:
        return "The record has no long closure in this window."
    text = (
        f"{say.capital(amount(loss.notional_usd, floor=floor))} is the size of the closed"
        " positions, not what their owners lost. A position at 50x to 10x leverage is gone"
        " with a fiftieth to a tenth of its size:"
        f" {say.money_range(loss.least_usd, loss.most_usd)}."
    )
    if floor:
        text += " As the record does not hold every closure, the truth may be more; it does not show it."
    return text


def _price_rose(found: Findings) -> str:
    told = found.price
    if told is None:
        return "The record has no price."
    if told.move == "up":
        longs = amount(found.sides.long_usd, floor=found.sides.floor)
        return (
            f"It rose {say.percent(told.change)} over a window in which {longs} of longs were"
            " closed. That both happened does not say that one led to the other."
        )
    if told.move == "flat":
        return f"It ended {say.change(told.change)} from where it began."
    return f"It fell {say.percent(-told.change)} over the window."


def _accumulation(found: Findings) -> str:
    both = (
        f"Price rose {say.percent(found.price.change)} and longs were closed: that much is"
        " recorded. "
        if found.price and found.price.move == "up" and found.sides.long_usd else ""
    )  # fmt: skip
    return (
        f"{both}Every forced sale has a buyer, in rising markets and in falling ones, and no"
        " public record says who it was."
    )


def _spot_made_up(_found: Findings) -> str:
    return (
        "This note reads no spot flow; whether spot buyers met forced sellers is a question"
        " to taker flow, and it was not put."
    )


def _declines_launch(found: Findings) -> str:
    told = found.price
    if told is None:
        return "The record has no price."
    unit = found.about.unit
    if told.after_top < 5 or told.after_all < 30:
        return (
            "The window is too short, or its bars too wide, to look at what followed;"
            " nothing was tested."
        )
    rate = told.after_all_up / told.after_all
    return (
        f"A week after the {say.count(told.after_top, unit)} of most long closures price"
        f" stood higher {told.after_top_up} of {told.after_top} times; after any {unit} of"
        f" this window, {say.percent(rate)} of the time. So few {unit}s cannot tell such"
        " rates apart, and the fair comparison is with equal falls without closures. Not"
        " tested here."
    )


def _leverage_load(_found: Findings) -> str:
    return (
        "Forced closures show positions that ended. What was open, and how leveraged, is"
        " told by open interest and funding, which this note does not read."
    )


def _low_is_balance(found: Findings) -> str:
    net, unit = found.net, found.about.unit
    what = "A net is small when both sides are even, and when little is closed at all."
    if net.low_third_gross_usd is None or not net.other_gross_usd:
        return what
    return (
        f"{what} The third of {unit}s with the shortest bars closed a median of"
        f" {say.money(net.low_third_gross_usd)} on both sides together, the others"
        f" {say.money(net.other_gross_usd)}."
    )


def _warnings(found: Findings) -> str:
    hits = len(found.net.eruptions)
    marked = (
        f"{say.capital(say.count(hits, 'eruption'))} {'is' if hits == 1 else 'are'} marked,"
        " and what followed" if hits else "No eruption is marked, and what follows one"
    )  # fmt: skip
    return (
        f"{marked} was not tested here. A rule whose hits and misses nobody counted is no"
        " warning."
    )


_TEXTS: dict[str, Callable[[Findings], str]] = {
    "shorts_scarce": _shorts_scarce,
    "longs_bore_it": _longs_bore_it,
    "shorts_safe": _shorts_safe,
    "wave_amounts": _wave_amounts,
    "billions_lost": _billions_lost,
    "price_rose": _price_rose,
    "accumulation": _accumulation,
    "spot_made_up": _spot_made_up,
    "declines_launch": _declines_launch,
    "leverage_load": _leverage_load,
    "low_is_balance": _low_is_balance,
    "warnings": _warnings,
}

_JUDGED = {"shorts_scarce", "longs_bore_it", "shorts_safe", "wave_amounts"}
"""Statements that need closures, and most of the window observed."""
