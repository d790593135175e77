"""Entries become the same facts however they are cut, and nothing is lost unsaid."""

from __future__ import annotations

from random import Random

import msgspec
import pyarrow as pa
import pytest

from _recordings import generated
from _venues import VENUES
from washout import schema
from washout.clock import SECOND
from washout.live.pipeline import Pipeline
from washout.live.settings import Settings
from washout.store.stretches import overlay

SEEDS = range(6)


def rows(facts):
    """Rows by kind; coverage as it lies in the lake."""
    tables = {}
    for one in facts:
        for kind, table in one.tables.items():
            assert table.schema == schema.arrow(kind)
            tables.setdefault(kind, []).append(table)
    found = {kind: pa.concat_tables(t).to_pylist() for kind, t in tables.items()}
    found["coverage"] = overlay([], found.get("coverage", []))
    return found


def whole(entries, settings=None):
    pipeline = Pipeline(VENUES, settings)
    facts = [pipeline.take(entries)]
    return rows(facts), [n for f in facts for n in f.notices], pipeline.health()


def chunks(entries, random):
    at = 0
    while at < len(entries):
        stop = at + random.choice([1, 2, 20, 300])
        yield entries[at:stop]
        at = stop


@pytest.fixture(scope="module", params=SEEDS)
def journal(request):
    return generated(request.param)


@pytest.fixture(scope="module")
def told(journal):
    return whole(journal.entries, Settings(many=3, keep_trades=True))


def test_entries_one_by_one_or_in_any_chunks_give_the_same(journal, told):
    random = Random(journal.end)
    for cut in (lambda e: [[one] for one in e], lambda e: chunks(e, random)):
        pipeline = Pipeline(VENUES, Settings(many=3, keep_trades=True))
        facts = [pipeline.take(part) for part in cut(journal.entries)]
        notices = [n for f in facts for n in f.notices]
        assert (rows(facts), notices, pipeline.health()) == told
        assert facts[-1].watermark == journal.end


def test_frames_decoded_at_once_are_those_decoded_one_by_one(journal, told):
    assert whole(journal.entries, Settings(many=10**9, keep_trades=True)) == told


def test_every_delivered_liquidation_is_told_once(journal, told):
    found = [
        (row["exchange"], row["market"], row["id"], row["ts_event"], row["usd"])
        for row in told[0]["liquidation"]
    ]
    names = {
        (v.name, one.symbol): one.market for v in VENUES.values() for one in v.listed
    }
    assert sorted(found) == sorted(
        (key[0], names[key[:2]], key[3], event["time"], event["usd"])
        for key, event in journal.delivered.items()
        if key[2] == "liq"
    )


def seen_seconds(told, exchange, asset, market=""):
    """Whole seconds that coverage holds and no gap takes away."""

    def hits(row, *names):
        return (
            row["kind"] == "liquidation"
            and row["exchange"] == exchange
            and (row["asset"] in ("", asset) and row["market"] in ("", market))
        )

    seconds = set()
    for row in told["coverage"]:
        if hits(row) and row["asset"] == asset and row["market"] == market:
            seconds |= set(range(row["ts_event"], row["ts_end"], SECOND))
    for row in told.get("gap", []):
        if hits(row):
            assert row["ts_event"] % SECOND == row["ts_end"] % SECOND == 0
            seconds -= set(range(row["ts_event"], row["ts_end"], SECOND))
    return seconds


def truly_seen(journal, exchange, symbols):
    """Seconds of which every push, up to a second later, met a connection."""

    def met(symbol, begin, end):
        for since, until in sorted(journal.watched[exchange, symbol]):
            if since <= begin < until:
                begin = until
        return begin >= end

    first = max(min(b for b, _ in journal.watched[exchange, s]) for s in symbols)
    first += -first % SECOND
    return {
        second
        for second in range(first, journal.end, SECOND)
        if all(met(s, second, second + 2 * SECOND) for s in symbols)
    }


ASSETS = {
    ("alpha", "BTC"): ("BTCUSDT", "BTCUSD"), ("alpha", "ETH"): ("ETHUSDT",),
    ("beta", "BTC"): ("XBT",), ("beta", "ETH"): ("ETH",),
}  # fmt: skip


@pytest.mark.parametrize(("exchange", "asset"), sorted(ASSETS))
def test_observed_seconds_are_the_true_ones(exchange, asset):
    for seed in SEEDS:
        journal = generated(seed, crash=seed % 2 == 0, broken=0)
        told = whole(journal.entries)[0]
        last = max(
            row["ts_end"] for row in told["coverage"]
            if (row["exchange"], row["asset"]) == (exchange, asset)
        )  # fmt: skip
        found = seen_seconds(told, exchange, asset)
        expected = truly_seen(journal, exchange, ASSETS[exchange, asset])
        assert found == {second for second in expected if second < last}, seed
        assert len(found) > 60


def test_what_was_lost_lies_in_a_gap():
    checked = 0
    for seed in SEEDS:
        journal = generated(seed, broken=0.05)
        told = whole(journal.entries)[0]
        seen = {key: seen_seconds(told, *key) for key in ASSETS}
        duty = {
            key: (min(found), max(found)) for key, found in seen.items() if found
        }  # fmt: skip
        for event in journal.lost:
            exchange, symbol, kind, _ = event["key"]
            key = next(k for k, s in ASSETS.items() if k[0] == exchange and symbol in s)
            second = event["time"] // SECOND * SECOND
            if kind == "liq" and duty[key][0] <= second <= duty[key][1]:
                checked += 1
                assert second not in seen[key], (seed, event)
    assert checked > 50


def lake_of(*told):
    """What a lake holds after these rows: the newest of a key counts."""
    lake = {}
    for kind in {kind for found in told for kind in found} - {"coverage"}:
        lake[kind] = {
            tuple(row[name] for name in schema.KEY[kind]): row
            for found in told
            for row in found.get(kind, ())
        }
    every = [row for found in told for row in found.get("coverage", ())]
    return {**lake, "coverage": overlay([], every)}


def test_a_restart_at_any_watermark_gives_the_same_lake():
    for seed in SEEDS:
        journal = generated(seed)
        random = Random(seed)
        once = lake_of(rows([Pipeline(VENUES).take(journal.entries)]))
        cut = random.randrange(1, len(journal.entries))
        first = Pipeline(VENUES).take(journal.entries[:cut])
        again = Pipeline(VENUES)
        again.resume(first.watermark)
        taken = [again.take(part) for part in chunks(journal.entries, random)]
        assert lake_of(rows([first]), rows(taken)) == once, (seed, cut)


def test_facts_before_the_watermark_are_not_told_again(journal):
    pipeline = Pipeline(VENUES)
    pipeline.resume(journal.end + 1)
    facts = pipeline.take(journal.entries)
    assert (facts.tables, facts.notices) == ({}, ())
    assert pipeline.health() == whole(journal.entries)[2]


def _timeless(line):
    """The same line of a venue that tells no time, one frame after the other."""

    def decode(payload, received, instruments):
        said = line.decode(payload, received, instruments)
        if not isinstance(said, list):
            return said
        return [msgspec.structs.replace(one, ts_event=received) for one in said]

    replace = msgspec.structs.replace
    return replace(line, decode=decode, decode_many=None, timeless=True)


CLOCKLESS = {
    name: msgspec.structs.replace(venue, lines=tuple(map(_timeless, venue.lines)))
    for name, venue in VENUES.items()
}


def test_an_order_without_a_time_is_told_once_at_its_first_receipt(journal):
    """However entries are cut, and wherever reading begins again."""
    random = Random(journal.end)
    names = {
        (v.name, one.symbol): one.market for v in VENUES.values() for one in v.listed
    }
    expected = sorted(
        (key[0], names[key[:2]], key[3], event["received"], event["usd"])
        for key, event in journal.delivered.items()
        if key[2] == "liq"
    )
    half = Pipeline(CLOCKLESS).take(journal.entries[: len(journal.entries) // 2])
    again = Pipeline(CLOCKLESS)
    again.resume(half.watermark)
    anew = [half, *(again.take(part) for part in chunks(journal.entries, random))]
    for told in (
        rows(anew)["liquidation"],
        rows([Pipeline(CLOCKLESS).take(journal.entries)])["liquidation"],
        rows(map(Pipeline(CLOCKLESS).take, chunks(journal.entries, random)))[
            "liquidation"
        ],
    ):
        found = {tuple(row[n] for n in schema.KEY["liquidation"]): row for row in told}
        assert expected == sorted(
            (row["exchange"], row["market"], row["id"], row["ts_event"], row["usd"])
            for row in found.values()
        )
