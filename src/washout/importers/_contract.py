"""What an importer is: it recognises a file by content and turns it into units.

A unit stands or falls as a whole: one bad row and nothing of it is imported. Facts
come as Arrow tables in the schema of their kind, in as many batches as suits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from washout.instruments import Scope

if TYPE_CHECKING:
    import pyarrow as pa

HEAD = 64 * 1024
"""How many bytes of a file `recognise` is shown."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may say about a file that its content does not.

    `now` (microseconds) is the newest instant that input may speak of. `totals` asks
    for taker-flow totals of that width instead of single trades.
    """

    now: int
    scope: Scope | None = None
    bar: int | None = None
    columns: Mapping[str, str] = {}
    source: str | None = None
    totals: int | None = None


class Unit:
    """One file's worth of facts.

    `read` yields `(kind, table)`; it may be called once. While it runs it fills in
    `duplicates`, `halved` and `notes`. `whole` says that the unit is a complete
    statement about its feeds for its stretch, as an archive file is: what older
    vintages said inside the stretch is withdrawn. `ordered` says that each feed comes
    in order of time without repeats, so that it can be written as it streams.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[Unit], Iterator[tuple[str, pa.Table]]],
        *,
        whole: bool = False,
        ordered: bool = False,
    ) -> None:
        self.name = name
        self.whole, self.ordered = whole, ordered
        self.duplicates = self.halved = 0
        self.notes: list[str] = []
        self._read = read

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """The facts, kind by kind."""
        return self._read(self)


class Importer(msgspec.Struct, frozen=True):
    """A format: `recognise(head, path)` and `read(path, options)`."""

    name: str
    title: str
    recognise: Callable[[bytes, Path], bool]
    read: Callable[[Path, Options], Iterator[Unit]]


def importer(
    name: str, *, title: str, recognise: Callable[[bytes, Path], bool]
) -> Callable[[Callable[[Path, Options], Iterator[Unit]]], Importer]:
    """Make an importer of a `read(path, options)` function."""

    def make(read: Callable[[Path, Options], Iterator[Unit]]) -> Importer:
        return Importer(name, title, recognise, read)

    return make
