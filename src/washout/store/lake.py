"""The lake: Parquet parts under one folder, one writer, any number of readers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.errors import LakeError, LakeTooNew
from washout.store.files import explained, replace_file, sync_folder, write_lock
from washout.store.manifest import FORMAT, Feed, Manifest, Part, Vintage, merged_feeds

MANIFEST = "manifest.json"


class Lake:
    """A folder of facts. Opening it reads one small file; nothing is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
        if not lake.path.exists():
            with explained(lake.path):
                lake.path.mkdir(parents=True)
        if not (lake.path / MANIFEST).exists():
            lake._refuse_foreign_folder()
            lake.commit(Manifest(format=FORMAT, washout=__version__))
        lake.manifest()
        return lake

    def _refuse_foreign_folder(self) -> None:
        if not self.path.is_dir():
            raise LakeError(f"{self.path} is a file; a lake is a folder.")
        foreign = [p.name for p in self.path.iterdir() if not p.name.startswith(".")]
        if foreign and foreign != ["parts"]:
            raise LakeError(
                f"{self.path} is not empty and no lake (it holds {foreign[0]!r} but no"
                f" {MANIFEST}). Name an empty or new folder with --lake."
            )

    def manifest(self) -> Manifest:
        """What the lake holds now."""
        try:
            content = (self.path / MANIFEST).read_bytes()
        except FileNotFoundError:
            raise LakeError(
                f"There is no lake at {self.path}. Make one with `washout demo` or"
                " `washout import FILE`, or name another with --lake."
            ) from None
        except NotADirectoryError:
            raise LakeError(f"{self.path} is a file; a lake is a folder.") from None
        except PermissionError:
            raise LakeError(f"{self.path} cannot be read: permission denied.") from None
        return _decode(content, self.path)

    def commit(self, manifest: Manifest) -> None:
        """Make `manifest` the state of the lake, in one rename."""
        replace_file(self.path / MANIFEST, msgspec.json.encode(manifest))

    def feeds(self, as_of: int | None = None) -> tuple[Feed, ...]:
        """Every series of facts in the lake."""
        manifest = self.manifest()
        return merged_feeds(manifest.seen(manifest.at(as_of)))

    def files(self, parts: tuple[Part, ...]) -> list[str]:
        """Absolute paths of parts."""
        return [str(self.path / part.path) for part in parts]

    def vintages(self) -> tuple[Vintage, ...]:
        """Every import, oldest first."""
        return self.manifest().vintages

    @contextmanager
    def writing(self, *, wait: bool = False) -> Iterator[Path]:
        """Hold the write lock; gives a scratch folder, cleaned of earlier crashes."""
        with write_lock(self.path / ".lock", wait=wait):
            scratch = self.path / ".scratch"
            with explained(scratch):
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
            self._drop_orphans()
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _drop_orphans(self) -> None:
        """Delete parts that a crashed writer left without committing them."""
        known = {part.path for part in self.manifest().parts}
        for file in (self.path / "parts").rglob("*.parquet"):
            if str(file.relative_to(self.path)) not in known:
                file.unlink()

    def adopt(self, staged: Path, part_path: str) -> None:
        """Move a finished file from scratch to its place, durably."""
        target = self.path / part_path
        with explained(target):
            missing = [
                p for p in (target.parent, *target.parent.parents) if not p.exists()
            ]
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, target)
            sync_folder(target.parent)
            for folder in missing:
                sync_folder(folder.parent)


def _decode(content: bytes, path: Path) -> Manifest:
    try:
        found = msgspec.json.decode(content, type=dict).get("format")
        if isinstance(found, int) and found > FORMAT:
            raise LakeTooNew(
                f"{path} was written by a newer washout (lake format {found}, this"
                f" washout {__version__} reads up to {FORMAT}). Upgrade washout."
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, AttributeError) as error:
        raise LakeError(
            f"{path / MANIFEST} is no manifest of a lake: {error}. Restore it from a"
            " backup; the parts beside it are untouched."
        ) from None
