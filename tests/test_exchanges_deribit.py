"""Deribit's flags, in the history as in the stream."""

from __future__ import annotations

import pytest

from washout.exchanges import Unexplained
from washout.exchanges.deribit import flagged

TRADE = {
    "trade_id": "66460463", "timestamp": 1584058044032, "price": 4469.5, "amount": 1120,
    "instrument_name": "BTC-PERPETUAL", "direction": "sell", "liquidation": "T",
}  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "direction", "closed"),
    [
        ("T", "sell", ["long"]), ("T", "buy", ["short"]),
        ("M", "sell", ["short"]), ("M", "buy", ["long"]),
        ("MT", "sell", ["long", "short"]), ("MT", "buy", ["short", "long"]),
    ],
)  # fmt: skip
def test_the_flag_says_which_side_of_the_trade_was_liquidated(flag, direction, closed):
    found = list(flagged([TRADE | {"liquidation": flag, "direction": direction}], 7))
    assert [one.liquidated for one in found] == closed
    assert [one.id for one in found] == [
        f"66460463-{who}" for who in "TM" if who in flag
    ]
    assert {one.ts_recv for one in found} == {7}


@pytest.mark.parametrize(
    "lacking", ["direction", "amount", "price", "timestamp", "trade_id"]
)
def test_a_trade_that_lacks_something_is_unexplained(lacking):
    with pytest.raises(Unexplained, match=lacking):
        list(flagged([{k: v for k, v in TRADE.items() if k != lacking}], 0))
