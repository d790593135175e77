"""How well the estimate of hidden orders meets the truth, where all orders are known.

python bench/censoring.py [--reps 8] [--markdown bench/CENSORING.md]

Every world is some days of orders with waves (or at constant rates), thinned to one order
a second; the first day warms up, the others are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from washout.clock import DAY, SECOND, Width
from washout.store import graph
from washout.store.folding import fold_table, folding
from washout.testing.censoring import (
    Orders,
    one_per_second,
    print_rows,
    simulated_orders,
)

DAYS = 3
SIDES = ("long", "short")
WORLDS = {
    "waves, Poisson": ({"shape": None}, (0.97, 1.03)),
    "waves, shape 5": ({"shape": 5.0}, (0.97, 1.03)),
    "waves, shape 1": ({"shape": 1.0}, (0.90, 1.10)),
    "waves, shape 0.5": ({"shape": 0.5}, (0.90, 1.10)),
    "waves, shape 0.3": ({"shape": 0.3}, (0.90, 1.10)),
    "waves, spread 1": ({"shape": 2.0, "deviation": 1.0}, (0.97, 1.03)),
    "waves, spread 2": ({"shape": 2.0, "deviation": 2.0}, (0.90, 1.10)),
    "waves, noise sd 0.6": ({"noise": 0.6}, (0.90, 1.10)),
    "waves, noise sd 1.0": ({"noise": 1.0}, (0.90, 1.10)),
    "constant 0.01 and 0.01": ({"rates": (0.01, 0.01)}, (0.97, 1.03)),
    "constant 1 and 1": ({"rates": (1.0, 1.0)}, (0.97, 1.03)),
    "constant 10 and 1": ({"rates": (10.0, 1.0)}, (0.90, 1.10)),
}
"""What is simulated, and the band in which the mean ratio to the truth must lie."""


def waving(seed: int, scale: float) -> np.ndarray:
    """Calm with eight waves a day, each decaying over 5 to 30 minutes."""
    random = np.random.default_rng([seed, 9, int(100 * scale)])
    rate = np.full(DAYS * 86_400, 0.02 * scale)
    for _ in range(8 * DAYS):
        begin, length = random.integers(0, len(rate) - 1800), random.integers(300, 1800)
        fall = np.exp(-3 * np.arange(length) / length)
        rate[begin : begin + length] += random.uniform(0.3, 1) * 8 * scale * fall
    return rate


def flow(seed: int, *, rates=None, noise=0.0, **more) -> Orders:
    mine = rates or (waving(seed, 1.0), waving(seed, 0.6))
    if noise:
        random = np.random.default_rng([seed, 10])
        mine = [
            rate * np.exp(random.normal(-noise * noise / 2, noise, len(rate)))
            for rate in mine
        ]
    return simulated_orders(
        seed=seed, seconds=DAYS * 86_400, long_rate=mine[0], short_rate=mine[1], **more
    )


def estimates(prints: Orders) -> list[dict]:
    fold = folding(
        graph.find_view("estimated"), graph.settings("estimated", {"bar": Width(DAY)})
    )
    end = prints.begin + prints.seconds * SECOND
    return fold_table(fold, print_rows(prints), prints.begin, end).to_pylist()


def compared(seed: int, given: dict) -> Iterator[tuple[float, float, bool, str]]:
    """Estimate and prints over truth, whether the interval holds it, and the rule."""
    orders = flow(seed, **given)
    day = (orders.time - orders.begin) // DAY
    for number, row in enumerate(estimates(one_per_second(orders, "largest"))[1:], 1):
        for side in SIDES:
            true = orders.usd[(day == number) & (orders.long == (side == "long"))].sum()
            inside = row[f"{side}_low_usd"] <= true <= (row[f"{side}_high_usd"] or 1e99)
            yield (
                row[f"estimated_{side}_usd"] / true, row[f"{side}_usd"] / true, inside,
                row["rule"],
            )  # fmt: skip


def line(name: str, reps: int) -> str:
    given, (low, high) = WORLDS[name]
    rows = [one for seed in range(reps) for one in compared(seed, given)]
    ratio, shown, inside, rules = zip(*rows, strict=True)
    mean, error = np.mean(ratio), np.std(ratio) / np.sqrt(len(ratio))
    kept = "yes" if low <= mean <= high else "NO"
    largest = np.mean([rule == "largest" for rule in rules])
    return (
        f"| {name} | {np.mean(shown):.2f} | {mean:.3f} ± {error:.3f} |"
        f" {min(ratio):.2f} to {max(ratio):.2f} | {np.mean(inside):.2f} | {largest:.2f} |"
        f" {low} to {high} | {kept} |"
    )


def rules_line(reps: int) -> str:
    """How often the rule of a feed is read right from one day."""
    right = [
        estimates(one_per_second(flow(seed, shape=shape), rule))[1]["rule"] == rule
        for seed in range(reps)
        for shape in (None, 1.0)
        for rule in ("largest", "latest")
    ]
    return (
        f"\nThe rule (largest or latest) is read right in {sum(right)} of {len(right)}"
        " feeds after one day.\n"
    )


def table(reps: int) -> str:
    begin = time.perf_counter()
    head = (
        "| world | shown / truth | estimate / truth | range of days | 90 % interval holds"
        " | read as largest | band | kept |\n|---|---|---|---|---|---|---|---|\n"
    )
    body = "\n".join(line(name, reps) for name in WORLDS)
    took = time.perf_counter() - begin
    return (
        f"# Estimate of hidden orders\n\n`python bench/censoring.py --reps {reps}`:"
        f" {DAYS} days a world, {took:.0f} s.\n\n{head}{body}\n{rules_line(reps)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=8)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    text = table(asked.reps)
    print(text)
    if asked.markdown:
        asked.markdown.write_text(text)


if __name__ == "__main__":
    main()
