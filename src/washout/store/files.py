"""Writing files so that a crash at any instruction leaves the old state or the new."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from washout.errors import LakeBusy, LakeError

_FULL = "the disk is full. Nothing of this unit was imported; free space and try again"
_CLOSED = "it is not writable. Change its permissions or choose another --lake"
_REASONS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the file would grow past what this system or its limits allow."
    " Nothing of this unit was imported; raise the limit (ulimit -f) or import less",
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: _CLOSED,
    errno.EMFILE: "too many files are open. Raise the limit (ulimit -n)",
}


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make the content of `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(paths: Sequence[Path]) -> None:
    """Make many files or folders durable; at once, since they wait for one disk."""
    if len(paths) < 4:
        for path in paths:
            sync_file(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(sync_file, paths):
            pass


def temporary_names(path: Path) -> list[Path]:
    """What a writer that died may have left beside `path`."""
    return sorted(path.parent.glob(f".{path.name}.*.tmp"))


def replace_file(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: temporary file, fsync, rename, fsync folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        try:
            with temporary.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of the file system into ones that say what to do."""
    try:
        yield
    except OSError as error:
        raise LakeError(f"{path}: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """What a file system error means for a person who writes a lake."""
    said = error.strerror or str(error)
    return _REASONS.get(error.errno or 0, said[:1].lower() + said[1:])


@contextmanager
def write_lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lake's only write lock; the kernel releases it when a writer dies."""
    with explained(path):
        handle = path.open("a+")
    with handle:
        _take(handle, path, wait=wait)
        with explained(path):
            handle.seek(0)
            handle.truncate()
            handle.write(str(os.getpid()))
            handle.flush()
        yield


def _take(handle: IO[str], path: Path, *, wait: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise LakeBusy(
            f"{path.parent} is being written by process {_holder(handle)}. Wait for it"
            " to end, or pass --wait to queue behind it."
        ) from None


def _holder(handle: IO[str]) -> str:
    handle.seek(0)
    return handle.read().strip() or "unknown"


def lock_holder(path: Path) -> str | None:
    """The process that is writing now, or None."""
    try:
        with path.open("r") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(handle)
    except FileNotFoundError:
        return None
    return None
