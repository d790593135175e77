"""What a year of recording costs the lake: size of the manifest, time of a commit.

    python bench/recording.py [--days 365] [--minutes 60]

600 markets on 10 exchanges with seven kinds of facts. Days are simulated with one commit
each, which leaves the same vintages and parts as a day of minutes does after it closed; at
the end come commits of a minute each, which are timed, and what a reader pays for them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from washout import schema
from washout.clock import DAY, MINUTE, parse_time
from washout.live.committing import Committer
from washout.store.lake import Lake

EXCHANGES, ASSETS = 10, 60
MARKETS = [(f"venue{e}", f"A{a:02d}") for e in range(EXCHANGES) for a in range(ASSETS)]
START = parse_time("2026-01-01")
chance = np.random.default_rng(1)


def facts(time_: int, until: int, spread: int) -> dict[str, pa.Table]:
    """Facts of every market at one minute; coverage as far as `until`."""
    count = len(MARKETS)

    def told(kind: str, repeat: int = 1, /, **columns: object) -> pa.Table:
        layout, rows = schema.arrow(kind), count * repeat
        who = {
            "exchange": [e for e, _ in MARKETS], "asset": [a for _, a in MARKETS],
            "market": [f"{a}-USDT" for _, a in MARKETS],
            "source": [f"{e}-stream" for e, _ in MARKETS],
        }  # fmt: skip
        given = {name: np.repeat(values, repeat) for name, values in who.items()}
        given |= {"ts_event": np.full(rows, time_), "ts_recv": np.full(rows, until)}
        for name, value in columns.items():
            tiled = isinstance(value, list)
            given[name] = np.tile(value, count) if tiled else np.full(rows, value)
        for field in layout:
            if field.name not in given and not field.nullable:
                given[field.name] = chance.integers(0, 10**9, rows)
        arrays = {
            f.name: pa.array(given[f.name])
            if f.name in given
            else pa.nulls(rows, f.type)
            for f in layout
        }
        return pa.table(arrays).cast(layout)

    at = time_ + chance.integers(0, spread, count)
    single = told(
        "liquidation", side="sell", liquidated="long", price_kind="fill", id="1"
    )
    polled = told("open_interest")
    when = polled.schema.get_field_index("ts_event")
    minute = {"product": "perp", "interval": MINUTE}
    return {
        "trade_total": told("trade_total", 3, cohort=["s", "m", "l"], **minute),
        "candle": told("candle", 2, price_kind=["trade", "mark"], **minute),
        "open_interest": polled.set_column(when, "ts_event", pa.array(at)),
        "liquidation": single.set_column(
            single.schema.get_field_index("ts_event"), "ts_event", pa.array(at)
        ),
        "tally": told("tally", kind="liquidation", interval=MINUTE, name="frames"),
        "coverage": told(
            "coverage", market="", kind="liquidation", product="perp", interval=0,
            ts_end=until, trust="all", floor=False, delay=0,
        ),
    }  # fmt: skip


def timed(work) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--minutes", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.create(Path(folder) / "lake")
        committer = Committer(lake)
        for day in range(asked.days):
            begin = START + day * DAY
            committer.add(facts(begin, begin + DAY, MINUTE), begin + DAY - 1)
            committer.commit(begin + DAY - 1)
        begin, commits, readers = START + asked.days * DAY, [], []
        reader = Lake.open(lake.path)
        opening = timed(lambda: Lake.open(lake.path).state())
        reader.state()
        for minute in range(asked.minutes):
            now = begin + (minute + 1) * MINUTE
            committer.add(facts(now - MINUTE, now, MINUTE), now)
            commits.append(timed(lambda now=now: committer.commit(now)))
            readers.append(timed(reader.state))
        manifest = lake.manifest()
        size = (lake.path / "manifest.json").stat().st_size
        print(
            f"{asked.days} days of {len(MARKETS)} markets, {len(reader.feeds())} feeds"
        )
        print(
            f"manifest {size / 1e6:.1f} MB, {len(manifest.parts)} parts in it,", end=" "
        )
        print(f"{sum(shelf.parts for shelf in manifest.shelves)} on shelves")
        for name, times in (
            ("commit of a minute", commits[1:]),
            ("reader", readers[1:]),
        ):
            wall = sorted(wall for wall, _ in times)
            cpu = statistics.median(cpu for _, cpu in times)
            print(f"{name}: median {statistics.median(wall):.2f} s, most {wall[-1]:.2f} s,"
                  f" CPU {cpu:.2f} s")  # fmt: skip
        print(f"opening the lake anew: {opening[0]:.2f} s, CPU {opening[1]:.2f} s")


if __name__ == "__main__":
    main()
