"""Facts out of a lake, as they were imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from washout import schema
from washout.errors import NoData, UnknownName
from washout.instruments import Scope, parse_scope
from washout.store import sql
from washout.store.health import engine_errors
from washout.store.lake import Lake
from washout.store.manifest import AsOf, Part
from washout.store.series import known_scopes

if TYPE_CHECKING:
    import pyarrow as pa

BESIDE = ("coverage", "gap")
"""What says when facts were watched for; a file of facts carries both along."""

AT_ONCE = 131_072


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one kind, and what says when they were watched for, by kind."""

    kind: str
    batches: Iterator[pa.RecordBatch]
    beside: dict[str, list[dict[str, Any]]]


def facts(
    lake: Lake,
    kind: str,
    scopes: Sequence[str],
    *,
    start: int | None = None,
    stop: int | None = None,
    as_of: AsOf = None,
) -> Facts:
    """Facts of `kind` with `start <= ts_event < stop`; times in microseconds."""
    if kind not in schema.KEY:
        raise UnknownName("kind of fact", kind, schema.KEY)
    parts = lake.state(as_of).parts
    wanted = [parse_scope(scope) for scope in scopes]
    if not any(_holds(part, kind, wanted) for part in parts):
        names = known_scopes(f for p in parts if p.kind == kind for f in p.feeds)
        raise NoData(
            f"The lake has no {kind} for {', '.join(scopes)}. It has some for:"
            f" {', '.join(names) or 'nothing'}."
        )
    read = _Reading(lake, parts, start, stop)
    beside = BESIDE if kind not in BESIDE else ()
    return Facts(
        kind=kind,
        batches=read.batches(
            kind, " or ".join(f"({_matches(scope)})" for scope in wanted)
        ),
        beside={
            name: [row for scope in wanted for row in read.told(name, kind, scope)]
            for name in beside
        },
    )


def _holds(part: Part, kind: str, scopes: Sequence[Scope]) -> bool:
    return part.kind == kind and any(
        scope.exchange in ("all", "*", feed.exchange)
        and scope.asset in ("*", feed.asset)
        and scope.market in ("", feed.market)
        for feed in part.feeds
        for scope in scopes
    )


class _Reading(msgspec.Struct, frozen=True):
    lake: Lake
    parts: Sequence[Part]
    start: int | None
    stop: int | None

    def batches(self, kind: str, where: str) -> Iterator[pa.RecordBatch]:
        """Facts in order of feed and time; `where` is a condition in SQL."""
        import duckdb

        files = self.lake.files(part for part in self.parts if part.kind == kind)
        if not files:
            return
        columns, key = ", ".join(schema.fields(kind)), ", ".join(schema.KEY[kind])
        end = "ts_end > " if kind in BESIDE else "ts_event >= "
        inside = [f"({where})"]
        inside += [] if self.start is None else [f"{end}{self.start}"]
        inside += [] if self.stop is None else [f"ts_event < {self.stop}"]
        with engine_errors(self.lake), duckdb.connect() as connection:
            found = connection.execute(
                f"select {columns} from {sql.parquet(files)}"
                f" where {' and '.join(inside)} order by {key}"
            )
            yield from found.to_arrow_reader(AT_ONCE)

    def told(self, name: str, kind: str, scope: Scope) -> Iterator[dict[str, Any]]:
        """Coverage or gaps that speak of `kind` in `scope`, cut to the stretch."""
        where = f"{_matches(scope)} and {_speaks_of(kind)}"
        if scope.market:
            single = " and interval = 0" if name == "coverage" else ""
            every = f"{_matches(Scope(scope.exchange, scope.asset))} and market = ''"
            where = f"({_matches(scope)} or {every}{single}) and {_speaks_of(kind)}"
        for batch in self.batches(name, where):
            for row in batch.to_pylist():
                yield self._cut(row, scope)

    def _cut(self, row: dict[str, Any], scope: Scope) -> dict[str, Any]:
        begin = max(row["ts_event"], self.start or row["ts_event"])
        end = min(row["ts_end"], self.stop or row["ts_end"])
        market = scope.market or row["market"]
        return {
            **row, "market": market, "ts_event": begin, "ts_recv": begin, "ts_end": end
        }  # fmt: skip


def _matches(scope: Scope) -> str:
    """A scope as a condition in SQL."""
    tests = {"exchange": scope.exchange, "asset": scope.asset, "market": scope.market}
    return " and ".join(
        ["true"]
        + [
            f"{column} = {sql.literal(name)}"
            for column, name in tests.items()
            if name not in ("", "*") and (column, name) != ("exchange", "all")
        ]
    )


def _speaks_of(kind: str) -> str:
    names = (kind, "candle_taker") if kind == "candle" else (kind,)
    return f"kind in ({', '.join(map(sql.literal, names))})"
