"""Text tables: reading cells in chunks, and turning cells into numbers and times.

An empty cell is missing, NaN here. Text that says NaN, and infinity, are refused.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from washout.clock import from_datetime
from washout.errors import InputError
from washout.importers._bars import Numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 100_000
_DELIMITERS = (",", ";", "\t", "|")
_GZIP = b"\x1f\x8b"


class Chunk(msgspec.Struct, frozen=True):
    """Some rows of a table: cells by column, and the lines on which they stand."""

    columns: dict[str, Sequence[str]]
    numbers: NDArray[np.int64]


def header_of(head: bytes) -> list[str]:
    """Column names in the first bytes of a file, if it is a text table; else []."""
    try:
        line = _inflated(head).decode("utf-8-sig").strip("\r")
        names = next(csv.reader([line], delimiter=_delimiter(line)), [])
    except (UnicodeDecodeError, csv.Error):
        return []
    return [name.strip() for name in names]


def _inflated(head: bytes) -> bytes:
    if not head.startswith(_GZIP):
        return head.split(b"\n", 1)[0]
    try:
        return zlib.decompressobj(wbits=31).decompress(head).split(b"\n", 1)[0]
    except zlib.error:
        return b""


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def read_chunks(path: Path) -> Iterator[Chunk]:
    """The table in chunks of rows; the first says which columns there are."""
    with _intact(path.name), _open(path) as handle:
        first = handle.readline()
        if not first.strip():
            raise InputError("it is empty", unit=path.name)
        delimiter = _delimiter(first)
        names = [n.strip() for n in next(csv.reader([first], delimiter=delimiter))]
        _refuse_twice(names, path.name)
        reader = csv.reader(handle, delimiter=delimiter, strict=True)
        rows = _numbered(reader, len(names), path.name)
        yield _chunk(names, list(islice(rows, CHUNK)))
        while more := list(islice(rows, CHUNK)):
            yield _chunk(names, more)


@contextmanager
def _intact(unit: str) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise InputError(f"it is no table of text: {error}", unit=unit) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"it is cut off or damaged: {error}", unit=unit) from None


def _open(path: Path) -> TextIO:
    with path.open("rb") as handle:
        packed = handle.read(2) == _GZIP
    opener = gzip.open if packed else open
    return cast("TextIO", opener(path, "rt", encoding="utf-8-sig", newline=""))


def _refuse_twice(names: list[str], unit: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise InputError(
            f"column {twice[0]!r} is there more than once; rename one", unit=unit, row=1
        )


def _numbered(
    reader: Iterator[list[str]], width: int, unit: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each starts; blank lines are passed over."""
    line = 2
    for cells in reader:
        if cells and len(cells) != width:
            raise InputError(
                f"it has {len(cells)} columns, the header has {width}",
                unit=unit,
                row=line,
            )
        if cells:
            yield line, cells
        line = 2 + reader.line_num  # type: ignore[attr-defined]


def _chunk(names: list[str], rows: list[tuple[int, list[str]]]) -> Chunk:
    columns = list(zip(*(cells for _, cells in rows), strict=True)) or [()] * len(names)
    numbers = np.array([line for line, _ in rows], np.int64)
    return Chunk(dict(zip(names, columns, strict=True)), numbers)


def floats(cells: Sequence[str], name: str, lines: Numbered) -> NDArray[np.float64]:
    """Cells as numbers; empty ones are NaN."""
    text = np.array(cells, np.str_)
    try:
        found = text.astype(np.float64)
    except ValueError:
        found = np.array([math.nan])
    if np.isfinite(found).all() and not any("_" in cell for cell in cells):
        return found
    return np.array(
        [_float(cell, name, lines, at) for at, cell in enumerate(cells)], np.float64
    )


def _float(cell: str, name: str, lines: Numbered, at: int) -> float:
    if not cell or cell.isspace():
        return math.nan
    try:
        found = float(cell)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or "_" in cell:
        raise InputError(
            f"{name} is {cell!r}, which is no amount; expected a number such as 1234.5"
            " (leave a cell empty where it is not known)",
            unit=lines.unit, row=int(lines.numbers[at]),
        )  # fmt: skip
    return found


def is_epoch(cell: str) -> bool:
    """Whether a time is a count since 1970 and no date (20240805 is a date)."""
    digits = cell.strip().removesuffix(".0").lstrip("-")
    return digits.isdigit() and len(digits) > 8


def epochs(cells: Sequence[str], lines: Numbered) -> NDArray[np.int64]:
    """Counts since 1970 in whatever unit."""
    found = np.empty(len(cells), np.int64)
    for at, cell in enumerate(cells):
        text = cell.strip().removesuffix(".0")
        if not text.lstrip("-").isdigit() or len(text) > 19:
            raise InputError(
                f"time is {cell!r}; expected a whole count of seconds, milliseconds or"
                " microseconds, as in the first row",
                unit=lines.unit, row=int(lines.numbers[at]),
            )  # fmt: skip
        found[at] = min(int(text), 2**63 - 1)
    return found


def instants(
    cells: Sequence[str], zone: ZoneInfo | None, lines: Numbered
) -> NDArray[np.int64]:
    """ISO 8601 dates and times as UTC microseconds; no zone in a cell means `zone`."""
    found = np.empty(len(cells), np.int64)
    for at, cell in enumerate(cells):
        try:
            found[at] = instant(cell, zone)
        except ValueError as error:
            raise InputError(
                str(error), unit=lines.unit, row=int(lines.numbers[at])
            ) from None
    return found


def instant(cell: str, zone: ZoneInfo | None) -> int:
    """One ISO 8601 date or time; ValueError says what is wrong with it."""
    text = cell.strip()
    try:
        moment = datetime.fromisoformat(text.removesuffix("UTC").rstrip())
    except ValueError:
        raise ValueError(
            f"time is {cell!r}; expected 2024-08-05, 2024-08-05T13:00:00Z or a count of"
            " s, ms or us since 1970, as in the first row"
        ) from None
    if moment.tzinfo is None:
        moment = localised(moment, zone, text)
    return from_datetime(moment)


def localised(moment: datetime, zone: ZoneInfo | None, text: str) -> datetime:
    """A wall-clock time in `zone`; refused where clocks skip or repeat it."""
    if zone is None:
        return moment.replace(tzinfo=UTC)
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise ValueError(
            f"time {text!r} is skipped or comes twice in {zone.key}, where clocks were"
            " changed; export times in UTC or with their offset"
        )
    return early
