"""From the last frame of a bar to the alert in a webhook's hands, on loopback.

python bench/alerts.py [--days 366] [--minutes 20] [--lake FOLDER]

A lake holds a simulated market at 1-minute bars. Rules over every detector watch it,
and one rule that fires at each bar; the webhook is a server on loopback. The clock is
real time shifted so that a bar ends in a few seconds; the facts of the bar are handed
over just before its end. What is measured is receipt of the alert minus bar end and
grace: an answer of market and all folds, the rule, the log on disk, HTTP.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from washout import schema
from washout.clock import DAY, MINUTE, SECOND
from washout.config import DEFAULT
from washout.importers import Unit
from washout.live.alerts import Alerts
from washout.live.rules import parse_rules
from washout.live.sending import ways
from washout.store.ingest import add_unit
from washout.store.lake import Lake
from washout.testing.simulated_facts import SCOPE, simulated_unit
from washout.testing.simulated_market import BEGIN

RULES = f"""
[defaults]
scopes = ["{SCOPE}"]
channels = ["hook"]
[channels.hook]
kind = "webhook"
url = "http://ADDRESS/"
secret = "${{SECRET}}"
[[rule]]
name = "every bar"
view = "eruption_track"
edge = "row"
""" + "".join(
    f'[[rule]]\nname = "{name}"\nsignal = "{name}"\n'
    for name in (
        "wave_confirmed", "exhaustion", "eruption", "squeeze_setup", "squeeze_trigger",
        "divergence", "leverage_load", "feed_gap", "unobserved",
    )
)  # fmt: skip


def served(came: queue.SimpleQueue) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.put((time.monotonic(), json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def tables_of(days: int) -> dict[str, pa.Table]:
    found: dict[str, list[pa.Table]] = {}
    for kind, table in simulated_unit("p1", seed=1, days=days, bar=MINUTE).tables():
        names = schema.arrow(kind).names
        found.setdefault(kind, []).append(table.select(names).cast(schema.arrow(kind)))
    return {kind: pa.concat_tables(parts) for kind, parts in found.items()}


def piece(tables, begin, end):
    """Facts received in (begin, end], and coverage of that time."""
    out = {}
    for kind, table in tables.items():
        if kind == "coverage":
            rows = [
                {**r, "ts_event": max(r["ts_event"], begin), "ts_end": min(r["ts_end"], end)}
                for r in table.to_pylist() if r["ts_event"] < end and r["ts_end"] > begin
            ]  # fmt: skip
            out[kind] = pa.Table.from_pylist(rows, schema=table.schema)
        else:
            received = (pc.field("ts_recv") > begin) & (pc.field("ts_recv") <= end)
            out[kind] = table.filter(received)
    return {kind: table for kind, table in out.items() if table.num_rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=366)
    parser.add_argument("--minutes", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured(Path(folder), asked.days, asked.minutes)


def measured(folder: Path, days: int, minutes: int) -> None:
    tables = tables_of(days + 1)
    split = BEGIN + days * DAY
    before = piece(tables, 0, split)
    lake = Lake.create(folder / "lake")
    with lake.writing() as scratch:
        unit = Unit("history", lambda _unit: iter(before.items()), ordered=True)
        add_unit(lake, scratch, unit, importer="bench", sha256="", now=split)
    came: queue.SimpleQueue = queue.SimpleQueue()
    server = served(came)
    text = RULES.replace("ADDRESS", f"127.0.0.1:{server.server_port}")
    rules = parse_rules(text, folder / "rules.toml")
    out = ways(rules, {"SECRET": "of the bench"})
    alerts = Alerts(lake, rules, out, lambda: time.time_ns() // 1000)
    begin = time.monotonic()
    alerts.advance(split)
    started = time.monotonic() - begin
    while not came.empty():
        came.get()
    late, answered, worked = [], [], []
    for minute in range(minutes):
        end = split + (minute + 1) * MINUTE
        alerts.add(piece(tables, end - MINUTE, end))
        due = time.monotonic() + 0.2  # bar end and grace fall here
        while time.monotonic() < due:
            alerts.advance(
                end + DEFAULT.grace - SECOND
            )  # as a recorder does: nothing yet
            time.sleep(0.02)
        turn, processor = time.monotonic(), time.process_time()
        alerts.advance(end + DEFAULT.grace)
        answered.append(time.monotonic() - turn)
        worked.append(time.process_time() - processor)
        while True:
            at, told = came.get(timeout=60)
            if any(a["rule"] == "every bar" and _ended(a, end) for a in told["alerts"]):
                break
        late.append(at - due)
    alerts.close()
    server.shutdown()
    assert alerts.failures == 0
    print(f"history                       {days} days of 1-minute bars")
    print(f"start: history, folds, record {started:.1f} s")
    print(f"bars                          {minutes}")
    print(f"answer (worker thread)        median {statistics.median(answered):.3f} s, most {max(answered):.3f} s")  # fmt: skip
    print(f"bar end and grace to receipt  median {statistics.median(late):.3f} s, most {max(late):.3f} s (aim 1 s)")  # fmt: skip
    print(f"processor time of an answer   median {statistics.median(worked):.3f} s, most {max(worked):.3f} s")  # fmt: skip
    print(
        f"load of the machine           {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"facts in memory               {sum(alerts.held().values()):,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory                   {peak:.2f} GB")


def _ended(alert, end: int) -> bool:
    from washout.clock import parse_time

    return parse_time(alert["bar"]) + MINUTE == end


if __name__ == "__main__":
    main()
