"""Kills a writer at every call that changes the disk, and looks at what is left.

Run by test_lake_crashes.py in a process of its own. The parent only forks, so that no
engine has threads in it: `python crash_harness.py FOLDER before|after`.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

import duckdb  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401

from _lakes import START, add, beside, contents, event, told, total, unit
from washout.clock import DAY
from washout.store.lake import Lake

DEADLY = {
    os: ("replace", "fsync", "unlink", "mkdir", "rmdir", "remove", "rename"),
    io: ("open",),
}
KILLED = 77


def first():
    rows = [total(d, d + 1, 1) for d in range(3)]
    return unit(
        "first", liquidation_total=rows,
        coverage=[told("liquidation_total", START, START + 3 * DAY, interval=DAY)],
    )  # fmt: skip


def second():
    """Changes a row, adds rows to old and new partitions, withdraws one, retells."""
    rows = [
        total(0, 70, 1),
        total(2, 3, 1),
        total(400, 5, 5),
        total(3, 1, 1, asset="ETH"),
    ]
    return unit(
        "second", whole=True, liquidation_total=rows,
        liquidation=[event(START + 5, 100)],
        coverage=[
            told("liquidation_total", START, START + DAY, interval=DAY, trust="unknown"),
            told("liquidation", START, START + DAY),
        ],
    )  # fmt: skip


def in_child(work):
    """Exit code of `work` in a forked process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            sys.stdout.flush()
            code = 0
        except BaseException as error:  # noqa: BLE001
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def arm(fatal, when):
    """Die at the `fatal`-th call that changes the disk."""
    calls = iter(range(1, 1_000_000))

    def guarded(function):
        def call(*args, **kwargs):
            if function is plain_open and not set("wxa+") & set(_mode(args, kwargs)):
                return function(*args, **kwargs)
            mine = next(calls)
            if mine == fatal and when == "before":
                os._exit(KILLED)
            try:
                return function(*args, **kwargs)
            finally:
                if mine == fatal:
                    os._exit(KILLED)

        return call

    plain_open = io.open
    for module, names in DEADLY.items():
        for name in names:
            setattr(module, name, guarded(getattr(module, name)))


def _mode(args, kwargs):
    return kwargs.get("mode", args[1] if len(args) > 1 else "r")


def check(folder, old, new):
    lake = Lake.open(folder)
    found = contents(lake)
    assert found in (old, new), f"neither the old nor the new state: {found}"
    assert lake.manifest().newest == (1 if found == old else 2)
    assert contents(lake, "vintage:1") == old
    add(lake, second())
    assert contents(lake) == new
    assert beside(lake) == set(), beside(lake)
    return "old" if found == old else "new"


def reference(folder):
    """The two states that are allowed."""
    add(Lake.create(folder / "start"), first())
    shutil.copytree(folder / "start", folder / "end")
    add(Lake.open(folder / "end"), second())


def main():
    folder, when = Path(sys.argv[1]), sys.argv[2]
    assert in_child(lambda: reference(folder)) == 0
    fatal, code = 0, KILLED
    while code == KILLED:
        fatal += 1
        mine = folder / f"killed-{fatal}"
        shutil.copytree(folder / "start", mine)

        def work(number=fatal, where=mine):
            lake = Lake.open(where)
            arm(number, when)
            add(lake, second())

        code = in_child(work)
        assert code in (0, KILLED), f"call {fatal} {when}: exit {code}"

    def check_all():
        states = [contents(Lake.open(folder / name)) for name in ("start", "end")]
        for number in range(1, fatal + 1):
            print(check(folder / f"killed-{number}", *states), number)

    assert in_child(check_all) == 0, "the last number printed was the last sound lake"


if __name__ == "__main__":
    main()
