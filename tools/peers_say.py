"""What cryptofeed or ccxt make of our recorded frames, as JSON lines on stdout.

Runs in the environment of the peer (tools/peers.sh makes them):

    PEERS/cryptofeed/bin/python tools/peers_say.py > tests/data/peers_cryptofeed.jsonl
    PEERS/ccxt/bin/python tools/peers_say.py > tests/data/peers_ccxt.jsonl

They are called as their own websocket and REST code calls them, without a network.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from importlib import metadata
from pathlib import Path

FRAMES = Path(__file__).parent.parent / "tests" / "frames"


def frames(exchange):
    """Raw texts of the frames of lines, parsed too; words such as pong are passed."""
    for line in (FRAMES / f"{exchange}.jsonl").read_text().splitlines():
        told = json.loads(line)
        if "line" in told and told["raw"][:1] in "{[":
            yield told["raw"], json.loads(told["raw"], parse_float=Decimal)


def cryptofeed():
    """Its handlers of liquidations, with a callback that keeps what they give."""
    from cryptofeed.exchanges import Bitmex, Deribit

    for exchange, kind, method in (
        ("bitmex", Bitmex, "_liquidation"),
        ("deribit", Deribit, "_trade"),
    ):
        for raw, frame in frames(exchange):
            if frame.get("table") != "liquidation" and "data" not in frame.get(
                "params", {}
            ):
                continue
            feed, given = object.__new__(kind), []

            async def keep(name, one, _received, given=given):
                if name == "liquidations":
                    given.append(one)

            feed.callback, feed.exchange_symbol_to_std_symbol = keep, str
            feed.timestamp_normalize = lambda millis: millis / 1000
            asyncio.run(getattr(feed, method)(frame, 0.0))
            yield exchange, raw, [(g.side, g.quantity, g.price) for g in given]


def ccxt():
    """Its parsers of one liquidation, given the rows that its loops would give them."""
    import ccxt as peer

    for exchange in ("bitfinex", "hyperliquid", "htx"):
        unified = getattr(peer, exchange)()
        unified.markets, unified.markets_by_id = {}, {}
        for raw, _ in frames(exchange):
            rows = ROWS[exchange](json.loads(raw))
            given = [unified.parse_liquidation(row) for row in rows]
            if rows:
                yield (
                    exchange,
                    raw,
                    [(g["side"], g["contracts"], g["price"]) for g in given],
                )


def _bitfinex(frame):
    return (
        [[row] for row in frame[1]]
        if isinstance(frame, list) and frame[1] != "hb"
        else []
    )


def _hyperliquid(frame):
    if frame["channel"] != "userFills":
        return []
    user = frame["data"]["user"]
    return [
        fill for fill in frame["data"]["fills"]
        if fill.get("liquidation", {}).get("liquidatedUser", "").lower() == user
    ]  # fmt: skip


def _htx(frame):
    return frame["data"] if frame["op"] == "notify" else []


ROWS = {"bitfinex": _bitfinex, "hyperliquid": _hyperliquid, "htx": _htx}


def main():
    names = {dist.metadata["Name"].lower() for dist in metadata.distributions()}
    for name, says in (("cryptofeed", cryptofeed), ("ccxt", ccxt)):
        if name not in names:
            continue
        for exchange, raw, given in says():
            told = [[side, str(count), str(price)] for side, count, price in given]
            version = f"{name} {metadata.version(name)}"
            print(
                json.dumps(
                    {"peer": version, "exchange": exchange, "raw": raw, "says": told}
                )
            )


if __name__ == "__main__":
    main()
