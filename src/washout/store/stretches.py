"""Coverage as sets of stretches: newer statements overlay older ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]

_SERIES = ("source", "exchange", "asset", "market", "kind", "product", "interval")
_STATED = ("trust", "floor", "delay")


def overlay(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Coverage rows after `new` has been laid over `old`, touching ones joined."""
    fresh: dict[Any, list[Row]] = defaultdict(list)
    for row in new:
        fresh[_series(row)].append(row)
    kept = [piece for row in old for piece in _cut(row, fresh.get(_series(row), ()))]
    return _join([*kept, *(row for rows in fresh.values() for row in rows)])


def _series(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SERIES)


def _cut(row: Row, over: Iterable[Row]) -> list[Row]:
    pieces = [row]
    for top in over:
        if all(row[name] == top[name] for name in _STATED):
            continue
        pieces = [
            part
            for piece in pieces
            for part in (
                {**piece, "ts_end": min(piece["ts_end"], top["ts_event"])},
                {**piece, "ts_event": max(piece["ts_event"], top["ts_end"])},
            )
            if part["ts_event"] < part["ts_end"]
        ]
    return pieces


def _join(rows: Iterable[Row]) -> list[Row]:
    joined: list[Row] = []
    for row in sorted(
        rows, key=lambda r: (_series(r), *(r[n] for n in _STATED), r["ts_event"])
    ):
        last = joined[-1] if joined else None
        if (
            last is not None
            and _series(last) == _series(row)
            and all(last[n] == row[n] for n in _STATED)
            and row["ts_event"] <= last["ts_end"]
        ):
            joined[-1] = {**last, "ts_end": max(last["ts_end"], row["ts_end"])}
        else:
            joined.append({**row, "ts_recv": row["ts_event"]})
    return joined
