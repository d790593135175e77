"""Where a recording goes on that was begun before: what the lake was told of each feed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from washout.live.doubles import PolledFeed
from washout.live.feeds import SHAPES, Name
from washout.store.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

WANT_OF = {shape[0]: want for want, shapes in SHAPES.items() for shape in shapes}


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when feeds were told, microseconds: coverage, and facts that are polled."""

    coverage: dict[Name, int]
    polled: dict[PolledFeed, int]


def told_until(lake: Lake) -> Recalled:
    """What `Pipeline.resume` should know of a lake that it goes on with."""
    import pyarrow.parquet as pq

    parts = (part for part in lake.state().parts if part.kind == "coverage")
    coverage = ends(pq.ParquetFile(file).read() for file in lake.files(parts))
    polled: dict[PolledFeed, int] = {
        (feed.kind, (feed.source, feed.exchange, feed.asset, feed.market)): (
            feed.last - max(feed.interval, 1)  # a feed ends with its last interval
        )
        for feed in lake.feeds()
        if feed.kind in ("open_interest", "funding_rate")
    }
    return Recalled(coverage=coverage, polled=polled)


def ends(coverage: Iterable[pa.Table]) -> dict[Name, int]:
    """The last instant that coverage rows of streams speak of, by feed."""
    found: dict[Name, int] = {}
    for row in (row for table in coverage for row in table.to_pylist()):
        want = WANT_OF.get(row["kind"])
        if want is None or row["source"] != f"{row['exchange']}-stream":
            continue
        name = Name(row["exchange"], want, row["asset"], row["market"])
        found[name] = max(found.get(name, 0), row["ts_end"])
    return found
