"""Frames of one shape: what stays the same is compared, what differs is cut out.

A venue writes the frames of a stream with the same keys in the same order. From one
frame, valid and understood, a template is learned: literal bytes with slots between
them, where values stand. A frame that fits has the same keys and sorts of values, so
that it is as valid as the first, and its fields are where the slots are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Path = tuple[str | int, ...]
"""Where a value stands: `("data", 0, "s")`."""

Fixed = Callable[[Path, bytes], int]
"""How many first bytes of a text belong to the literal; -1 for all of it."""

TEXT, WHOLE, FLAG = 0, 1, 2
"""Sorts of slots, as in `_kernels`."""

_WORD = re.compile(rb'"[\x20-\x21\x23-\x5b\x5d-\x7e]*"')
_WHOLE = re.compile(rb"(0|[1-9][0-9]{0,17})(?=[,}\]])")
_FLAG = re.compile(rb"true|false")


class Template(msgspec.Struct, frozen=True):
    """Literal pieces with a slot after each but the last; `paths` name the slots."""

    pieces: tuple[bytes, ...]
    kinds: tuple[int, ...]
    paths: tuple[Path, ...]


class _Odd(Exception):
    """A frame of which no template is made: blanks, escapes, fractions, ..."""


def learn(frame: bytes, fixed: Fixed) -> Template | None:
    """The template of a frame that was read already; None where there is none."""
    walk = _Walk(frame, fixed)
    try:
        end = walk.value(0, ())
    except (_Odd, IndexError):
        return None
    if end != len(frame) or not walk.kinds:
        return None
    pieces = (*walk.pieces, frame[walk.since :])
    return Template(pieces, tuple(walk.kinds), tuple(walk.paths))


class _Walk:
    """One pass over a frame; `since` is where the current literal began."""

    def __init__(self, frame: bytes, fixed: Fixed) -> None:
        self.frame, self.fixed, self.since = frame, fixed, 0
        self.pieces: list[bytes] = []
        self.kinds: list[int] = []
        self.paths: list[Path] = []

    def slot(self, begin: int, end: int, kind: int, path: Path) -> None:
        self.pieces.append(self.frame[self.since : begin])
        self.kinds.append(kind)
        self.paths.append(path)
        self.since = end

    def value(self, at: int, path: Path) -> int:
        """Where the value that begins at `at` ends."""
        match self.frame[at : at + 1]:
            case b"{":
                return self.members(at, path)
            case b"[":
                return self.items(at, path)
            case b'"':
                return self.text(at, path)
            case b"n" if self.frame[at : at + 4] == b"null":
                return at + 4
        for pattern, kind in ((_WHOLE, WHOLE), (_FLAG, FLAG)):
            if found := pattern.match(self.frame, at):
                self.slot(at, found.end(), kind, path)
                return found.end()
        raise _Odd

    def text(self, at: int, path: Path) -> int:
        end = self.word(at)
        kept = self.fixed(path, self.frame[at + 1 : end - 1])
        if kept >= 0:
            self.slot(at + 1 + kept, end - 1, TEXT, path)
        return end

    def word(self, at: int) -> int:
        found = _WORD.match(self.frame, at)
        if not found:
            raise _Odd
        return found.end()

    def members(self, at: int, path: Path) -> int:
        while self.frame[at : at + 1] in (b"{", b","):
            end = self.word(at + 1)
            if self.frame[end : end + 1] != b":":
                raise _Odd
            at = self.value(end + 1, (*path, self.frame[at + 2 : end - 1].decode()))
        return self.closed(at, b"}")

    def items(self, at: int, path: Path) -> int:
        number = 0
        while self.frame[at : at + 1] in (b"[", b","):
            at = self.value(at + 1, (*path, number))
            number += 1
        return self.closed(at, b"]")

    def closed(self, at: int, mark: bytes) -> int:
        if self.frame[at : at + 1] != mark:
            raise _Odd
        return at + 1


PADDING = 16
"""Bytes behind the last frame, so that eight can be read anywhere."""


class Heap:
    """Frames one after another in one array, and where their slots are."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        text = b"\n".join((*frames, b"\n" * PADDING))
        self.data: NDArray[np.uint8] = np.frombuffer(text, np.uint8)
        self.wide: NDArray[np.uint64] = np.ndarray(
            len(text) - 7, "<u8", text, strides=(1,)
        )
        lengths = np.fromiter(map(len, frames), np.int64, len(frames))
        self.bounds = np.concatenate([[0], np.cumsum(lengths + 1)])

    def fitting(
        self, template: Template, wanted: Sequence[int], todo: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
        """Which of the frames `todo` fit; begins and ends of every frame's slots.

        Only the slots `wanted`, one after another.
        """
        from washout.exchanges._kernels import match

        shape = (len(self.bounds) - 1, len(wanted))
        begins, ends = np.empty(shape, np.int32), np.empty(shape, np.int32)
        words, masks, cuts, lengths = _wide(template)
        columns = np.full(len(template.kinds), -1, np.int64)
        columns[list(wanted)] = np.arange(len(wanted))
        fits: NDArray[np.bool_] = match(
            self.data, self.wide, self.bounds, todo, words, masks, cuts, lengths,
            np.array(template.kinds, np.int64), columns, begins, ends,
        )  # fmt: skip
        return fits, begins, ends


def _wide(template: Template) -> tuple[NDArray[Any], ...]:
    """Pieces as words of eight bytes: words, masks, cuts between pieces, lengths."""
    padded = [piece + bytes(-len(piece) % 8) for piece in template.pieces]
    masks = [b"\xff" * len(p) + bytes(-len(p) % 8) for p in template.pieces]
    return (
        np.frombuffer(b"".join(padded), "<u8"),
        np.frombuffer(b"".join(masks), "<u8"),
        np.cumsum([0, *(len(piece) // 8 for piece in padded)]),
        np.array([len(piece) for piece in template.pieces], np.int64),
    )
