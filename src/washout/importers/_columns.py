"""CSV members as typed, checked columns, by name where there is a header.

For files that fit in memory (candles, metrics, funding, liquidations); aggTrades have a
reader of their own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from washout.errors import InputError
from washout.importers import _archive
from washout.importers._archive import Layout, Member
from washout.importers._rows import Lines

if TYPE_CHECKING:
    import pyarrow as pa

BOM = b"\xef\xbb\xbf"


def order(names: list[str] | None, count: int, layout: Layout, unit: str) -> list[str]:
    """The column names of a member, refused where one is missing, extra or twice.

    `names` is its header; without one the columns must be as many as the layout has,
    and are taken in its order.
    """
    every = [*layout.columns, *layout.optional]
    if names is None:
        if count not in range(len(layout.columns), len(every) + 1):
            raise InputError(
                f"it has {count} columns and no header; expected {len(layout.columns)}"
                f" ({', '.join(layout.columns)})",
                unit=unit, row=1,
            )  # fmt: skip
        return every[:count]
    missing = [name for name in layout.columns if name not in names]
    extra = [name for name in names if name not in every]
    twice = sorted({name for name in names if names.count(name) > 1})
    for what, found in (("lacks", missing), ("has unknown", extra), ("repeats", twice)):
        if found:
            raise InputError(
                f"its header {what} column {', '.join(found)}; expected"
                f" {', '.join(layout.columns)}",
                unit=unit, row=1,
            )  # fmt: skip
    return names


class Table:
    """Columns of one member by name; `lines` knows where its rows are."""

    def __init__(self, columns: pa.Table, lines: Lines) -> None:
        self.columns, self.lines = columns, lines

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column that must have a number in every row."""
        found = self.optional(name)
        empty = np.asarray(self.columns[name].is_null())
        self.lines.fail(empty, lambda _: f"{name} is empty; expected a number")
        return found

    def optional(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where the cell is empty."""
        values: NDArray[np.float64] = self.columns[name].to_numpy()
        return values.astype(np.float64)

    def whole(self, name: str) -> NDArray[np.int64]:
        """A column that must have a whole number in every row."""
        empty = np.asarray(self.columns[name].is_null())
        self.lines.fail(empty, lambda _: f"{name} is empty; expected a whole number")
        values: NDArray[np.int64] = self.columns[name].to_numpy()
        return values

    def words(self, name: str) -> NDArray[Any]:
        """A column of text."""
        return np.asarray(self.columns[name].to_pylist(), dtype=np.str_)


def read(member: Member, layout: Layout, kinds: Mapping[str, type]) -> Table:
    """Read a member; columns not in `kinds` (int, str) are float64."""
    text = b"".join(_archive.text_of(member)).removeprefix(BOM)
    _refuse_non_text(text, member.unit)
    first = text[: text.find(b"\n") if b"\n" in text else len(text)].decode()
    header = _archive.is_header(first)
    cells = _archive.cells(first)
    names = order(
        [cell.lower() for cell in cells] if header else None, len(cells), layout,
        member.unit,
    )  # fmt: skip
    table = _typed(text, names, kinds, member.unit, skip=int(header))
    if not table.num_rows:
        raise InputError("it has a header and no rows", unit=member.unit)
    return Table(table, Lines(member.unit, 1 + int(header)))


def _refuse_non_text(text: bytes, unit: str) -> None:
    if not text.strip():
        raise InputError("it is empty", unit=unit)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is not UTF-8 text (byte {text[error.start]:#04x}); save it as UTF-8",
            unit=unit,
            row=text.count(b"\n", 0, error.start) + 1,
        ) from None


def _typed(
    text: bytes, names: list[str], kinds: Mapping[str, type], unit: str, *, skip: int
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as pc

    plain = {int: pa.int64(), str: pa.string(), float: pa.float64()}
    types = {name: plain[kinds.get(name, float)] for name in names}
    try:
        return pc.read_csv(
            io.BytesIO(text),
            read_options=pc.ReadOptions(
                use_threads=False, column_names=names, skip_rows=skip,
                block_size=max(1 << 20, min(len(text), 1 << 26)),
            ),
            parse_options=pc.ParseOptions(ignore_empty_lines=False),
            convert_options=pc.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise _explained(str(error), names, unit) from None


def _explained(message: str, names: Collection[str], unit: str) -> InputError:
    """Arrow's message in the words of this project."""
    found = re.search(r"Row #(\d+)", message)
    row = int(found[1]) if found else None
    if counts := re.search(r"Expected (\d+) columns, got (\d+)", message):
        reason = (
            f"it has {counts[2]} columns; expected {counts[1]} ({', '.join(names)})"
        )
    elif value := re.search(r"CSV column #(\d+):.*invalid value '(.*)'", message):
        name = list(names)[int(value[1])]
        reason = f"{name} is {value[2][:40]!r}, which is no number"
    else:
        reason = f"it cannot be read as CSV: {message}"
    return InputError(reason, unit=unit, row=row)
