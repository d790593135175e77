"""washout list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from washout.cli._options import json_option, lake_option

if TYPE_CHECKING:
    from washout.store.manifest import Feed

Found = list[dict[str, Any]]


@click.command()
@click.argument("what", required=False, metavar="[WHAT]")
@lake_option
@json_option
def command(what: str | None, lake_path: Path, as_json: bool) -> None:
    """List what there is: views, scopes, imports, formats or exchanges.

    \b
    washout list                 what can be asked of the lake, and how
    washout list views           every view, its settings and their defaults
    washout list scopes          what the lake holds, from whom, from when to when
    washout list imports         every vintage, for --as-of vintage:3
    washout list formats         what `washout import` can read
    washout list exchanges       venues, and how complete their feeds were since when
    """
    from washout.errors import UnknownName

    if what is not None and what not in LISTS:
        raise UnknownName("list of", what, LISTS)
    if what is None:
        chosen = (
            ["scopes", "views"] if (lake_path / "manifest.json").exists() else ["views"]
        )
    else:
        chosen = [what]
    found = {name: LISTS[name](lake_path) for name in chosen}
    if as_json:
        _print_json(found if what is None else found[what])
        return
    for name, rows in found.items():
        _print(name, rows, title=what is None)


def _views(_lake: Path) -> Found:
    from washout.store import graph

    return [graph.describe(name) for name in sorted(graph.all_views())]


def _scopes(lake: Path) -> Found:
    from washout.store.lake import Lake

    feeds = [f for f in Lake.open(lake).feeds() if f.exchange and f.asset]
    told = {_line(f) for f in feeds if f.kind == "coverage"}
    shown = [
        f for f in feeds
        if f.kind == "coverage" or (f.kind not in ("gap", "tally") and _line(f) not in told)
    ]  # fmt: skip
    return [_scope(feed, feeds) for feed in sorted(shown, key=_line)]


def _kind(feed: Feed) -> str:
    """What a feed states; coverage stands for the facts that it covers."""
    if feed.kind == "coverage":
        return feed.detail
    return f"candle_{feed.detail}" if feed.kind == "candle" else feed.kind


def _line(feed: Feed) -> tuple[Any, ...]:
    return (
        feed.exchange, feed.asset, feed.market, _kind(feed), feed.product or "perp",
        feed.source, feed.interval,
    )  # fmt: skip


def _scope(feed: Feed, feeds: Sequence[Feed]) -> dict[str, Any]:
    from washout.clock import format_time, format_width
    from washout.instruments import Scope

    return {
        "scope": str(Scope(feed.exchange, feed.asset, feed.market)),
        "kind": _kind(feed),
        "product": feed.product or "perp",
        "source": feed.source,
        "width": format_width(feed.interval) if feed.interval else None,
        "from": format_time(feed.first),
        "to": format_time(feed.last),
        "rows": _count(feed, feeds),
    }


def _count(feed: Feed, feeds: Sequence[Feed]) -> int | None:
    if feed.kind != "coverage":
        return feed.rows
    mine = [
        f.rows for f in feeds
        if f.kind == feed.detail and f.product in ("", feed.product)
        and (f.exchange, f.source) == (feed.exchange, feed.source)
        and (f.asset, f.interval) == (feed.asset, feed.interval)
        and feed.market in ("", f.market)
    ]  # fmt: skip
    return sum(mine) if mine else None


def _imports(lake: Path) -> Found:
    from washout.clock import format_time
    from washout.store.lake import Lake

    return [
        {
            "vintage": v.id, "imported_at": format_time(v.imported_at), "unit": v.unit,
            "format": v.importer, "rows": v.rows, "added": v.added,
            "changed": v.changed, "removed": v.removed, "duplicates": v.duplicates,
            "halved": v.halved, "notes": list(v.notes), "sha256": v.sha256,
        }
        for v in Lake.open(lake).vintages()
    ]  # fmt: skip


def _formats(_lake: Path) -> Found:
    from washout.collect.importing import importers

    return [{"format": i.name, "title": i.title} for i in importers().values()]


def _exchanges(_lake: Path) -> Found:
    from washout.clock import format_day
    from washout.store.trust import exchanges

    return [
        {
            "exchange": e.name,
            "title": e.title,
            "coverage": [
                {
                    "since": format_day(f.since), "trust": f.trust, "floor": f.floor,
                    "says": f.says, "source": f.source,
                }
                for f in e.coverage
            ],
            "breaks": [
                {"at": format_day(b.at), "label": b.label, "source": b.source}
                for b in e.breaks
            ],
        }
        for e in exchanges().values()
    ]  # fmt: skip


LISTS: dict[str, Callable[[Path], Found]] = {
    "views": _views, "scopes": _scopes, "imports": _imports, "formats": _formats,
    "exchanges": _exchanges,
}  # fmt: skip


def _print_json(found: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


def _print(name: str, rows: Found, *, title: bool) -> None:
    if title:
        click.echo(f"{name}:")
    if not rows:
        click.echo(f"no {name} yet")
    for line in PAGES.get(name, _columns)(rows):
        click.echo(line)
    if title:
        click.echo()


def _columns(rows: Found) -> Sequence[str]:
    from washout.present.tables import aligned

    if not rows:
        return []
    names = [n for n in rows[0] if n not in ("sha256", "notes")]
    lines = [[_short(row[name]) for name in names] for row in rows]
    numbers = {i for i, n in enumerate(names) if any(_number(row[n]) for row in rows)}
    left = set(range(len(names))) - numbers
    return aligned([names, *lines], left=left).splitlines()


def _number(value: Any) -> bool:
    return isinstance(value, int)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {kind}" for kind, count in value.items())
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.removesuffix("T00:00:00Z")


def _of_views(rows: Found) -> Sequence[str]:
    return [
        line
        for row in rows
        for line in (
            f"{row['name']:<14} {row['summary']}",
            f"{'':<14} {_settings(row)}",
            *([f"{'':<14} {row['limits']}"] if row["limits"] else []),
        )
    ]


def _settings(row: dict[str, Any]) -> str:
    defaults = row["parameters"].items()
    return ", ".join(
        name if value is None else f"{name}={value}" for name, value in defaults
    )


def _of_exchanges(rows: Found) -> Sequence[str]:
    lines = []
    for row in rows:
        lines.append(f"{row['exchange']}: {row['title']}")
        lines += [
            f"  since {fact['since']}: {fact['trust']}{', a floor' * fact['floor']}:"
            f" {fact['says']} [{fact['source']}]"
            for fact in row["coverage"]
        ]
        lines += [f"  {b['at']}: {b['label']} [{b['source']}]" for b in row["breaks"]]
    return lines


PAGES: dict[str, Callable[[Found], Sequence[str]]] = {
    "views": _of_views, "exchanges": _of_exchanges
}  # fmt: skip
