"""What it costs to keep a frame: the journal against the same bytes through bare zstd.

    python bench/journal.py [--frames 300000] [--runs 7]

Frames are like Binance's forceOrder, about 200 bytes, appended 40 at a time as a flush
every 20 ms at 2,000 frames a second does. `bare` puts receipt time and frame one after
the other and compresses pieces of 256 KiB with zstd-3 into a file, without anything that
could be found again after damage. Times are CPU seconds of all threads; the ratio is the
median of paired runs. fsync is in both; the disk's own time is in neither.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from washout.collect.entries import Entry, Kind
from washout.collect.journal import JournalWriter, read_journal

START = 1_764_000_000_000_000
FLUSH = 40


def frames(count: int) -> list[Entry]:
    chance = random.Random(1)
    symbols = [
        f"{name}USDT" for name in ("BTC", "ETH", "SOL", "XRP", "DOGE", "1000PEPE")
    ]
    made = []
    for number in range(count):
        when = START + number * 500
        price, size = chance.uniform(1, 90_000), chance.uniform(0.001, 50)
        body = (
            f'{{"e":"forceOrder","E":{when // 1000},"o":{{"s":"{chance.choice(symbols)}",'
            f'"S":"{chance.choice(["BUY", "SELL"])}","o":"LIMIT","f":"IOC","q":"{size:.3f}",'
            f'"p":"{price:.2f}","ap":"{price * 1.001:.2f}","X":"FILLED","l":"{size:.3f}",'
            f'"z":"{size:.3f}","T":{when // 1000 - 4}}}}}'
        )
        made.append(Entry(Kind.FRAME, when, 3, body.encode()))
    return made


def journalled(entries: Sequence[Entry], folder: Path, durability: str) -> int:
    writer = JournalWriter(folder, durability=durability)
    for at in range(0, len(entries), FLUSH):
        writer.append(entries[at : at + FLUSH])
    writer.close()
    return sum(path.stat().st_size for path in folder.glob("*.journal"))


def bare(entries: Sequence[Entry], folder: Path) -> int:
    codec = pa.Codec("zstd", compression_level=3)
    pieces, size, packed = [], 0, 0
    with (folder / "bare").open("wb", buffering=0) as handle:
        for entry in entries:
            pieces += (struct.pack("<q", entry.ts), entry.payload)
            size += 8 + len(entry.payload)
            if size >= 256 << 10:
                packed += handle.write(codec.compress(b"".join(pieces), asbytes=True))
                pieces, size = [], 0
        packed += handle.write(codec.compress(b"".join(pieces), asbytes=True))
        os.fsync(handle.fileno())
    return packed


def seconds(work, *args) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        size = work(args[0], Path(folder), *args[1:])
        spent = time.process_time() - begun
        if work is journalled:
            begun = time.process_time()
            count = sum(len(block) for block in read_journal(Path(folder)))
            assert count == len(args[0])
            reading.append(time.process_time() - begun)
    return spent, size


reading: list[float] = []


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    entries = frames(asked.frames)
    mean = sum(len(entry.payload) for entry in entries) / len(entries)
    runs = [
        (seconds(journalled, entries, "1s"), seconds(bare, entries))
        for _ in range(asked.runs)
    ]
    ratio = statistics.median(bare / mine for (mine, _), (bare, _) in runs)
    rate = len(entries) / statistics.median(mine for (mine, _), _ in runs)
    plain = len(entries) / statistics.median(bare for _, (bare, _) in runs)
    (_, size), (_, bare_size) = runs[0]
    read = len(entries) / statistics.median(reading)
    print(f"{len(entries)} frames of {mean:.0f} bytes, {asked.runs} paired runs")
    print(f"journal  {rate:>9,.0f} frames/s  {size / len(entries):.1f} bytes a frame")
    print(
        f"bare     {plain:>9,.0f} frames/s  {bare_size / len(entries):.1f} bytes a frame"
    )
    print(
        f"speed of the journal / bare: {ratio:.2f}; size / bare: {size / bare_size:.2f}"
    )
    print(f"reading  {read:>9,.0f} frames/s")


if __name__ == "__main__":
    main()
