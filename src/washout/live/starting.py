"""Opening what a recorder needs, and letting go of it: locks, journal, lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from washout.collect.sockets import trusted
from washout.errors import LakeBusy, LakeError
from washout.exchanges._fast import warm
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
    first long run of frames numba and the loops that it compiled (100 MB of memory).
    """
    for name in HEAVY:
        with suppress(ImportError):
            import_module(name)
    trusted()
    warm()


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
