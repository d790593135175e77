"""The lake: Parquet parts under one folder, one writer, any number of readers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.errors import LakeError, LakeTooNew
from washout.store.files import (
    explained,
    replace_file,
    sync_file,
    sync_folder,
    temporary_names,
    write_lock,
)
from washout.store.manifest import (
    FORMAT,
    AsOf,
    Feed,
    Manifest,
    Part,
    State,
    Vintage,
    merged_feeds,
)

MANIFEST = "manifest.json"
LOCK = ".lock"
SCRATCH = ".scratch"


class Lake:
    """A folder of facts. Opening it reads one small file; nothing is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, ...], Manifest] | None = None
        self._state: tuple[Manifest, dict[int, State]] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Lake:
        """Open an existing lake; LakeError says what is wrong with it."""
        lake = cls(Path(path))
        lake.manifest()
        return lake

    @classmethod
    def create(cls, path: str | Path) -> Lake:
        """Open a lake, making an empty one where there is none."""
        lake = cls(Path(path))
        if not (lake.path / MANIFEST).exists():
            with explained(lake.path):
                lake._refuse_foreign_folder()
                lake.path.mkdir(parents=True, exist_ok=True)
            with write_lock(lake.path / LOCK, wait=True):
                if not (lake.path / MANIFEST).exists():
                    lake.commit(Manifest(format=FORMAT, washout=__version__))
        lake.manifest()
        return lake

    def _refuse_foreign_folder(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise LakeError(f"{self.path} is a file; a lake is a folder.")
        foreign = [p.name for p in self.path.iterdir() if not p.name.startswith(".")]
        if (self.path / MANIFEST).exists() or not foreign:
            return
        if foreign == ["parts"]:
            raise LakeError(
                f"{self.path} has parts of a lake but no {MANIFEST}. Restore it from a"
                " backup, or name a new folder with --lake and import again."
            )
        raise LakeError(
            f"{self.path} is not empty and no lake (it holds {foreign[0]!r} but no"
            f" {MANIFEST}). Name an empty or new folder with --lake."
        )

    def manifest(self) -> Manifest:
        """What the lake holds now."""
        path = self.path / MANIFEST
        try:
            with path.open("rb") as handle:
                found = os.fstat(handle.fileno())
                state = (found.st_ino, found.st_size, found.st_mtime_ns)
                if self._known is None or self._known[0] != state:
                    self._known = state, decode(handle.read(), self.path)
                return self._known[1]
        except FileNotFoundError:
            raise LakeError(
                f"There is no lake at {self.path}. Make one with `washout demo` or"
                " `washout import FILE`, or name another with --lake."
            ) from None
        except NotADirectoryError:
            raise LakeError(f"{self.path} is a file; a lake is a folder.") from None
        except OSError as error:
            raise LakeError(f"{path} cannot be read: {error.strerror}.") from None

    def commit(self, manifest: Manifest) -> None:
        """Make `manifest` the state of the lake, in one rename."""
        replace_file(self.path / MANIFEST, msgspec.json.encode(manifest))

    def state(self, as_of: AsOf = None) -> State:
        """The lake as it was known at `as_of`, or as it is."""
        manifest = self.manifest()
        vintage = manifest.at(as_of)
        if self._state is None or self._state[0] is not manifest:
            self._state = manifest, {}
        states = self._state[1]
        if vintage not in states:
            parts = manifest.seen(vintage)
            states[vintage] = State(vintage, parts, merged_feeds(parts))
        return states[vintage]

    def feeds(self, as_of: AsOf = None) -> tuple[Feed, ...]:
        """Every series of facts in the lake."""
        return self.state(as_of).feeds

    def files(self, parts: Iterable[Part]) -> list[str]:
        """Absolute paths of parts."""
        root = self.path.absolute()
        return [str(root / part.path) for part in parts]

    def vintages(self) -> tuple[Vintage, ...]:
        """Every import, oldest first."""
        return self.manifest().vintages

    @contextmanager
    def writing(self, *, wait: bool = False) -> Iterator[Path]:
        """Hold the write lock; gives a scratch folder.

        What crashed writers left is deleted first, and what a failed one leaves, last.
        """
        if not self.path.is_dir():
            self.manifest()
        with write_lock(self.path / LOCK, wait=wait):
            scratch = self.path / SCRATCH
            with explained(scratch):
                self._clean()
                scratch.mkdir()
            try:
                yield scratch
            finally:
                with suppress(OSError, LakeError):
                    self._clean()

    def _clean(self) -> None:
        for file in (*self.orphans(), *temporary_names(self.path / MANIFEST)):
            file.unlink()
        if (self.path / SCRATCH).exists():
            shutil.rmtree(self.path / SCRATCH)

    def orphans(self) -> list[Path]:
        """Parts that no manifest knows: a writer died before it could commit them."""
        known = {part.path for part in self.manifest().parts}
        return sorted(
            file
            for file in (self.path / "parts").rglob("*.parquet")
            if file.relative_to(self.path).as_posix() not in known
        )

    def adopt(self, files: Iterable[tuple[Path, str]]) -> None:
        """Move finished files from scratch to their places as parts, durably."""
        changed: dict[Path, None] = {}
        with explained(self.path):
            for staged, part_path in files:
                sync_file(staged)
                target = self.path / part_path
                new = [f for f in target.parents if not f.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, target)
                changed |= dict.fromkeys([target.parent, *(f.parent for f in new)])
            for folder in changed:
                sync_folder(folder)


class _Format(msgspec.Struct):
    format: int


def decode(content: bytes, path: Path) -> Manifest:
    """Read a manifest; LakeTooNew or LakeError say why it cannot be."""
    try:
        found = msgspec.json.decode(content, type=_Format).format
        if found > FORMAT:
            raise LakeTooNew(
                f"{path} was written by a newer washout (lake format {found}, this"
                f" washout {__version__} reads up to {FORMAT}). Upgrade washout."
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LakeError(
            f"{path / MANIFEST} is no manifest of a lake: {error}. Restore it from a"
            " backup; the parts beside it are untouched."
        ) from None
