"""Trades and marks become the minutes that an archive of the same trades gives."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

from _recordings import entry, started
from _venues import frame
from test_silence import subscribed, ticks
from test_watching import taken
from washout.clock import DAY, MINUTE, SECOND, parse_time
from washout.collect.entries import Kind
from washout.importers import Options
from washout.importers.binance_agg_trades import binance_agg_trades

NOON = parse_time("2026-11-25T12:00")
START = [entry(Kind.STARTED, NOON, 0, started())]


def trades_of(random, minutes):
    """Trades of every size, several of one order in one millisecond."""
    time, found = NOON + 10 * SECOND, []
    while time < NOON + minutes * MINUTE:
        time += random.choice([0, 0, 1000, 20_000, 900_000])
        price = Decimal(random.randrange(9_000, 11_000)) / 100
        size = Decimal(random.choice([1, 99, 4_000, 70_000])) / 10
        usd = int((price * size * 100).to_integral_value(ROUND_HALF_EVEN))
        found.append(
            (time, len(found), random.choice(["buy", "sell"]), price, size, usd)
        )
    return found


def archive(folder, trades):
    path = folder / "BTCUSDT-aggTrades-2026-11-25.csv"
    lines = [
        f"{number},{price},{size},{number},{number},{time // 1000},"
        f"{'true' if side == 'sell' else 'false'}"
        for time, number, side, price, size, _ in trades
    ]
    path.write_text("\n".join(lines) + "\n")
    (unit,) = binance_agg_trades.read(path, Options(now=NOON + DAY, totals=MINUTE))
    return dict(unit.tables())["trade_total"].to_pylist()


def frames(trades, random):
    """Pushed up to a second late, so out of order, some twice."""
    for time, number, side, price, _, usd in trades:
        payload = frame(
            "trade", ("BTCUSDT", time, str(number), side, float(price), usd)
        )
        for _ in range(random.choice([1, 1, 2])):
            pushed = time + random.randrange(1000, SECOND)
            yield entry(Kind.FRAME, pushed, 2, payload)


COLUMNS = ("ts_event", "cohort", "interval", "buy_usd", "sell_usd", "trades", "product")


def test_totals_by_cohort_are_those_of_the_archive_of_the_same_trades(tmp_path):
    random = Random(5)
    trades = trades_of(random, 4)
    line = subscribed(2, "alpha", "linear", ("BTCUSDT",), ("trades",), NOON + 10)
    told, _, found = taken(
        START, line, frames(trades, random), ticks(NOON, NOON + 6 * MINUTE)
    )
    live = sorted(tuple(r[c] for c in COLUMNS) for r in told["trade_total"])
    past = sorted(tuple(r[c] for c in COLUMNS) for r in archive(tmp_path, trades))
    assert live == past
    assert len({row["cohort"] for row in told["trade_total"]}) == 5
    assert all(
        MINUTE <= row["ts_recv"] - row["ts_event"] <= MINUTE + SECOND
        for row in told["trade_total"]
    )
    assert "trade" not in told
    assert found.feeds[0].events == len(trades)


def test_candles_of_trades_and_marks_by_hand():
    """A trade and a mark that come after the grace change nothing, and are counted."""
    at = NOON + MINUTE
    trades = [
        (at + 1000, "1", "buy", 100.0, 10_000), (at + 30 * SECOND, "3", "sell", 90.0, 900),
        (at + 30 * SECOND, "2", "buy", 120.0, 2_400),
    ]  # fmt: skip
    late = (at + 59 * SECOND, "4", "buy", 500.0, 700)
    marks = [(at + 2000, 101.0), (at + 20 * SECOND, 99.0), (at + 59 * SECOND, 100.5)]
    pushed = [
        *(
            entry(
                Kind.FRAME, one[0] + 5, 2,
                frame("trade", ("BTCUSDT", one[0], *one[1:])),
            )
            for one in trades
        ),
        *(
            entry(
                Kind.FRAME, time + 6 * SECOND - 1, 2,
                frame("mark", ("BTCUSDT", time, "", "", price, 0)),
            )
            for time, price in marks
        ),
        entry(
            Kind.FRAME, at + MINUTE + 5 * SECOND + 1, 2,
            frame("trade", ("BTCUSDT", *late)),
        ),
        entry(
            Kind.FRAME, at + MINUTE + 6 * SECOND, 2,
            frame("mark", ("BTCUSDT", at + 50 * SECOND, "", "", 900.0, 0)),
        ),
    ]  # fmt: skip
    line = subscribed(
        2, "alpha", "linear", ("BTCUSDT",), ("trades", "mark_price"), NOON + 10
    )
    told, _, _ = taken(START, line, pushed, ticks(NOON, NOON + 4 * MINUTE))
    names = ("open", "high", "low", "close", "volume_usd", "taker_buy_usd", "trades")
    found = {row["price_kind"]: row for row in told["candle"]}
    assert [found["trade"][name] for name in names] == [
        100.0, 120.0, 90.0, 90.0, 13_300, 12_400, 3
    ]  # fmt: skip
    assert found["trade"]["volume"] == 1.0 + 0.2 + 0.1
    assert [found["mark"][name] for name in names] == [
        101.0, 101.0, 99.0, 100.5, None, None, None
    ]  # fmt: skip
    assert found["mark"]["ts_recv"] == at + MINUTE + 5 * SECOND - 1
    tallies = {(r["kind"], r["name"]): r["count"] for r in told["tally"]}
    assert tallies["trade", "late"] == tallies["candle", "late"] == 1
    assert tallies["trade", "late_usd"] == 700
    shapes = {(r["kind"], r["interval"], r["market"]) for r in told["coverage"]}
    assert shapes == {
        ("trade_total", MINUTE, "BTC-USDT"), ("candle_taker", MINUTE, "BTC-USDT")
    }  # fmt: skip
