"""Plug-ins: one file each, found by scanning a folder and one entry-point group.

What ships with washout comes in through the same door as what others ship. Third
parties name a module under the group `washout`, with a name that starts with the
folder it belongs to: `views.mine = "my_package.my_view"`. A folder of loose files
can be named in `WASHOUT_PLUGINS` (`folder/views/mine.py`).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeVar

GROUP = "washout"


class HasName(Protocol):
    """What a plug-in object must have."""

    @property
    def name(self) -> str:
        """How users call it."""
        ...


Named = TypeVar("Named", bound=HasName)


@cache
def modules(folder: str) -> tuple[ModuleType, ...]:
    """Import every plug-in module of `folder` (`views`, `importers`, ...), sorted."""
    package = importlib.import_module(f"washout.{folder}")
    own = [
        importlib.import_module(f"washout.{folder}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    ]
    return (*own, *_loose(folder), *_third_party(folder))


def found(folder: str, kind: type[Named]) -> dict[str, Named]:
    """Every object of type `kind` (with a `name`) in the modules of `folder`."""
    everything: dict[str, Named] = {}
    for module in modules(folder):
        for value in vars(module).values():
            if isinstance(value, kind):
                everything[value.name] = value
    return everything


def source(folder: str, *functions: Callable[..., object]) -> bytes:
    """The source of plug-in functions and of what their folder shares.

    A hash of it changes whenever what they do may have changed.
    """
    package = importlib.import_module(f"washout.{folder}")
    shared = {str(p) for place in package.__path__ for p in Path(place).glob("_*.py")}
    own = {inspect.getsourcefile(function) or "" for function in functions}
    return b"".join(Path(path).read_bytes() for path in sorted((shared | own) - {""}))


def _loose(folder: str) -> list[ModuleType]:
    root = os.environ.get("WASHOUT_PLUGINS")
    if not root:
        return []
    return [
        _load_file(folder, path) for path in sorted(Path(root, folder).glob("*.py"))
    ]


def _load_file(folder: str, path: Path) -> ModuleType:
    name = f"washout_plugins_{folder}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _third_party(folder: str) -> list[ModuleType]:
    from importlib.metadata import entry_points

    return [
        point.load()
        for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)
        if point.name.split(".")[0] == folder
    ]
