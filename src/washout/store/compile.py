"""From a view to SQL, remembered under the hash of its definition.

Importing Ibis and compiling takes longer than most queries; what was compiled once is
kept in the user's cache folder and used as long as the definition, the settings and
Ibis stay the same.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from washout import views
from washout._version import __version__
from washout.lazy import ibis
from washout.store import graph
from washout.views import BASE, View


class Compiled(msgspec.Struct, frozen=True):
    """SQL of a view over the base tables, and its columns with their types."""

    sql: str
    columns: dict[str, str]


def compile_view(
    name: str,
    settings: Mapping[str, Any],
    dialect: str,
    hidden: Collection[str] = (),
    needless: Collection[str] = (),
) -> Compiled:
    """The SQL of a table view without its `hidden` columns; from the cache if known.

    `needless` columns of the base table `series` are kept from the view. Settings that
    are not the view's are ignored: those of every fold over it share its SQL.
    """
    settings = {n: settings[n] for n in graph.parameters(name) if n in settings}
    what = {**settings, "": [sorted(hidden), sorted(needless)]}
    key = definition_hash(name, what, dialect)
    path = cache_folder() / f"{key}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Compiled)
    except (OSError, msgspec.DecodeError):
        compiled = _compile(name, settings, dialect, hidden, needless)
        _remember(path, compiled)
        return compiled


def definition_hash(name: str, settings: Mapping[str, Any], dialect: str) -> str:
    """sha256 over the source of every view in the graph, settings, engine, versions."""
    digest = hashlib.sha256(
        f"{__version__} {_ibis_version()} {dialect} {name}".encode()
    )
    sources = {
        inspect.getsourcefile(v.function)
        for v in graph.closure(name)
        if isinstance(v, View)
    }
    folder = Path(views.__file__).parent
    sources |= {__file__, *(str(path) for path in folder.glob("_*.py"))}
    for source in sorted(s for s in sources if s):
        digest.update(Path(source).read_bytes())
    digest.update(repr(sorted(settings.items())).encode())
    return digest.hexdigest()[:32]


def _ibis_version() -> str:
    found = importlib.util.find_spec("ibis")
    if found is None or found.origin is None:
        return ""
    packages = Path(found.origin).parent.parent
    return ",".join(sorted(p.name for p in packages.glob("ibis_framework-*.dist-info")))


def cache_folder() -> Path:
    """Where compiled SQL is kept: WASHOUT_CACHE, else the user's cache folder."""
    root = os.environ.get("WASHOUT_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "washout" / "sql"


def _remember(path: Path, compiled: Compiled) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as handle:
            handle.write(msgspec.json.encode(compiled))
        os.replace(handle.name, path)
    except OSError:
        return  # a cache that cannot be written only costs time


def _compile(
    name: str, settings: Mapping[str, Any], dialect: str, hidden: Collection[str],
    needless: Collection[str],
) -> Compiled:  # fmt: skip
    tables = {
        table: ibis.table(
            {c: kind for c, kind in schema.items() if _shown(table, c, needless)}, table
        )
        for table, schema in BASE.items()
        if table in graph.base_tables(name)
    }
    expression = _without(graph.build(name, tables, settings), hidden)
    columns = {c: str(t).lstrip("!") for c, t in expression.schema().items()}
    if dialect == "duckdb":
        expression = _narrowed(expression)
    sql = str(ibis.to_sql(expression, dialect=dialect))
    return Compiled(_lean(sql) if dialect == "duckdb" else sql, columns)


def _lean(sql: str) -> str:
    """The same SQL without inner columns that nobody reads.

    DuckDB leaves them in where it shares parts of a plan.
    """
    import sqlglot
    from sqlglot.optimizer import pushdown_projections, qualify

    names = {"string": "text", "int64": "bigint", "float64": "double"}
    known = {
        table: {column: names.get(kind, kind) for column, kind in columns.items()}
        for table, columns in BASE.items()
    }
    tree = qualify.qualify(
        sqlglot.parse_one(sql, read="duckdb"), schema=known, dialect="duckdb"
    )
    return pushdown_projections.pushdown_projections(tree, schema=known).sql("duckdb")


def _shown(table: str, column: str, needless: Collection[str]) -> bool:
    return table != "series" or column not in needless


def _without(expression: Any, hidden: Collection[str]) -> Any:
    """The same without `hidden` columns; where they are computed last, uncomputed."""
    from ibis.expr import operations

    last = expression.op()
    if not isinstance(last, operations.Project):
        return expression.drop([c for c in hidden if c in expression.columns])
    kept = {name: value for name, value in last.values.items() if name not in hidden}
    return operations.Project(last.parent, kept).to_expr()


def _narrowed(expression: Any) -> Any:
    """The same, with sums of integers in 64 bits.

    DuckDB sums them in 128, and is slower with those ever after. A sum that does not
    fit is an error, not a wrong number.
    """
    from ibis.common.collections import FrozenDict
    from ibis.expr import datatypes, operations

    def narrow(node: Any, changed: dict[str, Any] | None) -> Any:
        node = node.__recreate__(changed) if changed else node
        if not isinstance(node, operations.Aggregate):
            return node
        metrics = {
            name: operations.Cast(value, datatypes.int64)
            if isinstance(value, operations.Sum) and value.dtype.is_integer()
            else value
            for name, value in node.metrics.items()
        }
        return node.copy(metrics=FrozenDict(metrics))

    return expression.op().replace(narrow).to_expr()
