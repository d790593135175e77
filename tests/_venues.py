"""Two small venues on the contract, for tests of what happens after the socket."""

from __future__ import annotations

import msgspec

from washout.events import Candle, Liquidation, OpenInterest, Trade
from washout.exchanges import (
    Exchange,
    Fact,
    Instrument,
    Line,
    Poll,
    Said,
    Unexplained,
)  # fmt: skip
from washout.live.rows import by_kind


def _who(exchange, one, source="stream"):
    return {
        "exchange": exchange, "asset": one.asset, "market": one.market,
        "source": f"{exchange}-{source}",
    }  # fmt: skip


def _liquidation(exchange, one, received, time, number, side, price, usd):
    return Liquidation(
        **_who(exchange, one), ts_event=time, ts_recv=received, id=number, side=side,
        liquidated="long" if side == "sell" else "short", quantity=usd / 100 / price,
        price=price, price_kind="fill", usd=usd,
    )  # fmt: skip


def _trade(exchange, one, received, time, number, side, price, usd):
    return Trade(
        **_who(exchange, one), ts_event=time, ts_recv=received, id=int(number),
        side=side, product="perp", price=price, quantity=usd / 100 / price, usd=usd,
    )  # fmt: skip


def _mark(exchange, one, received, time, _number, _side, price, _usd):
    return Candle(
        **_who(exchange, one), ts_event=time, ts_recv=received, product="perp",
        price_kind="mark", interval=0, open=price, high=price, low=price, close=price,
        volume=None, volume_usd=None, taker_buy_usd=None, trades=None,
    )  # fmt: skip


MAKERS = {"liq": _liquidation, "trade": _trade, "mark": _mark}


def decoder(exchange):
    def decode(payload, received, instruments):
        try:
            said = msgspec.json.decode(payload)
        except msgspec.DecodeError as error:
            raise Unexplained("it is no JSON") from error
        if "ack" in said:
            return Said(what="ack", topics=tuple(said["ack"]))
        if "refused" in said:
            return Said(what="refused", topics=tuple(said["refused"]), text="no such")
        make = MAKERS[said["t"]]
        return [
            make(exchange, instruments[symbol], received, *rest)
            for symbol, *rest in said["d"]
        ]

    return decode


def many(decode):
    def decode_many(payloads, times, instruments):
        events = []
        for payload, time in zip(payloads, times, strict=True):
            meaning = decode(payload, time, instruments)
            if isinstance(meaning, Said):
                raise Unexplained("it states no fact")
            events += meaning
        return {rows.kind: rows.table() for rows in by_kind(events)}

    return decode_many


def frame(kind, *facts):
    """A frame of facts: (symbol, time, id, side, price, cents)."""
    return msgspec.json.encode({"t": kind, "d": facts})


def instrument(symbol, asset="BTC", quote="USDT"):
    return Instrument(symbol=symbol, asset=asset, market=f"{asset}-{quote}")


SHORT = {"liquidations": "liq", "trades": "trade", "mark_price": "mark"}


def each_topic(want, instruments):
    """A topic for each symbol."""
    if want not in SHORT:
        return []
    return [f"{SHORT[want]}.{one.symbol}" for one in instruments]


def one_topic(want, instruments):
    """A topic for all symbols."""
    return ["liq.all"] if want == "liquidations" and instruments else []


def line(name, decode, topics, carries, *, bulk=True, **more):
    return Line(
        name=name, locate=lambda topics: f"ws://venue/{len(topics)}", topics=topics,
        decode=decode, carries=carries,
        ask=lambda topics: [b"subscribe " + topic.encode() for topic in topics],
        decode_many=many(decode) if bulk else None, **more,
    )  # fmt: skip


def _interest(body, received, one):
    return [
        OpenInterest(
            **_who("alpha", one, "rest"), ts_event=said["time"], ts_recv=received,
            open_interest=said["size"], open_interest_usd=None,
        )
        for said in msgspec.json.decode(body)
    ]  # fmt: skip


_alpha, _beta = decoder("alpha"), decoder("beta")

ALPHA = Exchange(
    name="alpha", title="Alpha: a line of USDT and one of USD contracts, every order",
    coverage=(Fact(since=0, trust="all", floor=False, says="all", source="test"),),
    lines=(
        line("linear", _alpha, each_topic, lambda one: one.market.endswith("-USDT")),
        line("inverse", _alpha, each_topic, lambda one: one.market.endswith("-USD")),
    ),
    polls=(
        Poll(
            name="interest", want="open_interest", every=10.0, decode=_interest,
            locate=lambda one: f"http://venue/{one.symbol}",
        ),
    ),
    listed=(
        instrument("BTCUSDT"), instrument("BTCUSD", quote="USD"),
        instrument("ETHUSDT", "ETH"),
    ),
)  # fmt: skip

BETA = Exchange(
    name="beta", title="Beta: one topic for all markets, one order a second",
    coverage=(
        Fact(since=0, trust="one_per_second", floor=True, says="", source="test"),
    ),
    lines=(line("all", _beta, one_topic, lambda _one: True, bulk=False),),
    listed=(instrument("XBT"), instrument("ETH", "ETH")),
)  # fmt: skip

VENUES = {"alpha": ALPHA, "beta": BETA}
