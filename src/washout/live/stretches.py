"""Stretches of time: what is left of one when others are taken away."""

from __future__ import annotations

from collections.abc import Iterable

from washout.clock import SECOND

Stretch = tuple[int, int]
"""`[begin, end)`, microseconds."""

NEVER = 1 << 62
"""Later than anything."""


def without(stretch: Stretch, others: Iterable[Stretch]) -> list[Stretch]:
    """The pieces of `stretch` that no other covers, in order.

    >>> without((0, 10), [(2, 3), (8, 20)])
    [(0, 2), (3, 8)]
    """
    begin, end = stretch
    pieces = []
    for other_begin, other_end in sorted(others):
        if other_begin >= end:
            break
        if other_begin > begin:
            pieces.append((begin, other_begin))
        begin = max(begin, other_end)
    if begin < end:
        pieces.append((begin, end))
    return pieces


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time in fewest stretches, in order.

    >>> joined([(5, 7), (0, 2), (2, 3)])
    [(0, 3), (5, 7)]
    """
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif begin < end:
            found.append((begin, end))
    return found


def second_before(time: int) -> int:
    """The last whole second at or before `time`."""
    return time - time % SECOND


def second_after(time: int) -> int:
    """The first whole second at or after `time`."""
    return time + -time % SECOND
