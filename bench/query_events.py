"""Daily CLD of every scope over a lake of events: washout against hand-written SQL.

    python bench/query_events.py [--rows 50000000] [--runs 5]

The lake holds single liquidations, 5 years of 200 assets on 3 exchanges, in daily parts
as an import leaves them; it is generated once into bench/data. Both sides answer the
same question from the same Parquet files, in turns, and their sums must be equal.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from washout import schema
from washout.clock import DAY, SECOND, parse_time
from washout.config import DEFAULT
from washout.importers import Unit
from washout.store import sql
from washout.store.answer import open_lake
from washout.store.ingest import add_unit
from washout.store.lake import Lake

DATA = Path(__file__).parent / "data"
BEGIN, MONTHS, ASSETS = parse_time("2020-01-01"), 60, 200
NOW = parse_time("2026-01-01")
EXCHANGES, SHARES = np.array(["binance", "bybit", "okx"]), (0.55, 0.3, 0.15)
NAMES = np.array(["BTC", "ETH", "SOL", *(f"C{i:03d}" for i in range(ASSETS - 3))])
SCOPES = [f"{exchange}:*" for exchange in EXCHANGES]
ANCHOR = parse_time(DEFAULT.anchor)


def edges() -> list[int]:
    months = [f"{2020 + m // 12}-{m % 12 + 1:02d}-01" for m in range(MONTHS + 1)]
    return [parse_time(month) for month in months]


def month(rows: int, number: int, begin: int, end: int) -> pa.Table:
    """Made-up liquidations in order of time: sizes are log-normal, few assets are busy."""
    draw = np.random.default_rng(number)
    weights = 1 / (np.arange(ASSETS) + 1) ** 0.8
    asset = draw.choice(ASSETS, rows, p=weights / weights.sum()).astype(np.int32)
    times = np.sort(draw.integers(begin, end, rows))
    exchange = draw.choice(3, rows, p=SHARES).astype(np.int32)
    longs = draw.random(rows) < 0.55
    price = 10 ** np.random.default_rng(3).uniform(-4, 4.5, ASSETS)[asset]
    usd = np.maximum(1, np.rint(draw.lognormal(6.5, 1.7, rows) * 100)).astype(np.int64)
    late = np.where(draw.random(rows) < 0.001, 60 * SECOND, 0)
    columns = {
        "exchange": pa.DictionaryArray.from_arrays(exchange, EXCHANGES),
        "asset": pa.DictionaryArray.from_arrays(asset, NAMES),
        "market": pa.DictionaryArray.from_arrays(asset, [f"{n}-USDT" for n in NAMES]),
        "source": pa.repeat("bench", rows),
        "ts_event": times,
        "ts_recv": times + draw.integers(0, 2 * SECOND, rows) + late,
        "id": np.arange(rows).astype(str),
        "side": np.where(longs, "sell", "buy"),
        "liquidated": np.where(longs, "long", "short"),
        "quantity": usd / 100 / price,
        "price": price,
        "price_kind": pa.repeat("fill", rows),
        "usd": usd,
    }
    return pa.table(
        [columns[name] for name in schema.fields("liquidation")],
        names=list(schema.fields("liquidation")),
    )


def told() -> pa.Table:
    """Every perpetual of every asset was watched all the time."""
    begin, end = edges()[0], edges()[-1]
    return pa.Table.from_pylist(
        [
            {
                "exchange": exchange, "asset": asset, "market": "", "source": "bench",
                "ts_event": begin, "ts_recv": begin, "ts_end": end, "interval": 0,
                "kind": "liquidation", "product": "perp", "trust": "all",
                "floor": False, "delay": 0,
            }
            for exchange in EXCHANGES.tolist()
            for asset in NAMES.tolist()
        ],
        schema=schema.arrow("coverage"),
    )  # fmt: skip


def make_lake(path: Path, rows: int) -> Lake:
    if (path / "manifest.json").exists():
        return Lake.open(path)
    began = time.perf_counter()
    making = path.with_name(path.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    lake = Lake.create(making)
    bounds = edges()
    with lake.writing() as scratch:
        for number in range(MONTHS):
            tables = [
                (
                    "liquidation",
                    month(rows // MONTHS, number, *bounds[number : number + 2]),
                )
            ]
            tables += [("coverage", told())] if number == 0 else []
            one = Unit(f"month {number}", lambda _u, t=tables: iter(t), ordered=True)
            add_unit(lake, scratch, one, importer="bench", sha256="", now=NOW)
    making.rename(path)
    lake = Lake.open(path)
    size = sum(part.bytes for part in lake.manifest().parts) / 1e9
    print(
        f"made {path}: {rows:,} events, {len(lake.manifest().parts):,} parts,"
        f" {size:.2f} GB, in {time.perf_counter() - began:.0f} s"
    )
    return lake


def by_hand(lake: Lake, files: list[str], only: str = "") -> str:
    """What somebody who knows the lake and DuckDB well would write for this question.

    Facts that came late do not count, days that nobody watched are null, and a rolling
    sum needs 98 % of its window watched: these are part of the answer.
    """
    told = lake.files(p for p in lake.state().parts if p.kind == "coverage")
    return f"""
    with sums as (
      select exchange, asset, ts_event - ts_event % {DAY} as bar,
             sum(case when liquidated = 'short' then usd else -usd end)::bigint as net
      from {sql.parquet(files)}
      where ts_recv <= ts_event - ts_event % {DAY} + {DAY + DEFAULT.grace} {only}
      group by all
    ), watched as (
      select exchange, asset, ts_event, ts_end,
             unnest(range(ts_event - ts_event % {DAY}, ts_end, {DAY})) as bar
      from {sql.parquet(told)} where kind = 'liquidation' and market = '' {only}
    ), days as (
      select exchange, asset, bar,
             sum(least(ts_end, bar + {DAY}) - greatest(ts_event, bar))::bigint as seen
      from watched group by all
    ), daily as (
      select exchange || ':' || asset as scope, bar, seen,
             case when seen > 0 then coalesce(net, 0) end as net
      from days left join sums using (exchange, asset, bar)
    )
    select scope, make_timestamp(bar) as bar, net / 100.0 as net_usd,
      case when bar >= {ANCHOR} and net is not null then
        sum(case when bar >= {ANCHOR} then net end) over so_far end / 100.0 as cld_usd,
      case when sum(seen) over month >= {DEFAULT.coverage_ok} * 30 * {DAY} then
        sum(net) over month end / 100.0 as rolling_net_usd,
      make_timestamp(greatest(min(bar) over so_far, {ANCHOR})) as anchor
    from daily
    window so_far as (partition by scope order by bar
                      rows between unbounded preceding and current row),
           month as (partition by scope order by bar
                     range between {29 * DAY} preceding and current row)
    order by scope, bar
    """


def checksum(table: pa.Table) -> tuple[object, ...]:
    """Sums over every column, rows weighted by their place, so that order counts."""
    connection = duckdb.connect()
    connection.register("answer", table)
    return connection.execute(
        "select count(*), count(cld_usd), count(rolling_net_usd), sum(hash(net_usd) % 1000),"
        " sum(round(net_usd * 100)::hugeint * (epoch_us(bar) // 86400000000 % 997)),"
        " sum(round(cld_usd * 100)::hugeint), sum(round(rolling_net_usd * 100)::hugeint),"
        " sum(epoch_us(anchor)::hugeint) from answer"
    ).fetchone()


ENGINE = duckdb.connect()


def of_hand(query: str) -> pa.Table:
    with ENGINE.cursor() as connection:
        return connection.execute(query).to_arrow_table()


def paired(runs: int, *sides) -> list[list[float]]:
    """Wall seconds of each side, taken in turns."""
    seconds = [[] for _ in sides]
    for _ in range(runs):
        for mine, side in zip(seconds, sides, strict=True):
            began = time.perf_counter()
            side()
            mine.append(time.perf_counter() - began)
    return seconds


def report(what: str, seconds: list[list[float]]) -> None:
    ours, theirs = map(statistics.median, seconds)
    ratio = statistics.median(a / b for a, b in zip(*seconds, strict=True))
    print(f"{what:<34}{ours:>10.3f} s{theirs:>10.3f} s{ratio:>9.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    lake = make_lake(DATA / f"events-{given.rows}", given.rows)
    print(f"{given.rows:,} events; medians of paired runs, seconds\n")
    print(f"{'daily CLD of':<28}{'rows':>12}{'washout':>10}{'by hand':>10}{'ratio':>8}")
    compare("every scope, 5 years", lake, given.runs, *everything(lake))
    compare("one scope, its last month", lake, 4 * given.runs, *a_month(lake))


def everything(lake: Lake) -> tuple[dict[str, object], str]:
    parts = [p for p in lake.manifest().parts if p.kind == "liquidation"]
    return {"scope": SCOPES}, by_hand(lake, lake.files(parts))


def a_month(lake: Lake) -> tuple[dict[str, object], str]:
    """The files and the stretch are found for the SQL; washout finds them itself."""
    begin, end = parse_time("2024-12-01"), edges()[-1]
    back = begin - 29 * DAY
    parts = [
        p for p in lake.manifest().parts
        if p.kind == "liquidation" and p.exchange == "binance" and p.last > back
    ]  # fmt: skip
    only = "and asset = 'BTC' and exchange = 'binance' and ts_event"
    query = by_hand(lake, lake.files(parts), f"{only} < {end}")
    query = query.replace(
        "range(ts_event - ts_event",
        f"range(greatest(ts_event, {back}) - greatest(ts_event, {back})",
    )
    shown = (
        f"select * exclude (scope) from ({query}) where bar >= make_timestamp({begin})"
    )
    return {"scope": "binance:BTC", "start": begin}, shown.replace(
        str(ANCHOR), str(begin)
    )


def compare(
    what: str, lake: Lake, runs: int, question: dict[str, object], query: str
) -> None:
    question = {"anchor": "2024-12-01"} | question if "start" in question else question
    store = open_lake(lake.path)

    def ours() -> pa.Table:
        return store.view("cld", bar="1d", **question).arrow()

    def theirs() -> pa.Table:
        return of_hand(query)

    mine, other = checksum(ours()), checksum(theirs())
    if mine != other:
        raise SystemExit(f"the answers differ: {mine} and {other}")
    seconds = paired(runs, ours, theirs)
    ratio = statistics.median(a / b for a, b in zip(*seconds, strict=True))
    a, b = map(statistics.median, seconds)
    print(f"{what:<28}{mine[0]:>12,}{a:>10.3f}{b:>10.3f}{ratio:>7.2f}x")


if __name__ == "__main__":
    main()
