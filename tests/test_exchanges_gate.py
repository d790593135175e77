"""Gate published one liquidation a second and contract until 2026-08-20."""

from __future__ import annotations

import pytest

from washout.clock import parse_time
from washout.exchanges import Unexplained
from washout.exchanges.gate import decode, gate
from washout.store.trust import fact_at

KNOWN = {one.symbol: one for one in gate.listed}


def test_both_sides_of_the_change_to_whole_batches():
    change = parse_time("2026-08-20")
    found = [fact_at(gate, time) for time in (change - 1, change)]
    assert [(one.trust, one.floor) for one in found] == [
        ("one_per_second", True), ("all", False),
    ]  # fmt: skip
    assert [one.at for one in gate.breaks] == [change]


@pytest.mark.parametrize("time", [1541486601, 154148660112, 1541486601123000])
def test_a_time_in_another_unit_is_not_taken(time):
    row = b'{"price":"1","size":-1,"time":%d,"contract":"BTC_USDT"}' % time
    with pytest.raises(Unexplained, match="xpected"):
        decode(
            b'{"channel":"futures.public_liquidates","event":"update","result":[%b]}' % row,
            0, KNOWN,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "liquidated", "quantity"),
    [("-77", "long", 0.0077), ("-677", "long", 0.0677), ("8", "short", 0.0008)],
)
def test_the_sign_is_that_of_the_order(size, liquidated, quantity):
    """Sizes of pushes that a report of 2026-08-12 paired with REST positions."""
    row = b'{"price":63527.5,"size":%b,"time_ms":1786460241000,"contract":"BTC_USDT"}'
    frame = b'{"channel":"futures.public_liquidates","event":"update","result":[%b]}'
    [found] = decode(frame % (row % size.encode()), 0, KNOWN)
    assert (found.liquidated, found.quantity) == (liquidated, quantity)
    assert found.price_kind == "order"
