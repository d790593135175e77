"""CoinGlass API v4: liquidation history of a pair, or of a coin on one exchange.

`/api/futures/liquidation/history` has text amounts of one pair;
`/api/futures/liquidation/aggregated-history` numbers over all pairs of a coin. Time is
ms, the bar's open. An error is an answer with HTTP 200 and a `code` other than "0".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from washout.clock import parse_width
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
from washout.importers._venues import exchange_name, is_sum
from washout.instruments import Scope, clean_asset, split_symbol

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = "coinglass"
PAIR = ("long_liquidation_usd", "short_liquidation_usd")
COIN = ("aggregated_long_liquidation_usd", "aggregated_short_liquidation_usd")

_SHAPE = rb'long_liquidation_usd"\s*:|^\{\s*"code"\s*:\s*"?\d+"?\s*,\s*"msg"\s*:'


@importer(
    SOURCE,
    title="CoinGlass v4 liquidation history (JSON)",
    recognise=lambda head, _path: recognise_answer(head, SOURCE, _SHAPE),
)
def coinglass(path: Path, options: Options) -> Iterator[Unit]:
    """Totals of a pair or a coin; a bare answer needs --scope."""
    yield Unit(path.name, partial(_read, path=path, options=options))


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    answer = read_answer(path, SOURCE)
    bars = records(_data(answer.body, unit.name), unit.name, "bars")
    names = COIN if isinstance(bars[0], dict) and COIN[0] in bars[0] else PAIR
    rows = _rows(bars, names, options, unit.name)
    scope = _scope(answer, names, options, unit.name)
    rows.who.update(exchange=scope.exchange, asset=scope.asset, market=scope.market)
    asked = answer.params.get("interval")
    bar = options.bar or (parse_width(asked) if asked else None)
    yield from liquidations(
        rows, unit, bar=bar, until=answer.until(options.now), padded=True
    )


def error_in(body: Any) -> str | None:
    """What an answer complains of, or None: errors come with HTTP 200 too."""
    if not isinstance(body, dict) or "code" not in body:
        return f"expected an object with a code, found {type(body).__name__}"
    if str(body["code"]) == "0":
        return None
    return f"code {body['code']}: {body.get('msg') or 'no message'}"


def _data(body: Any, unit: str) -> Any:
    said = error_in(body)
    if said is not None:
        raise InputError(
            f"it is an error answer of CoinGlass ({said}). Fetch it again", unit=unit
        )
    return field(body, "data", unit, 1)


def _rows(bars: list[Any], names: tuple[str, str], options: Options, unit: str) -> Rows:
    numbers = np.arange(1, len(bars) + 1)
    ours = dict(zip(("long_usd", "short_usd"), names, strict=True))
    values = amounts_of(bars, ours, unit)
    stamps = stamps_of(bars, "time", unit)
    starts = times(stamps, Numbered(unit, numbers), options.now)
    return Rows({"source": options.source or SOURCE}, starts, values, numbers, unit)


def _scope(
    answer: Answer, names: tuple[str, str], options: Options, unit: str
) -> Scope:
    scope = options.scope or _asked(answer, unit)
    if scope is None:
        raise InputError(
            "a CoinGlass answer does not say what it is about. Name it with --scope,"
            f" such as {'binance:BTC' if names is COIN else 'binance:BTC-USDT'}",
            unit=unit,
        )
    if (names is PAIR) != bool(scope.market):
        said = "one pair's" if names is PAIR else "a coin's, over all pairs"
        wanted = "exchange:ASSET-QUOTE" if names is PAIR else "exchange:ASSET"
        raise InputError(
            f"its totals are {said}, which {scope} is not: write {wanted}", unit=unit
        )
    return scope


def _asked(answer: Answer, unit: str) -> Scope | None:
    params = answer.params
    exchange = params.get("exchange") or params.get("exchange_list", "")
    symbol = params.get("symbol")
    if not exchange or not symbol:
        return None
    if is_sum(exchange):
        raise InputError(
            f"it is a sum over exchanges ({exchange}), which cannot be told apart."
            " Fetch one exchange at a time",
            unit=unit,
        )
    name = exchange_name(exchange)
    try:
        if "exchange" in params:
            return Scope(name, *split_symbol(symbol))
        return Scope(name, clean_asset(symbol))
    except UsageError as error:
        raise InputError(str(error), unit=unit) from None
