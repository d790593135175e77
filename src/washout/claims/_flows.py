"""Words that claims share: what takers did around an instant, in bp of the market."""

from __future__ import annotations

from typing import Any

import numpy as np

from washout.claims._contract import Flags, Floats, Lacks, Record, Times
from washout.clock import parse_time


def market(record: Record, *needed: str) -> dict[str, Any]:
    """The wide view of the record; Lacks where a needed column has no number."""
    columns = record.rows("market")
    record.need(columns, *needed)
    return columns


def in_bp(columns: dict[str, Any], value: Floats) -> dict[str, Any]:
    """A column `bp`: USD of each bar as bp of what the market is measured by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {**columns, "bp": 1e4 * value / columns["reference_usd"]}


def perp_without_forced(columns: dict[str, Any]) -> Floats:
    """Perpetual taker flow without forced orders, USD: they are taker orders, too."""
    forced = columns["long_usd"] - columns["short_usd"]
    return np.asarray(columns["perp_delta_usd"] + forced)


def ahead(record: Record, columns: dict[str, Any], time: Times, span: int) -> Floats:
    """Sum of `bp` over the bars of the `span` that begins after each instant."""
    if span % record.bar:
        raise Lacks("taker flow in bars as fine as the outcome's window")
    bars = span // record.bar
    values = np.asarray(columns["bp"], np.float64)
    first = np.searchsorted(columns["bar"], time, side="left")
    found = np.full(len(time), np.nan)
    for row, begin in enumerate(first):
        end = begin + bars
        if end <= len(values) and columns["bar"][end - 1] - columns["bar"][begin] == (
            (bars - 1) * record.bar
        ):
            found[row] = values[begin:end].sum()
    return found


POST = parse_time("2024-01-01"), parse_time("2026-01-01")
"""The years that the post speaks of."""


def of_post(time: Times) -> Flags:
    """Whether instants lie in the years that the post speaks of."""
    return np.asarray((time >= POST[0]) & (time < POST[1]))
