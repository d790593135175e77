"""Exchanges on this machine, to record from without the network: `FakeExchange`.

    with FakeExchange(["binance", "bybit.linear"], speed=20) as fake:
        fake.url("binance", "usdm")        # ws://127.0.0.1:40001
        fake.inject(Fault(at=0, kind="drop"))
        ...
    fake.ledger.delivered()

Real servers on loopback speak each venue's protocol: subscriptions and their answers,
pings, limits, gzip, the 24 h cut, lists of instruments, open interest and funding. They
play one generated market, or frames that were recorded, at any speed, go wrong as a
script says, and keep book of what was sent to whom.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from washout.clock import SECOND
from washout.errors import InputError, UsageError
from washout.testing.exchange_faults import Fault, in_order, read_faults
from washout.testing.exchange_ledger import Ledger
from washout.testing.exchange_market import Pace, simulated_world
from washout.testing.exchange_protocols import Protocol, Push, chosen

if TYPE_CHECKING:
    from aiohttp import web

    from washout.testing.exchange_connection import Clock
    from washout.testing.exchange_server import Line

STARTING = 60.0
"""Seconds of the machine within which the servers must be up."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A frame to be played `at` seconds after the beginning.

    It goes to all who subscribed to anything on the line.
    """

    line: str
    at: float
    body: bytes


class FakeExchange:
    """Fake venues, as a context or an asynchronous context.

    `venues` are lines (`binance.usdm`) or venues (`binance`), all if none is named.
    Market time begins at `begin` (microseconds, by default the clock of the machine) and
    goes `speed` times as fast as the machine; `anchor` is the `monotonic_ns` of the
    machine at `begin`, for whoever shares the clock. Each line listens on a port of its
    own: from `port` on, or on free ones. With `frames` they are played instead of the
    market of `seed`.
    """

    def __init__(
        self, venues: Sequence[str] = (), *, assets: Sequence[str] = ("BTC", "ETH"),
        speed: float = 1.0, seed: int = 0, begin: int | None = None,
        anchor: int | None = None, pace: Pace | None = None, days: int = 3,
        faults: Iterable[Fault] | Path = (), frames: Sequence[Recorded] | Path | None = None,
        generate: bool = True, compress: bool = False, host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:  # fmt: skip
        if speed <= 0:
            raise UsageError(
                f"A market at {speed} times its speed: it must be above 0."
            )
        self.protocols = chosen(venues)
        self.ledger = Ledger()
        self._faults = (
            read_faults(faults) if isinstance(faults, Path) else in_order(faults)
        )
        self._frames = read_frames(frames) if isinstance(frames, Path) else frames
        begin = time.time_ns() // 1000 if begin is None else begin
        self._world = simulated_world(
            begin=begin, seed=seed, assets=tuple(assets), pace=pace, days=days
        )
        self._speed, self._anchor = speed, anchor
        self._generate = generate and frames is None
        self._compress, self._host, self._port = compress, host, port
        self._lines: dict[str, Line] = {}
        self._clock: Clock | None = None
        self._ports: dict[str, int] = {}
        self._runners: list[web.ServerRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    # Addresses.

    def url(self, exchange: str, line: str | None = None) -> str:
        """`ws://127.0.0.1:40001`: where the websocket of a line listens."""
        return f"ws://{self._host}:{self._port_of(exchange, line)}"

    def rest_url(self, exchange: str, line: str | None = None) -> str:
        """`http://127.0.0.1:40001`: the same port answers REST."""
        return f"http://{self._host}:{self._port_of(exchange, line)}"

    def urls(self) -> dict[str, str]:
        """Every line (`binance.usdm`) and its websocket address."""
        return {one.name: self.url(one.exchange, one.line) for one in self.protocols}

    def options(self) -> list[str]:
        """What `washout record` must be told to record from here."""
        told: list[str] = []
        for one in self.protocols:
            alone = sum(one.exchange == other.exchange for other in self.protocols) == 1
            ws, rest = (
                self.url(one.exchange, one.line), self.rest_url(one.exchange, one.line),
            )  # fmt: skip
            told += ["--url", f"{one.exchange if alone else one.name}={ws}"]
            if (where := f"--rest {one.host or one.exchange}=") not in " ".join(told):
                told += ["--rest", f"{where.removeprefix('--rest ')}{rest}"]
        return told

    def _port_of(self, exchange: str, line: str | None) -> int:
        found = [
            one.name for one in self.protocols
            if one.exchange == exchange and line in (None, one.line)
        ]  # fmt: skip
        if len(found) != 1:
            raise UsageError(
                f"{exchange!r}, line {line!r}: name one of {', '.join(self.urls_known())}."
            )
        return self._ports[found[0]]

    def urls_known(self) -> list[str]:
        """Names of the lines that are faked here."""
        return [one.name for one in self.protocols]

    # Time and what goes wrong.

    @property
    def clock(self) -> Clock:
        """Market time."""
        if self._clock is None:
            raise UsageError("The fake exchange is not running: enter it first.")
        return self._clock

    def now(self) -> int:
        """Market time in microseconds."""
        return self.clock.now()

    def line(self, name: str) -> Line:
        """What runs behind a line, for tests that look inside."""
        return self._lines[name]

    def schedule(self, faults: Iterable[Fault]) -> None:
        """A script that begins now."""
        begin = self.now()

        async def schedule() -> None:
            work = self._go_wrong(in_order(faults), begin)
            self._tasks.append(asyncio.create_task(work))

        self._call(schedule())

    def inject(self, fault: Fault) -> None:
        """A fault begins now, whatever its `at`."""
        self._call(self._inject(fault))

    async def _inject(self, fault: Fault) -> None:
        concerned = [line for name, line in self._lines.items() if fault.concerns(name)]
        for line in concerned:
            self._tasks.append(asyncio.create_task(line.apply(fault)))
        await asyncio.sleep(0)

    def send(self, line: str, topics: Sequence[str], body: bytes) -> None:
        """A frame of your own to all who asked for one of these topics."""

        async def send() -> None:
            self._lines[line].send(Push(topics=tuple(topics), body=body))

        self._call(send())

    def _call(self, work: Any) -> None:
        assert self._loop is not None
        if self._thread is None or threading.current_thread() is self._thread:
            self._tasks.append(self._loop.create_task(work))
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(STARTING)

    # Running.

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(ready.set,), name="fake exchange", daemon=True
        )
        self._thread.start()
        if not ready.wait(STARTING):
            raise UsageError(f"The fake exchange was not up within {STARTING:g} s.")
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STARTING)
        if self._failure is not None:
            raise self._failure

    def _run(self, ready: Callable[[], None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # noqa: BLE001  It is raised in the other thread.
            self._failure = error
            ready()

    async def _serve(self, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._start()
        ready()
        await self._stopping.wait()
        await self._stop()

    async def _start(self) -> None:
        server = _server()
        from washout.testing.exchange_connection import Clock

        # Prices are made before the clock starts, or the first seconds would be late.
        for asset in self._world.assets:
            self._world.price(asset, self._world.begin)
        self._clock = clock = Clock(self._world.begin, self._speed, self._anchor)
        for place, protocol in enumerate(self.protocols):
            line = server.Line(
                protocol, self._world, clock, self.ledger, salt=place * 100,
                compress=self._compress, generate=self._generate,
            )  # fmt: skip
            self._lines[protocol.name] = line
            await self._listen(protocol, line, place)
        for line in self._lines.values():
            self._tasks.append(asyncio.create_task(line.play()))
        script = self._go_wrong(self._faults, self._world.begin)
        self._tasks.append(asyncio.create_task(script))
        if self._frames is not None:
            self._tasks.append(asyncio.create_task(self._replay(self._frames)))

    async def _listen(self, protocol: Protocol, line: Line, place: int) -> None:
        from aiohttp import web

        runner = web.ServerRunner(
            web.Server(line.handle, access_log=None), shutdown_timeout=0.5
        )
        await runner.setup()
        self._runners.append(runner)
        port = self._port + place if self._port else 0
        site = web.TCPSite(runner, self._host, port)
        await site.start()
        self._ports[protocol.name] = runner.addresses[0][1]

    async def _go_wrong(self, script: Sequence[Fault], begin: int) -> None:
        for fault in script:
            await self.clock.until(begin + int(fault.at * SECOND))
            await self._inject(fault)

    async def _replay(self, frames: Sequence[Recorded]) -> None:
        for frame in sorted(frames, key=lambda one: one.at):
            await self.clock.until(self._world.begin + int(frame.at * SECOND))
            line = self._lines.get(frame.line)
            for connection in list(line.connections.values()) if line else ():
                if connection.session.topics:
                    topic = next(iter(connection.session.topics))
                    connection.repeat(topic, frame.body)

    async def _stop(self) -> None:
        for line in self._lines.values():
            for connection in list(line.connections.values()):
                connection.end("stopped")
        failed = [task for task in self._tasks if _failure(task) is not None]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        if failed:
            raise failed[0].exception() or AssertionError


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _server() -> Any:
    try:
        from washout.testing import exchange_server
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise UsageError(
            "Fake exchanges need aiohttp, which is not installed: run"
            " pip install 'washout[simulate]'."
        ) from None
    return exchange_server


class _Line(msgspec.Struct):
    """A line of a file of frames: exchange or line, the frame as text or as JSON."""

    exchange: str
    line: str | None = None
    at: float | None = None
    raw: str | None = None
    message: msgspec.Raw | None = None


def read_frames(path: Path, *, apart: float = 0.05) -> list[Recorded]:
    """Frames of a JSONL file: `{"exchange", "line", "at", "raw"}` each.

    `exchange` may name the line too (`binance-usdm`, `binance.usdm`); frames without
    `at` come `apart` seconds after each other; `message` is JSON in place of `raw`.
    Frames of lines that cannot be faked are left out; InputError if none is left.
    """
    found: list[Recorded] = []
    known = {one.name: one for one in chosen(())}
    for row, text in enumerate(path.read_bytes().splitlines(), 1):
        if not text.strip():
            continue
        try:
            one = msgspec.json.decode(text, type=_Line)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise InputError(f"is no frame: {error}", unit=str(path), row=row) from None
        name = _line_of(one, known)
        body = one.raw.encode() if one.raw is not None else bytes(one.message or b"")
        if name and body:
            at = len(found) * apart if one.at is None else one.at
            found.append(Recorded(line=name, at=at, body=body))
    if not found:
        raise InputError(
            f"has no frame of a line that can be faked ({', '.join(sorted(known))}).",
            unit=str(path),
        )
    return found


def _line_of(one: _Line, known: dict[str, Protocol]) -> str | None:
    named = one.exchange.replace("-", ".", 1)
    for name in (f"{one.exchange}.{one.line}", named):
        if name in known:
            return name
    lines = [name for name in known if name.split(".")[0] == one.exchange]
    return lines[0] if lines and one.line is None else None
