"""The market behind the fakes, what each venue prints of it, and the command."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from decimal import Decimal
from itertools import islice

import pytest
from click.testing import CliRunner

import _fake
from washout.cli import group
from washout.clock import HOUR, SECOND
from washout.errors import UnknownName, UsageError
from washout.testing.exchange_faults import COUNTED, ON_CONNECTIONS, SEEN
from washout.testing.exchange_market import (
    Contract,
    Mark,
    Order,
    Trade,
    burst,
    happenings,
    rounded,
    simulated_world,
    true_orders,
)
from washout.testing.exchange_protocols import protocols

BTC = Contract(symbol="BTCUSDT", asset="BTC", market="BTC-USDT")
BOTH = {"trades": True, "marks": True}


def hour(throttle=None, *, share=1.0, seed=0, **pace) -> list:
    """All that happens within the first hour."""
    made = simulated_world(begin=_fake.BEGIN, seed=seed, pace=_fake.Pace(**pace))
    stream = happenings(made, BTC, share=share, throttle=throttle, salt=7, wants=BOTH)
    found = []
    for one in stream:
        if one.time >= _fake.BEGIN + HOUR:
            return found
        found.append(one)
    return found


def forced(found) -> list[Order]:
    return [one for one in found if isinstance(one, Order)]


def test_a_venue_without_a_throttle_prints_every_true_order():
    made = simulated_world(begin=_fake.BEGIN, pace=_fake.Pace(orders=0.5))
    printed = forced(hour(orders=0.5))
    true = true_orders(made, BTC, 0, 1.0, 7)
    assert len(printed) == len(true.time) > 1000
    assert [one.long for one in printed] == true.long.tolist()


@pytest.mark.parametrize(
    ("throttle", "most"), [("largest", 1), ("latest", 1), ("largest per side", 2)]
)
def test_a_throttled_venue_prints_no_more_a_second_than_it_says(throttle, most):
    every, printed = forced(hour(orders=1.0)), forced(hour(throttle, orders=1.0))
    seconds = Counter(one.time // SECOND for one in printed)
    assert max(seconds.values()) == most
    assert set(seconds) == {one.time // SECOND for one in every}
    assert len(printed) < len(every)


def test_the_largest_of_a_second_is_what_a_largest_throttle_prints():
    every, printed = forced(hour(orders=1.0)), forced(hour("largest", orders=1.0))
    largest: dict[int, Decimal] = {}
    for one in every:
        second = one.time // SECOND
        largest[second] = max(largest.get(second, Decimal(0)), one.usd)
    assert {one.time // SECOND: one.usd for one in printed} == largest


def test_orders_of_a_contract_never_share_a_millisecond_or_a_serial():
    found = forced(hour(orders=3.0))
    assert len({one.time for one in found}) == len(found)
    assert len({one.serial for one in found}) == len(found)
    assert all(one.time % 1000 == 0 for one in found)


def test_everything_comes_in_order_of_time_and_in_whole_steps_and_ticks():
    found = hour(orders=0.5)
    times = [one.time for one in found]
    assert times == sorted(times)
    assert all(one.price % BTC.tick == 0 for one in found)
    assert all(one.count % BTC.step == 0 for one in found if not isinstance(one, Mark))


def test_pace_and_share_say_how_much_happens():
    whole, part = hour(trades=2.0), hour(trades=2.0, share=0.25)
    counts = [sum(isinstance(one, Trade) for one in some) for some in (whole, part)]
    assert counts[0] == pytest.approx(7200, rel=0.05)
    assert counts[1] == pytest.approx(1800, rel=0.1)
    assert sum(isinstance(one, Mark) for one in whole) == 3600


def test_worlds_of_one_seed_are_equal_and_of_another_are_not():
    assert hour(seed=1) == hour(seed=1)
    assert forced(hour(seed=1)) != forced(hour(seed=2))


def test_a_burst_has_orders_that_can_be_told_apart():
    made = _fake.world()
    found = list(burst(made, BTC, _fake.BEGIN, 50_000, 10))
    assert len({(one.time, one.long, one.count, one.price) for one in found}) == 50_000
    assert [one.serial for one in found] == list(range(10, 50_010))
    assert max(one.time for one in found) < _fake.BEGIN + SECOND


def test_usd_is_exact_for_contracts_of_coins_and_of_dollars():
    inverse = Contract(
        symbol="BTCUSD_PERP", asset="BTC", market="BTC-USD", size=Decimal(100),
        unit="usd", step=Decimal(1),
    )  # fmt: skip
    assert BTC.usd(Decimal("0.115"), Decimal("26245.10")) == Decimal("3018.18650")
    assert inverse.usd(Decimal(76), Decimal("63551.6")) == 7600
    assert inverse.base(Decimal(3), Decimal(10_000)) == Decimal("0.03")


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [(1.26, "0.1", "1.3"), (1.25, "0.1", "1.2"), (7, "0.5", "7.0"), (60_123.4, "1", "60123")],
)  # fmt: skip
def test_rounding_is_to_the_nearest_step(value, step, expected):
    assert str(rounded(value, Decimal(step))) == expected


def test_a_world_needs_assets_that_it_knows_and_a_day():
    with pytest.raises(UnknownName, match="PEPE"):
        simulated_world(begin=0, assets=("PEPE",))
    with pytest.raises(UsageError, match="one or more"):
        simulated_world(begin=0, days=0)


@pytest.mark.parametrize("name", sorted(protocols()))
def test_a_venue_prints_its_throttle_and_cites_its_documentation(name):
    protocol = protocols()[name]
    found = _fake.orders(_fake.pushes(protocol, 300, orders=0.5))
    most = {None: 10**9, "largest": 1, "latest": 1, "largest per side": 2}
    seconds = Counter((one.contract.symbol, one.time // SECOND) for one in found)
    assert max(seconds.values()) <= most[protocol.throttle]
    assert "Source:" in protocol.source


def test_every_kind_of_fault_says_what_a_client_sees():
    assert set(COUNTED) | set(ON_CONNECTIONS) < set(SEEN)
    assert all(len(said) > 15 for said in SEEN.values())


def test_serve_prints_addresses_and_the_command_that_records_from_them():
    result = CliRunner().invoke(
        group, ["simulate", "serve", "binance", "okx", "--lasts", "0.1"]
    )
    assert result.exit_code == 0, result.output
    words = shlex.split(result.output.split("Record from it:\n")[1].split("Stopped")[0])
    assert words[:4] == ["washout", "record", "binance:BTC", "okx:BTC"]
    named = dict(word.split("=", 1) for word in words if "=" in word and word[0] != "-")
    assert named["okx"] != named["binance.usdm"]
    assert "fapi.binance.com" in named


def test_serve_writes_what_it_sent_and_json_for_programs(tmp_path):
    book = tmp_path / "sent.jsonl"
    result = CliRunner().invoke(
        group,
        ["simulate", "serve", "bybit.linear", "--json", "--lasts", "0.1",
         "--speed", "2000", "--ledger", str(book)],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    told = json.JSONDecoder().raw_decode(result.output)[0]
    assert list(told["urls"]) == ["bybit.linear"]
    assert told["options"][0] == "--url"
    rows = [json.loads(line) for line in book.read_text().splitlines()]
    assert {one["sort"] for one in rows} == {"order"}
    assert all(one["line"] == "bybit.linear" for one in rows)
    assert all(one["whole"] == 0 for one in islice(rows, 10))


def test_serve_says_which_venues_there_are():
    result = CliRunner().invoke(group, ["simulate", "serve", "binanse"])
    assert isinstance(result.exception, UnknownName)
    assert result.exception.near[0].startswith("binance")
