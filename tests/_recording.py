"""A recorder in this process, fake exchanges beside it, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import asynccontextmanager

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from washout.exchanges import Instrument
from washout.instruments import parse_scope
from washout.live.recorder import Settings
from washout.live.starting import opened
from washout.live.venues import Where
from washout.live.wiring import WANTS, recordable, wishes
from washout.store.lake import Lake
from washout.testing.exchange import FakeExchange
from washout.testing.exchange_ledger import Fact, compare

SPEED = 20.0


def where(fake, *, twins=True):
    """Every line at its fake; listings and polls at the port of their line."""
    hosts = {
        "binance.usdm": "fapi.binance.com", "binance.coinm": "dapi.binance.com",
        "bybit.linear": "bybit", "okx.public": "okx",
    }  # fmt: skip
    urls = fake.urls()
    return Where(
        twins=twins, urls=urls,
        rests={
            hosts[name]: url.replace("ws://", "http://")
            for name, url in urls.items()
            if name in hosts
        },
    )  # fmt: skip


def settings(folder, fake, *scopes, wants=WANTS, twins=True, **others):
    chosen = wishes([parse_scope(scope) for scope in scopes], wants, recordable())
    return Settings(**{
        "lake": folder, "journal": folder / "journal", "wishes": tuple(chosen),
        "wants": wants, "where": where(fake, twins=twins), "rate": fake.clock.speed,
        "commit_every": 10.0, **others,
    })  # fmt: skip


def with_lifetime(made, seconds):
    """The same settings, of venues that cut every so many seconds."""

    def shorter(wish):
        lines = tuple(
            msgspec.structs.replace(line, lifetime=seconds)
            for line in wish.exchange.lines
        )
        exchange = msgspec.structs.replace(wish.exchange, lines=lines)
        return msgspec.structs.replace(wish, exchange=exchange)

    wishes_ = tuple(shorter(wish) for wish in made.wishes)
    return msgspec.structs.replace(made, wishes=wishes_)


class Told:
    """A hook that keeps the tables of facts."""

    def __init__(self):
        self.tables: dict[str, list[pa.Table]] = {}
        self.notices = []

    def __call__(self, facts):
        self.notices += facts.notices
        for kind, table in facts.tables.items():
            self.tables.setdefault(kind, []).append(table)

    def rows(self, kind):
        tables = self.tables.get(kind, [])
        return pa.concat_tables(tables).to_pylist() if tables else []


@asynccontextmanager
async def recording(made: Settings, clock, *hooks, listening=None):
    """A recorder that runs, and is stopped in order at the end."""
    with opened(made, clock, hooks=hooks) as recorder:
        task = asyncio.create_task(recorder.run(listening))
        try:
            yield recorder
        finally:
            recorder.stopping.set()
            await task


async def until(true, patience=20.0):
    """Wait until something is so."""
    async with asyncio.timeout(patience):
        while not true():
            await asyncio.sleep(0.02)


async def passed(fake, seconds):
    """Let so many seconds of the market pass."""
    end = fake.now() + seconds * 1_000_000
    await until(lambda: fake.now() >= end)


async def observed(recorder, patience=20.0):
    """Wait until every connection is open."""
    await until(
        lambda: (
            recorder.venues
            and all(one.keepers for one in recorder.venues)
            and all(
                one.state == "open"
                for venue in recorder.venues
                for one in venue.keepers.values()
            )
        ),
        patience,
    )


def facts(rows: Iterable[dict]) -> list[Fact]:
    """Liquidations as the ledger of a fake knows them."""
    return [
        Fact(
            row["exchange"],
            row["market"],
            row["ts_event"],
            row["liquidated"],
            row["usd"],
        )
        for row in rows
    ]


def gaps(rows: Iterable[dict]) -> dict[str, list[tuple[int, int, str]]]:
    """Gaps of liquidations as a comparison wants them."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in rows:
        if row["kind"] == "liquidation":
            found.setdefault(row["exchange"], []).append(
                (row["ts_event"], row["ts_end"], row["market"])
            )
    return found


def one_of(instruments: Iterable[Instrument]) -> Instrument:
    return next(iter(instruments))


def report(folder):
    return msgspec.json.decode((folder / "health.json").read_bytes())


def fake_exchange(venues, *, speed=SPEED, assets=("BTC",), **others):
    """Fake venues whose market begins now, in whole milliseconds as venues tell time."""
    begin = time.time_ns() // 1_000_000 * 1000
    return FakeExchange(venues, speed=speed, assets=assets, begin=begin, **others)


def stored(folder, kind):
    """Rows of a kind in a lake."""
    lake = Lake.open(folder)
    parts = [part for part in lake.state().parts if part.kind == kind]
    tables = [pq.ParquetFile(file).read() for file in lake.files(parts)]
    return [row for table in tables for row in table.to_pylist()]


def held_against(fake, folder, start, stop):
    """The lake's liquidations and gaps against what the fake printed."""
    return compare(
        fake.ledger, facts(stored(folder, "liquidation")), gaps(stored(folder, "gap")),
        start=start, stop=stop,
    )  # fmt: skip
