"""Frames read together say what they say one by one, ties and oddities included."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from washout import schema
from washout.events import KINDS
from washout.exchanges import Instrument, Said, Unexplained, cents
from washout.exchanges._template import learn
from washout.exchanges.binance import binance
from washout.exchanges.bybit import bybit

TIME = st.integers(1_790_000_000_000, 1_790_000_000_050)
DIGITS = st.text("0123456789", min_size=1, max_size=12)
AMOUNT = st.one_of(
    st.builds("{}.{}".format, DIGITS, DIGITS),
    DIGITS,
    st.integers(1, 400).map(lambda n: f"{n}.005"),  # times 1 a tie of cents
    st.sampled_from(
        ["1", "0.5", "0.25", "0.01", "0", "0.000", "1e3", ".5", "5.", "1.5"]
    ),
)
"""Mostly plain decimals, some ties, some that only the slow way reads, some of nothing."""

KNOWN = {
    one.symbol: one
    for one in (
        *binance.listed, *bybit.listed,
        Instrument(symbol="ODDUSDT", asset="ODD", market="ODD-USDT", contract=Decimal("0.1")),
    )
}  # fmt: skip


@st.composite
def force_orders(draw):
    order = {
        "s": draw(st.sampled_from(
            ["BTCUSDT", "BTCUSD_PERP", "ODDUSDT", "NEWUSDT", "BTCUSDT_260327", "币USDT"]
        )),
        "S": draw(st.sampled_from(["SELL", "BUY"])), "q": "7", "p": "0",
        "ap": draw(AMOUNT), "z": draw(AMOUNT), "T": draw(TIME),
    }  # fmt: skip
    if draw(st.booleans()):
        order["st"] = 1
    event = {"e": "forceOrder", "E": 1, "o": order}
    many = draw(st.sampled_from([event, [event], [event, event]]))
    return dumps({"stream": "!forceOrder@arr", "data": many})


@st.composite
def trades(draw):
    event = {
        "e": "aggTrade", "E": 1, "a": draw(st.integers(0, 10**18)),
        "s": draw(st.sampled_from(["BTCUSDT", "BTCUSD_PERP", "ETHUSDT"])),
        "p": draw(AMOUNT), "q": draw(AMOUNT), "T": draw(TIME), "m": draw(st.booleans()),
    }  # fmt: skip
    return dumps({"stream": "x@aggTrade", "data": event})


@st.composite
def pushes(draw):
    symbol = draw(st.sampled_from(["BTCUSDT", "BTCUSD", "NEWUSDT", "BTCUSDM26"]))
    row = st.fixed_dictionaries(
        {
            "T": TIME, "s": st.just(symbol), "S": st.sampled_from(["Buy", "Sell"]),
            "v": st.one_of(st.just("1.0"), AMOUNT), "p": st.one_of(st.just("2"), AMOUNT),
        }
    )  # fmt: skip
    data = draw(st.lists(row, min_size=1, max_size=4))
    if draw(st.booleans()):
        data.append(dict(data[0]))
    topic = f"allLiquidation.{symbol}"
    return dumps(
        {"topic": topic, "type": "snapshot", "ts": 1_790_000_000_100, "data": data}
    )


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def readable(line, frames):
    """The frames that `decode` reads, since one that it refuses stops the fast way."""
    kept = []
    for frame in frames:
        try:
            line.decode(frame, 0, KNOWN)
        except Unexplained:
            with pytest.raises(Unexplained):
                line.decode_many([frame], [0], KNOWN)
        else:
            kept.append(frame)
    return kept


def assert_same(line, frames):
    received = [1_790_000_000_000_000 + number for number in range(len(frames))]
    told = [
        line.decode(frame, at, KNOWN)
        for frame, at in zip(frames, received, strict=True)
    ]
    events = [event for one in told if not isinstance(one, Said) for event in one]
    tables = line.decode_many(frames, received, KNOWN)
    for kind, sort in KINDS.items():
        alone = [msgspec.to_builtins(e) for e in events if type(e) is sort]
        found = tables[kind].to_pylist() if kind in tables else []
        assert found == alone
        if kind in tables:
            assert tables[kind].schema == schema.arrow(kind)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(force_orders(), trades()), min_size=1, max_size=12))
def test_binance_frames_together_are_the_frames_one_by_one(frames):
    line = binance.line("usdm")
    if kept := readable(line, frames):
        assert_same(line, kept)


@settings(max_examples=150, deadline=None)
@given(st.lists(pushes(), min_size=1, max_size=10))
def test_bybit_pushes_together_are_the_pushes_one_by_one(frames):
    line = bybit.line("linear")
    if kept := readable(line, frames):
        assert_same(line, kept)


@settings(max_examples=300, deadline=None)
@given(count=AMOUNT, price=AMOUNT, inverse=st.booleans())
def test_cents_of_columns_are_rounded_half_to_even_from_exact_decimals(
    count, price, inverse
):
    line = binance.line("usdm")
    order = {
        "s": "BTCUSD_PERP" if inverse else "BTCUSDT", "S": "SELL", "ap": price,
        "z": count, "T": 1_790_000_000_000,
    }  # fmt: skip
    frame = dumps({"data": {"e": "forceOrder", "o": order}})
    if not (kept := readable(line, [frame])):
        return
    for table in line.decode_many(kept, [0], KNOWN).values():
        value = Decimal(count) * (100 if inverse else Decimal(price))
        assert table["usd"].to_pylist() == [cents(value)]


def test_an_answer_among_facts_is_left_to_the_slow_way():
    line = binance.line("usdm")
    with pytest.raises(Unexplained, match="one by one"):
        line.decode_many([b'{"result":null,"id":1}'], [0], KNOWN)


@pytest.mark.parametrize(
    "changed",
    [
        b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"2","T":1790000000000}}',
        b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"2","T":01790000000000}}}',
        b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"2","T":1790000000000}}}x',
        b'{"data":{"e":"forceOrder","o":{"s":"BTC\nUSDT","S":"SELL","z":"1","ap":"2","T":1790000000000}}}',
        b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"HOLD","z":"1","ap":"2","T":1790000000000}}}',
        b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"2","T":1790000000}}}',
    ],
)
def test_a_frame_that_only_looks_alike_is_refused(changed):
    """After frames of its shape were learned: cut short, a zero first, more behind."""
    line = binance.line("usdm")
    good = b'{"data":{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"2","T":1790000000000}}}'
    assert line.decode_many([good] * 3, [0, 1, 2], KNOWN)["liquidation"].num_rows == 3
    with pytest.raises(Unexplained):
        line.decode_many([good, changed, good], [0, 1, 2], KNOWN)


def test_a_template_keeps_what_is_fixed_and_cuts_out_the_rest():
    def fixed(path, text):
        return len(b"all.") if path == ("topic",) else 0

    made = learn(b'{"topic":"all.X","n":[7,true,null]}', fixed)
    assert made.pieces == (b'{"topic":"all.', b'","n":[', b",", b",null]}")
    assert made.paths == (("topic",), ("n", 0), ("n", 1))


@pytest.mark.parametrize(
    "odd", [b'{"a": 1}', b'{"a":1.5}', b'{"a":"\\u0041"}', b"{}x", b'{"a":-1}', b"1"]
)
def test_no_template_is_made_of_an_odd_frame(odd):
    assert learn(odd, lambda _path, _text: 0) is None
