"""Running fold views: one compiled driver, for a whole record or one bar at a time.

The step is compiled together with a loop over rows and kept on disk, so that only the
first run of a definition pays for it. Live code calls `Folding.run` with single rows
and carries the state; a batch run is the same call with all rows.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from washout.errors import LakeError
from washout.store import duck, graph
from washout.store.compile import cache_folder
from washout.store.files import replace_file
from washout.store.plan import Plan
from washout.views import FoldView

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

State = tuple[float, ...]

_DRIVER = '''"""Made by washout: the loop of one fold view; `step` is put in on loading."""

from numba import njit


@njit(cache=True)
def drive(state, rows, settings, outputs):
    for k in range(rows.shape[0]):
        state, shown = step(state, ({row}), settings)
{outputs}
    return state
'''


class Folding(msgspec.Struct, frozen=True):
    """A fold view with its settings, ready to run."""

    view: FoldView
    settings: tuple[float, ...]
    first: State

    def run(
        self, state: State, rows: NDArray[np.float64]
    ) -> tuple[State, NDArray[np.float64]]:
        """Fold `rows` (one line a bar, NaN for missing): the new state and outputs."""
        import numpy as np

        outputs = np.empty((len(rows), len(self.view.outputs)))
        drive = _driver(self.view)
        return drive(state, np.ascontiguousarray(rows), self.settings, outputs), outputs


def folding(view: FoldView, settings: Mapping[str, Any]) -> Folding:
    """The fold of a view under these settings; more settings than it has are ignored."""
    own = {p.name: settings[p.name] for p in view.parameters}
    numbers = tuple(float(value) for value in own.values())
    return Folding(view, numbers, tuple(float(x) for x in view.start(**own)))


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
        _, shown = made.run(made.first, matrix(mine, made.view.columns))
        columns = {
            "scope": mine["scope"], "bar": mine["bar"],
            "known_at": pc.cumulative_max(mine["known_at"]),
        }  # fmt: skip
        for name, values in zip(made.view.outputs, shown.T, strict=True):
            columns[name] = pa.array(values, from_pandas=True)
        pieces.append(pa.table(columns))
    if not pieces:
        return _nothing(made.view)
    whole = pa.concat_tables(pieces)
    return whole.filter((pc.field("bar") >= start) & (pc.field("bar") < stop))


def matrix(rows: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Columns of a table as float64, one line a row, NaN for missing."""
    import numpy as np
    import pyarrow as pa

    return np.column_stack([
        rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        for name in columns
    ])  # fmt: skip


def _nothing(view: FoldView) -> pa.Table:
    import pyarrow as pa

    names = {"scope": pa.string(), "bar": pa.int64(), "known_at": pa.int64()}
    return pa.schema(
        [*names.items(), *((o, pa.float64()) for o in view.outputs)]
    ).empty_table()


@cache
def _driver(view: FoldView) -> Callable[..., State]:
    module = _load(_driver_file(view), compiled(view.step))
    drive: Callable[..., State] = module.drive
    return drive


def _driver_file(view: FoldView) -> Path:
    """The driver's source in the cache folder; its name holds what it depends on."""
    row = ", ".join(f"rows[k, {i}]" for i in range(len(view.columns)))
    outputs = "\n".join(
        f"        outputs[k, {i}] = shown[{i}]" for i in range(len(view.outputs))
    )
    text = _DRIVER.format(row=row + ",", outputs=outputs)
    source = Path(inspect.getsourcefile(view.step) or "").read_bytes()
    digest = hashlib.sha256(f"{view.name}{text}".encode() + source).hexdigest()[:32]
    return _written(f"fold_{digest}.py", text)


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


def compiled(function: Callable[..., Any]) -> Any:
    """A function for Numba, with the plain functions of its module that it calls."""
    from numba import njit

    assert isinstance(function, FunctionType)
    seen = dict(function.__globals__)
    for name in function.__code__.co_names:
        helper = seen.get(name)
        if isinstance(helper, FunctionType) and helper is not function:
            seen[name] = compiled(helper)
    return njit(FunctionType(function.__code__, seen, function.__name__))
