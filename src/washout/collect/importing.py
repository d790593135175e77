"""Importing files: recognise the format, take in what is good, name what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from washout import plugins
from washout.errors import InputError, UnknownName
from washout.importers import Importer, Options, Unit
from washout.importers._contract import HEAD
from washout.store.ingest import Receipt, add_unit
from washout.store.lake import Lake


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the files of one call: receipts, and what was refused and why."""

    receipts: list[Receipt]
    refused: list[InputError]


def importers() -> dict[str, Importer]:
    """Every format there is, by name."""
    return plugins.found("importers", Importer)


def find_importer(path: Path, name: str | None) -> Importer:
    """The importer of a file: by name, else the first that recognises its content."""
    known = importers()
    if name is not None:
        if name not in known:
            raise UnknownName("format", name, known)
        return known[name]
    head = _head(path)
    for one in known.values():
        if one.recognise(head, path):
            return one
    raise InputError(
        "its content is in no format that washout recognises. Name one with --format"
        f" ({', '.join(known)}), or describe its columns with --format csv --map ...",
        unit=str(path),
    )


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(
            "it is a folder; name the files in it, such as FOLDER/*.zip", unit=str(path)
        )
    try:
        with path.open("rb") as handle:
            head = handle.read(HEAD)
    except OSError as error:
        raise InputError(
            f"it cannot be read: {error.strerror}", unit=str(path)
        ) from None
    if not head.strip():
        raise InputError("it is empty", unit=str(path))
    return head


def import_files(
    lake: Lake,
    paths: Sequence[Path],
    options: Options,
    *,
    format: str | None = None,  # noqa: A002  the word users type
    wait: bool = False,
    progress: Callable[[Path, int], None] = lambda _path, _done: None,
) -> Outcome:
    """Import files one by one; a bad unit leaves no trace and does not stop the rest.

    `progress(path, files_done)` is called before each file.
    """
    receipts: list[Receipt] = []
    refused: list[InputError] = []
    with lake.writing(wait=wait) as scratch:
        for done, path in enumerate(paths):
            progress(path, done)
            try:
                _head(path)
                chosen = find_importer(path, format)
                sha256 = file_hash(path)
                for unit in _units(chosen, path, options):
                    receipts.append(
                        _add(lake, scratch, unit, chosen.name, sha256, options.now)
                    )
            except InputError as error:
                refused.append(error)
    return Outcome(receipts=receipts, refused=refused)


def _units(chosen: Importer, path: Path, options: Options) -> Iterator[Unit]:
    try:
        yield from chosen.read(path, options)
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is not UTF-8 text (byte {error.object[error.start]:#04x} at position"
            f" {error.start}); save it as UTF-8",
            unit=path.name,
        ) from None


def _add(
    lake: Lake, scratch: Path, unit: Unit, importer: str, sha256: str, now: int
) -> Receipt:
    try:
        return add_unit(lake, scratch, unit, importer=importer, sha256=sha256, now=now)
    except UnicodeDecodeError as error:
        raise InputError(f"it is not UTF-8 text: {error}", unit=unit.name) from None


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
