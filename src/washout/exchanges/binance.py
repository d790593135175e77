"""Binance USD-M and COIN-M perpetual futures.

Since June 2026 both hosts push the same all-market liquidations: "For the all-market
arrays (...) both `fstream` and `dstream` deliver the same merged UM + CM content"
(Important Notice, COIN-M / USDS-M Architecture Integration, published 2026-06-10). An
order heard on both lines has the same id, so that it is one fact.
"""

from __future__ import annotations

from decimal import Decimal

from washout.clock import parse_time
from washout.exchanges import (
    Break,
    Exchange,
    Fact,
    Instrument,
    Meaning,
)
from washout.exchanges import _binance_like as like
from washout.exchanges._fast import liquidations_and_trades

_STREAM = (
    "developers.binance.com, USD-M Futures, Liquidation Order Streams (stored copies of"
    " 2026-04 and 2026-05-28)"
)
_LATEST = (
    "'For each symbol, only the latest one liquidation order within 1000ms will be"
    " pushed as the snapshot.'"
)
_LARGEST = (
    "'For each symbol, only the largest one liquidation order within 1000ms will be"
    " pushed as the snapshot.'"
)
_STEP = "CoinGlass daily totals of Binance BTC fall from 241 to 50 M USD on 2021-04-27"
_CHANGE = (
    "Binance derivatives change log, 2026-04-10: 'changed \"only the latest one"
    ' liquidation order" to "only the largest one liquidation order" within 1000ms\''
)
_ROUTES = (
    "Binance USD-M change log, 2026-03-05 and 2026-04-02 (Important WebSocket Change"
    " Notice): market streams are pushed on /market alone; the old addresses 'will be"
    " decommissioned on 2026-04-23'. They still connect, and are silent"
)
_MERGE = (
    "Binance, Important Notice COIN-M / USDS-M Architecture Integration (published"
    " 2026-06-10, effective 2026-06-24 to 30), D.4: 'both fstream and dstream deliver"
    " the same merged UM + CM content'"
)
_AGGREGATE = (
    "developers.binance.com, USD-M Futures, Aggregate Trade Streams: 'm: Is the buyer"
    " the market maker?'; 'q: Quantity with all the market trades'"
)
_INFO = "developers.binance.com, Exchange Information"


def _linear(one: Instrument) -> bool:
    return one.unit == "base"


def _inverse(one: Instrument) -> bool:
    return one.unit == "usd"


def _coin_margined(asset: str, size: int) -> Instrument:
    return Instrument(
        symbol=f"{asset}USD_PERP", asset=asset, market=f"{asset}-USD",
        contract=Decimal(size), unit="usd",
    )  # fmt: skip


_decode = like.decoder("binance")
_HISTORY = "futures/data/openInterestHist"

binance = Exchange(
    name="binance",
    title="Binance",
    coverage=(
        Fact(
            since=parse_time("2021-04-27"), trust="one_per_second", floor=True,
            says="at most one order per symbol and second is published, the latest",
            source=f"{_STREAM}, before 2026-04-10: {_LATEST} {_STEP}",
        ),
        Fact(
            since=parse_time("2026-04-10"), trust="one_per_second", floor=True,
            says="at most one order per symbol and second is published, by the words of"
            " the documentation now the largest",
            source=f"{_STREAM}: {_LARGEST} {_CHANGE}",
        ),
    ),
    breaks=(
        Break(
            at=parse_time("2021-04-27"),
            label="Binance publishes 1 order/s from here: floors",
            source=f"{_STREAM}: {_LATEST} {_STEP}",
        ),
        Break(
            at=parse_time("2026-04-23"),
            label="Binance un-routed stream URLs switched off",
            source=_ROUTES,
        ),
    ),
    meanings=(
        Meaning(
            field="forceOrder o.S",
            says="the side of the forced order: SELL closes a long",
            source=f"{_STREAM}: 'S: Side' among the fields of an order; in every"
            " recorded frame `ap` is above the limit `p` on a SELL and below on a BUY,"
            " as a limit is for a sell and a buy",
        ),
        Meaning(
            field="forceOrder o.ap, o.z",
            says="average price and accumulated filled quantity of the order; `p` is"
            " the limit of an IOC order, `l` the last fill alone",
            source=f"{_STREAM}: 'ap: Average Price', 'z: Order Filled Accumulated"
            " Quantity', 'f: IOC'",
        ),
        Meaning(
            field="forceOrder of COIN-M, o.z",
            says="contracts of a fixed USD size, never times price; the size is"
            " `contractSize` of the listing (BTC 100 USD)",
            source=f"{_INFO} of COIN-M: 'contractSize: 100' of BTCUSD_PERP;"
            " Mark Price and Liquidation streams count 'cont'",
        ),
        Meaning(
            field="which order of a second is published",
            says="the largest since 2026-04-10 by the words; no document says whether"
            " the behaviour changed or the words were put right",
            source=_CHANGE, confirmed=False, settled_by="record trades too: a second whose published order is smaller than its forced fills tells latest from largest; the censoring estimate shows both",
        ),
        Meaning(
            field="!forceOrder@arr on both hosts",
            says="USD-M and COIN-M orders come on either line; the same order has the"
            " same id and counts once",
            source=_MERGE,
        ),
        Meaning(
            field="aggTrade m, q",
            says="m true: the buyer was the maker, so that the taker sold; q counts"
            " orders of retail price improvement too (`nq` does not)",
            source=_AGGREGATE,
        ),
        Meaning(
            field="openInterestHist of COIN-M",
            says="sumOpenInterest counts contracts; its USD is their number times"
            " contractSize; sumOpenInterestValue is left out",
            source="developers.binance.com, COIN-M Futures, Open Interest Statistics:"
            " 'sumOpenInterest: unit: cont', 'sumOpenInterestValue: unit: base asset'",
        ),
    ),
    lines=(
        like.line(
            "usdm", "wss://fstream.binance.com/market/stream", _decode, _linear,
            liquidations_and_trades("binance"),
        ),
        like.line(
            "coinm", "wss://dstream.binance.com/stream", _decode, _inverse,
            liquidations_and_trades("binance"),
        ),
    ),
    polls=(
        like.open_interest_poll(
            "binance", "usdm_open_interest",
            lambda one: f"https://fapi.binance.com/{_HISTORY}?symbol={one.symbol}"
            "&period=5m&limit=2",
            _linear,
        ),
        like.open_interest_poll(
            "binance", "coinm_open_interest",
            lambda one: f"https://dapi.binance.com/{_HISTORY}"
            f"?pair={one.symbol.removesuffix('_PERP')}&contractType=PERPETUAL"
            "&period=5m&limit=2",
            _inverse,
        ),
        like.funding_poll(
            "binance", "usdm_funding_rate",
            "https://fapi.binance.com/fapi/v1/fundingRate", _linear,
        ),
        like.funding_poll(
            "binance", "coinm_funding_rate",
            "https://dapi.binance.com/dapi/v1/fundingRate", _inverse,
        ),
    ),
    listings=(
        like.listing("binance", "https://fapi.binance.com/fapi/v1/exchangeInfo"),
        like.listing(
            "binance", "https://dapi.binance.com/dapi/v1/exchangeInfo", inverse=True
        ),
    ),
    listed=(
        *(
            Instrument(symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT")
            for asset in ("BTC", "ETH", "BNB", "SOL", "XRP", "DOGE")
        ),
        _coin_margined("BTC", 100),
        *(_coin_margined(asset, 10) for asset in ("ETH", "BNB", "SOL", "XRP", "DOGE")),
    ),
)  # fmt: skip
