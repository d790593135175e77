"""Laying the facts of one unit over one partition of the lake, in DuckDB.

Parts that cannot hold a fact of the unit are left alone; the others are rewritten
together with it. So many small units neither multiply the lake nor leave it in crumbs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.clock import format_time
from washout.errors import InputError
from washout.store import footers, sql
from washout.store.manifest import Feed, Part
from washout.store.stretches import SERIES, overlay
from washout.store.trust import bounded

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW_GROUP = 131_072
CRUMBS = 8
"""So many parts may lie side by side in a partition before small ones are joined."""

Stretch = dict[str, Any]
"""A stretch that a unit restates: columns of a feed (None: any), `first`, `last`."""


class Change(msgspec.Struct):
    """What laying a unit over the lake did, in rows."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    duplicates: int = 0
    retold: bool = False


def concerned(
    parts: Sequence[Part], incoming: Sequence[Feed], withdrawn: Iterable[Stretch] = ()
) -> list[Part]:
    """The parts of a partition that must be rewritten with what comes in."""
    hit = [p for p in parts if _overlaps(p, incoming) or may_lose(p, withdrawn)]
    rest = sorted((p for p in parts if p not in hit), key=lambda p: p.rows)
    if len(rest) < CRUMBS:
        return hit
    size = sum(feed.rows for feed in incoming) + sum(part.rows for part in hit)
    for part in rest:
        if part.rows > 2 * size:
            break
        hit.append(part)
        size += part.rows
    return hit


def tiers(parts: Sequence[Part], rows: int) -> list[Part]:
    """The parts that should be joined with `rows` new ones, so that few stay small.

    They are taken tier by tier, each of parts not more than twice as large as what has
    been gathered, and only if it is full: so a row is rewritten once a tier.
    """
    rest, chosen, full = list(parts), list[Part](), _full(parts)
    while len(tier := [part for part in rest if part.rows <= 2 * rows]) >= full:
        chosen += tier
        rows += sum(part.rows for part in tier)
        rest = [part for part in rest if part not in tier]
    return chosen


def _full(parts: Sequence[Part]) -> int:
    """How many parts make a tier.

    It differs by partition, so that commits which touch all partitions do not join the
    parts of all at once.
    """
    name = f"{parts[0].kind} {parts[0].exchange}" if parts else ""
    return CRUMBS - 1 + zlib.crc32(name.encode()) % CRUMBS


def extending(
    parts: Sequence[Part], incoming: Sequence[Feed], vintage: int, *, closing: bool
) -> list[Part]:
    """The parts of a partition to rewrite when an open vintage is extended.

    Its own are joined in tiers and, when it is `closing`, all. Older ones, which stay
    on disk as they are, are joined when a vintage closes.
    """
    own = [part for part in parts if part.added == vintage]
    hit = own if closing else []
    hit = hit + [p for p in parts if p not in hit and _overlaps(p, incoming)]
    rows = sum(feed.rows for feed in incoming) + sum(part.rows for part in hit)
    rest = parts if closing else own
    return hit + tiers([part for part in rest if part not in hit], rows)


def _overlaps(part: Part, incoming: Sequence[Feed]) -> bool:
    mine = {feed.name: feed for feed in part.feeds}
    return any(
        feed.first < known.last and known.first < feed.last
        for feed in incoming
        if (known := mine.get(feed.name)) is not None
    )


def may_lose(part: Part, withdrawn: Iterable[Stretch]) -> bool:
    """Whether a restated stretch may take rows out of `part`."""
    return any(
        feed.first < stretch["last"]
        and stretch["first"] < feed.last
        and all(
            stretch.get(name) in (None, getattr(feed, name)) for name in schema.FEED
        )
        for stretch in withdrawn
        for feed in part.feeds
    )


def merge(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    staged: Sequence[Path],
    old: Sequence[str],
    into: Path,
    *,
    unit: str,
    withdrawn: Sequence[Stretch],
    change: Change,
    join: bool = False,
) -> bool:
    """Write to `into` what a partition holds after the unit; False if nothing changes.

    With `join` it is written all the same.
    """
    _load(connection, "incoming", kind, staged, "distinct")
    _load(connection, "old", kind, old)
    rows = _one(connection, f"select count(*) from {_source(kind, staged)}")
    distinct = _one(connection, "select count(*) from incoming")
    change.duplicates += rows - distinct
    _refuse_conflicts(connection, kind, unit)
    using = ", ".join(schema.KEY[kind])
    known = _one(
        connection, f"select count(*) from incoming semi join old using ({using})"
    )
    different = distinct
    if known:
        different = _one(
            connection,
            "select count(*) from (select * from incoming except select * from old)",
        )
    lost = _withdraw(connection, kind, withdrawn)
    change.added += distinct - known
    change.changed += different - (distinct - known)
    change.removed += lost
    if not different and not lost and not join:
        return False
    connection.execute(
        f"copy (select * from incoming union all by name select * from old anti join"
        f" incoming using ({using}) order by {using}) to {sql.literal(into)}"
        f" (format parquet, compression zstd, row_group_size {ROW_GROUP})"
    )
    return True


def _source(kind: str, files: Sequence[str | Path]) -> str:
    if files:
        return sql.parquet(files)
    columns = ", ".join(
        f"null::{sql.TYPES[type_]} as {name}"
        for name, type_ in schema.ibis_schema(kind).items()
    )
    return f"(select {columns} where false)"


def _load(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kind: str,
    files: Sequence[str | Path],
    distinct: str = "",
) -> None:
    columns = ", ".join(schema.fields(kind))
    connection.execute(
        f"create or replace temp table {name} as"
        f" select {distinct} {columns} from {_source(kind, files)}"
    )


def _refuse_conflicts(
    connection: duckdb.DuckDBPyConnection, kind: str, unit: str
) -> None:
    using = ", ".join(schema.KEY[kind])
    twice = connection.execute(
        f"select {using} from incoming group by all having count(*) > 1"
        " order by ts_event limit 1"
    ).fetchone()
    if twice is None:
        return
    key = dict(zip(schema.KEY[kind], twice, strict=True))
    when = format_time(key.pop("ts_event"))
    raise InputError(
        f"two rows state different values for one {kind} at {when}"
        f" ({', '.join(str(v) for v in key.values() if v != '')}). Keep one of them",
        unit=unit,
    )


def restated(
    connection: duckdb.DuckDBPyConnection, staged: Mapping[str, Sequence[Path]]
) -> dict[str, list[Stretch]]:
    """Per kind, the stretches about which a whole unit says everything.

    A feed's stretch runs from its first to its last row, and as far as the unit says
    that it watched. `staged` has the unit's files by kind.
    """
    found: dict[str, list[Stretch]] = {
        kind: _hulls(connection, kind, files)
        for kind, files in staged.items()
        if kind not in ("coverage", "gap")
    }
    for told in _hulls(connection, "coverage", staged.get("coverage", ())):
        kind = told.pop("kind")
        if kind in schema.KEY:
            told["market"] = told["market"] or None
            found.setdefault(kind, []).append(
                {k: v for k, v in told.items() if k in (*schema.KEY[kind], *_HULL)}
            )
    return found


_HULL = ("first", "last")


def _hulls(
    connection: duckdb.DuckDBPyConnection, kind: str, files: Sequence[Path]
) -> list[Stretch]:
    if not files:
        return []
    names = [n for n in schema.KEY[kind] if n not in ("ts_event", "id", "trust")]
    told = None if kind == "coverage" else footers.extents(files, names)
    if told is not None:
        return [
            dict(
                zip(
                    (*names, *_HULL),
                    (*who, told[who].first, told[who].last + 1),
                    strict=True,
                )
            )
            for who in told
        ]
    end = "ts_end" if kind == "coverage" else "ts_event + 1"
    found = connection.execute(
        f"select {', '.join(names)}, min(ts_event), max({end})"
        f" from {sql.parquet(files)} group by all"
    ).fetchall()
    return [dict(zip((*names, *_HULL), row, strict=True)) for row in found]


def _withdraw(
    connection: duckdb.DuckDBPyConnection, kind: str, withdrawn: Sequence[Stretch]
) -> int:
    """Delete old rows that a whole restatement of their stretch no longer has."""
    if not withdrawn:
        return 0
    feed = [name for name in schema.KEY[kind] if name not in ("ts_event", "id")]
    columns = [*feed, *_HULL]
    rows = ", ".join(
        "(" + ", ".join(sql.literal(one.get(name)) for name in columns) + ")"
        for one in withdrawn
    )
    same = " and ".join(f"coalesce(stretch.{n}, old.{n}) = old.{n}" for n in feed)
    key = " and ".join(f"old.{name} = incoming.{name}" for name in schema.KEY[kind])
    deleted = connection.execute(
        f"delete from old using (values {rows}) stretch({', '.join(columns)})"
        f" where {same} and old.ts_event >= stretch.first"
        f" and old.ts_event < stretch.last and not exists (from incoming where {key})"
    ).fetchone()
    return int(deleted[0]) if deleted else 0


def merge_coverage(
    staged: Sequence[Path],
    old: Sequence[str],
    into: Path,
    *,
    whole: bool,
    change: Change,
) -> bool:
    """Overlay coverage; False if nothing changes.

    What ended before the first new statement begins is not touched: recorded for a year
    that is nearly all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = [piece for row in _rows(staged) for piece in bounded(row)]
    past, before = _split(old, min((row["ts_event"] for row in told), default=0))
    after = overlay(before, told, whole=whole)
    if after == before:
        return False
    change.retold |= overlay(after, before) != after
    layout = schema.arrow("coverage")
    table = pa.concat_tables([past, pa.Table.from_pylist(after, schema=layout)])
    order = [(name, "ascending") for name in (*SERIES, "ts_event")]
    pq.write_table(table.sort_by(order), into, compression="zstd")
    return True


def _split(files: Sequence[str], time: int) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Old coverage: what ended before `time`, and the rows that did not."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    layout = schema.arrow("coverage")
    pieces = [pq.ParquetFile(f).read(columns=layout.names).cast(layout) for f in files]
    table = pa.concat_tables([layout.empty_table(), *pieces])
    ended = pc.less(table["ts_end"], time)
    return table.filter(ended), table.filter(pc.invert(ended)).to_pylist()


def _rows(files: Sequence[Path]) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def _one(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0
