"""`washout confirm`: labels held against prices, on generated frames of known truth."""

from __future__ import annotations

import json
import random

import pytest
from click.testing import CliRunner

from washout.cli import group
from washout.clock import MINUTE, SECOND
from washout.exchanges.bybit import bybit
from washout.live.confirming import measure, wilson

START = 1_790_000_000_000
"""Milliseconds."""


def frames(liquidations, *, swapped=False, random_side=False, twice=False):
    """Bybit frames of a price that swings, and of positions that it liquidates.

    Longs are closed on the way down at a price 0.5 % below the market, shorts on the
    way up above it: what `swapped` and `random_side` then put on the label is wrong.
    """
    draw = random.Random(7)
    price, time, told = 80_000.0, START, []
    for number in range(liquidations):
        falls = number % 3 != 0
        for _ in range(80):
            price *= 1 - 1e-4 if falls else 1 + 2e-4
            time += 1000
            data = {"symbol": "BTCUSDT", "markPrice": f"{price:.2f}"}
            told.append(("tickers.BTCUSDT", time, data))
        long = falls ^ swapped
        if random_side:
            long = draw.random() < 0.5
        row = {
            "T": time + 500, "s": "BTCUSDT", "S": "Buy" if long else "Sell", "v": "0.1",
            "p": f"{price * (0.995 if falls else 1.005):.2f}",
        }  # fmt: skip
        told += [("allLiquidation.BTCUSDT", time + 600, [row])] * (2 if twice else 1)
    return [
        json.dumps({"topic": topic, "type": "snapshot", "ts": at, "data": data})
        for topic, at, data in told
    ]


def events(raw):
    decode = bybit.line("linear").decode
    return [e for one in raw for e in decode(one.encode(), 1, {})]


def findings(**how):
    return {f.question[:9]: f for f in measure(events(frames(30, **how))).findings}


def test_true_labels_agree_with_prices():
    found = findings()
    assert {q: (f.yes, f.of, f.verdict) for q, f in found.items()} == {
        "longs are": (30, 30, "agrees"),
        "the price": (30, 30, "agrees"),
        "some seco": (0, 30, "not settled"),
    }
    assert "median distance 50.0 bp" in found["longs are"].says


def test_labels_turned_round_are_contradicted():
    found = findings(swapped=True)
    assert [found[q].verdict for q in ("longs are", "the price")] == ["contradicts"] * 2
    assert found["longs are"].yes == 0


def test_labels_without_meaning_settle_nothing():
    found = findings(random_side=True)
    assert [found[q].verdict for q in ("longs are", "the price")] == ["not settled"] * 2


def test_what_twins_say_twice_counts_once():
    once, twice = (measure(events(frames(5, twice=t))) for t in (False, True))
    assert once == twice
    assert once.liquidations == 5
    assert once.prices == 5 * 80
    assert once.seconds == pytest.approx(5 * 80 - 1 + 0.5)


def test_one_second_with_two_orders_refutes_the_cap():
    raw = frames(3)
    push = json.loads(raw[-1])
    push["data"].append(push["data"][0] | {"v": "0.2"})
    crowded = measure(events([*raw[:-1], json.dumps(push)])).findings[2]
    assert (crowded.yes, crowded.of, crowded.verdict) == (1, 3, "agrees")


def test_without_prices_nothing_is_judged():
    raw = [one for one in frames(3) if "allLiquidation" in one]
    printed, moved, _ = measure(events(raw)).findings
    assert (printed.of, moved.of) == (0, 0)
    assert (printed.low, printed.high, printed.verdict) == (0.0, 1.0, "not settled")


def test_a_stale_price_is_no_price():
    first = next(one for one in frames(1) if "tickers" in one)
    late = json.loads(frames(1)[-1])
    late["data"][0]["T"] = json.loads(first)["ts"] + (MINUTE + SECOND) // 1000
    assert measure(events([first, json.dumps(late)])).findings[0].of == 0


@pytest.mark.parametrize(
    ("yes", "of", "low", "high"),
    [(21, 21, 0.8454, 1.0), (5, 10, 0.2366, 0.7634), (0, 9, 0.0, 0.2991)],
)
def test_intervals_are_wilsons(yes, of, low, high):
    """Worked out from the formula of 1927 by hand."""
    assert wilson(yes, of) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )


def run(*words):
    return CliRunner().invoke(group, ["confirm", *words], catch_exceptions=True)


def test_the_command_says_what_is_open_and_how_to_settle_it():
    said = run("okx").output
    assert "OKX, one order a second: read as: whether the cap still holds." in said
    assert "to settle it: any second of a swap with more than one order" in said
    assert "washout confirm okx --journal lake/journal" in said


def test_the_command_measures_a_file_of_frames(tmp_path):
    path = tmp_path / "frames.jsonl"
    rows = [
        {"line": "linear", "received": 1, "raw": raw, "source": "generated"}
        for raw in [
            *frames(12),
            '{"success":true,"ret_msg":"subscribe","op":"subscribe"}',
            "x",
        ]
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    said = run("bybit", "--journal", str(path)).output
    assert "12 liquidations and 960 prices in 960 s" in said
    assert "shorts above: 12 of 12, 95 % interval 0.758 to 1.000: agrees" in said
    told = json.loads(run("bybit", "--journal", str(path), "--json").output)
    assert told["measured"]["findings"][0]["yes"] == 12


def test_a_wrong_name_and_a_wrong_file_are_said(tmp_path):
    assert "There is no exchange 'okks'. Did you mean okx?" in str(
        run("okks").exception
    )
    path = tmp_path / "frames.jsonl"
    path.write_text("no json\n")
    assert "row 1" in str(run("okx", "--journal", str(path)).exception)
