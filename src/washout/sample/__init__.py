"""The bundled sample: Binance BTC, real, with its provenance beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from washout import schema
from washout.importers import Unit

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = Path(__file__).parent


def files() -> list[Path]:
    """The Parquet files of the sample, one per kind of fact."""
    return sorted(FOLDER.glob("*.parquet"))


def unit() -> Unit:
    """The whole sample as one unit."""
    return Unit("bundled sample", _read)


def sha256() -> str:
    """One hash over the files of the sample."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(_unit: Unit) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow.parquet as pq

    for path in files():
        yield path.stem, pq.read_table(path).cast(schema.arrow(path.stem))
