"""Aster perpetuals: the streams and addresses are those of Binance's USD-M."""

from __future__ import annotations

from washout.exchanges import Exchange, Fact, Instrument, Meaning
from washout.exchanges import _binance_like as like
from washout.exchanges._fast import liquidations_and_trades

_DOC = (
    "github.com/asterdex/api-docs, Aster Finance Futures API, All Market Liquidation"
    " Order Streams: 'For each symbol, only the latest one liquidation order within"
    " 1000ms will be pushed as the snapshot.'"
)


def _every(_one: Instrument) -> bool:
    return True


aster = Exchange(
    name="aster",
    title="Aster",
    coverage=(
        Fact(
            since=0, trust="one_per_second", floor=True,
            says="at most one order per symbol and second is published",
            source=_DOC,
        ),
    ),
    meanings=(
        Meaning(
            field="forceOrder o.S",
            says="the side of the forced order: SELL closes a long",
            source=f"{_DOC}; the recorded frame of 2026-09-18 has `ap` above the limit"
            " `p` on a SELL, as on Binance",
        ),
        Meaning(
            field="forceOrder o.ap, o.z",
            says="average price and accumulated filled quantity, in the asset",
            source=_DOC,
        ),
        Meaning(
            field="which order of a second is published",
            says="the latest by the words; nobody measured it",
            source=_DOC, confirmed=False, settled_by="record trades too: a second whose published order is smaller than its forced fills tells latest from largest",
        ),
        Meaning(
            field="aggTrade m",
            says="m true: the buyer was the maker, so that the taker sold",
            source="github.com/asterdex/api-docs, Aggregate Trade Streams: 'm: Is the"
            " buyer the market maker?'",
        ),
    ),
    lines=(
        like.line(
            "futures", "wss://fstream.asterdex.com/stream", like.decoder("aster"),
            _every, liquidations_and_trades("aster"),
        ),
    ),
    polls=(
        like.funding_poll(
            "aster", "funding_rate", "https://fapi.asterdex.com/fapi/v1/fundingRate",
            _every,
        ),
    ),
    listings=(
        like.listing("aster", "https://fapi.asterdex.com/fapi/v1/exchangeInfo"),
    ),
    listed=tuple(
        Instrument(symbol=f"{asset}USDT", asset=asset, market=f"{asset}-USDT")
        for asset in ("BTC", "ETH", "SOL")
    ),
)  # fmt: skip
