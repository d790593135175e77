"""Claims: what is judged, on what, and what is said when it cannot be."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest

import washout
from _lakes import NOW, START, WHO, add, told, total, unit
from washout import claims
from washout.claims import claim
from washout.clock import DAY, HOUR, Width, format_time
from washout.errors import LedgerError, UnknownName, UsageError
from washout.store.lake import Lake
from washout.study.asking import ask
from washout.study.judging import all_claims, judge_claims
from washout.study.record import LakeRecord, liquidation_bar, price_step

SCOPE = "binance:BTC"
MARKET = {**WHO, "market": "BTC-USDT"}
STEP = 4 * HOUR


def closures(days, seed=0, size=2e6):
    """Daily long and short closures in cents, heavy-tailed."""
    random = np.random.default_rng(seed)
    usd = 100 * size * random.lognormal(0, 1.0, (days, 2))
    return usd.round().astype(int).tolist()


def walk(days, seed=1, by=0.008):
    """Closes of 4-hour candles from 60 days before the record on."""
    steps = (days + 60) * DAY // STEP
    return 40_000 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, by, steps)))


def candles(closes):
    first = START - 60 * DAY
    return [
        {
            **MARKET, "ts_event": first + i * STEP, "ts_recv": first + (i + 1) * STEP,
            "interval": STEP, "product": "perp", "price_kind": "trade", "open": open_,
            "high": max(open_, close) * 1.002, "low": min(open_, close) * 0.998,
            "close": close, "volume": None, "volume_usd": 200_000_000_000,
            "taker_buy_usd": None, "trades": None,
        }
        for i, (open_, close) in enumerate(zip([closes[0], *closes], closes, strict=False))
    ]  # fmt: skip


def record_of(path, usd, closes, name="made"):
    """A lake of daily totals, and 4-hour candles where there are closes."""
    lake = Lake.open(path) if (path / "manifest.json").exists() else Lake.create(path)
    rows = {
        "liquidation_total": [total(i, *pair) for i, pair in enumerate(usd)],
        "coverage": [
            told("liquidation_total", START, START + len(usd) * DAY, interval=DAY)
        ],
    }
    if closes is not None:
        rows["candle"] = candles(closes)
    add(lake, unit(name, **rows))
    return washout.open(path)


def judged(store, *names, **settings):
    found = judge_claims(store, scope=SCOPE, names=names, now=NOW, **settings)
    return {one.id: one for one in found.claims}


@pytest.fixture
def made(tmp_path):
    return record_of(tmp_path / "lake", closures(500), walk(500))


NEED_PRICES = ("H3", "H4a", "H4b", "H4c", "H5", "H8", "H12")


def test_every_claim_of_the_post_is_there():
    wanted = {"H1", "H2", "H3", "H4a", "H4b", "H4c", *(f"H{i}" for i in range(5, 14))}
    assert wanted <= set(all_claims())
    for one in all_claims().values():
        assert one.says.endswith(".")
        assert one.post.endswith(".")
        assert one.question.__doc__


def test_every_claim_gets_a_verdict_with_its_reason_on_the_bundled_record(
    sample_lake, tmp_path
):
    found = judge_claims(
        washout.open(sample_lake),
        scope=SCOPE,
        now=NOW,
        ledger=tmp_path / "ledger.jsonl",
    )
    assert {one.id for one in found.claims} == set(all_claims())
    assert {one.id for one in found.other} == set(all_claims())
    for one in (*found.claims, *found.other):
        assert one.verdict.word in ("supported", "contradicted", "inconclusive")
        if not math.isfinite(one.effect):
            assert one.verdict.word == "inconclusive"
            assert one.verdict.reason
    verdicts = {one.id: str(one.verdict) for one in found.claims}
    assert "trade-size cohorts" in verdicts["H1"]
    assert verdicts["H2"] == "contradicted"
    assert found.registered == 2 * len(all_claims())


def test_missing_data_are_named_and_the_rest_is_judged(tmp_path):
    store = record_of(tmp_path / "lake", closures(300), None)
    found = judged(store)
    for name in NEED_PRICES:
        assert found[name].verdict.word == "inconclusive"
        assert found[name].verdict.reason.startswith("missing: ")
    assert "price candles" in found["H8"].verdict.reason
    assert found["H2"].verdict.word == "contradicted"
    assert math.isfinite(found["H11"].effect)


@pytest.mark.parametrize("side", [0, 1])
def test_one_side_only_says_nothing_about_the_other(tmp_path, side):
    usd = [[0 if i == side else v for i, v in enumerate(p)] for p in closures(400)]
    found = judged(record_of(tmp_path / "lake", usd, walk(400)))
    assert found["H5"].verdict.word == "inconclusive"
    assert math.isnan(found["H5"].effect)


def test_nothing_closed_supports_nothing(tmp_path):
    store = record_of(tmp_path / "lake", [[0, 0]] * 400, walk(400))
    for one in judged(store).values():
        assert one.verdict.word != "supported"


def test_a_constant_price_supports_nothing_about_returns(tmp_path):
    store = record_of(tmp_path / "lake", closures(400), np.full((460) * 6, 40_000.0))
    found = judged(store)
    for name in NEED_PRICES:
        assert found[name].verdict.word == "inconclusive", name


def test_too_short_a_history_is_refused(tmp_path):
    store = record_of(tmp_path / "lake", closures(5), walk(5))
    with pytest.raises(UsageError, match=r"Only 5 bars of 1d .* expected at least 8"):
        judged(store)


def test_a_short_history_decides_nothing_about_returns(tmp_path):
    store = record_of(tmp_path / "lake", closures(30), walk(30))
    for name, one in judged(store).items():
        if name in NEED_PRICES:
            assert one.verdict.word == "inconclusive"


def test_bars_told_twice_change_nothing(tmp_path):
    usd, closes = closures(400), walk(400)
    once = judged(record_of(tmp_path / "once", usd, closes))
    record_of(tmp_path / "twice", usd, closes)
    twice = judged(record_of(tmp_path / "twice", usd, closes, "again"))
    for name, one in once.items():
        np.testing.assert_equal(one.effect, twice[name].effect)


@claim(
    id="X1", says="Impossible.", post="Nothing.", test="regression", unit="z",
    horizon="24h",
)  # fmt: skip
def impossible(record, horizon):
    """Waves larger than any market."""
    waves = record.waves(record.red, 1e12)
    return record.dips(waves["known_at"], lambda t: record.after(t, horizon), horizon)


@pytest.fixture
def own(monkeypatch):
    """Claims of a test's own."""

    def known(*mine):
        monkeypatch.setattr(
            "washout.study.judging.all_claims", lambda: {c.id: c for c in mine}
        )

    return known


def test_a_claim_about_events_that_never_happened_is_undecided(made, own):
    own(impossible)
    one = judged(made, "X1")["X1"]
    assert str(one.verdict) == "inconclusive: n too small"
    assert (one.n_events, one.clusters) == (0, 0)
    assert one.n_controls > 1000


def test_a_horizon_longer_than_the_record_is_undecided(made, own):
    own(msgspec.structs.replace(all_claims()["H4b"], id="X2", horizon="900d"))
    one = judged(made, "X2")["X2"]
    assert one.verdict.word == "inconclusive"
    assert one.n_events == 0


def test_an_unknown_claim_names_the_nearest(made):
    with pytest.raises(UnknownName, match="Did you mean .*H4a"):
        judged(made, "H4")


def test_a_scope_without_liquidations_is_refused(made):
    with pytest.raises(UnknownName, match="ETH"):
        judge_claims(made, scope="binance:ETH", now=NOW)


def test_specs_are_written_down_before_data_are_read(made, monkeypatch, tmp_path):
    book = tmp_path / "ledger.jsonl"

    def look(*_):
        assert len(book.read_text().splitlines()) == 2 * len(all_claims())
        raise RuntimeError("looked")

    monkeypatch.setattr(LakeRecord, "_read", look)
    with pytest.raises(RuntimeError, match="looked"):
        judged(made, ledger=book)


def test_the_reserved_quarter_is_opened_once(tmp_path):
    """Later revisions of it change neither the estimate nor what it once said."""
    usd, closes = closures(500), walk(500)
    store = record_of(tmp_path / "lake", usd, closes)
    first = judged(store, "H4b", "H5")
    revised = [[b, a] if i > 400 else [a, b] for i, (a, b) in enumerate(usd)]
    closes[-500:] *= np.linspace(1, 2, 500)
    second = judged(
        record_of(tmp_path / "lake", revised, closes, "revised"), "H4b", "H5"
    )
    for name in first:
        assert math.isfinite(first[name].out_of_sample)
        assert second[name].out_of_sample == first[name].out_of_sample
        assert second[name].effect == first[name].effect
        assert second[name].spec_hash == first[name].spec_hash
    lines = (tmp_path / "lake" / "claims.jsonl").read_text().splitlines()
    opened = [json.loads(x)["spec_hash"] for x in lines if '"out_of_sample"' in x]
    assert len(opened) == len(set(opened)) == 4


def test_a_ledger_edited_by_hand_is_refused_with_its_line(made, tmp_path):
    book = tmp_path / "ledger.jsonl"
    judged(made, "H5", ledger=book)
    lines = book.read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace("H5", "H6", 1)
    book.write_text("".join(lines))
    with pytest.raises(LedgerError, match=r"ledger.jsonl.*line 1"):
        judged(made, "H5", ledger=book)


def test_another_seed_or_window_is_another_spec(made, own):
    own(all_claims()["H5"])
    whole = judged(made, "H5")["H5"]
    cut = judged(made, "H5", begin=START + 30 * DAY)["H5"]
    own(msgspec.structs.replace(all_claims()["H5"], seed=1))
    assert (
        len({whole.spec_hash, cut.spec_hash, judged(made, "H5")["H5"].spec_hash}) == 3
    )


def test_both_readings_of_the_sign_look_at_both_sides(made):
    found = judge_claims(made, scope=SCOPE, names=("H2",), now=NOW)
    rows = made.view("liquidations", scope=SCOPE, bar="1d").pandas()
    told = [one.facts["notional closed, USD"] for one in (*found.claims, *found.other)]
    assert told == pytest.approx([rows.long_usd.sum(), rows.short_usd.sum()])


# What a record tells a claim.


@pytest.fixture
def record(made):
    return LakeRecord(
        made, SCOPE, bar=DAY, step=STEP, begin=START, end=START + 300 * DAY
    )


def test_a_record_ends_where_it_ends(record, made):
    assert record.rows("liquidations")["bar"].max() < START + 300 * DAY
    assert record.grid().max() <= START + 300 * DAY + 5_000_000
    later = LakeRecord(
        made, SCOPE, bar=DAY, step=STEP, begin=START, end=START + 400 * DAY
    )
    time = record.grid()[100:1000]
    for name in ("state", "shape"):
        np.testing.assert_array_equal(
            getattr(record, name)(time), getattr(later, name)(time)
        )


def test_a_return_is_entered_one_price_bar_after_the_decision(record):
    closes = walk(500)
    decision = START + 10 * DAY + 5_000_000
    place = (decision - 5_000_000 - START + 60 * DAY) // STEP - 1
    expected = math.log(closes[place + 1 + 6] / closes[place + 1])
    assert record.returns(np.array([decision]), DAY)[0] == pytest.approx(expected)
    assert record.entry(np.array([decision]))[0] == pytest.approx(
        math.log(closes[place + 1])
    )


def test_sums_and_levels_count_what_was_known_then(record):
    columns = record.rows("liquidations")
    usd = np.array([a for a, _ in closures(500)][:300]) / 100
    known = columns["known_at"][9]
    at = np.array([known - 1, known, START - DAY])
    found = record.total(columns, "long_usd", at, 3 * DAY)
    assert found[:2] == pytest.approx([usd[6:9].sum(), usd[7:10].sum()])
    assert math.isnan(found[2])
    levels = record.level(columns, "long_usd", at)
    assert levels[:2] == pytest.approx([usd[8], usd[9]])
    assert math.isnan(levels[2])


def test_controls_are_left_out_by_the_past_only(record, monkeypatch):
    track = {
        "side": np.array(["long"], object), "size_bp": np.array([100.0]),
        "known_at": np.array([START + 50 * DAY]),
    }  # fmt: skip
    monkeypatch.setattr(record, "rows", lambda _view: track)
    time = np.array([START + 50 * DAY - HOUR, START + 50 * DAY, START + 51 * DAY + 1])
    assert record.active("long", 60.0, DAY, time).tolist() == [False, True, False]
    assert not record.active("short", 60.0, DAY, time).any()
    event = np.array([START + 50 * DAY])
    rows = record.dips(event, lambda t: record.after(t, DAY), DAY)
    assert (rows.treated == 1).sum() == 1
    control = rows.time[rows.treated == 0]
    assert not ((control >= event[0]) & (control <= event[0] + DAY)).any()
    assert (control == record.grid()[record.grid() < event[0]][-1]).any()


def test_the_finest_bar_of_most_of_the_record_is_taken(sample_lake):
    store = washout.open(sample_lake)
    assert liquidation_bar(store, "binance:BTC") == DAY
    assert liquidation_bar(store, "binance:BTC-USDT") == HOUR
    assert price_step(store, "binance:BTC", START, START + 300 * DAY) == HOUR
    assert price_step(store, "binance:BTC", START - 900 * DAY, START) == STEP


# What becomes of a question.

TIMES = START + DAY * np.arange(200)


def plain(test, **told):
    return msgspec.structs.replace(all_claims()["H5"], test=test, sign=1, **told)


def test_an_effect_is_turned_to_what_the_claim_says():
    treated = np.tile([1.0, 0.0], 100)
    random = np.random.default_rng(0).normal(0, 1, 200)
    rows = claims.Rows(
        time=TIMES, outcome=treated + random, treated=treated, horizon=DAY,
        covariates=random[:, None] ** 3,
    )  # fmt: skip
    up = ask(plain("regression"), rows, START, START + 300 * DAY).estimate
    down = ask(
        msgspec.structs.replace(plain("regression"), sign=-1),
        rows,
        START,
        START + 300 * DAY,
    ).estimate
    assert up.effect == pytest.approx(-down.effect)
    assert up.effect > 0.5
    assert (up.low, up.high) == pytest.approx((-down.high, -down.low))


def test_rows_that_reach_beyond_the_end_are_left_to_later():
    rows = claims.Rows(
        time=TIMES, outcome=np.arange(200.0), treated=np.tile([1.0, 0.0], 100),
        covariates=np.zeros((200, 0)), horizon=10 * DAY,
    )  # fmt: skip
    asked = ask(plain("regression"), rows, START, START + 100 * DAY)
    assert asked.sample.time.max() == START + 90 * DAY


def test_a_correlation_within_groups_is_their_mean():
    random = np.random.default_rng(2)
    x = random.normal(size=200)
    group = np.repeat([0, 1], 100)
    y = np.where(group == 0, x, 0.0) + 10 * group + random.normal(0, 1e-3, 200)
    asked = claims.Correlation(time=TIMES, x=x, y=y, group=group)
    found = ask(plain("correlation"), asked, START, START + 300 * DAY).estimate
    each = [np.corrcoef(x[group == g], y[group == g])[0, 1] for g in (0, 1)]
    assert found.effect == pytest.approx(np.mean(each))
    assert found.low < found.effect < found.high


@pytest.mark.parametrize(
    ("low", "high", "sign", "word"),
    [
        (0.6, 0.9, 1, "supported"), (0.1, 0.4, 1, "contradicted"),
        (0.4, 0.6, 1, "inconclusive"), (0.6, 0.9, -1, "contradicted"),
        (0.1, 0.4, -1, "supported"),
    ],
)  # fmt: skip
def test_a_told_number_decides_by_its_whole_interval(made, own, low, high, sign, word):
    @claim(
        id="X3", says="Told.", post="Told.", test="told", unit="share", horizon="24h",
        sign=sign,
    )  # fmt: skip
    def number(_record, _horizon):
        """A number."""
        return claims.Told(value=0.5, low=low, high=high, threshold=0.5, n=20, least=10)

    own(number)
    assert judged(made, "X3")["X3"].verdict.word == word


def test_few_are_too_few_to_tell(made, own):
    @claim(
        id="X4", says="Told.", post="Told.", test="told", unit="share", horizon="24h"
    )
    def number(_record, _horizon):
        """A number."""
        return claims.Told(value=0.9, low=0.8, high=1.0, threshold=0.5, n=9, least=10)

    own(number)
    assert str(judged(made, "X4")["X4"].verdict) == "inconclusive: n too small"


def test_the_record_s_instants_are_shown_as_they_are(made):
    found = judge_claims(made, scope=SCOPE, names=("H5",), now=NOW)
    assert format_time(found.begin) == "2024-01-01T00:00:00Z"
    assert found.reserved_from == found.begin + 3 * (found.end - found.begin) // 4
    assert Width(DAY) == DAY
