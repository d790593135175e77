"""The elements of the chart, explained with this window's numbers."""

from __future__ import annotations

from washout.present import wording as say
from washout.present.chart_words import factor, up_and_down
from washout.present.findings import Findings, RedRun
from washout.present.note import Item
from washout.present.sentences import amount, share


def four(found: Findings, sign: str) -> tuple[Item, ...]:
    """The elements of the chart, with this window's numbers."""
    known = () if found.waves.missing else (waves(found),)
    return (*known, red(found), peaks(found), line(found), bars(found, sign))


def waves(found: Findings) -> Item:
    """The deep red stretches."""
    told, largest = found.waves, found.waves.largest
    text = (
        "A stretch is deep red while longs were closed much faster than usual, measured by"
        " the size of the market; its number is what was closed in it."
    )
    if largest is None:
        text += " In this window there is none."
    else:
        which = "There is one," if len(told.longs) == 1 else (
            f"There are {say.count(len(told.longs), 'such wave')}; the largest,"
        )  # fmt: skip
        text += (
            f" {which} {say.stretch(largest.start, largest.stop)}"
            f"{', still open at the end' if largest.open else ''}: it closed"
            f" {amount(largest.long_usd, floor=largest.floor)} of longs."
        )
    text += f" White strips mark {say.count(told.shorts, 'wave')} of shorts."
    if told.unknown:
        text += (
            f" For {say.percent(told.unknown)} of the bars nobody can tell: too little came"
            " before, or too little was observed."
        )
    return Item(id="waves", head="Deep red stretches.", text=text)


def red(found: Findings) -> Item:
    """The red area: pale where waves are the deep red."""
    told, window = found.red, say.duration(found.about.window_s).removeprefix("1 ")
    what = (
        f"The area is red where, summed over the last {window}, more longs than shorts were"
        " closed; its depth is the difference, and never one event."
    )
    if not told.known:
        now = (
            "Here it is known for no bar: it takes a record that goes back"
            f" as long as the {window} before it, 98 % of which was observed."
        )
    elif not told.runs:
        now = "In this window there is none: shorts led, or neither did, throughout."
    else:
        now = _red_now(found)
    head = "Deep red area." if found.waves.missing else "Pale red area."
    return Item(id="red", head=head, text=f"{what} {now}")


def _red_now(found: Findings) -> str:
    told = found.red
    known = (
        "" if told.known == told.bars
        else f" where it is known ({told.known:,} of {told.bars:,} bars)"
    )  # fmt: skip
    largest = told.largest
    runs = (
        f"It is red {say.percent(told.share or 0)} of the time{known}, in"
        f" {say.count(len(told.runs), 'run')}."
    )
    deepest = (
        f" The net was furthest on the side of longs on {say.instant(told.lowest_at)},"
        f" by {say.money(-(told.lowest or 0))}."
        if told.lowest_at else ""
    )  # fmt: skip
    return runs + (_run(largest, len(told.runs)) if largest else "") + deepest


def _run(run: RedRun, runs: int) -> str:
    length = say.duration((run.stop - run.start).total_seconds())
    cut = ", cut by the edge of what is known" if run.begun or run.going_on else ""
    which = "The run" if runs == 1 else "The largest run"
    return (
        f" {which}, {say.stretch(run.start, run.stop)} ({length}{cut}), closed"
        f" {amount(run.long_usd, floor=run.floor)} of longs."
    )


def peaks(found: Findings) -> Item:
    """The white peaks."""
    sides, days = found.sides, found.days
    what = "Each peak is the USD of shorts closed in one bar."
    if not sides.short_usd:
        text = f"{what} There is none: the record has no short closure in this window."
        return Item(id="peaks", head="White peaks.", text=text)
    largest = days.largest_short
    text = (
        f"{what} {_PEAKS[sides.shorts]} They add up to"
        f" {amount(sides.short_usd, floor=sides.floor)}, {share(found)} of all closures;"
        f" the largest {found.about.unit}, {say.instant(largest.time)}, had"
        f" {say.money(largest.short_usd)}."
    )
    return Item(id="peaks", head="White peaks.", text=text)


_PEAKS = {
    "scarce": "Together they are small next to the longs: short closures were scarce.",
    "fewer": "Together they are less than the longs, but far from absent.",
    "balanced": "Together they are about as much as the longs.",
    "more": "Together they are more than the longs.",
    "dominant": "Together they are most of what was closed.",
    "none": "",
}


def line(found: Findings) -> Item:
    """The price line."""
    told = found.price
    if told is None:
        return Item(
            id="line",
            head="Price line.",
            text="It is missing: the record has no price.",
        )
    went = {"up": "rose", "down": "fell", "flat": "hardly moved"}[told.move]
    text = (
        f"Price {went} from {say.price(told.first)} to {say.price(told.last)}"
        f" ({say.change(told.change)}). The line stands"
        " beside the closures; it does not say that one caused the other."
    )
    return Item(id="line", head="Price line.", text=text)


def bars(found: Findings, sign: str) -> Item:
    """The green bars, eruptions and the CLD line."""
    net, unit = found.net, found.about.unit
    text = "Each bar is the size of net closures, whichever side led."
    if net.largest:
        side = "longs" if net.largest < 0 else "shorts"
        text += (
            f" By {unit}, the largest was {say.instant(net.largest_at)}, when {side} led by"
            f" {say.money(abs(net.largest))}."
        )
    return Item(
        id="bars", head="Green bars and CLD.",
        text=f"{text} {_eruptions(found)} {_cld(found, sign)}",
    )  # fmt: skip


def _eruptions(found: Findings) -> str:
    hits = found.net.eruptions
    rule = f"(rule: {found.net.eruption_rule})"
    if not hits:
        return f"No bar is marked as an eruption {rule}."
    newest = say.listed([say.instant(moment) for moment in hits[-3:]])
    last = f": {newest}" if len(hits) <= 3 else f", the last on {newest}"
    many = (
        "One bar is marked as an eruption"
        if len(hits) == 1
        else (f"{say.capital(say.count(len(hits), 'bar'))} are marked as eruptions")
    )
    return f"{many}{last} {rule}."


def _cld(found: Findings, sign: str) -> str:
    net = found.net
    if net.cld_last is None or net.cld_last_at is None:
        return (
            f"The CLD line is empty: its anchor, {say.instant(net.anchor)}, comes after this"
            " window (set one with --anchor)."
        )
    up, down = (word.partition(" (")[0] for word in up_and_down(sign))
    side = "shorts" if net.cld_last > 0 else "longs"
    level = factor(sign) * net.cld_last
    ahead = (
        f"{side} lead by {say.money(abs(net.cld_last))}"
        if net.cld_last
        else "neither side leads"
    )
    return (
        f"The CLD line sums the net from its anchor, {say.instant(net.anchor)}, and ends at"
        f" {say.money(level)}: since then {ahead}. Another anchor gives another level. Up"
        f" means {up}, down {down}."
    )
