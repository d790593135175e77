"""Whether a lake is sound: every part there, whole, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from washout.errors import LakeError
from washout.store.lake import Lake
from washout.store.manifest import Part


def damage(lake: Lake, part: Part) -> str | None:
    """What is wrong with the file of `part`: missing, cut short, unreadable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = lake.path / part.path
    try:
        size = path.stat().st_size
        if size != part.bytes:
            return f"has {size} bytes instead of {part.bytes}"
        rows = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        return "is missing"
    except (OSError, pa.ArrowException) as error:
        return f"cannot be read: {error}"
    return None if rows == part.rows else f"has {rows} rows instead of {part.rows}"


class Damage(msgspec.Struct, frozen=True):
    """A part that is not what was committed, what is wrong with it, and what to do."""

    path: str
    what: str
    remedy: str


def damaged(lake: Lake, parts: Iterable[Part]) -> Iterator[Damage]:
    """Every damaged part of `parts`."""
    for part in parts:
        what = damage(lake, part)
        if what is not None:
            yield Damage(part.path, what, remedy(lake, part))


def remedy(lake: Lake, part: Part) -> str:
    """How to get the facts of a part again."""
    units = [v.unit for v in lake.vintages() if v.id == part.added]
    return (
        "Restore this file from a backup, or import into a new lake; the part came"
        f" with vintage {part.added} ({', '.join(units)})."
    )


@contextmanager
def engine_errors(lake: Lake) -> Iterator[None]:
    """Say which part is damaged, or that the disk is full, where DuckDB fails."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        for one in damaged(lake, lake.every_part()):
            raise LakeError(
                f"{lake.path / one.path} {one.what}. {one.remedy}"
            ) from error
        if isinstance(error, (duckdb.IOException, duckdb.OutOfMemoryException)):
            raise LakeError(f"{lake.path}: {_said(error)}") from error
        raise


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()[0].removeprefix("IO Error: ")
    if "No space left" in text or "max_temp_directory_size" in text:
        return "the disk is full. Free space and try again; nothing was changed."
    return f"{text}. Nothing was changed."
