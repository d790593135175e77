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
        self.seen: list[dict[str, Any]] = []
        self.count = 0
        self.heard = 0
        self.frame = 0
        """Number of the frame that is being handled."""


def symbols_of(frames: list[str]) -> list[str]:
    """Symbols of Binance and Bybit frames, bare (BTCUSDT)."""
    found = set()
    for frame in frames:
        value = json.loads(frame)
        data = value.get("data", value) if isinstance(value, dict) else value
        for row in data if isinstance(data, list) else [data]:
            told = row.get("o", row)
            found |= {told.get(name) for name in ("s", "symbol", "instId")}
    return sorted(name for name in found if name)


SIZES = {
    "BTCUSD_PERP": 100.0, "ETHUSD_PERP": 10.0, "BTC-USDT-SWAP": 0.01,
    "BTC-USD-SWAP": 100.0, "CNPY-USDT-SWAP": 10.0, "IOST-USDT-SWAP": 1000.0,
}  # fmt: skip
"""Contract sizes, as the recorded frames are listed with."""


def split(name: str) -> tuple[str, str]:
    if name.endswith("-SWAP"):
        base, quote, _ = name.split("-")
        return base, quote
    for quote in ("USDT", "USDC", "USD"):
        bare = name.removesuffix("_PERP")
        if bare.endswith(quote):
            return bare.removesuffix(quote), quote
    return name, ""


def failed(error: Exception, keep: bool) -> None:
    """Note that the peer could not handle the frame; when measured, stop."""
    if not keep:
        raise error
    peer.seen.append({"frame": peer.frame, "error": f"{type(error).__name__}: {error}"})


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
                    "frame": peer.frame, "symbol": liquidation.symbol, "side": liquidation.side,
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
        for number, frame in enumerate(frames):
            peer.frame = number
            try:
                await handler(frame, connection, 1.0)
            except Exception as error:  # noqa: BLE001  a peer may fail in any way
                failed(error, keep)

    return lambda: asyncio.run(run())


ADDRESSES = {
    "binance": "wss://fstream.binance.com/ws",
    "bybit": "wss://stream.bybit.com/v5/public/linear",
    "okx": "wss://ws.okx.com:8443/ws/v5/public",
}


def ccxt(venue: str, frames: list[str], keep: bool) -> Callable[[], None]:
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    name = "binance" if venue in ("binance", "coinm") else venue

    async def run_on(frames: list[str]) -> None:
        exchange = getattr(ccxt.pro, name)(
            {"options": {"defaultType": "swap"}, "newUpdates": True}
        )
        exchange.set_markets([_market(one) for one in symbols_of(frames)])
        address = ADDRESSES[name]
        client = Client(
            address, exchange.handle_message, None, None, None, {"verbose": False}
        )
        handle = client.handle_text_or_binary_message
        begin = time.process_time()
        for number, frame in enumerate(frames):
            peer.frame = number
            try:
                handle(frame)
            except Exception as error:  # noqa: BLE001  a peer may fail in any way
                failed(error, keep)
            if keep and exchange.liquidations:
                cached = list(exchange.liquidations)
                for one in cached[len(peer.seen) :]:
                    peer.seen.append(
                        {
                            "frame": number, "symbol": one["symbol"], "side": one["side"],
                            "price": str(one["price"]), "quantity": str(one["contracts"]),
                            "timestamp": one["timestamp"], "size": one["contractSize"],
                            "base": one["baseValue"], "quote": one["quoteValue"],
                        }
                    )  # fmt: skip
                peer.heard = len(cached)
        peer.spent = time.process_time() - begin  # type: ignore[attr-defined]
        peer.count = len(exchange.liquidations or [])
        await exchange.close()

    sent = [_bare(frame) for frame in frames] if name == "binance" else frames
    return lambda: asyncio.run(run_on(sent))


def _bare(frame: str) -> str:
    """Without the wrapper of combined streams: ccxt asks for raw ones."""
    value = json.loads(frame)
    bare = value.get("data", value) if isinstance(value, dict) else value
    return json.dumps(bare, separators=(",", ":"))


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
        "active": True, "contractSize": SIZES.get(name, 1.0), "taker": 0.0005,
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
