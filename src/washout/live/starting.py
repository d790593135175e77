"""Opening what a recorder needs, and letting go of it: locks, journal, lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from washout.collect.sockets import trusted
from washout.errors import LakeBusy, LakeError
from washout.exchanges.binance import binance
from washout.store.files import write_lock
from washout.store.lake import Lake

if TYPE_CHECKING:
    from washout.live.recorder import Hook, Recorder, Settings

LOCK = ".recorder.lock"
LEAST_SPACE = 100 << 20
"""Bytes without which it is of no use to begin."""


@contextmanager
def opened(
    settings: Settings, clock: Callable[[], int], *, hooks: Sequence[Hook] = ()
) -> Iterator[Recorder]:
    """A recorder that is ready to run, the only one of its lake.

    LakeBusy if there is another; LakeError if the lake, the journal or their disk cannot
    be used.
    """
    from washout.collect.journal import JournalWriter
    from washout.live.committing import Committer
    from washout.live.pipeline import Pipeline
    from washout.live.recorder import Recorder
    from washout.live.settings import Settings as Understanding

    _warm_up()
    lake = Lake.create(settings.lake)
    _refuse_full_disk(settings)
    with _alone(settings):
        journal = JournalWriter(settings.journal, durability=settings.durability)
        try:
            pipeline = Pipeline(
                {wish.exchange.name: wish.exchange for wish in settings.wishes},
                Understanding(keep_trades=settings.keep_trades),
            )
            committer = Committer(lake, journal=settings.journal)
            yield Recorder(settings, clock, journal, pipeline, committer, hooks=hooks)
        finally:
            with suppress(LakeError):
                journal.close()


HEAVY = (
    "httpx", "duckdb", "pyarrow.parquet", "pyarrow.compute", "pyarrow.pandas_compat",
    "starlette.applications", "starlette.responses", "uvicorn",
)  # fmt: skip


def _warm_up() -> None:
    """Load now what would hold up the loop later, some of it for seconds.

    The first commit loads duckdb, pyarrow loads pandas where it is installed, and the
    first run of frames numba and the loops that it compiled.
    """
    for name in HEAVY:
        with suppress(ImportError):
            import_module(name)
    trusted()
    line = binance.lines[0]
    if line.decode_many is not None:
        known = {one.symbol: one for one in binance.listed}
        line.decode_many(SAMPLE * 2, [0] * 2 * len(SAMPLE), known)


SAMPLE = b"""\
{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1791391082024,"a":3478018549,\
"s":"BTCUSDT","p":"83434.40","q":"0.016","f":8154045700,"l":8154045704,\
"T":1791391081874,"m":true}}
{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1791391083124,"o":{"s":"BTCUSDT",\
"S":"SELL","o":"LIMIT","f":"IOC","q":"116.5","p":"3.80300","ap":"3.85642","X":"FILLED",\
"l":"25.2","z":"116.5","T":1791391082119}}}""".splitlines()
"""Frames that every compiled loop has a part in."""


def _refuse_full_disk(settings: Settings) -> None:
    free = shutil.disk_usage(settings.lake).free
    if free < LEAST_SPACE:
        raise LakeError(
            f"Only {free / 1e6:.0f} MB are left on the disk of {settings.lake}; a recorder"
            f" needs {LEAST_SPACE / 1e6:.0f} MB to begin. Free space, or name a lake on"
            " another disk with --lake."
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(write_lock(settings.lake / LOCK, wait=False))
        except LakeBusy as error:
            raise LakeBusy(
                f"Another recorder writes to {settings.lake} ({error}). Stop it, or name"
                " another lake with --lake."
            ) from None
        yield
