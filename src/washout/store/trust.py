"""How far coverage can be trusted: a source's word, bounded by its venue's dated facts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

from washout import plugins
from washout.exchanges import Break, Exchange, Fact

Row = dict[str, Any]

_RANK = ("all", "aggregated", "open_orders_only", "one_per_second", "unknown")


@cache
def exchanges() -> dict[str, Exchange]:
    """Every venue that is described, by name."""
    return plugins.found("exchanges", Exchange)


def breaks(names: Iterable[str]) -> list[Break]:
    """Instants at which the record of these venues changes meaning, in order."""
    found = [b for n in set(names) if n in exchanges() for b in exchanges()[n].breaks]
    return sorted(found, key=lambda b: b.at)


def bounded(row: Row) -> list[Row]:
    """Cut a coverage row at its venue's dated facts; the less trusting word counts."""
    venue = exchanges().get(row["exchange"])
    if venue is None or not row["kind"].startswith("liquidation"):
        return [row]
    pieces = []
    cuts = [row["ts_event"], *(f.since for f in venue.coverage), row["ts_end"]]
    inside = sorted({min(max(c, row["ts_event"]), row["ts_end"]) for c in cuts})
    for begin, end in pairwise(inside):
        piece = {**row, "ts_event": begin, "ts_recv": begin, "ts_end": end}
        pieces.append(_worse(piece, fact_at(venue, begin)))
    return pieces


def fact_at(venue: Exchange, time: int) -> Fact | None:
    """What is known about the venue's feed at `time`."""
    known = [fact for fact in venue.coverage if fact.since <= time]
    return known[-1] if known else None


def _worse(row: Row, fact: Fact | None) -> Row:
    if fact is None or _RANK.index(fact.trust) <= _RANK.index(row["trust"]):
        return row
    return {**row, "trust": fact.trust, "floor": fact.floor or row["floor"]}
