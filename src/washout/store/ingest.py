"""Bringing a unit of facts into the lake: stage, merge, commit.

Every unit is one vintage. Merging rewrites only parts that it may contradict; the older
parts stay for `as_of`. Until the manifest is replaced, nothing of the unit exists for
readers.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from washout import schema
from washout.errors import InputError
from washout.importers import Unit
from washout.store import merge, sql
from washout.store.feeds import feeds_in, rows_in
from washout.store.files import explained
from washout.store.health import engine_errors
from washout.store.joining import fits, join
from washout.store.lake import SCRATCH, Lake
from washout.store.manifest import Feed, Manifest, Part, Vintage
from washout.store.merge import Change, Stretch
from washout.store.staging import Partition, Stager, conform

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY = "400MB"
"""What merging may hold; beyond it DuckDB spills into the scratch folder."""


class Place(msgspec.Struct, frozen=True):
    """Where a unit goes: a vintage of its own, or one more commit of an open one."""

    vintage: int
    commit: int = 0
    """0 for an import."""
    closing: bool = False
    """Whether an open vintage ends with this commit, so that its parts are joined."""

    def path(self, partition: Partition) -> str:
        """Where the part of a partition lies."""
        kind, exchange, date = partition
        name = f"{self.vintage:06d}" + (f"-{self.commit:06d}" if self.commit else "")
        return f"parts/{kind}/exchange={exchange}/date={date}/{name}.parquet"

    def superseded(
        self, there: Sequence[Part], coming: Sequence[Feed], lost: Sequence[Stretch]
    ) -> list[Part]:
        """The parts of a partition that must be rewritten with what comes in."""
        if not self.commit:
            return merge.concerned(there, coming, lost)
        return merge.extending(there, coming, self.vintage, closing=self.closing)

    def joins(self, there: Sequence[Part]) -> bool:
        """Whether the parts of a partition must be joined in any case."""
        return self.closing and len(self.superseded(there, (), ())) > 1


Thing = TypeVar("Thing")
Staged = Mapping[Partition, Sequence[Path]]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one import did. `vintage` is None when nothing changed."""

    unit: str
    vintage: int | None
    rows: dict[str, int]
    added: int = 0
    changed: int = 0
    removed: int = 0
    duplicates: int = 0
    halved: int = 0
    notes: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether the lake already said all this."""
        return self.vintage is None


def add_unit(
    lake: Lake,
    scratch: Path,
    unit: Unit,
    *,
    importer: str,
    sha256: str,
    now: int,
    fingerprint: str = "",
    progress: Callable[[int], None] = lambda _rows: None,
) -> Receipt:
    """Import one unit under the write lock; InputError leaves the lake as it was.

    `fingerprint` names the file and how it is read: a unit whose statements the lake
    holds already is not read again. `progress(rows)` is told how many were read.
    """
    held = lake.manifest().holding(fingerprint, unit.name) if fingerprint else None
    if held is not None:
        note = f"vintage {held} is this very file"
        return Receipt(unit=unit.name, vintage=None, rows={}, notes=(note,))
    place = Place(lake.manifest().newest + 1)
    laid = lay(lake, scratch, unit, place, progress)
    rows, change, fresh, retired = laid.rows, laid.change, laid.fresh, laid.old
    vintage = Vintage(
        id=place.vintage, imported_at=in_order(lake.manifest(), now),
        importer=importer, unit=unit.name, sha256=sha256, rows=rows,
        added=change.added, changed=change.changed, removed=change.removed,
        duplicates=change.duplicates, halved=unit.halved, notes=tuple(unit.notes),
        fingerprint=fingerprint, retold=change.retold,
    )  # fmt: skip
    if fresh or retired:
        _commit(lake, vintage, fresh, retired)
    return _receipt(vintage, changed=bool(fresh or retired))


def _receipt(vintage: Vintage, *, changed: bool) -> Receipt:
    return Receipt(
        unit=vintage.unit, vintage=vintage.id if changed else None, rows=vintage.rows,
        added=vintage.added, changed=vintage.changed, removed=vintage.removed,
        duplicates=vintage.duplicates, halved=vintage.halved, notes=vintage.notes,
    )  # fmt: skip


class Laid(msgspec.Struct, frozen=True):
    """A unit laid over the lake; nothing of it is in there yet.

    New parts with the files that hold them, and the paths of what they supersede.
    """

    rows: dict[str, int]
    change: Change
    fresh: list[tuple[Part, Path]]
    old: set[str]


def lay(
    lake: Lake,
    scratch: Path,
    unit: Unit,
    place: Place,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Laid:
    """Stage a unit and merge it with the parts that it may contradict.

    Where a vintage is closed there is no unit to read.
    """
    staging = scratch / "staging"
    with explained(lake.path):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
    staged: Staged = {}
    rows: dict[str, int] = {}
    if not place.closing:
        staged, rows = _stage(unit, staging, progress)
    change = Change(duplicates=unit.duplicates)
    with _engine(scratch) as connection, engine_errors(lake):
        fresh, old = _lay_over(lake, connection, unit, staged, change, place)
    return Laid(rows, change, fresh, old)


def in_order(manifest: Manifest, now: int) -> int:
    """Vintages keep their order in time although a wall clock may step back."""
    return max([now, *(v.imported_at for v in manifest.vintages[-1:])])


def _stage(
    unit: Unit, staging: Path, progress: Callable[[int], None]
) -> tuple[Staged, dict[str, int]]:
    """Write the unit's facts to scratch, cut by partition."""
    writer = Stager(staging)
    try:
        for kind, table in believed(_tables(unit), unit.name):
            with explained(staging):
                writer.write(kind, table)
            progress(sum(writer.rows.values()))
    finally:
        with explained(staging):
            writer.close()
    if not writer.rows:
        raise InputError(
            "it holds no rows, so there is nothing to import", unit=unit.name
        )
    return writer.files, writer.rows


def _tables(unit: Unit) -> Iterator[tuple[str, pa.Table]]:
    """The unit's facts, each in the schema of its kind."""
    for kind, table in unit.tables():
        for field in schema.arrow(kind):
            if not field.nullable and table[field.name].null_count:
                raise InputError(f"{field.name} of a {kind} is missing", unit=unit.name)
        yield kind, conform(kind, table)


def believed(things: Iterable[Thing], unit: str) -> Iterator[Thing]:
    """What an importer yields; what it cannot make sense of is bad input."""
    try:
        yield from things
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is not UTF-8 text (byte {error.object[error.start]:#04x} at position"
            f" {error.start}); save it as UTF-8",
            unit=unit,
        ) from None
    except OSError as error:
        raise InputError(f"it cannot be read: {error}", unit=unit) from error
    except (ValueError, ArithmeticError, LookupError, EOFError) as error:
        raise InputError(
            f"it cannot be understood: {error or type(error).__name__}. Is it complete,"
            " and in the format that it was taken for (--format)?",
            unit=unit,
        ) from error


def _engine(scratch: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        "set threads=2; set preserve_insertion_order=true;"
        f" set memory_limit='{MEMORY}'; set temp_directory={sql.literal(scratch / 'spill')}"
    )
    return connection


def _lay_over(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    unit: Unit,
    staged: Staged,
    change: Change,
    place: Place,
) -> tuple[list[tuple[Part, Path]], set[str]]:
    """New parts with the files that hold them, and the paths of what they supersede."""
    manifest = lake.manifest()
    visible: dict[Partition, list[Part]] = defaultdict(list)
    for part in manifest.seen(manifest.newest):
        visible[part.kind, part.exchange, part.date].append(part)
    lost = merge.restated(connection, _by_kind(staged)) if unit.whole else {}
    emptied = {
        partition
        for partition, parts in visible.items()
        if any(merge.may_lose(part, lost.get(part.kind, ())) for part in parts)
        or place.joins(parts)
    }
    fresh: list[tuple[Part, Path]] = []
    retired: set[str] = set()
    for partition in sorted({*staged, *emptied}):
        step = _Step(
            partition, staged.get(partition, ()), lost.get(partition[0], ()), place
        )
        written, old = _lay(lake, connection, unit, step, visible[partition], change)
        if written is None:
            continue
        part = _describe(connection, written, partition, place)
        fresh += [(part, written)] if part.rows else []
        retired |= {part.path for part in old}
    return fresh, retired


class _Step(msgspec.Struct, frozen=True):
    """One partition of a unit: its staged files, and what the unit withdraws there."""

    partition: Partition
    staged: Sequence[Path]
    lost: Sequence[Stretch]
    place: Place


def _by_kind(staged: Staged) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for (kind, _, _), paths in staged.items():
        files[kind] += paths
    return files


def _lay(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    unit: Unit,
    step: _Step,
    there: Sequence[Part],
    change: Change,
) -> tuple[Path | None, Sequence[Part]]:
    """Lay one partition over what is there: the file to adopt, and what it supersedes."""
    kind = step.partition[0]
    into = (
        lake.path / SCRATCH / "staging" / f"{'-'.join(step.partition)}.merged.parquet"
    )
    if kind == "coverage":
        files = lake.files(there)
        new = merge.merge_coverage(
            step.staged, files, into, whole=unit.whole, change=change
        )
        return (into if new else None), there
    coming = feeds_in(connection, kind, step.staged) if there and step.staged else ()
    old = step.place.superseded(there, coming, step.lost)
    if unit.ordered and not old and len(step.staged) == 1:
        change.added += rows_in(step.staged[0])
        return step.staged[0], ()
    if step.place.commit and fits(sum(part.rows for part in old)):
        new = join(
            kind, step.staged, lake.files(old), into, change=change,
            anyway=step.place.joins(there),
        )  # fmt: skip
        return (into if new else None), old
    new = merge.merge(
        connection, kind, step.staged, lake.files(old), into,
        unit=unit.name, withdrawn=step.lost, change=change,
        join=step.place.joins(there),
    )  # fmt: skip
    return (into if new else None), old


def _commit(
    lake: Lake,
    vintage: Vintage,
    fresh: Sequence[tuple[Part, Path]],
    retired: set[str],
) -> None:
    lake.adopt((path, part.path) for part, path in fresh)
    manifest = lake.manifest()
    kept = tuple(
        msgspec.structs.replace(p, retired=vintage.id) if p.path in retired else p
        for p in manifest.parts
    )
    lake.commit(
        msgspec.structs.replace(
            manifest,
            vintages=(*manifest.vintages, vintage),
            parts=(*kept, *(part for part, _ in fresh)),
        )
    )


def _describe(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    partition: Partition,
    place: Place,
) -> Part:
    kind, exchange, date = partition
    feeds = feeds_in(connection, kind, [path])
    return Part(
        path=place.path(partition), kind=kind, exchange=exchange, date=date,
        rows=sum(feed.rows for feed in feeds),
        first=min((feed.first for feed in feeds), default=0),
        last=max((feed.last for feed in feeds), default=0),
        bytes=path.stat().st_size, feeds=feeds, added=place.vintage,
    )  # fmt: skip
