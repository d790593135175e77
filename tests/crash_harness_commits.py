"""Kills a committer at every call that changes the disk, and looks at what is left.

Run by test_committing.py: `python crash_harness_commits.py FOLDER before|after EVERY`,
where each EVERY-th call is tried. The commit that is walked over closes a day, joins and
discards its parts, deletes files whose time has come, fills a shelf, and begins the next
day.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from _lakes import beside, contents, event, table, told
from crash_harness import KILLED, arm, in_child
from washout.clock import DAY, MINUTE, parse_time
from washout.live.committing import Committer, resume_point
from washout.store import lake as lake_module
from washout.store.lake import Lake
from washout.store.recording import READING

MORNING = parse_time("2026-11-25T08:00")
NEXT = MORNING + DAY
lake_module.SHELVED = 0


def facts(time):
    return {
        "liquidation": table("liquidation", [event(time, 5, id=str(time))]),
        "coverage": table("coverage", [told("liquidation", time, time + MINUTE)]),
    }


def record(lake, time):
    committer = Committer(lake)
    committer.add(facts(time), time)
    committer.commit(time)


def start(folder):
    """Days before, so that a coverage part is retired, and a day of a few commits."""
    lake = Lake.create(folder)
    for time in (MORNING - 2 * DAY, MORNING - DAY, *range(MORNING, MORNING + 9)):
        record(lake, time)


def check(folder, old, new):
    lake = Lake.open(folder)
    found, (_, watermark) = contents(lake), resume_point(lake)
    assert found in (old, new), f"neither the old nor the new state: {found}"
    assert watermark == (MORNING + 8 if found == old else NEXT)
    for vintage in (3, 2):
        assert contents(lake, f"vintage:{vintage}")
    if watermark < NEXT:
        record(lake, NEXT)
    assert contents(lake) == new
    assert contents(lake, "vintage:3") == old
    record(lake, NEXT + READING)
    assert beside(lake) == set(), beside(lake)
    assert all((lake.path / part.path).exists() for part in lake.every_part())
    assert not [one for one in lake.manifest().discarded if one.at < NEXT + READING]
    return "old" if found == old else "new"


def reference(folder):
    """The two states that are allowed."""
    start(folder / "start")
    shutil.copytree(folder / "start", folder / "end")
    record(Lake.open(folder / "end"), NEXT)


def main():
    folder, when, every = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    assert in_child(lambda: reference(folder)) == 0
    fatal, code = 1 - every, KILLED
    while code == KILLED:
        fatal += every
        mine = folder / f"killed-{fatal}"
        shutil.copytree(folder / "start", mine)

        def work(number=fatal, where=mine):
            lake = Lake.open(where)
            arm(number, when)
            record(lake, NEXT)

        code = in_child(work)
        assert code in (0, KILLED), f"call {fatal} {when}: exit {code}"

    def check_all():
        states = [contents(Lake.open(folder / name)) for name in ("start", "end")]
        for number in range(1, fatal + 1, every):
            print(check(folder / f"killed-{number}", *states), number)

    assert in_child(check_all) == 0, "the last number printed was the last sound lake"


if __name__ == "__main__":
    main()
