"""Every frame that cryptofeed or ccxt read otherwise than we do, and who is right.

`tests/data/peers_*.jsonl` is what they said of the recorded frames (tools/peers_say.py).
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from _frames import frames
from washout.exchanges import Said, Unexplained

CRYPTOFEED, CCXT = "cryptofeed 2.4.1", "ccxt 4.5.90"
SAID = [
    json.loads(line)
    for path in sorted((Path(__file__).parent / "data").glob("peers_*.jsonl"))
    for line in path.read_text().splitlines()
]
BY_RAW = {(frame.exchange.name, frame.told["raw"]): frame for frame in frames()}

NOT_LOOKED = "it does not look at what the docs say of this field; refused here"
FUTURE = "a dated future: not a perpetual, passed by here"
TRIGGER = "IS_MATCH 0 is the trigger, whose execution follows: it is counted twice"
SIDE_8 = "takes the side from IS_MATCH; the docs give it as the sign of AMOUNT"

DISAGREEMENTS = {
    (CRYPTOFEED, "bitmex"): {
        "pypi.org": (["buy"], FUTURE),
        "SYNTHETIC: a quanto": (["buy"], "counts it without saying what a contract is worth"),
        "SYNTHETIC: a contract that no": (["buy"], "counts it without knowing its size"),
    },
    (CRYPTOFEED, "deribit"): {
        "tardis-dev/tardis-node@c1d73fb test/mappers.test.ts:454": (
            ["buy"], "M says that the maker was liquidated; direction is the taker's",
        ),
        "SYNTHETIC: both": (["buy"], "MT are two liquidations; the maker's is lost"),
        "SYNTHETIC: a dated": (["sell"], FUTURE),
        "SYNTHETIC: a flag": (["sell"], NOT_LOOKED),
        "SYNTHETIC: another": (["sell"], NOT_LOOKED),
    },
    (CCXT, "bitfinex"): {
        "tardis-dev/tardis-node@c1d73fb test/mappers.test.ts:2838": (["sell"], TRIGGER),
        "SYNTHETIC: both": (["sell", "buy"], TRIGGER),
        "tardis-dev/tardis-node@c1d73fb test/mappers.test.ts:2803": (["sell"], TRIGGER),
        "tardis-dev/tardis-node@c1d73fb test/mappers.test.ts:2824": (["sell"], TRIGGER),
        "SYNTHETIC: a long": (["buy"], SIDE_8),
        "docs.bitfinex.com": (["buy"], "margin trading of a spot pair, no perpetual"),
        "SYNTHETIC: a perpetual that": (["buy"], "its price is in bitcoin, not in USD"),
        "SYNTHETIC: an execution": (["buy"], NOT_LOOKED),
        "SYNTHETIC: a place": (["sell"], NOT_LOOKED),
        "SYNTHETIC: another": (["buy"], NOT_LOOKED),
    },
    (CCXT, "hyperliquid"): {
        "SYNTHETIC: both": (["buy", "sell"], "a sell that opens a short closes no long"),
        "SYNTHETIC: a snapshot": (["buy"], "from before the subscription"),
        "SYNTHETIC: a market": (["buy"], "a builder's market, passed by here"),
    },
    (CCXT, "htx"): {
        "SYNTHETIC: before": (["sell"], "without coins told nothing says how many"),
        "SYNTHETIC: an order": (["sell"], "a liquidation opens nothing"),
        "SYNTHETIC: a dated": (["sell"], FUTURE),
        "tardis-dev/tardis-node@c1d73fb test/mappers.test.ts:5948": (["sell"], FUTURE),
        "SYNTHETIC: not": (["sell"], "counts it without knowing its size"),
    },
}  # fmt: skip


def ours(said):
    """Our frame, and its liquidations."""
    frame = BY_RAW[said["exchange"], said["raw"]]
    try:
        found = frame.decode()
    except Unexplained:
        return frame, []
    return frame, [] if isinstance(found, Said) else found


def reason(said, frame):
    """What is written above of this frame: their sides and why ours are others."""
    table = DISAGREEMENTS[said["peer"], said["exchange"]]
    found = [
        why for start, why in table.items() if frame.told["source"].startswith(start)
    ]
    return found[0] if found else None


@pytest.mark.parametrize(
    "said", SAID, ids=lambda s: f"{s['peer'].split()[0]}-{s['exchange']}"
)
def test_a_peer_sees_the_same_sides_or_the_disagreement_is_stated(said):
    frame, events = ours(said)
    theirs = [side for side, _, _ in said["says"]]
    stated = reason(said, frame)
    if stated is None:
        assert theirs == [one.side for one in events]
        return
    assert theirs == stated[0]
    assert theirs != [one.side for one in events], "no disagreement any more"


def test_every_stated_disagreement_was_recorded():
    for (peer, exchange), table in DISAGREEMENTS.items():
        sources = [
            ours(said)[0].told["source"]
            for said in SAID
            if (said["peer"], said["exchange"]) == (peer, exchange)
        ]
        for start in table:
            assert [s for s in sources if s.startswith(start)], start


def test_where_sides_agree_prices_do_and_counts_are_in_the_venues_units():
    """cryptofeed gives contracts as they come: 150000 of XBTUSDT are 0.15 BTC."""
    counts = {}
    for said in SAID:
        frame, events = ours(said)
        if reason(said, frame) is not None:
            continue
        for (_, count, price), one in zip(said["says"], events, strict=True):
            assert Decimal(price) == Decimal(str(one.price))
            counts[one.exchange, one.market, count] = (one.quantity, one.usd)
    assert counts["bitmex", "BTC-USD", "9214"] == (9214 / 10106, 921400)
    assert counts["bitmex", "BTC-USDT", "150000"] == (0.15, 900008)
    assert counts["deribit", "BTC-USD", "1120"] == (1120 / 4469.5, 112000)
    assert counts["htx", "ETH-USDT", "500.0"] == (5.0, 1223130)
    assert counts["bitfinex", "ETH-USDT", "4.56671421"] == (4.56671421, 107555)
    assert counts["hyperliquid", "SOL-USD", "0.58"] == (0.58, 4185)
