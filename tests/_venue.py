"""A small venue on loopback, as rude as a test asks for, and a line that speaks to it."""

from __future__ import annotations

import asyncio
import functools
from contextlib import asynccontextmanager

import msgspec
from picows import (
    WSListener,
    WSMsgType,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from washout.collect.entries import Closed, Kind, Opened
from washout.collect.pacing import Timing
from washout.exchanges import Instrument, Line, Said, Unexplained


class Manners(msgspec.Struct, kw_only=True):
    """What the venue does, and what it saw."""

    answers: bool = True
    """Acknowledges, naming the topics."""
    names: bool = True
    bad: tuple[str, ...] = ()
    """Topics that are refused; without `names` with the whole request."""
    pongs: bool = True
    pings: bytes | None = None
    """Sent once asked for something."""
    statuses: list[tuple[int, dict[str, str]]] = []
    """Handshakes refused, first come first."""
    closes: list[int] = []
    """Close codes sent after the acknowledgement."""
    greeting: list[bytes] = []
    handshakes: list[float] = []
    heard: list[bytes] = []
    pinged: int = 0
    ponged: int = 0
    sockets: list = []


class Socket(WSListener):
    def __init__(self, manners):
        self.manners = manners
        self.transport = None

    def on_ws_connected(self, transport):
        self.transport = transport
        self.manners.sockets.append(self)

    def on_ws_frame(self, transport, frame):
        manners, kind = self.manners, frame.msg_type
        if kind == WSMsgType.PING:
            manners.pinged += 1
            if manners.pongs:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            manners.ponged += 1
        elif kind == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            self._text(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, _transport):
        if self in self.manners.sockets:
            self.manners.sockets.remove(self)

    def _text(self, text):
        manners = self.manners
        manners.heard.append(text)
        if not text.startswith(b"ask "):
            return
        topics = text.decode().split()[1:]
        if manners.answers:
            self._answer(topics)
        for frame in manners.greeting:
            self.say(frame)
        if manners.pings is not None:
            self.transport.send_ping(manners.pings)
        if manners.closes:
            self.transport.send_close(manners.closes.pop(0), b"go")

    def _answer(self, topics):
        bad = [topic for topic in topics if topic in self.manners.bad]
        if not self.manners.names:
            self.say(b"no" if bad else b"yes")
            return
        good = [topic for topic in topics if topic not in bad]
        if good:
            self.say(" ".join(["yes", *good]).encode())
        if bad:
            self.say(" ".join(["no", *bad]).encode())

    def say(self, frame):
        self.transport.send(WSMsgType.TEXT, frame)


def decode(payload, ts_recv, instruments):
    """`yes TOPIC...`, `no TOPIC...`, `ping N`, `fact ...`; the rest is unexplained."""
    word, *rest = payload.decode().split()
    if word == "fact":
        return []
    if word == "ping":
        return Said(what="ping", answer=b"pong " + rest[0].encode())
    what = {"yes": "ack", "no": "refused", "bye": "closing", "hello": "ignored"}
    if word not in what:
        raise Unexplained(word)
    return Said(what=what[word], topics=tuple(rest), text=payload.decode())


def line(**settings):
    """A line whose every symbol has a topic `t.SYMBOL`."""
    return Line(**{
        "name": "main",
        "locate": lambda _topics: "ws://venue.invalid/ws",
        "topics": lambda _want, listed: [f"t.{one.symbol}" for one in listed],
        "decode": decode,
        "ask": lambda topics: ["ask {}".format(" ".join(topics)).encode()],
        "silent_after": 5.0,
        **settings,
    })  # fmt: skip


def instruments(*symbols):
    return [Instrument(symbol=s, asset=s, market=f"{s}-USDT") for s in symbols]


@asynccontextmanager
async def venue(manners):
    """The address of a venue that behaves so."""

    def listener(request):
        manners.handshakes.append(asyncio.get_running_loop().time())
        if manners.statuses:
            status, headers = manners.statuses.pop(0)
            answer = WSUpgradeResponse.create_error_response(
                status, b"no", extra_headers=headers
            )
            return WSUpgradeResponseWithListener(answer, None)
        return Socket(manners)

    server = await ws_create_server(listener, "127.0.0.1", 0, enable_auto_pong=False)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"ws://{host}:{port}"
    finally:
        server.close()
        for socket in list(manners.sockets):
            socket.transport.disconnect(graceful=False)


class Heard:
    """A sink that waits for what a test expects; a clock that counts up."""

    def __init__(self):
        self.entries = []
        self.ticks = 0
        self._more = asyncio.Event()

    def __call__(self, entry):
        self.entries.append(entry)
        self._more.set()

    def timing(self, rate=1.0):
        def clock():
            self.ticks += 1
            return self.ticks

        return Timing(clock, rate)

    async def until(self, true):
        """Wait until `true(self)`; a test that waits for ever is stopped."""
        async with asyncio.timeout(20):
            while not true(self):
                self._more.clear()
                await self._more.wait()

    def of(self, kind):
        return [entry for entry in self.entries if entry.kind == kind]

    @property
    def opened(self):
        return [
            msgspec.json.decode(e.payload, type=Opened) for e in self.of(Kind.OPENED)
        ]

    @property
    def reasons(self):
        closed = self.of(Kind.CLOSED)
        return [msgspec.json.decode(e.payload, type=Closed).reason for e in closed]

    @property
    def frames(self):
        return [entry.payload for entry in self.of(Kind.FRAME)]


def run(test):
    """Run an asynchronous test, at most half a minute."""

    @functools.wraps(test)
    def plain(*args, **kwargs):
        async def within():
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        asyncio.run(within())

    return plain
