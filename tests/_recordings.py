"""A generated stretch of a recorder's life, and what is true about it.

Venues make events; connections come and go; frames arrive late, twice, out of order,
broken; the recorder crashes and starts again. `Journal.entries` is what its journal
would hold. What is true (`delivered`, `lost`, `watched`) comes from the script alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

import msgspec

from _venues import VENUES, frame
from washout.clock import MINUTE, SECOND, parse_time
from washout.collect.entries import Closed, Entry, Kind, Opened, Polled, Started

BEGIN = parse_time("2026-11-25T10:58:00")
DOWN = 21 * SECOND
MS = 1000


@dataclass
class Session:
    """One connection: subscribed from `ack`, hears until `deaf`, closed at `close`."""

    exchange: str
    line: str
    twin: int
    number: int
    open: int
    ack: int
    deaf: int
    close: int
    reason: str
    signs: list[int] = field(default_factory=list)


@dataclass
class Journal:
    entries: list[Entry]
    delivered: dict[tuple, dict]
    """(exchange, symbol, kind, id) -> the event, with `received` of its first copy."""
    lost: list[dict]
    watched: dict[tuple, list[tuple[int, int]]]
    """(exchange, symbol) -> when, in push time, some connection saw it."""
    end: int


LINES = {
    ("alpha", "linear"): ("BTCUSDT", "ETHUSDT"), ("alpha", "inverse"): ("BTCUSD",),
    ("beta", "all"): ("XBT", "ETH"),
}  # fmt: skip
WANTS = {"alpha": ("liquidations", "trades", "mark_price"), "beta": ("liquidations",)}
KINDS = {"liquidations": "liq", "trades": "trade", "mark_price": "mark"}


def entry(kind, time, connection=0, payload=b""):
    if not isinstance(payload, bytes):
        payload = msgspec.json.encode(payload)
    return Entry(kind, time, connection, payload)


def opened(exchange, line, symbols, wants, twin=0):
    listed = [i for i in VENUES[exchange].listed if i.symbol in symbols]
    described = VENUES[exchange].line(line)
    topics = [t for want in wants for t in described.topics(want, listed)]
    return Opened(
        exchange=exchange, line=line, url="ws://venue", topics=tuple(topics), twin=twin,
        carries={want: tuple(symbols) for want in wants},
    )  # fmt: skip


def started():
    return Started(
        washout="0", scopes=("alpha:BTC", "beta:BTC"), wants=("liquidations",),
        durability="1s",
    )  # fmt: skip


def generated(seed, *, minutes=6, rate=0.4, crash=True, broken=0.01):
    """A journal of some minutes with everything that can go wrong."""
    random = Random(seed)
    end = BEGIN + minutes * MINUTE
    crashed = BEGIN + random.randrange(minutes * MINUTE // 2, minutes * MINUTE)
    runs = [(BEGIN, crashed), (crashed + DOWN, end)] if crash else [(BEGIN, end)]
    events = _events(random, BEGIN, end, rate)
    numbers = iter(range(1, 10_000))
    sessions, entries, copies = [], [], defaultdict(list)
    for begin, stop in runs:
        run = [entry(Kind.STARTED, begin, 0, started())]
        mine = _sessions(random, begin, stop, numbers)
        for one in mine:
            run += _life(random, one, events, stop, copies, broken)
        run += [
            entry(Kind.TICK, t) for t in range(begin + 777 * MS, stop, SECOND)
        ] + _polls(begin, stop)  # fmt: skip
        entries += sorted((e for e in run if e.ts < stop), key=lambda e: e.ts)
        sessions += mine
    last = {stop: max(e.ts for e in entries if e.ts < stop) for _, stop in runs}
    return Journal(
        entries=entries, end=entries[-1].ts,
        delivered={
            key: {**event, "received": min(copies[key])}
            for key, event in events.items() if copies[key]
        },
        lost=[event for key, event in events.items() if not copies[key]],
        watched=_watched(sessions, entries, last),
    )  # fmt: skip


def _events(random, begin, end, rate):
    """Events of every stream, Poisson in whole milliseconds."""
    found = {}
    for (exchange, _), symbols in LINES.items():
        for symbol in symbols:
            for want in WANTS[exchange]:
                time, number = begin, 0
                while (
                    time := time + 1 + int(random.expovariate(rate) * 1000) * MS
                ) < end:
                    number += 1
                    key = (exchange, symbol, KINDS[want], str(number))
                    found[key] = {
                        "key": key, "time": time // MS * MS, "kind": KINDS[want],
                        "side": random.choice(["buy", "sell"]),
                        "price": 100.0 + random.randrange(100) / 10,
                        "usd": random.choice([500, 7_000, 30_000, 500_000]) * 100
                        + random.randrange(1000),
                    }  # fmt: skip
    return found


def _sessions(random, begin, stop, numbers):
    """Connections one after another, with holes; those of the linear line are twins."""
    found = []
    for exchange, line in LINES:
        for twin in (0, 1) if line == "linear" else (0,):
            time = begin + random.randrange(SECOND) + MS
            while time < stop:
                ack = time + random.randrange(MS, SECOND)
                close = ack + random.randrange(10 * SECOND, 150 * SECOND)
                reason = random.choice(["code 1006", "dead", "lifetime", "error: x"])
                deaf = close - 30 * SECOND if reason == "dead" else close
                deaf = max(deaf, ack + SECOND)
                one = Session(
                    exchange, line, twin, next(numbers), time, ack, deaf, close, reason
                )  # fmt: skip
                found.append(one)
                # A new one is acknowledged before an old one is closed in order.
                before = reason == "lifetime"
                time = close - 2 * SECOND if before else close + random.randrange(
                    MS, 20 * SECOND
                )  # fmt: skip
    return found


def _life(random, one, events, stop, copies, broken):
    """The entries of a connection, noting which events arrive by it."""
    symbols, wants = LINES[one.exchange, one.line], WANTS[one.exchange]
    said = opened(one.exchange, one.line, symbols, wants, one.twin)
    yield entry(Kind.OPENED, one.open, one.number, said)
    one.signs.append(one.open)
    answers = (
        [list(said.topics)] if one.exchange == "alpha" else [[]] * len(said.topics)
    )
    for topics in answers:
        yield _heard(one, one.ack, msgspec.json.encode({"ack": topics}))
    for time in range(one.ack + 5 * SECOND, one.deaf, 5 * SECOND):
        one.signs.append(time)
        yield entry(Kind.PONG, time, one.number)
    for key, event in events.items():
        if key[0] == one.exchange and key[1] in symbols:
            yield from _pushes(random, one, key, event, stop, copies, broken)
    if one.close < stop:
        yield entry(Kind.CLOSED, one.close, one.number, Closed(reason=one.reason))


def _heard(one, time, payload):
    one.signs.append(time)
    return entry(Kind.FRAME, time, one.number, payload)


def _pushes(random, one, key, event, stop, copies, broken):
    pushed = event["time"] + random.randrange(MS, SECOND)
    if not (one.ack < pushed < min(one.deaf, stop)):
        return
    payload = frame(
        event["kind"],
        (key[1], event["time"], key[3], event["side"], event["price"], event["usd"]),
    )  # fmt: skip
    if random.random() < broken:
        one.signs.append(pushed)
        event["broken"] = True
        yield entry(Kind.FRAME, pushed, one.number, payload[:-7])
        return
    for delay in _delays(random):
        arrives = pushed + delay
        if arrives < min(one.deaf, stop):
            copies[key].append(arrives)
            yield _heard(one, arrives, payload)


def _delays(random):
    """Once as a rule, sometimes again soon, or much later."""
    yield 0
    if random.random() < 0.1:
        yield random.choice([1, SECOND, 30 * SECOND, 80 * SECOND])


def _polls(begin, stop):
    """An answer every ten seconds; every other one is news."""
    told = Polled(exchange="alpha", poll="interest", symbol="BTCUSDT", status=200)
    return [
        entry(
            Kind.POLLED, time, 0,
            msgspec.json.encode(told) + b"\n"
            + msgspec.json.encode([{"time": time // (20 * SECOND) * 20 * SECOND, "size": 5}]),
        )
        for time in range(begin + 5 * SECOND, stop, 10 * SECOND)
    ]  # fmt: skip


def _watched(sessions, entries, last):
    """Per symbol, stretches of push time in which a connection saw it."""
    found = defaultdict(list)
    for one in sessions:
        stop = min(stop for stop in last if stop > one.open)
        if one.ack > last[stop]:
            continue
        signs = [time for time in one.signs if time <= min(one.close, last[stop])]
        orderly = one.close < stop and one.reason == "lifetime"
        until = one.close if orderly else max(signs)
        for symbol in LINES[one.exchange, one.line]:
            found[one.exchange, symbol].append((one.ack, until))
    return found
