"""The recorder against exchanges on this machine, end to end."""

from __future__ import annotations

import asyncio
import errno

import httpx
import msgspec
import pytest

from _recording import (
    Told,
    fake_exchange,
    held_against,
    observed,
    passed,
    recording,
    report,
    settings,
    stored,
    until,
    with_lifetime,
)  # fmt: skip
from _venue import run
from washout.collect.entries import Kind
from washout.collect.journal import read_journal
from washout.errors import LakeBusy
from washout.live.serving import listen_at
from washout.testing.exchange_faults import Fault


@pytest.mark.parametrize("durability", ["1s", "sync"])
def test_what_two_venues_print_is_stored_once_and_whole(tmp_path, durability):
    @run
    async def test():
        told = Told()
        with fake_exchange(["binance", "bybit"]) as fake:
            made = settings(
                tmp_path, fake, "binance:BTC", "bybit:BTC", durability=durability
            )
            async with recording(made, fake.now, told) as recorder:
                await observed(recorder)
                start = fake.now()
                await passed(fake, 40.0)
                stop = fake.now()
                await asyncio.sleep(0.3)
            found = held_against(fake, tmp_path, start, stop)
        assert found.exact
        assert found.sent > 20
        assert found.stored == len(told.rows("liquidation"))
        assert report(tmp_path)["state"] == "stopped"

    test()


@run
async def test_a_full_disk_is_said_and_costs_nothing_while_memory_lasts(tmp_path):
    def full(_entries):
        raise OSError(errno.ENOSPC, "No space left on device")

    with fake_exchange(["bybit"]) as fake:
        made = settings(tmp_path, fake, "bybit:BTC", wants=("liquidations",))
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            start = fake.now()
            write = recorder.journal._file.write
            recorder.journal._file.write = full
            await until(lambda: recorder.journal.state().trouble)
            await passed(fake, 10.0)
            wrong = recorder.health.report().wrong
            recorder.journal._file.write = write
            await until(lambda: not recorder.journal.state().trouble)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
    entries = [entry for block in read_journal(made.journal) for entry in block]
    assert wrong == ("the journal cannot be written: No space left on device",)
    assert found.exact
    assert sum(entry.kind == Kind.FRAME for entry in entries) == recorder.intake.frames


@run
async def test_a_stream_that_is_acknowledged_and_says_nothing_is_told_of(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", wants=("liquidations", "trades", "mark_price")
        )
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            await passed(fake, 10.0)
            since = fake.now()
            fake.inject(Fault(at=0, kind="silence", venue="bybit.linear", lasts=3600.0))
            await until(
                lambda: any("silent" in one for one in recorder.health.report().wrong),
                28,
            )
            wrong = recorder.health.report().wrong
    assert any("linear: mark price: silent" in one for one in wrong)
    gaps = [one for one in stored(tmp_path, "gap") if one["reason"] == "silent"]
    # Of the line nothing comes at all, so that its liquidations are not seen either.
    for kind in ("candle", "liquidation"):
        begins = [gap["ts_event"] for gap in gaps if gap["kind"] == kind]
        assert min(begins) - since < 5_000_000


@run
async def test_one_connection_that_fails_costs_nothing_where_it_has_a_twin(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(tmp_path, fake, "bybit:BTC", wants=("liquidations",))
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            start = fake.now()
            for number, kind in enumerate(("disconnect", "cut", "reset"), 1):
                await passed(fake, 25.0)  # a sign of life of each twin since the last
                fake.inject(
                    Fault(at=0, kind=kind, venue="bybit.linear", connection=number)
                )
                await passed(fake, 2.0)
                await observed(recorder)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
    assert found.exact
    assert found.in_gaps == 0
    assert stored(tmp_path, "gap") == []
    assert len(fake.ledger.connections) == 7


@run
async def test_without_a_twin_every_hole_is_recorded_as_a_gap(tmp_path):
    refusal = Fault(
        at=0, kind="rate_limit", venue="bybit.linear", lasts=10, code=429, by=15
    )
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", wants=("liquidations",), twins=False
        )
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            start = fake.now()
            await passed(fake, 10.0)
            fake.inject(Fault(at=0, kind="drop", venue="bybit.linear"))
            await passed(fake, 5.0)
            await observed(recorder)
            await passed(fake, 10.0)
            fake.inject(refusal)
            fake.inject(Fault(at=0, kind="disconnect", venue="bybit.linear", code=1001))
            await passed(fake, 5.0)
            await observed(recorder)
            await passed(fake, 10.0)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
        holes = fake.ledger.holes("bybit.linear", stop)
    gaps = [row for row in stored(tmp_path, "gap") if row["kind"] == "liquidation"]
    assert found.exact
    assert [hole.why for hole in holes] == ["drop", "code 1001"]
    assert all(_covered(hole, gaps) for hole in holes)


def _covered(hole, gaps):
    """Whether gaps together cover a hole."""
    at = hole.start
    for gap in sorted(gaps, key=lambda one: one["ts_event"]):
        if gap["ts_event"] <= at:
            at = max(at, gap["ts_end"])
    return at >= hole.stop


@run
async def test_a_connection_that_is_renewed_before_its_time_leaves_no_gap(tmp_path):
    """The venue cuts after a day; here after a minute, so that it happens thrice."""
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", wants=("liquidations",), twins=False
        )
        made = with_lifetime(made, 40.0)
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            start = fake.now()
            keepers = list(recorder.venues[0].keepers.values())
            await until(lambda: min(one.connects for one in keepers) >= 3)
            await observed(recorder)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
    assert found.exact
    assert stored(tmp_path, "gap") == []
    assert len(fake.ledger.connections) >= 6


@run
async def test_a_lake_that_is_busy_is_waited_for_and_gets_everything_later(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", wants=("liquidations",), commit_every=4.0
        )
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            start = fake.now()
            with recorder.committer.lake.writing():
                await until(lambda: recorder.committer.state().trouble)
                await until(lambda: recorder.committer.state().rows > 5)
                assert any(
                    "lake cannot be written" in one
                    for one in recorder.health.report().wrong
                )
            await until(lambda: not recorder.committer.state().trouble)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
    assert found.exact


@run
async def test_a_decoder_that_fails_stops_nothing_and_is_said(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(tmp_path, fake, "bybit:BTC", wants=("liquidations",))
        async with recording(made, fake.now) as recorder:
            await observed(recorder)
            take = recorder.pipeline.take
            recorder.pipeline.take = _failing(take)
            await until(lambda: recorder.failures)
            before = recorder.health.liquidations
            await until(lambda: recorder.health.liquidations > before)
            wrong = recorder.health.report().wrong
    [said] = [one for one in wrong if one.startswith("the pipeline failed on an entry")]
    assert "ZeroDivisionError" in said


def _failing(take):
    """Fails on one entry, whether it comes alone or with others."""
    unlucky = []

    def failing(entries):
        frames = [entry for entry in entries if entry.kind == Kind.FRAME]
        unlucky.extend(frames[: 1 - len(unlucky)])
        if any(entry is unlucky[0] for entry in frames):
            raise ZeroDivisionError
        return take(entries)

    return failing


@run
async def test_a_second_recorder_of_the_same_lake_is_refused(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(tmp_path, fake, "bybit:BTC", wants=("liquidations",))
        async with recording(made, fake.now):
            with pytest.raises(LakeBusy, match="Another recorder writes to"):
                async with recording(made, fake.now):
                    pass


@run
async def test_after_a_restart_the_journal_brings_in_what_the_lake_missed(tmp_path):
    """The first recorder never commits: it ends as if it had been killed."""
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", wants=("liquidations",), commit_every=1e6
        )
        async with recording(made, fake.now) as first:
            await observed(first)
            start = fake.now()
            await until(lambda: first.health.liquidations > 10)
            first.committer.commit = lambda _now: None
        assert stored(tmp_path, "liquidation") == []
        async with recording(made, fake.now) as second:
            await observed(second)
            await asyncio.sleep(0.5)
            stop = fake.now()
            await asyncio.sleep(0.3)
        found = held_against(fake, tmp_path, start, stop)
    assert found.exact
    assert found.stored > 10
    reasons = {row["reason"] for row in stored(tmp_path, "gap")}
    assert reasons == {"recorder down"}


@run
async def test_a_venue_without_an_answer_is_told_of_in_health(tmp_path):
    with fake_exchange(["bybit"]) as fake:
        made = settings(
            tmp_path, fake, "bybit:BTC", "bybit:NOPE", wants=("liquidations",)
        )
    async with recording(made, fake.now) as recorder:
        await until(lambda: len(recorder.health.report().wrong) >= 3)
        wrong = recorder.health.report().wrong
    assert any("lists of instruments can be had" in one for one in wrong)
    assert any("is not observed since" in one and "Connect" in one for one in wrong)
    assert "bybit:NOPE: the venue lists nothing so" in wrong


@run
async def test_health_metrics_and_tape_are_served(tmp_path):
    with fake_exchange(["bybit"]) as fake, listen_at("127.0.0.1:0") as listening:
        host, port = listening.getsockname()
        url = f"http://{host}:{port}"
        made = settings(tmp_path, fake, "bybit:BTC", wants=("liquidations",))
        async with recording(made, fake.now, listening=listening) as recorder:
            await observed(recorder)
            async with httpx.AsyncClient() as http:
                health = (await http.get(f"{url}/health")).json()
                figures = (await http.get(f"{url}/metrics")).text
                first = await _rows(http, f"{url}/tape", 3)
                later = await _rows(http, f"{url}/tape", 1, after=first[0][0])
    assert health["wrong"] == []
    assert {one["state"] for one in health["connections"]} == {"open"}
    assert "washout_up 1\n" in figures
    assert 'washout_connection_open{name="bybit.linear (' in figures
    numbers = [int(name.split("-")[1]) for name, _ in first]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert later[0][0] == first[1][0]
    assert later[0][1] == first[1][1]
    assert first[0][1]["exchange"] == "bybit"


async def _rows(http, url, count, after=None):
    """The first rows of a tape, as (name, fields)."""
    headers = {} if after is None else {"Last-Event-ID": after}
    found, name = [], ""
    async with http.stream("GET", url, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                name = line[4:]
            elif line.startswith("data: "):
                found.append((name, msgspec.json.decode(line[6:])))
            if len(found) == count:
                return found
    raise AssertionError(found)
