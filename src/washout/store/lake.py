"""The lake: Parquet parts under one folder, one writer, any number of readers."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.errors import LakeError
from washout.store.files import (
    explained,
    replace_file,
    sync_all,
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
    Shelf,
    State,
    Vintage,
    merged_feeds,
)
from washout.store.manifest_file import MANIFEST, Book, decode_shelf, encode_shelf

SHELVES = "shelves"
SHELVED = 500
"""So many retired parts may lie in the manifest before they are put on a shelf."""
LOCK = ".lock"
SCRATCH = ".scratch"


class Lake:
    """A folder of facts. Opening it reads one small file; nothing is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, ...], Manifest] | None = None
        self._state: tuple[Manifest, dict[int, State]] | None = None
        self._book = Book()
        self._shelves: dict[str, tuple[Part, ...]] = {}
        self._feeds: dict[
            tuple[str, str, str], tuple[tuple[str, ...], tuple[Feed, ...]]
        ] = {}
        self._looked = False

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
                    content = handle.read()
                    self._known = state, self._book.decode(content, self.path)
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
        manifest = self._shelve(manifest)
        path = self.path / MANIFEST
        replace_file(path, self._book.encode(manifest))
        found = path.stat()
        self._known = (found.st_ino, found.st_size, found.st_mtime_ns), manifest

    def _shelve(self, manifest: Manifest) -> Manifest:
        """Put retired parts onto a shelf when they are many."""
        retired = [part for part in manifest.parts if part.retired is not None]
        if len(retired) <= SHELVED:
            return msgspec.structs.replace(manifest, format=FORMAT)
        path = f"{SHELVES}/{len(manifest.shelves) + 1:06d}.json"
        with explained(self.path):
            (self.path / SHELVES).mkdir(exist_ok=True)
        replace_file(self.path / path, encode_shelf(retired))
        sync_folder(self.path)
        shelf = Shelf(path, len(retired), max(part.retired or 0 for part in retired))
        return msgspec.structs.replace(
            manifest, format=FORMAT, shelves=(*manifest.shelves, shelf),
            parts=tuple(part for part in manifest.parts if part.retired is None),
        )  # fmt: skip

    def shelved(self, since: int = 0) -> Iterator[Part]:
        """Parts on shelves that may have been visible at vintage `since` or later."""
        for shelf in self.manifest().shelves:
            if shelf.until <= since:
                continue
            path = self.path / shelf.path
            if shelf.path not in self._shelves:
                with explained(path):
                    self._shelves[shelf.path] = decode_shelf(path.read_bytes(), path)
            yield from self._shelves[shelf.path]

    def every_part(self) -> tuple[Part, ...]:
        """The parts of all vintages."""
        return (*self.manifest().parts, *self.shelved())

    def state(self, as_of: AsOf = None) -> State:
        """The lake as it was known at `as_of`, or as it is."""
        manifest = self.manifest()
        vintage = manifest.at(as_of)
        if self._state is None or self._state[0] is not manifest:
            self._state = manifest, {}
        states = self._state[1]
        if vintage not in states:
            older = (p for p in self.shelved(vintage) if p.visible(vintage))
            parts = (*manifest.seen(vintage), *older)
            states[vintage] = State(vintage, parts, self._merged(parts))
        return states[vintage]

    def _merged(self, parts: Sequence[Part]) -> tuple[Feed, ...]:
        """The feeds of `parts`; those of a partition that stayed as it was are known."""
        groups: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
        for part in parts:
            groups[part.kind, part.exchange, part.date].append(part)
        for place, mine in groups.items():
            paths = tuple(part.path for part in mine)
            if self._feeds.get(place, ((), ()))[0] != paths:
                told = (feed for part in mine for feed in part.feeds)
                self._feeds[place] = paths, merged_feeds(told)
        return merged_feeds(f for place in groups for f in self._feeds[place][1])

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
                if not self._looked or scratch.exists():
                    self._clean()
                self._looked = True
                scratch.mkdir()
            try:
                yield scratch
            except BaseException:
                with suppress(OSError, LakeError):
                    self._clean()
                raise
            with suppress(OSError):
                shutil.rmtree(scratch)

    def _clean(self) -> None:
        """Scratch goes last: where it lies, somebody may have died before the rest."""
        for file in (*self.orphans(), *temporary_names(self.path / MANIFEST)):
            file.unlink()
        if (self.path / SCRATCH).exists():
            shutil.rmtree(self.path / SCRATCH)

    def orphans(self) -> list[Path]:
        """Files that no manifest knows: a writer died before it could commit them."""
        manifest = self.manifest()
        known = {part.path for part in self.every_part()}
        known |= {one.path for one in manifest.discarded}
        known |= {one.path for one in manifest.shelves}
        there = [
            *(self.path / "parts").rglob("*.parquet"), *(self.path / SHELVES).glob("*")
        ]  # fmt: skip
        return sorted(
            file
            for file in there
            if file.relative_to(self.path).as_posix() not in known
        )

    def adopt(self, files: Iterable[tuple[Path, str]]) -> None:
        """Move finished files from scratch to their places as parts, durably."""
        moves = [(staged, self.path / part_path) for staged, part_path in files]
        changed: dict[Path, None] = {}
        with explained(self.path):
            sync_all([staged for staged, _ in moves])
            for staged, target in moves:
                new = [f for f in target.parents if not f.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, target)
                changed |= dict.fromkeys([target.parent, *(f.parent for f in new)])
            sync_all(list(changed))
