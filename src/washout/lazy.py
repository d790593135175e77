"""Modules that are loaded when first touched.

Ibis takes longer to import than a warm query takes to answer, so view modules hold
it by this handle: `from washout.lazy import ibis`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _Lazy:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._load(), attribute)

    def _load(self) -> ModuleType:
        return importlib.import_module(self._name)


ibis: Any = _Lazy("ibis")
