"""Running fold views: one compiled driver, for a whole record or one bar at a time.

The step is compiled together with a loop over rows and kept on disk, so that only the
first run of a definition pays for it. Live code calls `Folding.run` with single rows
and carries the state; a batch run is the same call with all rows.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from washout import plugins
from washout.clock import MONDAY, WEEK
from washout.config import cfg_hash
from washout.errors import LakeError
from washout.store import duck, graph
from washout.store.compile import cache_folder
from washout.store.files import replace_file
from washout.store.plan import Plan
from washout.views import FoldView
from washout.views._contract import EVERY_BAR

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

State = tuple[Any, ...]
"""Floats and NumPy arrays."""

_ROOM = 4096
"""Rows that a driver may keep before it hands them over."""

_DRIVER = '''"""Made by washout: the loop of a fold's step, which is put in on loading."""

from numba import njit


@njit(_nrt=False)
def publish(shown, which, line):
    for i in range(which.shape[0]):
        line[i] = shown[which[i]]


@njit(cache=True, nogil=True, _nrt=False)
def drive(state, rows, settings, which, keep, outputs, places, at):
    found = 0
    while at < rows.shape[0] and found < outputs.shape[0]:
        state, shown = step(state, ({row}), settings)
        said = shown[keep]
        if keep < 0 or (said == said and said != 0.0):
            publish(shown, which, outputs[found])
            places[found] = at
            found += 1
        at += 1
    return state, at, found
'''
"""`which` are the places of an output that are published, `keep` is the place that
decides whether (-1: always): views of one step share what was compiled."""


class Folding(msgspec.Struct, frozen=True):
    """A fold view with its settings, ready to run."""

    view: FoldView
    settings: tuple[float, ...]
    first: State
    width: int
    """Of the bars that are published; rows beneath may be finer."""

    def run(
        self, state: State, rows: NDArray[np.float64]
    ) -> tuple[State, NDArray[np.float64], NDArray[np.int64]]:
        """Fold `rows` (one line a bar, NaN for missing) from `state`, which stays.

        Gives the new state, one line for each row that the view publishes, and the
        places of these rows.
        """
        import numpy as np

        drive = _driver(self.view.step, len(self.view.columns))
        which, keep = _places(self.view)
        rows = np.ascontiguousarray(rows)
        state = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in state)
        room = min(len(rows), _ROOM) if self.view.keep else len(rows)
        at = 0
        outputs: list[NDArray[np.float64]] = []
        places: list[NDArray[np.int64]] = []
        while at < len(rows) or not outputs:
            kept = np.empty((room, len(self.view.shown)))
            where = np.empty(room, np.int64)
            state, at, found = drive(
                state, rows, self.settings, which, keep, kept, where, at
            )
            outputs.append(kept[:found])
            places.append(where[:found])
        return state, np.concatenate(outputs), np.concatenate(places)


def folding(view: FoldView, settings: Mapping[str, Any]) -> Folding:
    """The fold of a view under these settings; more settings than it has are ignored."""
    own = {p.name: settings[p.name] for p in view.parameters}
    numbers = tuple(float(value) for value in own.values())
    first = tuple(map(_element, view.start(**own)))
    return Folding(view, numbers, first, int(settings["bar"]))


def _element(value: Any) -> Any:
    """An array as it is, anything else as a float: numbers must not change their type."""
    import numpy as np

    return value if isinstance(value, np.ndarray) else float(value)


def run_fold(plan: Plan) -> pa.Table:
    """The rows of a fold view: folded from the record's beginning, cut to the plan."""
    view = graph.find_view(plan.view)
    assert isinstance(view, FoldView)
    under = msgspec.structs.replace(plan, view=view.over, start=plan.read_from)
    with duck.connect(under) as connection:
        sql = duck.table_sql(under)[0]
        rows = connection.execute(sql).to_arrow_table()
    return fold_table(folding(view, plan.settings), rows, plan.start, plan.stop)


def fold_table(made: Folding, rows: pa.Table, start: int, stop: int) -> pa.Table:
    """Fold the rows of the underlying view, scope by scope in order of time.

    What a row says rests on all rows before it, so it is known when they all were.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = []
    for scope in pc.unique(rows["scope"]).to_pylist():
        mine = rows.filter(pc.equal(rows["scope"], scope)).sort_by("bar")
        pieces += [fold_on(made, mine, side)[1] for side in made.view.sides or ("",)]
    if not pieces:
        return _nothing(made.view)
    whole = pa.concat_tables(pieces)
    whole = whole.filter((pc.field("bar") >= start) & (pc.field("bar") < stop))
    order = [(name, "ascending") for name in ("scope", "bar", "side")]
    return whole.sort_by(order) if made.view.sides else whole


class Carried(msgspec.Struct, frozen=True):
    """Where a fold stands: its state, and when all before it was known."""

    state: State
    known_at: int = 0


def fold_on(
    made: Folding, rows: pa.Table, side: str = "", carried: Carried | None = None
) -> tuple[Carried, pa.Table]:
    """Fold more rows of one scope, in order of time, for one side.

    Gives where the fold then stands, and what it publishes. Without `carried` the
    rows are the first ones.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    view, before = made.view, carried or Carried(made.first)
    state, shown, places = made.run(before.state, matrix(rows, view.read(side)))
    latest = pc.max_element_wise(pc.cumulative_max(rows["known_at"]), before.known_at)
    after = Carried(state, latest[-1].as_py() if len(latest) else before.known_at)
    known = rows.select(["scope", "bar"]).append_column("known_at", latest)
    if view.keep:
        known = known.take(places)
    columns = {name: known[name] for name in known.column_names}
    columns["bar"] = _bars(columns["bar"], made.width)
    if side:
        columns["side"] = pa.repeat(side, len(shown))
    for name, values in zip(view.shown, shown.T, strict=True):
        columns[name] = published(view, name, values)
    return after, pa.table({name: columns[name] for name in _schema(view).names})


def _bars(times: pa.ChunkedArray, width: int) -> pa.Array:
    """The bars in which instants are."""
    import pyarrow as pa

    found = times.to_numpy()
    offset = MONDAY if width == WEEK else 0
    return pa.array(found - (found - offset) % width, pa.int64())


def published(view: FoldView, name: str, values: NDArray[np.float64]) -> pa.Array:
    """An output as the view declares it: an instant, a truth, a word or a number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pa.array(values, from_pandas=True)
    if name in view.times:
        return numbers.cast(pa.int64())
    if name in view.flags:
        return pc.not_equal(numbers, 0.0)
    words = dict(view.words).get(name)
    return pa.array(words).take(numbers.cast(pa.int64())) if words else numbers


def matrix(rows: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Columns of a table as float64, one line a row, NaN for missing.

    A column whose name is a number is that number.
    """
    import numpy as np
    import pyarrow as pa

    return np.column_stack([
        rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        if name in rows.column_names
        else np.full(rows.num_rows, float(name))
        for name in columns
    ])  # fmt: skip


def _schema(view: FoldView) -> pa.Schema:
    """Columns of a fold view in their order."""
    import pyarrow as pa

    said = {name: pa.float64() for name in view.shown}
    said |= dict.fromkeys(view.times, pa.int64())
    said |= dict.fromkeys(view.flags, pa.bool_())
    said |= dict.fromkeys(dict(view.words), pa.string())
    keys = {"scope": pa.string(), "bar": pa.int64(), "side": pa.string()}
    if not view.sides:
        del keys["side"]
    shown = {name: said[name] for name in view.shown}
    return pa.schema([*{**keys, "known_at": pa.int64(), **shown}.items()])


def _nothing(view: FoldView) -> pa.Table:
    return _schema(view).empty_table()


def _places(view: FoldView) -> tuple[NDArray[np.int64], int]:
    """Places of the published outputs, and of the one that decides whether."""
    import numpy as np

    which = np.array([view.outputs.index(name) for name in view.shown], np.int64)
    return which, view.outputs.index(view.keep) if view.keep else -1


@cache
def _driver(
    step: Callable[..., Any], columns: int
) -> Callable[..., tuple[State, int, int]]:
    module = _load(_driver_file(step, columns), compiled(step, inline="always"))
    drive: Callable[..., tuple[State, int, int]] = module.drive
    return drive


def _driver_file(step: Callable[..., Any], columns: int) -> Path:
    """The driver's source in the cache folder; its name holds what it depends on."""
    row = ", ".join(f"rows[at, {i}]" for i in range(columns)) + ","
    text = _DRIVER.format(row=row)
    digest = hashlib.sha256(f"{step.__qualname__} {cfg_hash()} {text}".encode())
    digest.update(plugins.source("views", *_helpers(step)))
    return _written(f"fold_{digest.hexdigest()[:32]}.py", text)


def _written(name: str, text: str) -> Path:
    folder = cache_folder().parent / "folds"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            replace_file(folder / name, text.encode())
        return folder / name
    except (OSError, LakeError):
        path = Path(tempfile.mkdtemp(), name)  # compiled anew each time: only slower
        path.write_text(text)
        return path


def _load(path: Path, step: Any) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"washout_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)["step"] = step
    sys.modules[module.__name__] = module  # where Numba's cache looks for it
    spec.loader.exec_module(module)
    return module


def compiled(function: Callable[..., Any], inline: str = "never") -> Any:
    """A function for Numba, with the plain functions that it calls.

    They may neither make arrays nor return others than they were given: references
    are not counted, since counting them at every bar cost more than most steps do.
    """
    return _compiled(function, {}, inline)


def _compiled(
    function: Callable[..., Any], made: dict[FunctionType, Any], inline: str = "never"
) -> Any:
    from numba import njit

    assert isinstance(function, FunctionType)
    if function not in made:
        seen = dict(function.__globals__)
        seen |= {n: _compiled(h, made, _inlining(h)) for n, h in _called(function)}
        made[function] = njit(
            FunctionType(function.__code__, seen, function.__name__),
            inline=inline, _nrt=False,
        )  # fmt: skip
    return made[function]


def _inlining(helper: FunctionType) -> str:
    """Those that run at every bar become part of what calls them."""
    return "always" if getattr(helper, EVERY_BAR, False) else "never"


def _called(function: FunctionType) -> Iterator[tuple[str, FunctionType]]:
    """The plain functions that a function names, with the names."""
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper is not function:
            yield name, helper


def _helpers(function: Callable[..., Any]) -> set[FunctionType]:
    """A function and every plain function that it calls, directly or not."""
    assert isinstance(function, FunctionType)
    found, waiting = set(), [function]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [helper for _, helper in _called(one)]
    return found
