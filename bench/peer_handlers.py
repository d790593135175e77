"""Handlers of other libraries over frames in a file. Run by the peer's own Python.

    peers/cryptofeed/bin/python bench/peer_handlers.py cryptofeed binance FILE
    peers/ccxt/bin/python bench/peer_handlers.py ccxt bybit FILE --events

Prints the CPU seconds that the handler took over all frames, or with --events what it
made of each frame, as JSON. Nothing is stored, so that the measure flatters the peer.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Peer:
    """A library that handles one frame at a time: `handle(text)`; `seen` what came out."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.count = 0


def symbols_of(frames: list[str]) -> list[str]:
    """Symbols of Binance and Bybit frames, bare (BTCUSDT)."""
    found = set()
    for frame in frames:
        value = json.loads(frame)
        data = value.get("data", value)
        rows = data if isinstance(data, list) else [data.get("o", data)]
        found |= {
            row.get("s") or row.get("symbol") for row in rows if isinstance(row, dict)
        }
    return sorted(name for name in found if name)


def split(name: str) -> tuple[str, str]:
    for quote in ("USDT", "USDC", "USD"):
        bare = name.removesuffix("_PERP")
        if bare.endswith(quote):
            return bare.removesuffix(quote), quote
    return name, ""


def cryptofeed(venue: str, frames: list[str], keep: bool) -> Callable[[], None]:
    from cryptofeed.defines import LIQUIDATIONS, PERPETUAL
    from cryptofeed.exchanges import BinanceDelivery, BinanceFutures, Bybit
    from cryptofeed.symbols import Symbol, Symbols

    logging.disable(logging.CRITICAL)
    sort = {"binance": BinanceFutures, "coinm": BinanceDelivery, "bybit": Bybit}[venue]
    names = {
        Symbol(*split(name), type=PERPETUAL).normalized: name
        for name in symbols_of(frames)
    }
    info = {
        "instrument_type": dict.fromkeys(names, PERPETUAL),
        "tick_size": dict.fromkeys(names, "0.1"),
    }
    Symbols.set(sort.id, names, info)

    async def hear(liquidation: Any, _received: float) -> None:
        peer.count += 1
        if keep:
            peer.seen.append(
                {
                    "symbol": liquidation.symbol, "side": liquidation.side,
                    "price": str(liquidation.price),
                    "quantity": str(liquidation.quantity),
                    "timestamp": liquidation.timestamp,
                }
            )  # fmt: skip

    feed = sort(
        symbols=list(names), channels=[LIQUIDATIONS], callbacks={LIQUIDATIONS: hear},
        config={"log": {"disabled": True}},
    )  # fmt: skip

    class Connection:
        address = "wss://stream.bybit.com/v5/public/linear"
        uuid = "x"

    connection = Connection()

    async def run() -> None:
        handler = feed.message_handler
        for frame in frames:
            await handler(frame, connection, 1.0)

    return lambda: asyncio.run(run())


def ccxt(venue: str, frames: list[str], keep: bool) -> Callable[[], None]:
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    name = "binance" if venue in ("binance", "coinm") else venue

    async def run_on(frames: list[str]) -> None:
        exchange = getattr(ccxt.pro, name)(
            {"options": {"defaultType": "swap"}, "newUpdates": True}
        )
        exchange.set_markets([_market(one) for one in symbols_of(frames)])
        address = (
            "wss://fstream.binance.com/ws" if name == "binance"
            else "wss://stream.bybit.com/v5/public/linear"
        )  # fmt: skip
        client = Client(
            address, exchange.handle_message, None, None, None, {"verbose": False}
        )
        handle = client.handle_text_or_binary_message
        begin = time.process_time()
        for frame in frames:
            handle(frame)
            if keep and exchange.liquidations:
                cached = list(exchange.liquidations)
                for one in cached[len(peer.seen) :]:
                    peer.seen.append(
                        {
                            "symbol": one["symbol"], "side": one["side"],
                            "price": str(one["price"]), "quantity": str(one["contracts"]),
                            "timestamp": one["timestamp"], "size": one["contractSize"],
                            "base": one["baseValue"], "quote": one["quoteValue"],
                        }
                    )  # fmt: skip
        peer.spent = time.process_time() - begin  # type: ignore[attr-defined]
        peer.count = len(exchange.liquidations or [])
        await exchange.close()

    sent = [_bare(frame) for frame in frames] if name == "binance" else frames
    return lambda: asyncio.run(run_on(sent))


def _bare(frame: str) -> str:
    """Without the wrapper of combined streams: ccxt asks for raw ones."""
    value = json.loads(frame)
    return json.dumps(value.get("data", value), separators=(",", ":"))


def _market(name: str) -> dict[str, Any]:
    base, quote = split(name)
    linear = quote != "USD"
    settle = quote if linear else base
    return {
        "id": name, "lowercaseId": name.lower(), "symbol": f"{base}/{quote}:{settle}",
        "base": base, "quote": quote, "settle": settle, "baseId": base, "quoteId": quote,
        "settleId": settle, "type": "swap", "spot": False, "margin": False, "swap": True,
        "future": False, "option": False, "contract": True, "linear": linear,
        "inverse": not linear, "subType": "linear" if linear else "inverse",
        "active": True, "contractSize": 1.0 if linear else 100.0, "taker": 0.0005,
        "maker": 0.0002, "precision": {"amount": 0.001, "price": 0.01}, "limits": {},
        "info": {},
    }  # fmt: skip


peer = Peer()


def main() -> None:
    library, venue, path, *flags = sys.argv[1:]
    frames = Path(path).read_text().splitlines()
    keep = "--events" in flags
    run = {"cryptofeed": cryptofeed, "ccxt": ccxt}[library](venue, frames, keep)
    begin = time.process_time()
    run()
    spent = getattr(peer, "spent", time.process_time() - begin)
    said = {
        "version": importlib.metadata.version(library), "frames": len(frames),
        "seconds": spent, "events": peer.count,
    }  # fmt: skip
    print(json.dumps(said | ({"seen": peer.seen} if keep else {})))


if __name__ == "__main__":
    main()
