"""Tardis CSV liquidations: single forced orders, one file per exchange, symbol and day.

`exchange,symbol,timestamp,local_timestamp,id,side,price,amount`, times in us. "side: buy
- short position was liquidated, sell - long position was liquidated" (Tardis, CSV data
details). Amounts are as the exchange gives them: base coin, USD, or contracts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from washout.clock import DAY, EARLIEST, parse_time
from washout.errors import InputError, UsageError
from washout.importers import Options, Unit, importer
from washout.importers import _cells as cells
from washout.importers._bars import Numbered, usd
from washout.importers._rows import amounts, facts, in_range, stretches, times, to_cents
from washout.instruments import split_symbol

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

SOURCE = "tardis"
COLUMNS = (
    "exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount",
)  # fmt: skip


class Venue(msgspec.Struct, frozen=True):
    """One of Tardis's exchanges: ours, what amounts and prices are, how complete.

    `contract` is the USD size of an inverse contract (by asset, "" for the others); None
    where sizes differ and have to be told.
    """

    exchange: str
    price_kind: Literal["fill", "order", "bankruptcy"]
    trust: str
    linear: Literal["base", "contracts"] = "base"
    contract: dict[str, float] | None = None


VENUES = {
    "binance-futures": Venue("binance", "order", "all"),
    "binance-delivery": Venue("binance", "order", "all", contract={"BTC": 100, "": 10}),
    "bybit": Venue("bybit", "bankruptcy", "all", contract={"": 1}),
    "deribit": Venue("deribit", "fill", "all", contract={"": 1}),
    "bitmex": Venue("bitmex", "order", "open_orders_only", "contracts", {"": 1}),
    "okex-swap": Venue("okx", "bankruptcy", "one_per_second", "contracts"),
    "okex-futures": Venue("okx", "bankruptcy", "one_per_second", "contracts"),
    "huobi-dm": Venue("htx", "order", "unknown", contract={"BTC": 100, "": 10}),
    "huobi-dm-swap": Venue("htx", "order", "unknown", contract={"BTC": 100, "": 10}),
    "huobi-dm-linear-swap": Venue("htx", "order", "unknown", "contracts"),
    "gate-io-futures": Venue("gate", "order", "unknown", "contracts"),
    "bitfinex-derivatives": Venue("bitfinex", "order", "unknown"),
    "ftx": Venue("ftx", "order", "unknown"),
}
"""Contract sizes: Binance COIN-M 100 USD for BTC, else 10; Bybit inverse, Deribit and
BitMEX XBTUSD count USD; OKX, HTX linear and Gate differ by market."""


def recognise(head: bytes, _path: Path) -> bool:
    """CSV, plain or gzip, with Tardis's columns."""
    return set(COLUMNS) <= set(cells.header_of(head))


@importer(SOURCE, title="Tardis liquidations (CSV)", recognise=recognise)
def tardis(path: Path, options: Options) -> Iterator[Unit]:
    """Single liquidations; `--map contract_size=0.01` where contracts differ in size."""
    yield Unit(path.name, partial(_read, path=path, options=options), whole=True)


def _read(unit: Unit, path: Path, options: Options) -> Iterator[tuple[str, pa.Table]]:
    chunks = list(cells.read_chunks(path))
    _refuse_lacking(list(chunks[0].columns), unit.name)
    columns = {
        name: np.array([c for chunk in chunks for c in chunk.columns[name]], np.str_)
        for name in COLUMNS
    }
    numbers = np.concatenate([chunk.numbers for chunk in chunks])
    if not len(numbers):
        yield from _quiet_day(path.name, options)
        return
    joined = np.char.add(np.char.add(columns["exchange"], "\x1f"), columns["symbol"])
    for key in np.unique(joined):
        chosen = joined == key
        mine = {name: column[chosen] for name, column in columns.items()}
        exchange, symbol = str(key).split("\x1f")
        yield from _market(
            exchange, symbol, mine, Numbered(unit.name, numbers[chosen]), options
        )


def _refuse_lacking(header: list[str], unit: str) -> None:
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise InputError(
            f"it lacks {', '.join(lacking)}; it has {', '.join(header)}",
            unit=unit,
            row=1,
        )


def _market(
    exchange: str,
    symbol: str,
    columns: dict[str, NDArray[np.str_]],
    lines: Numbered,
    options: Options,
) -> Iterator[tuple[str, pa.Table]]:
    venue, who = _who(exchange, symbol, options, lines.unit)
    when = times(cells.epochs(columns["timestamp"].tolist(), lines), lines, options.now)
    known = cells.epochs(columns["local_timestamp"].tolist(), lines)
    received = in_range(_in_micros(known, lines), lines, options.now)
    price = _positive(columns["price"], "price", lines)
    amount = _positive(columns["amount"], "amount", lines)
    side = _sides(columns["side"], lines)
    quantity, dollars = _sizes(venue, who, symbol, amount, price, options, lines.unit)
    yield "liquidation", facts(
        "liquidation", len(when),
        {
            **who, "ts_event": when, "ts_recv": np.maximum(received, when),
            "id": _ids(columns), "side": side,
            "liquidated": np.where(side == "sell", "long", "short"),
            "quantity": quantity, "price": price, "price_kind": venue.price_kind,
            "usd": to_cents(usd(dollars, "amount", lines)),
        },
    )  # fmt: skip
    yield "coverage", _days(np.unique(received // DAY), venue, who)


def _in_micros(stamps: NDArray[np.int64], lines: Numbered) -> NDArray[np.int64]:
    lines.fail(
        stamps < EARLIEST,
        lambda i: f"local_timestamp {stamps[i]} is not in microseconds since 1970",
    )
    return stamps


def _days(days: NDArray[np.int64], venue: Venue, who: dict[str, str]) -> pa.Table:
    """Tardis records whole UTC days: each day of the file was observed throughout."""
    return stretches(
        "liquidation", days * DAY, (days + 1) * DAY, 0, trust=venue.trust,
        floor=venue.trust != "all", **who,
    )  # fmt: skip


def _quiet_day(name: str, options: Options) -> Iterator[tuple[str, pa.Table]]:
    """A day without liquidations: only the file's name says which."""
    found = re.match(r"([\w-]+?)_liquidations_(\d{4}-\d\d-\d\d)_([^.]+)", name)
    if not found:
        raise InputError(
            "it has a header but no rows, and its name is not as Tardis names files"
            " (EXCHANGE_liquidations_DATE_SYMBOL.csv.gz), so it says nothing",
            unit=name,
        )
    venue, who = _who(found[1], found[3], options, name)
    yield "coverage", _days(np.array([parse_time(found[2]) // DAY]), venue, who)


def _positive(
    texts: NDArray[np.str_], name: str, lines: Numbered
) -> NDArray[np.float64]:
    return amounts(cells.floats(texts.tolist(), name, lines), name, lines, zero=False)


def _sides(texts: NDArray[np.str_], lines: Numbered) -> NDArray[np.str_]:
    lines.fail(
        (texts != "buy") & (texts != "sell"),
        lambda i: f"side is {str(texts[i])!r}; expected buy or sell",
    )
    return texts


def _ids(columns: dict[str, NDArray[np.str_]]) -> list[str]:
    """The venue's id, else what tells orders apart.

    Orders that are alike in all but their receipt are different orders; rows alike in
    that too are one order told twice, and get one id.
    """
    seen: dict[tuple[str, ...], dict[str, int]] = {}
    found = []
    names = ("timestamp", "side", "price", "amount", "local_timestamp", "id")
    for *order, local, own in zip(*(columns[n].tolist() for n in names), strict=True):
        places = seen.setdefault(tuple(order), {})
        place = places.setdefault(local, len(places))
        found.append(own or "-".join(order) + (f"-{place}" if place else ""))
    return found


def _sizes(
    venue: Venue,
    who: dict[str, str],
    symbol: str,
    amount: NDArray[np.float64],
    price: NDArray[np.float64],
    options: Options,
    unit: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amounts as base coin and as USD."""
    told = _contract_size(options, unit)
    if who["market"].split("-")[1] == "USD" and venue.exchange not in (
        "ftx",
        "bitfinex",
    ):
        sizes = venue.contract or {}
        size = told or sizes.get(who["asset"], sizes.get("", 0.0))
        dollars = amount * _known(size, symbol, unit, "USD")
        return dollars / price, dollars
    size = told or (1.0 if venue.linear == "base" else 0.0)
    quantity = amount * _known(size, symbol, unit, who["asset"])
    return quantity, quantity * price


def _known(size: float, symbol: str, unit: str, counted_in: str) -> float:
    if size:
        return size
    raise InputError(
        f"amounts of {symbol} count contracts, whose size the file does not say. Give"
        f" the {counted_in} in one contract with --map contract_size=NUMBER (OKX calls"
        " it ctVal), one symbol at a time",
        unit=unit,
    )


def _contract_size(options: Options, unit: str) -> float:
    text = options.columns.get("contract_size")
    if text is None:
        return 0.0
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e9:
        raise InputError(f"contract_size={text!r}: write a positive number", unit=unit)
    return size


def _who(
    exchange: str, symbol: str, options: Options, unit: str
) -> tuple[Venue, dict[str, Any]]:
    venue = VENUES.get(exchange)
    if venue is None:
        raise InputError(
            f"what amounts on {exchange!r} are is not known (known: {', '.join(VENUES)})."
            " Turn them into USD and import them as CSV with --map",
            unit=unit,
        )
    scope = options.scope
    if scope is not None and scope.market:
        asset, market = scope.asset, scope.market
    else:
        try:
            asset, market = _split(exchange, symbol)
        except UsageError as error:
            raise InputError(str(error), unit=unit) from None
    return venue, {
        "exchange": venue.exchange, "asset": asset, "market": market,
        "source": options.source or SOURCE,
    }  # fmt: skip


def _split(exchange: str, symbol: str) -> tuple[str, str]:
    """Tardis keeps the exchanges' symbols, in capitals."""
    name = symbol.upper()
    if exchange in ("deribit", "ftx") and "_" not in name:
        asset, _, rest = name.partition("-")
        dated = "" if rest in ("PERPETUAL", "PERP") else f"-{rest}"
        return asset, f"{asset}-USD{dated}"
    if exchange == "deribit":
        name = name.replace("-PERPETUAL", "").replace("_", "-")
    if exchange == "bybit" and name.endswith("PERP") and "-" not in name:
        name = name.removesuffix("PERP") + "-USDC"
    return split_symbol(name)
