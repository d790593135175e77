"""Coinalyze: liquidation history per market, as its API answers.

`[{"symbol": "BTCUSDT_PERP.A", "history": [{"t": s, "l": longs, "s": shorts}]}]`.
Amounts are in base coin for linear contracts and in USD for inverse ones, unless
`convert_to_usd=true` was asked for; a bare answer does not say which.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import DAY, HOUR, MINUTE
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
    stamps_of,
)
from washout.importers._rows import times
from washout.instruments import split_symbol

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = "coinalyze"

EXCHANGES = {
    "A": "binance",
    "6": "bybit",
    "3": "okx",
    "0": "bitmex",
    "2": "deribit",
    "4": "htx",
    "F": "bitfinex",
}
"""Suffix of a symbol -> exchange (Coinalyze, /v1/exchanges)."""

INTERVALS = {
    "1min": MINUTE,
    "5min": 5 * MINUTE,
    "15min": 15 * MINUTE,
    "30min": 30 * MINUTE,
    "1hour": HOUR,
    "2hour": 2 * HOUR,
    "4hour": 4 * HOUR,
    "6hour": 6 * HOUR,
    "12hour": 12 * HOUR,
    "daily": DAY,
}

_SHAPE = (
    rb'"symbol"\s*:\s*"[^"]+\.\w"\s*,\s*"history"\s*:|"history"\s*:\s*\[\s*\{\s*"t"'
    rb'|^\{\s*"message"\s*:'
)


@importer(
    SOURCE,
    title="Coinalyze liquidation history (JSON)",
    recognise=lambda head, _path: recognise_answer(head, SOURCE, _SHAPE),
)
def coinalyze(path: Path, options: Options) -> Iterator[Unit]:
    """Totals of single markets; `--map unit=usd` says that a bare answer is in USD."""
    yield Unit(path.name, partial(_read, path=path, options=options))


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    answer = read_answer(path, SOURCE)
    _refuse_error(answer.body, unit.name)
    markets = records(answer.body, unit.name, "markets")
    if options.scope is not None and len(markets) > 1:
        raise InputError(
            f"it holds {len(markets)} markets, so --scope cannot name all of them; leave"
            " it away",
            unit=unit.name,
        )
    bar = options.bar or INTERVALS.get(answer.params.get("interval", ""))
    for place, market in enumerate(markets, 1):
        symbol = str(field(market, "symbol", unit.name, place))
        _require_usd(symbol, answer, options, unit.name)
        history = field(market, "history", unit.name, place)
        if not history and len(markets) > 1:
            unit.notes.append(f"{symbol} has no history")
            continue
        rows = _rows(symbol, history, options, unit.name)
        yield from liquidations(rows, unit, bar=bar, until=answer.until(options.now))


def _refuse_error(body: Any, unit: str) -> None:
    if isinstance(body, dict) and "message" in body:
        raise InputError(
            f"it is an error answer of Coinalyze: {body['message']!r}. Fetch it again",
            unit=unit,
        )


def _rows(symbol: str, history: Any, options: Options, unit: str) -> Rows:
    found = records(history, unit, f"bars of {symbol}")
    numbers = np.arange(1, len(found) + 1)
    amounts = amounts_of(found, {"long_usd": "l", "short_usd": "s"}, unit)
    lines = Numbered(unit, numbers)
    starts = times(stamps_of(found, "t", unit), lines, options.now)
    who = {**_market(symbol, options, unit), "source": options.source or SOURCE}
    return Rows(who, starts, amounts, numbers, unit)


def _require_usd(symbol: str, answer: Answer, options: Options, unit: str) -> None:
    """Refuse amounts of which nobody said that they are USD."""
    converted = answer.params.get("convert_to_usd") == "true"
    told = options.columns.get("unit", "usd" if converted else "")
    if told not in ("", "usd", "base"):
        raise InputError(f"unit={told!r}: write unit=usd or unit=base", unit=unit)
    if told == "usd" or (told == "base" and is_inverse(symbol)):
        return
    if told == "base":
        raise InputError(
            f"amounts of {symbol} are in base coin, and without a price they are no USD."
            " Fetch them with convert_to_usd=true (as `washout fetch coinalyze` does)"
            " and import with --map unit=usd",
            unit=unit,
        )
    raise InputError(
        "a Coinalyze answer does not say whether its amounts are USD or base coin. Say"
        " --map unit=usd if it was fetched with convert_to_usd=true, else --map"
        " unit=base",
        unit=unit,
    )


def is_inverse(symbol: str) -> bool:
    """Whether a symbol's contracts count USD: BTCUSD_PERP.A, BTC-PERPETUAL.2."""
    name, _, suffix = symbol.rpartition(".")
    return (suffix == "2" and "_" not in name) or name.split("_")[0].endswith("USD")


def _market(symbol: str, options: Options, unit: str) -> dict[str, str]:
    """`BTCUSDT_PERP.A` as exchange, asset and market."""
    if options.scope is not None:
        if not options.scope.market:
            raise InputError(
                f"{symbol} is one market: write its scope as exchange:ASSET-QUOTE",
                unit=unit,
            )
        scope = options.scope
        return {
            "exchange": scope.exchange,
            "asset": scope.asset,
            "market": scope.market,
        }
    name, _, suffix = symbol.rpartition(".")
    if suffix not in EXCHANGES:
        raise InputError(
            f"the exchange of {symbol!r} is not known (suffixes:"
            f" {', '.join(f'{k} {v}' for k, v in EXCHANGES.items())}). Name the market"
            " with --scope exchange:ASSET-QUOTE",
            unit=unit,
        )
    try:
        asset, market = split_symbol(_plain(name, suffix))
    except UsageError as error:
        raise InputError(str(error), unit=unit) from None
    return {"exchange": EXCHANGES[suffix], "asset": asset, "market": market}


def _plain(name: str, suffix: str) -> str:
    """Deribit's BTC-PERPETUAL is quoted in USD, Bybit's BTCPERP in USDC."""
    if suffix == "2" and "_" not in name:
        return name.replace("-PERPETUAL", "-USD")
    if suffix == "2":
        return name.replace("-PERPETUAL", "").replace("_", "-")
    if suffix == "6" and name.endswith("PERP") and "_" not in name:
        return name.removesuffix("PERP") + "-USDC"
    return name
