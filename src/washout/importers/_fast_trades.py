"""A stream of aggTrades text as batches of checked columns, or as totals.

One parser and one set of checks serve both, so totals are the sums of the very trades
that an import without totals would write. Memory is bounded: text comes and goes in
pieces, columns in batches, totals grow with the time that they span.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from washout.clock import DAY, EARLIEST, format_time
from washout.errors import InputError
from washout.importers import _fast_parse as fast
from washout.importers import _fast_sums as sums

BATCH = 8192
"""Rows of a batch that is only summed: its columns stay in the processor's cache."""

MOST_BARS = 3_000_000
LONGEST_LINE = 1 << 16
U = np.uint64


class Columns(NamedTuple):
    """Trades: ids, microseconds, price, size in base asset, cents, 1 where taker sold."""

    ids: NDArray[np.int64]
    times: NDArray[np.int64]
    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]
    cents: NDArray[np.int64]
    sells: NDArray[np.uint8]


class Form(Struct, frozen=True):
    """What a file's rows look like; `contract` is 0 where quantities are base asset."""

    unit: str
    columns: tuple[str, ...]
    first_line: int
    contract: int
    digits: int
    now: int

    @property
    def scale(self) -> int:
        """Microseconds per unit of time."""
        return {13: 1000, 16: 1}[self.digits]


def empty(rows: int) -> Columns:
    """Columns to be filled."""
    kinds = (np.int64, np.int64, np.float64, np.float64, np.int64, np.uint8)
    return _columns(np.empty(rows, kind) for kind in kinds)


def _columns(arrays: Iterable[Any]) -> Columns:
    return Columns(*arrays)


def windows(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Text cut at line ends: `(text, begin, end)` with MARGIN bytes after `end`.

    Only the line across two chunks is copied.
    """
    tail = b""
    for chunk in chunks:
        cut = chunk.find(b"\n") + 1
        stop = chunk.rfind(b"\n", cut, max(len(chunk) - fast.MARGIN, cut)) + 1
        if not stop:
            tail += chunk
            if len(tail) > LONGEST_LINE:
                stop = tail.rfind(b"\n") + 1 or len(tail)
                yield tail[:stop] + bytes(fast.MARGIN), 0, stop
                tail = tail[stop:]
            continue
        yield tail + chunk[: cut + fast.MARGIN], 0, len(tail) + cut
        yield chunk, cut, stop
        tail = chunk[stop:]
    if tail:
        tail = tail if tail.endswith(b"\n") else tail + b"\n"
        yield tail + bytes(fast.MARGIN), 0, len(tail)


def batches(
    chunks: Iterable[bytes], form: Form, seen: NDArray[np.int64], rows: int,
    *, fresh: bool,
) -> Iterator[Columns]:  # fmt: skip
    """Parsed and checked trades, `rows` at a time; `fresh` gives new arrays each time."""
    lengths = np.zeros(8, np.uint64)
    lengths[fast.TIME] = form.digits
    columns, filled, done, price = empty(rows), 0, 0, np.nan
    for text, begin, end in windows(chunks):
        buffer, words = fast.as_words(text)
        at, status = begin, fast.FULL
        while status == fast.FULL:
            more, at, status = fast.parse(
                buffer, words, U(at), U(end), len(form.columns) == 8, U(form.contract),
                U(form.scale), lengths, *(column[filled:] for column in columns),
            )  # fmt: skip
            filled += int(more)
            if status == fast.STRANGE:
                part = _columns(column[:filled] for column in columns)
                _check(part, form, seen, price, done)
                line = text[int(at) : text.find(b"\n", int(at))]
                explain(line, form, form.first_line + done + filled)
            if filled == rows:
                price = _check(columns, form, seen, price, done)
                yield columns
                done, filled = done + filled, 0
                columns = empty(rows) if fresh else columns
    if filled:
        part = _columns(column[:filled] for column in columns)
        _check(part, form, seen, price, done)
        yield part


def _check(
    columns: Columns, form: Form, seen: NDArray[np.int64], price: float, done: int
) -> float:
    """Refuse a batch with an impossible row; gives its last price."""
    row, fault = sums.check(
        *columns[:4], len(columns.ids), EARLIEST, form.now + DAY, seen, price
    )
    if fault != sums.FINE:
        before = columns.prices[row - 1] if row else price
        raise InputError(
            _fault(fault, columns, row, before, form),
            unit=form.unit, row=form.first_line + done + int(row),
        )  # fmt: skip
    return float(columns.prices[-1]) if len(columns.prices) else price


def _fault(fault: int, columns: Columns, row: int, before: float, form: Form) -> str:
    price, time = columns.prices[row], int(columns.times[row])
    match fault:
        case sums.NO_PRICE:
            return f"price is {price}; expected more than 0"
        case sums.NO_SIZE:
            return f"quantity is {columns.sizes[row]}; expected more than 0"
        case sums.EARLY:
            return f"time {_show(time)} is before 2009, when no such market existed"
        case sums.LATE:
            return f"time {_show(time)} is in the future (now is {_show(form.now)})"
    return (
        f"price {price} is more than {sums.JUMP:g} times away from the row before"
        f" ({before})"
    )


def _show(time: int) -> str:
    try:
        return format_time(time)
    except OverflowError:
        return str(time)


def explain(line: bytes, form: Form, row: int) -> None:
    """Raise InputError that says what is wrong with one line of text."""
    try:
        cells = line.rstrip(b"\r").decode().split(",")
    except UnicodeDecodeError as error:
        reason = (
            f"it is not UTF-8 text (byte {line[error.start]:#04x}); save it as UTF-8"
        )
        raise InputError(reason, unit=form.unit, row=row) from None
    raise InputError(_wrong(cells, form), unit=form.unit, row=row)


def _wrong(cells: Sequence[str], form: Form) -> str:
    if len(cells) != len(form.columns):
        return (
            f"it has {len(cells)} columns; expected {len(form.columns)}"
            f" ({', '.join(form.columns)})"
        )
    for name, cell in zip(form.columns, cells, strict=True):
        reason = _WORDS[name](cell, form)
        if reason:
            return f"{name} is {cell[:40]!r}, {reason}"
    return f"it cannot be read: {','.join(cells)[:80]!r}"


def _whole(cell: str, _form: Form) -> str:
    return "" if re.fullmatch(r"\d{1,16}", cell) else "expected a whole number"


def _decimal(cell: str, _form: Form) -> str:
    if re.fullmatch(r"\d{1,16}(\.\d{1,8})?", cell) and len(cell) <= 19:
        return ""
    return "which is no amount: expected digits, such as 94320.9"


def _time(cell: str, form: Form) -> str:
    if not cell.isdecimal():
        return "expected a whole number of milliseconds or microseconds"
    if len(cell) != form.digits:
        return (
            f"which has {len(cell)} digits where the first row has {form.digits}:"
            " seconds, milliseconds and microseconds are mixed"
        )
    return ""


def _flag(cell: str, _form: Form) -> str:
    return "" if cell.lower() in ("true", "false") else "expected true or false"


_WORDS: dict[str, Callable[[str, Form], str]] = {
    "agg_trade_id": _whole, "price": _decimal, "quantity": _decimal,
    "first_trade_id": _whole, "last_trade_id": _whole, "transact_time": _time,
    "is_buyer_maker": _flag, "is_best_match": _flag,
}  # fmt: skip


class Totals:
    """Taker flow per bar and cohort: cents `[bar, cohort, bought or sold]`, trades.

    Trades of one side and millisecond count as one order, as in view `trade_cohorts`.
    """

    def __init__(self, width: int, bounds: Sequence[int]) -> None:
        self.width, self.bounds, self.first = width, np.array(bounds, np.int64), 0
        self.usd: NDArray[np.int64] = np.zeros((0, len(bounds) + 1, 2), np.int64)
        self.count: NDArray[np.int64] = np.zeros((0, len(bounds) + 1), np.int64)
        self._waiting = np.array([0, sums.NOTHING, 0, 0, 0, 0], np.int64)

    def add(self, columns: Columns, form: Form) -> None:
        """Add a batch, making room for its bars."""
        done, rows = 0, len(columns.ids)
        while done < rows:
            done = sums.add(
                columns.times, columns.cents, columns.sells, done, rows, self.bounds,
                self.first, self.width, self._waiting, self.usd, self.count,
            )  # fmt: skip
            if done < rows:
                self._grow(int(columns.times[done]) // self.width, form)

    def close(self) -> None:
        """Count the orders of the last millisecond."""
        sums.settle(self._waiting, self.bounds, self.first, self.usd, self.count)

    def _grow(self, bar: int, form: Form) -> None:
        old, bars = self.first, len(self.count)
        first, end = (
            (min(bar, old), max(bar + 1, old + bars)) if bars else (bar, bar + 1)
        )
        if end - first > MOST_BARS:
            raise InputError(
                f"its trades span {end - first} bars from {_show(first * self.width)};"
                " an archive file holds a day or a month. Split the file, or ask for"
                " wider totals",
                unit=form.unit,
            )
        room = max(end - first, min(2 * bars, MOST_BARS), DAY // self.width)
        cohorts = len(self.bounds) + 1
        usd = np.zeros((room, cohorts, 2), np.int64)
        count = np.zeros((room, cohorts), np.int64)
        if bars:
            usd[old - first : old - first + bars] = self.usd
            count[old - first : old - first + bars] = self.count
        self.first, self.usd, self.count = first, usd, count
