"""Facts that live views look back on: in memory, no more of them than is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.store.manifest import Feed
from washout.store.stretches import SERIES, overlay
from washout.store.trust import bounded

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Name = tuple[Any, ...]

_TOLD = "coverage"


class Held:
    """Facts by kind, the newest statement of each, and the feeds that they are of.

    Not safe for several threads at once.
    """

    def __init__(self, feeds: Iterable[Feed] = ()) -> None:
        self._feeds = {feed.name: feed for feed in feeds}
        self._tables: dict[str, pa.Table] = {}
        self._stretches: dict[Name, list[Row]] = defaultdict(list)

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Take facts in, in the schemas of their kinds; the later statement counts."""
        for kind, table in tables.items():
            if not table.num_rows or kind not in schema.KEY:
                continue
            for feed in feeds_of(kind, table):
                self._feeds[feed.name] = _longer(self._feeds.get(feed.name), feed)
            if kind == _TOLD:
                self._tell(table.to_pylist())
            else:
                self._tables[kind] = _with(self._tables.get(kind), kind, table)

    def _tell(self, rows: Iterable[Row]) -> None:
        for row in (piece for told in rows for piece in bounded(told)):
            _tell(self._stretches[tuple(row[name] for name in SERIES)], row)

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        """Take in what the lake holds already: its feeds are known."""
        for kind, table in tables.items():
            if kind != _TOLD:
                self._tables[kind] = _with(self._tables.get(kind), kind, table)
                continue
            fresh = defaultdict(list)
            for row in table.to_pylist():
                fresh[tuple(row[name] for name in SERIES)].append(row)
            for name, rows in fresh.items():
                if name not in self._stretches:
                    self._stretches[name] = sorted(rows, key=lambda r: r["ts_event"])

    def feeds(self) -> tuple[Feed, ...]:
        """Every feed that was heard of, in the lake or since."""
        return tuple(self._feeds.values())

    def table(self, kind: str, since: int) -> pa.Table:
        """Facts of a kind; of coverage, what reaches into the time from `since` on.

        The first stretch of each series stays: it says from when on anybody listened.
        """
        import pyarrow as pa

        if kind != _TOLD:
            return self._tables.get(kind, schema.arrow(kind).empty_table())
        rows = [
            row
            for mine in self._stretches.values()
            for place, row in enumerate(mine)
            if row["ts_end"] > since or place == 0
        ]
        return pa.Table.from_pylist(rows, schema=schema.arrow(kind))

    def forget(self, before: Mapping[str, int]) -> None:
        """Drop facts of each kind that ended before an instant."""
        import pyarrow.compute as pc

        for kind, instant in before.items():
            if kind == _TOLD:
                for mine in self._stretches.values():
                    mine[1:] = [row for row in mine[1:] if row["ts_end"] > instant]
            elif kind in self._tables:
                end = "ts_end" if kind == "gap" else "ts_event"
                kept = self._tables[kind].filter(pc.field(end) >= instant)
                self._tables[kind] = kept.combine_chunks()

    def rows(self) -> dict[str, int]:
        """How many facts of each kind are held."""
        told = sum(map(len, self._stretches.values()))
        return {kind: t.num_rows for kind, t in self._tables.items()} | {_TOLD: told}


def _tell(mine: list[Row], row: Row) -> None:
    """Lay one more stretch over those of its series; only what it touches changes."""
    place = len(mine)
    while place and mine[place - 1]["ts_end"] >= row["ts_event"]:
        place -= 1
    mine[place:] = overlay(mine[place:], [row])


def _with(old: pa.Table | None, kind: str, new: pa.Table) -> pa.Table:
    """Facts with newer ones; of two statements of one fact the later one counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    new = _last_of(kind, new.select(schema.arrow(kind).names).cast(schema.arrow(kind)))
    if old is None or not old.num_rows or not new.num_rows:
        return new if old is None or not old.num_rows else old
    lowest = pc.min(new["ts_event"])
    beside = pc.greater_equal(old["ts_event"], lowest)
    if not pc.any(beside).as_py():
        return pa.concat_tables([old, new])
    both = pa.concat_tables([old.filter(beside), new])
    return pa.concat_tables([old.filter(pc.invert(beside)), _last_of(kind, both)])


def _last_of(kind: str, table: pa.Table) -> pa.Table:
    """The last row of each key."""
    import numpy as np
    import pyarrow as pa

    numbered = table.append_column("row", pa.array(np.arange(table.num_rows)))
    last = numbered.group_by(list(schema.KEY[kind])).aggregate([("row", "max")])
    if last.num_rows == table.num_rows:
        return table
    return table.take(np.sort(last["row_max"].to_numpy()))


def feeds_of(kind: str, table: pa.Table) -> list[Feed]:
    """The feeds that a table of facts is of, with their extent; as the lake tells them."""
    columns = table.column_names
    told = kind in ("coverage", "gap")
    detail = "kind" if told else "price_kind" if kind == "candle" else ""
    names = ["exchange", "asset", "market", "source"]
    names += [n for n in ("product", "interval", detail) if n in columns]
    end = "ts_end" if told else "ts_event"
    found = table.group_by(names).aggregate(
        [("ts_event", "min"), (end, "max"), ([], "count_all")]
    )
    return [
        Feed(
            kind, row["exchange"], row["asset"], row["market"], row.get("product", ""),
            row["source"], row.get("interval", 0), row.get(detail, ""),
            row["ts_event_min"],
            row[f"{end}_max"] + (0 if told else max(row.get("interval", 0), 1)),
            row["count_all"],
        )
        for row in found.to_pylist()
    ]  # fmt: skip


def _longer(known: Feed | None, feed: Feed) -> Feed:
    if known is None:
        return feed
    return msgspec.structs.replace(
        known, first=min(known.first, feed.first), last=max(known.last, feed.last),
        rows=known.rows + feed.rows,
    )  # fmt: skip
