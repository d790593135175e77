"""Answers as text and files."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from washout.store.answer import Answer

Rows = Sequence[tuple[Any, ...]]


def as_json(columns: Sequence[str], rows: Rows) -> str:
    """An array of objects, a row a line."""
    encode = msgspec.json.encode
    lines = [encode(dict(zip(columns, row, strict=True))).decode() for row in rows]
    return "[" + ",\n ".join(lines) + "]\n"


def as_csv(columns: Sequence[str], rows: Rows) -> str:
    """RFC 4180, missing values empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [str(v).lower() if isinstance(v, bool) else v for v in row] for row in rows
    )
    return text.getvalue()


def as_table(columns: Sequence[str], rows: Rows) -> str:
    """Aligned columns for a terminal; money with separators, missing as a dash."""
    cells = [
        [cell(name, value) for name, value in zip(columns, row, strict=True)]
        for row in rows
    ]
    widths = [
        max([len(name), *(len(line[i]) for line in cells)])
        for i, name in enumerate(columns)
    ]
    lines = ["  ".join(n.rjust(w) for n, w in zip(columns, widths, strict=True))]
    lines += [
        "  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)) for r in cells
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def cell(name: str, value: Any) -> str:
    """One value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if name.endswith(("_usd", "_s")) else f"{value:.6g}"
    text = str(value)
    return text.removesuffix("T00:00:00Z") if name in ("bar", "anchor") else text


TEXT: dict[str, Callable[[Sequence[str], Rows], str]] = {
    "table": as_table, "csv": as_csv, "json": as_json
}  # fmt: skip
"""Text formats by name."""


def write_binary(answer: Answer, kind: str, path: Path | None) -> None:
    """Write Parquet or an Arrow IPC stream to a file or standard output."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink: Any = sys.stdout.buffer if path is None else str(path)
    table = answer.arrow()
    if kind == "parquet":
        pq.write_table(table, sink, compression="zstd")
        return
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
