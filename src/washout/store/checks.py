"""What `washout doctor` looks at; it changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.errors import LakeError
from washout.store.compile import cache_folder
from washout.store.files import lock_holder, temporary_names
from washout.store.health import damaged
from washout.store.lake import LOCK, SCRATCH, Lake
from washout.store.manifest_file import MANIFEST

LITTLE = 1 << 30
"""Less free disk than this, in bytes, is worth a word."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` says what to do where it is not `ok`."""

    name: str
    ok: bool
    says: str
    remedy: str = ""


def examine(lake: Path, *, lake_expected: bool) -> list[Check]:
    """Look at everything. `lake_expected`: it is wrong if there is no lake."""
    return [*_python(), *_libraries(), _cache(), *_lake(lake, expected=lake_expected)]


def _python() -> Iterator[Check]:
    yield Check("washout", ok=True, says=__version__)
    yield Check(
        "python", sys.version_info >= (3, 11), platform.python_version(),
        "Install Python 3.11 or newer and washout in it.",
    )  # fmt: skip


def _libraries() -> Iterator[Check]:
    from packaging.requirements import Requirement

    try:
        declared = requires("washout") or []
    except PackageNotFoundError:
        yield Check(
            "libraries", ok=False, says="washout is not installed, so its needs are unknown",
            remedy="Run `pip install .` in its folder.",
        )  # fmt: skip
        return
    for one in map(Requirement, declared):
        extra = one.marker is not None and not one.marker.evaluate({"extra": ""})
        if extra and one.marker is not None and one.marker.evaluate({"extra": "dev"}):
            continue  # what only developers need is no user's concern
        check = _library(one.name, one, optional=extra)
        if check is not None:
            yield check


def _library(name: str, wanted: object, *, optional: bool) -> Check | None:
    from packaging.requirements import Requirement

    assert isinstance(wanted, Requirement)
    ask = f"Run `pip install '{name}{wanted.specifier}'`."
    try:
        found = version(name)
    except PackageNotFoundError:
        return (
            None if optional else Check(name, ok=False, says="is missing", remedy=ask)
        )
    fits = wanted.specifier.contains(found, prereleases=True)
    needs = f" (supported: {wanted.specifier})" if wanted.specifier else ""
    return Check(name, fits, found + needs, ask)


def _cache() -> Check:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            "cache", ok=False, says=f"{folder}: {error.strerror}",
            remedy="Make it writable or set WASHOUT_CACHE; without it every query"
            " compiles its view anew, which takes seconds.",
        )  # fmt: skip
    return Check("cache", ok=True, says=f"{folder} is writable")


def _lake(path: Path, *, expected: bool) -> Iterator[Check]:
    if not (path / MANIFEST).exists() and not path.exists() and not expected:
        yield Check("lake", ok=True, says=f"none at {path}; the first import makes it")
        return
    try:
        lake = Lake.open(path)
    except LakeError as error:
        said, _, remedy = str(error).partition(". ")
        yield Check(
            "lake", ok=False, says=said, remedy=remedy or "Name a lake with --lake."
        )
        return
    yield _manifest(lake)
    yield from _parts(lake)
    yield _orphans(lake)
    yield _lock(lake)
    yield _writable(path)
    yield _disk(path)


def _manifest(lake: Lake) -> Check:
    manifest = lake.manifest()
    return Check(
        "lake", ok=True,
        says=f"{lake.path}: {manifest.newest} vintages, {_count(lake)} parts",
    )  # fmt: skip


def _count(lake: Lake) -> int:
    manifest = lake.manifest()
    return len(manifest.parts) + sum(shelf.parts for shelf in manifest.shelves)


def _parts(lake: Lake) -> Iterator[Check]:
    parts = lake.every_part()
    broken = list(damaged(lake, parts))
    for one in broken:
        yield Check("part", ok=False, says=f"{one.path} {one.what}", remedy=one.remedy)
    if not broken:
        yield Check(
            "parts", ok=True, says=f"all {len(parts)} are there, whole and readable"
        )


def _orphans(lake: Lake) -> Check:
    left = [*lake.orphans(), *temporary_names(lake.path / MANIFEST)]
    left += [lake.path / SCRATCH] if (lake.path / SCRATCH).exists() else []
    busy = lock_holder(lake.path / LOCK) is not None
    if not left or busy:
        return Check(
            "orphans", ok=True, says="none" if not left else "a writer is at work"
        )
    return Check(
        "orphans", ok=False, says=f"{len(left)} files of a crashed import, such as {left[0]}",
        remedy="Harmless; the next import deletes them.",
    )  # fmt: skip


def _lock(lake: Lake) -> Check:
    holder = lock_holder(lake.path / LOCK)
    says = "free" if holder is None else f"process {holder} is writing"
    return Check("lock", ok=True, says=says)


def _writable(path: Path) -> Check:
    return Check(
        "permissions", os.access(path, os.W_OK | os.X_OK),
        f"{path} {'is' if os.access(path, os.W_OK) else 'is not'} writable",
        "It can be read; to import, change its permissions or choose another --lake.",
    )  # fmt: skip


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(path).free
    return Check(
        "disk", free >= LITTLE, f"{free / 1e9:,.1f} GB free",
        "Free space: an import needs room for a copy of what it changes.",
    )  # fmt: skip
