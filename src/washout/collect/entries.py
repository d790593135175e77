"""What the journal holds: frames as received, and what became of connections.

Everything that the recorder knows comes through entries in order of time, so that a
replay of the journal is the recording once more.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Kind(IntEnum):
    """What an entry is; payloads are JSON unless said otherwise."""

    STARTED = 1
    """The recorder began: `Started`."""
    LISTED = 2
    """Instruments of an exchange that frames from here on speak of: `Listed`."""
    OPENED = 3
    """A connection was made and topics were asked for: `Opened`."""
    FRAME = 4
    """A frame, its bytes as received."""
    PONG = 5
    """A sign of life of the websocket itself; no payload."""
    CLOSED = 6
    """A connection ended: `Closed`."""
    POLLED = 7
    """The answer to a poll: a line of JSON (`Polled`), a newline, the body."""
    TICK = 8
    """Time has passed; at least once a second. No payload."""
    STOPPED = 9
    """The recorder ended in order."""
    LOST = 10
    """Entries that the journal should hold at this place and does not: `Lost`."""
    RESUMED = 11
    """Reading begins amid a recording. The entries that follow in this list restate, at
    the present time, what went on: the recorder, instruments, connections still open,
    which were acknowledged unless they are seconds old. No payload."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry. `ts` is microseconds UTC at receipt; connection 0 is the recorder."""

    kind: Kind
    ts: int
    connection: int
    payload: bytes = b""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded: scopes as `exchange:ASSET`, and the wants of each."""

    washout: str
    scopes: tuple[str, ...]
    wants: tuple[str, ...]
    durability: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """`instruments` are msgspec-encoded `exchanges.Instrument`s."""

    exchange: str
    instruments: tuple[dict[str, str], ...]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """`twin` is 0 or 1: two connections with the same topics back each other up."""

    exchange: str
    line: str
    url: str
    topics: tuple[str, ...]
    carries: dict[str, tuple[str, ...]]
    """Per want (`liquidations`, `trades`, ...) the symbols that the topics carry."""
    twin: int = 0


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """`reason`: `lifetime`, `dead`, `refused`, `stopped`, `error: ...`, `code 1006`.

    `alive` is the last instant at which it certainly was: before what was read last came
    in, which may have lain in the kernel while we were busy. 0 where that is not known.
    """

    reason: str
    alive: int = 0


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """Which poll of which instrument answered; `status` is that of HTTP."""

    exchange: str
    poll: str
    symbol: str
    status: int


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A hole in the journal: what was received in `[first, last]` may be missing.

    `last` is None at the end of the journal. `entries` is how many they were, None where
    that is not known; `size` is the bytes that cannot be read. `reason` is words.
    """

    first: int
    last: int | None
    entries: int | None
    size: int
    reason: str
