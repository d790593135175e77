"""Staging: pieces by partition, written small, described without being read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from washout.clock import DAY, parse_time
from washout.importers._rows import facts
from washout.store.footers import extents
from washout.store.staging import Stager, conform, cut

BEGIN = parse_time("2025-01-01")
WHO = {
    "exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "s",
    "product": "perp",
}  # fmt: skip
NAMES = ("exchange", "market")


def trades(days, **who):
    times = [BEGIN + day * DAY + at for at, day in enumerate(days)]
    return facts(
        "trade", len(days),
        {
            **WHO, **who, "ts_event": times, "ts_recv": times,
            "id": list(range(len(days))), "side": ["buy", "sell"] * (len(days) // 2),
            "price": 100.5, "quantity": 2.0, "usd": 20100,
        },
    )  # fmt: skip


def with_dictionaries(table):
    at = table.schema.get_field_index("side")
    return table.set_column(at, "side", table["side"].dictionary_encode())


@pytest.mark.parametrize("days", [[0, 0, 0, 2, 2, 5], [5, 0, 2, 0, 0, 2]])
def test_a_table_is_cut_by_day_whatever_its_order(days):
    table = trades(days)
    pieces = dict(cut("trade", table))
    assert {date: piece.num_rows for (_, _, date), piece in pieces.items()} == {
        f"2025-01-0{day + 1}": days.count(day) for day in set(days)
    }
    back = pa.concat_tables(pieces.values()).sort_by("id")
    assert back == table


def test_exchanges_are_kept_apart():
    table = pa.concat_tables([trades([0, 0]), trades([0, 1], exchange="bybit")])
    pieces = {key: piece.num_rows for key, piece in cut("trade", table)}
    assert pieces == {
        ("trade", "binance", "2025-01-01"): 2,
        ("trade", "bybit", "2025-01-01"): 1,
        ("trade", "bybit", "2025-01-02"): 1,
    }


def test_dictionaries_are_written_as_the_plain_words_of_the_schema(tmp_path):
    stager = Stager(tmp_path)
    plain = trades([0, 0, 0, 0])
    stager.write("trade", conform("trade", with_dictionaries(plain)))
    stager.write("trade", conform("trade", plain))
    stager.close()
    [[path]] = stager.files.values()
    back = pq.ParquetFile(path).read()
    assert back == pa.concat_tables([plain, plain])
    assert stager.rows == {"trade": 8}


def test_footers_tell_the_extent_of_each_feed_and_admit_when_they_cannot(tmp_path):
    one, other, mixed = (tmp_path / name for name in ("one", "other", "mixed"))
    first, second = trades([0, 3]), trades([1, 1], market="BTC-USDC")
    pq.write_table(first, one)
    pq.write_table(second, other)
    pq.write_table(pa.concat_tables([first, second]), mixed)
    found = extents([one, other, one], NAMES)
    assert found is not None
    told = {key: (e.first - BEGIN, e.last - BEGIN, e.rows) for key, e in found.items()}
    assert told == {
        ("binance", "BTC-USDT"): (0, 3 * DAY + 1, 4),
        ("binance", "BTC-USDC"): (DAY, DAY + 1, 2),
    }
    assert extents([mixed], NAMES) is None
