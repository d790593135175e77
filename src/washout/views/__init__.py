"""Views: named functions, tables -> table. One file each; see ADDING.md."""

from washout.views._bars import bar_of, before, ratio, running, trailing
from washout.views._contract import (
    BASE,
    FoldView,
    Parameter,
    View,
    every_bar,
    fold,
    view,
)

__all__ = [
    "BASE",
    "FoldView",
    "Parameter",
    "View",
    "bar_of",
    "before",
    "every_bar",
    "fold",
    "ratio",
    "running",
    "trailing",
    "view",
]
