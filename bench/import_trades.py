"""aggTrades from a zip: to taker flow by cohort and minute, and to a Parquet lake.

    python bench/import_trades.py [FILE.zip] [--runs 5] [--without pandas-parquet]

Without FILE a month of 20 million rows is generated once into bench/data. Every
variant runs in a process of its own, all of them in turn, `--runs` times; times are CPU
seconds of all threads, without start-up and compilation. Ratios are medians of paired
runs. `inflate` is ISA-L alone, fed 1 MiB at a time and asked for all that comes out;
`inflate-pieces` the same asked for pieces that fit the cache, as washout does it.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
MONTH = HERE / "data" / "BTCUSDT-aggTrades-2025-01.zip"
NOW = 1_800_000_000_000_000
MINUTE = 60_000_000
COLUMNS = [
    "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id",
    "transact_time", "is_buyer_maker", "is_best_match",
]  # fmt: skip
BOUNDS = [1e3, 1e4, 1e5, 1e6]

Work = Callable[[Path, Path], dict[str, float]]


def compressed(path: Path) -> Iterator[bytes]:
    """The deflate stream of the only member, 1 MiB at a time."""
    [info] = zipfile.ZipFile(path).infolist()
    with path.open("rb") as handle:
        handle.seek(info.header_offset + 26)
        head = handle.read(4)
        skip = int.from_bytes(head[:2], "little") + int.from_bytes(head[2:], "little")
        handle.seek(skip, 1)
        left = info.compress_size
        while left:
            piece = handle.read(min(1 << 20, left))
            left -= len(piece)
            yield piece


def inflate(path: Path, _scratch: Path) -> dict[str, float]:
    from isal import isal_zlib

    stream = isal_zlib.decompressobj(wbits=-15)
    return {"bytes": sum(len(stream.decompress(piece)) for piece in compressed(path))}


def inflate_pieces(path: Path, _scratch: Path) -> dict[str, float]:
    from isal import igzip_lib

    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    size = 0
    for piece in compressed(path):
        size += len(stream.decompress(piece, 1 << 20))
        while not stream.needs_input and not stream.eof:
            size += len(stream.decompress(b"", 1 << 20))
    return {"bytes": size}


def totals(path: Path, _scratch: Path) -> dict[str, float]:
    """What the importer yields: minute totals by cohort, every byte checked."""
    from washout.importers import Options
    from washout.importers.binance_agg_trades import binance_agg_trades

    [unit] = binance_agg_trades.read(path, Options(now=NOW, totals=MINUTE))
    table = dict(unit.tables())["trade_total"]
    usd = sum(table[name].to_numpy().sum() for name in ("buy_usd", "sell_usd"))
    return {"rows": int(table["trades"].to_numpy().sum()), "usd": float(usd) / 100}


def lake(path: Path, scratch: Path, width: int | None) -> dict[str, float]:
    from washout.collect.importing import import_files
    from washout.importers import Options
    from washout.store.lake import Lake

    folder = scratch / "lake"
    made = Lake.create(folder)
    [receipt] = import_files(made, [path], Options(now=NOW, totals=width)).receipts
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    shutil.rmtree(folder)
    return {"rows": receipt.added, "MiB": size >> 20}


def totals_lake(path: Path, scratch: Path) -> dict[str, float]:
    return lake(path, scratch, MINUTE)


def trades_lake(path: Path, scratch: Path) -> dict[str, float]:
    return lake(path, scratch, None)


def _shape(path: Path) -> tuple[list[str], bool, int]:
    """Columns, whether there is a header, and units of time in a minute."""
    [info] = zipfile.ZipFile(path).infolist()
    with zipfile.ZipFile(path).open(info) as text:
        first, second = text.readline().decode(), text.readline().decode()
    header = first.startswith("agg")
    row = (second if header else first).split(",")
    return COLUMNS[: len(row)], header, 60_000 if len(row[5]) == 13 else 60_000_000


def pandas(path: Path, _scratch: Path) -> dict[str, float]:
    import numpy as np
    import pandas as pd

    names, header, minute = _shape(path)
    types = {"price": "float64", "quantity": "float64", "transact_time": "int64"}
    frame = pd.read_csv(
        path, names=names, header=0 if header else None,
        dtype={**types, "is_buyer_maker": "bool"}, usecols=[*types, "is_buyer_maker"],
    )  # fmt: skip
    usd = (frame["price"] * frame["quantity"]).to_numpy()
    flows = pd.DataFrame(
        {
            "minute": frame["transact_time"].to_numpy() // minute,
            "cohort": np.digitize(usd, BOUNDS).astype("int8"), "usd": usd,
            "net": np.where(frame["is_buyer_maker"].to_numpy(), -usd, usd),
        }
    )  # fmt: skip
    bars = flows.groupby(["minute", "cohort"], sort=False)
    sums = bars.agg(net=("net", "sum"), usd=("usd", "sum"), rows=("usd", "size"))
    return {"rows": int(sums["rows"].sum()), "usd": float(sums["usd"].sum())}


def pandas_parquet(path: Path, scratch: Path) -> dict[str, float]:
    import pandas as pd

    names, header, _ = _shape(path)
    frame = pd.read_csv(path, names=names, header=0 if header else None)
    out = scratch / "trades.parquet"
    frame.to_parquet(out, compression="zstd")
    return {"rows": len(frame), "MiB": out.stat().st_size >> 20}


VARIANTS: dict[str, Work] = {
    "inflate": inflate,
    "inflate-pieces": inflate_pieces,
    "totals": totals,
    "totals-lake": totals_lake,
    "trades-lake": trades_lake,
    "pandas": pandas,
    "pandas-parquet": pandas_parquet,
}


def warm_up(work: Work, scratch: Path) -> None:
    """Load libraries and compiled loops with a file of ten rows."""
    path = scratch / "BTCUSDT-aggTrades-2025-01.zip"
    rows = [f"{n},100.0,0.5,{n},{n},{1735689600000 + n},true" for n in range(1, 11)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-aggTrades-2025-01.csv", "\n".join(rows) + "\n")
    work(path, scratch)


def measure(name: str, path: Path) -> None:
    """Run one variant in this process and print what it took as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        warm_up(VARIANTS[name], Path(folder))
        cpu, wall = time.process_time(), time.perf_counter()
        found = VARIANTS[name](path, Path(folder))
        taken = {
            "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall,
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }  # fmt: skip
    print(json.dumps({**taken, "found": found}))


def run(name: str, path: Path) -> dict[str, object]:
    command = [sys.executable, __file__, "--measure", name, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(path: Path, runs: int, names: list[str]) -> None:
    results: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            results[name].append(run(name, path))
    print(f"{path.name}, {path.stat().st_size >> 20} MiB, median of {runs} paired runs")
    print(
        f"{'variant':16}{'CPU s':>8}{'wall s':>8}{'/inflate':>10}{'/pieces':>9}"
        f"{'pandas/':>9}{'RSS MiB':>9}  found"
    )
    for name in names:
        print(_line(name, results))


def _line(name: str, results: dict[str, list[dict]]) -> str:
    def median(field: str) -> float:
        return statistics.median(one[field] for one in results[name])

    def ratio(other: str, *, turned: bool = False) -> str:
        if other not in results:
            return "-"
        pairs = zip(results[name], results[other], strict=True)
        found = statistics.median(one["cpu"] / two["cpu"] for one, two in pairs)
        return f"{1 / found if turned else found:.2f}"

    pandas_name = "pandas-parquet" if name == "trades-lake" else "pandas"
    found = ", ".join(f"{k} {v:.0f}" for k, v in results[name][-1]["found"].items())
    return (
        f"{name:16}{median('cpu'):8.2f}{median('wall'):8.2f}{ratio('inflate'):>10}"
        f"{ratio('inflate-pieces'):>9}{ratio(pandas_name, turned=True):>9}"
        f"{median('rss'):9.0f}  {found}"
    )


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("file", type=Path, nargs="?", default=MONTH)
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--without", action="append", default=[], choices=VARIANTS)
    asked.add_argument("--measure", choices=VARIANTS, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.measure:
        measure(given.measure, given.file)
        return
    if not given.file.exists() and given.file == MONTH:
        from gen_agg_trades import write_month

        write_month(MONTH.parent, 20_000_000, spot=False)
    names = [name for name in VARIANTS if name not in given.without]
    compare(given.file, given.runs, names)


if __name__ == "__main__":
    main()
