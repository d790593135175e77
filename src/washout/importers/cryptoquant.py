"""CryptoQuant: liquidations of a coin on one exchange, JSON or CSV, newest first.

`date` (window day) or `datetime` (hour, min), amounts in coin and in USD; only the USD
columns are read. Source: CryptoQuant API, /v1/btc/market-data/liquidations.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import DAY, HOUR, MINUTE, parse_time
from washout.errors import InputError, UsageError
from washout.importers import Options, Unit, importer
from washout.importers._bars import Numbered, Rows, liquidations
from washout.importers._json import (
    Answer,
    amounts_of,
    field,
    read_answer,
    recognise_answer,
    records,
)
from washout.importers._rows import in_range
from washout.importers._venues import exchange_name, is_sum
from washout.instruments import Scope, split_symbol

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = "cryptoquant"
WINDOWS = {"day": DAY, "hour": HOUR, "min": MINUTE}
AMOUNTS = {"long_usd": "long_liquidations_usd", "short_usd": "short_liquidations_usd"}

_SHAPE = rb'long_liquidations(_usd)?"\s*:|^\{\s*"status"\s*:\s*\{\s*"code"\s*:'
_HEADER = re.compile(rb"^(\xef\xbb\xbf)?[^\n{<]*\blong_liquidations(_usd)?\b[^\n]*")


def recognise(head: bytes, _path: Path) -> bool:
    """JSON with CryptoQuant's status or fields, or CSV with its columns."""
    return recognise_answer(head, SOURCE, _SHAPE) or _HEADER.match(head) is not None


@importer(SOURCE, title="CryptoQuant liquidations (JSON, CSV)", recognise=recognise)
def cryptoquant(path: Path, options: Options) -> Iterator[Unit]:
    """Totals of a coin on one exchange; a bare answer or CSV needs --scope."""
    yield Unit(path.name, partial(_read, path=path, options=options))


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    with path.open("rb") as handle:
        is_json = handle.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (
            b"{",
            b"[",
            b"<",
        )
    answer = read_answer(path, SOURCE) if is_json else Answer(body=None)
    if is_json:
        found, window = _result(answer.body, unit.name)
        first = 1
    else:
        found, window, first = _csv(path, unit.name), "", 2
    rows = _rows(found, first, options, unit.name)
    scope = _scope(answer, options, unit.name)
    rows.who.update(exchange=scope.exchange, asset=scope.asset, market=scope.market)
    yield from liquidations(
        rows, unit, bar=options.bar or WINDOWS.get(window),
        until=answer.until(options.now),
    )  # fmt: skip


def error_in(body: Any) -> str | None:
    """What an answer complains of, or None."""
    status = body.get("status") if isinstance(body, dict) else None
    if not isinstance(status, dict):
        return "it has no status"
    if str(status.get("code")) == "200":
        return None
    return f"code {status.get('code')}: {status.get('message') or 'no message'}"


def _result(body: Any, unit: str) -> tuple[list[Any], str]:
    said = error_in(body)
    if said is not None:
        raise InputError(
            f"it is an error answer of CryptoQuant ({said}). Fetch it again", unit=unit
        )
    result = field(body, "result", unit, 1)
    data = records(field(result, "data", unit, 1), unit, "rows")
    return data, str(result.get("window", ""))


def _csv(path: Path, unit: str) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        found = list(csv.DictReader(handle))
    for number_, row in enumerate(found, 2):
        if None in row or None in row.values():
            raise InputError(
                "it has another number of columns than the header",
                unit=unit,
                row=number_,
            )
    return records(found, unit, "rows")


def _rows(found: list[Any], first: int, options: Options, unit: str) -> Rows:
    numbers = np.arange(first, first + len(found))
    stamps = [_time(row, unit, int(n)) for n, row in zip(numbers, found, strict=True)]
    values = amounts_of(found, AMOUNTS, unit, first)
    lines = Numbered(unit, numbers)
    starts = in_range(np.array(stamps, np.int64), lines, options.now)
    return Rows({"source": options.source or SOURCE}, starts, values, numbers, unit)


def _time(row: Any, unit: str, line: int) -> int:
    name = "datetime" if isinstance(row, dict) and row.get("datetime") else "date"
    try:
        return parse_time(str(field(row, name, unit, line)))
    except UsageError as error:
        raise InputError(str(error), unit=unit, row=line) from None


def _scope(answer: Answer, options: Options, unit: str) -> Scope:
    scope = options.scope or _asked(answer, unit)
    if scope is None:
        raise InputError(
            "a CryptoQuant answer does not say what it is about. Name it with --scope,"
            " such as binance:BTC",
            unit=unit,
        )
    return scope


def _asked(answer: Answer, unit: str) -> Scope | None:
    coin = re.search(r"/v1/(\w+)/market-data/", answer.url)
    exchange = answer.params.get("exchange")
    if not coin or not exchange:
        return None
    if is_sum(exchange):
        raise InputError(
            f"it is a sum over exchanges ({exchange}), which cannot be told apart."
            " Fetch one exchange at a time",
            unit=unit,
        )
    name, symbol = exchange_name(exchange), answer.params.get("symbol", "all_symbol")
    if symbol == "all_symbol":
        return Scope(name, coin[1].upper())
    try:
        return Scope(name, *split_symbol(symbol.replace("_", "-")))
    except UsageError as error:
        raise InputError(str(error), unit=unit) from None
