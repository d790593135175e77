"""What the fakes print, read by the adapters: two readings of the same documentation."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

import _fake
from washout import plugins
from washout.events import Candle, Event, Liquidation, Trade
from washout.exchanges import Exchange, Line, Said
from washout.exchanges._contract import cents
from washout.exchanges.hyperliquid import watching
from washout.testing.exchange_ledger import TIMELESS, Fact
from washout.testing.exchange_protocols import (
    Asked,
    Protocol,
    Push,
    Session,
    protocols,
)
from washout.testing.venues.hyperliquid import LIQUIDATED

NAMES = sorted(protocols())


def adapter(protocol: Protocol) -> tuple[Exchange, Line]:
    """The adapter's line for the same venue."""
    if protocol.exchange == "hyperliquid":
        exchange = watching([LIQUIDATED])
    else:
        exchange = plugins.found("exchanges", Exchange)[protocol.exchange]
    lines = list(exchange.lines)
    named = [line for line in lines if line.name == protocol.line]
    return exchange, (named or lines)[0]


def listed(protocol: Protocol, exchange: Exchange):
    """Instruments as the adapter reads them from the fake's listings."""
    found = {}
    for listing in exchange.listings:
        answer = asked(protocol, listing.url)
        if answer is not None:
            found.update((one.symbol, one) for one in listing.read(answer))
    return found


def asked(protocol: Protocol, url: str) -> bytes | None:
    world = _fake.world()
    parts = urlsplit(url)
    answer = protocol.rest(
        Asked(
            path=parts.path, query=dict(parse_qsl(parts.query)), body=b"", world=world,
            contracts=protocol.contracts(world.assets), now=_fake.BEGIN + 90_000_000,
        )
    )  # fmt: skip
    if answer is None or answer.status != 200:
        return None
    return msgspec.json.Encoder(decimal_format="number").encode(answer.body)


def subscribed(
    protocol: Protocol, exchange: Exchange, line: Line, *wants: str
) -> Session:
    """A session of the fake in which the adapter asked for what it wants.

    Everything that the fake answers to it must be read as an acknowledgement, or as a
    frame that states no fact.
    """
    known = listed(protocol, exchange) or {one.symbol: one for one in exchange.listed}
    own = {one.symbol for one in protocol.contracts(("BTC", "ETH"))}
    mine = [one for symbol, one in known.items() if symbol in own and line.carries(one)]
    topics = [topic for want in wants for topic in line.topics(want, mine)]
    where = urlsplit(line.locate(topics))
    session = _fake.session(where.path)
    by_address = protocol.paths(where.path, dict(parse_qsl(where.query)))
    assert by_address is not None, where
    session.topics.update((topic, topic) for topic in by_address)
    said = protocol.greet(session)
    for request in line.ask(topics):
        said += protocol.hear(session, request)
    heard = [line.decode(packed(protocol, one), _fake.BEGIN, known) for one in said]
    assert all(one == [] or isinstance(one, Said) for one in heard)
    if line.acknowledges:
        assert "ack" in {one.what for one in heard if isinstance(one, Said)}
    assert "refused" not in {one.what for one in heard if isinstance(one, Said)}
    return session


def packed(protocol: Protocol, frame: bytes) -> bytes:
    return gzip.compress(frame) if protocol.gzip else frame


def decoded(protocol: Protocol, line: Line, known, session, push: Push) -> list[Event]:
    """What the adapter reads of a push that it asked for."""
    found: list[Event] = []
    for topic in push.topics:
        if topic in session.topics:
            frame = packed(protocol, protocol.wrap(session, topic, push))
            read = line.decode(frame, _fake.BEGIN, known)
            found += [] if isinstance(read, Said) else read
    return found


def fact(event: Liquidation) -> Fact:
    time = 0 if event.exchange in TIMELESS else event.ts_event
    return Fact(event.exchange, event.market, time, event.liquidated, event.usd)


@pytest.mark.parametrize("name", NAMES)
def test_the_adapter_reads_every_forced_order_as_the_ledger_has_it(name):
    protocol = protocols()[name]
    exchange, line = adapter(protocol)
    known = listed(protocol, exchange)
    session = subscribed(protocol, exchange, line, "liquidations")
    found = _fake.pushes(protocol, orders=0.5, trades=0.2)
    events = [
        one for push in found for one in decoded(protocol, line, known, session, push)
    ]
    read = Counter(fact(one) for one in events if isinstance(one, Liquidation))
    book = _fake.booked(protocol, found)
    assert read == Counter(one.key for one in book.orders.values())
    assert len(read) > 30


# Hyperliquid lists by POST, which a listing cannot.
@pytest.mark.parametrize("name", [one for one in NAMES if one != "hyperliquid.public"])
def test_the_adapter_lists_the_contracts_that_the_fake_trades(name):
    protocol = protocols()[name]
    exchange, _ = adapter(protocol)
    known = listed(protocol, exchange)
    contracts = protocol.contracts(("BTC", "ETH"))
    expected = {
        one.symbol: (one.asset, one.market, one.size, one.unit) for one in contracts
    }
    read = {
        one.symbol: (one.asset, one.market, one.contract, one.unit)
        for one in known.values()
    }
    assert expected.items() <= read.items()
    # The dated and the spot instruments listed besides are none; LUNA is one that ended.
    others = {one.asset for symbol, one in known.items() if symbol not in expected}
    assert others <= {"LUNA"} | siblings(protocol, known)


def siblings(protocol: Protocol, known) -> set[str]:
    """Assets of the venue's other lines, which its listings tell too."""
    rest = [one for one in protocols().values() if one.exchange == protocol.exchange]
    symbols = {
        one.symbol
        for line in rest
        if line != protocol
        for one in line.contracts(("BTC", "ETH"))
    }
    return {known[symbol].asset for symbol in symbols & set(known)}


@pytest.mark.parametrize("name", ["binance.usdm", "binance.coinm", "bybit.linear",
                                  "bybit.inverse", "okx.public", "aster.usdm"])  # fmt: skip
def test_the_adapter_reads_trades_and_marks_as_the_market_made_them(name):
    protocol = protocols()[name]
    exchange, line = adapter(protocol)
    known = listed(protocol, exchange)
    session = subscribed(protocol, exchange, line, "trades", "mark_price")
    sold, marks = defaultdict(int), {}
    for push in _fake.pushes(protocol, orders=0.01):
        for event in decoded(protocol, line, known, session, push):
            if isinstance(event, Trade):
                sold[event.market, event.side] += event.usd
            elif isinstance(event, Candle):
                marks[event.market, event.ts_event] = event.close
    made, prices = defaultdict(int), {}
    for one in _fake.some(protocol, orders=0.01):
        if hasattr(one, "sells"):
            made[one.contract.market, "sell" if one.sells else "buy"] += cents(one.usd)
        elif hasattr(one, "index"):
            prices[one.contract.market, one.time] = float(one.price)
    assert sold == made
    assert marks == prices


@pytest.mark.parametrize("name", NAMES)
def test_every_poll_of_the_adapter_is_answered_and_read(name):
    protocol = protocols()[name]
    exchange, line = adapter(protocol)
    own = {one.symbol for one in protocol.contracts(("BTC", "ETH"))}
    for poll in exchange.polls:
        for one in listed(protocol, exchange).values():
            if one.symbol in own and line.carries(one) and poll.carries(one):
                answer = asked(protocol, poll.locate(one))
                assert answer is not None, (poll.name, poll.locate(one))
                assert poll.decode(answer, _fake.BEGIN + 90_000_000, one) != []
