"""From a question to what must be read: scopes, settings, stretch of time, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from washout.clock import bar_start, format_time, format_width
from washout.errors import NoData, UsageError
from washout.instruments import Scope, parse_scope
from washout.store import graph
from washout.store.lake import Lake
from washout.store.manifest import AsOf, Feed, Part
from washout.store.series import (
    Row,
    fits,
    labels,
    needless,
    require,
    series_of,
    serves,
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One question, worked out. Times are microseconds; `stop` is exclusive."""

    view: str
    scopes: tuple[str, ...]
    settings: dict[str, Any]
    start: int
    stop: int
    read_from: int
    series: list[Row]
    needless: tuple[str, ...]
    """Columns of `series` that tell the view nothing: it is compiled without them."""
    files: dict[str, list[str]]
    alike: dict[str, dict[str, str]]
    """Per kind, columns that have one value in all of its files."""
    mixed: tuple[str, ...]
    """Kinds whose files hold facts of other assets, too."""
    wider: tuple[str, ...]
    """Kinds whose files hold facts from before or after the stretch that is read."""
    assets: tuple[str, ...]
    vintage: int
    several: bool
    """Whether more than one scope could be meant: a list of them, or a wildcard."""

    def assets_of(self, kind: str) -> tuple[str, ...]:
        """Assets of the facts that are read; a tally may be one of a whole connection."""
        return (*self.assets, "") if kind == "tally" else self.assets


def make_plan(
    lake: Lake,
    view: str,
    *,
    scope: str | Sequence[str],
    settings: Mapping[str, Any],
    start: int | None = None,
    stop: int | None = None,
    as_of: AsOf = None,
) -> Plan:
    """Work out a question. UsageError, UnknownName or NoData say why it cannot be."""
    graph.find_view(view)
    chosen = graph.settings(view, settings)
    state = lake.state(as_of)
    parts, feeds = state.parts, state.feeds
    if not feeds:
        raise NoData(
            f"{lake.path} holds nothing yet"
            + (" at that time." if as_of else ".")
            + " Import with `washout import FILE`; `washout list imports` says when what"
            " came in."
        )
    scopes = _scopes(scope, feeds)
    rows = series_of(scopes, feeds, chosen["bar"])
    kinds = graph.primary_kinds(view)
    of_scope = {str(one): list[Row]() for one in scopes}
    for row in rows:
        of_scope[row["scope"]].append(row)
    for one in scopes:
        require(view, kinds, one, of_scope[str(one)], chosen, feeds)
    rows = [row for row in rows if fits(row["interval"], chosen["bar"])]
    first, last = _extent(feeds, rows, kinds)
    start, stop = _stretch(start, stop, first, last, _newest(feeds), chosen["bar"])
    begin = first if graph.folds(view) else start
    back = begin - graph.memory(view, chosen)
    since = graph.anchors(view, chosen)
    read_from = bar_start(min([back, *since]), chosen["bar"])
    needed = {
        kind: _wanted(
            parts,
            kind,
            rows,
            bar_start(min([begin - far, *since]), chosen["bar"]),
            stop,
        )
        for kind, far in sorted(graph.reach(view, chosen).items())
        if kind not in ("series", "span")
    }
    assets = {one.asset for one in scopes}
    return Plan(
        view=view, scopes=tuple(str(s) for s in scopes), settings=chosen,
        start=start, stop=stop, read_from=read_from, series=rows,
        needless=needless(rows, graph.base_tables(view)),
        files={kind: lake.files(wanted) for kind, wanted in needed.items()},
        alike={kind: _alike(wanted) for kind, wanted in needed.items()},
        mixed=tuple(kind for kind, wanted in needed.items() if _others(wanted, assets)),
        wider=tuple(
            kind for kind, wanted in needed.items()
            if any(p.first < read_from or p.last >= stop for p in wanted)
        ),
        assets=tuple(sorted(assets)), vintage=state.vintage,
        several=_several(scope),
    )  # fmt: skip


def live_plan(
    feeds: Sequence[Feed], view: str, scopes: Sequence[str],
    settings: Mapping[str, Any], start: int, stop: int,
) -> Plan | None:  # fmt: skip
    """The plan of whole bars over facts that are held in memory; it opens no files.

    The span that is read goes as far back as the view needs it to. None while no feed
    answers for any of the scopes.
    """
    bar = settings["bar"]
    kinds = graph.primary_kinds(view)
    rows = [
        row for row in series_of([parse_scope(s) for s in scopes], feeds, bar)
        if fits(row["interval"], bar)
    ]  # fmt: skip
    able = {row["scope"] for row in rows if serves(row["kind"], kinds)}
    rows = [row for row in rows if row["scope"] in able]
    if not rows:
        return None
    back = graph.reach(view, settings).get("span", 0)
    read_from = min([start - back, *graph.anchors(view, settings)])
    return Plan(
        view=view, scopes=tuple(s for s in scopes if s in able),
        settings=dict(settings), start=start, stop=stop,
        read_from=bar_start(read_from, bar), series=rows,
        needless=needless(rows, graph.base_tables(view)), files={}, alike={}, mixed=(),
        wider=(), assets=tuple(sorted({row["asset"] for row in rows})), vintage=0,
        several=len(able) > 1,
    )  # fmt: skip


def _scopes(scope: str | Sequence[str], feeds: Sequence[Feed]) -> list[Scope]:
    asked = [scope] if isinstance(scope, str) else scope
    found = [one for text in asked for one in labels(parse_scope(text), feeds)]
    if not found:
        raise UsageError(
            f"{', '.join(asked) or 'Nothing'} names no scope of this lake."
        )
    return list(dict.fromkeys(found))


def _several(asked: str | Sequence[str]) -> bool:
    return "*" in asked if isinstance(asked, str) else len(asked) > 1 or "*" in asked[0]


def _extent(
    feeds: Sequence[Feed], rows: Sequence[Row], kinds: set[str]
) -> tuple[int, int]:
    """First and last instant that the feeds behind a view speak of."""
    sources = {
        (r["exchange"], r["source"], r["told_asset"], r["told_market"]) for r in rows
    }
    mine = [
        f for f in feeds
        if (f.exchange, f.source, f.asset, f.market) in sources
        and (f.detail if f.kind == "coverage" else f.kind) in kinds
    ]  # fmt: skip
    return min(f.first for f in mine), max(f.last for f in mine)


def _newest(feeds: Sequence[Feed]) -> int:
    return max(f.last for f in feeds)


def _stretch(
    start: int | None, stop: int | None, first: int, last: int, newest: int, bar: int
) -> tuple[int, int]:
    """The asked stretch on the grid of bars, inside what the lake can speak of."""
    begin = bar_start(first, bar) if start is None else start
    end = bar_start((last if stop is None else stop) - 1, bar) + bar
    if bar_start(begin, bar) != begin:
        begin = bar_start(begin, bar) + bar
    if end <= begin:
        raise UsageError(
            f"No bar of {format_width(bar)} begins between {_show(start, first)} and"
            f" {_show(stop, last)}: --from is inclusive, --to exclusive, and --to must"
            " be later."
        )
    return begin, min(end, max(bar_start(newest - 1, bar) + bar, begin))


def _show(asked: int | None, known: int) -> str:
    return format_time(known if asked is None else asked)


def _wanted(
    parts: Sequence[Part], kind: str, rows: Sequence[Row], start: int, stop: int
) -> tuple[Part, ...]:
    exchanges = {row["exchange"] for row in rows}
    assets = {row["told_asset"] for row in rows} | {row["asset"] for row in rows}
    assets |= {""} if kind == "tally" else set()
    always = kind in ("coverage", "gap")
    return tuple(
        part
        for part in parts
        if part.kind == kind
        and part.exchange in exchanges
        and (always or (part.last > start and part.first < stop))
        and (always or any(feed.asset in assets for feed in part.feeds))
    )


def _others(parts: Sequence[Part], assets: set[str]) -> bool:
    return any(feed.asset not in assets for part in parts for feed in part.feeds)


def _alike(parts: Sequence[Part]) -> dict[str, str]:
    names = ("exchange", "source")
    found = {
        tuple(getattr(feed, name) for name in names) for p in parts for feed in p.feeds
    }
    values = dict(zip(names, map(set, zip(*found, strict=True)), strict=False))
    return {name: one for name, (one, *more) in values.items() if not more}
