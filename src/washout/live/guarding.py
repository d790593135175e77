"""Nothing dies silently: tasks are begun again, and a stuck loop is noticed."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from time import monotonic

log = logging.getLogger("washout.recorder")

AGAIN_AFTER = 2.0
"""Seconds before a task that failed is begun again."""

STUCK_AFTER = 15.0
"""Seconds without a beat after which the loop is said to be stuck."""

GIVE_UP_AFTER = 300.0
"""Seconds after which a stuck recorder ends, so that it can be started again."""


async def guarded(
    name: str, run: Callable[[], Awaitable[None]], failed: Callable[[str], None]
) -> None:
    """Run for ever: what fails is logged, told, and begun again."""
    while True:
        try:
            await run()
        except Exception as error:
            # Whatever it is, the other tasks go on, and this one is tried again.
            log.exception("a task failed", extra={"about": {"task": name}})
            failed(f"{name} failed: {type(error).__name__}: {error}")
        else:
            failed(f"{name} ended by itself")
        await asyncio.sleep(AGAIN_AFTER)


class Watchdog:
    """A thread that looks whether the loop beats; it says so and ends what is stuck."""

    def __init__(self, stuck: Callable[[float], None]) -> None:
        self._stuck, self._last = stuck, monotonic()
        self._loop_thread = threading.get_ident()
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="washout-watchdog", daemon=True
        )
        self._thread.start()

    def beat(self) -> float:
        """The loop is alive; gives the seconds since it last said so."""
        last, self._last = self._last, monotonic()
        return self._last - last

    def end(self) -> None:
        """The loop ends in order."""
        self._over.set()

    def _watch(self) -> None:
        said = False
        while not self._over.wait(1.0):
            silent = monotonic() - self._last
            if silent < STUCK_AFTER:
                said = False
                continue
            if not said:
                said = True
                self._say(silent)
            self._stuck(silent)
            if silent > GIVE_UP_AFTER:
                log.critical("ended: the loop was stuck; the journal is kept")
                logging.shutdown()
                os._exit(1)

    def _say(self, silent: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001
        where = "".join(traceback.format_stack(frame)) if frame else ""
        log.critical(
            "the loop is stuck", extra={"about": {"s": silent, "where": where}}
        )
