"""Importing files: recognise the format, take in what is good, name what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from washout import plugins
from washout._version import __version__
from washout.errors import InputError, UnknownName, UsageError
from washout.importers import Importer, Options
from washout.importers._contract import HEAD
from washout.store.ingest import Receipt, add_unit, believed
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
    progress: Callable[[Path, int, int], None] = lambda _path, _done, _rows: None,
    told: Callable[[Receipt | InputError], None] = lambda _outcome: None,
) -> Outcome:
    """Import files one by one; a bad unit leaves no trace and does not stop the rest.

    `progress(path, files_done, rows)` is called while a file is read, `told` with what
    became of each unit. UsageError comes only where nothing was imported.
    """
    receipts: list[Receipt] = []
    refused: list[InputError] = []
    if format is not None:
        find_importer(Path(), format)
    with lake.writing(wait=wait) as scratch:
        for done, path in enumerate(paths):
            progress(path, done, 0)
            reading = partial(progress, path, done)
            try:
                for outcome in _import(lake, scratch, path, options, format, reading):
                    if isinstance(outcome, InputError):
                        refused.append(outcome)
                    else:
                        receipts.append(outcome)
                    told(outcome)
            except InputError as error:
                refused.append(error)
                told(error)
            except UsageError as error:
                if not receipts:
                    raise
                refused.append(InputError(str(error), unit=path.name))
                told(refused[-1])
    return Outcome(receipts=receipts, refused=refused)


def _import(
    lake: Lake,
    scratch: Path,
    path: Path,
    options: Options,
    name: str | None,
    progress: Callable[[int], None],
) -> Iterator[Receipt | InputError]:
    """What became of each unit of a file: a bad one does not stop those after it."""
    _head(path)
    chosen = find_importer(path, name)
    sha256 = file_hash(path)
    fingerprint = _fingerprint(chosen, sha256, options)
    for unit in believed(chosen.read(path, options), path.name):
        try:
            yield add_unit(
                lake, scratch, unit, importer=chosen.name, sha256=sha256,
                now=options.now, fingerprint=fingerprint, progress=progress,
            )  # fmt: skip
        except InputError as error:
            yield error


def _fingerprint(chosen: Importer, sha256: str, options: Options) -> str:
    """Of a file's content and of everything that decides how it is read."""
    asked = msgspec.json.encode(msgspec.structs.replace(options, now=0), order="sorted")
    digest = hashlib.sha256(f"{__version__} {chosen.name} {sha256} ".encode() + asked)
    digest.update(plugins.source("importers", chosen.read))
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"it cannot be read: {error.strerror}", unit=str(path)
        ) from None
