"""What a view is.

A *table view* is a function from tables to a table, written in Ibis. Its positional
parameters name what it reads: base tables (`BASE`) or other views. Its keyword-only
parameters are its settings; one name means one value throughout a query. `memory`
says how far back, in microseconds, a row may look; `since` names a setting that holds
the instant from which it sums.

A *fold view* is a pure `step(state, row, settings) -> (state, output)` over the
finalised rows of one table view, per scope, compiled with Numba. Batch, replay and
live call the same step. One step may be published several times: every bar of it as a
track, or only the bars that say something, as episodes and signals.

Every view gives at most one row per `scope` and `bar` (and `side`, where a fold is run
once a side), with `known_at`: the instant from which the row could have been known.
These are the key columns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any, TypeVar, get_type_hints

import msgspec

from washout import schema
from washout.clock import (
    Time,
    Width,
    format_time,
    format_width,
    parse_bar,
    parse_time,
    parse_width,
)
from washout.errors import UsageError

KEY_COLUMNS = ("scope", "bar", "side", "known_at")
"""Of every view; `side` only where a fold is run once a side."""

SERIES = {
    "scope": "string",
    "kind": "string",
    "exchange": "string",
    "asset": "string",
    "market": "string",
    "every_market": "boolean",
    "product": "string",
    "source": "string",
    "interval": "int64",
    "told_asset": "string",
    "told_market": "string",
    "rank": "int64",
}
"""Which feeds answer for which scope: `asset`, `market` as in facts (`every_market`:
any), `told_asset`, `told_market` as in coverage rows. Rank 0 is preferred.

Views are compiled for what is asked: `rank` is left out where no two feeds could
answer for the same, `every_market` where all single events of the asset are asked for.
What a view finds missing it need not compute."""

SPAN = {"start": "int64", "stop": "int64"}
"""One row: the stretch of time that is being read."""

BASE: dict[str, dict[str, str]] = {
    **{kind: schema.ibis_schema(kind) for kind in schema.KEY},
    "series": SERIES,
    "span": SPAN,
}
"""Tables that exist without a view: the kinds of fact, `series` and `span`."""

Settings = Mapping[str, Any]

Memory = Callable[[Settings], int] | int
"""Microseconds, or a function of the settings."""

EVERY_BAR = "__every_bar__"
"""What `every_bar` marks functions with."""

Function = TypeVar("Function", bound=Callable[..., Any])


def every_bar(function: Function) -> Function:
    """Mark a helper of a step as one that runs at every bar.

    It is compiled into what calls it; what runs seldom should stay a call.
    """
    setattr(function, EVERY_BAR, True)
    return function


class Parameter(msgspec.Struct, frozen=True):
    """A setting of a view: its type and default, read from the signature."""

    name: str
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether a query must give it."""
        return self.default is inspect.Parameter.empty

    def read(self, text: Any) -> Any:
        """Turn text (or a value of the right type) into the setting."""
        if not isinstance(text, str):
            return text
        if self.name == "bar":
            return parse_bar(text)
        if self.type is Width:
            return parse_width(text)
        if self.type is Time:
            return parse_time(text)
        try:
            return msgspec.convert(text, self.type, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"Parameter {self.name}={text!r}: {error}") from None

    def show(self, value: Any) -> str:
        """Write a setting the way `read` takes it."""
        if self.type is Width:
            return format_width(value)
        return format_time(value) if self.type is Time else str(value)


class View(msgspec.Struct, frozen=True):
    """A table view: `function` and what its signature and decorator declare."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    memory: Callable[[Settings], int]
    since: str | None = None
    memories: Mapping[str, Memory] = MappingProxyType({})

    def back(self, of: str, settings: Settings) -> int:
        """How far back of one input a row may look."""
        return _back(self.memories.get(of, self.memory), settings)

    @property
    def documentation(self) -> str:
        """The docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.documentation.split("\n")[0]


class FoldView(msgspec.Struct, frozen=True):
    """A fold view: a compiled step over the rows of the table view `over`.

    `columns` are the columns of `over` that a row holds, `outputs` the places of an
    output; `start(settings)` gives the first state. `shown` are the outputs that are
    published, as what `times`, `flags` and `words` say of them. With `sides` the fold
    is run once a side; with `keep` only rows whose output of that name is neither
    missing nor 0 are published. `limits` is what its numbers cannot say, to be printed
    beside them.
    """

    name: str
    over: str
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    start: Callable[..., tuple[Any, ...]]
    step: Callable[..., Any]
    shown: tuple[str, ...]
    sides: tuple[str, ...] = ()
    keep: str = ""
    times: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    documentation: str = ""
    limits: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The one view that it folds over."""
        return (self.over,)

    @property
    def summary(self) -> str:
        """First line of the documentation."""
        return self.documentation.split("\n")[0]

    def read(self, side: str = "") -> tuple[str, ...]:
        """The columns of `over` that a row of `side` holds."""
        order = {"long": -1, "short": 1}.get(side, 0)
        return tuple(c.format(side=side, order=order) for c in self.columns)


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Keyword-only parameters; only their annotations are resolved (Ibis is not loaded)."""
    signature = inspect.signature(function).parameters
    named = [p for p in signature.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    hints = get_type_hints(
        SimpleNamespace(__annotations__={p.name: p.annotation for p in named}),
        globalns=function.__globals__,
    )
    return tuple(Parameter(p.name, hints[p.name], p.default) for p in named)


def _back(memory: Memory, settings: Settings) -> int:
    return memory(settings) if callable(memory) else memory


def view(
    *,
    memory: Memory = 0,
    since: str | None = None,
    memories: Mapping[str, Memory] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], View]:
    """Make a table view of a function.

    `memory` is in microseconds, or a function of the settings; 0 means that a row
    depends on nothing before its own bar. It holds for all inputs but those of which
    `memories` says less: a recorder keeps a month of candles for a reference, and no
    month of single trades.
    """

    def make(function: Callable[..., Any]) -> View:
        inputs = tuple(
            name
            for name, found in inspect.signature(function).parameters.items()
            if found.kind is not inspect.Parameter.KEYWORD_ONLY
        )
        return View(
            function.__name__, function, inputs, _parameters(function),
            partial(_back, memory), since, memories,
        )  # fmt: skip

    return make


def fold(
    *,
    over: str,
    columns: tuple[str, ...],
    outputs: tuple[str, ...],
    start: Callable[..., tuple[Any, ...]],
    sides: tuple[str, ...] = (),
    keep: str = "",
    shown: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    words: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    name: str = "",
    documentation: str = "",
    limits: str = "",
) -> Callable[[Callable[..., Any]], FoldView]:
    """Make a fold view of a Numba-compilable `step(state, row, settings)`.

    `row` and `settings` are tuples of floats in the order of `columns` and of the
    keyword-only parameters of `start`; a missing value is NaN, an instant is its
    microseconds. The state is a tuple of floats and NumPy arrays; the step may write
    into its arrays, which are its own. The output is a tuple of floats, or an array of
    the state, in the order of `outputs`: NaN is published as null, USD are dollars.
    Plain functions that the step calls are compiled with it.

    Parameters
    ----------
    sides
        The step is run once for each; column names may contain `{side}`, and the
        column `{order}` is the sign of the side's forced orders: -1 for `long`.
    keep
        Only rows whose output of this name is neither NaN nor 0 are published.
    shown
        The outputs that are published; else all, without `keep` unless it says more.
    times, flags, words
        Outputs that are instants in microseconds, truths (0 or 1), and places in a
        list of words.
    name, documentation
        Else those of the step: one step may be published under several names.
    limits
        What its numbers cannot say; it is shown beside them.
    """
    says_more = {*times, *words}
    rest = tuple(o for o in outputs if o != keep or o in says_more)

    def make(step: Callable[..., Any]) -> FoldView:
        return FoldView(
            name or step.__name__, over, columns, outputs, _parameters(start), start,
            step, shown=shown or rest, sides=sides, keep=keep, times=times,
            flags=flags, words=tuple(words.items()),
            documentation=documentation or inspect.getdoc(step) or "",
            limits=" ".join(limits.split()),
        )  # fmt: skip

    return make
