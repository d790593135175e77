"""Worked examples of section A of the method, computed twice by others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from _lakes import START, event, told, total, unit
from washout.clock import DAY, HOUR, MINUTE, SECOND, format_time
from washout.exchanges.binance import binance
from washout.exchanges.bybit import bybit
from washout.exchanges.deribit import flagged
from washout.store import graph
from washout.store.answer import Store
from washout.store.folding import folding
from washout.store.ingest import add_unit
from washout.store.lake import Lake

CASES = {
    case["id"]: case
    for case in json.loads(
        (Path(__file__).parent / "data" / "golden_a.json").read_text()
    )
}
MILLISECOND = 1000
NAMES = {"fill_avg": "fill", "bankruptcy": "bankruptcy"}


def near(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.fixture
def store(tmp_path):
    """Import rows by kind; gives the lake to ask."""

    def make(**rows):
        lake = Lake.create(tmp_path / "lake")
        with lake.writing() as scratch:
            add_unit(
                lake, scratch, unit(**rows),
                importer="golden", sha256="", now=START + 400 * DAY,
            )  # fmt: skip
        return Store(lake)

    return make


def column(answer, name):
    return answer.arrow()[name].to_pylist()


def daily(deltas):
    """Days whose short - long is `deltas` in USD."""
    rows = [
        total(day, round(100 * max(-usd, 0)), round(100 * max(usd, 0)))
        for day, usd in enumerate(deltas)
    ]
    end = START + len(rows) * DAY
    cover = told("liquidation_total", START, end, interval=DAY, trust="aggregated")
    return {"liquidation_total": rows, "coverage": [cover]}


def said(found):
    return {
        "side": found.liquidated.upper(), "ts_ms": found.ts_event // MILLISECOND,
        "usd_e2": found.usd, "price_kind": found.price_kind,
    }  # fmt: skip


def renamed(expected):
    return {**expected, "price_kind": NAMES[expected["price_kind"]]}


def test_g01_a_binance_sell_closes_a_long_at_its_average_fill():
    frame = json.dumps(CASES["G01"]["input"]).encode()
    (found,) = binance.line("usdm").decode(frame, 0, {})
    assert said(found) == renamed(CASES["G01"]["expected"])


def test_g03_bybit_states_the_side_of_the_position():
    message = {"topic": "allLiquidation.ROSEUSDT", "data": [CASES["G03"]["input"]]}
    (found,) = bybit.line("linear").decode(json.dumps(message).encode(), 0, {})
    assert said(found) == renamed(CASES["G03"]["expected"])


def test_g45_deribit_flags_taker_maker_or_both():
    found = [
        [one.liquidated.upper(), one.usd] for one in flagged(CASES["G45"]["input"], 0)
    ]
    assert found == CASES["G45"]["expected"]["events"]


def test_g05_a_late_row_is_final_but_never_asof(store):
    rows, case = CASES["G05"]["input"], CASES["G05"]
    facts = [
        event(
            START + row["ts_ms"] * MILLISECOND, row["usd_e2"], id=str(i),
            liquidated=row["side"].lower(), ts_recv=START + row["recv_ms"] * MILLISECOND,
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip
    cover = told("liquidation", START, START + 2 * MINUTE)
    asked = store(liquidation=facts, coverage=[cover])
    late = 0
    for version in ("asof", "final"):
        raw = asked.view(
            "liquidations", scope="binance:BTC", bar="1m", version=version
        ).raw()
        assert raw["long_usd"].to_pylist() == case["expected"][version]["long"]
        assert raw["short_usd"].to_pylist() == case["expected"][version]["short"]
        late = sum(raw["gross_usd"].to_pylist()) - late
    assert late == case["expected"]["asof"]["late_usd_e2"]


def test_g07_cld_from_two_anchors_and_rolling(store):
    case = CASES["G07"]
    asked = store(**daily(case["input"]["delta_day"]))
    first = START + case["params"]["anchor_index"] * DAY
    window = f"{case['params']['N']}d"

    def cld(anchor):
        return asked.view(
            "cld", scope="binance:BTC", window=window, anchor=format_time(anchor)
        )

    whole, later = cld(START), cld(first)
    assert column(whole, "cld_usd") == near(case["expected"]["anchored_from_0"])
    assert column(whole, "rolling_net_usd") == case["expected"]["rolling_3"]
    expected = [None, *case["expected"]["anchored_from_1"]]
    assert column(later, "cld_usd") == expected


def fold(rows, bar, **settings):
    chosen = graph.settings("intensity", {"bar": bar}) | settings
    made = folding(graph.find_view("intensity"), chosen)
    cents = np.array([[100 * usd, 0.0] for usd in rows])
    state, shown, _ = made.run(made.first, cents)
    return state, {n: shown[:, i] for i, n in enumerate(made.view.outputs)}


def test_g09_intensity_halves_in_a_half_life():
    case = CASES["G09"]
    _, shown = fold(case["input"]["x"], bar=MINUTE, half_life=600 * SECOND)
    assert shown["long_intensity_usd"][10] == near(case["expected"]["J_10"])


def test_g11_z_uses_the_state_before_the_value():
    case = CASES["G11"]
    forgets = MINUTE // 1000  # a half-life so short that J is the value itself
    state, shown = fold(
        case["input"]["x"], bar=MINUTE, half_life=forgets, adapt=MINUTE,
        unit_usd=case["params"]["u0"],
    )  # fmt: skip
    _, mean, variance, *_ = state
    z = [None if np.isnan(z) else z for z in shown["long_z"]]
    assert z == [*case["expected"]["z"][:2], near(case["expected"]["z"][2])]
    assert (mean, variance) == near((case["expected"]["m"], case["expected"]["v"]))


def test_g13_cld_in_basis_points_of_open_interest(store):
    case = CASES["G13"]["input"]
    samples = [
        {
            "exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "v",
            "ts_event": (at := START + day * DAY - hour * HOUR), "ts_recv": at,
            "open_interest_usd": round(100 * usd),
        }
        for day, usd in enumerate(case["oi_ref_usd"])
        for hour in range(1, 25)
    ]  # fmt: skip
    asked = store(**daily(case["delta_day_usd"]), open_interest=samples)
    answer = asked.view("normalised", scope="binance:BTC", anchor=format_time(START))
    assert column(answer, "oi_ref_usd") == near(case["oi_ref_usd"])
    expected = CASES["G13"]["expected"]["cld_norm_bp"]
    assert column(answer, "cld_bp") == near(expected)
