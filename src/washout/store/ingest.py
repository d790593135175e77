"""Bringing a unit of facts into the lake: stage, merge, commit.

Every unit is one vintage. Merging copies the touched partitions; the older parts stay
for `as_of`. Until the manifest is replaced, nothing of the unit exists for readers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.clock import DAY, format_time
from washout.errors import InputError
from washout.importers import Unit
from washout.store.files import explained, sync_file
from washout.store.lake import Lake
from washout.store.manifest import Feed, Part, Vintage
from washout.store.stretches import overlay
from washout.store.trust import bounded

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW_GROUP = 131_072
Partition = tuple[str, str, str]


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


class _Count(msgspec.Struct):
    added: int = 0
    changed: int = 0
    removed: int = 0
    duplicates: int = 0


def add_unit(
    lake: Lake, scratch: Path, unit: Unit, *, importer: str, sha256: str, now: int
) -> Receipt:
    """Import one unit under the write lock; InputError leaves the lake as it was."""
    import duckdb

    staging = scratch / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    with explained(lake.path):
        staging.mkdir()
        staged, rows = _stage(unit, staging)
        with duckdb.connect() as connection:
            connection.execute("set threads=2; set preserve_insertion_order=true")
            return _merge_all(
                lake, connection, unit, staged, rows, importer, sha256, now
            )


def _stage(unit: Unit, staging: Path) -> tuple[dict[Partition, Path], dict[str, int]]:
    """Write the unit's facts to scratch, one file per partition."""
    writer = _Stager(staging)
    try:
        for kind, table in unit.tables():
            writer.write(kind, table)
    finally:
        writer.close()
    if not writer.rows:
        raise InputError(
            "it holds no rows, so there is nothing to import", unit=unit.name
        )
    return writer.files, writer.rows


class _Stager:
    """Appends tables to one Parquet file per partition."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[Partition, Path] = {}
        self.rows: dict[str, int] = {}
        self._open: dict[Partition, Any] = {}

    def write(self, kind: str, table: pa.Table) -> None:
        """Cut `table` by exchange and date and append the pieces."""
        if table.num_rows == 0:
            return
        self.rows[kind] = self.rows.get(kind, 0) + table.num_rows
        for partition, piece in _cut(kind, table.cast(schema.arrow(kind))):
            self._writer(partition).write_table(piece, row_group_size=ROW_GROUP)

    def _writer(self, partition: Partition) -> Any:
        import pyarrow.parquet as pq

        if partition not in self._open:
            if partition in self.files:
                raise InputError(f"rows go back to {partition} after leaving it")
            path = self.folder / f"{len(self.files)}.parquet"
            self.files[partition] = path
            self._open[partition] = pq.ParquetWriter(
                path, schema.arrow(partition[0]), compression="zstd"
            )
        return self._open[partition]

    def close(self) -> None:
        """Finish every file."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()


def _cut(kind: str, table: pa.Table) -> Iterable[tuple[Partition, pa.Table]]:
    import pyarrow.compute as pc

    for exchange in pc.unique(table["exchange"]).to_pylist():
        mine = table.filter(pc.equal(table["exchange"], exchange))
        days = pc.divide(mine["ts_event"], DAY)
        dates = {
            day: schema.partition_of_day(kind, day)
            for day in pc.unique(days).to_pylist()
        }
        if len(set(dates.values())) == 1:
            yield (kind, exchange, next(iter(dates.values()))), mine
            continue
        for date in sorted(set(dates.values())):
            inside = [day for day, name in dates.items() if name == date]
            chosen = pc.is_in(days, pc.cast(inside, "int64"))
            yield (kind, exchange, date), mine.filter(chosen)


def _merge_all(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    unit: Unit,
    staged: dict[Partition, Path],
    rows: dict[str, int],
    importer: str,
    sha256: str,
    now: int,
) -> Receipt:
    manifest = lake.manifest()
    number = manifest.newest + 1
    visible = manifest.seen(manifest.newest)
    total = _Count(duplicates=unit.duplicates)
    fresh: list[tuple[Part, Path]] = []
    retired: set[str] = set()
    for partition, path in staged.items():
        old = [p for p in visible if (p.kind, p.exchange, p.date) == partition]
        merged = _merge(lake, connection, unit, partition, path, old, total)
        if merged is not None:
            fresh.append((_describe(connection, merged, partition, number), merged))
            retired |= {part.path for part in old}
    receipt = Receipt(
        unit=unit.name, vintage=number if fresh else None, rows=rows,
        added=total.added, changed=total.changed, removed=total.removed,
        duplicates=total.duplicates, halved=unit.halved, notes=tuple(unit.notes),
    )  # fmt: skip
    if not fresh:
        return receipt
    for part, path in fresh:
        sync_file(path)
        lake.adopt(path, part.path)
    vintage = Vintage(
        id=number, imported_at=now, importer=importer, unit=unit.name, sha256=sha256,
        rows=rows, added=receipt.added, changed=receipt.changed,
        removed=receipt.removed, duplicates=receipt.duplicates, halved=receipt.halved,
        notes=receipt.notes,
    )  # fmt: skip
    kept = tuple(
        msgspec.structs.replace(p, retired=number) if p.path in retired else p
        for p in manifest.parts
    )
    lake.commit(
        msgspec.structs.replace(
            manifest,
            vintages=(*manifest.vintages, vintage),
            parts=(*kept, *(part for part, _ in fresh)),
        )
    )
    return receipt


def _merge(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    unit: Unit,
    partition: Partition,
    staged: Path,
    old: list[Part],
    total: _Count,
) -> Path | None:
    """Lay a staged partition over what is there; None if that changes nothing."""
    kind = partition[0]
    if kind == "coverage":
        return _merge_coverage(lake, staged, old)
    if unit.ordered and not old:
        total.added += _rows(staged)
        return staged
    connection.execute(
        f"create or replace temp table incoming as select distinct * from"
        f" read_parquet('{staged}', hive_partitioning=false)"
    )
    distinct = _one(connection, "select count(*) from incoming")
    total.duplicates += _rows(staged) - distinct
    _refuse_conflicts(connection, kind, unit)
    _load_old(connection, kind, lake.files(tuple(old)))
    using = ", ".join(schema.KEY[kind])
    different = _one(
        connection,
        "select count(*) from (select * from incoming except select * from old)",
    )
    known = _one(
        connection, f"select count(*) from incoming semi join old using ({using})"
    )
    withdrawn = _withdraw(connection, kind) if unit.whole and old else 0
    total.added += distinct - known
    total.changed += different - (distinct - known)
    total.removed += withdrawn
    if not different and not withdrawn:
        return None
    merged = staged.with_suffix(".merged.parquet")
    connection.execute(
        f"copy (select * from incoming union all by name select * from old anti join"
        f" incoming using ({using}) order by {using}) to '{merged}' (format parquet,"
        f" compression zstd, row_group_size {ROW_GROUP})"
    )
    return merged


def _refuse_conflicts(
    connection: duckdb.DuckDBPyConnection, kind: str, unit: Unit
) -> None:
    using = ", ".join(schema.KEY[kind])
    twice = connection.execute(
        f"select {using} from incoming group by all having count(*) > 1"
        " order by ts_event limit 1"
    ).fetchone()
    if twice is not None:
        key = dict(zip(schema.KEY[kind], twice, strict=True))
        when = format_time(key.pop("ts_event"))
        raise InputError(
            f"two rows state different values for one {kind} at {when}"
            f" ({', '.join(str(v) for v in key.values() if v != '')}). Keep one of them",
            unit=unit.name,
        )


def _load_old(
    connection: duckdb.DuckDBPyConnection, kind: str, files: list[str]
) -> None:
    source = (
        f"read_parquet({files!r}, hive_partitioning=false)"
        if files
        else "incoming where false"
    )
    connection.execute(f"create or replace temp table old as select * from {source}")


def _withdraw(connection: duckdb.DuckDBPyConnection, kind: str) -> int:
    """Delete old rows that a whole restatement of their stretch no longer has."""
    feed = [name for name in schema.KEY[kind] if name not in ("ts_event", "id")]
    using = " and ".join(f"old.{name} = stretch.{name}" for name in feed)
    key = " and ".join(f"old.{name} = incoming.{name}" for name in schema.KEY[kind])
    deleted = connection.execute(
        f"delete from old using (select {', '.join(feed)}, min(ts_event) as first,"
        f" max(ts_event) as last from incoming group by all) stretch"
        f" where {using} and old.ts_event between first and last"
        f" and not exists (from incoming where {key})"
    ).fetchone()
    return int(deleted[0]) if deleted else 0


def _merge_coverage(lake: Lake, staged: Path, old: list[Part]) -> Path | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    before = [
        row
        for f in lake.files(tuple(old))
        for row in pq.ParquetFile(f).read().to_pylist()
    ]
    told = [
        piece
        for row in pq.ParquetFile(staged).read().to_pylist()
        for piece in bounded(row)
    ]
    after = overlay(before, told)
    if after == before:
        return None
    merged = staged.with_suffix(".merged.parquet")
    table = pa.Table.from_pylist(after, schema=schema.arrow("coverage"))
    pq.write_table(table, merged, compression="zstd")
    return merged


def _describe(
    connection: duckdb.DuckDBPyConnection, path: Path, partition: Partition, number: int
) -> Part:
    kind, exchange, date = partition
    columns = schema.fields(kind)

    def has(name: str, other: str) -> str:
        return name if name in columns else other

    end = has("ts_end", f"ts_event + greatest({has('interval', '0')}, 1)")
    detail = "kind" if kind in ("coverage", "gap") else has("price_kind", "''")
    if kind == "liquidation":
        detail = "''"
    found = connection.execute(
        f"select exchange, asset, market, {has('product', repr(''))}, source,"
        f" {has('interval', '0')}, {detail}, min(ts_event), max({end}), count(*)"
        f" from read_parquet('{path}', hive_partitioning=false) group by all order by all"
    ).fetchall()
    feeds = tuple(Feed(kind, *row) for row in found)
    return Part(
        path=f"parts/{kind}/exchange={exchange}/date={date}/{number:06d}.parquet",
        kind=kind, exchange=exchange, date=date,
        rows=sum(feed.rows for feed in feeds),
        first=min(feed.first for feed in feeds), last=max(feed.last for feed in feeds),
        bytes=path.stat().st_size, feeds=feeds, added=number,
    )  # fmt: skip


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0
