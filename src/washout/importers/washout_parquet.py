"""Facts in washout's own Parquet layout: the bundled sample, and `washout export`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from washout import schema
from washout.errors import InputError
from washout.importers import Options, Unit, importer

if TYPE_CHECKING:
    import pyarrow as pa

MARK = b"washout.kind"
"""Key of the Parquet metadata that names the kind of fact."""


def recognise(head: bytes, path: Path) -> bool:
    """A Parquet file whose metadata names a kind of ours."""
    return head.startswith(b"PAR1") and _kind(path) in schema.KEY


def _kind(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return ""
    kind: str = metadata.get(MARK, b"").decode()
    return kind


@importer("washout", title="washout's own Parquet", recognise=recognise)
def washout_parquet(path: Path, options: Options) -> Iterator[Unit]:
    """One kind of fact per file, exactly in the schema of that kind."""
    yield Unit(path.name, lambda unit: _read(unit, path))


def _read(unit: Unit, path: Path) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = _kind(path)
    try:
        table = pq.read_table(path)
        yield kind, table.select(schema.arrow(kind).names).cast(schema.arrow(kind))
    except (KeyError, ValueError, pa.ArrowInvalid) as error:
        raise InputError(
            f"it is marked as {kind!r} but is not in that layout: {error}",
            unit=unit.name,
        ) from None
