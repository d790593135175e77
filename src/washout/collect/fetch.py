"""Fetching history: whole files with checksums, or answers in an envelope.

A file grows as `NAME.part` and gets its name when it is whole, so that a run that was
stopped goes on where it was. Finished files are not fetched again.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from washout import plugins
from washout.collect._server import Again, Machine, Missing, Server, wrong_answer
from washout.collect.sources import Request, Source, Wanted
from washout.errors import FetchError, UnknownName
from washout.importers._json import envelope
from washout.store.files import sync_folder


class Step(msgspec.Struct, frozen=True):
    """How far a run is: the file, its place, how many are known of, and its bytes."""

    file: str
    place: int
    count: int
    received: int = 0
    size: int | None = None


class Fetched(msgspec.Struct, kw_only=True):
    """What a run brought. `files` are there now, `fresh` of them are new.

    `missing` were asked for and the server has none; `failed` came damaged.
    """

    files: list[Path] = []
    fresh: list[Path] = []
    missing: list[str] = []
    failed: list[FetchError] = []


def sources() -> dict[str, Source]:
    """Every source there is, by name."""
    return plugins.found("collect.sources", Source)


def find_source(name: str) -> Source:
    """A source by name."""
    known = sources()
    if name not in known:
        raise UnknownName("source", name, known)
    return known[name]


def fetch(
    source: Source,
    wanted: Wanted,
    folder: Path,
    machine: Machine,
    *,
    base_url: str | None = None,
    calls_per_minute: int | None = None,
    again: bool = False,
    environment: Mapping[str, str] = os.environ,
    watch: Callable[[Step], None] = lambda _step: None,
) -> Fetched:
    """Fetch what is wanted into `folder`; a second run does only what is left.

    `again` fetches finished files anew. Raises FetchError when the server refuses or
    stays silent; what has arrived by then is kept.
    """
    queue, result, place = deque(source.plan(wanted)), Fetched(), 0
    with Server(
        source, machine, base_url=base_url, calls_per_minute=calls_per_minute,
        environment=environment,
    ) as server:  # fmt: skip
        while queue:
            request, place = queue.popleft(), place + 1
            told = partial(Step, request.file, place, place + len(queue))
            watch(told())
            job = Job(
                server, request, folder / request.file, partial(_tell, watch, told)
            )
            queue.extendleft(reversed(_one(job, again, result)))
    return result


def _tell(
    watch: Callable[[Step], None],
    told: Callable[..., Step],
    have: int,
    size: int | None,
) -> None:
    watch(told(have, size))


class Job(msgspec.Struct, frozen=True):
    """One request on its way to its file; `grew` is told bytes had and expected."""

    server: Server
    request: Request
    path: Path
    grew: Callable[[int, int | None], None]


def _one(job: Job, again: bool, result: Fetched) -> Sequence[Request]:
    """Bring one file; gives the requests that follow from what happened."""
    try:
        with _explained(job.path):
            if again or not (job.path.exists() and _is_whole(job.path)):
                _bring(job)
                result.fresh.append(job.path)
            result.files.append(job.path)
            return _next_page(job)
    except Missing:
        if not job.request.otherwise:
            result.missing.append(job.request.file)
        return job.request.otherwise
    except _Damaged as error:
        result.failed.append(error)
        return ()


def _bring(job: Job) -> None:
    job.path.parent.mkdir(parents=True, exist_ok=True)
    if job.server.source.judge is None:
        _file(job)
    else:
        _answer(job)


def _next_page(job: Job) -> Sequence[Request]:
    source = job.server.source
    if source.judge is None:
        return ()
    more = source.after(
        job.request, msgspec.json.decode(job.path.read_bytes())["answer"]
    )
    return () if more is None else (more,)


# Answers


def _answer(job: Job) -> None:
    """Keep an answer in its envelope, if it says what was asked for."""
    server, request = job.server, job.request

    def once() -> bytes:
        with server.stream(request) as response:
            content = server.hide_bytes(response.read())
        _judge(server, request, content)
        return content

    content = server.attempt(request, once)
    kept = envelope(
        server.source.name, server.url(request), request.params,
        server.machine.clock(), content,
    )  # fmt: skip
    with _part(job.path) as part:
        part.truncate(0)
        part.write(kept)
        _finish(part, job.path)


def _judge(server: Server, request: Request, content: bytes) -> None:
    try:
        answer: Any = msgspec.json.decode(content)
    except msgspec.DecodeError:
        start = content[:60].decode("utf-8", "replace")
        says = f"expected JSON, the server answered {start!r}"
        raise wrong_answer(server, request, says) from None
    verdict = server.source.judge(answer) if server.source.judge else None
    if verdict is None:
        return
    if verdict.nothing:
        raise Missing(request.file)
    if verdict.again:
        raise Again(f"answered {server.hide(verdict.says)}")
    raise wrong_answer(server, request, verdict.says)


# Files


class _Damaged(FetchError):
    """A file that does not match its checksum, even when fetched anew."""


def _file(job: Job) -> None:
    """A file, checked against its checksum; a mismatch is tried anew once."""
    with _part(job.path) as part:
        expected, found = _grown(job, part)
        if expected not in (None, found):
            part.truncate(0)  # what was resumed may have been of an older file
            expected, found = _grown(job, part)
        if expected not in (None, found):
            part.truncate(0)
            raise _Damaged(
                f"{job.server.url(job.request)}: sha256 is {found}, the .CHECKSUM beside"
                f" it says {expected}, twice. The file is damaged on the server or on its"
                " way; nothing of it is kept. Try again later."
            )
        if expected is not None:
            _write(_sidecar(job.path), f"{expected}  {job.path.name}\n".encode())
        _finish(part, job.path)


def _grown(job: Job, part: IO[bytes]) -> tuple[str | None, str]:
    """Fetch what is lacking; gives the sha256 that was told and the one found."""
    job.server.attempt(job.request, lambda: _grow(job, part))
    return _expected(job.server, job.request), _hash(part)


def _grow(job: Job, part: IO[bytes]) -> None:
    """Append what is lacking; begin anew if the server cannot continue."""
    have = part.seek(0, os.SEEK_END)
    headers = {"Range": f"bytes={have}-"} if have else {}
    with job.server.stream(job.request, headers) as response:
        told = response.headers.get("Content-Range", "")
        if response.status_code == 416 and told == f"bytes */{have}":
            return  # all of it was there already
        if response.status_code != 200 and not told.startswith(f"bytes {have}-"):
            part.truncate(0)
            raise Again("sent another range than was asked for", 0.0)
        if response.status_code == 200:
            have = part.truncate(0)
        length = response.headers.get("Content-Length", "")
        size = have + int(length) if length.isdigit() else None
        part.seek(have)
        for piece in response.iter_bytes():
            part.write(piece)
            have += len(piece)
            job.grew(have, size)


def _expected(server: Server, request: Request) -> str | None:
    """The sha256 in the `.CHECKSUM` beside a file; None if there is none."""
    beside = Request(path=request.path + ".CHECKSUM", file=request.file + ".CHECKSUM")
    try:
        content = server.read(beside)
    except Missing:
        return None
    return content.decode("ascii", "replace").split(" ")[0].strip().lower()


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".CHECKSUM")


def _is_whole(path: Path) -> bool:
    """Whether a finished file still matches the checksum that was kept with it."""
    try:
        expected = _sidecar(path).read_text(encoding="ascii").split(" ")[0]
    except FileNotFoundError:
        return True
    with path.open("rb") as handle:
        return _hash(handle) == expected


def _hash(handle: IO[bytes]) -> str:
    handle.flush()
    handle.seek(0)
    return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]


# Disk


@contextmanager
def _part(path: Path) -> Iterator[IO[bytes]]:
    """`NAME.part`, held against other processes; kept if the work breaks off."""
    part = path.with_name(path.name + ".part")
    with part.open("a+b") as appended, part.open("r+b") as handle:
        try:
            fcntl.flock(appended, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError(
                f"{path} is being fetched by another process. Wait for it to end."
            ) from None
        try:
            yield handle
        finally:
            handle.flush()
            if part.exists() and part.stat().st_size == 0:
                part.unlink()


def _finish(part: IO[bytes], path: Path) -> None:
    """Give a whole file its name, durably."""
    part.flush()
    os.fsync(part.fileno())
    os.replace(part.name, path)
    sync_folder(path.parent)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the file system into ones that say what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            reason = "the disk is full. What arrived is kept; free space and run again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "it is not writable. Choose another folder with --into"
        raise FetchError(f"{path}: {reason}.") from error
