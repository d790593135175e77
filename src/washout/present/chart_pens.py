"""Pens of the picture: bars, hatches, lines, labels, legends, and the scale of axes.

Sizes are pixels of the 1200 x 675 picture; type is in points at 100 dots per inch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from washout.clock import DAY
from washout.present import chart_words as words
from washout.present.chart_data import Bar, ChartData
from washout.present.chart_labels import Box, Wish
from washout.present.themes import Theme

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Series = NDArray[np.float64]

WIDTH, HEIGHT, DPI = 1200, 675, 100
LEFT, RIGHT = 82, 1116
PLACES = {"main": (80, 318), "sides": (344, 464), "bars": (490, 592)}
"""Top and bottom of each panel, from the top of the picture."""
SMALL, TEXT, BOLD = 7.2, 8.0, 8.5
MISSING, PARTIAL = "//////", "....."
"""Hatches of bars that nobody observed, and of those observed in part."""


def day(time: float) -> float:
    """An instant as matplotlib counts: days since 1970."""
    return time / DAY


def days(times: Sequence[int]) -> Series:
    """Instants as matplotlib counts."""
    import numpy as np

    return np.array(times, float) / DAY


def column(rows: Sequence[Bar], name: str, turn: int = 1) -> Series:
    """A column of the rows as floats, NaN where it is not known."""
    import numpy as np

    values = [getattr(row, name) for row in rows]
    return turn * np.array([np.nan if v is None else v for v in values], float)


def pixels(axes: Axes) -> float:
    """Width of a panel at scale 1."""
    return float(axes.get_window_extent().width)


def pixels_per_bar(axes: Axes, data: ChartData) -> float:
    """Width of one bar at scale 1."""
    return pixels(axes) / max(len(data.rows), 1)


def covered(axes: Axes) -> list[Box]:
    """Where the lines of a panel run, in pixels: no place for labels."""
    import numpy as np

    boxes = []
    for line in axes.get_lines():
        points = axes.transData.transform(np.column_stack(line.get_data()))
        for x, y in points[np.isfinite(points).all(axis=1)]:
            boxes.append(Box(x - 2, y - 3, x + 2, y + 3))
    return boxes


def bars(
    axes: Axes, rows: Sequence[Bar], heights: Series, *, wide: float = 1.0, **style: Any
) -> None:
    """One rectangle for each bar that was observed, and none for the others."""
    import numpy as np
    from matplotlib.collections import PolyCollection

    known = np.isfinite(heights)
    begin = days([row.time for row in rows])[known]
    end = days([row.end for row in rows])[known]
    pixel = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (RIGHT - LEFT)
    width = np.maximum(
        (end - begin) * np.where(end - begin > 3 * pixel, 0.82, 1.0), wide * pixel
    )
    middle = (begin + end) / 2
    left, right, tall = middle - width / 2, middle + width / 2, heights[known]
    nil = np.zeros_like(tall)
    corners = [(left, nil), (left, tall), (right, tall), (right, nil)]
    shapes = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    style = {"linewidth": 0, "edgecolor": "none", "zorder": 3, **style}
    axes.add_collection(PolyCollection(list(shapes), **style), autolim=False)


def hatch(
    axes: Axes, begin: int, end: int, look: Theme, pattern: str, name: str
) -> None:
    """A hatched stretch over the whole height; at least two pixels wide."""
    pixel = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (RIGHT - LEFT)
    left, right = day(begin), max(day(end), day(begin) + 2 * pixel)
    axes.axvspan(
        left, right, facecolor=look.panel, edgecolor=look.missing, hatch=pattern,
        linewidth=0.5, alpha=0.9 if name == "missing" else 0.45, zorder=3.5, gid=name,
    )  # fmt: skip


def halo(colour: str, width: float) -> list[Any]:
    """A rim in the colour behind, so that lines and words stay readable over areas."""
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=width, foreground=colour)]


def write(how: Callable[..., Any], *where: Any, rim: str, **style: Any) -> None:
    """A text over its own rim.

    Two artists, because a text with path effects is no text in an SVG any more.
    """
    from matplotlib import patheffects

    name = style.pop("gid", None)
    how(
        *where,
        path_effects=[patheffects.Stroke(linewidth=2.8, foreground=rim)],
        **style,
    )
    how(*where, gid=name, **style)


def area(colour: str, text: str, edge: str = "none", rim: float = 1.6) -> Any:
    """A swatch for the legend."""
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, edgecolor=edge, linewidth=rim, label=text)


def hatched(look: Theme, text: str, pattern: str) -> Any:
    """A hatched swatch for the legend."""
    from matplotlib.patches import Patch

    return Patch(
        facecolor=look.panel, edgecolor=look.missing, hatch=pattern, linewidth=0.5,
        label=text,
    )  # fmt: skip


def legend(axes: Axes, look: Theme, handles: Sequence[Any]) -> None:
    """One line of legend above a panel."""
    axes.legend(
        handles=list(handles), loc="lower left", bbox_to_anchor=(-0.006, 0.985),
        ncols=len(handles), frameon=False, fontsize=TEXT, labelcolor=look.ink,
        handlelength=1.5, handletextpad=0.5, columnspacing=1.6, borderpad=0.1,
    )  # fmt: skip


def note(axes: Axes, look: Theme, text: str, x: float = 0.5, y: float = 0.9) -> None:
    """A remark inside a panel."""
    write(
        axes.text,
        x, y, text, transform=axes.transAxes, ha="center", va="center", zorder=8,
        fontsize=TEXT, color=look.soft, rim=look.panel,
    )  # fmt: skip


def late(data: ChartData, time: int) -> bool:
    """Whether an instant is so far right that a word beside it stands left of it."""
    return time - data.start > 0.66 * (data.stop - data.start)


def flag(
    axes: Axes, look: Theme, time: int, text: str, ink: str, data: ChartData, y: float
) -> None:
    """A word beside a vertical line, on the side that has room."""
    before = late(data, time)
    write(
        axes.annotate,
        text, (day(time), y), xycoords=("data", "axes fraction"), zorder=8,
        xytext=(-4 if before else 4, 0), textcoords="offset points",
        ha="right" if before else "left", va="center", fontsize=TEXT, color=ink,
        rim=look.panel,
    )  # fmt: skip


def text_size(text: str, size: float, *, bold: bool) -> tuple[float, float]:
    """Width and height of a text in pixels at scale 1."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    prop = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    across = TextPath((0, 0), text, size=size * DPI / 72, prop=prop).vertices[:, 0]
    return float(across.max(initial=0) - across.min(initial=0)), size * DPI / 72 * 1.1


def leader(axes: Axes, look: Theme, wish: Wish, box: Box, *, down: bool) -> None:
    """A hairline from what is labelled to a label that had to move away."""
    near = box.top if down else box.bottom
    if abs(near - wish.y) < 2 or box.bottom < wish.y < box.top:
        return
    ends = [(wish.xs[0], wish.y), (min(max(wish.xs[0], box.left), box.right), near)]
    x, y = axes.transAxes.inverted().transform(ends).T
    axes.plot(
        x, y, transform=axes.transAxes, color=look.longs_text, linewidth=0.7, zorder=8
    )


def label(
    axes: Axes, look: Theme, text: str, box: Box, ink: str, name: str,
    behind: str | None = None,
) -> None:  # fmt: skip
    """A number in the middle of its box (pixels at scale 1)."""
    bold = name == "run-label"
    x, y = axes.transAxes.inverted().transform(
        ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    )
    write(
        axes.text,
        x, y, text, transform=axes.transAxes, ha="center", va="center_baseline",
        fontsize=BOLD if bold else SMALL, fontweight="bold" if bold else "normal",
        color=ink, zorder=9, gid=name, rim=behind or look.panel,
    )  # fmt: skip


def break_height(place_: int) -> float:
    """Height of a break's label, as a share of the panel."""
    return 0.94 - 0.075 * place_


def break_boxes(axes: Axes, data: ChartData) -> list[Box]:
    """Where the labels of the breaks stand, in pixels."""
    found = []
    for place_, one in enumerate(data.breaks):
        x = axes.transData.transform((day(one.at), 0.0))[0]
        y = axes.transAxes.transform((0, break_height(place_)))[1]
        width = text_size(words.break_word(one), TEXT, bold=False)[0] + 12
        left = x - width if late(data, one.at) else x
        found.append(Box(left, y - 7, left + width, y + 7))
    return found
