"""One venue while it is recorded: its instruments, connections and polls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from washout.collect.keeping import Keeper
from washout.collect.pacing import Backoff
from washout.collect.polling import Poller, client, list_instruments, listed
from washout.collect.shares import Share, redirected, shares
from washout.collect.sockets import Edge
from washout.exchanges import Instrument
from washout.live.guarding import guarded
from washout.live.report import Linked, Polling
from washout.live.wiring import Wish

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("washout.recorder")

LIST_EVERY = 3600.0
"""Seconds between looks at what the venue lists."""

HAND_OVER = 60.0
"""Seconds that new connections have to open before those they replace are closed."""


SOON = 5.0
"""Seconds within which a lost connection is usually back: not worth an alarm."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach venues: twins or not, and other addresses.

    `urls` are by `exchange.line` or exchange, `rests` by host or exchange.
    """

    twins: bool = True
    urls: Mapping[str, str] = {}
    rests: Mapping[str, str] = {}


Key = tuple[str, tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...], int]


class Venue:
    """Keeps what is wished of one exchange connected and polled."""

    def __init__(
        self, wish: Wish, edge: Edge, where: Where, failed: Callable[[str], None]
    ) -> None:
        self.wish, self.edge, self.where, self._failed = wish, edge, where, failed
        self.name = wish.exchange.name
        self.known: dict[str, Instrument] = {}
        self.says = ""
        self.keepers: dict[Key, Keeper] = {}
        self.pollers: list[Poller] = []
        self._tasks: dict[Keeper | Poller, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(first=2.0)

    async def run(self) -> None:
        """Look what is listed, connect, and look again every hour; until cancelled."""
        self.known, self.keepers, self.pollers = {}, {}, []
        async with client(self.edge.timing.rate) as http:
            try:
                while True:
                    pause = await self._look(http)
                    await self.edge.timing.sleep(pause)
            finally:
                for task in self._retiring:
                    task.cancel()
                await self._end(list(self._tasks))

    async def _look(self, http: httpx.AsyncClient) -> float:
        """Take what is listed; gives the seconds until the next look."""
        exchange = self.wish.exchange
        found, troubles = await list_instruments(http, self.edge, exchange, self._route)
        if troubles:
            why = "; ".join(troubles)
            self.says = f"not all of its lists of instruments can be had: {why}"
            log.warning("no list", extra={"about": {"exchange": self.name, "why": why}})
        else:
            self.says = ""
            self._backoff.reset()
        self._take(found, http, whole=not troubles and bool(exchange.listings))
        return self._backoff.next() if troubles else LIST_EVERY

    def _take(
        self, found: list[Instrument], http: httpx.AsyncClient, *, whole: bool
    ) -> None:
        """Go by what is listed; where that is not all, by what was known before too."""
        before = self.known or {one.symbol: one for one in self.wish.exchange.listed}
        instruments = ({} if whole else before) | {one.symbol: one for one in found}
        if instruments != self.known:
            self.known = instruments
            self.edge.sink(listed(self.edge, self.name, list(instruments.values())))
            self._arrange(http)

    def _route(self, url: str) -> str:
        """Where to ask instead of `url`, by its host or by exchange."""
        rests = self.where.rests
        host = urlsplit(url).hostname or ""
        return redirected(url, rests.get(host) or rests.get(self.name, ""))

    def missing(self) -> list[str]:
        """Scopes that the venue lists nothing for."""
        return self.wish.missing(list(self.known.values()))

    # Connections

    def _arrange(self, http: httpx.AsyncClient) -> None:
        """Connect what is new; what is over ends once its successors are open."""
        wanted = {_key(share): share for share in self._shares()}
        over = [
            self.keepers.pop(key) for key in list(self.keepers) if key not in wanted
        ]
        new = [
            self._keep(key, share)
            for key, share in wanted.items()
            if key not in self.keepers
        ]
        over_polls: list[Keeper | Poller] = list(self.pollers)
        self.pollers = self._polls()
        for poller in self.pollers:
            self._start(poller, poller.name, partial(poller.run, http))
        task = asyncio.create_task(self._hand_over(new, [*over, *over_polls]))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _shares(self) -> list[Share]:
        meant = self.wish.meant(self.known.values())
        return [
            share
            for line in self.wish.exchange.lines
            for share in shares(
                self.name, line, self.wish.wants, meant, known=self.known,
                twins=self.where.twins, address=self._address(line.name),
            )
        ]  # fmt: skip

    def _address(self, line: str) -> str:
        urls = self.where.urls
        return urls.get(f"{self.name}.{line}") or urls.get(self.name, "")

    def _keep(self, key: Key, share: Share) -> Keeper:
        keeper = self.keepers[key] = Keeper(share, self.edge)
        self._start(keeper, share.name, keeper.run)
        return keeper

    def _polls(self) -> list[Poller]:
        meant = self.wish.meant(self.known.values())
        made = [
            Poller(self.name, poll, meant, self.edge, self._route)
            for poll in self.wish.exchange.polls
            if poll.want in self.wish.wants
        ]
        return [poller for poller in made if poller.instruments]

    def _start(
        self, one: Keeper | Poller, name: str, run: Callable[[], Awaitable[None]]
    ) -> None:
        self._tasks[one] = asyncio.create_task(guarded(name, run, self._failed))

    async def _hand_over(self, new: list[Keeper], over: list[Keeper | Poller]) -> None:
        left = HAND_OVER
        while over and left > 0 and any(one.state != "open" for one in new):
            await self.edge.timing.sleep(0.5)
            left -= 0.5
        await self._end(over)

    async def _end(self, some: list[Keeper | Poller]) -> None:
        tasks = [self._tasks.pop(one) for one in some if one in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Health

    def linked(self) -> list[Linked]:
        """How each connection is."""
        return [
            Linked(
                name=one.share.name, exchange=self.name, state=one.state, says=one.says,
                connects=one.connects, failures=one.failures, refused=dict(one.refused),
            )
            for one in self.keepers.values()
        ]  # fmt: skip

    def polled(self) -> list[Polling]:
        """How each poll is."""
        now = self.edge.timing.seconds()
        return [
            Polling(
                name=one.name, answers=one.answers, errors=one.errors,
                skipped=one.skipped, says=one.says, silent=round(now - one.answered_at, 1),
            )
            for one in self.pollers
        ]  # fmt: skip

    def wrong(self) -> list[str]:
        """What is wrong now, in sentences."""
        found = [f"{self.name}: {self.says}"] if self.says else []
        if self.known:
            found += [
                f"{scope}: the venue lists nothing so" for scope in self.missing()
            ]
        found += [
            f"{one.name} has not answered for {one.silent:.0f} s: {one.says}"
            for one, poller in zip(self.polled(), self.pollers, strict=True)
            if one.silent > 3 * poller.poll.every + 30
        ]
        return found + self._unconnected()

    def _unconnected(self) -> list[str]:
        """Topics that no connection, nor its twin, carries; topics that are refused."""
        by_topics: dict[tuple[object, ...], list[Keeper]] = {}
        for key, one in self.keepers.items():
            by_topics.setdefault(key[:3], []).append(one)
        found = []
        for twins in by_topics.values():
            down = min(one.down() for one in twins)
            if down > SOON:
                found.append(
                    f"{twins[0].share.name} is not observed since {down:.0f} s"
                    f" ({twins[0].state}): {twins[0].says or 'connecting'}"
                )
            refused = set.intersection(*(set(one.refused) for one in twins))
            found += [f"{twins[0].share.exchange} refuses {t}" for t in sorted(refused)]
        return found


def _key(share: Share) -> Key:
    carries = tuple(sorted(share.carries.items()))
    return share.line.name, share.topics, carries, share.twin
