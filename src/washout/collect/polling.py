"""What is asked for over HTTP: polls, spread evenly over time, and listings.

Answers become entries before anything reads them, whatever their status.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from washout._version import __version__
from washout.collect.entries import Entry, Kind, Listed, Polled
from washout.collect.pacing import Backoff, asked_pause
from washout.collect.sockets import Edge, Refused, trusted
from washout.exchanges import Exchange, Instrument, Listing, Poll

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("washout.polling")

MOST_REQUESTS = (20, 1.0)
"""At one host, whatever polls ask for: so many in so many seconds."""

AT_ONCE = 4
"""Requests of one poll that may be under way."""

FIRST_WITHIN = 5.0
"""Seconds within which a poll begins its first round."""

LONGEST_ANSWER = 32 << 20
KEPT_OF_ERRORS = 4096
"""Bytes of an answer that is no success."""


Route = Callable[[str], str]
"""Where to ask instead of an address."""


def _straight(url: str) -> str:
    return url


def client(rate: float = 1.0) -> httpx.AsyncClient:
    """A client for polls; proxies come from the environment, as for sockets."""
    import httpx

    return httpx.AsyncClient(
        timeout=15.0 / rate,
        verify=trusted(),
        follow_redirects=True,
        headers={"User-Agent": f"washout/{__version__}"},
    )


async def get(http: httpx.AsyncClient, edge: Edge, url: str) -> tuple[int, bytes]:
    """One answer, as (status, body); Refused where none came.

    A host that asks for rest gets it, from every poll of ours.
    """
    import httpx

    limiter = edge.attempts(url)
    await limiter.wait(MOST_REQUESTS)
    try:
        async with http.stream("GET", url) as response:
            body = await _body(response)
    except httpx.HTTPError as error:
        raise Refused(f"{type(error).__name__}: {error}") from error
    status = response.status_code
    after = response.headers.get("Retry-After", "")
    pause = asked_pause(status, after, edge.timing.clock())
    if pause is not None:
        limiter.rest(pause)
    return status, body if status == 200 else body[:KEPT_OF_ERRORS]


async def _body(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise Refused(f"an answer of more than {LONGEST_ANSWER >> 20} MiB")
    return b"".join(pieces)


class Poller:
    """Asks for one poll of each instrument, every `poll.every` seconds."""

    def __init__(
        self, exchange: str, poll: Poll, instruments: Sequence[Instrument],
        edge: Edge, route: Route = _straight,
    ) -> None:  # fmt: skip
        self.exchange, self.poll, self.edge, self.route = exchange, poll, edge, route
        self.instruments = [one for one in instruments if poll.carries(one)]
        self.answers = self.errors = self.skipped = 0
        self.says = ""
        self.answered_at = edge.timing.seconds()
        self._backoff = Backoff()

    @property
    def name(self) -> str:
        """How logs and health call it."""
        return f"{self.exchange}.{self.poll.name}"

    async def run(self, http: httpx.AsyncClient) -> None:
        """Poll for ever; an answer that does not come is counted, and waited for."""
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for instrument in self._turns():
                await free.acquire()
                asking = group.create_task(self._ask(http, instrument))
                asking.add_done_callback(lambda _done: free.release())

    async def _turns(self) -> AsyncIterator[Instrument]:
        """Instruments in turn, evenly over `every`, each turn a little off its beat."""
        timing, count = self.edge.timing, len(self.instruments)
        beat, turn = self.poll.every / max(1, count), 0
        began = timing.seconds() + min(beat, FIRST_WITHIN) * random.random()  # noqa: S311
        while count:
            late = timing.seconds() - (began + turn * beat)
            if late > self.poll.every:
                self.skipped += (missed := int(late / beat))
                turn += missed
            await timing.sleep(-late + beat * random.uniform(0.0, 0.1))  # noqa: S311
            yield self.instruments[turn % count]
            turn += 1

    async def _ask(self, http: httpx.AsyncClient, instrument: Instrument) -> None:
        url = self.route(self.poll.locate(instrument))
        try:
            status, body = await get(http, self.edge, url)
        except Refused as error:
            await self._failed(str(error))
            return
        about = Polled(
            exchange=self.exchange, poll=self.poll.name, symbol=instrument.symbol,
            status=status,
        )  # fmt: skip
        payload = msgspec.json.encode(about) + b"\n" + body
        self.edge.sink(Entry(Kind.POLLED, self.edge.timing.clock(), 0, payload))
        if status == 200:
            self.answers, self.says = self.answers + 1, ""
            self.answered_at = self.edge.timing.seconds()
            self._backoff.reset()
        else:
            await self._failed(f"HTTP {status} for {instrument.symbol}")

    async def _failed(self, why: str) -> None:
        """Count it; its place in the round stays taken for a growing while."""
        self.errors, self.says = self.errors + 1, why
        log.warning("no answer", extra={"about": {"poll": self.name, "why": why}})
        await self.edge.timing.sleep(min(self._backoff.next(), self.poll.every))


async def list_instruments(
    http: httpx.AsyncClient, edge: Edge, exchange: Exchange, route: Route = _straight
) -> tuple[list[Instrument], list[str]]:
    """Every perpetual that an exchange lists now, and which lists could not be had.

    A venue with several lists (USD-M and COIN-M) may answer for one and not for another.
    """
    found: dict[str, Instrument] = {}
    troubles = []
    for listing in exchange.listings:
        try:
            some = await _read(http, edge, listing, route)
        except Refused as error:
            troubles.append(str(error))
        else:
            found |= {one.symbol: one for one in some}
    return list(found.values()), troubles


async def _read(
    http: httpx.AsyncClient, edge: Edge, listing: Listing, route: Route
) -> list[Instrument]:
    status, body = await get(http, edge, route(listing.url))
    if status != 200:
        raise Refused(f"{listing.url}: HTTP {status}")
    try:
        return listing.read(body)
    except Exception as error:
        # A plug-in may raise anything over an answer that nobody has seen before.
        raise Refused(f"{listing.url}: {type(error).__name__}: {error}") from error


def listed(edge: Edge, exchange: str, instruments: Sequence[Instrument]) -> Entry:
    """The entry that says which instruments frames from here on may speak of."""
    told = tuple(msgspec.to_builtins(one) for one in instruments)
    payload = msgspec.json.encode(Listed(exchange=exchange, instruments=told))
    return Entry(Kind.LISTED, edge.timing.clock(), 0, payload)
