"""Build the bundled sample from the collected record: python tools/build_sample.py DATA.

DATA is a folder with the tables that src/washout/sample/PROVENANCE.md describes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from washout.clock import DAY, HOUR
from washout.importers import _rows
from washout.importers.washout_parquet import MARK

OUT = Path(__file__).parent.parent / "src" / "washout" / "sample"
BTC = {"exchange": "binance", "asset": "BTC"}
PERP = {**BTC, "market": "BTC-USDT"}


def micros(column: pd.Series) -> np.ndarray:
    stamps = pd.to_datetime(column, utc=True, format="ISO8601")
    return stamps.astype("datetime64[us, UTC]").astype("int64").to_numpy()


def candles(frame: pd.DataFrame, interval: int, product: str, source: str, **more):
    starts = micros(frame["utc_open"])
    table = _rows.facts(
        "candle", len(starts),
        {
            **PERP, "source": source, "ts_event": starts, "ts_recv": starts + interval,
            "product": product, "price_kind": "trade", "interval": interval,
            **{c: frame[c].to_numpy() for c in ("open", "high", "low", "close")}, **more,
        },
    )  # fmt: skip
    told = []
    if "taker_buy_usd" in more:
        told = [_rows.coverage(
            "candle_taker", starts, interval, **PERP, source=source, product=product,
            trust="all", delay=0,
        )]  # fmt: skip
    return table, told


def main(data: Path) -> None:
    kinds: dict[str, list[pa.Table]] = {}

    def keep(kind: str, table: pa.Table) -> None:
        kinds.setdefault(kind, []).append(table)

    daily = pd.read_csv(data / "liquidations/binance_btc_1d_2020-12-23_2025-11-13.csv")
    for kind, table in _rows.liquidation_totals(
        micros(daily["utc_day"]), daily["long_liq_usd"].to_numpy(),
        daily["short_liq_usd"].to_numpy(), DAY, **BTC, market="", source="coinglass",
        delay=HOUR,
    ):  # fmt: skip
        keep(kind, table)

    hourly = pd.read_csv(
        data / "liquidations/binance_btcusdt_1h_2024-06-19_2024-08-19.csv"
    )
    known = hourly.dropna(subset=["long_liq_btc", "short_liq_btc"])
    for kind, table in _rows.liquidation_totals(
        micros(known["utc_open"]),
        (known["long_liq_btc"] * known["close"]).to_numpy(),
        (known["short_liq_btc"] * known["close"]).to_numpy(),
        HOUR, **PERP, source="coinalyze", delay=HOUR,
    ):  # fmt: skip
        keep(kind, table)
    typical = (hourly[["open", "high", "low", "close"]].sum(axis=1) / 4).to_numpy()
    table, told = candles(
        hourly, HOUR, "perp", "coinalyze",
        volume=hourly["volume_btc"].to_numpy(),
        volume_usd=_rows.to_cents(hourly["volume_btc"].to_numpy() * typical),
        taker_buy_usd=_rows.to_cents(hourly["taker_buy_volume_btc"].to_numpy() * typical),
        trades=hourly["trades"].to_numpy(),
    )  # fmt: skip
    keep("candle", table)
    for row in told:
        keep("coverage", row)
    ends = micros(hourly["utc_open"]) + HOUR
    keep("open_interest", _rows.facts(
        "open_interest", len(hourly),
        {
            **PERP, "source": "coinalyze", "ts_event": ends - 1, "ts_recv": ends,
            "open_interest": hourly["oi_close_btc"].to_numpy(),
            "open_interest_usd": _rows.to_cents(
                (hourly["oi_close_btc"] * hourly["close"]).to_numpy()
            ),
        },
    ))  # fmt: skip

    for name, interval in (("4h_2020-01_2026-03", 4 * HOUR), ("1h_2024_2025", HOUR)):
        frame = pd.read_csv(data / f"prices/binance_um_btcusdt_{name}.csv")
        usd = frame["quote_vol"] if "quote_vol" in frame else None
        table, _ = candles(
            frame,
            interval,
            "perp",
            "binance-archive",
            volume=frame["volume"].to_numpy(),
            volume_usd=None if usd is None else _rows.to_cents(usd.to_numpy()),
        )
        keep("candle", table)

    spot = pd.read_csv(data / "taker_flow/binance_spot_btcusdt_klines_4h_2024_2025.csv")
    table, told = candles(
        spot, 4 * HOUR, "spot", "binance-archive",
        volume=spot["volume_btc"].to_numpy(),
        volume_usd=_rows.to_cents(spot["quote_volume_usdt"].to_numpy()),
        taker_buy_usd=_rows.to_cents(spot["taker_buy_usdt"].to_numpy()),
        trades=spot["trades"].to_numpy(),
    )  # fmt: skip
    keep("candle", table)
    for row in told:
        keep("coverage", row)

    paid = pd.read_csv(
        data / "prices/binance_um_btcusdt_funding_8h_2022-01_2026-03.csv"
    )
    stamps = micros(paid["fundingTime"])
    keep("funding_rate", _rows.facts(
        "funding_rate", len(stamps),
        {
            **PERP, "source": "binance-archive", "ts_event": stamps, "ts_recv": stamps,
            "interval": 8 * HOUR, "rate": paid["fundingRate"].to_numpy(),
        },
    ))  # fmt: skip

    for kind, tables in kinds.items():
        table = pa.concat_tables(tables).replace_schema_metadata({MARK: kind})
        pq.write_table(
            table, OUT / f"{kind}.parquet", compression="zstd", compression_level=19
        )
        print(
            f"{kind:20} {table.num_rows:7} rows {(OUT / f'{kind}.parquet').stat().st_size:9} bytes"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
