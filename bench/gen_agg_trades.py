"""Write a month of aggTrades in the exact format of the Binance archive.

    python bench/gen_agg_trades.py [--rows 20000000] [--out bench/data] [--spot]

Futures months have a header, milliseconds and `true`/`false`; spot months have no
header, eight decimals, microseconds, `True`/`False` and a best-match column.
Arrivals are clustered, takers' sides come in runs, sizes are log-normal: text that
compresses and parses like the real thing (about 63 bytes a row, ratio about 5).
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from pathlib import Path

import numpy as np

BEGIN_MS = 1_735_689_600_000  # 2025-01-01
DAYS = 30
HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"


def market(rows: int, seed: int) -> dict[str, np.ndarray]:
    """One made-up month: arrival in microseconds, taker sells, price, size, trades."""
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(1.0, rows) * np.exp(draw.normal(0, 1.2, rows))
    clock = np.cumsum(gaps)
    micros = BEGIN_MS * 1000 + (clock / clock[-1] * (DAYS * 86_400_000_000 - 1)).astype(
        np.int64
    )
    run_starts = np.maximum.accumulate(
        np.where(draw.random(rows) < 0.75, 0, np.arange(rows))
    )
    sells = (draw.random(rows) < 0.5)[run_starts]
    steps = np.where(draw.random(rows) < 0.25, np.where(sells, -1, 1), 0)
    tenths = 943_210 + np.cumsum(steps)
    sizes = np.maximum(1, np.rint(draw.lognormal(-4.2, 2.0, rows) * 1000))
    last = 5_800_000_000 + np.cumsum(np.maximum(draw.geometric(0.6, rows), 1))
    return {
        "micros": micros, "sells": sells, "tenths": np.maximum(tenths, 10_000),
        "milli": sizes.astype(np.int64), "last": last,
    }  # fmt: skip


def write_csv(path: Path, month: dict[str, np.ndarray], *, spot: bool) -> None:
    import polars as pl

    rows = len(month["micros"])
    last = month["last"]
    first = np.concatenate([[last[0]], last[:-1] + 1])
    frame = pl.DataFrame(
        {
            "agg_trade_id": 2_500_000_000 + np.arange(rows),
            "price": month["tenths"] / 10, "quantity": month["milli"] / 1000,
            "first_trade_id": first, "last_trade_id": last,
            "transact_time": month["micros"] if spot else month["micros"] // 1000,
            "is_buyer_maker": month["sells"],
        }
    )  # fmt: skip
    if spot:
        words = pl.when(pl.col("is_buyer_maker")).then(pl.lit("True"))
        frame = frame.with_columns(
            words.otherwise(pl.lit("False")).alias("is_buyer_maker"),
            pl.lit("True").alias("is_best_match"),
        )
    frame.write_csv(path, include_header=not spot, float_precision=8 if spot else None)


def write_month(folder: Path, rows: int, *, spot: bool, seed: int = 1) -> Path:
    """Write `SYMBOL-aggTrades-2025-01.zip` and its CHECKSUM."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{'BTCUSDC' if spot else 'BTCUSDT'}-aggTrades-2025-01"
    text, packed = folder / f"{name}.csv", folder / f"{name}.zip"
    write_csv(text, market(rows, seed), spot=spot)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(text, text.name)
    with packed.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    (folder / f"{packed.name}.CHECKSUM").write_text(f"{digest}  {packed.name}\n")
    size = text.stat().st_size
    text.unlink()
    print(
        f"{packed}: {rows} rows, {size >> 20} MiB CSV, {packed.stat().st_size >> 20} MiB"
    )
    return packed


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=20_000_000)
    asked.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    asked.add_argument("--spot", action="store_true")
    given = asked.parse_args()
    write_month(given.out, given.rows, spot=given.spot)
