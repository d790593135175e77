"""Waves over 1-minute bars, streamed by symbol: time per bar, and against plain Python.

python bench/waves.py [--symbols 4] [--years 1] [--workers 1]
python bench/waves.py --symbols 200 --years 5 --workers 2    # the whole of it

Detectors that watch waves are folded in one pass with them, as a live process would; each
asked for by itself runs its own waves.

A bar is one minute of one symbol, folded for both sides. Bars are generated a month at
a time and folded with the state carried on, so that memory does not grow; generating is
not counted; times are of the processor, not of the clock. Plain Python runs the same step, uncompiled, over some days.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import msgspec
import numpy as np

from washout.clock import DAY, MINUTE
from washout.store import graph
from washout.store.folding import Folding, folding
from washout.views import _wave_state as at
from washout.views._wave_step import take
from washout.views.absorption import watch_absorption
from washout.views.buyers import watch_buyers
from washout.views.rebound_setup import watch_rebound
from washout.views.squeeze import watch_squeeze

MONTH = 30 * DAY // MINUTE
BEGIN = 1_600_041_600_000_000
PYTHON_DAYS = 12
WHOLE = 200 * 5 * 365.25 * DAY / MINUTE


def bars(symbol: int, month: int) -> np.ndarray:
    """A month of `market` rows of one side: quiet minutes, and some cascades."""
    random = np.random.default_rng([symbol, month])
    y = random.lognormal(-5, 1.5, MONTH) * (random.random(MONTH) < 0.3)
    for begin in random.integers(0, MONTH - 90, 4):
        y[begin : begin + 60] += random.lognormal(1, 1, 60)
    rows = np.empty((MONTH, len(at.COLUMNS)))
    rows[:] = random.normal(0, 1e8, len(at.COLUMNS))
    rows[:, at.R_ORDER] = -1.0
    rows[:, at.R_BAR] = BEGIN + (np.arange(MONTH) + month * MONTH) * float(MINUTE)
    rows[:, at.R_KNOWN] = rows[:, at.R_BAR] + MINUTE
    rows[:, at.R_OBSERVED], rows[:, at.R_BP] = 60.0, y
    rows[:, at.R_LONG], rows[:, at.R_SHORT] = np.round(y * 1e8), 0.0
    price = 5e4 * np.exp(np.cumsum(random.normal(0, 1e-4, MONTH)))
    rows[:, at.R_LOW], rows[:, at.R_HIGH] = price * 0.999, price * 1.001
    rows[:, at.R_CLOSE] = price
    return rows


def made() -> Folding:
    view = graph.find_view("waves")
    return folding(view, graph.settings("waves", {"bar": "1m"}))


def compiled(months: int, symbol: int) -> tuple[float, int]:
    """Seconds of folding one symbol on both sides, and the waves that were found."""
    fold, spent, found = made(), 0.0, 0
    states = [fold.first, fold.first]
    for month in range(months):
        rows = bars(symbol, month)
        begin = time.process_time()
        for side in (0, 1):
            states[side], shown, _ = fold.run(states[side], rows)
            found += len(shown)
        spent += time.process_time() - begin
    return spent, found


def of_long(state, row, _settings):
    """Long waves and all that watches them. The row ends with net_bp, rate, OI in USD."""
    take(state[:5], row)
    watch_absorption(state[5:9], row[:19], state[0])
    watch_buyers(state[9], state[0])
    watch_rebound(state[10:13], row[:18], state[0])
    return state, state[0]


def of_short(state, row, _settings):
    """Short waves and all that watches them."""
    take(state[:5], row)
    watch_absorption(state[5:9], row[:19], state[0])
    watch_buyers(state[9], state[0])
    watch_squeeze(state[10:], row[:18] + row[19:], state[0])
    return state, state[0]


def with_detectors(step, *watching: str) -> Folding:
    """Waves with what watches them, in one pass."""
    first = list(made().first)
    for name in ("absorption", "buyers", *watching):
        view = graph.find_view(name)
        first += folding(view, graph.settings(name, {"bar": "1m"})).first[at.STATE :]
    view = msgspec.structs.replace(
        made().view, step=step, columns=(*at.COLUMNS, "net_bp", "rate", "oi_usd")
    )
    return msgspec.structs.replace(made(), view=view, first=tuple(first))


OTHERS = ("divergence", "squeeze_setup", "leverage_load", "eruption")


def detectors(months: int = 4) -> dict[str, float]:
    """Nanoseconds a bar of each pass."""
    spent: dict[str, float] = {}
    rows = np.concatenate([bars(0, month) for month in range(months)])
    more = np.column_stack(
        [rows, -rows[:, at.R_BP], rows[:, at.R_RATE], rows[:, at.R_OI]]
    )
    passes = {
        "long waves and what watches them": (with_detectors(of_long, "rebound_setup"), more),
        "short waves and what watches them": (
            with_detectors(of_short, "squeeze_trigger"), more
        ),
    }  # fmt: skip
    known = dict(zip(at.COLUMNS, rows.T, strict=True)) | {"gross_bp": rows[:, at.R_BP]}
    for name in OTHERS:
        view = graph.find_view(name)
        values = np.column_stack([known.get(c, rows[:, at.R_OI]) for c in view.columns])
        passes[name] = folding(view, graph.settings(name, {"bar": "1m"})), values
    for name, (fold, values) in passes.items():
        fold.run(fold.first, values[:10])
        times = []
        for _ in range(3):
            begin = time.process_time()
            fold.run(fold.first, values)
            times.append(time.process_time() - begin)
        spent[name] = min(times) / len(values) * 1e9
    return spent


def plain() -> float:
    """Seconds a bar (both sides) of the same step as plain Python."""
    fold = made()
    rows = bars(0, 0)[: PYTHON_DAYS * DAY // MINUTE].tolist()
    state = tuple(array.copy() for array in fold.first)
    kept = []
    begin = time.process_time()
    for row in rows:
        state, shown = fold.view.step(state, tuple(row), fold.settings)
        if shown[at.O_IS_CLOSED] == 1.0:
            kept.append(shown.copy())
    return 2 * (time.process_time() - begin) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=4)
    parser.add_argument("--years", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    months = max(1, round(asked.years * 365.25 / 30))
    fold = made()
    fold.run(fold.first, bars(0, 0)[:10])  # compiled, or loaded
    begin = time.perf_counter()
    one = partial(compiled, months)
    if asked.workers == 1:
        done = list(map(one, range(asked.symbols)))
    else:
        with ProcessPoolExecutor(asked.workers) as pool:
            done = list(pool.map(one, range(asked.symbols)))
    wall = time.perf_counter() - begin
    total = asked.symbols * months * MONTH
    spent = sum(seconds for seconds, _ in done)
    each, python = spent / total, plain()
    print(f"bars                        {total:,}")
    print(f"waves                       {sum(n for _, n in done):,}")
    print(f"folding, one core           {spent:.1f} s, {each * 1e9:.0f} ns a bar")
    print(f"with generating, wall clock {wall:.1f} s, {asked.workers} workers")
    print(f"5 years of 200 symbols      {WHOLE * each:.0f} s on one core")
    print(f"plain Python                {python * 1e9:.0f} ns a bar")
    print(f"ratio                       {python / each:.0f}x (aim 50x)")
    found = detectors()
    for name, nanoseconds in found.items():
        print(f"{name:<35} {nanoseconds:.0f} ns a bar")
    whole = sum(found.values())
    print(f"waves and detectors                 {whole:.0f} ns a bar (aim 228)")
    print(
        f"5 years of 200 symbols              {WHOLE * whole / 1e9:.0f} s on one core"
    )


if __name__ == "__main__":
    main()
