"""Numbers and instants as a note writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

MILLION = 1e6

_SMALL = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"
)  # fmt: skip


def money(usd: float) -> str:
    """USD in millions, with three digits that matter.

    >>> money(91_672_162.26), money(5_736_198_796.0), money(420_000.0), money(0.0)
    ('91.7 M USD', '5,736 M USD', '420,000 USD', '0 USD')
    """
    size = abs(usd)
    if size < MILLION:
        return f"{_minus(f'{usd:,.0f}')} USD"
    return f"{_minus(_millions(usd))} M USD"


def _millions(usd: float) -> str:
    scaled = usd / MILLION
    digits = 0 if abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2
    return f"{scaled:,.{digits}f}"


def _minus(text: str) -> str:
    """A true minus sign, and none before a zero."""
    return text.removeprefix("-") if text.strip("-0.") == "" else text.replace("-", "−")


def money_range(low: float, high: float) -> str:
    """Two amounts in one unit.

    >>> money_range(120e6, 360e6)
    '120 to 360 M USD'
    """
    if min(low, high) < MILLION:
        return f"{money(low)} to {money(high)}"
    return f"{_millions(low)} to {_millions(high)} M USD"


def price(usd: float) -> str:
    """A price: whole dollars where it is large, four digits where it is small."""
    if usd >= 1000:
        return f"{usd:,.0f} USD"
    return f"{usd:,.2f} USD" if usd >= 1 else f"{usd:.4g} USD"


def percent(share: float) -> str:
    """A fraction in percent; never 0 % or 100 % for what is neither.

    >>> percent(0.6609), percent(0.004), percent(0.99996), percent(1.0)
    ('66 %', '0.4 %', 'over 99.9 %', '100 %')
    """
    size = abs(share) * 100
    if 0 < size < 0.1:
        return "under 0.1 %"
    if 99.9 < size < 100:
        return "over 99.9 %"
    digits = 1 if size < 9.95 or 99 < size < 100 else 0
    return f"{share * 100:,.{digits}f} %".replace(".0 %", " %")


def change(fraction: float) -> str:
    """A relative change with its sign.

    >>> change(1.4), change(-0.052)
    ('+140 %', '−5.2 %')
    """
    return f"{'+' if fraction >= 0 else '−'}{percent(abs(fraction))}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun, small numbers in words.

    >>> count(1, "day"), count(0, "day"), count(684, "day"), count(2, "run")
    ('one day', 'no day', '684 days', 'two runs')
    """
    word = _SMALL[number] if number < len(_SMALL) else f"{number:,}"
    return f"{word} {noun if number < 2 else plural or noun + 's'}"


def of(number: int, all_of_them: int, noun: str) -> str:
    """A part of a number of things, in figures.

    >>> of(274, 522, "day"), of(1, 1, "week")
    ('274 of 522 days', '1 of 1 week')
    """
    return f"{number:,} of {all_of_them:,} {noun}{'s' * (all_of_them != 1)}"


def capital(text: str) -> str:
    """`text` with a capital letter first."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def instant(moment: datetime) -> str:
    """A UTC date, with the time where it is inside a day."""
    if moment.hour == moment.minute == moment.second == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}"


def stretch(start: datetime, stop: datetime) -> str:
    """A stretch whose end is not part of it: days by the last day, else by instants.

    >>> from datetime import UTC
    >>> stretch(datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 6, 6, tzinfo=UTC))
    '2024-01-01 to 2025-06-05'
    """
    if (start.hour, start.minute, stop.hour, stop.minute) == (0, 0, 0, 0):
        last = stop - timedelta(days=1)
        return (
            instant(start) if last <= start else f"{instant(start)} to {instant(last)}"
        )
    return f"{start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it.

    >>> duration(86_400 * 31), duration(5400), duration(68_400), duration(86_400)
    ('31 days', '90 minutes', '19 hours', '1 day')
    """
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            number = round(seconds / size)
            return f"{number:,} {noun}{'s' * (number != 1)}"
    return f"{round(seconds)} seconds"


def durations(shortest: float, longest: float) -> str:
    """A range of lengths.

    >>> durations(86_400 * 27, 86_400 * 31), durations(3600, 3600)
    ('27 to 31 days', '1 hour')
    """
    low, high = duration(shortest), duration(longest)
    if low == high:
        return low
    number, unit = low.split(" ")
    return f"{number} to {high}" if high.endswith(f" {unit}") else f"{low} to {high}"
