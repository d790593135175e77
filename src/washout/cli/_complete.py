"""What the shell is offered after TAB; anything that fails offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

Offer = Callable[[click.Context, click.Parameter, str], list[str]]


def _offered(names: Callable[[click.Context], Iterable[str]]) -> Offer:
    def offer(
        ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[str]:
        try:
            return sorted(n for n in names(ctx) if n.startswith(incomplete))
        except Exception:  # noqa: BLE001  a shell in the middle of a line is no place for errors
            return []

    return offer


def _views(_ctx: click.Context) -> Iterable[str]:
    from washout.store import graph

    return graph.all_views()


def _scopes(ctx: click.Context) -> Iterable[str]:
    from washout.store.lake import Lake
    from washout.store.series import known_scopes

    path = ctx.params.get("lake_path") or ctx.lookup_default("lake_path") or "lake"
    return known_scopes(Lake.open(path).feeds())


def _formats(_ctx: click.Context) -> Iterable[str]:
    from washout.collect.importing import importers

    return importers()


def _kinds(_ctx: click.Context) -> Iterable[str]:
    from washout.schema import KEY

    return KEY


def _worlds(_ctx: click.Context) -> Iterable[str]:
    from washout.testing.worlds import WORLDS

    return WORLDS


def _claims(_ctx: click.Context) -> Iterable[str]:
    from washout.study.judging import all_claims

    return all_claims()


def _exchanges(_ctx: click.Context) -> Iterable[str]:
    from washout.store.trust import exchanges

    return exchanges()


def _parameters(ctx: click.Context) -> Iterable[str]:
    from washout.store import graph

    view = ctx.params.get("view") or ctx.args[0]  # click leaves it there midway
    return (f"{name}=" for name in graph.parameters(view))


views = _offered(_views)
scopes = _offered(_scopes)
formats = _offered(_formats)
kinds = _offered(_kinds)
parameters = _offered(_parameters)
worlds = _offered(_worlds)
claims = _offered(_claims)
exchanges = _offered(_exchanges)
