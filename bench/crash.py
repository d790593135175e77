"""Kill the recorder 200 times at any moment: is everything there, once?

    python bench/crash.py                            200 kills, half with each durability
    python bench/crash.py --kills 20 --durability sync

The recorder runs against fake exchanges at speed and is killed (-9) after random times,
and started again. After the last start it ends in order; then the lake must have every
forced order that was sent, once, or within a gap; and what `sync` acknowledged is there.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from _recording import Recording
from washout.clock import SECOND
from washout.testing import FakeExchange
from washout.testing.exchange_ledger import compare
from washout.testing.exchange_market import Pace


def run(
    kills: int,
    durability: str,
    speed: float,
    seed: int,
    folder: Path,
    venues: list[str],
) -> bool:
    chance = random.Random(seed)
    begin = time.time_ns() // 1_000_000 * 1000
    pace = Pace(orders=0.5, trades=2.0, marks=3.0)
    fake = FakeExchange(
        venues, assets=["BTC"], speed=speed, seed=seed, begin=begin, pace=pace
    )
    with fake:
        recording = Recording(
            fake, folder, "--durability", durability, "--commit-every", "20s"
        )
        recording.start()
        start = recording.wait_until_served()
        for number in range(kills):
            # A third die while they start, the others while they record and commit.
            if chance.random() < 0.67:
                recording.wait_until_served()
            time.sleep(chance.choice((0.1, 0.5, 1.0, 2.0)) * chance.uniform(0.5, 2.0))
            if said := recording.ended():
                raise SystemExit(f"the recorder ended by itself:\n{said}")
            recording.kill()
            recording.start()
            if (number + 1) % 20 == 0:
                print(f"  {durability}: {number + 1} kills", flush=True)
        recording.wait_until_served()
        time.sleep(3.0)
        stop = fake.now()
        time.sleep(1.5)
        code = recording.stop()
    found = compare(
        fake.ledger, recording.stored(), recording.gaps(), start=start, stop=stop
    )
    gaps = [row for row in recording.rows("gap") if row["kind"] == "liquidation"]
    seconds = sum(row["ts_end"] - row["ts_event"] for row in gaps) / SECOND
    print(
        f"| {durability} | {kills} | {found.sent:,} | {found.stored:,} |"
        f" {len(found.lost)} | {len(found.uncovered)} | {len(found.duplicated)} |"
        f" {len(found.unknown)} | {found.in_gaps:,} | {len(gaps):,} ({seconds:,.0f} s of"
        f" {(stop - start) / SECOND:,.0f} s, summed over venues) |"
        f"\n  the last recorder ended with {code}"
    )
    for name in ("lost", "uncovered", "duplicated", "unknown"):
        for fact in getattr(found, name)[:5]:
            print(f"  {name}: {fact}")
    return found.exact and code == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=["1s", "sync", "both"], default="both")
    parser.add_argument("--venues", default="binance,bybit,okx")
    parser.add_argument("--folder", type=Path, help="kept; else a temporary one")
    asked = parser.parse_args()
    modes = ["1s", "sync"] if asked.durability == "both" else [asked.durability]
    print(
        "| durability | kills | sent | stored | lost | in no gap | duplicated | made up"
        " | within gaps | gaps |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    good = True
    with tempfile.TemporaryDirectory() as temporary:
        for mode in modes:
            folder = (asked.folder or Path(temporary)) / mode
            good &= run(
                asked.kills // len(modes), mode, asked.speed, asked.seed, folder,
                asked.venues.split(","),
            )  # fmt: skip
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
