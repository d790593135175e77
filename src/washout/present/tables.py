"""Answers as text and files."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from washout.errors import WashoutError

if TYPE_CHECKING:
    from washout.store.answer import Answer

Row = Sequence[Any]
AT_ONCE = 4096
"""Rows per piece of text."""


def as_json(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """An array of objects, a row a line."""
    encode, before = msgspec.json.encode, "["
    for piece in _pieces(rows):
        lines = [encode(dict(zip(columns, row, strict=True))).decode() for row in piece]
        yield before + ",\n ".join(lines)
        before = ",\n "
    yield "]\n" if before != "[" else "[]\n"


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180, missing values empty."""
    yield _csv([columns])
    for piece in _pieces(rows):
        yield _csv(
            [str(v).lower() if isinstance(v, bool) else v for v in row] for row in piece
        )


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def as_table(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Aligned columns for a terminal; money with separators, missing as a dash."""
    cells = [
        [cell(name, value) for name, value in zip(columns, row, strict=True)]
        for row in rows
    ]
    yield aligned([list(columns), *cells])


def aligned(lines: Sequence[Sequence[str]], left: Iterable[int] = ()) -> str:
    """Text in columns, two spaces apart, to the right but for the columns `left`."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    flush = set(left)
    return "".join(
        "  ".join(
            text.ljust(width) if place in flush else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


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


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    waiting = iter(rows)
    while piece := list(islice(waiting, AT_ONCE)):
        yield piece


TEXT: dict[str, Callable[[Sequence[str], Iterable[Row]], Iterator[str]]] = {
    "table": as_table, "csv": as_csv, "json": as_json
}  # fmt: skip
"""Text formats by name."""

BINARY = ("parquet", "arrow")
"""Formats that are no text."""


def text(answer: Answer, kind: str) -> Iterator[str]:
    """An answer as text, piece by piece."""
    return TEXT[kind](*answer.tuples())


def write(answer: Answer, kind: str, path: Path) -> None:
    """Write an answer to a file, in one rename: a reader never sees half of it."""
    with new_file(path) as temporary:
        if kind in BINARY:
            write_binary(answer, kind, str(temporary))
        else:
            with temporary.open("w", encoding="utf-8", newline="") as handle:
                handle.writelines(text(answer, kind))


def write_binary(answer: Answer, kind: str, sink: Any) -> None:
    """Write Parquet or an Arrow IPC stream to a file name or a binary file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = answer.arrow()
    if kind == "parquet":
        pq.write_table(table, sink, compression="zstd")
        return
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary name that becomes `path` when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        said = error.strerror or str(error)
        raise WashoutError(f"{path} cannot be written: {said}.") from error
    finally:
        temporary.unlink(missing_ok=True)
