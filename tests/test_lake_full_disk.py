"""A disk that fills up, a file that may not grow: a clear error, an unchanged lake."""

from __future__ import annotations

import errno
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from _lakes import NOW, START, add, beside, contents, event, totals, unit
from washout import errors
from washout.store.lake import Lake

PLAIN_OPEN = io.open


@pytest.fixture
def lake(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    add(lake, totals("first", d0=(1, 1), d400=(1, 1)))
    return lake


def full_at(fatal, monkeypatch, code):
    """The `fatal`-th fsync, rename or opening for writing finds no room."""
    calls = iter(range(1_000_000))

    def no_room(function):
        def call(*args, **kwargs):
            mode = kwargs.get("mode", args[1] if len(args) > 1 else "r")
            if function is PLAIN_OPEN and (
                "w" not in mode or ".tmp" not in str(args[0])
            ):
                return function(*args, **kwargs)
            if next(calls) == fatal:
                raise OSError(code, os.strerror(code))
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(io, "open", no_room(PLAIN_OPEN))
    for name in ("replace", "fsync"):
        monkeypatch.setattr(os, name, no_room(getattr(os, name)))
    return calls


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "raise the limit"),
        (errno.EROFS, "not writable"),
        (errno.EACCES, "not writable"),
        (errno.EIO, "nput/output error"),
    ],
)
def test_a_failing_disk_leaves_the_lake_unchanged_wherever_it_fails(
    lake, monkeypatch, code, says
):
    before, fatal, failures = contents(lake), 0, 0
    while True:
        with monkeypatch.context() as patch:
            calls = full_at(fatal, patch, code)
            try:
                add(lake, totals("next", d0=(fatal + 5, 1), d401=(1, 1)))
            except errors.LakeError as error:
                assert says in str(error)
                assert error.exit_code == 5
                failures += 1
            else:
                break
        assert beside(lake) == set(), "what was staged takes up no room"
        committed = lake.manifest().newest == 2
        if committed:  # the rename was done; only its durability could not be promised
            break
        assert contents(lake) == before
        fatal += 1
    assert failures > 8
    assert next(calls) > 8


IMPORT_UNDER_A_LIMIT = """
import resource, sys
sys.path.insert(0, sys.argv[3])
from test_lake_full_disk import many_events
from _lakes import add
from washout.errors import LakeError
from washout.store.lake import Lake
import duckdb, pyarrow.parquet
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    add(Lake.open(sys.argv[1]), many_events())
except LakeError as error:
    print(error)
    raise SystemExit(5)
"""


def many_events():
    rows = [event(START + 7 * i, i, id=str(i * i % 9973)) for i in range(3000)]
    return unit("many", liquidation=rows)


@pytest.mark.parametrize("limit", [600, 3_000, 20_000])
def test_files_that_may_not_grow_are_reported_whoever_writes_them(lake, limit):
    """The manifest is larger than 600 bytes; Arrow and DuckDB write the parts."""
    before = contents(lake)
    done = subprocess.run(
        [
            sys.executable, "-c", IMPORT_UNDER_A_LIMIT,
            str(lake.path), str(limit), str(Path(__file__).parent),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "File too large" in done.stdout or "raise the limit" in done.stdout
    assert contents(lake) == before
    assert beside(lake) == set()
    assert add(lake, many_events(), now=NOW).added == 3000
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
