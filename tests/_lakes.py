"""Small lakes for tests: units made of rows, and what a lake holds as rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from washout import schema
from washout.clock import DAY, parse_time
from washout.importers import Unit
from washout.store.ingest import add_unit
from washout.store.lake import Lake

NOW = parse_time("2026-01-01")
START = parse_time("2024-01-01")
WHO = {"exchange": "binance", "asset": "BTC", "market": "", "source": "vendor"}


def table(kind, rows):
    return pa.Table.from_pylist(rows, schema=schema.arrow(kind))


def total(day, long_usd, short_usd, *, interval=DAY, **who):
    time = START + day * interval
    return {
        **WHO, "ts_event": time, "ts_recv": time + interval, "interval": interval,
        "long_usd": long_usd, "short_usd": short_usd, **who,
    }  # fmt: skip


def event(time, usd, *, liquidated="long", id="1", market="BTC-USDT", **who):
    return {
        **WHO, "market": market, "ts_event": time, "ts_recv": time, "id": id,
        "side": "sell" if liquidated == "long" else "buy", "liquidated": liquidated,
        "quantity": 1.0, "price": 100.0, "price_kind": "fill", "usd": usd, **who,
    }  # fmt: skip


def told(kind, begin, end, *, interval=0, trust="all", floor=False, delay=0, **who):
    return {
        **WHO, "kind": kind, "product": "perp", "interval": interval,
        "ts_event": begin, "ts_recv": begin, "ts_end": end, "trust": trust,
        "floor": floor, "delay": delay, **who,
    }  # fmt: skip


def unit(name="unit", *, whole=False, ordered=False, **rows):
    """A unit of rows by kind."""
    tables = [(kind, table(kind, found)) for kind, found in rows.items()]
    return Unit(name, lambda _unit: iter(tables), whole=whole, ordered=ordered)


def totals(name="totals", /, whole=False, **days):
    """A unit of daily totals: d3=(long, short); one coverage row a day."""
    rows = [total(int(day[1:]), *usd) for day, usd in days.items()]
    return unit(
        name, whole=whole, liquidation_total=rows,
        coverage=[
            told("liquidation_total", r["ts_event"], r["ts_event"] + DAY, interval=DAY)
            for r in rows
        ],
    )  # fmt: skip


def add(lake, one, *, now=NOW, fingerprint="", sha256=""):
    with lake.writing() as scratch:
        return add_unit(
            lake, scratch, one, importer="test", sha256=sha256, now=now,
            fingerprint=fingerprint,
        )  # fmt: skip


def contents(lake, as_of=None):
    """Every fact of the lake at a vintage, as sorted tuples by kind."""
    found = {}
    for part in lake.state(as_of).parts:
        rows = pq.ParquetFile(lake.path / part.path).read().to_pylist()
        found.setdefault(part.kind, []).extend(tuple(row.values()) for row in rows)
    return {kind: sorted(rows, key=repr) for kind, rows in sorted(found.items())}


def sizes(lake, as_of=None):
    """(asset, day) -> (long, short) of the daily totals."""
    rows = contents(lake, as_of).get("liquidation_total", [])
    names = schema.arrow("liquidation_total").names
    asset, time, long_usd, short_usd = (
        names.index(n) for n in ("asset", "ts_event", "long_usd", "short_usd")
    )
    return {
        (r[asset], (r[time] - START) // DAY): (r[long_usd], r[short_usd]) for r in rows
    }


def beside(lake: Path | Lake):
    """Files in the folder of a lake that its manifest does not name."""
    lake = lake if isinstance(lake, Lake) else Lake.open(lake)
    manifest = lake.manifest()
    listed = (*lake.every_part(), *manifest.shelves, *manifest.discarded)
    known = {"manifest.json", ".lock", *(one.path for one in listed)}
    return {
        name
        for path in lake.path.rglob("*")
        if path.is_file() and (name := str(path.relative_to(lake.path))) not in known
    } | {path.name for path in lake.path.iterdir() if path.name == ".scratch"}
