"""What soak and crash test share: the recorder as a process, and the lake it left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from washout.store.lake import Lake
from washout.testing.exchange import FakeExchange
from washout.testing.exchange_ledger import TIMELESS, Fact, Gaps

HERE = Path(__file__).parent

FORCED = (
    "binance", "bybit", "okx", "aster", "bitmex", "deribit", "bitget", "gate", "htx",
    "kraken", "bitfinex", "dydx",
)  # fmt: skip
"""Venues that publish forced orders to everybody."""


class Recording:
    """`washout record` of everything that a fake has, in a folder."""

    def __init__(
        self, fake: FakeExchange, folder: Path, *options: str, asset: str = "BTC"
    ) -> None:
        self.fake, self.folder, self.options = fake, folder, options
        self.scopes = sorted({f"{one.exchange}:{asset}" for one in fake.protocols})
        self.process: subprocess.Popen[bytes] | None = None
        self.began = 0
        self.log = folder / "recorder.log"

    def start(self) -> None:
        clock, self.began = self.fake.clock, self.fake.now()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    sys.executable, str(HERE / "_recorder.py"), str(clock.begin),
                    str(clock.anchor), str(clock.speed), "record", *self.scopes,
                    "--lake", str(self.folder / "lake"), "--listen", "off",
                    "--log", str(self.log), *self.fake.options(), *self.options,
                ],
                stdout=errors, stderr=errors,
            )  # fmt: skip

    def kill(self) -> None:
        """As the power does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, within: float = 120.0) -> int:
        """In order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def ended(self) -> str | None:
        """What it said, if it ended by itself."""
        assert self.process is not None
        if self.process.poll() is None:
            return None
        return (self.folder / "stderr.txt").read_text()[-2000:]

    def rss(self) -> float:
        """Resident memory in MB."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = status.partition("VmRSS:")[2].split()[0]
        return int(kilobytes) / 1024

    def wait_until_served(self, patience: float = 60.0) -> int:
        """Market time at which every line has an acknowledged connection."""
        begun = time.monotonic()
        before = self.fake.now()
        while time.monotonic() - begun < patience:
            served = {
                one.line
                for one in list(self.fake.ledger.connections)
                # Those of a recorder that was just killed may look open still.
                if one.acknowledged is not None
                and one.closed is None
                and one.opened > self.began
            }
            missing = set(self.fake.urls()) - served
            if not missing:
                return self.fake.now()
            if said := self.ended():
                raise SystemExit(f"the recorder ended:\n{said}")
            time.sleep(0.05)
        raise SystemExit(
            f"not acknowledged within {patience:g} s (from {before}):"
            f" {', '.join(sorted(missing))}\n{self.tail()}"
        )

    def tail(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def tail_all(self) -> str:
        """The whole log."""
        files = sorted(self.folder.glob(f"{self.log.name}*"), reverse=True)
        return "\n".join(file.read_text() for file in files)

    def rows(self, kind: str) -> list[dict]:
        """Rows of a kind in the lake."""
        lake = Lake.open(self.folder / "lake")
        parts = [part for part in lake.state().parts if part.kind == kind]
        return [
            row
            for file in lake.files(parts)
            for row in pq.ParquetFile(file).read().to_pylist()
        ]

    def stored(self) -> list[Fact]:
        """Liquidations of the lake as the ledger knows them."""
        return [
            Fact(
                row["exchange"], row["market"],
                0 if row["exchange"] in TIMELESS else row["ts_event"],
                row["liquidated"], row["usd"],
            )
            for row in self.rows("liquidation")
        ]  # fmt: skip

    def gaps(self) -> Gaps:
        """Gaps of liquidations."""
        found = defaultdict(list)
        for row in self.rows("gap"):
            if row["kind"] == "liquidation":
                found[row["exchange"]].append(
                    (row["ts_event"], row["ts_end"], row["market"])
                )
        return found


def covered(
    start: int, stop: int, gaps: list[tuple[int, int, str]], slack: int
) -> bool:
    """Whether gaps together cover a stretch but for so many microseconds at its ends."""
    at = start + slack
    for begin, end, _ in sorted(gaps):
        if begin <= at:
            at = max(at, end)
    return at >= stop - slack


def slope(points: list[tuple[float, float]]) -> float:
    """Of a straight line through (x, y) by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    both = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return both / spread if spread else 0.0
