"""What is wished of whom; entries on their way; tasks and loops that fail."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from _venue import line, run
from washout.collect.entries import Entry, Kind
from washout.collect.journal import JournalWriter
from washout.errors import LakeError, UnknownName, UsageError
from washout.exchanges import Exchange, Instrument
from washout.instruments import parse_scope
from washout.live import guarding, intake, starting
from washout.live.catching_up import last_entry
from washout.live.guarding import Watchdog, guarded
from washout.live.intake import Intake
from washout.live.recorder import Settings, steady
from washout.live.wiring import wishes


def listed(symbol, market):
    return Instrument(symbol=symbol, asset=market.split("-")[0], market=market)


BTC, INVERSE, ETH = (
    listed("BTCUSDT", "BTC-USDT"), listed("BTCUSD", "BTC-USD"), listed("ETHUSDT", "ETH-USDT"),
)  # fmt: skip


def venue(name, *, topics=lambda _want, some: [one.symbol for one in some]):
    return Exchange(
        name=name, title=name, lines=(line(topics=topics),), listed=(BTC, INVERSE, ETH)
    )


KNOWN = {name: venue(name) for name in ("one", "two")}


def wished(*scopes, wants=("liquidations",), known=KNOWN):
    return wishes([parse_scope(scope) for scope in scopes], wants, known)


def test_scopes_are_gathered_by_exchange():
    first, second = wished("one:BTC", "two:ETH", "one:ETH-USDT")
    assert [str(scope) for scope in first.scopes] == ["one:BTC", "one:ETH-USDT"]
    assert first.meant([BTC, INVERSE, ETH]) == [BTC, INVERSE, ETH]
    assert second.meant([BTC, INVERSE, ETH]) == [ETH]


def test_all_means_every_exchange_and_a_star_every_asset():
    found = wished("all:BTC", "two:*")
    assert [str(scope) for wish in found for scope in wish.scopes] == [
        "one:BTC", "two:BTC", "two:*",
    ]  # fmt: skip
    assert found[1].meant([BTC, ETH]) == [BTC, ETH]


def test_what_the_venue_does_not_list_is_missing():
    [wish] = wished("one:BTC", "one:DOGE", "one:BTC-USDC")
    assert wish.missing([BTC, ETH]) == ["one:DOGE", "one:BTC-USDC"]


def test_exchanges_that_do_not_exist_or_offer_nothing_are_refused():
    with pytest.raises(UnknownName, match="no exchange that can be recorded 'three'"):
        wished("three:BTC")
    known = {"one": venue("one", topics=lambda _want, _some: []), "two": KNOWN["two"]}
    with pytest.raises(UsageError, match="Nothing of one can be recorded"):
        wished("one:BTC", known=known)
    assert [wish.exchange.name for wish in wished("all:BTC", known=known)] == ["two"]


def test_a_clock_that_is_set_back_stands_still():
    times = iter([5, 9, 3, 10])
    clock = steady(lambda: next(times), last=7)
    assert [clock() for _ in range(4)] == [7, 9, 9, 10]


class Kept:
    """A journal in memory."""

    durability = "1s"

    def __init__(self):
        self.entries, self.full = [], False

    def append(self, entries):
        if self.full:
            raise LakeError("the disk is full")
        self.entries += entries
        return list(entries)


class Reader:
    def __init__(self):
        self.said = []

    def pause(self):
        self.said.append("pause")

    def resume(self):
        self.said.append("resume")


def entry(number, size=10):
    return Entry(Kind.FRAME, number, 1, b"x" * size)


@run
async def test_entries_are_journalled_before_anybody_works_on_them():
    journal = Kept()
    way = Intake(journal)
    for number in range(3):
        way.sink(entry(number))
    assert (way.take(), journal.entries) == ([], [])
    await way.flush()
    assert journal.entries == way.take() == [entry(n) for n in range(3)]
    assert (way.held, way.frames) == (0, 3)


@run
async def test_what_the_journal_refuses_is_not_worked_on_and_is_said():
    journal = Kept()
    way = Intake(journal)
    journal.full = True
    way.sink(entry(1))
    await way.flush()
    assert (way.take(), way.trouble, way.held) == ([], "the disk is full", 0)
    journal.full = False
    way.sink(entry(2))
    await way.flush()
    assert (way.take(), way.trouble) == ([entry(2)], "")


@run
async def test_venues_are_held_back_while_too_much_waits(monkeypatch):
    monkeypatch.setattr(intake, "HIGH", 3000)
    monkeypatch.setattr(intake, "LOW", 1000)
    way = Intake(Kept())
    way.tap = reader = Reader()
    for number in range(4):
        way.sink(entry(number, 1000))
    await way.flush()
    assert reader.said == ["pause"]
    way.take()
    assert reader.said == ["pause", "resume"]
    assert (way.held, way.pauses) == (0, 1)


@run
async def test_a_task_that_fails_is_begun_again_and_told_of(monkeypatch):
    monkeypatch.setattr(guarding, "AGAIN_AFTER", 0.0)
    told, runs = [], []

    async def work():
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("odd")
        if len(runs) == 3:
            await asyncio.Event().wait()

    task = asyncio.create_task(guarded("work", work, told.append))
    while len(runs) < 3:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told == ["work failed: ValueError: odd", "work ended by itself"]


def test_a_loop_that_does_not_beat_is_said_to_be_stuck(monkeypatch):
    monkeypatch.setattr(guarding, "STUCK_AFTER", 0.1)
    stuck = []
    watchdog = Watchdog(stuck.append)
    end = time.monotonic() + 20
    while not stuck and time.monotonic() < end:
        time.sleep(0.05)
    watchdog.end()
    assert stuck[0] >= 0.1


def test_a_disk_without_space_is_refused_before_anything_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        starting.shutil, "disk_usage", lambda _path: SimpleNamespace(free=50 << 20)
    )
    settings = Settings(
        lake=tmp_path / "l", journal=tmp_path / "j", wishes=(), wants=()
    )
    with (
        pytest.raises(LakeError, match="Only 52 MB are left"),
        starting.opened(settings, lambda: 1),
    ):
        pass
    assert not (tmp_path / "j").exists()


def test_a_journal_from_the_future_is_refused(tmp_path):
    hour = 3_600_000_000
    with closing(JournalWriter(tmp_path)) as journal:
        journal.append([Entry(Kind.TICK, 10 * hour, 0)])
    assert last_entry(tmp_path, 10 * hour) == 10 * hour
    assert last_entry(tmp_path, 9 * hour) == 10 * hour
    with pytest.raises(LakeError, match="Set the clock, or name a new folder"):
        last_entry(tmp_path, 8 * hour)
