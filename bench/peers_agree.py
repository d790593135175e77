"""Where other libraries read the same liquidation frames otherwise, and who is right.

    tools/peers.sh bench/peers
    python bench/peers_agree.py [--peers bench/peers]

Prints a table, and fails where a disagreement has no explanation below, or where one
that is explained no longer exists: the explanations are claims, with their sources.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

PAIRS = [
    ("cryptofeed", "binance"), ("cryptofeed", "bybit"), ("ccxt", "binance"),
    ("ccxt", "bybit"), ("ccxt", "okx"),
]  # fmt: skip

CONTRACTS = (
    "washout: contracts times contract size (Binance COIN-M exchangeInfo, 'contractSize';"
    " OKX Get instruments, 'ctVal'), inverse ones divided by price; the peer hands on the"
    " number of contracts in the same field as coins"
)
SIDE = (
    "washout states the order (a long is closed by a sell); the peer hands on the side of"
    " the position. Bybit, All Liquidation: 'S: Position side. (...) When you receive a"
    " Buy update, this means that a long position has been liquidated'"
)
OLD = (
    "washout reads the topics of before 2025 too (v5 `size`, v2 `qty`, lists in archives);"
    " nothing depends on it live, they are gone"
)
LISTS = (
    "washout reads a list as well; no live frame of !forceOrder@arr was one, so that the"
    " peer loses nothing as long as it stays so (made-up frame)"
)

WHY: dict[tuple[str, str, str], str] = {
    (
        "cryptofeed",
        "binance",
        "price",
    ): "washout: the average fill. Binance, Liquidation"
    " Order Streams: 'ap: Average Price'; `p` is the limit of the IOC order, 0.4 to 1.9 %"
    " away",
    ("cryptofeed", "binance", "time"): "washout: 'T: Order Trade Time'; the peer takes"
    " 'E: Event Time', the push, a second later in 2026",
    ("cryptofeed", "binance", "quantity"): CONTRACTS,
    ("cryptofeed", "binance", "no event"): LISTS,
    ("cryptofeed", "bybit", "number of events"): "washout: the peer does not know"
    " allLiquidation, the only topic since 2025-02-25",
    ("cryptofeed", "bybit", "side"): SIDE,
    ("cryptofeed", "bybit", "quantity"): "washout: inverse contracts are USD, which is"
    " divided by price; the peer hands on USD in the same field as coins",
    ("cryptofeed", "bybit", "no event"): OLD,
    (
        "ccxt",
        "binance",
        "quantity",
    ): "washout: 'z: Order Filled Accumulated Quantity'; the"
    " peer takes 'l: Order Last Filled Quantity', the last fill alone. Of COIN-M also "
    + CONTRACTS,
    ("ccxt", "binance", "number of events"): LISTS,
    ("ccxt", "bybit", "side"): SIDE,
    ("ccxt", "bybit", "quantity"): "washout: as above for inverse contracts; of the v2"
    " topic the peer finds no quantity. " + OLD,
    ("ccxt", "bybit", "no event"): OLD,
    ("ccxt", "bybit", "time"): OLD,
    ("ccxt", "okx", "quantity"): CONTRACTS,
    ("ccxt", "okx", "number of events"): "washout: `details` is a list ('Array of"
    " objects', OKX, Liquidation orders channel); the peer takes its first entry",
}
"""Who is right, by library, frames and field, and who says so."""


def frames(venue: str) -> list[Any]:
    from _frames import frames as every

    return [
        f for f in every()
        if f.exchange.name == venue and "line" in f.told and f.events
        and f.events[0]["kind"] == "liquidation"
    ]  # fmt: skip


def heard(library: str, venue: str, recorded: list[Any], peers: Path) -> dict[int, Any]:
    """What the peer made of each frame: a list of events, or its error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames")
        path.write_text("".join(wrapped(f.told["raw"]) + "\n" for f in recorded))
        done = subprocess.run(
            [
                str(peers / library / "bin" / "python"), str(HERE / "peer_handlers.py"),
                library, venue, str(path), "--events",
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    seen: dict[int, Any] = defaultdict(list)
    for one in json.loads(done.stdout.splitlines()[-1])["seen"]:
        seen[one["frame"]].append(one)
    return seen


def wrapped(raw: str) -> str:
    """Bare Binance frames in the combined form, which cryptofeed asks for."""
    value = json.loads(raw)
    if isinstance(value, dict) and value.get("e") == "forceOrder":
        stream = f"{value['o']['s'].lower()}@forceOrder"
        return json.dumps({"stream": stream, "data": value}, separators=(",", ":"))
    return raw


def disagreements(frame: Any, seen: list[Any]) -> dict[str, str]:
    """By field: what the peer says and what washout says, for the first that differs."""
    ours = frame.events
    if seen and "error" in seen[0]:
        return {"no event": seen[0]["error"]}
    if len(seen) != len(ours):
        return {"number of events": f"{len(seen)}, not {len(ours)}"}
    found: dict[str, str] = {}
    for theirs, event in zip(seen, ours, strict=True):
        pairs = {
            "side": (theirs["side"], event["side"]),
            "price": (float(theirs["price"]), event["price"]),
            "quantity": (number(theirs["quantity"]), event["quantity"]),
            "time": (millis(theirs["timestamp"]), event["ts_event"] // 1000),
        }
        for field, (says, right) in pairs.items():
            if says != right:
                found.setdefault(field, f"{says}, not {right}")
    return found


def number(text: str) -> float | None:
    return None if text == "None" else float(text)


def millis(told: float | None) -> int | None:
    if told is None:
        return None
    return round(told * 1000) if told < 1e11 else int(told)


def table(peers: Path) -> tuple[list[str], list[str]]:
    """Rows, and what is unexplained or explained in vain."""
    rows, wrong, met = [], [], set()
    for library, venue in PAIRS:
        recorded = frames(venue)
        seen = heard(library, venue, recorded, peers)
        found: dict[str, list[str]] = defaultdict(list)
        for at, frame in enumerate(recorded):
            for field, example in disagreements(frame, seen[at]).items():
                found[field].append(example)
        for field, examples in found.items():
            key = (library, venue, field)
            met.add(key)
            if not WHY.get(key):
                wrong.append(f"{key} is not explained: {examples}")
            rows.append(
                f"| {library} | {venue} | {field} | {len(examples)} of {len(recorded)}"
                f" | {examples[0]} | {WHY.get(key, '')} |"
            )
        if not found:
            rows.append(f"| {library} | {venue} | | 0 of {len(recorded)} | | agrees |")
    wrong += [f"{key} no longer differs" for key in WHY if key not in met]
    return rows, wrong


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--peers", type=Path, default=HERE / "peers")
    rows, wrong = table(asked.parse_args().peers)
    print(
        "| library | frames | differs in | in how many | says, washout says | who is right |"
    )
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
