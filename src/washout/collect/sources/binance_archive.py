"""The Binance archive, data.binance.vision: zip files with a `.CHECKSUM` each.

Days are files, whole months too for most kinds. No key is needed. USD-M
`liquidationSnapshot` has been withdrawn; COIN-M has it for 2023-06-25 to 2024-10-14.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from washout.clock import DAY, format_width, from_datetime, to_datetime
from washout.collect.sources._contract import Request, Source, Wanted, require_scopes
from washout.errors import UnknownName, UsageError
from washout.instruments import Scope

DATA: dict[str, tuple[str, ...]] = {
    "aggTrades": ("daily", "monthly"),
    "klines": ("daily", "monthly"),
    "markPriceKlines": ("daily", "monthly"),
    "metrics": ("daily",),
    "liquidationSnapshot": ("daily",),
    "fundingRate": ("monthly",),
}
"""Kind of file -> the periods for which there are files."""

SPOT = ("aggTrades", "klines")


def plan(wanted: Wanted) -> list[Request]:
    """Months where the stretch holds whole ones, days for the rest."""
    if not wanted.data:
        raise UsageError(f"Say which files with --data: {', '.join(DATA)}.")
    return [
        request
        for symbol, folder in _markets(wanted)
        for data in wanted.data
        for request in _files(wanted, symbol, folder, data)
    ]


def _markets(wanted: Wanted) -> list[tuple[str, str]]:
    """Symbols with the folder of their product."""
    named = [(symbol.upper(), _folder(symbol, wanted)) for symbol in wanted.symbols]
    if named and not wanted.scopes:
        return named
    for scope in require_scopes(wanted, "binance:BTC-USDT"):
        symbol = _symbol(scope, wanted)
        named.append((symbol, _folder(symbol, wanted)))
    return named


def _symbol(scope: Scope, wanted: Wanted) -> str:
    if scope.exchange != "binance" or not scope.market:
        raise UsageError(
            f"The Binance archive has files per market of Binance, not for {scope}:"
            " write binance:BTC-USDT (USD-M) or binance:BTC-USD (COIN-M)."
        )
    symbol = scope.market.replace("-", "")
    return symbol if wanted.spot or not symbol.endswith("USD") else f"{symbol}_PERP"


def _folder(symbol: str, wanted: Wanted) -> str:
    if wanted.spot:
        return "spot"
    inverse = symbol.upper().split("_")[0].endswith("USD")
    return "futures/cm" if inverse else "futures/um"


def _files(wanted: Wanted, symbol: str, folder: str, data: str) -> Iterator[Request]:
    if data not in DATA:
        raise UnknownName("kind of archive file", data, DATA)
    if folder == "spot" and data not in SPOT:
        raise UsageError(f"There is no {data} for spot; there is {' and '.join(SPOT)}.")
    if data.lower().endswith("klines") and wanted.bar is None:
        raise UsageError(f"{data} come in several widths: say which with --bar 1m.")
    name = format_width(wanted.bar or 0) if data.lower().endswith("klines") else data
    inside = f"{symbol}/{name}" if name != data else symbol
    first, last = to_datetime(wanted.start).date(), to_datetime(wanted.stop - 1).date()

    def request(period: str, stamp: str, *instead: Request) -> Request:
        path = f"{folder}/{period}/{data}/{inside}/{symbol}-{name}-{stamp}.zip"
        return Request(path=f"/data/{path}", file=path, otherwise=instead)

    for month, days, whole in _months(first, last, wanted):
        daily = [request("daily", f"{day}") for day in days]
        if DATA[data] == ("monthly",):
            yield request("monthly", f"{month:%Y-%m}")
        elif whole and "monthly" in DATA[data]:
            yield request("monthly", f"{month:%Y-%m}", *daily)
        else:
            yield from daily


def _months(
    first: date, last: date, wanted: Wanted
) -> Iterator[tuple[date, list[date], bool]]:
    """Months of the stretch, their days inside it, and whether those are all."""
    month = first.replace(day=1)
    while month <= last:
        after = (month + timedelta(days=32)).replace(day=1)
        begin, end = max(month, first), min(after, last + timedelta(days=1))
        days = [begin + timedelta(days=n) for n in range((end - begin).days)]
        yield month, days, begin == month and end == after and _ended(end, wanted)
        month = after


def _ended(end: date, wanted: Wanted) -> bool:
    midnight = datetime(end.year, end.month, end.day, tzinfo=UTC)
    return from_datetime(midnight) <= wanted.stop - wanted.stop % DAY


binance_archive = Source(
    name="binance-archive",
    title="Binance archive: trades, candles, mark prices, metrics, funding",
    base_url="https://data.binance.vision",
    plan=plan,
)
