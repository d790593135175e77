"""Headline and key observations, from findings.

Every function takes findings and gives the words that they call for, or None where
they call for none.
"""

from __future__ import annotations

from washout.present import wording as say
from washout.present.chart_words import short_name
from washout.present.findings import COMMON, Findings, Peak, Price
from washout.present.note import Item

FOLLOWS = 2 / 3
"""Share of days from which closures are said to go with the day's price."""

FEW = 10
"""Days below which such a share is not written down."""


def amount(usd: float, *, floor: bool) -> str:
    """An amount, as at least that where it is a floor."""
    return f"at least {say.money(usd)}" if floor and usd else say.money(usd)


def share(found: Findings) -> str:
    """The short share, three digits."""
    value = found.sides.short_share
    return "unknown" if value is None else f"{value:.3f}"


def title(found: Findings) -> str:
    """The headline: what, when, who was closed, where price went."""
    about = found.about
    told = [_TITLES[found.sides.shorts], _price_title(found)]
    when = say.stretch(about.start, about.stop)
    return f"{short_name(about.scope)}, {when}: {', '.join(t for t in told if t)}"


_TITLES = {
    "none": "no forced closure on record",
    "scarce": "longs closed, shorts scarcely",
    "fewer": "more longs closed than shorts",
    "balanced": "longs and shorts closed about equally",
    "more": "more shorts closed than longs",
    "dominant": "shorts closed, longs scarcely",
}


def _price_title(found: Findings) -> str:
    if found.price is None:
        return ""
    if found.price.move == "flat":
        return "price about flat"
    size = say.percent(abs(found.price.change))
    return f"price {found.price.move} {size}"


def lede(found: Findings) -> str:
    """One sentence that can stand alone."""
    sides = found.sides
    if sides.shorts == "none":
        observed = say.percent(min(found.completeness.observed_share, 1))
        return (
            "The record shows no forced closure of either side in this window, of which"
            f" it observed {observed}."
        )
    return f"{_closed(found)} closed by force: a short share of {share(found)}."


def _closed(found: Findings) -> str:
    sides = found.sides
    longs, shorts = (
        say.capital(amount(usd, floor=sides.floor))
        for usd in (sides.long_usd, sides.short_usd)
    )
    if not sides.short_usd:
        return f"{longs} of long positions, and none of short positions, were"
    if not sides.long_usd:
        return f"{shorts} of short positions, and none of long positions, were"
    return (
        f"{longs} of long positions and {say.money(sides.short_usd)} of short positions"
        " were"
    )


def observations(found: Findings) -> tuple[Item, ...]:
    """The key observations that the data call for."""
    items = (pressure(found), price(found), extremes(found), concentration(found))
    return tuple(item for item in (*items, limits(found)) if item is not None)


def pressure(found: Findings) -> Item:
    """Which side was closed, and how evenly."""
    sides, days = found.sides, found.days
    if sides.shorts == "none":
        text = (
            f"{say.capital(say.count(days.seen, found.about.unit))} with an observation:"
            " zero on both sides. That is what the source stated; it is not a gap."
        )
        return Item(id="pressure", head="No closure is on record.", text=text)
    led = (
        f"Longs led on {say.of(days.long_led, days.seen, found.about.unit)}, shorts on"
        f" {days.short_led:,}."
    )
    return Item(
        id="pressure", head=_PRESSURE[sides.shorts], text=f"{_against(found)} {led}"
    )


_PRESSURE = {
    "scarce": "Forced closures hit longs; short closures were scarce.",
    "fewer": "Longs were closed more than shorts, but shorts were not scarce.",
    "balanced": "Both sides were closed about equally.",
    "more": "Shorts were closed more than longs.",
    "dominant": "Forced closures hit shorts; long closures were scarce.",
}


def _against(found: Findings) -> str:
    sides = found.sides
    large, small = (
        max(sides.long_usd, sides.short_usd),
        min(sides.long_usd, sides.short_usd),
    )
    first, second = ("longs", "shorts") if sides.net_usd <= 0 else ("shorts", "longs")
    told = amount(large, floor=sides.floor)
    if not small:
        return f"{say.capital(told)} of {first} were closed and no {second} at all."
    return (
        f"{say.capital(told)} of {first} stand against {say.money(small)} of {second}:"
        f" {small / large:.2f} USD of {second} for each USD of {first}."
    )


def price(found: Findings) -> Item:
    """Where price went, and whether closures went with it."""
    if found.price is None:
        text = (
            f"The lake holds no candles that give {found.about.scope} a price in"
            f" {found.about.bar} bars, so nothing here relates closures to price."
        )
        return Item(id="price", head="There is no price in this record.", text=text)
    told = found.price
    week = "week of " if found.about.unit == "week" else ""
    heads = {
        "up": f"Price rose {say.percent(told.change)}.",
        "down": f"Price fell {say.percent(-told.change)}.",
        "flat": "Price ended about where it began.",
    }
    text = (
        f"It went from {say.price(told.first)} to {say.price(told.last)}"
        f" ({say.change(told.change)}), between a low of {say.price(told.low)}"
        f" ({week}{say.instant(told.low_at)}) and a high of {say.price(told.high)}"
        f" ({week}{say.instant(told.high_at)}).{_with_price(told, found.about.unit)}"
        f"{_part_price(told)}"
    )
    return Item(id="price", head=heads[told.move], text=text)


def _with_price(told: Price, unit: str) -> str:
    if min(told.long_days, told.short_days) < FEW:
        return ""
    falls, rises = told.falls / told.long_days, told.rises / told.short_days
    follows = min(falls, rises) >= FOLLOWS
    head = (
        "Closures went with the price of the same" if follows
        else "Closures did not simply follow the price of the same"
    )  # fmt: skip
    return (
        f" {head} {unit}: it fell on {say.percent(falls)} of the {unit}s that longs led,"
        f" and rose on {say.percent(rises)} of those that shorts led."
    )


def _part_price(told: Price) -> str:
    if told.known_share >= 1:
        return ""
    return (
        f" Price is known for {say.percent(told.known_share)} of the bars, from"
        f" {say.instant(told.first_at)} to {say.instant(told.last_at)}."
    )


def extremes(found: Findings) -> Item | None:
    """The largest day of each side."""
    if found.sides.shorts == "none" or found.days.seen < 2:
        return None
    unit, longs, shorts = (
        found.about.unit,
        found.days.largest_long,
        found.days.largest_short,
    )
    if longs.time == shorts.time:
        text = (
            f"It closed {amount(longs.long_usd, floor=longs.floor)} of longs and"
            f" {say.money(shorts.short_usd)} of shorts, the most of the window on both"
            " sides."
        )
        head = f"The largest {unit} was {say.instant(longs.time)}, for both sides."
        return Item(id="extremes", head=head, text=text)
    text = " ".join(
        told
        for told in (_largest(longs, "long", unit), _largest(shorts, "short", unit))
        if told
    )
    return Item(id="extremes", head=f"The largest {unit}s.", text=text)


def _largest(peak: Peak, side: str, unit: str) -> str:
    mine, other = peak.long_usd, peak.short_usd
    if side == "short":
        mine, other = other, mine
    if not mine:
        return f"No {side}s were closed on any {unit}."
    against = "shorts" if side == "long" else "longs"
    return (
        f"{say.capital(side)}s: {say.instant(peak.time)} with"
        f" {amount(mine, floor=peak.floor)}, against {say.money(other)} of {against} the"
        f" same {unit}."
    )


def concentration(found: Findings) -> Item | None:
    """How much of it happened on few days."""
    days = found.days
    if (
        days.top_count == 0
        or days.top_long_share is None
        or days.top_short_share is None
    ):
        return None
    unit = found.about.unit
    few = days.top_count / days.seen
    text = (
        f"The {say.count(days.top_count, unit)} with most long closures ({say.percent(few)}"
        f" of all) hold {say.percent(days.top_long_share)} of the long USD; for shorts it is"
        f" {say.percent(days.top_short_share)}. A median {unit} closed"
        f" {say.money(days.median_long_usd)} of longs and"
        f" {say.money(days.median_short_usd)} of shorts."
    )
    return Item(
        id="concentration", head=_concentrated(days.top_long_share, few), text=text
    )


def _concentrated(held: float, few: float) -> str:
    if held >= 0.5 and few <= COMMON:
        return "A few days made the total."
    return (
        "Large days stand out."
        if held >= 3 * few
        else "Closures are spread over many days."
    )


def limits(found: Findings) -> Item | None:
    """What the reader must know about the record before using a figure."""
    whole = found.completeness
    told = []
    if whole.floor_bars:
        told.append(_floors(found))
    if whole.missing or whole.partial:
        told.append(
            f"{say.duration(whole.unobserved_s)} of the window went unobserved; that is left"
            " out, not counted as zero."
        )
    if not told:
        return None
    head = "Read amounts as at least." if whole.floor_bars else "The record has holes."
    return Item(id="limits", head=head, text=" ".join(told))


def _floors(found: Findings) -> str:
    whole = found.completeness
    reason = "the feed does not publish every order"
    if "one_per_second" in whole.trust:
        reason = "the feed publishes at most one order per symbol and second"
    always = whole.floor_bars == whole.bars - whole.missing
    since = compare = ""
    if whole.floor_since is not None and not always:
        since = f" from {say.instant(whole.floor_since)} on"
        compare = " Amounts before and after that day do not compare."
    return (
        f"{say.capital(reason)}{since}, so amounts are floors: the true ones can only be"
        f" larger.{compare}"
    )
