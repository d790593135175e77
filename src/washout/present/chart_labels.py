"""Placing labels so that none covers another: greedy, the largest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct


class Box(Struct, frozen=True):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right and other.left < self.right
            and self.bottom < other.top and other.bottom < self.top
        )  # fmt: skip

    def holds(self, other: Box) -> bool:
        """Whether the other lies inside."""
        return (
            self.left <= other.left and other.right <= self.right
            and self.bottom <= other.bottom and other.top <= self.top
        )  # fmt: skip


class Wish(Struct, frozen=True, kw_only=True):
    """Where a label of `width` x `height` wants to stand.

    Its near edge is at `y`, its middle at the first of `xs` that is free. `weight` says
    how much it matters, `avoid` what it must not cover.
    """

    xs: tuple[float, ...]
    y: float
    width: float
    height: float
    weight: float
    avoid: tuple[Box, ...] = ()


def place(
    wishes: Sequence[Wish],
    room: Box,
    *,
    down: bool,
    lanes: int = 6,
    taken: Sequence[Box] = (),
) -> list[Box | None]:
    """A box for each wish, or None where it would cover another label.

    The heaviest is placed first, at its wish; later ones move away from it lane by
    lane, down or up, as long as they stay in `room`.
    """
    placed: dict[int, Box] = {}
    order = sorted(range(len(wishes)), key=lambda i: (-wishes[i].weight, wishes[i].xs))
    for index in order:
        others = [*placed.values(), *taken, *wishes[index].avoid]
        for box in _boxes(wishes[index], room, lanes, down=down):
            if not any(box.meets(other) for other in others):
                placed[index] = box
                break
    return [placed.get(index) for index in range(len(wishes))]


def _boxes(wish: Wish, room: Box, lanes: int, *, down: bool) -> Iterator[Box]:
    for lane in range(lanes):
        away = lane * wish.height
        bottom = wish.y - wish.height - away if down else wish.y + away
        for x in wish.xs:
            left = min(max(x - wish.width / 2, room.left), room.right - wish.width)
            box = Box(left, bottom, left + wish.width, bottom + wish.height)
            if room.holds(box):
                yield box
