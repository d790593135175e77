"""Progress of what takes longer than a second, on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Watch = Callable[[Path, int, int], None]
PATIENCE = 1.0
"""Seconds that pass before anything is shown."""


@contextmanager
def of_files(count: int) -> Iterator[Watch]:
    """`watch(path, files_done, rows)` for an import of `count` files."""
    if not sys.stderr.isatty():
        yield lambda _path, _done, _rows: None
        return
    with _bar() as bar:
        task = bar.add_task("", total=count, rows="", visible=False)

        def watch(path: Path, done: int, rows: int) -> None:
            late = (bar.tasks[0].elapsed or 0) > PATIENCE
            read = f"{rows:,} rows" if rows else ""
            bar.update(
                task, description=path.name, completed=done, rows=read, visible=late
            )

        yield watch


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(),
        TextColumn("{task.description} {task.fields[rows]}"),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
