"""The graph of views: what a view reads, may be set, and remembers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from washout import plugins
from washout.clock import Width, format_width
from washout.errors import UnknownName, UsageError
from washout.views import BASE, FoldView, Parameter, View

AnyView = View | FoldView


@cache
def all_views() -> dict[str, AnyView]:
    """Every view there is, by name."""
    tables: dict[str, AnyView] = dict(plugins.found("views", View))
    return tables | plugins.found("views", FoldView)


def find_view(name: str) -> AnyView:
    """A view by name; UnknownName with the nearest ones."""
    try:
        return all_views()[name]
    except KeyError:
        raise UnknownName("view", name, all_views()) from None


def closure(name: str) -> Iterator[AnyView]:
    """A view and every view that it reads, each once, inputs last."""
    seen = {}
    waiting = [name]
    while waiting:
        view = find_view(waiting.pop())
        if view.name not in seen:
            seen[view.name] = view
            waiting += [i for i in view.inputs if i not in BASE]
    yield from seen.values()


def base_tables(name: str) -> set[str]:
    """The base tables that a view reads, directly or through others."""
    return {i for view in closure(name) for i in view.inputs if i in BASE}


def primary_kinds(name: str) -> set[str]:
    """The kinds of fact without which a view has nothing to say."""
    view = find_view(name)
    while view.inputs[0] not in BASE:
        view = find_view(view.inputs[0])
    return {i for i in view.inputs if i in BASE} - {"coverage", "gap", "series", "span"}


def parameters(name: str) -> dict[str, Parameter]:
    """Every setting of a view and of what it reads; the outermost default counts."""
    found: dict[str, Parameter] = {}
    for view in closure(name):
        for parameter in view.parameters:
            known = found.get(parameter.name)
            if known is None or (known.required and not parameter.required):
                found[parameter.name] = parameter
    return found


def settings(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Complete settings of a view: what is given, then defaults; errors name names."""
    known = parameters(name)
    for unknown in given.keys() - known.keys():
        raise UnknownName(f"parameter of {name}", unknown, known)
    chosen = {}
    for parameter in known.values():
        if parameter.name in given:
            chosen[parameter.name] = parameter.read(given[parameter.name])
        elif parameter.required:
            raise UsageError(f"View {name} needs {parameter.name}: give it a value.")
        else:
            chosen[parameter.name] = parameter.default
    _check_widths(known, chosen)
    return chosen


def _check_widths(known: Mapping[str, Parameter], chosen: Mapping[str, Any]) -> None:
    bar = chosen.get("bar")
    for parameter in known.values():
        value = chosen[parameter.name]
        if bar and parameter.type is Width and value % bar:
            near = max(bar, round(value / bar) * bar)
            raise UsageError(
                f"{parameter.name} of {format_width(value)} is no whole number of"
                f" {format_width(bar)} bars: use {parameter.name}={format_width(near)}."
            )


def memory(name: str, chosen: Mapping[str, Any]) -> int:
    """How far back, in microseconds, a row of a table view may look."""
    view = find_view(name)
    own = view.memory(chosen) if isinstance(view, View) else 0
    return own + max(
        (memory(i, chosen) for i in view.inputs if i not in BASE), default=0
    )


def reach(name: str, chosen: Mapping[str, Any]) -> dict[str, int]:
    """The same for each base table that a table view reads: how far back of it."""
    view = find_view(name)
    found: dict[str, int] = {}
    for one in view.inputs:
        beneath = {one: 0} if one in BASE else reach(one, chosen)
        own = view.back(one, chosen) if isinstance(view, View) else 0
        for table, back in beneath.items():
            found[table] = max(found.get(table, 0), back + own)
    return found


def anchors(name: str, chosen: Mapping[str, Any]) -> list[int]:
    """Instants from which some view of the graph sums."""
    return [
        chosen[view.since]
        for view in closure(name)
        if isinstance(view, View) and view.since is not None
    ]


def folds(name: str) -> bool:
    """Whether a view carries state from the beginning of its record."""
    return any(isinstance(view, FoldView) for view in closure(name))


def build(name: str, tables: Mapping[str, Any], chosen: Mapping[str, Any]) -> Any:
    """The Ibis expression of a table view over `tables`."""
    view = find_view(name)
    if isinstance(view, FoldView):
        raise UsageError(f"{name} is a fold view; no table view can read it yet.")
    inputs = [
        tables[i] if i in tables else build(i, tables, chosen) for i in view.inputs
    ]
    own = {p.name: chosen[p.name] for p in view.parameters}
    return view.function(*inputs, **own)


def limits(name: str) -> str:
    """What the numbers of a view cannot say; empty for most."""
    return str(getattr(find_view(name), "limits", ""))


def describe(name: str) -> dict[str, Any]:
    """A view for `washout list`: its documentation, settings and inputs."""
    view = find_view(name)
    return {
        "name": name,
        "kind": "table" if isinstance(view, View) else "fold",
        "summary": view.summary,
        "documentation": view.documentation,
        "limits": limits(name),
        "inputs": list(view.inputs),
        "parameters": {
            p.name: None if p.required else p.show(p.default)
            for p in parameters(name).values()
        },
    }
