"""Frames of liquidations to rows and a Parquet file, beside other libraries' handlers.

    tools/peers.sh bench/peers
    python bench/decode_frames.py [--frames 200000] [--rounds 7] [--peers bench/peers]

Every variant runs in a process of its own, on one core, all of them in turn, `--rounds`
times, over the same file; times are CPU seconds of the loop over frames in memory.
Ratios are medians of the rounds' ratios. `washout` reads frames in batches, makes the
lake's rows and writes them as Parquet (zstd); the peers' handlers parse a frame and
store nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BATCH = 20_000
ROW_GROUP = 100_000
FEW = (
    "exchange", "asset", "market", "source", "side", "liquidated", "price_kind", "product",
)  # fmt: skip
"""Columns of few values; ids are all different and gain nothing from a dictionary."""

PEERS = {"binance": ("cryptofeed", "ccxt"), "bybit": ("ccxt",), "binance_trades": ()}
"""cryptofeed 2.4.1 hears nothing of Bybit's allLiquidation."""


def washout(venue: str, path: Path) -> dict[str, float]:
    """Our own way, in this process."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from gen_liquidation_frames import symbols

    from washout.exchanges._reading import named
    from washout.exchanges.binance import binance
    from washout.exchanges.bybit import bybit

    exchange = bybit if venue == "bybit" else binance
    line, kind = exchange.lines[0], "trade" if "trades" in venue else "liquidation"
    known = {name: named(name, exchange.name) for name in symbols()}  # as if listed
    frames = path.read_bytes().splitlines()
    received = 1_790_000_000_000_000 + np.arange(len(frames))
    assert line.decode_many is not None
    line.decode_many(frames[:1000], received[:1000], known)  # compiled, shapes known
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        first = line.decode_many(frames[:1], received[:1], known)[kind]
        few = [name for name in FEW if name in first.schema.names]
        writer = pq.ParquetWriter(
            Path(folder, "out.parquet"), first.schema, compression="zstd",
            use_dictionary=few, write_statistics=["asset", "market", "ts_event"],
        )  # fmt: skip
        held: list[pa.Table] = []
        for at in range(0, len(frames), BATCH):
            piece = slice(at, at + BATCH)
            table = line.decode_many(frames[piece], received[piece], known)[kind]
            held.append(table)
            rows += table.num_rows
            if sum(one.num_rows for one in held) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))
        writer.close()
        spent = time.process_time() - begin
        size = Path(folder, "out.parquet").stat().st_size
    return {"seconds": spent, "frames": len(frames), "events": rows, "bytes": size}


def run(variant: str, venue: str, path: Path, peers: Path) -> dict[str, float]:
    if variant == "washout":
        command = [sys.executable, __file__, "--one", venue, str(path)]
    else:
        python = peers / variant / "bin" / "python"
        command = [
            str(python),
            str(HERE / "peer_handlers.py"),
            variant,
            venue,
            str(path),
        ]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment,
        preexec_fn=one_core,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measure(venue: str, frames: int, rounds: int, peers: Path) -> list[str]:
    from gen_liquidation_frames import write

    path = write(venue, frames, HERE / "data" / f"{venue}.ndjson")
    variants = ("washout", *PEERS[venue])
    spent: dict[str, list[float]] = {variant: [] for variant in variants}
    ratios: dict[str, list[float]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        took = {variant: run(variant, venue, path, peers) for variant in variants}
        for variant in variants:
            each = took[variant]["seconds"] / took[variant]["frames"]
            spent[variant].append(each)
            ratios[variant].append(each / spent["washout"][-1])
    return [
        f"| {venue} | {variant} | {1e6 * statistics.median(spent[variant]):.2f}"
        f" | {1 / statistics.median(spent[variant]):,.0f}"
        f" | {statistics.median(ratios[variant]):.2f}x"
        f" ({min(ratios[variant]):.2f} to {max(ratios[variant]):.2f}) |"
        for variant in variants
    ]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--frames", type=int, default=200_000)
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--peers", type=Path, default=HERE / "peers")
    asked.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one:
        print(json.dumps(washout(given.one[0], Path(given.one[1]))))
        return
    print(
        "| frames | what | us a frame (CPU) | frames a second | time over washout's |"
    )
    print("|---|---|---|---|---|")
    for venue in PEERS:
        for row in measure(venue, given.frames, given.rounds, given.peers):
            print(row, flush=True)


if __name__ == "__main__":
    main()
