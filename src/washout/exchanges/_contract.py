"""What an exchange is: dated facts, lines to listen on, and what a frame means.

Pure: nothing here opens a socket or reads a clock. Adding a venue is one file that
makes an `Exchange`, and frames recorded from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from washout.errors import InputError
from washout.events import Event, Trust

if TYPE_CHECKING:
    import pyarrow as pa

Want = Literal[
    "liquidations", "trades", "mark_price", "open_interest", "funding_rate"
]  # fmt: skip
"""What can be recorded of a market."""

Unit = Literal["base", "usd"]
"""What one contract is a size of: the asset, or US dollars (inverse contracts)."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """How complete a venue's public liquidation feed was from `since` on."""

    since: int
    trust: Trust
    floor: bool
    says: str
    source: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """An instant at which the meaning of a venue's record changed."""

    at: int
    label: str
    source: str


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """How a field is read, who says so, and whether any document settles it.

    `confirmed` is False where no document at hand does; `washout confirm` says how ten
    minutes of live frames would.
    """

    field: str
    says: str
    source: str
    confirmed: bool = True
    settled_by: str = (
        "record ten minutes with prices; if the label is right, longs are printed below"
        " the market after it fell, shorts above after it rose"
    )
    """How live frames would settle it."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A perpetual as the venue names it: one contract is `contract` of its `unit`.

    Venues that count the asset itself have a `contract` of 1.
    """

    symbol: str
    asset: str
    market: str
    contract: Decimal = Decimal(1)
    unit: Unit = "base"


Instruments = Mapping[str, Instrument]
"""By the venue's symbol."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that states no fact of the market.

    `topics` are those that an `ack` or a `refused` speaks of, all of the request if
    empty. `answer` must be sent back at once, as a ping asks for.
    """

    what: Literal["ack", "refused", "ping", "pong", "closing", "ignored"]
    topics: tuple[str, ...] = ()
    text: str = ""
    answer: bytes | None = None


Decoded = list[Event] | Said
"""What a frame means."""

Decode = Callable[[bytes, int, Instruments], Decoded]
"""`decode(payload, ts_recv, instruments)`; Unexplained where it cannot say."""


class Unexplained(InputError):
    """A frame that no rule of the venue explains. It is counted and kept, not guessed."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of websocket connection: where it is, and how one speaks there.

    Durations are seconds. `topics(want, instruments)` names what to ask for, as few
    topics as the venue allows (one for all markets where there is such a stream); it is
    empty where the line has nothing of the kind. `locate(topics)` is the address to
    connect to. `ask(topics)` are the frames that subscribe, none if the address does;
    `acknowledges` says whether the venue answers them. `sent_ping` is what we must send
    every `ping_every` seconds; where it is None, the venue pings or needs none.
    """

    name: str
    locate: Callable[[Sequence[str]], str]
    topics: Callable[[Want, Sequence[Instrument]], list[str]]
    decode: Decode
    carries: Callable[[Instrument], bool] = lambda _instrument: True
    ask: Callable[[Sequence[str]], list[bytes]] = lambda _topics: []
    acknowledges: bool = True
    sent_ping: bytes | None = None
    ping_every: float = 20.0
    silent_after: float = 30.0
    """Without any frame or pong for so long, the connection counts as dead."""
    lifetime: float | None = None
    """After this the venue cuts; the line is renewed well before."""
    most_topics: int = 200
    """On one connection."""
    most_connections: tuple[int, float] = (30, 60.0)
    """So many attempts within so many seconds."""
    binary: bool = False
    """Whether frames come packed (gzip); `decode` unpacks them."""
    compressed: bool = False
    """Whether to offer permessage-deflate."""
    timeless: bool = False
    """Whether events are told without a time, so that `ts_event` is when they were
    received: twins hear them at different moments, and only ids tell them apart."""
    decode_many: (
        Callable[[Sequence[bytes], Sequence[int], Instruments], Mapping[str, pa.Table]]
        | None
    ) = None
    """The same for many frames of facts at once, faster: tables in the schemas of their
    kinds. Where it raises, frames are decoded one by one."""


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for over HTTP every `every` seconds, for each instrument.

    `locate` gives the address (GET) for one instrument; `decode` reads the answer's
    body for that instrument.
    """

    name: str
    want: Want
    every: float
    locate: Callable[[Instrument], str]
    decode: Callable[[bytes, int, Instrument], list[Event]]
    carries: Callable[[Instrument], bool] = lambda _instrument: True


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a venue lists its perpetuals, and how to read the answer."""

    url: str
    read: Callable[[bytes], list[Instrument]]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A venue.

    `coverage` is ordered by time; before its first fact nothing is known. `listed` are
    instruments known without asking: enough to decode recorded frames.
    """

    name: str
    title: str
    coverage: Sequence[Fact] = ()
    breaks: Sequence[Break] = ()
    meanings: Sequence[Meaning] = ()
    lines: Sequence[Line] = ()
    polls: Sequence[Poll] = ()
    listings: Sequence[Listing] = ()
    listed: Sequence[Instrument] = ()

    def line(self, name: str) -> Line:
        """The line of that name; KeyError names none."""
        return {line.name: line for line in self.lines}[name]


def cents(amount: Decimal) -> int:
    """USD as int64 cents, half to even.

    >>> cents(Decimal("138.677"))
    13868
    """
    return int((amount * 100).to_integral_value(ROUND_HALF_EVEN))
