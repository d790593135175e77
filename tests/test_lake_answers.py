"""An answer is the same rows however it is taken."""

from __future__ import annotations

import html
import math
from datetime import UTC, datetime

import msgspec
import pytest

import washout
from _lakes import START, add, told, total, totals, unit
from washout.clock import DAY, HOUR, Width, parse_time
from washout.store import graph
from washout.store.answer import Answer
from washout.store.lake import Lake
from washout.store.plan import make_plan
from washout.store.series import needless
from washout.testing import laws, markets

WIDE = {"scope": ["binance:BTC", "all:BTC"], "start": "2024-07-01", "end": "2024-07-20"}


@pytest.fixture
def store(sample_lake):
    return washout.open(sample_lake)


def test_a_view_without_facts_says_which_are_missing(store):
    with pytest.raises(washout.errors.NoData, match=r"no trade or trade_total"):
        store.view("trade_cohorts", **WIDE)


NEED_MORE = {
    "leverage_load", "squeeze_setup", "squeeze_trigger",
    "prints", "estimated", "forced_bound",
}  # fmt: skip
"""Views that the sample, which has no open interest and no single orders, cannot make."""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    path = tmp_path_factory.mktemp("market") / "lake"
    return washout.open(markets.generated_lake(path, seed=7).path)


@pytest.mark.parametrize("view", sorted(graph.all_views().keys() - {"trade_cohorts"}))
def test_every_form_of_an_answer_has_the_same_rows(store, market, view):
    if view in NEED_MORE:
        hourly = laws.cases(view, bars=(HOUR,))[0].settings
        answer = market.view(view, scope=["binance:BTC", "all:BTC"], **hourly)
    else:
        answer = store.view(view, **WIDE)
    rows = answer.rows()
    columns, tuples = answer.tuples()
    assert [dict(zip(columns, row, strict=True)) for row in tuples] == rows
    assert len(answer) == len(rows) > 0
    assert answer.arrow().column_names == columns
    assert [_written(row) for row in answer.arrow().to_pylist()] == rows
    assert [_written(row) for row in answer.polars().to_dicts()] == rows
    frame = answer.pandas()
    assert list(frame.columns) == columns
    for name in columns:
        for mine, theirs in zip(frame[name], (row[name] for row in rows), strict=True):
            assert _same(mine, theirs), (name, mine, theirs)


def _written(row):
    return {
        name: value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }


def _same(mine, theirs):
    if theirs is None:
        return mine is None or mine != mine  # pandas writes NaN or NaT
    if isinstance(theirs, str) and hasattr(mine, "isoformat"):
        return mine.isoformat().replace("+00:00", "Z") == theirs
    return mine == theirs


def test_instants_are_aware_and_utc(store):
    answer = store.view(
        "cld", scope="binance:BTC", start="2024-07-01", end="2024-07-02"
    )
    first = datetime(2024, 7, 1, tzinfo=UTC)
    assert answer.arrow()["bar"][0].as_py() == first
    assert str(answer.pandas()["bar"].dtype) == "datetime64[us, UTC]"
    assert answer.polars()["bar"].dtype.time_zone == "UTC"
    assert answer.rows()[0]["bar"] == "2024-07-01T00:00:00Z"


def test_dollars_are_exact_to_the_cent(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    cents = [1, 3, 10**13 + 7, 1_234_567_890_123_449]
    rows = [total(day, usd, 0) for day, usd in enumerate(cents)]
    watched = [told("liquidation_total", START, START + 4 * DAY, interval=DAY)]
    add(lake, unit(liquidation_total=rows, coverage=watched))
    answer = washout.open(lake.path).view("liquidations", scope="binance:BTC")
    assert [f"{row['long_usd']:.2f}" for row in answer.rows()] == [
        f"{usd // 100}.{usd % 100:02d}" for usd in cents
    ]
    assert answer.raw()["long_usd"].to_pylist() == cents


def test_missing_is_null_and_never_zero(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    add(lake, totals(d0=(100, 0), d2=(0, 0)))
    answer = washout.open(lake.path).view("liquidations", scope="binance:BTC")
    assert [row["long_usd"] for row in answer.rows()] == [1.0, None, 0.0]
    assert answer.arrow()["long_usd"].to_pylist() == [1.0, None, 0.0]
    assert math.isnan(answer.pandas()["long_usd"][1])
    assert [row["coverage"] for row in answer.rows()] == [
        answer.rows()[0]["coverage"], "none", answer.rows()[0]["coverage"]
    ]  # fmt: skip


def test_facts_that_nobody_claims_to_have_watched_for_make_no_bars(tmp_path):
    """Before the first stretch that was watched there are no bars; later, null ones."""
    lake = Lake.create(tmp_path / "lake")
    rows = [total(day, 100, 0) for day in (0, 2, 5)]
    watched = [
        told("liquidation_total", START + d * DAY, START + (d + 1) * DAY, interval=DAY)
        for d in (2, 6)
    ]
    add(lake, unit(liquidation_total=rows, coverage=watched))
    answer = washout.open(lake.path).view(
        "liquidations", scope="binance:BTC", start="2024-01-01"
    )
    assert [(r["bar"][:10], r["long_usd"]) for r in answer.rows()] == [
        ("2024-01-03", 1.0), ("2024-01-04", None), ("2024-01-05", None),
        ("2024-01-06", None), ("2024-01-07", 0.0),
    ]  # fmt: skip


def test_a_notebook_shows_the_question_and_the_rows(store):
    answer = store.view(
        "cld", scope="binance:BTC", start="2024-07-01", end="2024-07-04"
    )
    page = answer._repr_html_()
    assert html.escape(repr(answer)) in page
    assert "<cld of" not in page
    assert page.count("<tr") == 4
    assert repr(answer) == (
        "<cld of binance:BTC, 2024-07-01T00:00:00Z to 2024-07-04T00:00:00Z>"
    )


def test_other_libraries_can_take_an_answer_by_the_arrow_interface(store):
    import pyarrow as pa

    answer = store.view(
        "cld", scope="binance:BTC", start="2024-07-01", end="2024-07-04"
    )
    assert pa.table(answer).equals(answer.arrow())


def test_times_may_be_given_as_text_or_as_microseconds(store):
    text = store.view("cld", scope="binance:BTC", start="2024-07-01", end="2024-07-04")
    number = store.view(
        "cld", scope="binance:BTC", start=parse_time("2024-07-01"),
        end=parse_time("2024-07-04"),
    )  # fmt: skip
    assert text.rows() == number.rows()


def test_settings_may_be_given_as_text_or_as_values(store):
    one = store.view("cld", scope="binance:BTC", window="7d", anchor="2024-06-01")
    other = store.view(
        "cld", scope="binance:BTC", window=7 * DAY, anchor=parse_time("2024-06-01")
    )
    assert one.rows()[-1] == other.rows()[-1]


def test_a_cache_that_cannot_be_used_costs_only_time(store, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    question = {"scope": "binance:BTC", "start": "2024-07-01", "end": "2024-07-03"}
    expected = store.view("cld", **question).rows()
    monkeypatch.setenv("WASHOUT_CACHE", str(tmp_path / "file"))
    assert store.view("cld", **question).rows() == expected


def test_a_spoilt_cache_is_made_anew(store, tmp_path, monkeypatch):
    monkeypatch.setenv("WASHOUT_CACHE", str(tmp_path))
    question = {"scope": "binance:BTC", "start": "2024-07-01", "end": "2024-07-03"}
    expected = store.view("cld", **question).rows()
    (entry,) = tmp_path.rglob("*.json")
    entry.write_text("{")
    assert store.view("cld", **question).rows() == expected
    assert entry.read_text() != "{"


@pytest.mark.parametrize("version", ["asof", "final"])
@pytest.mark.parametrize(
    ("view", "scope", "shorter"),
    [
        ("liquidations", "binance:ETH", ("rank", "every_market")),
        ("liquidations", "bybit:BTC", ("every_market",)),
        ("liquidations", "binance:BTC-USDT", ()),
        ("taker_flow", "bybit:BTC", ("rank", "every_market")),
        ("trade_cohorts", "binance:BTC", ()),
    ],
)
def test_a_shorter_expression_says_what_the_long_one_says(
    tmp_path_factory, view, scope, shorter, version
):
    path = tmp_path_factory.mktemp("short") / "lake"
    lake = markets.generated_lake(path, seed=3)
    settings = {"bar": Width(DAY), "version": version}
    short = make_plan(lake, view, scope=scope, settings=settings)
    long = msgspec.structs.replace(short, needless=())
    assert short.needless == shorter
    assert Answer(short, lake).raw().equals(Answer(long, lake).raw())


def test_single_events_of_every_market_need_no_market(tmp_path):
    lake = markets.generated_lake(tmp_path / "lake", seed=3)
    settings = {"bar": Width(HOUR)}
    whole = make_plan(lake, "liquidations", scope="bybit:BTC", settings=settings)
    rows = [row for row in whole.series if row["kind"] == "liquidation"]
    alone = msgspec.structs.replace(whole, series=rows)
    assert needless(rows, {"liquidation"}) == ("rank", "every_market")
    short = msgspec.structs.replace(alone, needless=("rank", "every_market"))
    assert Answer(short, lake).raw().equals(Answer(alone, lake).raw())
    assert Answer(short, lake).raw()["long_usd"].null_count < 100
