"""How soon a liquidation is on the tape, and whether a burst arrives whole.

    python bench/live.py                     2,000 frames a second for 20 s, on loopback
    python bench/live.py --seconds 60

A fake Bybit in a process of its own sends frames with the time of sending in them; the
recorder runs here with its journal (durability 1s), pipeline, tape, endpoint and lake.
Two subscribers measure: one in the process, one in another, of server-sent events.
Then 50 liquidations come at once, and the lake is read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from itertools import count
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pyarrow.parquet as pq
from picows import WSListener, WSMsgType, ws_create_server

from washout.exchanges import Instrument
from washout.instruments import parse_scope
from washout.live.recorder import Settings
from washout.live.serving import listen_at
from washout.live.starting import opened
from washout.live.venues import Where
from washout.live.wiring import recordable, wishes
from washout.store.lake import Lake

TOPIC = "allLiquidation.BTCUSDT"
AT_ONCE = 50


def now() -> int:
    return time.time_ns() // 1000


# The venue


class Feed(WSListener):
    """Sends `rate` frames a second once it was asked, and a burst at the end."""

    def __init__(self, rate: float, seconds: float) -> None:
        self.rate, self.seconds = rate, seconds

    def on_ws_connected(self, transport) -> None:
        self.transport = transport

    def on_ws_frame(self, _transport, frame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        asked = msgspec.json.decode(frame.get_payload_as_bytes())
        if asked["op"] == "subscribe":
            answer = {"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "x"}
            self.say({**answer, "req_id": asked.get("req_id", "")})
            self.task = asyncio.ensure_future(self.feed())
        else:
            self.say({"success": True, "ret_msg": "pong", "op": "ping"})

    def say(self, message) -> None:
        self.transport.send(WSMsgType.TEXT, msgspec.json.encode(message))

    async def feed(self) -> None:
        numbers = count(1)
        await asyncio.sleep(1.0)
        begun = time.perf_counter()
        sent = 0
        while (passed := time.perf_counter() - begun) < self.seconds:
            while sent < passed * self.rate:
                self.send(next(numbers))
                sent += 1
            await asyncio.sleep(0.002)
        await asyncio.sleep(1.0)
        for _ in range(AT_ONCE):
            self.send(next(numbers))

    def send(self, number: int) -> None:
        """The price says when it was sent: microseconds of the day."""
        sent = now()
        order = {
            "T": sent // 1000, "s": "BTCUSDT", "S": "Buy", "v": f"0.{number:06d}",
            "p": str(sent % 86_400_000_000),
        }  # fmt: skip
        push = {"topic": TOPIC, "type": "snapshot", "ts": sent // 1000, "data": [order]}
        self.say(push)


def serve(rate: float, seconds: float, ready) -> None:
    async def run() -> None:
        server = await ws_create_server(
            lambda _request: Feed(rate, seconds), "127.0.0.1", 0
        )
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


# Subscribers


def since(price: float) -> float:
    """Milliseconds since a frame was sent."""
    return ((now() % 86_400_000_000) - price) / 1000


def subscribe(url: str, results) -> None:
    """Server-sent events in a process of its own, until the stream ends."""
    found = []
    try:
        with httpx.stream("GET", f"{url}/tape", timeout=10.0) as answer:
            found.extend(
                since(msgspec.json.decode(line[6:])["price"])
                for line in answer.iter_lines()
                if line.startswith("data: ")
            )
    except httpx.HTTPError:
        pass
    results.put(found)


async def listen(tape, found: list[float]) -> None:
    listener = tape.listen()
    while True:
        rows = await listener.next()
        found.extend(since(msgspec.json.decode(row.content)["price"]) for row in rows)


# The measurement


async def measure(port: int, seconds: float, rate: float, folder: Path) -> dict:
    known = recordable()
    bybit = msgspec.structs.replace(
        known["bybit"], listings=(),
        listed=(Instrument(symbol="BTCUSDT", asset="BTC", market="BTC-USDT"),),
    )  # fmt: skip
    made = Settings(
        lake=folder, journal=folder / "journal", wants=("liquidations",),
        wishes=tuple(wishes([parse_scope("bybit:BTC")], ["liquidations"], {"bybit": bybit})),
        where=Where(twins=False, urls={"bybit": f"ws://127.0.0.1:{port}"}),
        commit_every=10.0,
    )  # fmt: skip
    inside: list[float] = []
    expected = int(rate * seconds) + AT_ONCE
    with opened(made, now) as recorder, listen_at("127.0.0.1:0") as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        results = multiprocessing.Queue()
        other = multiprocessing.Process(target=subscribe, args=(url, results))
        running = asyncio.create_task(recorder.run(listening))
        own = asyncio.create_task(listen(recorder.tape, inside))
        other.start()
        await asyncio.sleep(seconds + 4.0)
        for _ in range(100):
            if len(inside) >= expected:
                break
            await asyncio.sleep(0.1)
        slowest = recorder.slowest
        own.cancel()
        recorder.stopping.set()
        await running
    outside = await asyncio.to_thread(results.get)
    other.join()
    lake = Lake.open(folder)
    parts = [part for part in lake.state().parts if part.kind == "liquidation"]
    quantities = np.concatenate(
        [
            pq.ParquetFile(f).read(["quantity"])["quantity"].to_numpy()
            for f in lake.files(parts)
        ]
    )
    numbers = set(np.rint(quantities * 1e6).astype(int).tolist())
    sent = max(numbers)
    return {
        "frames a second": rate, "seconds": seconds, "sent": sent,
        "in the lake": len(numbers), "rows": len(quantities),
        "lost": len(set(range(1, sent + 1)) - numbers),
        "burst in the lake": len(numbers & set(range(sent - AT_ONCE + 1, sent + 1))),
        "slowest turn of the loop, ms": round(1000 * slowest, 1),
        "in process, ms": quantiles(inside),
        "server-sent events, ms": quantiles(outside),
    }  # fmt: skip


def quantiles(values: list[float]) -> dict[str, float]:
    return {
        "rows": len(values),
        **{
            name: round(float(np.quantile(values, q)), 2)
            for name, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    ready = multiprocessing.Queue()
    venue = multiprocessing.Process(
        target=serve, args=(asked.rate, asked.seconds, ready), daemon=True
    )
    venue.start()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(
            measure(ready.get(), asked.seconds, asked.rate, Path(folder) / "lake")
        )
    venue.terminate()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
