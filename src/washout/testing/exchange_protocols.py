"""What a fake needs to know of a venue, and the words in which venues say it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from washout.errors import UnknownName
from washout.testing.exchange_market import (
    Contract,
    Happening,
    Mark,
    Order,
    Throttle,
    Trade,
    World,
)

Topics = tuple[str, ...]
_encoder = msgspec.json.Encoder(decimal_format="number")


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A message to all who asked for one of its topics, and the facts in it.

    `after` is how many microseconds later than the last fact it goes out.
    """

    topics: Topics
    body: bytes
    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    after: int = 0


class Session:
    """One connection as the venue knows it. Times are market time in microseconds."""

    def __init__(self, number: int, path: str, now: Callable[[], int]) -> None:
        self.number, self.path, self.now = number, path, now
        self.topics: dict[str, Any] = {}
        """What was asked for and acknowledged, and what the venue calls it here."""
        self.counter = 0
        self.refused: Callable[[str], bool] = lambda _topic: False
        """Whether a fault makes the venue refuse this topic."""
        self.notes: dict[str, Any] = {}
        self.end: tuple[int, str] | None = None
        """Set by a venue that ends the connection: code and reason of the close."""

    def count(self) -> int:
        """The next number of this connection's messages."""
        self.counter += 1
        return self.counter

    @property
    def ms(self) -> int:
        """Market time in milliseconds."""
        return self.now() // 1000


class Pings(msgspec.Struct, frozen=True, kw_only=True):
    """Who must show life, and when the venue gives up; seconds of market time.

    Every `every` seconds the venue sends `text`, or a ping of the websocket itself if
    that is None, and ends the connection when no answer came for `within`. Without any
    message from the client for `idle` seconds it ends it too.
    """

    every: float | None = None
    within: float = 60.0
    text: Callable[[Session], bytes] | None = None
    idle: float | None = None
    idle_end: tuple[int, str] = (1000, "")
    pushes_count: bool = False
    """Whether what the venue itself sends counts as life."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request of REST as a venue sees it."""

    path: str
    query: Mapping[str, str]
    body: bytes
    world: World
    contracts: Sequence[Contract]
    now: int

    @property
    def ms(self) -> int:
        """Market time in milliseconds."""
        return self.now // 1000

    def contract(self, symbol: str | None) -> Contract | None:
        """The contract of this symbol, if there is one."""
        return next((one for one in self.contracts if one.symbol == symbol), None)

    def mark(self, contract: Contract) -> Mark:
        """Its prices and its funding rate now."""
        return self.world.mark(contract, self.now)

    def open_interest(self, contract: Contract) -> Decimal:
        """In coins."""
        return self.world.open_interest(contract.asset, self.now)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of REST."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """How one line of a venue speaks.

    `paths(path, query)` are the topics that an address asks for by itself, None where
    there is nothing. `greet(session)` is sent first, `hear(session, message)` answers
    the client. `orders(orders)` prints forced orders of one contract that came within
    `batch` milliseconds; `trade` and `mark` print the rest, where the venue has it.
    `wrap(session, topic, push)` is the frame of a connection.
    """

    exchange: str
    line: str
    source: str
    contracts: Callable[[Sequence[str]], list[Contract]]
    paths: Callable[[str, Mapping[str, str]], Topics | None]
    hear: Callable[[Session, bytes], list[bytes]]
    orders: Callable[[Sequence[Order]], list[Push]]
    trade: Callable[[Trade], Push] | None = None
    mark: Callable[[Mark], Push] | None = None
    greet: Callable[[Session], list[bytes]] = lambda _session: []
    wrap: Callable[[Session, str, Push], bytes] = lambda _session, _topic, push: (
        push.body
    )
    rest: Callable[[Asked], Answer | None] = lambda _asked: None
    host: str = ""
    """Of REST, where the lines of a venue have several."""
    pings: Pings = Pings()
    gzip: bool = False
    throttle: Throttle | None = None
    batch: int = 0
    most: int | None = None
    """Orders in one message."""
    share: float = 0.2
    lifetime: float | None = 86_400.0
    """Seconds after which the venue cuts."""
    messages: tuple[int, float] | None = None
    """So many messages of a client within so many seconds, or the venue cuts."""
    connections: tuple[int, float] | None = None
    """So many handshakes within so many seconds, or they are answered with 429."""

    @property
    def name(self) -> str:
        """`binance.usdm`."""
        return f"{self.exchange}.{self.line}"

    def push(self, happening: Happening) -> list[Push]:
        """What goes out when something happens."""
        if isinstance(happening, Order):
            return self.orders([happening])
        if isinstance(happening, Trade):
            return [] if self.trade is None else [self.trade(happening)]
        return [] if self.mark is None else [self.mark(happening)]


@cache
def protocols() -> dict[str, Protocol]:
    """Every line that can be faked, by name."""
    from washout.testing import venues

    found: list[Protocol] = []
    for module in pkgutil.iter_modules(venues.__path__):
        if not module.name.startswith("_"):
            one = importlib.import_module(f"{venues.__name__}.{module.name}")
            found.extend(one.PROTOCOLS)
    return {protocol.name: protocol for protocol in found}


def chosen(names: Sequence[str]) -> list[Protocol]:
    """Lines by name (`binance.usdm`) or venue (`binance`); all if none is named."""
    known = protocols()
    found: dict[str, Protocol] = {}
    for name in names or sorted(known):
        lines = [line for line in known.values() if name in (line.name, line.exchange)]
        if not lines:
            raise UnknownName("fake exchange", name, [*known, *(
                line.exchange for line in known.values()
            )])  # fmt: skip
        found.update((line.name, line) for line in lines)
    return list(found.values())


def dumps(message: Any) -> bytes:
    """JSON, its numbers as they are: Decimals are numbers here, unless put in text."""
    return _encoder.encode(message)


def loads(message: bytes) -> Any:
    """JSON that a client sent; None if it is none."""
    try:
        return msgspec.json.decode(message)
    except msgspec.DecodeError:
        return None


def text(value: Decimal) -> str:
    """A number as venues write it in text, without an exponent."""
    return format(value, "f")


def iso(time: int) -> str:
    """Microseconds as `2026-11-25T01:02:03.004Z`."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time // 1000 % 1000:03d}Z"


def fake_id(*parts: Any) -> str:
    """An identifier in the form of a UUID, the same for the same parts."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))
