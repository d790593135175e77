"""Hyperliquid perpetuals: liquidations of the addresses that are watched.

No public channel tells the liquidations of all users: trades have no mark. Fills of one
user have, for at most ten users an address of ours. So nothing is recorded unless
somebody names whom to watch, in a file of their own (`FOLDER/exchanges/watched.py`):

    from washout.exchanges.hyperliquid import watching

    hyperliquid = watching(["0x..."])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from washout.errors import UsageError
from washout.events import Event
from washout.exchanges import (
    Decoded,
    Exchange,
    Fact,
    Instrument,
    Instruments,
    Line,
    Meaning,
    Said,
    Want,
)
from washout.exchanges import _making as make
from washout.exchanges._reading import Millis, amount, read, unexplained

_DOC = "hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket"
_FILL = (
    f"{_DOC}/subscriptions: WsFill has 'side', 'startPosition', 'dir: used for frontend"
    " display', 'tid: unique trade id', 'liquidation?: FillLiquidation'; that has"
    " 'liquidatedUser?: string', 'markPx', 'method: \"market\" | \"backstop\"'"
)
_NO_CHANNEL = (
    f"{_DOC}/subscriptions: no subscription of liquidations, trades without a mark; a"
    " probe of 2026-09-18 (belyjelli/ai-rates): 'no liquidations subscription, and its"
    " trades carry no liquidation marker'"
)

MOST_USERS = 10
"""'Maximum of 10 unique users across user specific websocket subscriptions'."""

_COIN = re.compile(r"k?[A-Z0-9]+")
"""`BTC`, `kPEPE`; not spot (`@107`, `PURR/USDC`) nor builders' markets (`xyz:GOLD`)."""

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_SIDES = {"A": make.CLOSES["long"], "B": make.CLOSES["short"]}


class _Liquidation(msgspec.Struct, frozen=True):
    liquidatedUser: str  # noqa: N815
    method: Literal["market", "backstop"]


class _Fill(msgspec.Struct, frozen=True):
    coin: str
    px: str
    sz: str
    side: Literal["A", "B"]
    time: Millis
    startPosition: str  # noqa: N815
    tid: Annotated[int, msgspec.Meta(ge=0)]
    liquidation: _Liquidation | None = None


class _Fills(msgspec.Struct, frozen=True):
    user: str
    fills: list[_Fill]
    isSnapshot: bool = False  # noqa: N815


class _Subscription(msgspec.Struct, frozen=True):
    type: str
    user: str = ""


class _Response(msgspec.Struct, frozen=True):
    method: Literal["subscribe"]
    subscription: _Subscription


class _Frame(msgspec.Struct, frozen=True):
    channel: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_FRAME = msgspec.json.Decoder(_Frame)
_FILLS = msgspec.json.Decoder(_Fills)
_RESPONSE = msgspec.json.Decoder(_Response)
_TEXT = msgspec.json.Decoder(str)


def decode(payload: bytes, received: int, _instruments: Instruments) -> Decoded:
    """Fills of a watched user who was liquidated; `side` A sells and closes a long.

    The same trade has a fill of whoever was on the other side, with the same
    `liquidation`: it is not counted. The snapshot is from before we listened.
    """
    frame = read(_FRAME, payload, "hyperliquid")
    if frame.channel == "pong":
        return Said(what="pong")
    if frame.data is msgspec.UNSET:
        raise unexplained("hyperliquid", "expected data", payload)
    match frame.channel:
        case "userFills":
            return _fills(read(_FILLS, frame.data, "hyperliquid"), received)
        case "trades":
            return Said(what="ignored", text="trades have no mark of liquidation")
        case "subscriptionResponse":
            answer = read(_RESPONSE, frame.data, "hyperliquid").subscription
            return Said(what="ack", topics=(f"{answer.type}:{answer.user.lower()}",))
        case "error":
            return Said(what="refused", text=read(_TEXT, frame.data, "hyperliquid"))
    raise unexplained("hyperliquid", "expected userFills or an answer", payload)


def _fills(told: _Fills, received: int) -> Decoded:
    if told.isSnapshot:
        return Said(what="ignored", text="fills from before we listened")
    user = told.user.lower()
    events: list[Event] = [
        _order(fill, received)
        for fill in told.fills
        if fill.liquidation is not None
        and fill.liquidation.liquidatedUser.lower() == user
        and _COIN.fullmatch(fill.coin)
    ]
    return events or Said(what="ignored", text="no liquidation of the watched user")


def _order(fill: _Fill, received: int) -> Event:
    """A sell must meet a long: startPosition is what was held before the fill."""
    sides = _SIDES[fill.side]
    held = "short" if fill.startPosition.startswith("-") else "long"
    if held != sides[1]:
        raise unexplained(
            "hyperliquid", f"expected a {sides[1]} before a fill on side {fill.side}",
            msgspec.json.encode(fill),
        )  # fmt: skip
    amount(fill.startPosition.removeprefix("-"), "startPosition", "hyperliquid")
    return make.liquidation(
        "hyperliquid", _named(fill.coin), sides, amount(fill.sz, "sz", "hyperliquid"),
        amount(fill.px, "px", "hyperliquid"), "fill", fill.time, received, str(fill.tid),
    )  # fmt: skip


def _named(coin: str) -> Instrument:
    return Instrument(symbol=coin, asset=coin.upper(), market=f"{coin.upper()}-USD")


def _ask(topics: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode(
            {"method": "subscribe", "subscription": {"type": kind, "user": user}}
        )
        for kind, _, user in (topic.partition(":") for topic in topics)
    ]


def watching(users: Sequence[str]) -> Exchange:
    """Hyperliquid with the liquidations of `users`, ten addresses at most.

    Raises UsageError for what is no address, and for more than ten.
    """
    topics = [f"userFills:{_address(user)}" for user in users]
    if len(topics) > MOST_USERS:
        raise UsageError(
            f"{len(topics)} users of Hyperliquid are to be watched; it allows"
            f" {MOST_USERS} at a time. Leave some out."
        )

    def ask_for(want: Want, instruments: Sequence[Instrument]) -> list[str]:
        return list(topics) if want == "liquidations" and instruments else []

    return Exchange(
        name="hyperliquid", title="Hyperliquid", coverage=_COVERAGE,
        meanings=_MEANINGS, listed=_LISTED,
        lines=(
            Line(
                name="public", locate=lambda _topics: "wss://api.hyperliquid.xyz/ws",
                topics=ask_for, decode=decode, ask=_ask,
                # 'The server will close any connection if it hasn't sent a message to
                # it in the last 60 seconds.'
                sent_ping=b'{"method":"ping"}', ping_every=20.0, silent_after=60.0,
                most_topics=MOST_USERS, most_connections=(30, 60.0),
            ),
        ),
    )  # fmt: skip


def _address(user: str) -> str:
    found = user.strip().lower()
    if not _ADDRESS.fullmatch(found):
        raise UsageError(f"{user!r} is no address: write 0x and 40 hexadecimal digits.")
    return found


_COVERAGE = (
    Fact(
        since=0, trust="unknown", floor=True,
        says="only fills of watched addresses are told, nothing of all others",
        source=_NO_CHANNEL,
    ),
)  # fmt: skip

_MEANINGS = (
    Meaning(
        field="all liquidations",
        says="no public channel tells them; node data and vendors do",
        source=_NO_CHANNEL,
    ),
    Meaning(
        field="liquidation.liquidatedUser",
        says="both fills of a trade have it; the one whose user it is, is counted",
        source=_FILL,
    ),
    Meaning(
        field="side, startPosition",
        says="A (ask) sells; it closes a long, which startPosition must show",
        source=f"{_FILL}; Notation: 'Side: B = Bid = Buy, A = Ask = Short'",
    ),
    Meaning(
        field="px, sz",
        says="what was filled, in the coin; not markPx, which is the mark price. With"
        " method backstop the vault takes over the position: px is then no trade in the"
        " book",
        source=_FILL, confirmed=False,
        settled_by="compare px of fills with method backstop with markPx beside it",
    ),
)  # fmt: skip

_LISTED = tuple(
    Instrument(symbol=coin, asset=coin, market=f"{coin}-USD")
    for coin in ("BTC", "ETH", "SOL")
)

hyperliquid = watching(())
