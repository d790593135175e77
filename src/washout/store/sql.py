"""Values written into SQL."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def literal(value: object) -> str:
    """A Python value as SQL; text is quoted."""
    if value is None:
        return "null"
    if isinstance(value, (str, Path)):
        return "'" + str(value).replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else f"{value}::bigint"


def parquet(files: Iterable[str | Path]) -> str:
    """A table function that reads Parquet files, partition folders left aside."""
    names = ", ".join(literal(file) for file in files)
    return f"read_parquet([{names}], hive_partitioning=false)"


TYPES = {
    "string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "boolean": "BOOLEAN"
}  # fmt: skip
"""Column types of washout -> of DuckDB."""
