"""Facts in washout's own Parquet layout: the bundled sample, and `washout export`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.errors import InputError
from washout.importers import Options, Unit, importer

if TYPE_CHECKING:
    import pyarrow as pa

MARK = b"washout.kind"
"""Key of the Parquet metadata that names the kind of fact."""

BESIDE = b"washout.beside"
"""Key of the Parquet metadata that holds coverage and gaps of these facts, as JSON."""


def recognise(head: bytes, path: Path) -> bool:
    """A Parquet file whose metadata names a kind of ours."""
    return head.startswith(b"PAR1") and _kind(path) in schema.KEY


def _kind(path: Path) -> str:
    return _metadata(path).get(MARK, b"").decode()


def _metadata(path: Path) -> dict[bytes, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return dict(pq.read_schema(path).metadata or {})
    except (pa.ArrowInvalid, OSError):
        return {}


@importer("washout", title="washout's own Parquet", recognise=recognise)
def washout_parquet(path: Path, _options: Options) -> Iterator[Unit]:
    """One kind of fact per file, exactly in the schema of that kind."""
    yield Unit(path.name, lambda unit: _read(unit, path))


def _read(unit: Unit, path: Path) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = _kind(path)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=schema.arrow(kind).names):
                yield kind, pa.Table.from_batches([batch]).cast(schema.arrow(kind))
        yield from _beside(path)
    except (KeyError, ValueError, OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"it is marked as {kind!r} but is not in that layout: {error}",
            unit=unit.name,
        ) from None


def _beside(path: Path) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow as pa

    told = msgspec.json.decode(_metadata(path).get(BESIDE, b"{}"), type=dict)
    for kind, rows in told.items():
        yield kind, pa.Table.from_pylist(rows, schema=schema.arrow(kind))


def write(
    path: Path,
    kind: str,
    batches: Iterable[pa.RecordBatch],
    beside: Mapping[str, Sequence[Mapping[str, Any]]],
) -> int:
    """Write facts, and what says when they were watched for, as this format; rows."""
    import pyarrow.parquet as pq

    marks = {MARK: kind.encode(), BESIDE: msgspec.json.encode(beside)}
    rows = 0
    with pq.ParquetWriter(
        path, schema.arrow(kind).with_metadata(marks), compression="zstd"
    ) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(writer.schema))
            rows += batch.num_rows
    return rows
