"""Importing 20 million rows takes bounded memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from _lakes import NOW, START, add
from washout import schema
from washout.clock import DAY
from washout.importers import Unit
from washout.store.lake import Lake

ROWS, AT_ONCE = 20_000_000, 200_000


def month(_unit):
    """Trades of a month in batches, as an importer yields them."""
    draw = np.random.default_rng(1)
    for first in range(0, ROWS, AT_ONCE):
        number = np.arange(first, first + AT_ONCE)
        times = START + (number / ROWS * 30 * DAY).astype(np.int64)
        columns = {
            "exchange": "binance", "asset": "BTC", "market": "BTC-USDT",
            "source": "archive", "product": "perp", "side": "buy", "ts_event": times,
            "ts_recv": times, "id": number, "price": draw.random(AT_ONCE),
            "quantity": draw.random(AT_ONCE), "usd": draw.integers(1, 10**6, AT_ONCE),
        }  # fmt: skip
        yield (
            "trade",
            pa.table(
                [
                    pa.array(value)
                    if isinstance(value, np.ndarray)
                    else pa.repeat(value, AT_ONCE)
                    for value in (columns[name] for name in schema.fields("trade"))
                ],
                schema=schema.arrow("trade"),
            ),
        )


def main(folder):
    receipt = add(Lake.create(folder), Unit("month", month), now=NOW)
    print(receipt.added, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


@pytest.mark.slow
def test_twenty_million_rows_take_less_than_a_gibibyte(tmp_path):
    """Not even time-ordered input is assumed here: every partition is merged."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import test_lake_memory as t; t.main({str(tmp_path / 'lake')!r})"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    added, mebibytes = map(int, done.stdout.split())
    assert added == ROWS
    assert mebibytes < 1024
