"""The manifest's file: JSON in which the name of a feed is written once.

A part lists its feeds by number, with their extents as distances from its own, so that
a recorder of hundreds of markets can write it anew every minute. What it says about a
part is remembered as text, so that only what changed is written out or read again.
Format 1, a plain dump of the structs, is read as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from washout._version import __version__
from washout.errors import LakeError, LakeTooNew
from washout.store.manifest import (
    FORMAT,
    Discarded,
    Feed,
    Manifest,
    Part,
    Recorded,
    Shelf,
    Vintage,
)

MANIFEST = "manifest.json"

_Name = tuple[str, str, str, str, str, str, int, str]


class _Format(msgspec.Struct):
    format: int


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A part: `feeds` are places in the list of names, the others run along it.

    A feed's `first` is counted from the part's, its `last` back from the part's.
    """

    path: str
    kind: str
    exchange: str
    date: str
    rows: int
    first: int
    last: int
    bytes: int
    added: int
    retired: int | None
    feeds: list[int]
    firsts: list[int]
    lasts: list[int]
    counts: list[int]


class _File(msgspec.Struct, frozen=True, omit_defaults=True):
    format: int
    washout: str
    names: list[_Name]
    vintages: tuple[Vintage, ...]
    parts: list[msgspec.Raw]
    shelves: tuple[Shelf, ...] = ()
    discarded: tuple[Discarded, ...] = ()
    recorded: tuple[Recorded, ...] = ()


class _Shelved(msgspec.Struct, frozen=True):
    names: list[_Name]
    parts: list[_Packed]


_encoder = msgspec.json.Encoder()
_packed_decoder = msgspec.json.Decoder(_Packed)


class Book:
    """Reads and writes manifests of one lake, remembering what it saw of each part."""

    def __init__(self) -> None:
        self._names: list[_Name] = []
        self._places: dict[_Name, int] = {}
        self._known: dict[str, tuple[Part, bytes]] = {}

    def encode(self, manifest: Manifest) -> bytes:
        """The file of `manifest`."""
        parts = [msgspec.Raw(self._text(part)) for part in manifest.parts]
        self._forget(part.path for part in manifest.parts)
        return _encoder.encode(
            _File(
                FORMAT, manifest.washout, self._names, manifest.vintages, parts,
                manifest.shelves, manifest.discarded, manifest.recorded,
            )
        )  # fmt: skip

    def _text(self, part: Part) -> bytes:
        known = self._known.get(part.path)
        if known is None or known[0] is not part:
            known = part, _encoder.encode(_pack(part, self._names, self._places))
            self._known[part.path] = known
        return known[1]

    def _forget(self, paths: Iterable[str]) -> None:
        """Of parts that are gone, so that months of recording need no more memory."""
        if len(self._known) > 2 * len(named := set(paths)) + 100:
            self._known = {k: v for k, v in self._known.items() if k in named}

    def decode(self, content: bytes, lake: Path) -> Manifest:
        """Read a manifest; LakeTooNew or LakeError say why it cannot be."""
        try:
            found = msgspec.json.decode(content, type=_Format).format
            if found > FORMAT:
                raise LakeTooNew(
                    f"{lake} was written by a newer washout (lake format {found}, this"
                    f" washout {__version__} reads up to {FORMAT}). Upgrade washout."
                )
            if found == 1:
                return msgspec.json.decode(content, type=Manifest)
            return self._read(msgspec.json.decode(content, type=_File))
        except (msgspec.DecodeError, UnicodeDecodeError, IndexError) as error:
            raise LakeError(
                f"{lake / MANIFEST} is no manifest of a lake: {error}. Restore it from a"
                " backup; the parts beside it are untouched."
            ) from None

    def _read(self, file: _File) -> Manifest:
        if file.names[: len(self._names)] != self._names:
            self._known.clear()
        self._names = file.names
        self._places = {name: at for at, name in enumerate(file.names)}
        parts = tuple(self._part(bytes(raw)) for raw in file.parts)
        self._forget(part.path for part in parts)
        return Manifest(
            file.format, file.washout, file.vintages, parts,
            file.shelves, file.discarded, file.recorded,
        )  # fmt: skip

    def _part(self, text: bytes) -> Part:
        path = text[2 : text.index(b'"', 2)].decode()
        known = self._known.get(path)
        if known is None or known[1] != text:
            part = _unpack(_packed_decoder.decode(text), self._names)
            known = self._known[path] = part, text
        return known[0]


def encode_shelf(parts: Iterable[Part]) -> bytes:
    """The file of a shelf."""
    names: list[_Name] = []
    places: dict[_Name, int] = {}
    packed = [_pack(part, names, places) for part in parts]
    return _encoder.encode(_Shelved(names, packed))


def decode_shelf(content: bytes, path: Path) -> tuple[Part, ...]:
    """The parts on a shelf."""
    try:
        found = msgspec.json.decode(content, type=_Shelved)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LakeError(
            f"{path} does not list parts of a lake: {error}. Restore it from a backup."
        ) from None
    return tuple(_unpack(part, found.names) for part in found.parts)


def _pack(part: Part, names: list[_Name], places: dict[_Name, int]) -> _Packed:
    feeds = []
    for feed in part.feeds:
        name: Any = feed.name
        at = places.get(name)
        if at is None:
            at = places[name] = len(names)
            names.append(name)
        feeds.append(at)
    return _Packed(
        part.path, part.kind, part.exchange, part.date, part.rows, part.first,
        part.last, part.bytes, part.added, part.retired, feeds,
        [feed.first - part.first for feed in part.feeds],
        [part.last - feed.last for feed in part.feeds],
        [feed.rows for feed in part.feeds],
    )  # fmt: skip


def _unpack(packed: _Packed, names: list[_Name]) -> Part:
    along = zip(packed.feeds, packed.firsts, packed.lasts, packed.counts, strict=True)
    first, last = packed.first, packed.last
    feeds = tuple(
        Feed(*names[at], first + after, last - before, rows)
        for at, after, before, rows in along
    )
    return Part(
        packed.path, packed.kind, packed.exchange, packed.date, packed.rows, first,
        last, packed.bytes, feeds, packed.added, packed.retired,
    )  # fmt: skip
