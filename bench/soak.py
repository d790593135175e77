"""A day of market at 20 times its speed, with faults: is everything there, once?

    python bench/soak.py                      24 h of market in 72 minutes
    python bench/soak.py --hours 1 --speed 20

The recorder runs as a process of its own against fake exchanges. At the end every forced
order that was sent on an open, acknowledged connection must be in the lake once, every
other one within a gap, every hole recorded, and memory flat.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from _soaking import FORCED, Recording, covered, slope
from msgspec import structs

from washout.clock import HOUR, SECOND
from washout.testing import FakeExchange, Fault
from washout.testing.exchange_faults import SEEN
from washout.testing.exchange_ledger import Comparison, Fact, Hole, Ledger, compare
from washout.testing.exchange_market import Pace

SLACK = 2 * SECOND
"""Of market time: how far a gap may begin or end off the hole it stands for."""

AFTER = 180 * SECOND
"""Market time after a fault in which what goes wrong is put down to it."""

FEW = 40
"""Orders withheld by a silent line that says nothing else, below which nobody can miss
them: 14 are a chance of 1e-6 where the rate is known, and on the first day it is not."""

LEARNING = 45 * 60 * SECOND
"""Market time from the start in which the rate of a line that says nothing else is not
known yet: six whole windows of five minutes, and some of the silence."""

KINDS = (
    ("disconnect", {"code": 1012}), ("drop", {}), ("reset", {}), ("cut", {}),
    ("half_open", {"lasts": 120}), ("silence", {"lasts": 300}), ("no_ack", {"lasts": 60}),
    ("refuse", {"lasts": 60}), ("rate_limit", {"code": 429, "by": 20, "lasts": 60}),
    ("rate_limit", {"code": 418, "by": 30, "lasts": 60}), ("slow", {"by": 5, "lasts": 120}),
    ("late", {"by": 20, "count": 5}), ("duplicated", {"count": 20}),
    ("reordered", {"count": 10}), ("malformed", {"count": 3}), ("truncated", {}),
    ("clock_skew", {"by": 2, "lasts": 120}), ("burst", {"count": 2000, "lasts": 30}),
)  # fmt: skip

WITH_A_DROP = ("no_ack", "refuse", "rate_limit")
"""Faults that only a client who comes anew can meet."""


def script(lines: list[str], hours: float, seed: int, burst: int) -> list[Fault]:
    """Faults five minutes apart, in turn, on lines by chance: all connections of a line,
    or every second time one of two, which its twin covers."""
    chance, found = random.Random(seed), []
    for place in range(int(hours * 12) - 1):
        kind, more = KINDS[place % len(KINDS)]
        at, line = 300.0 * (place + 1), chance.choice(lines)
        alone = None if (place // len(KINDS)) % 2 == 0 else -1
        found.append(Fault(at=at, kind=kind, venue=line, connection=alone, **more))
        if kind in WITH_A_DROP:
            found.append(Fault(at=at + 0.2, kind="drop", venue=line, connection=alone))
    big = (
        [
            Fault(
                at=hours * 1800.0,
                kind="burst",
                venue=lines[0],
                count=burst,
                lasts=1800.0,
            )
        ]
        if burst
        else []
    )
    return [*found, *big]


def watch(recording: Recording, until: int) -> list[tuple[float, float]]:
    """Memory (MB) over market time (days), until an instant."""
    fake, found, told = recording.fake, [], time.monotonic()
    while fake.now() < until:
        time.sleep(2.0)
        if said := recording.ended():
            raise SystemExit(f"the recorder ended:\n{said}")
        day = (fake.now() - fake.clock.begin) / (24 * HOUR)
        found.append((day, recording.rss()))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"  {day * 24:5.1f} h of market, {found[-1][1]:.0f} MB", flush=True)
    return found


def blame(ledger: Ledger, line: str, at: int) -> str:
    """The fault that something at an instant is put down to."""
    for one in ledger.faults:
        end = one.at + int(one.fault.lasts * SECOND) + AFTER
        if one.line == line and one.at - SECOND <= at < end:
            return one.fault.kind
    return "no fault"


def table(
    ledger: Ledger, found: Comparison, notices: list[tuple[int, str]]
) -> list[tuple[str, int, int, int, int, str]]:
    """By kind: times, lost, in no gap, duplicated, detected in (median, seconds)."""
    where = {one.key: (one.line, one.at) for one in ledger.orders.values()}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, facts in (
        ("lost", found.lost), ("open", found.uncovered), ("twice", found.duplicated),
    ):  # fmt: skip
        for fact in facts:
            sums[blame(ledger, *where[fact])][name] += 1
    seen: dict[str, list[float]] = defaultdict(list)
    times: dict[str, int] = defaultdict(int)
    for one in ledger.faults:
        times[one.fault.kind] += 1
        if (known := detected(ledger, one, notices)) is not None:
            seen[one.fault.kind].append(known)
    rows = []
    for kind in [*SEEN, "no fault"]:
        known = sorted(seen[kind])
        middle = (
            f"{known[len(known) // 2]:.1f} s ({len(known)} of {times[kind]})"
            if known
            else "-"
        )
        if times[kind] or sums[kind]:
            some = sums[kind]
            rows.append(
                (kind, times[kind], some["lost"], some["open"], some["twice"], middle)
            )
    return rows


def detected(ledger: Ledger, one, notices: list[tuple[int, str]]) -> float | None:
    """Market seconds from a fault to the next connection of its line, or to a notice of
    its venue, whichever came first; None where neither came within the time."""
    end = one.at + int(one.fault.lasts * SECOND) + AFTER
    venue = one.line.split(".")[0]
    instants = [
        each.opened for each in ledger.connections
        if each.line == one.line and one.at < each.opened < end
    ]  # fmt: skip
    instants += [at for at, text in notices if one.at < at < end and venue in text]
    return (min(instants) - one.at) / SECOND if instants else None


def notices(recording: Recording) -> list[tuple[int, str]]:
    """Notices in the recorder's log: when (market time), and all that they say."""
    found = []
    for line in recording.tail_all().splitlines():
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue
        at = said.get("at") if isinstance(said, dict) else None
        if isinstance(at, int):
            found.append((at, line))
    return found


def report(
    recording: Recording, start: int, stop: int, memory: list[tuple[float, float]]
) -> bool:
    ledger = recording.fake.ledger
    gaps = recording.gaps()
    found = compare(ledger, recording.stored(), gaps, start=start, stop=stop)
    holes = [
        hole for line in recording.fake.urls() for hole in ledger.holes(line, stop)
        if hole.stop - hole.start > SLACK and hole.start >= start
    ]  # fmt: skip
    bare = [
        one
        for one in holes
        if not covered(one.start, one.stop, gaps.get(one.line.split(".")[0], []), SLACK)
    ]
    quiet = unnoticeable(recording, bare, start)
    bare = [hole for hole in bare if hole not in quiet]
    missed = [fact for fact in found.uncovered if not within(ledger, fact, quiet)]
    unseen = len(found.uncovered) - len(missed)
    found = structs.replace(found, uncovered=tuple(missed))
    print("| fault | times | lost | in no gap | duplicated | detected in (median) |")
    print("|---|---|---|---|---|---|")
    for row in table(ledger, found, notices(recording)):
        print("| " + " | ".join(map(str, row)) + " |")
    print(
        f"\nsilences that nobody can notice (yet) {len(quiet)}, with {unseen} orders"
        if quiet
        else ""
    )
    settled = [point for point in memory if point[0] > memory[-1][0] / 4]
    print(
        f"\nforced orders printed {found.printed:,}, sent {found.sent:,}, stored"
        f" {found.stored:,} ({found.stored_usd / 100:,.2f} USD), not sent and within gaps"
        f" {found.in_gaps:,}\nlost {len(found.lost)}, in no gap {len(found.uncovered)},"
        f" duplicated {len(found.duplicated)}, made up {len(found.unknown)}\nholes"
        f" {len(holes)}, not recorded {len(bare)}\nmemory {memory[-1][1]:.0f} MB, slope"
        f" {slope(settled):+.1f} MB a day of market (last three quarters)"
    )
    for name, some in (
        ("lost", found.lost),
        ("in no gap", found.uncovered),
        ("made up", found.unknown),
    ):
        for fact in some[:5]:
            print(f"  {name}: {fact}")
    for hole in bare[:10]:
        print(f"  not recorded: {told(hole, recording.fake.clock.begin)}")
    return found.exact and not bare


def unnoticeable(recording: Recording, holes: list[Hole], start: int) -> list[Hole]:
    """Silences of lines without marks: of `FEW` orders, or before their pace is known."""
    speak = {row["exchange"] for row in recording.rows("candle")}
    orders = recording.fake.ledger.orders.values()
    return [
        hole for hole in holes
        if hole.why == "silence" and hole.line.split(".")[0] not in speak
        and (hole.start < start + LEARNING or sum(
            one.line == hole.line and hole.start <= one.at < hole.stop for one in orders
        ) < FEW)
    ]  # fmt: skip


def within(ledger: Ledger, fact: Fact, holes: list[Hole]) -> bool:
    """Whether an order was to be sent in one of some holes."""
    return any(
        one.key == fact and hole.line == one.line and hole.start <= one.at < hole.stop
        for one in ledger.orders.values()
        for hole in holes
    )


def told(hole: Hole, begin: int) -> str:
    start, stop = ((at - begin) / SECOND for at in (hole.start, hole.stop))
    return f"{hole.line} {start:.1f}..{stop:.1f} s: {hole.why} (seen {hole.seen})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0, help="of market")
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--burst",
        type=int,
        default=50_000,
        help="orders within half an hour of market, half-way",
    )
    parser.add_argument("--venues", default=",".join(FORCED))
    parser.add_argument("--durability", default="1s")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--no-twins", action="store_true")
    parser.add_argument("--folder", type=Path, help="kept; else a temporary one")
    asked = parser.parse_args()
    begin = time.time_ns() // 1_000_000 * 1000
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        fake = FakeExchange(
            asked.venues.split(","), assets=["BTC"], speed=asked.speed, seed=asked.seed,
            begin=begin, pace=Pace(orders=0.2, trades=1.0, marks=3.0),
        )  # fmt: skip
        with fake:
            lines = sorted(fake.urls(), key=lambda name: name != "bybit.linear")
            options = [
                "--durability",
                asked.durability,
                *(["--no-twins"] if asked.no_twins else []),
            ]
            recording = Recording(fake, folder, *options)
            recording.start()
            start = recording.wait_until_served()
            fake.schedule(
                []
                if asked.no_faults
                else script(lines, asked.hours, asked.seed, asked.burst)
            )
            memory = watch(recording, start + int(asked.hours * HOUR))
            stop = fake.now()
            time.sleep(2.0)
            code = recording.stop()
        print(f"the recorder ended with {code}; {asked.hours:g} h at {asked.speed:g}x")
        good = report(recording, start, stop, memory)
    raise SystemExit(0 if good and code == 0 else 1)


if __name__ == "__main__":
    main()
