"""Rows evaluated live, over facts in order of receipt, are those of the batch."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from _live_lakes import between, gathered, lake_of
from washout import schema
from washout.clock import DAY, HOUR, MINUTE, SECOND, Width
from washout.config import DEFAULT
from washout.live.held import Held, feeds_of
from washout.live.tails import LiveViews
from washout.store import graph
from washout.store.answer import open_lake
from washout.store.lake import Lake
from washout.testing import laws, markets
from washout.testing.simulated_facts import SCOPE, simulated_unit
from washout.testing.simulated_market import BEGIN

SPLIT = markets.BEGIN + 34 * DAY + 5 * HOUR + 7 * MINUTE
"""What was received before is in the lake, the rest comes live."""

STOP = SPLIT + 30 * HOUR
SCOPES = ("binance:BTC", "all:BTC")
VIEWS = (
    "market", "liquidations", "wave_events", "waves", "wave_track", "eruption",
    "eruption_track", "squeeze_setup_track", "absorption", "divergence_track",
    "leverage_track", "zscores", "intensity", "cld",
)  # fmt: skip


@pytest.fixture(scope="module")
def everything():
    return gathered(markets.generated(seed=7).tables())


@pytest.fixture(scope="module")
def whole(everything, tmp_path_factory):
    """The batch: all that was ever received, in one lake."""
    return lake_of(tmp_path_factory.mktemp("whole") / "lake", everything)


@pytest.fixture(scope="module")
def begun(everything, tmp_path_factory):
    """A lake that ends where the recorder takes over."""
    before = between(everything, 0, SPLIT)
    return lake_of(tmp_path_factory.mktemp("begun") / "lake", before)


def easy(view, bar):
    """Settings under which detectors speak in a quiet market."""
    return next(laws._variants(view, Width(bar)))


def live_rows(live, tables, now, stop, step):
    """All rows of a live run that is fed in order of receipt."""
    found = {}
    while now < stop:
        live.add(between(tables, now, now + step))
        now += step
        for rows in live.advance(now):
            found.setdefault(rows.question.name, []).extend(rows.table.to_pylist())
    return found, now


def batch_rows(lake, view, scope, settings, begin, now):
    """Rows of bars from `begin` on that had ended at `now`."""
    bar = settings["bar"]
    given = {n: graph.parameters(view)[n].show(v) for n, v in settings.items() if v}
    end = (now - DEFAULT.grace) // bar * bar
    answer = open_lake(lake.path).view(view, scope=scope, end=end, **given).raw()
    return [row for row in answer.to_pylist() if row["bar"] >= begin // bar * bar]


def test_live_rows_in_order_of_receipt_are_those_of_the_batch(everything, whole, begun):
    cases = [laws.Case(v, graph.settings(v, easy(v, HOUR))) for v in VIEWS]
    questions = [
        (case.view, scope, case.settings)
        for case in cases for scope in SCOPES if laws._can(whole, case, scope)
    ]  # fmt: skip
    live = LiveViews(begun, questions, since=SPLIT)
    found, now = live_rows(live, everything, SPLIT, STOP, 67 * MINUTE + 13 * SECOND)
    spoken = set()
    for view, scope, settings in questions:
        expected = batch_rows(whole, view, scope, settings, SPLIT, now)
        name = (view, scope, *sorted(settings.items()))
        same(name, expected, found.get(name, []))
        spoken |= {view} if expected else set()
    assert spoken == set(VIEWS)


SIGNALS = (
    "rebound_setup", "squeeze_trigger", "eruption", "waves", "divergence_track"
)  # fmt: skip


def test_signals_are_told_live_where_the_batch_tells_them(tmp_path):
    unit = simulated_unit("p1", seed=3, days=260, bar=HOUR)
    tables = gathered(unit.tables())
    whole = lake_of(tmp_path / "whole", tables)
    split = BEGIN + 160 * DAY + 7 * MINUTE
    begun = lake_of(tmp_path / "begun", between(tables, 0, split))
    settings = {
        "bar": Width(HOUR), "rank_minimum": Width(30 * DAY), "study_bp": 20.0,
        "jump": 1.5, "quantile": 0.8, "deviations": 0.5, "window": Width(7 * DAY),
    }  # fmt: skip
    questions = [
        (v, SCOPE, {n: s for n, s in settings.items() if n in graph.parameters(v)})
        for v in SIGNALS
    ]
    live = LiveViews(begun, questions, since=split)
    found, now = live_rows(live, tables, split, BEGIN + 255 * DAY, 5 * DAY)
    for view, scope, given in questions:
        complete = graph.settings(view, given)
        expected = batch_rows(whole, view, scope, complete, split, now)
        assert expected, view
        name = (view, scope, *sorted(complete.items()))
        same(name, expected, found.get(name, []))


def same(name, expected, found):
    assert [key(r) for r in found] == [key(r) for r in expected], name
    for one, other in zip(expected, found, strict=True):
        for column, value in one.items():
            assert close(value, other[column]), (name, one["bar"], column)


def key(row):
    return row["bar"], row.get("side", "")


def close(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def coverage(begin, end, **given):
    row = {
        "exchange": "binance", "asset": "BTC", "market": "", "source": "binance-stream",
        "ts_event": begin, "ts_recv": begin, "kind": "liquidation", "product": "perp",
        "interval": 0, "ts_end": end, "trust": "one_per_second", "floor": True,
        "delay": 0, **given,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=schema.arrow("coverage"))


def sample(time, usd):
    row = {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "rest",
        "ts_event": time, "ts_recv": time, "open_interest_usd": usd,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=schema.arrow("open_interest"))


def test_stretches_that_go_on_are_one_and_the_later_word_counts():
    held = Held()
    for minute in range(5):
        begin = markets.BEGIN + minute * MINUTE
        held.add({"coverage": coverage(begin, begin + MINUTE)})
    held.add({"coverage": coverage(
        markets.BEGIN + MINUTE, markets.BEGIN + 2 * MINUTE, trust="unknown"
    )})  # fmt: skip
    told = held.table("coverage", 0).to_pylist()
    minutes = [
        ((row["ts_event"] - markets.BEGIN) // MINUTE,
         (row["ts_end"] - markets.BEGIN) // MINUTE, row["trust"])
        for row in told
    ]  # fmt: skip
    assert minutes == [
        (0, 1, "one_per_second"),
        (1, 2, "unknown"),
        (2, 5, "one_per_second"),
    ]


def test_of_two_statements_of_one_fact_the_later_one_is_held():
    held = Held()
    for usd in (1, 2):
        held.add({"open_interest": sample(markets.BEGIN, usd)})
    held.add({"open_interest": sample(markets.BEGIN + HOUR, 3)})
    assert held.table("open_interest", 0)["open_interest_usd"].to_pylist() == [2, 3]


def test_facts_from_before_an_instant_are_forgotten_but_not_since_when_one_listens():
    held = Held()
    held.add({"open_interest": sample(markets.BEGIN, 1)})
    held.add({"open_interest": sample(markets.BEGIN + HOUR, 2)})
    for hour in (0, 2, 4):
        begin = markets.BEGIN + hour * HOUR
        held.add({"coverage": coverage(begin, begin + HOUR)})
    held.forget(dict.fromkeys(("open_interest", "coverage"), markets.BEGIN + 4 * HOUR))
    assert held.table("open_interest", 0).num_rows == 0
    begun = held.table("coverage", 0)["ts_event"].to_pylist()
    assert begun == [markets.BEGIN, markets.BEGIN + 4 * HOUR]


def test_feeds_of_facts_are_named_as_the_lake_names_them(everything, whole):
    ours = {f for kind, table in everything.items() for f in feeds_of(kind, table)}
    mine = {feed.name for feed in ours}
    assert mine == {feed.name for feed in whole.feeds()}


def test_facts_that_no_question_asks_for_are_not_held(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    live = LiveViews(lake, [("liquidations", "binance:BTC", {"bar": Width(MINUTE)})])
    begin = markets.BEGIN
    live.add({"open_interest": sample(begin, 1)})
    live.add({"coverage": coverage(begin, begin + MINUTE, asset="ETH")})
    live.add({"coverage": coverage(begin, begin + MINUTE, exchange="okx")})
    live.add({"coverage": coverage(begin, begin + MINUTE)})
    live.advance(begin)
    assert live.held() == {"coverage": 1}


def test_a_lake_that_holds_nothing_yet_is_answered_from_what_comes(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    live = LiveViews(lake, [("liquidations", "binance:BTC", {"bar": Width(MINUTE)})])
    begin = markets.BEGIN
    assert live.advance(begin) == []
    live.add({"coverage": coverage(begin, begin + 2 * MINUTE)})
    (rows,) = live.advance(begin + 2 * MINUTE + DEFAULT.grace)
    told = [
        (r["bar"] - begin, r["observed_s"], r["net_usd"])
        for r in rows.table.to_pylist()
    ]
    assert told == [(0, 60.0, 0), (MINUTE, 60.0, 0)]
    assert live.advance(begin + 3 * MINUTE) == []
