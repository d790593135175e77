"""Any CSV table, its columns described by `--map`; see `_mapping` for the roles.

`washout import FILE --format csv --scope binance:ETH --bar 4h --map
time=utc_open,long_usd=long_liq_usd,short_usd=short_liq_usd`. Times are bar opens: ISO
8601 with or without a zone (`tz=Asia/Seoul` for those without), or s, ms or us since
1970. Comma, semicolon, tab or bar between cells; gzip is read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from washout.importers import Options, Unit, importer
from washout.importers import _cells as cells
from washout.importers._bars import Numbered
from washout.importers._kinds import Frame, tables
from washout.importers._mapping import VALUES, WHO, Plan, make_plan
from washout.importers._rows import in_range, times

if TYPE_CHECKING:
    import pyarrow as pa


def names_itself(header: list[str]) -> bool:
    """Whether columns are called like our roles, so that they need no `--map`."""
    return "time" in header and any(
        need and set(need) <= set(header) for need, _ in VALUES.values()
    )


@importer(
    "csv",
    title="any CSV table, described by --map",
    recognise=lambda head, _path: names_itself(cells.header_of(head)),
)
def csv_(path: Path, options: Options) -> Iterator[Unit]:
    """Totals, candles, flow, open interest, funding: whatever columns are mapped."""
    yield Unit(path.name, partial(_read, path=path, options=options))


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    chunks = cells.read_chunks(path)
    first = next(chunks)
    plan = make_plan(options.columns, first.columns, unit.name)
    column = first.columns[plan.columns["time"]]
    epoch = any(cells.is_epoch(cell) for cell in column[:1])
    everything = chain([first], chunks)
    frame = _frame(everything, plan, options, unit.name, epoch=epoch)
    yield from tables(frame, plan, options, unit, "csv")


def _frame(
    chunks: Iterable[cells.Chunk],
    plan: Plan,
    options: Options,
    unit: str,
    *,
    epoch: bool,
) -> Frame:
    column = plan.columns["time"]
    values: dict[str, list[np.ndarray]] = {}
    names: dict[str, list[np.ndarray]] = {}
    stamps, numbers = [], []
    for chunk in chunks:
        lines = Numbered(unit, chunk.numbers)
        stamps.append(
            cells.epochs(chunk.columns[column], lines)
            if epoch
            else cells.instants(chunk.columns[column], plan.zone, lines)
        )
        numbers.append(chunk.numbers)
        for role, name in plan.columns.items():
            if role in WHO:
                texts = np.array([c.strip() for c in chunk.columns[name]], np.str_)
                names.setdefault(role, []).append(texts)
            elif role != "time":
                values.setdefault(role, []).append(
                    cells.floats(chunk.columns[name], name, lines)
                )
    lines = Numbered(unit, np.concatenate(numbers))
    check = times if epoch else in_range
    return Frame(
        check(np.concatenate(stamps), lines, options.now),
        {role: np.concatenate(parts) for role, parts in values.items()},
        {role: np.concatenate(parts) for role, parts in names.items()},
        lines.numbers,
    )
