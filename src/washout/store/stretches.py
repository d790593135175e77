"""Coverage as sets of stretches: newer statements overlay older ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

Row = dict[str, Any]

SERIES = ("source", "exchange", "asset", "market", "kind", "product", "interval")
"""Statements about one series contradict each other; about two, never."""

_STATED = ("trust", "floor", "delay")


def overlay(
    old: Iterable[Row], new: Iterable[Row], *, whole: bool = False
) -> list[Row]:
    """Coverage rows after `new` has been laid over `old`, touching ones joined.

    Where rows of `new` contradict each other the later one counts. With `whole`, what
    `old` says between the first and the last instant of `new` is withdrawn.
    """
    layers: dict[Any, list[Row]] = defaultdict(list)
    fresh: dict[Any, list[Row]] = defaultdict(list)
    for row in old:
        layers[_series(row)].append(row)
    for row in new:
        fresh[_series(row)].append(row)
    for series, rows in fresh.items():
        if whole:
            layers[series].append(_silence(rows))
        layers[series] += rows
    return [
        row for series in sorted(layers) for row in _seen_from_above(layers[series])
    ]


def _series(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in SERIES)


def _silence(rows: Sequence[Row]) -> Row:
    """A layer over the whole stretch of `rows` that says nothing."""
    return {
        "ts_event": min(row["ts_event"] for row in rows),
        "ts_end": max(row["ts_end"] for row in rows),
        "trust": None,
    }


def _seen_from_above(layers: Sequence[Row]) -> Iterator[Row]:
    """What is on top everywhere, in order of time, equal neighbours joined."""
    last: Row | None = None
    for begin, end, top in _topmost(layers):
        if last is not None and last["ts_end"] == begin and _agree(last, top):
            last = {**last, "ts_end": end}
            continue
        if last is not None:
            yield last
        last = {**top, "ts_event": begin, "ts_recv": begin, "ts_end": end}
    if last is not None:
        yield last


def _agree(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in _STATED)


def _topmost(layers: Sequence[Row]) -> Iterator[tuple[int, int, Row]]:
    """Between each two edges the highest layer, by a sweep with a heap of open ones."""
    waiting = sorted(range(len(layers)), key=lambda i: -layers[i]["ts_event"])
    edges = sorted({row[name] for row in layers for name in ("ts_event", "ts_end")})
    open_layers: list[int] = []
    for begin, end in pairwise(edges):
        while waiting and layers[waiting[-1]]["ts_event"] <= begin:
            heappush(open_layers, -waiting.pop())
        while open_layers and layers[-open_layers[0]]["ts_end"] <= begin:
            heappop(open_layers)
        if open_layers and layers[-open_layers[0]]["trust"] is not None:
            yield begin, end, layers[-open_layers[0]]
