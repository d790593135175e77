"""Tests are written down before the data they are judged on is opened.

One line of canonical JSON a fact, each with the hash of the line before: a line that
was edited, removed or moved breaks the chain at a place that can be named. What a chain
cannot show is that its end was cut off at a line: keep the head's hash elsewhere
(reports print it) and give it to `verify`.

A fact is added by writing the whole file anew and renaming it, under a lock. After a
crash at any instruction there is the old ledger or the new one, so a line that ends
half-way was never written by washout: it is refused, and nothing is repaired.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from washout.clock import format_time
from washout.errors import LedgerError, UsageError
from washout.study.spec import Spec, canonical, spec_hash

Kind = Literal["spec", "withdrawn", "out_of_sample"]

NOTHING_BEFORE = "0" * 64
"""What the first line names as the hash of the line before."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: who wrote what when, and its place in the chain."""

    seq: int
    """From 0."""
    kind: Kind
    spec_hash: str
    prev_hash: str
    hash: str
    time: int
    """When it was written, us since the epoch, as told by the caller."""
    author: str
    body: dict[str, Any]
    """`spec`; or `data_hash` and `result` of the out-of-sample run; or `reason`."""


class Ledger:
    """The registered tests in one file; nothing is locked for reading."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()

    def entries(self) -> tuple[Entry, ...]:
        """All lines in order; LedgerError names the first that is not as written."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise LedgerError(
                f"{self.path} cannot be read: {error.strerror}."
            ) from error
        return _chain(content, self.path)

    def verify(self, head: str | None = None) -> str:
        """Check every line; the hash of the last one.

        `head` is a hash that was the last one once: it must still be in the chain, or
        lines were cut off since.
        """
        entries = self.entries()
        if head is not None and head not in {NOTHING_BEFORE, *_hashes(entries)}:
            raise LedgerError(
                f"{self.path}: none of its {len(entries)} lines has the hash {head};"
                " expected it, as it was the last one before. Lines were cut off at"
                " the end, or this is another ledger: restore it from a copy."
            )
        return entries[-1].hash if entries else NOTHING_BEFORE

    def m(self) -> int:
        """Specs ever registered, withdrawn ones included."""
        return sum(entry.kind == "spec" for entry in self.entries())

    def find(self, spec: str, kind: Kind = "spec") -> Entry | None:
        """The line of this kind for the hash of a spec."""
        return _found(self.entries(), spec, kind)

    def register(self, spec: Spec, *, time: int, author: str) -> Entry:
        """Write a spec down; one that is there already stays as it is."""
        body = {"spec": json.loads(canonical(spec))}
        return self._add("spec", spec_hash(spec), time, author, body)

    def withdraw(self, spec: str, *, time: int, author: str, reason: str) -> Entry:
        """Say that a registered spec will not be judged; it still counts in `m`."""
        return self._add("withdrawn", spec, time, author, {"reason": reason})

    def open_out_of_sample(
        self, spec: str, *, time: int, data_hash: str, result: Any, author: str = ""
    ) -> Entry:
        """Record what the reserved data said, once for each spec.

        A second call records nothing and returns the first result, whatever it brings.
        Numbers in `result` are integers or decimal strings, as in a spec.
        """
        body = {"data_hash": data_hash, "result": json.loads(canonical(result))}
        return self._add("out_of_sample", spec, time, author, body)

    def _add(
        self, kind: Kind, spec: str, time: int, author: str, body: dict[str, Any]
    ) -> Entry:
        with self._writing():
            entries = self.entries()
            there = _found(entries, spec, kind)
            if there is not None:
                return there
            if kind != "spec" and _found(entries, spec, "spec") is None:
                raise UsageError(
                    f"No spec {spec} is registered in {self.path}. Register it first:"
                    " a test is written down before its data is opened."
                )
            if entries and time < entries[-1].time:
                raise UsageError(
                    f"It is said to be {format_time(time)}, but the last line of"
                    f" {self.path} is from {format_time(entries[-1].time)}. Set the"
                    " clock."
                )
            entry = _linked(
                seq=len(entries), kind=kind, spec_hash=spec, time=time, author=author,
                prev_hash=entries[-1].hash if entries else NOTHING_BEFORE, body=body,
            )  # fmt: skip
            self._append(entry)
            return entry

    def _append(self, entry: Entry) -> None:
        written = self.path.read_bytes() if self.path.exists() else b""
        temporary = self.path.with_name(
            f".{self.path.name}.tmp"
        )  # ours: we hold the lock
        try:
            with temporary.open("wb") as handle:
                handle.write(written + _line(entry))
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(self.path.parent)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; the kernel releases it when a writer dies."""
        try:
            with self.path.with_name(f".{self.path.name}.lock").open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise LedgerError(
                f"{self.path} cannot be written: {error.strerror}. Nothing was"
                " recorded."
            ) from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _linked(**fields: Any) -> Entry:
    return Entry(**fields, hash=_hash(fields))


def _hash(fields: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(fields)).hexdigest()


def _line(entry: Entry) -> bytes:
    return canonical(msgspec.to_builtins(entry)) + b"\n"


def _hashes(entries: tuple[Entry, ...]) -> set[str]:
    return {entry.hash for entry in entries}


def _found(entries: tuple[Entry, ...], spec: str, kind: Kind) -> Entry | None:
    found = (e for e in entries if e.kind == kind and e.spec_hash == spec)
    return next(found, None)


def _chain(content: bytes, path: Path) -> tuple[Entry, ...]:
    """Entries of a file, each checked against the one before."""
    *lines, rest = content.split(b"\n")
    entries: list[Entry] = []
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, start=1):
        entry = _decoded(line, path, number)
        before = entries[-1] if entries else None
        for check in CHECKS:
            found = check(entry, line, before, seen)
            if found:
                raise _broken(path, number, found)
        seen.add((entry.kind, entry.spec_hash))
        entries.append(entry)
    if rest:
        raise _broken(
            path, len(lines) + 1,
            f"it ends after {len(rest)} bytes without a line end; expected a whole"
            " line: the file was cut",
        )  # fmt: skip
    return tuple(entries)


def _broken(path: Path, number: int, found: str) -> LedgerError:
    return LedgerError(
        f"{path}, line {number}: {found}. The ledger is not what was written; restore"
        " it from a copy, results that rest on it cannot be believed."
    )


def _decoded(line: bytes, path: Path, number: int) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _broken(
            path, number, f"found {line[:60]!r}, expected an entry ({error})"
        ) from None


Check = Callable[[Entry, bytes, Entry | None, set[tuple[str, str]]], str]
"""What is wrong with an entry, given its line, the entry before, and all before."""


def _placed(entry: Entry, _: bytes, before: Entry | None, __: Any) -> str:
    expected = before.seq + 1 if before else 0
    if entry.seq != expected:
        return (
            f"found seq {entry.seq}, expected {expected}: a line was removed, added or"
            " moved"
        )
    link = before.hash if before else NOTHING_BEFORE
    if entry.prev_hash != link:
        return (
            f"found prev_hash {entry.prev_hash}, expected {link}: the line before was"
            " changed, with its hash"
        )
    if before and entry.time < before.time:
        return f"found time {entry.time}, expected {before.time} or later"
    return ""


def _whole(entry: Entry, line: bytes, _: Entry | None, __: Any) -> str:
    fields = msgspec.to_builtins(entry)
    told = fields.pop("hash")
    try:
        expected = _hash(fields)
        same = _line(entry) == line + b"\n"
    except UsageError as error:
        return f"found {error}"
    if told != expected:
        return f"found hash {told}, expected {expected}: the line was edited"
    return "" if same else "it is not in canonical form: the line was edited"


def _meant(entry: Entry, _: bytes, __: Any, seen: set[tuple[str, str]]) -> str:
    own = (entry.kind, entry.spec_hash)
    if own in seen:
        return f"found a second {entry.kind} of {entry.spec_hash}, expected one"
    if entry.kind == "spec":
        expected = spec_hash(entry.body.get("spec", {}))
        if entry.spec_hash != expected:
            return f"found spec_hash {entry.spec_hash}, expected {expected}"
    elif ("spec", entry.spec_hash) not in seen:
        return f"found {entry.kind} of {entry.spec_hash}, expected its spec before it"
    return ""


CHECKS: tuple[Check, ...] = (_placed, _whole, _meant)
"""In the order in which what they find is told."""
