"""Opening, locking and refusing; what is said when a lake is not sound."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from _lakes import NOW, START, add, beside, contents, event, sizes, totals, unit
from washout import errors
from washout.clock import DAY
from washout.store.answer import open_lake
from washout.store.lake import Lake
from washout.store.manifest import FORMAT


@pytest.fixture
def lake(tmp_path):
    return Lake.create(tmp_path / "lake")


def test_opening_what_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(errors.LakeError, match=r"no lake at .*washout import FILE"):
        Lake.open(tmp_path / "nowhere")


def test_a_file_is_no_lake(tmp_path):
    (tmp_path / "file").write_text("")
    for use in (Lake.open, Lake.create):
        with pytest.raises(errors.LakeError, match="is a file; a lake is a folder"):
            use(tmp_path / "file")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(errors.LakeError, match="not empty and no lake.*thesis"):
        Lake.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_parts_without_a_manifest_are_not_swept_away(lake):
    add(lake, totals(d0=(1, 1)))
    (lake.path / "manifest.json").unlink()
    with pytest.raises(errors.LakeError, match="parts of a lake but no manifest"):
        Lake.create(lake.path)
    assert list(lake.path.rglob("*.parquet"))


def test_a_newer_lake_is_refused_for_reading_and_writing(lake):
    path = lake.path / "manifest.json"
    content = json.loads(path.read_bytes()) | {"format": FORMAT + 1, "parts": "new"}
    path.write_text(json.dumps(content))
    for use in (Lake.open, Lake.create, lambda _: add(lake, totals(d0=(1, 1)))):
        with pytest.raises(errors.LakeTooNew, match=r"newer washout.*Upgrade"):
            use(lake.path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": "one"}', b'{"format": 1}'],
)
def test_a_corrupt_manifest_is_named_and_nothing_is_deleted(lake, content):
    add(lake, totals(d0=(1, 1)))
    (lake.path / "manifest.json").write_bytes(content)
    for use in (Lake.open, Lake.create, lambda _: add(lake, totals(d1=(1, 1)))):
        with pytest.raises(
            errors.LakeError, match="manifest.*Restore it from a backup"
        ):
            use(lake.path)
    assert list(lake.path.rglob("*.parquet"))


def test_a_truncated_manifest_is_named(lake):
    add(lake, totals(d0=(1, 1)))
    path = lake.path / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(errors.LakeError, match="is no manifest"):
        Lake.open(lake.path)


@pytest.mark.parametrize("harm", ["missing", "cut", "overwritten"])
def test_a_damaged_part_is_named_with_its_import(lake, harm):
    add(lake, totals("march.csv", d0=(1, 1)))
    part = lake.path / next(
        p.path for p in lake.manifest().parts if p.kind == "liquidation_total"
    )
    content = part.read_bytes()
    changes = {"cut": content[:-10], "overwritten": b"\0" * len(content)}
    part.unlink()
    if harm in changes:
        part.write_bytes(changes[harm])
    answer = open_lake(lake.path).view("liquidations", scope="binance:BTC")
    says = re.escape(str(part)) + r".*backup.*vintage 1 \(march.csv\)"
    for use in (answer.arrow, answer.rows, lambda: add(lake, totals(d0=(2, 2)))):
        with pytest.raises(errors.LakeError, match=says):
            use()
    assert lake.manifest().newest == 1


def test_a_lake_in_an_awkward_folder_works(tmp_path):
    lake = Lake.create(tmp_path / "Jo's [lake] *? {1}" / "100% ü")
    add(lake, totals("a", d0=(100, 1)))
    add(lake, totals("b", d0=(200, 1)))
    rows = open_lake(lake.path).view("liquidations", scope="binance:BTC").rows()
    assert [row["long_usd"] for row in rows] == [2.0]


def test_an_answer_outlives_a_change_of_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add(Lake.create("lake"), totals(d0=(100, 1)))
    answer = open_lake("lake").view("liquidations", scope="binance:BTC")
    monkeypatch.chdir("/")
    assert len(answer) == 1


def hold(path, ready, release):
    with Lake(path).writing():
        ready.set()
        release.wait(20)


@pytest.fixture
def other_writer(lake):
    """Another process that holds the lock, and the event that ends it."""
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(lake.path, ready, release))
    process.start()
    assert ready.wait(20)
    yield process, release
    release.set()
    process.join()


def test_a_second_writer_is_refused_and_told_who_writes(lake, other_writer):
    process, _ = other_writer
    with pytest.raises(errors.LakeBusy, match=rf"process {process.pid}\b.*--wait"):
        add(lake, totals(d0=(1, 1)))
    assert lake.manifest().newest == 0


def test_readers_do_not_mind_a_writer(lake, other_writer):
    assert Lake.open(lake.path).feeds() == ()


def test_a_writer_that_waits_gets_its_turn(lake, other_writer):
    _, release = other_writer
    started = time.monotonic()
    release.set()
    with lake.writing(wait=True):
        pass
    assert time.monotonic() - started < 15


def test_the_lock_of_a_killed_writer_is_free(lake):
    code = (
        "import os, sys; from washout.store.lake import Lake\n"
        "with Lake(__import__('pathlib').Path(sys.argv[1])).writing(): os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(lake.path)], check=False)
    assert beside(lake) == {".scratch"}
    assert add(lake, totals(d0=(1, 1))).vintage == 1
    assert beside(lake) == set()


def create_and_import(path, number):
    lake = Lake.create(path)
    with lake.writing(wait=True) as scratch:
        from washout.store.ingest import add_unit

        one = totals(str(number), **{f"d{number}": (number, 0)})
        add_unit(lake, scratch, one, importer="test", sha256="", now=NOW)


def test_writers_that_start_together_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.starmap(create_and_import, [(tmp_path / "lake", n) for n in range(6)])
    lake = Lake.open(tmp_path / "lake")
    assert sizes(lake) == {("BTC", n): (n, 0) for n in range(6)}
    assert lake.manifest().newest == 6


def read_until(path, release, found):
    """Read the lake over and over; put every distinct state, and None at the end."""
    seen = set()
    try:
        while not release.is_set():
            lake = Lake.open(path)
            rows = tuple(sorted(sizes(lake).items()))
            if rows not in seen:
                seen.add(rows)
                found.put(rows)
    finally:
        found.put(None)


def test_readers_see_whole_vintages_only(lake):
    """Each vintage changes partitions of three years together."""
    context = multiprocessing.get_context("spawn")
    release, found = context.Event(), context.Queue()
    add(lake, totals("0", d0=(0, 0), d400=(0, 0), d800=(0, 0)))
    reader = context.Process(target=read_until, args=(lake.path, release, found))
    reader.start()
    first = found.get(timeout=20)
    for n in range(1, 25):
        add(lake, totals(str(n), d0=(n, n), d400=(n, n), d800=(n, n)))
    release.set()
    states = [first, *iter(found.get, None)]
    reader.join()
    assert reader.exitcode == 0, "a reader met half a write"
    assert len(states) > 3, "the reader was too slow to see anything"
    for rows in states:
        assert len(rows) == 3
        assert len({usd for _, usd in rows}) == 1, "a mixture of two vintages"
    assert [dict(rows)["BTC", 0][0] for rows in states] == sorted(
        dict(rows)["BTC", 0][0] for rows in states
    )


def test_an_answer_keeps_to_the_vintage_that_it_was_asked_of(lake):
    add(lake, totals("a", d0=(100, 0)))
    answer = open_lake(lake.path).view("liquidations", scope="binance:BTC")
    add(lake, totals("b", d0=(900, 0)))
    assert answer.rows()[0]["long_usd"] == 1.0


def test_the_manifest_is_read_again_when_another_process_has_written(lake):
    add(lake, totals("a", d0=(1, 1)))
    other = Lake.open(lake.path)
    known = other.manifest()
    assert other.manifest() is known, "nothing changed, nothing read"
    add(lake, totals("b", d1=(1, 1)))
    assert other.manifest().newest == 2


def test_a_lake_that_is_not_writable_says_so(lake, monkeypatch):
    add(lake, totals("a", d0=(1, 1)))
    lake.path.chmod(0o500)
    if os.geteuid() == 0:  # root may write everywhere: refuse as the kernel would
        refuse_writing(lake.path, monkeypatch)
    try:
        with pytest.raises(errors.LakeError, match=r"not writable.*permissions"):
            add(lake, totals("b", d0=(2, 2)))
    finally:
        lake.path.chmod(0o700)
    monkeypatch.undo()
    assert lake.manifest().newest == 1


def refuse_writing(folder, monkeypatch):
    opened = Path.open

    def guarded(path, mode="r", *more, **named):
        if folder in path.parents and set(mode) & set("wax+"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", guarded)


def test_venue_facts_bound_what_a_source_says_on_both_sides(lake):
    """Binance publishes one order a second from 2021-04-27: METHOD 0, VENUES 1."""
    from _lakes import told, total
    from washout.clock import parse_time

    cut = parse_time("2021-04-27")
    days = [(cut - START) // DAY + offset for offset in (-1, 0)]
    row = told(
        "liquidation_total", cut - DAY, cut + DAY, interval=DAY, trust="aggregated"
    )
    add(lake, unit(liquidation_total=[total(d, 1, 1) for d in days], coverage=[row]))
    rows = open_lake(lake.path).view("liquidations", scope="binance:BTC").rows()
    assert [(r["bar"][:10], r["coverage"], r["floor"]) for r in rows] == [
        ("2021-04-26", "aggregated", False),
        ("2021-04-27", "one_per_second", True),
    ]


def test_sources_that_claim_less_than_the_venue_are_believed(lake):
    from _lakes import told

    add(
        lake,
        unit(
            liquidation=[event(START + 5, 1)],
            coverage=[told("liquidation", START, START + DAY, trust="unknown")],
        ),
    )
    (row,) = contents(lake)["coverage"]
    assert "unknown" in row
