"""Which feeds answer for which scope."""

from __future__ import annotations

import pytest

from _lakes import NOW, START, add, event, told, total, unit
from washout.clock import DAY, HOUR
from washout.errors import NoData, UnknownName
from washout.instruments import parse_scope
from washout.store.answer import Store
from washout.store.lake import Lake
from washout.store.manifest import Feed
from washout.store.series import known_scopes, labels, series_of


def feed(
    kind, market, *, exchange="binance", asset="BTC", source="s", interval=0, **more
):
    """A feed of facts, or (`kind` that coverage tells) its coverage."""
    detail = more.pop("detail", "")
    tells = kind in ("liquidation", "liquidation_total", "trade", "candle_taker")
    kind, detail = ("coverage", kind) if tells else (kind, detail)
    return Feed(
        kind, exchange, asset, market, more.get("product", "perp"), source, interval,
        detail, START, NOW, 1,
    )  # fmt: skip


def answering(scope, *feeds, bar=DAY):
    rows = series_of([parse_scope(scope)], feeds, bar)
    return {(r["exchange"], r["kind"], r["told_market"]) for r in rows}


def test_an_asset_is_not_answered_by_liquidations_of_one_market():
    assert not answering("binance:BTC", feed("liquidation_total", "BTC-USDT"))
    whole = feed("liquidation_total", "", interval=DAY)
    found = answering("binance:BTC", whole, feed("liquidation_total", "BTC-USDT"))
    assert found == {("binance", "liquidation_total", "")}


def test_a_market_is_answered_by_single_events_of_the_whole_asset_but_not_totals():
    found = answering(
        "binance:BTC-USDT", feed("liquidation", ""),
        feed("liquidation_total", "", interval=HOUR),
    )  # fmt: skip
    assert found == {("binance", "liquidation", "")}


def test_events_of_the_whole_asset_hold_every_market_of_it():
    asset, market = (
        series_of([parse_scope(scope)], [feed("liquidation", "")], DAY)[0]
        for scope in ("binance:BTC", "binance:BTC-USDT")
    )
    assert asset["every_market"]
    assert not market["every_market"]
    assert market["market"] == "BTC-USDT"


def test_a_source_that_sees_every_asset_answers_for_each():
    (row,) = series_of(
        [parse_scope("binance:ETH")], [feed("liquidation", "", asset="")], DAY
    )
    assert (row["asset"], row["told_asset"]) == ("ETH", "")


def test_price_comes_from_the_usdt_market_of_one_exchange():
    candles = [
        feed("candle", market, exchange=exchange, detail="trade")
        for exchange in ("bybit", "binance")
        for market in ("BTC-USD", "BTC-USDC", "BTC-USDT")
    ]
    wanted = {("binance", "candle_trade", "BTC-USDT")}
    assert answering("binance:BTC", *candles) == wanted
    assert answering("all:BTC", *candles) == wanted
    assert answering("bybit:BTC-USD", *candles) == {
        ("bybit", "candle_trade", "BTC-USD")
    }


def test_mark_and_trade_prices_have_their_own_reference():
    found = answering(
        "binance:BTC", feed("candle", "BTC-USDT", detail="trade"),
        feed("candle", "BTC-USD", detail="mark"),
    )  # fmt: skip
    assert {kind for _, kind, _ in found} == {"candle_trade", "candle_mark"}


def test_a_reference_market_must_be_fine_enough_for_the_bar():
    feeds = [
        feed("candle", "BTC-USDT", interval=DAY, detail="trade"),
        feed("candle", "BTC-USDC", interval=HOUR, detail="trade"),
    ]
    assert answering("binance:BTC", *feeds, bar=HOUR) == {
        ("binance", "candle_trade", "BTC-USDC")
    }
    assert answering("binance:BTC", *feeds, bar=DAY) == {
        ("binance", "candle_trade", "BTC-USDT")
    }


def test_every_way_to_tell_flow_comes_from_the_same_market():
    found = answering(
        "binance:BTC", feed("trade", "BTC-USDC"), feed("trade", "BTC-USDT"),
        feed("candle_taker", "BTC-USDT", interval=HOUR),
        feed("candle_taker", "BTC-USDC", interval=HOUR),
    )  # fmt: skip
    assert {market for _, _, market in found} == {"BTC-USDT"}
    assert {kind for _, kind, _ in found} == {"trade", "candle_taker"}


def test_flow_of_all_is_one_market_of_each_exchange():
    found = answering(
        "all:BTC", feed("trade", "BTC-USDT"), feed("trade", "BTC-USDC"),
        feed("trade", "BTC-USD", exchange="deribit"),
    )  # fmt: skip
    assert found == {("binance", "trade", "BTC-USDT"), ("deribit", "trade", "BTC-USD")}


def test_flow_of_the_whole_asset_comes_before_a_reference_market():
    found = answering("binance:BTC", feed("trade", ""), feed("trade", "BTC-USDT"))
    assert found == {("binance", "trade", "")}


def test_spot_and_perpetual_have_their_own_reference():
    rows = series_of(
        [parse_scope("binance:BTC")],
        [feed("trade", "BTC-USDT"), feed("trade", "BTC-USDC", product="spot")], DAY,
    )  # fmt: skip
    assert {(r["product"], r["market"]) for r in rows} == {
        ("perp", "BTC-USDT"), ("spot", "BTC-USDC")
    }  # fmt: skip


def test_open_interest_is_every_market_or_the_one_source_of_the_whole():
    markets = [feed("open_interest", m) for m in ("BTC-USDT", "BTC-USD")]
    assert len(answering("binance:BTC", *markets)) == 2
    found = answering("binance:BTC", *markets, feed("open_interest", ""))
    assert found == {("binance", "open_interest", "")}


def test_a_payment_of_funding_fits_any_bar_and_a_changed_interval_is_one_feed():
    feeds = [
        feed("funding_rate", "BTC-USDT", interval=hours * HOUR, product="")
        for hours in (8, 4)
    ]
    (row,) = series_of([parse_scope("binance:BTC")], feeds, HOUR)
    assert row["interval"] == 0


def test_wildcards_are_one_scope_per_exchange_and_asset():
    feeds = [
        feed("liquidation", ""), feed("liquidation", "", asset="ETH"),
        feed("liquidation", "", exchange="bybit"), feed("liquidation", "", asset=""),
    ]  # fmt: skip
    found = labels(parse_scope("*:*"), feeds)
    assert [str(s) for s in found] == ["binance:BTC", "binance:ETH", "bybit:BTC"]
    assert [str(s) for s in labels(parse_scope("all:*"), feeds)] == [
        "all:BTC",
        "all:ETH",
    ]
    assert "all:BTC" in known_scopes(feeds)
    assert not any(scope.endswith(":") for scope in known_scopes(feeds))


@pytest.fixture
def store(tmp_path):
    lake = Lake.create(tmp_path / "lake")
    rows = [total(day, 100, 50) for day in range(4)]
    cover = told("liquidation_total", START, START + 4 * DAY, interval=DAY)
    add(lake, unit(liquidation_total=rows, coverage=[cover]))
    return Store(lake)


def test_bars_finer_than_the_record_are_refused_with_the_width_that_works(store):
    with pytest.raises(NoData, match=r"nothing finer than 1d \(vendor\).*--bar 1d"):
        store.view("liquidations", scope="binance:BTC", bar="1h")


def test_a_market_that_only_totals_of_the_asset_hold_is_unknown(store):
    with pytest.raises(UnknownName, match="binance:BTC"):
        store.view("liquidations", scope="binance:BTC-USDT")


def test_two_sources_of_one_fact_are_never_added(store):
    rows = [total(day, 70, 30, source="other") for day in range(6)]
    cover = told(
        "liquidation_total", START, START + 6 * DAY, interval=DAY, source="other"
    )
    add(store.lake, unit(liquidation_total=rows, coverage=[cover]))
    found = store.view("liquidations", scope="binance:BTC").raw()
    assert found["long_usd"].to_pylist() == [70, 70, 70, 70, 70, 70]


def test_events_of_a_market_are_its_share_of_the_stream(tmp_path):
    lake = Lake.create(tmp_path / "own")
    facts = [
        event(START + i, usd, id=str(i), market=market)
        for i, (usd, market) in enumerate(
            [(5, "BTC-USDT"), (7, "BTC-USD"), (11, "BTC-USDT")]
        )
    ]
    cover = told("liquidation", START, START + DAY)
    add(lake, unit(liquidation=facts, coverage=[cover]))

    def longs(scope):
        return (
            Store(lake).view("liquidations", scope=scope).raw()["long_usd"].to_pylist()
        )

    assert longs("binance:BTC-USDT") == [16]
    assert longs("binance:BTC") == longs("all:BTC") == [23]


def test_a_product_that_the_lake_does_not_have_is_named_with_what_it_has(tmp_path):
    """An empty table would pass for a market in which nothing was traded."""
    store = Store(Lake.open(_spot_only(tmp_path)))
    with pytest.raises(NoData, match=r"product=perp; it has product=spot"):
        store.view("trade_cohorts", scope="binance:BTC-USDT", bar="1h")
    assert len(store.view("trade_cohorts", scope="binance:BTC-USDT", product="spot"))


def _spot_only(folder):
    lake = Lake.create(folder / "lake")
    trade = {
        "exchange": "binance", "asset": "BTC", "market": "BTC-USDT", "source": "s",
        "ts_event": START, "ts_recv": START, "product": "spot", "id": 1, "side": "buy",
        "price": 100.0, "quantity": 1.0, "usd": 10_000,
    }  # fmt: skip
    seen = told("trade", START, START + DAY, market="BTC-USDT", product="spot")
    add(lake, unit(trade=[trade], coverage=[{**seen, "source": "s"}]))
    return lake.path
