"""Which days of a record may enter a study. Method: E5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from washout.clock import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from washout.store.answer import Store

SHARE = 0.95
"""Less observed days do not enter."""
LONGEST = 15 * MINUTE
"""Nor do days with a longer gap inside a wave."""

Stretch = tuple[int, int]
"""`[begin, end)`, microseconds."""


def usable_days(
    observed: Mapping[int, float], gaps: Sequence[Stretch], waves: Iterable[Stretch]
) -> list[int]:
    """Days (their starts) that were observed well enough, in order.

    `observed` is the observed share of each day, `gaps` are the stretches that nobody
    watched, `waves` from onset to end. A gap of more than 15 minutes that touches a
    wave takes out every day on which it does.
    """
    spoilt = {
        day
        for wave in waves
        for gap in gaps
        if gap[1] - gap[0] > LONGEST
        for day in _days(max(wave[0], gap[0]), min(wave[1], gap[1]))
    }
    return sorted(
        day for day, share in observed.items() if share >= SHARE and day not in spoilt
    )


def _days(begin: int, end: int) -> range:
    """Starts of the days that `[begin, end)` touches."""
    if end <= begin:
        return range(0)
    return range(begin - begin % DAY, end, DAY)


def gaps_of(rows: Iterable[Mapping[str, Any]], width: int) -> list[Stretch]:
    """Unobserved stretches by rows of `completeness` in order of time.

    `width` is that of their bars. Bars with a gap that follow each other make one
    stretch, as long as their gaps together: two short gaps in neighbouring minutes
    count as one.
    """
    found: list[Stretch] = []
    last = None
    for row in rows:
        begin, lost = int(row["bar"]), round(row["gap_s"] * SECOND)
        if lost and last == begin and found:
            found[-1] = (found[-1][0], found[-1][1] + lost)
        elif lost:
            found.append((begin, begin + lost))
        last = begin + width if lost else None
    return found


def study_days(
    store: Store, scope: str, *, start: str | None = None, end: str | None = None,
    wave_bar: str = "1m",
) -> list[int]:  # fmt: skip
    """Days of a lake's record of one scope that may enter studies, as their starts."""
    when: dict[str, Any] = {"scope": scope, "start": start, "end": end}
    days = store.view("completeness", bar="1d", **when).raw().to_pylist()
    minutes = store.view("completeness", bar="1m", **when).raw().to_pylist()
    waves = store.view("waves", bar=wave_bar, **when).raw().to_pylist()
    return usable_days(
        {row["bar"]: row["observed_share"] for row in days},
        gaps_of(minutes, MINUTE),
        [(wave["onset"], wave["end"]) for wave in waves],
    )
