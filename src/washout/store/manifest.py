"""The manifest: which parts make up the lake, now and at any earlier vintage.

One JSON file (`manifest_file.py`), replaced whole by a rename: that rename is the commit.
Parts are never changed after it; a part that a newer vintage supersedes is `retired`, not
deleted, so that `as_of` can still see it. Retired parts go onto shelves, files of their
own that only a question about an older vintage opens.

The newest vintage may be *open*: what a recorder commits extends it. Parts that it
supersedes within itself belong to no state that can be asked for; they are `discarded`,
and their files deleted when no reader can hold them any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from washout.errors import UsageError

FORMAT = 2
"""Layout of the lake; a lake with a larger one is refused."""


NUMBERED = "vintage:"

AsOf = int | str | None
"""An older state: an instant in microseconds or `vintage:N`; None is the newest."""


class Feed(msgspec.Struct, frozen=True, order=True):
    """One series of facts: who says what about which instrument, and for when."""

    kind: str
    exchange: str
    asset: str
    market: str
    product: str
    source: str
    interval: int
    detail: str = ""
    first: int = 0
    last: int = 0
    rows: int = 0

    @property
    def name(self) -> tuple[Any, ...]:
        """What tells it from other feeds."""
        return (
            self.kind, self.exchange, self.asset, self.market, self.product,
            self.source, self.interval, self.detail,
        )  # fmt: skip


class Part(msgspec.Struct, frozen=True):
    """One Parquet file: facts of one kind, exchange and date partition."""

    path: str
    kind: str
    exchange: str
    date: str
    rows: int
    first: int
    last: int
    bytes: int
    feeds: tuple[Feed, ...]
    added: int
    retired: int | None = None

    def visible(self, vintage: int) -> bool:
        """Whether the part belonged to the lake at `vintage`."""
        return self.added <= vintage and (
            self.retired is None or self.retired > vintage
        )


class Vintage(msgspec.Struct, frozen=True):
    """One import of one unit: what came in, when, and what was done to it."""

    id: int
    imported_at: int
    importer: str
    unit: str
    sha256: str
    rows: dict[str, int]
    added: int
    changed: int
    removed: int
    duplicates: int
    halved: int
    notes: tuple[str, ...] = ()
    fingerprint: str = ""
    """Of the file and how it was read; "" where it is not known."""
    retold: bool = False
    """Whether it says otherwise than older vintages about what was observed."""

    commits: int = 0
    """How often a recorder extended it; 0 for an import, which is one commit."""
    closed: bool = False
    """Whether a recorder said that nothing more comes to it."""

    @property
    def overrides(self) -> bool:
        """Whether it took anything back that older vintages say."""
        return bool(self.changed or self.removed or self.retold)


class Discarded(msgspec.Struct, frozen=True):
    """A part of no vintage, whose file goes when readers are done with it."""

    path: str
    at: int
    """When it was superseded, microseconds UTC."""


class Recorded(msgspec.Struct, frozen=True):
    """How far a journal has been brought into the lake.

    `watermark` is the ts of the last entry whose facts are in; `journal` is the folder,
    relative to the lake where it lies within.
    """

    journal: str
    watermark: int


class Shelf(msgspec.Struct, frozen=True):
    """A file of retired parts. None of them was visible at vintage `until` or later."""

    path: str
    parts: int
    until: int


class State(msgspec.Struct, frozen=True):
    """The lake at one vintage: its parts, and what they speak of."""

    vintage: int
    parts: tuple[Part, ...]
    feeds: tuple[Feed, ...]


class Manifest(msgspec.Struct, frozen=True):
    """Everything the lake is; `parts` are those that are on no shelf."""

    format: int
    washout: str
    vintages: tuple[Vintage, ...] = ()
    parts: tuple[Part, ...] = ()
    shelves: tuple[Shelf, ...] = ()
    discarded: tuple[Discarded, ...] = ()
    recorded: tuple[Recorded, ...] = ()

    @property
    def newest(self) -> int:
        """Number of the newest vintage, 0 if there is none."""
        return self.vintages[-1].id if self.vintages else 0

    def at(self, as_of: AsOf) -> int:
        """The vintage that was newest at the instant `as_of`, or `vintage:N` itself."""
        if as_of is None:
            return self.newest
        if isinstance(as_of, str):
            return self._numbered(as_of)
        known = [v.id for v in self.vintages if v.imported_at <= as_of]
        return known[-1] if known else 0

    def _numbered(self, text: str) -> int:
        number = text.removeprefix(NUMBERED)
        if not number.isascii() or not number.isdigit() or int(number) > self.newest:
            raise UsageError(
                f"{text!r} is no vintage of this lake: it has {NUMBERED}0 (empty) to"
                f" {NUMBERED}{self.newest}; `washout list imports` shows them."
            )
        return int(number)

    def holding(self, fingerprint: str, unit: str) -> int | None:
        """The vintage that brought in this unit, if nothing of it was overridden."""
        for vintage in reversed(self.vintages):
            if (vintage.fingerprint, vintage.unit) == (fingerprint, unit):
                return vintage.id
            if vintage.overrides:
                return None
        return None

    def watermark(self, journal: str) -> int | None:
        """How far `journal` has been brought in; None if never."""
        found = (one for one in self.recorded if one.journal == journal)
        return next((one.watermark for one in found), None)

    def seen(self, vintage: int) -> tuple[Part, ...]:
        """The parts outside of shelves that make up the lake at `vintage`."""
        return tuple(part for part in self.parts if part.visible(vintage))


def merged_feeds(feeds: Iterable[Feed]) -> tuple[Feed, ...]:
    """Feeds of several parts, one entry each, with their whole extent."""
    whole: dict[tuple[Any, ...], list[int]] = {}
    for feed in feeds:
        known = whole.get(feed.name)
        if known is None:
            whole[feed.name] = [feed.first, feed.last, feed.rows]
            continue
        known[0] = min(known[0], feed.first)
        known[1] = max(known[1], feed.last)
        known[2] += feed.rows
    return tuple(sorted(Feed(*name, *extent) for name, extent in whole.items()))
