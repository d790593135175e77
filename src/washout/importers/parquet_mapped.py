"""Any Parquet table, its columns described by `--map`, as for CSV."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.errors import InputError
from washout.importers import Options, Unit, importer
from washout.importers import _cells as cells
from washout.importers._bars import Numbered
from washout.importers._kinds import Frame, tables
from washout.importers._mapping import WHO, Plan, make_plan
from washout.importers._rows import in_range, times
from washout.importers.csv_ import names_itself

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def recognise(head: bytes, path: Path) -> bool:
    """Parquet that is not ours, with columns called like our roles."""
    if not head.startswith(b"PAR1"):
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return b"washout.kind" not in (schema.metadata or {}) and names_itself(schema.names)


@importer("parquet", title="any Parquet table, described by --map", recognise=recognise)
def parquet_mapped(path: Path, options: Options) -> Iterator[Unit]:
    """As the CSV importer; a timestamp without a zone is UTC, or in `tz`."""
    yield Unit(path.name, partial(_read, path=path, options=options))


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        plan = make_plan(options.columns, pq.read_schema(path).names, unit.name)
        table = pq.read_table(path, columns=sorted(set(plan.columns.values())))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(
            f"it is no whole Parquet file: {error}", unit=unit.name
        ) from None
    yield from tables(
        _frame(table, plan, options, unit.name), plan, options, unit, "parquet"
    )


def _frame(table: pa.Table, plan: Plan, options: Options, unit: str) -> Frame:
    lines = Numbered(unit, np.arange(1, table.num_rows + 1))
    values, names = {}, {}
    for role, column in plan.columns.items():
        if role in WHO:
            names[role] = _texts(table[column])
        elif role != "time":
            values[role] = _numbers(table[column], column, lines)
    starts = _times(table[plan.columns["time"]], plan, lines, options.now)
    return Frame(starts, values, names, lines.numbers)


def _texts(column: Any) -> NDArray[np.str_]:
    return np.array(
        ["" if v is None else str(v).strip() for v in column.to_pylist()], np.str_
    )


def _numbers(column: Any, name: str, lines: Numbered) -> NDArray[np.float64]:
    """Numbers with NaN for null; a NaN that is stored as a number is refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return cells.floats([v or "" for v in column.to_pylist()], name, lines)
    try:
        plain = column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"column {name!r} holds {column.type}; expected numbers", unit=lines.unit
        ) from None
    finite = pc.fill_null(pc.is_finite(plain), fill_value=True).to_numpy()
    lines.fail(~finite, lambda i: f"{name} is {plain[i].as_py()}, which is no amount")
    found: NDArray[np.float64] = pc.fill_null(plain, float("nan")).to_numpy()
    return found


def _times(column: Any, plan: Plan, lines: Numbered, now: int) -> NDArray[np.int64]:
    import pyarrow as pa

    name = plan.columns["time"]
    if column.null_count:
        lines.fail(column.is_null().to_numpy(), lambda _: f"{name} is missing")
    kind = column.type
    if pa.types.is_integer(kind):
        return times(column.cast(pa.int64()).to_numpy(), lines, now)
    if pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.timestamp("s"))
    if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
        return in_range(_micros(column, plan, lines), lines, now)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise InputError(
            f"column {name!r} holds {kind}; expected times", unit=lines.unit
        )
    texts = column.to_pylist()
    if texts and cells.is_epoch(texts[0]):
        return times(cells.epochs(texts, lines), lines, now)
    return in_range(cells.instants(texts, plan.zone, lines), lines, now)


def _micros(column: Any, plan: Plan, lines: Numbered) -> NDArray[np.int64]:
    import pyarrow as pa

    zoned = getattr(column.type, "tz", None) is not None
    if zoned or plan.zone is None:
        unit = pa.timestamp("us", tz="UTC") if zoned else pa.timestamp("us")
        found: NDArray[np.int64] = (
            column.cast(unit, safe=False).cast(pa.int64()).to_numpy()
        )
        return found
    plain = column.cast(pa.timestamp("us"), safe=False)
    texts = [moment.isoformat() for moment in plain.to_pylist()]
    return cells.instants(texts, plan.zone, lines)
