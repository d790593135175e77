"""Keeping one share connected for months: again after an end, anew before the cut."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from time import monotonic
from typing import Literal

from washout.collect.pacing import Backoff
from washout.collect.shares import Share
from washout.collect.sockets import Connection, Edge, Refused, connect

log = logging.getLogger("washout.sockets")

GOOD_AFTER = 30.0
"""Seconds after which a connection counts as one that went well."""

ASK_AGAIN = (60.0, 3600.0)
"""Seconds after which refused topics are asked for again: at first, and at most."""

NEVER = 1e9

State = Literal["connecting", "asking", "open", "waiting", "refused", "stopped"]


class Keeper:
    """Keeps a share connected until cancelled; what it holds is for health.

    A connection is renewed well before its line's lifetime ends: the new one is made
    and acknowledged, and only then the old one closed, so that nothing is missed.
    """

    def __init__(self, share: Share, edge: Edge) -> None:
        self.share, self.edge = share, edge
        self.state: State = "connecting"
        self.says = ""
        self.connects = self.failures = 0
        self.refused: dict[str, str] = {}
        self.current: Connection | None = None
        self._backoff, self._refusals = Backoff(), Backoff(*ASK_AGAIN)
        self._singly = False
        self._first = True
        self._began = monotonic()

    def down(self) -> float:
        """Seconds since nothing is open; 0 while something is."""
        if self._alive():
            return 0.0
        since = self._began if self.current is None else self.current.heard
        return max(0.001, (monotonic() - since) * self.edge.timing.rate)

    async def run(self) -> None:
        """Connect for ever. Ends only when cancelled, and closes what is open."""
        newest: Connection | None = None
        try:
            while True:
                self.state = "open" if self._alive() else "connecting"
                try:
                    newest = await connect(
                        self._asked(), self.edge, singly=self._singly
                    )
                except Refused as error:
                    await self._wait(str(error), error.pause)
                    continue
                self.connects += 1
                await self._use(newest)
        finally:
            self.state = "stopped"
            for connection in (self.current, newest):
                if connection is not None:
                    connection.end("stopped")

    def _asked(self) -> Share:
        return self.share.without(frozenset(self.refused))

    def _alive(self) -> bool:
        return self.current is not None and not self.current.ended.is_set()

    async def _use(self, new: Connection) -> None:
        """Go over to a new connection once it is acknowledged, and stay until its end."""
        self.state = "open" if self._alive() else "asking"
        if not await new.settled():
            await self._wait(new.reason, None)
            return
        self.refused |= {} if new.asked.doubtful else new.asked.refused
        if set(new.share.topics) <= set(self.refused):
            await self._nothing_left(new)
        elif self._must_sift(new):
            new.end("refused")
        else:
            await self._serve(new)

    def _must_sift(self, new: Connection) -> bool:
        """Whether to connect once more: to ask singly, or for what was not refused."""
        sifted, self._singly = self._singly, new.asked.doubtful != ""
        self.says = new.asked.doubtful or self.says
        return self._singly or (sifted and bool(new.asked.refused))

    async def _nothing_left(self, new: Connection) -> None:
        """Everything is refused: say so, and ask again later."""
        new.end("refused")
        self._singly = False
        self.says, self.state = next(iter(self.refused.values())), "refused"
        await self.edge.timing.sleep(self._refusals.next())
        self.refused.clear()

    async def _serve(self, new: Connection) -> None:
        if self.current is not None:
            self.current.end("lifetime")
        self.current, self.state, self.says = new, "open", ""
        await self._stay(new)
        if new.ended.is_set():
            await self._wait(new.reason, None, lived=new.age())
        else:
            self.refused.clear()

    async def _stay(self, new: Connection) -> None:
        """Return at its end, or when it should be renewed."""
        lifetime = self._lifetime(new)
        while not (new.ended.is_set() or new.leaving or new.age() >= lifetime):
            new.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    (lifetime - new.age()) / self.edge.timing.rate
                ):
                    await new.changed.wait()

    def _lifetime(self, new: Connection) -> float:
        """Seconds until renewal; the first one of a second twin is half a life early."""
        whole = new.share.line.lifetime or NEVER
        if self.refused:
            whole = min(whole, self._refusals.next())
        else:
            self._refusals.reset()
        early = 0.5 if self._first and new.share.twin else 1.0
        self._first = False
        return whole * early * random.uniform(0.8, 0.9)  # noqa: S311

    async def _wait(self, why: str, asked: float | None, *, lived: float = 0.0) -> None:
        """Wait before the next attempt, longer after each failure in a row."""
        if lived >= GOOD_AFTER:
            self._backoff.reset()
        self.failures += 1
        self.says, self.state = why, "open" if self._alive() else "waiting"
        pause = max(self._backoff.next(), asked or 0.0)
        log.warning(
            "not connected",
            extra={"about": {"share": self.share.name, "why": why, "pause": pause}},
        )
        await self.edge.timing.sleep(pause)
