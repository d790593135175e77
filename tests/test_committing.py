"""What a recorder commits all day is one vintage, whole and once, whatever happens."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _journals import frame, write
from _lakes import (
    START,
    add,
    beside,
    contents,
    event,
    sizes,
    table,
    told,
    total,
    totals,
    unit,
)  # fmt: skip
from test_lake_full_disk import full_at
from washout.clock import DAY, HOUR, MINUTE, parse_time
from washout.collect.journal import read_journal
from washout.errors import LakeError
from washout.live.committing import WARM_UP, Committer, Waiting, resume_point
from washout.store import joining
from washout.store import lake as lake_module
from washout.store.lake import Lake
from washout.store.manifest import Feed, Manifest, Part
from washout.store.manifest_file import Book
from washout.store.merge import CRUMBS, extending
from washout.store.recording import READING

MORNING = parse_time("2026-11-25T08:00")


@pytest.fixture
def lake(tmp_path):
    return Lake.create(tmp_path / "lake")


def minute(time, *usd):
    """A minute of liquidations and of coverage, as the pipeline gives them."""
    rows = [event(time + n, usd, id=f"{time}-{n}") for n, usd in enumerate(usd)]
    return {
        "liquidation": table("liquidation", rows),
        "coverage": table("coverage", [told("liquidation", time, time + MINUTE)]),
    }


def record(committer, minutes, start=MORNING):
    """Commit a minute at a time; the last receipt."""
    for number in minutes:
        time = start + number * MINUTE
        committer.add(minute(time, number + 1), time + MINUTE)
        receipt = committer.commit(time + MINUTE)
    return receipt


def usd(lake, as_of=None):
    rows = contents(lake, as_of).get("liquidation", [])
    return sorted(row[-1] for row in rows)


def test_all_commits_of_a_day_are_one_vintage_that_grows(lake):
    committer = Committer(lake)
    record(committer, range(3))
    receipt = record(committer, range(3, 30))
    assert receipt.rows == {"liquidation": 1, "coverage": 1}
    [vintage] = lake.vintages()
    assert (vintage.unit, vintage.importer) == ("recorded 2026-11-25", "recorder")
    assert vintage.rows == {"liquidation": 30, "coverage": 30}
    assert (vintage.added, vintage.changed, vintage.removed) == (30, 0, 0)
    assert vintage.imported_at == MORNING + 30 * MINUTE
    assert usd(lake) == usd(lake, "vintage:1") == list(range(1, 31))
    [coverage] = contents(lake)["coverage"]
    assert MORNING in coverage
    assert MORNING + 30 * MINUTE in coverage


def test_an_import_ends_a_vintage_and_can_be_asked_for_exactly(lake):
    committer = Committer(lake)
    record(committer, range(20))
    noon = MORNING + 4 * HOUR
    add(lake, totals("vendor", d0=(7, 7)), now=noon)
    record(committer, range(20, 40), start=noon)
    assert [v.unit for v in lake.vintages()] == [
        "recorded 2026-11-25", "vendor", "recorded 2026-11-25"
    ]  # fmt: skip
    assert usd(lake, noon) == usd(lake, "vintage:2") == list(range(1, 21))
    assert usd(lake) == list(range(1, 41))
    assert sizes(lake, MORNING + 20 * MINUTE) == {}
    assert sizes(lake) == {("BTC", 0): (7, 7)}


def test_within_a_recorded_day_an_instant_sees_the_lake_before_that_day(lake):
    committer = Committer(lake)
    record(committer, range(3))
    record(committer, range(3), start=MORNING + DAY)
    record(committer, range(3, 6), start=MORNING + DAY)
    assert usd(lake, MORNING + DAY + 4 * MINUTE) == [1, 2, 3], "nothing not yet known"
    assert usd(lake, MORNING + DAY + 6 * MINUTE) == [1, 1, 2, 2, 3, 3, 4, 5, 6]


def test_the_first_commit_of_a_day_closes_the_day_before(lake):
    committer = Committer(lake)
    record(committer, range(30))
    end = lake.vintages()[0].imported_at
    assert len(lake.manifest().parts) > 2
    record(committer, range(2), start=MORNING + DAY)
    first, second = lake.vintages()
    assert first.closed
    assert not second.closed
    assert (first.imported_at, first.added) == (end, 30)
    joined = [p for p in lake.state("vintage:1").parts if p.kind == "liquidation"]
    assert [part.rows for part in joined] == [30]
    assert usd(lake, "vintage:1") == list(range(1, 31))


def test_files_of_discarded_parts_stay_for_readers_and_then_go(lake):
    committer = Committer(lake)
    held = set()
    for number in range(40):
        record(committer, [number])
        now = MORNING + (number + 1) * MINUTE
        for part in lake.manifest().parts:
            held.add((part.path, now))
        for path, when in held:
            assert (lake.path / path).exists() or when + READING <= now
        assert beside(lake) == set()
    there = {p.relative_to(lake.path).as_posix() for p in lake.path.rglob("*.parquet")}
    manifest = lake.manifest()
    assert there == {p.path for p in (*manifest.parts, *manifest.discarded)}
    assert len(manifest.discarded) < 40
    record(committer, [40 + READING // MINUTE])
    assert {p.at for p in lake.manifest().discarded} == {
        MORNING + 41 * MINUTE + READING
    }


def test_facts_told_again_after_a_restart_change_nothing_but_the_watermark(lake):
    record(Committer(lake), range(5))
    before = contents(lake)
    again = Committer(lake)
    for number in range(5):
        again.add(minute(MORNING + number * MINUTE, number + 1), MORNING + HOUR)
    receipt = again.commit(MORNING + HOUR)
    assert receipt.unchanged
    assert contents(lake) == before
    assert again.state() == Waiting(
        rows=0, bytes=0, watermark=MORNING + HOUR, told=MORNING + HOUR, trouble=None
    )
    assert len(lake.vintages()) == 1


def test_of_one_key_the_last_told_counts(lake):
    committer = Committer(lake)
    late = [event(MORNING, 5, id="a"), event(MORNING, 6, id="a")]
    committer.add({"liquidation": table("liquidation", late)}, MORNING)
    assert committer.commit(MORNING).duplicates == 1
    assert usd(lake) == [6]
    corrected = {"liquidation": table("liquidation", [event(MORNING, 9, id="a")])}
    committer.add(corrected, MORNING + 1)
    receipt = committer.commit(MORNING + 1)
    assert (receipt.added, receipt.changed) == (0, 1)
    assert usd(lake) == [9]


facts = st.dictionaries(
    st.tuples(st.integers(0, 40), st.sampled_from(["BTC-USDT", "ETH-USDT"])),
    st.integers(1, 9),
    max_size=6,
)
steps = st.lists(
    st.tuples(facts, st.sampled_from(["wait", "commit", "commit", "day", "import"])),
    min_size=1, max_size=60,
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.sampled_from([0, joining.MOST]))
def test_any_course_of_commits_and_imports_leaves_what_was_told(course, most):
    """Late facts, corrections, imports in between and days that end, against a dict.

    With `most` at 0 an engine joins the parts, as it does where they are large.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "MOST", most)
        run_course(course)


def run_course(course):
    folder = Path(tempfile.mkdtemp())
    lake = Lake.create(folder / "lake")
    committer, now = Committer(lake), MORNING
    pending, model, states = {}, {}, {}

    def seen(as_of=None):
        rows = contents(lake, as_of).get("liquidation", [])
        return {(row[4] - START, row[2]): row[-1] for row in rows}

    for number, (told_now, what) in enumerate(course):
        now += DAY if what == "day" else MINUTE
        rows = [
            event(START + when, usd, id=str(when), market=market)
            for (when, market), usd in told_now.items()
        ]
        if what == "import" and rows:
            add(lake, unit(f"u{number}", liquidation=rows), now=now)
            model |= told_now
        else:
            committer.add({"liquidation": table("liquidation", rows)}, now)
            pending |= told_now
        if what in ("commit", "day"):
            committer.commit(now)
            model |= pending
            pending = {}
        assert seen() == model
        states[lake.manifest().newest] = dict(model)
        for part in lake.manifest().parts:
            assert (lake.path / part.path).exists()
    for vintage, state in states.items():
        assert seen(f"vintage:{vintage}") == state
    assert beside(lake) == set()
    shutil.rmtree(folder)


def test_a_lake_that_is_being_written_gets_the_facts_later(lake):
    committer = Committer(lake)
    with lake.writing():
        committer.add(minute(MORNING, 1), MORNING)
        assert committer.commit(MORNING) is None
        assert "is being written by process" in committer.state().trouble
        committer.add(minute(MORNING + MINUTE, 2), MORNING + MINUTE)
        assert committer.state().rows == 4
        assert committer.state().watermark is None
    assert committer.commit(MORNING + MINUTE).added == 2
    assert committer.state().trouble is None
    assert committer.state().watermark == MORNING + MINUTE
    assert usd(lake) == [1, 2]
    assert committer.commit(MORNING + HOUR) is None


def test_more_facts_than_memory_should_hold_are_refused_aloud(lake):
    committer = Committer(lake, most_held=400)
    committer.add(minute(MORNING, 1), MORNING)
    with pytest.raises(LakeError, match="The journal holds them"):
        committer.add(minute(MORNING + MINUTE, 2), MORNING + MINUTE)
    committer.commit(MORNING)
    assert usd(lake) == [1]
    assert committer.state().watermark == MORNING


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_wherever_it_may_costs_no_fact(lake, monkeypatch, code):
    committer, fatal, failures = Committer(lake), 0, 0
    record(committer, range(20))
    while failures == fatal:
        time = MORNING + (20 + fatal) * MINUTE
        committer.add(minute(time, 21 + fatal), time)
        with monkeypatch.context() as patch:
            full_at(fatal, patch, code)
            try:
                committer.commit(time)
            except LakeError as error:
                failures += 1
                assert committer.state().trouble == str(error)
        fatal += 1
        assert beside(lake) == set()
    assert failures > 5
    committer.add(minute(MORNING + HOUR, 21 + fatal), MORNING + HOUR)
    committer.commit(MORNING + HOUR)
    assert usd(lake) == list(range(1, 22 + fatal))
    assert beside(lake) == set()


def test_replay_goes_on_a_quarter_of_an_hour_before_the_watermark(lake):
    folder = lake.path / "journal"
    write(folder, *([frame(n, ts=MORNING + n * HOUR)] for n in range(4)))
    assert resume_point(lake, folder) == (None, 0)
    committer = Committer(lake, journal=folder)
    committer.add(minute(MORNING, 1), MORNING + 2 * HOUR + 5 * MINUTE)
    committer.commit(MORNING + 3 * HOUR)
    since, watermark = resume_point(lake, folder)
    assert watermark == MORNING + 2 * HOUR + 5 * MINUTE
    assert since == watermark - WARM_UP
    assert [e.ts for block in read_journal(folder, since) for e in block] == [
        MORNING + n * HOUR for n in (1, 2, 3)
    ]
    assert resume_point(lake, lake.path.parent / "other") == (None, 0)
    moved = lake.path.with_name("moved")
    lake.path.rename(moved)
    assert resume_point(Lake.open(moved), moved / "journal")[1] == watermark


def test_retired_parts_lie_on_shelves_and_older_states_find_them(lake, monkeypatch):
    monkeypatch.setattr(lake_module, "SHELVED", 2)
    for number in range(12):
        add(lake, totals(f"u{number}", d0=(number, 1), d1=(number, 2)), now=START)
    assert len(lake.manifest().parts) < 6
    assert sum(shelf.parts for shelf in lake.manifest().shelves) == 9
    fresh = Lake.open(lake.path)
    for number in range(12):
        asked = f"vintage:{number + 1}"
        assert sizes(fresh, asked)["BTC", 0] == (number, 1)
        assert len(fresh.state(asked).parts) == 2
    assert beside(lake) == set()
    assert len(fresh.every_part()) == 13


def test_a_lake_of_the_first_format_is_read_and_written_anew(lake):
    add(lake, totals("a", d0=(1, 1), d400=(2, 2)))
    manifest = lake.manifest()
    old = {
        name: value
        for name, value in msgspec.to_builtins(manifest).items()
        if name in ("washout", "vintages", "parts")
    }
    path = lake.path / "manifest.json"
    path.write_bytes(msgspec.json.encode({**old, "format": 1}))
    before = path.read_bytes()
    again = Lake.open(lake.path)
    assert again.manifest().parts == manifest.parts
    assert path.read_bytes() == before
    add(again, totals("b", d1=(3, 3)))
    assert b'"format":2' in path.read_bytes()
    assert sizes(Lake.open(lake.path)) == {
        ("BTC", 0): (1, 1), ("BTC", 1): (3, 3), ("BTC", 400): (2, 2)
    }  # fmt: skip


names = st.builds(
    Feed,
    kind=st.just("candle"), exchange=st.sampled_from(["a", "b"]), asset=st.just("BTC"),
    market=st.sampled_from(["x", "y"]), product=st.just("perp"), source=st.just("s"),
    interval=st.sampled_from([0, MINUTE]), detail=st.sampled_from(["", "mark"]),
    first=st.integers(0, 2**53), last=st.integers(0, 2**53), rows=st.integers(0, 9),
)  # fmt: skip
parts = st.builds(
    Part,
    path=st.from_regex(r"[a-z]/[0-9]{3}", fullmatch=True), kind=st.just("candle"),
    exchange=st.just("a"), date=st.just("2026"), rows=st.integers(0, 99),
    first=st.integers(0, 2**53), last=st.integers(0, 2**53), bytes=st.integers(0, 99),
    feeds=st.lists(names, max_size=4).map(tuple), added=st.integers(1, 9),
    retired=st.none() | st.integers(1, 9),
)  # fmt: skip
manifests = st.lists(parts, max_size=5, unique_by=lambda part: part.path).map(
    lambda some: Manifest(format=2, washout="1", parts=tuple(some))
)


@given(st.lists(manifests, max_size=4))
def test_a_manifest_is_read_as_it_was_written_whatever_came_before(several):
    writing, reading = Book(), Book()
    for manifest in several:
        content = writing.encode(manifest)
        for book in (reading, writing, Book()):
            assert book.decode(content, Path("lake")) == manifest


def test_a_month_of_minutes_stays_few_parts_and_is_rewritten_a_few_times():
    """`extending` alone, on parts without files: 43,200 commits of uneven size."""
    there, written, told, most = [], 0, 0, 0
    for commit in range(30 * 1440):
        vintage, rows = commit // 1440, 50 + commit * 7919 % 101

        def part(rows, vintage=vintage):
            return Part("", "trade", "binance", "", rows, 0, 0, 0, (), vintage)

        incoming = [Feed("trade", "binance", "BTC", "", "", "", 0, "", rows=rows)]
        old = extending(there, incoming, vintage, closing=False)
        there = [p for p in there if p not in old]
        there.append(part(rows + sum(p.rows for p in old)))
        written += there[-1].rows
        told += rows
        if commit % 1440 == 1439:
            old = extending(there, (), vintage, closing=True)
            there = [p for p in there if p not in old]
            there.append(part(sum(p.rows for p in old)))
            written += there[-1].rows
        most = max(most, len(there))
    assert sum(p.rows for p in there) == told
    assert most < 7 * CRUMBS
    assert written < 6 * told


@pytest.mark.parametrize(
    ("when", "every"),
    [
        ("before", 9),
        pytest.param("before", 1, marks=pytest.mark.slow),
        pytest.param("after", 1, marks=pytest.mark.slow),
    ],
)
def test_a_committer_killed_at_any_call_leaves_the_old_state_or_the_new(
    tmp_path, when, every
):
    harness = Path(__file__).parent / "crash_harness_commits.py"
    done = subprocess.run(
        [sys.executable, str(harness), str(tmp_path), when, str(every)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    seen = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(seen) * every > 40, "the harness met too few calls to mean anything"
    assert seen == sorted(seen, reverse=True), "once committed, always committed"
    assert set(seen) == {"old", "new"}


def test_totals_of_a_recorder_and_of_a_vendor_share_a_partition(lake):
    add(lake, unit("vendor", liquidation_total=[total(n, n, 1) for n in range(3)]))
    committer = Committer(lake)
    mine = [total(1, 50, 1), total(5, 60, 1)]
    committer.add({"liquidation_total": table("liquidation_total", mine)}, MORNING)
    receipt = committer.commit(MORNING)
    assert (receipt.added, receipt.changed) == (1, 1)
    assert sizes(lake)["BTC", 1] == (50, 1)
    assert sizes(lake, "vintage:1")["BTC", 1] == (1, 1)
