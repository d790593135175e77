"""Frames in the venues' exact formats, for measuring: liquidations and trades.

    python bench/gen_liquidation_frames.py VENUE COUNT FILE

VENUE is binance, binance_trades or bybit. Prices, sizes and names are drawn with a
fixed seed; 400 symbols, few of them with most of the frames.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

START = 1_790_000_000_000
ASSETS = ("BTC", "ETH", "SOL", "XRP", "DOGE", *(f"C{i:03}" for i in range(395)))


def symbols() -> list[str]:
    return [f"{asset}USDT" for asset in ASSETS]


def drawn(count: int, seed: int = 4) -> Iterator[tuple[str, str, str, str, bool, int]]:
    """Symbol, size, limit price, fill price, whether a long is closed, milliseconds."""
    draw = random.Random(seed)
    prices = {asset: 10 ** draw.uniform(-4, 3) for asset in ASSETS} | {"BTC": 83_000.0}
    weights = [1 / (rank + 1) ** 0.8 for rank in range(len(ASSETS))]
    time = START
    for asset in draw.choices(ASSETS, weights, k=count):
        time += draw.choice((0, 1, 4, 30, 200))
        price = prices[asset] * (1 + draw.gauss(0, 0.002))
        digits = 2 if price > 1000 else 4 if price > 1 else 7
        size = draw.lognormvariate(6.5, 1.6) / price
        size_digits = 3 if price > 100 else 1 if price > 1 else 0
        long = draw.random() < 0.55
        limit = price * (0.99 if long else 1.01)
        yield (
            f"{asset}USDT", f"{max(size, 10.0 ** -size_digits):.{size_digits}f}",
            f"{limit:.{digits}f}", f"{price:.{digits}f}", long, time,
        )  # fmt: skip


def binance(count: int) -> Iterator[str]:
    for symbol, size, limit, price, long, time in drawn(count):
        side = "SELL" if long else "BUY"
        yield (
            f'{{"stream":"!forceOrder@arr","data":{{"e":"forceOrder","E":{time + 5},"o":'
            f'{{"s":"{symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{size}","p":'
            f'"{limit}","ap":"{price}","X":"FILLED","l":"{size}","z":"{size}","T":{time},'
            f'"ps":"{symbol}","st":1}}}}}}'
        )


def binance_trades(count: int) -> Iterator[str]:
    for number, (symbol, size, _, price, long, time) in enumerate(drawn(count)):
        maker = "true" if long else "false"
        yield (
            f'{{"stream":"{symbol.lower()}@aggTrade","data":{{"e":"aggTrade","E":{time + 5},'
            f'"a":{3_478_000_000 + number},"s":"{symbol}","p":"{price}","q":"{size}",'
            f'"nq":"{size}","f":{8_154_000_000 + number},"l":{8_154_000_000 + number},'
            f'"T":{time},"m":{maker},"st":1}}}}'
        )


def bybit(count: int) -> Iterator[str]:
    """One to three liquidations a push, three halves on average."""
    draw = random.Random(5)
    rows = drawn(2 * count)
    for _ in range(count):
        symbol, size, _, price, long, time = next(rows)
        side = "Buy" if long else "Sell"
        data = ",".join(
            f'{{"T":{time - 300 + number},"s":"{symbol}","S":"{side}","v":"{size}","p":'
            f'"{price}"}}'
            for number in range(draw.choice((1, 1, 1, 1, 2, 3)))
        )
        yield (
            f'{{"topic":"allLiquidation.{symbol}","type":"snapshot","ts":{time},"data":'
            f"[{data}]}}"
        )


VENUES = {"binance": binance, "binance_trades": binance_trades, "bybit": bybit}


def write(venue: str, count: int, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as out:
        out.writelines(f"{frame}\n" for frame in VENUES[venue](count))
    return path


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
