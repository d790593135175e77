"""The servers behind a fake exchange: one port a line, websocket and REST."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from typing import Any

import msgspec
from aiohttp import web

from washout.clock import SECOND
from washout.testing.exchange_connection import CHUNK, Clock, Connection
from washout.testing.exchange_faults import ON_CONNECTIONS, Fault, Moods
from washout.testing.exchange_ledger import Injected, Key, Ledger
from washout.testing.exchange_market import (
    Happening,
    Order,
    World,
    burst,
    happenings,
    merged,
)
from washout.testing.exchange_protocols import Asked, Protocol, Push

BURST_SERIAL = 1_000_000_000
"""Orders of bursts are numbered from here."""


class Line:
    """One line of a venue: its market, its clients, what goes wrong on it."""

    def __init__(
        self, protocol: Protocol, world: World, clock: Clock, ledger: Ledger, *,
        salt: int, compress: bool = False, generate: bool = True,
    ) -> None:  # fmt: skip
        self.protocol, self.world, self.clock, self.ledger = (
            protocol, world, clock, ledger,
        )  # fmt: skip
        self.compress, self.generate, self._salt = compress, generate, salt
        self.contracts = protocol.contracts(world.assets)
        self.moods = Moods(protocol.name)
        self.connections: dict[int, Connection] = {}
        self.skew = 0
        self._numbers = count(1)
        self._handshakes: deque[int] = deque()
        self._bursts = BURST_SERIAL
        self._injected: dict[str, Injected] = {}

    # Requests.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """A handshake, or REST."""
        now = self.clock.now()
        if limited := self.moods.of("rate_limit", now):
            return _limited(limited[0].fault)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await self._rest(request, now)
        if self._too_many(now):
            return _limited(Fault(at=0, kind="rate_limit", code=429, by=10))
        topics = self.protocol.paths(request.path, request.query)
        if topics is None:
            return web.Response(status=404, text="Not Found")
        connection = Connection(self, next(self._numbers), request.path)
        if not self.moods.has("no_ack", now, connection.number):
            wanted = [one for one in topics if not connection.session.refused(one)]
            connection.session.topics.update((one, one) for one in wanted)
        self.connections[connection.number] = connection
        self.ledger.connections.append(connection.record)
        return await connection.run(request)

    async def _rest(self, request: web.BaseRequest, now: int) -> web.Response:
        asked = Asked(
            path=request.path, query=dict(request.query), body=await request.read(),
            world=self.world, contracts=self.contracts, now=now,
        )  # fmt: skip
        answer = self.protocol.rest(asked)
        if answer is None:
            return web.Response(status=404, text="Not Found")
        encoder = msgspec.json.Encoder(decimal_format="number")
        return web.Response(
            status=answer.status, body=encoder.encode(answer.body),
            headers=dict(answer.headers), content_type="application/json",
        )  # fmt: skip

    def _too_many(self, now: int) -> bool:
        limit = self.protocol.connections
        if limit is None:
            return False
        while self._handshakes and self._handshakes[0] < now - limit[1] * SECOND:
            self._handshakes.popleft()
        self._handshakes.append(now)
        return len(self._handshakes) > limit[0]

    def refused(self, number: int) -> Callable[[str], bool]:
        """Whether a topic is refused to a connection now."""

        def refused(topic: str) -> bool:
            going = self.moods.of("refuse", self.clock.now(), number)
            return any(
                not one.fault.symbols
                or any(name.lower() in topic.lower() for name in one.fault.symbols)
                for one in going
            )

        return refused

    def kept_back(self, number: int, now: int, body: bytes) -> str:
        """Why a connection gets no data now; empty if it does."""
        if not body:
            return "unrouted"
        return "silence" if self.moods.has("silence", now, number) else ""

    # The market.

    def keys(self, orders: tuple[Order, ...]) -> tuple[Key, ...]:
        """How the ledger calls them."""
        return tuple(
            (self.protocol.name, order.contract.symbol, order.serial)
            for order in orders
        )

    def send(self, push: Push) -> None:
        """To all who asked for it."""
        if push.orders:
            self.ledger.happened(self.protocol.name, push.orders, self.clock.now())
        for connection in list(self.connections.values()):
            for topic in push.topics:
                if topic in connection.session.topics:
                    connection.offer(topic, push)

    async def play(self) -> None:
        """The generated market, as it happens."""
        if not self.generate:
            return
        async for push in self._pushes():
            self.send(push)

    async def _pushes(self) -> AsyncIterator[Push]:
        """Messages, each when it is due: they overtake each other as venues' do."""
        waiting: list[tuple[int, int, Push]] = []
        number = count()
        for happening in self._happenings():
            while waiting and waiting[0][0] <= happening.time:
                await self.clock.until(waiting[0][0])
                yield heapq.heappop(waiting)[2]
            await self.clock.until(happening.time)
            for push in self._printed(happening):
                due = self._last(push, happening) - self.skew + push.after
                heapq.heappush(waiting, (due, next(number), push))

    def _last(self, push: Push, happening: Happening) -> int:
        return push.orders[-1].time if push.orders else happening.time + self.skew

    def _printed(self, happening: Happening) -> list[Push]:
        if self.skew:
            time = happening.time + self.skew
            happening = msgspec.structs.replace(happening, time=time)
        if isinstance(happening, _Batch):
            return self.protocol.orders(happening.orders)
        return self.protocol.push(happening)

    def _happenings(self) -> Iterator[Any]:
        wants = {
            "trades": self.protocol.trade is not None,
            "marks": self.protocol.mark is not None,
        }
        stream = merged(
            [
                happenings(
                    self.world, contract, share=self.protocol.share,
                    throttle=self.protocol.throttle, salt=self._salt + place, wants=wants,
                )
                for place, contract in enumerate(self.contracts)
            ]
        )  # fmt: skip
        return _batched(stream, self.protocol) if self.protocol.batch else stream

    # What goes wrong.

    async def apply(self, fault: Fault) -> None:
        """A fault begins."""
        now = self.clock.now()
        if fault.connection is not None and fault.connection < 0:
            newest = sorted(self.connections)[fault.connection :][:1] or [0]
            fault = msgspec.structs.replace(fault, connection=newest[0])
        open_now = [
            one for one in self.connections.values()
            if fault.concerns(self.protocol.name, one.number)
        ]  # fmt: skip
        numbers = tuple(one.number for one in open_now)
        injected = Injected(
            fault=fault, line=self.protocol.name, at=now, connections=numbers
        )
        self.ledger.faults.append(injected)
        self._injected[fault.kind] = injected
        await asyncio.gather(*(self._strike(one, fault) for one in open_now))
        if fault.kind == "burst":
            await self._burst(fault)
        elif fault.kind == "clock_skew":
            self.skew = int(fault.by * SECOND)
            await self.clock.until(now + int(fault.lasts * SECOND))
            self.skew = 0
        elif fault.kind not in ON_CONNECTIONS:
            until = now + int(fault.lasts * SECOND)
            self.moods.begin(fault, until, numbers)

    async def _strike(self, connection: Connection, fault: Fault) -> None:
        match fault.kind:
            case "disconnect":
                await connection.close(fault.code or 1001)
            case "cut":
                await connection.close(fault.code or 1001, "24 hours")
            case "drop":
                connection.end("drop")
            case "reset":
                connection.end("reset", reset=True)
            case "half_open":
                connection.freeze()
                asyncio.get_running_loop().call_later(
                    fault.lasts / self.clock.speed, connection.end, "half_open"
                )
            case "silence":
                connection.withhold("silence", self.clock.now())
            case _:
                pass

    async def _burst(self, fault: Fault) -> None:
        now = self.clock.now() // 1000 * 1000
        orders = burst(self.world, self.contracts[0], now, fault.count, self._bursts)
        self._bursts += fault.count
        for place, order in enumerate(orders):
            for push in self.protocol.orders([order]):
                self.send(push)
            if place % CHUNK == 0:
                await asyncio.sleep(0)
        self.hit("burst", fault.count)

    def hit(self, kind: str, frames: int = 1) -> None:
        """A frame had the fault."""
        if kind in self._injected:
            self._injected[kind].frames += frames


class _Batch(msgspec.Struct, frozen=True):
    """Orders of one contract that a venue pushes together, at `time`."""

    time: int
    orders: tuple[Order, ...]


def _batched(stream: Iterator[Happening], protocol: Protocol) -> Iterator[Any]:
    """The stream with orders gathered by contract until their window ends."""
    width = protocol.batch * 1000
    open_now: dict[str, list[Order]] = {}
    for happening in stream:
        now = happening.time
        window = now // width
        for symbol in [
            one for one, kept in open_now.items() if kept[0].time // width < window
        ]:
            kept = open_now.pop(symbol)
            yield _Batch((kept[0].time // width + 1) * width, tuple(kept))
        if not isinstance(happening, Order):
            yield happening
            continue
        kept = open_now.setdefault(happening.contract.symbol, [])
        kept.append(happening)
        if protocol.most and len(kept) >= protocol.most:
            yield _Batch(now, tuple(open_now.pop(happening.contract.symbol)))


def _limited(fault: Fault) -> web.Response:
    code = fault.code or 429
    return web.Response(
        status=code, headers={"Retry-After": str(int(fault.by))},
        text='{"code":-1003,"msg":"Too many requests."}',
        content_type="application/json",
    )  # fmt: skip
