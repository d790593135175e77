"""Mapped columns as facts: whose they are, and which kinds they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from washout.clock import HOUR
from washout.errors import InputError, UsageError
from washout.importers import _bars
from washout.importers._bars import Rows
from washout.importers._contract import Options, Unit
from washout.importers._mapping import RATIOS, VALUES, WHO, Plan
from washout.importers._rows import amounts, coverage, facts, prices, to_cents
from washout.importers._venues import exchange_name
from washout.instruments import clean_asset, split_symbol

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

Tables = Iterator[tuple[str, "pa.Table"]]


class Frame(msgspec.Struct, frozen=True):
    """A mapped table: UTC times, numbers (NaN is missing) and names, by role."""

    starts: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    names: dict[str, NDArray[np.str_]]
    numbers: NDArray[np.int64]


def tables(
    frame: Frame, plan: Plan, options: Options, unit: Unit, source: str
) -> Tables:
    """Every kind of fact that the columns hold, series by series."""
    found = list(_series(frame, options, unit.name, options.source or source))
    for kind in plan.kinds():
        for rows in found:
            yield from _BUILD[kind](_only(rows, kind, plan), plan, options, unit)


def _only(rows: Rows, kind: str, plan: Plan) -> Rows:
    """The columns of one kind, liquidations in USD."""
    need, may = VALUES[kind]
    values = {role: rows.values[role] for role in (*need, *may) if role in rows.values}
    if kind == "liquidation_total" and "long_base" in plan.columns:
        price = _prices(rows)
        values = {
            f"{side}_usd": rows.values[f"{side}_base"] * price
            for side in ("long", "short")
        }
    return Rows(rows.who, rows.starts, values, rows.numbers, rows.unit)


def _prices(rows: Rows) -> NDArray[np.float64]:
    """The price column; missing prices make missing amounts."""
    price: NDArray[np.float64] = rows.values["price"]
    known = rows.pick(~np.isnan(price))
    known = known.pick(np.argsort(known.starts, kind="stable"))
    prices(known.values["price"], "price", known.lines)
    return price


def _series(frame: Frame, options: Options, unit: str, source: str) -> Iterator[Rows]:
    everything = Rows(
        {"source": source}, frame.starts, frame.values, frame.numbers, unit
    )
    for who, chosen in _groups(frame, unit):
        rows = everything.pick(chosen)
        told = _who(who, options, unit, int(rows.numbers[0]))
        yield Rows(
            {**told, "source": source}, rows.starts, rows.values, rows.numbers, unit
        )


def _groups(frame: Frame, unit: str) -> Iterator[tuple[dict[str, str], NDArray[Any]]]:
    if not len(frame.starts):
        raise InputError("it has a header but no rows", unit=unit)
    roles = [role for role in WHO if role in frame.names]
    if not roles:
        yield {}, np.arange(len(frame.starts))
        return
    lines = _bars.Numbered(unit, frame.numbers)
    for role in roles:
        lines.fail(frame.names[role] == "", lambda _, role=role: f"{role} is empty")
    joined = frame.names[roles[0]]
    for role in roles[1:]:
        joined = np.char.add(np.char.add(joined, "\x1f"), frame.names[role])
    keys, which = np.unique(joined, return_inverse=True)
    for place, key in enumerate(keys):
        yield (
            dict(zip(roles, str(key).split("\x1f"), strict=True)),
            np.flatnonzero(which == place),
        )


def _who(told: dict[str, str], options: Options, unit: str, row: int) -> dict[str, str]:
    try:
        asset, market = _instrument(told, options)
    except UsageError as error:
        raise InputError(str(error), unit=unit, row=row) from None
    exchange = exchange_name(told["exchange"]) if "exchange" in told else ""
    if not exchange and options.scope is not None:
        exchange = options.scope.exchange
    if exchange in ("", "all", "*") or asset in ("", "*"):
        raise InputError(
            f"nothing says whose rows these are (exchange {exchange or 'unknown'}, asset"
            f" {asset or 'unknown'}). Name one exchange with --scope, such as"
            " binance:BTC or binance:BTC-USDT, or columns with --map"
            " exchange=COLUMN,symbol=COLUMN. A sum over exchanges needs a name of its"
            " own, such as vendor_total:BTC",
            unit=unit,
        )
    return {"exchange": exchange, "asset": asset, "market": market}


def _instrument(told: dict[str, str], options: Options) -> tuple[str, str]:
    for role in ("symbol", "market"):
        if role in told:
            return split_symbol(told[role])
    if "asset" in told:
        return clean_asset(told["asset"]), ""
    scope = options.scope
    return (scope.asset, scope.market) if scope is not None else ("", "")


def _liquidations(rows: Rows, plan: Plan, options: Options, unit: Unit) -> Tables:
    yield from _bars.liquidations(
        rows, unit, bar=options.bar, until=options.now, delay=plan.delay
    )


def _whole_bars(
    rows: Rows, names: tuple[str, ...], options: Options, unit: Unit
) -> tuple[Rows, int]:
    """Rows with all of `names`, in order, over intervals that have ended."""
    rows = _bars.without_missing(_bars.in_order(rows), list(names), unit)
    interval = _bars.interval_of(_bars.not_empty(rows), options.bar)
    return _bars.not_empty(_bars.finished(rows, interval, options.now, unit)), interval


def _candles(rows: Rows, plan: Plan, options: Options, unit: Unit) -> Tables:
    need, _ = VALUES["candle"]
    rows, interval = _whole_bars(rows, need, options, unit)
    _require_market(rows, "prices")
    _refuse_shapeless(rows)
    bought = _optional(rows, "taker_buy_usd")
    usd = _optional(rows, "volume_usd")
    if bought is not None:
        _refuse_more_than(rows, "taker_buy_usd", "volume_usd")
    yield "candle", facts(
        "candle", len(rows.starts),
        {
            **rows.who, **{name: rows.values[name] for name in need},
            "ts_event": rows.starts, "ts_recv": rows.starts + interval,
            "product": plan.product, "price_kind": plan.price_kind,
            "interval": interval, "volume": _optional(rows, "volume", float),
            "volume_usd": usd, "taker_buy_usd": bought,
            "trades": _optional(rows, "trades", int),
        },
    )  # fmt: skip
    if bought is not None and plan.price_kind == "trade":
        known = ~np.isnan(rows.values["taker_buy_usd"] + rows.values["volume_usd"])
        yield from _told(rows.pick(known), "candle_taker", interval, plan)


def _refuse_shapeless(rows: Rows) -> None:
    lines, values = rows.lines, rows.values
    for name in VALUES["candle"][0]:
        prices(values[name], name, lines)
    top = np.maximum(values["open"], values["close"])
    bottom = np.minimum(values["open"], values["close"])
    lines.fail(
        (values["high"] < top) | (values["low"] > bottom),
        lambda i: (
            f"high {values['high'][i]} and low {values['low'][i]} do not enclose open"
            f" {values['open'][i]} and close {values['close'][i]}"
        ),
    )


def _refuse_more_than(rows: Rows, part: str, whole: str) -> None:
    values = rows.values
    rows.lines.fail(
        values[part] > values[whole] * 1.000001,
        lambda i: f"{part} {values[part][i]} is more than {whole} {values[whole][i]}",
    )


def _flow(rows: Rows, plan: Plan, options: Options, unit: Unit) -> Tables:
    need, _ = VALUES["trade_total"]
    rows, interval = _whole_bars(rows, need, options, unit)
    bought, sold = (to_cents(_bars.usd(rows.values[n], n, rows.lines)) for n in need)
    trades = None if "open" in plan.columns else _optional(rows, "trades", int)
    yield "trade_total", facts(
        "trade_total", len(rows.starts),
        {
            **rows.who, "ts_event": rows.starts, "ts_recv": rows.starts + interval,
            "product": plan.product, "interval": interval, "cohort": "",
            "buy_usd": bought, "sell_usd": sold, "trades": trades,
        },
    )  # fmt: skip
    yield from _told(rows, "trade_total", interval, plan)


def _told(rows: Rows, kind: str, interval: int, plan: Plan) -> Tables:
    if len(rows.starts):
        yield "coverage", coverage(
            kind, rows.starts, interval, product=plan.product, delay=plan.delay,
            **rows.who,
        )  # fmt: skip


def _open_interest(rows: Rows, plan: Plan, options: Options, unit: Unit) -> Tables:
    """Readings at an instant; `at=close` puts them at the end of their bar."""
    rows = _bars.in_order(rows)
    some = ~np.all([np.isnan(column) for column in rows.values.values()], axis=0)
    if not some.all():
        unit.notes.append(
            f"{int((~some).sum())} rows without open interest are missing"
        )
    rows = _bars.not_empty(rows.pick(some))
    starts = rows.starts
    if plan.at == "close":
        interval = _bars.interval_of(rows, options.bar)
        rows = _bars.not_empty(_bars.finished(rows, interval, options.now, unit))
        starts = rows.starts + interval - 1
    yield "open_interest", facts(
        "open_interest", len(starts),
        {
            **rows.who, "ts_event": starts, "ts_recv": starts,
            "open_interest": _optional(rows, "open_interest", float),
            "open_interest_usd": _optional(rows, "open_interest_usd"),
            **{name: _optional(rows, name, float) for name in RATIOS},
        },
    )  # fmt: skip


def _funding(rows: Rows, _plan: Plan, options: Options, unit: Unit) -> Tables:
    rows = _bars.without_missing(_bars.in_order(rows), ["rate"], unit)
    rows = _bars.not_empty(rows)
    _require_market(rows, "funding rates")
    rate = rows.values["rate"]
    rows.lines.fail(
        np.abs(rate) >= 1,
        lambda i: f"rate is {rate[i]}; expected a fraction, such as 0.0001 for 0.01 %",
    )
    yield "funding_rate", facts(
        "funding_rate", len(rate),
        {
            **rows.who, "ts_event": rows.starts, "ts_recv": rows.starts,
            "interval": options.bar or _period(rows), "rate": rate,
        },
    )  # fmt: skip


def _period(rows: Rows) -> int:
    """The usual distance between fundings, in whole hours: stamps jitter by ms."""
    hours = np.rint(np.diff(rows.starts) / HOUR).astype(np.int64)
    if not len(hours) or hours.max() < 1:
        raise InputError(
            "the rows do not say for how long a rate is paid. Give it with --bar, such"
            " as --bar 8h",
            unit=rows.unit,
        )
    return int(np.bincount(hours[hours > 0]).argmax()) * HOUR


def _require_market(rows: Rows, what: str) -> None:
    if not rows.who["market"]:
        raise InputError(
            f"{what} belong to one market, not to all of {rows.who['asset']}: write"
            f" --scope {rows.who['exchange']}:{rows.who['asset']}-USDT, or map symbol=",
            unit=rows.unit,
        )


def _optional(rows: Rows, name: str, make: type | None = None) -> Any:
    """A column with None where it is missing: USD as cents, else floats or ints."""
    if name not in rows.values:
        return None
    column = rows.values[name]
    check = _bars.usd if make is None else amounts
    known = rows.pick(~np.isnan(column))
    check(known.values[name], name, known.lines)
    plain = np.where(np.isnan(column), 0, column)
    exact = to_cents(plain) if make is None else plain.astype(make)
    if len(known.starts) == len(column):
        return exact
    return [
        None if hole else value
        for hole, value in zip(np.isnan(column).tolist(), exact.tolist(), strict=True)
    ]


_BUILD: dict[str, Callable[[Rows, Plan, Options, Unit], Tables]] = {
    "liquidation_total": _liquidations,
    "candle": _candles,
    "trade_total": _flow,
    "open_interest": _open_interest,
    "funding_rate": _funding,
}
