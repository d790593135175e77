"""The one connection class: a websocket that says what it heard, and when it ends.

It knows how a `Line` is spoken and nothing of any venue. Everything that happens to it
becomes an `Entry` given to a sink, in order of time. picows does the protocol: it hands
frames over in a plain call, 1.7 to 4.4 times as fast as the others (STACK measurements),
knows proxies, and shows the answer to a refused handshake.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from functools import cache
from itertools import count
from time import monotonic
from typing import cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from washout._version import __version__
from washout.collect.asking import Asked
from washout.collect.entries import Closed, Entry, Kind, Opened
from washout.collect.messages import LONGEST_MESSAGE, Messages, Unreadable
from washout.collect.pacing import PENALTY, Attempts, Timing, asked_pause
from washout.collect.shares import Share
from washout.exchanges import Said

log = logging.getLogger("washout.sockets")

CONNECT_WITHIN = 15.0
"""Seconds for name, TCP, TLS and handshake together."""

ANSWER_WITHIN = 15.0
"""Seconds within which every topic must be acknowledged or refused."""

SHAPE = 32
"""So many first bytes tell a frame of facts from one that speaks of the connection."""

MOST_SHAPES = 4096

SENT_AWAY = {1008, 1013}
"""Close codes that say we are unwelcome: policy violation, try again later (RFC 6455,
and its IANA registry)."""

Sink = Callable[[Entry], None]


class Edge:
    """What all connections share: where entries go, time, attempts at each host."""

    def __init__(self, sink: Sink, timing: Timing, *, first: int = 1) -> None:
        self.sink, self.timing = sink, timing
        self.numbers = count(first)
        self.open: dict[int, Connection] = {}
        self.paused = False
        self.before = self._beat = 0
        self._hosts: dict[str, Attempts] = {}

    def attempts(self, url: str) -> Attempts:
        """The limiter of a host and protocol; all that talk to it share one."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        return self._hosts.setdefault(host, Attempts(self.timing))

    def beat(self) -> None:
        """Called whenever the loop comes around: `before` is the time but one.

        What is read now came in after `before`, however long the loop was busy.
        """
        self.before, self._beat = self._beat, self.timing.clock()

    def pause(self) -> None:
        """Read nothing for now: TCP holds back what venues send."""
        self.paused = True
        for connection in self.open.values():
            connection.hold(still=True)

    def resume(self) -> None:
        """Read again."""
        self.paused = False
        for connection in self.open.values():
            connection.hold(still=False)


class Refused(Exception):
    """A connection that could not be made, and how long to stay away, in seconds."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


async def connect(share: Share, edge: Edge, *, singly: bool = False) -> Connection:
    """Connect and ask for the topics; Refused says why that was not possible.

    `singly` asks for one topic after another, to find out which one a venue refuses.
    """
    url = share.url()
    limiter = edge.attempts(url)
    await limiter.wait(share.line.most_connections)
    made = Connection(share, edge, url, singly=singly)
    try:
        async with asyncio.timeout(CONNECT_WITHIN / edge.timing.rate):
            await ws_connect(
                lambda: made, url, websocket_handshake_timeout=CONNECT_WITHIN,
                enable_auto_pong=False, max_frame_size=LONGEST_MESSAGE,
                extra_headers=_headers(share), proxy=_proxy(url),
                ssl_context=trusted() if url.startswith("wss:") else None,
            )  # fmt: skip
    except WSHandshakeError as error:
        raise _refusal(error, limiter, edge.timing) from error
    except TimeoutError:
        made.end("error: no answer")
        raise Refused(f"no answer within {CONNECT_WITHIN:.0f} s") from None
    except (OSError, WSError, ValueError) as error:
        raise Refused(f"{type(error).__name__}: {error}") from error
    except BaseException:
        made.end("stopped")
        raise
    made.tending = asyncio.create_task(made.tend())
    return made


@cache
def trusted() -> ssl.SSLContext:
    """Whom we trust, for sockets and polls alike; making it takes a third of a second."""
    import httpx

    return httpx.create_ssl_context()


def _headers(share: Share) -> dict[str, str]:
    headers = {"User-Agent": f"washout/{__version__}"}
    if share.line.compressed:
        headers["Sec-WebSocket-Extensions"] = (
            "permessage-deflate; client_no_context_takeover"
        )
    return headers


def _proxy(url: str) -> str | None:
    """The proxy that the environment names (HTTPS_PROXY, NO_PROXY), as for HTTP."""
    parts = urlsplit(url)
    proxies = getproxies()
    scheme = "https" if parts.scheme == "wss" else "http"
    named = proxies.get(scheme) or proxies.get("all")
    return named if named and not proxy_bypass(parts.hostname or "") else None


def _refusal(error: WSHandshakeError, limiter: Attempts, timing: Timing) -> Refused:
    """What a refused handshake means; a host that asks for rest gets it from all."""
    if error.response is None:
        return Refused(f"no websocket: {error}")
    status = int(error.response.status)
    after = error.response.headers.get("Retry-After", "")
    pause = asked_pause(status, after, timing.clock())
    if pause is not None:
        limiter.rest(pause)
    return Refused(f"HTTP {status}", pause)


class Connection(WSListener):
    """One websocket, from its handshake to its end."""

    def __init__(self, share: Share, edge: Edge, url: str, *, singly: bool) -> None:
        self.share, self.edge, self.url = share, edge, url
        self.number = next(edge.numbers)
        self.asked = Asked(share.line, share.topics, singly=singly)
        self.reason = ""
        self.made, self.ended = asyncio.Event(), asyncio.Event()
        self.changed = asyncio.Event()
        self.leaving = False
        """Whether the venue announced that it will close."""
        self.tending: asyncio.Task[None] | None = None
        self.opened = self.heard = self._pinged = monotonic()
        self._alive = 0
        self._transport: WSTransport | None = None
        self._known: set[bytes] = set()
        self._messages = Messages()

    # What picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say that it is open, then ask."""
        if self.ended.is_set():
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        self.opened = self.heard = self._pinged = monotonic()
        self.edge.open[self.number] = self
        share = self.share
        # Asking singly finds out what is refused; nothing is promised by it.
        carries = {} if self.asked.singly else share.carries
        self._enter(
            Kind.OPENED,
            Opened(
                exchange=share.exchange, line=share.line.name, url=self.url,
                topics=share.topics, carries=carries, twin=share.twin,
            ),
        )  # fmt: skip
        self.hold(still=self.edge.paused)
        self._send(self.asked.requests())
        self.made.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame: enter it first, then see whether it speaks of the connection."""
        if self.ended.is_set():
            return
        self.heard, self._alive = monotonic(), self.edge.before
        kind = frame.msg_type
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            try:
                payload = self._messages.take(frame)
            except Unreadable as error:
                self.end(f"error: {error}")
                return
            if payload is not None:
                self._take(payload)
        else:
            if kind == WSMsgType.PING:
                transport.send_pong(frame.get_payload_as_bytes())
            # A close frame too says that everything before it has arrived.
            self.edge.sink(Entry(Kind.PONG, self.edge.timing.clock(), self.number))
            if kind == WSMsgType.CLOSE:
                self._closed_by_venue(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The socket is gone, without a word if nothing ended it before."""
        self.end("code 1006")

    # Messages

    def _take(self, payload: bytes) -> None:
        now = self.edge.timing.clock()
        self.edge.sink(Entry(Kind.FRAME, now, self.number, payload))
        if payload[:SHAPE] not in self._known:
            self._listen(payload, now)

    def _listen(self, payload: bytes, now: int) -> None:
        """Decode a frame of a shape that has not yet carried facts.

        The pipeline decodes every frame of facts; here that would be for the second
        time, so a shape that once carried facts is not looked at again. Packed frames
        all look alike, and are always looked at.
        """
        line = self.share.line
        try:
            meaning = line.decode(payload, now, self.share.instruments)
        except Exception:  # noqa: BLE001  the pipeline counts it and says what it was
            return
        if isinstance(meaning, Said):
            self._hear(meaning)
        elif self.asked.settled and not line.binary:
            if len(self._known) >= MOST_SHAPES:
                self._known.clear()
            self._known.add(payload[:SHAPE])

    def _hear(self, said: Said) -> None:
        if said.answer is not None:
            self._send([said.answer])
        if said.what == "closing":
            self.leaving = True
        if said.what == "refused":
            log.warning(
                "refused",
                extra={"about": {"share": self.share.name, "says": said.text}},
            )
        self._send(self.asked.hear(said))
        self.changed.set()

    # Life

    async def tend(self) -> None:
        """Ping, and end what is dead or was never acknowledged; returns at the end."""
        while not self.ended.is_set():
            pause = self._overdue()
            try:
                async with asyncio.timeout(max(pause, 0.0) / self.edge.timing.rate):
                    await self.ended.wait()
            except TimeoutError:
                continue

    def _overdue(self) -> float:
        """Do what is due; gives the seconds until something may be due again."""
        line, rate = self.share.line, self.edge.timing.rate
        silent, asking, quiet = (
            (monotonic() - since) * rate
            for since in (self.heard, self.opened, self._pinged)
        )
        every = line.ping_every
        if line.sent_ping is None:
            every = min(every, line.silent_after / 3)
        if self.edge.paused:
            return 1.0
        # Where we were held up ourselves, the venue first gets the time to answer a ping.
        answer = line.silent_after / 6
        unanswered = quiet if self._pinged > self.heard else 0.0
        if silent >= line.silent_after and unanswered >= answer:
            self.end("dead")
        elif not self.asked.settled and asking >= self._patience():
            self.end("error: not acknowledged: " + ", ".join(self.asked.pending))
        elif quiet >= every or (silent >= line.silent_after and not unanswered):
            self._ping()
            quiet = 0.0
        waits = [max(line.silent_after - silent, answer - quiet), every - quiet]
        if not self.asked.settled:
            waits.append(self._patience() - asking)
        return max(0.001, min(waits))

    def age(self) -> float:
        """Seconds since it was made."""
        return (monotonic() - self.opened) * self.edge.timing.rate

    def _patience(self) -> float:
        asked = len(self.share.topics) if self.asked.singly else 1
        return ANSWER_WITHIN + asked

    def _ping(self) -> None:
        self._pinged = monotonic()
        if self.share.line.sent_ping is not None:
            self._send([self.share.line.sent_ping])
        elif self._transport is not None:
            self._transport.send_ping()

    def _send(self, messages: list[bytes]) -> None:
        if self._transport is None or self.ended.is_set():
            return
        for message in messages:
            self._transport.send(WSMsgType.TEXT, message)

    def hold(self, *, still: bool) -> None:
        """Stop reading from the socket, or go on."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if still:
            transport.underlying_transport.pause_reading()
        else:
            self.heard = monotonic()
            transport.underlying_transport.resume_reading()

    def end(self, reason: str) -> None:
        """Close it; what still arrives is not entered any more."""
        if self.ended.is_set():
            return
        self.reason = reason
        self.ended.set()
        self.changed.set()
        if self.made.is_set():
            self._enter(Kind.CLOSED, Closed(reason=reason, alive=self._alive))
        self.edge.open.pop(self.number, None)
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK)
            # A dead peer acknowledges nothing: waiting for it would keep the socket.
            self._transport.disconnect(graceful=reason != "dead")

    def _closed_by_venue(self, frame: WSFrame) -> None:
        code = int(cast("int", frame.get_close_code()))  # not an enum for 4000 and up
        if code in SENT_AWAY:
            self.edge.attempts(self.url).rest(PENALTY)
        text = frame.get_close_message()
        says = bytes(text).decode("utf-8", "replace") if text else ""
        self.end(f"code {code or 1005}{' ' + says if says else ''}")

    def _enter(self, kind: Kind, what: Opened | Closed) -> None:
        self.edge.sink(
            Entry(
                kind, self.edge.timing.clock(), self.number, msgspec.json.encode(what)
            )
        )

    async def settled(self) -> bool:
        """Wait until every topic has its answer; False if it ended before."""
        while not (self.asked.settled or self.ended.is_set()):
            self.changed.clear()
            await self.changed.wait()
        return not self.ended.is_set()
