"""Binance archive aggTrades, spot and futures: trades, or their totals by size.

`agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker`,
of spot with one more column (best match). The header may be missing, flags are written
`true` or `True`; times are milliseconds, of spot microseconds from 2025 on. Where the
buyer was the maker, the taker sold. USD is price times quantity in cents, half to even;
COIN-M quantities are contracts of a fixed USD size (Binance COIN-M documentation).

A member with eight columns is spot, with seven USD-M, and COIN-M if its symbol is
`..USD_PERP` or dated; a folder `spot`, `um` or `cm` in the path and
`--map product=spot|um|cm` come before that.

A file is a whole statement about the UTC days it holds; a plain CSV, which nothing
proves to be complete, about the time from its first to its last row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout import schema
from washout.clock import format_width
from washout.config import DEFAULT, cohort_names
from washout.errors import InputError
from washout.importers import Options, Unit, _archive, importer
from washout.importers import _columns as names
from washout.importers._archive import Layout, Market, Member
from washout.importers._rows import facts, stretches

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from washout.importers._fast_trades import Columns, Form

TABLE_ROWS = 8 * 131_072
"""Rows of a table: whole row groups of the lake."""


def _alike(row: Sequence[str]) -> bool:
    flags = [cell.lower() in ("true", "false") for cell in row]
    return len(row) > 4 and flags[-1] and row[0].isdecimal() and sum(flags) < 3


LAYOUT = Layout(
    "aggTrades",
    (
        "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id",
        "transact_time", "is_buyer_maker",
    ),
    _alike,
    optional=("is_best_match",),
)  # fmt: skip


@importer(
    "binance-aggtrades", title="Binance archive aggTrades, spot and futures",
    recognise=lambda head, path: _archive.holds(LAYOUT, head, path),
)  # fmt: skip
def binance_agg_trades(path: Path, options: Options) -> Iterator[Unit]:
    """One unit per member; `options.totals` asks for totals of that width."""
    for member in _archive.members(path):
        yield Unit(
            member.unit,
            lambda unit, member=member: _read(unit, member, options),  # type: ignore[misc]
            whole=True, ordered=True,
        )  # fmt: skip


def _read(
    unit: Unit, member: Member, options: Options
) -> Iterator[tuple[str, pa.Table]]:
    from washout.importers import _fast_sums as sums

    form, market, chunks = _opened(member, options)
    who = {
        "exchange": market.exchange, "asset": market.asset, "market": market.market,
        "source": options.source or _archive.SOURCE, "product": market.product,
    }  # fmt: skip
    seen = np.array([-1, 0, 0, 0, 0], np.int64)
    if options.totals:
        tables = _totals(chunks, form, seen, options.totals, who)
    else:
        tables = _trades(chunks, form, seen, who)
    first, last = np.iinfo(np.int64).max, 0
    for table, begin, end in tables:
        first, last = min(first, begin), max(last, end)
        yield ("trade_total" if options.totals else "trade"), table
    if not last:
        raise InputError("it has a header and no rows", unit=unit.name)
    unit.ordered = not (seen[sums.REPEATS] or seen[sums.BACKWARDS])
    _note(unit, seen)
    yield "coverage", _coverage(member, first, last, options, who)


def _note(unit: Unit, seen: NDArray[np.int64]) -> None:
    from washout.importers import _fast_sums as sums

    if seen[sums.MISSING]:
        unit.notes.append(f"{seen[sums.MISSING]} agg_trade_id are missing between rows")
    if seen[sums.REPEATS] or seen[sums.BACKWARDS]:
        unit.notes.append(
            f"{seen[sums.REPEATS]} agg_trade_id do not rise and {seen[sums.BACKWARDS]}"
            " times go back: sorted, and repeats dropped"
        )


def _coverage(
    member: Member, first: int, last: int, options: Options, who: dict[str, Any]
) -> pa.Table:
    if member.packed is None:
        begin, end = first, last + 1
    else:
        begin, end = _archive.whole_days(member, first, last, options.now)
    width = options.totals or 0
    if width:
        begin, end = begin - begin % width, end + -end % width
    kind = "trade_total" if width else "trade"
    return stretches(kind, [begin], [end], width, **who)


# opening


def _opened(member: Member, options: Options) -> tuple[Form, Market, Iterator[bytes]]:
    """What the rows look like, whose they are, and their text without a header."""
    from washout.importers._fast_trades import Form

    text, first, second = _begin(_archive.ahead(_archive.text_of(member)), member.unit)
    header = _archive.is_header(first)
    found = [_known(cell) for cell in _archive.cells(first)]
    columns = names.order(found if header else None, len(found), LAYOUT, member.unit)
    row = _archive.cells(second if header else first)
    market = market_of(member, options, len(columns))
    standard = (*LAYOUT.columns, *LAYOUT.optional)[: len(columns)]
    if header:
        text = _without_header(text)
    if tuple(columns) != standard:
        text = _reordered(text, [columns.index(name) for name in standard])
    form = Form(
        member.unit, standard, 1 + int(header), market.contract,
        _digits(row, columns, member.unit, 1 + int(header)), options.now,
    )  # fmt: skip
    return form, market, text


def market_of(member: Member, options: Options, columns: int) -> Market:
    """Eight columns are spot's."""
    return _archive.market_of(member, options, "spot" if columns == 8 else "um")


def _known(cell: str) -> str:
    """Archive and API names of the last column differ."""
    best = ("was_best_match", "best_match", "is_best_price_match")
    return "is_best_match" if cell.lower() in best else cell.lower()


def _begin(chunks: Iterator[bytes], unit: str) -> tuple[Iterator[bytes], str, str]:
    """The text again, its first and its second line."""
    head = next(chunks, b"").removeprefix(names.BOM)
    if not head.strip():
        raise InputError("it is empty", unit=unit)
    lines = [*head[:4096].split(b"\n", 2), b""]
    try:
        first, second = lines[0].decode(), lines[1].decode()
    except UnicodeDecodeError:
        raise InputError(
            "it is not UTF-8 text; save it as UTF-8", unit=unit, row=1
        ) from None
    return chain([head], chunks), first.rstrip("\r"), second.rstrip("\r")


def _without_header(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head = next(chunks)
    yield head[head.find(b"\n") + 1 :] if b"\n" in head else b""
    yield from chunks


def _reordered(chunks: Iterator[bytes], places: list[int]) -> Iterator[bytes]:
    """Rows with their columns in the order of the layout; odd rows stay as they are."""
    tail = b""
    for chunk in chain(chunks, [b""]):
        text = tail + chunk
        stop = text.rfind(b"\n") + 1 if chunk else len(text)
        tail = text[stop:]
        rows = (line.rstrip(b"\r").split(b",") for line in text[:stop].split(b"\n"))
        yield b"\n".join(
            b",".join([row[at] for at in places] if len(row) == len(places) else row)
            for row in rows
        )


def _digits(row: list[str], columns: list[str], unit: str, line: int) -> int:
    """Digits of the first time: 13 are milliseconds, 16 microseconds."""
    cell = row[columns.index("transact_time")] if len(row) == len(columns) else ""
    if len(cell) in (13, 16) or not cell.isdecimal():
        return len(cell) if len(cell) in (13, 16) else 13
    raise InputError(
        f"transact_time is {cell}, which has {len(cell)} digits; expected milliseconds"
        " (13) or microseconds (16)",
        unit=unit, row=line,
    )  # fmt: skip


# tables


def _trades(
    chunks: Iterator[bytes], form: Form, seen: NDArray[np.int64], who: dict[str, str]
) -> Iterator[tuple[pa.Table, int, int]]:
    from washout.importers import _fast_trades as fast

    for columns in fast.batches(chunks, form, seen, TABLE_ROWS, fresh=True):
        times = columns.times
        yield _trade_table(columns, who), int(times.min()), int(times.max())


def _trade_table(columns: Columns, who: dict[str, str]) -> pa.Table:
    """Trades; words are dictionaries, which are not written out twenty million times."""
    import pyarrow as pa

    count = len(columns.ids)
    zeros = np.zeros(count, np.int8)
    found = {name: _words(zeros, [value]) for name, value in who.items()} | {
        "ts_event": columns.times, "ts_recv": columns.times, "id": columns.ids,
        "side": _words(columns.sells.view(np.int8), ["buy", "sell"]),
        "price": columns.prices, "quantity": columns.sizes, "usd": columns.cents,
    }  # fmt: skip
    return pa.table({name: found[name] for name in schema.fields("trade")})


def _words(places: NDArray[np.int8], words: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(words))


def _totals(
    chunks: Iterator[bytes], form: Form, seen: NDArray[np.int64], width: int,
    who: dict[str, str],
) -> Iterator[tuple[pa.Table, int, int]]:  # fmt: skip
    from washout.importers import _fast_sums as sums
    from washout.importers import _fast_trades as fast

    totals = fast.Totals(width, [bound * 100 for bound in DEFAULT.cohorts])
    first, last = np.iinfo(np.int64).max, 0
    for columns in fast.batches(chunks, form, seen, fast.BATCH, fresh=False):
        totals.add(columns, form)
        first, last = min(first, columns.times[0]), max(last, columns.times[-1])
    if seen[sums.REPEATS] or seen[sums.BACKWARDS]:
        raise InputError(
            f"{seen[sums.REPEATS]} agg_trade_id do not rise and {seen[sums.BACKWARDS]}"
            f" times go back, so totals of {format_width(width)} could count trades"
            " twice or cut an order in two. Import it without totals: single trades are"
            " sorted and repeats dropped",
            unit=form.unit,
        )
    totals.close()
    if last:
        yield _total_table(totals, who), int(first), int(last)


def _total_table(totals: Any, who: dict[str, str]) -> pa.Table:
    cohorts, bars = np.nonzero(totals.count.T)
    starts = (bars + totals.first) * totals.width
    usd = totals.usd[bars, cohorts]
    return facts(
        "trade_total", len(bars),
        {
            **who, "ts_event": starts, "ts_recv": starts + totals.width,
            "interval": totals.width, "cohort": np.array(cohort_names())[cohorts],
            "buy_usd": usd[:, 0], "sell_usd": usd[:, 1],
            "trades": totals.count[bars, cohorts],
        },
    )  # fmt: skip
