"""One client of a fake exchange: what it asks, what it is sent, how it ends.

Everything runs on one loop. Times are market time in microseconds, which goes `speed`
times as fast as the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections import deque
from collections.abc import Callable
from itertools import count
from time import monotonic_ns
from typing import Protocol as Typed

import msgspec
from aiohttp import ClientConnectionResetError, WSMsgType, web

from washout.clock import SECOND
from washout.testing.exchange_faults import Moods
from washout.testing.exchange_ledger import Connected, Key, Ledger, Outcome
from washout.testing.exchange_market import Order, Trade
from washout.testing.exchange_protocols import Protocol, Push, Session

CHUNK = 500
"""Frames that are handed out before others get their turn."""


class Clock:
    """Market time: `begin` at the anchor, `speed` times as fast as the machine."""

    def __init__(self, begin: int, speed: float, anchor: int | None = None) -> None:
        self.begin, self.speed = begin, speed
        self.anchor = monotonic_ns() if anchor is None else anchor

    def now(self) -> int:
        """Market time in microseconds."""
        passed = (monotonic_ns() - self.anchor) / 1000
        return self.begin + int(passed * self.speed)

    def pause(self, until: int) -> float:
        """Seconds of the machine until an instant of the market."""
        return max((until - self.now()) / SECOND / self.speed, 0.0)

    async def until(self, instant: int) -> None:
        """Sleep until an instant of the market."""
        while (pause := self.pause(instant)) > 0:
            await asyncio.sleep(pause)


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Bytes for one connection, what is in them, and when they may go."""

    body: bytes
    sort: str = "other"
    orders: tuple[Key, ...] = ()
    trades: tuple[Trade, ...] = ()
    due: int = 0
    outcome: Outcome = "whole"
    again: bool = False
    cut: bool = False
    """Break off in the middle, and end TCP."""


class Venue(Typed):
    """What a connection needs of the line that it is on."""

    protocol: Protocol
    clock: Clock
    ledger: Ledger
    moods: Moods
    compress: bool
    connections: dict[int, Connection]

    def refused(self, number: int) -> Callable[[str], bool]:
        """Whether topics are refused to a connection."""

    def kept_back(self, number: int, now: int, body: bytes) -> str:
        """Why it gets no data now."""

    def keys(self, orders: tuple[Order, ...]) -> tuple[Key, ...]:
        """What the ledger calls orders."""

    def hit(self, kind: str, frames: int = 1) -> None:
        """A frame had a fault."""


class Connection:
    """One client. What it asks is answered, what it asked for is written in order."""

    def __init__(self, line: Venue, number: int, path: str) -> None:
        self.line, self.number = line, number
        self.session = Session(number, path, line.clock.now)
        self.session.refused = line.refused(number)
        self.record = Connected(
            line=line.protocol.name, number=number, path=path, opened=line.clock.now(),
            frames={},
        )  # fmt: skip
        self.socket = web.WebSocketResponse(
            timeout=1.0, autoping=False, compress=line.compress, max_msg_size=2**22
        )
        self.frozen = False
        self.silent_from: dict[str, int] = {}
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Frame] = deque()
        self._wake = asyncio.Event()
        self._held: list[Frame] = []
        self._heard = self._ponged = self._wrote = line.clock.now()
        self._pinged: int | None = None
        self._messages: deque[int] = deque()
        self._how = ""

    # What comes in.

    async def run(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """From the handshake to the end."""
        try:
            await self.socket.prepare(request)
            await self._serve(request)
        except ClientConnectionResetError:
            self._how = self._how or "client: gone"
        finally:
            self._ended()
        return self.socket

    async def _serve(self, request: web.BaseRequest) -> None:
        assert isinstance(request.transport, asyncio.Transport)
        self._transport = request.transport
        for answer in self.line.protocol.greet(self.session):
            self._say(answer)
        self._acknowledge()
        tasks = [asyncio.create_task(one) for one in (self._write(), self._watch())]
        try:
            await self._read()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self.socket.receive()
            now = self.line.clock.now()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    self._heard = now
                    data = message.data
                    self._hear(data.encode() if isinstance(data, str) else data, now)
                case WSMsgType.PING:
                    self._heard = now
                    if not self.frozen:
                        await self.socket.pong(message.data)
                case WSMsgType.PONG:
                    self._ponged = now
                case _:
                    return
            if self.session.end is not None:
                await self.close(*self.session.end)
                return

    def _hear(self, message: bytes, now: int) -> None:
        self.record.heard += 1
        if not self._within_limits(now):
            return
        moods = self.line.moods
        if moods.has("no_ack", now, self.number) and len(message) > 30:
            return
        before = len(self.session.topics)
        for answer in self.line.protocol.hear(self.session, message):
            self._say(answer)
        if len(self.session.topics) > before:
            self._acknowledge()

    def _within_limits(self, now: int) -> bool:
        limit = self.line.protocol.messages
        if limit is None:
            return True
        self._messages.append(now)
        while self._messages[0] < now - limit[1] * SECOND:
            self._messages.popleft()
        if len(self._messages) <= limit[0]:
            return True
        self.session.end = (1008, "Too many requests")
        return False

    def _acknowledge(self) -> None:
        if not self.session.topics or self.record.acknowledged is not None:
            return
        now = self.record.acknowledged = self.line.clock.now()
        if self.line.moods.has("silence", now, self.number):
            self.withhold("silence", now)

    # What goes out.

    def _say(self, body: bytes) -> None:
        self._queue(Frame(body=body))

    def offer(self, topic: str, push: Push) -> None:
        """A message for this client, if faults let it through."""
        now, moods, me = self.line.clock.now(), self.line.moods, self.number
        keys = self.line.keys(push.orders)
        body = self.line.protocol.wrap(self.session, topic, push)
        kept = self.line.kept_back(me, now, body)
        if kept or self.frozen:
            self.withhold(kept or "half_open", now)
            self.line.ledger.sent(self.record, "", keys, (), "withheld", now)
            return
        self.resume(now)
        sort = "orders" if keys else "trades" if push.trades else "marks"
        frame = Frame(body=body, sort=sort, orders=keys, trades=push.trades)
        if moods.take("malformed", now, me):
            broken = body[: len(body) // 2] + b"\x00"
            frame = msgspec.structs.replace(frame, body=broken, outcome="broken")
            self.line.hit("malformed")
        if moods.take("truncated", now, me):
            frame = msgspec.structs.replace(frame, cut=True, outcome="broken")
            self.line.hit("truncated")
        self._place(frame, now)

    def repeat(self, _topic: str, body: bytes) -> None:
        """A recorded frame, as it is; faults concern it like any other."""
        now = self.line.clock.now()
        if self.frozen or self.line.kept_back(self.number, now, body):
            return
        self._place(Frame(body=body, sort="recorded"), now)

    def _place(self, frame: Frame, now: int) -> None:
        """Where in the queue a frame goes: late, in the opposite order, twice."""
        moods, me = self.line.moods, self.number
        if moods.take("duplicated", now, me):
            self._queue(frame)
            frame = msgspec.structs.replace(frame, again=True)
            self.line.hit("duplicated")
        if fault := moods.take("late", now, me):
            pause = fault.by / self.line.clock.speed
            asyncio.get_running_loop().call_later(pause, self._queue, frame)
            self.line.hit("late")
            return
        if moods.take("reordered", now, me):
            self._held.append(frame)
            self.line.hit("reordered")
            left = sum(one.left(me) for one in moods.of("reordered", now, me))
            if left == 0:
                for held in reversed(self._held):
                    self._queue(held)
                self._held.clear()
            return
        if slow := moods.of("slow", now, me):
            due = now + int(max(one.fault.by for one in slow) * SECOND)
            frame = msgspec.structs.replace(frame, due=due)
        self._queue(frame)

    def withhold(self, why: str, now: int) -> None:
        """From now on this client is given nothing."""
        self.silent_from.setdefault(why, now)

    def resume(self, now: int) -> None:
        """It is given data again: the stretch is written down."""
        for why, start in self.silent_from.items():
            name = self.line.protocol.name
            self.line.ledger.withheld.append((name, self.number, start, now, why))
        self.silent_from.clear()

    def _queue(self, frame: Frame) -> None:
        self._waiting.append(frame)
        self._wake.set()

    async def _write(self) -> None:
        for place in count(1):
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            frame = self._waiting.popleft()
            if frame.due:
                await self.line.clock.until(frame.due)
            await self._out(frame)
            if place % CHUNK == 0:
                await asyncio.sleep(0)

    async def _out(self, frame: Frame) -> None:
        now, outcome = self.line.clock.now(), frame.outcome
        if self.frozen:
            outcome = "withheld"
        elif frame.cut:
            self._break_off(frame.body)
        else:
            outcome = await self._send(frame)
        self._wrote = now
        self.line.ledger.sent(
            self.record, frame.sort, frame.orders, frame.trades, outcome, now,
            again=frame.again,
        )  # fmt: skip

    async def _send(self, frame: Frame) -> Outcome:
        body, opcode = frame.body, WSMsgType.TEXT
        if self.line.protocol.gzip:
            body, opcode = _gzip(body), WSMsgType.BINARY
        try:
            await self.socket.send_frame(body, opcode)
        except (ClientConnectionResetError, RuntimeError):
            return "unsent"
        return frame.outcome

    def _break_off(self, body: bytes) -> None:
        """A header that promises more than comes."""
        assert self._transport is not None
        promised = max(len(body), 200)
        head = b"\x81\x7e" + promised.to_bytes(2, "big")
        self._transport.write(head + body[: promised // 2])
        self.end("truncated")

    # How it ends.

    async def _watch(self) -> None:
        """Pings, and the patience of the venue."""
        protocol, clock = self.line.protocol, self.line.clock
        while True:
            await asyncio.sleep(max(0.5 / clock.speed, 0.01))
            now = clock.now()
            if self.frozen:
                continue
            if end := self._given_up(now):
                await self.close(*end)
                return
            every = self.session.notes.get("heartbeat", protocol.pings.every)
            if every and now - (self._pinged or self.record.opened) >= every * SECOND:
                self._pinged = now
                await self._ping()

    async def _ping(self) -> None:
        said = self.line.protocol.pings.text
        if said is not None:
            self._say(said(self.session))
            return
        try:
            await self.socket.ping(str(self.session.ms).encode())
        except (ClientConnectionResetError, RuntimeError):
            self._how = self._how or "gone"

    def _given_up(self, now: int) -> tuple[int, str] | None:
        protocol = self.line.protocol
        pings = protocol.pings
        if protocol.lifetime and now - self.record.opened > protocol.lifetime * SECOND:
            return (1001, "24 hours")
        alive = self._ponged if pings.text is None else self._heard
        every = self.session.notes.get("heartbeat", pings.every)
        if every and now - alive > (every + pings.within) * SECOND:
            return (1008, "Pong timeout")
        alive = max(self._heard, self._wrote if pings.pushes_count else 0, self._ponged)
        if pings.idle and now - alive > pings.idle * SECOND:
            return pings.idle_end
        return None

    async def close(self, code: int, reason: str = "") -> None:
        """With a close frame; what was queued before it is sent first."""
        self._how = self._how or f"code {code}"
        while self._waiting:
            await self._out(self._waiting.popleft())
        await self.socket.close(code=code, message=reason.encode(), drain=False)

    def end(self, how: str, *, reset: bool = False) -> None:
        """Without a close frame: TCP ends, after what was written; or is reset."""
        self._how = self._how or how
        transport = self._transport
        if transport is None:
            return
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()

    def freeze(self) -> None:
        """Half-open: neither read nor write, and keep TCP."""
        self.frozen = True
        self.withhold("half_open", self.line.clock.now())
        if self._transport is not None:
            self._transport.pause_reading()

    def _ended(self) -> None:
        now = self.line.clock.now()
        for frame in (*self._held, *self._waiting):
            self.line.ledger.sent(
                self.record, frame.sort, frame.orders, (), "unsent", now
            )
        self.resume(now)
        self.record.closed = now
        code = self.socket.close_code
        self.record.how = self._how or f"client: {code or 'gone'}"
        self.line.connections.pop(self.number, None)


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
