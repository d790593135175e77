"""Waves in the main panel: long waves deep red with their labels, short ones a strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from washout.present import chart_pens as pens
from washout.present import chart_words as words
from washout.present.chart_data import ChartData
from washout.present.chart_labels import Box, Wish, place
from washout.present.themes import Theme
from washout.present.waves import Wave

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEPTH = 0.72
"""How far the deep red reaches, as a share of the panel on the side of longs; below it
labels have room. Its height means nothing: only where it is and its label do."""
STRIP = 5
"""Height of the strip of a short wave in pixels."""


def draw(axes: Axes, over: Axes, data: ChartData, look: Theme, turn: int) -> list[Wave]:
    """Shade and label the waves; gives the long ones without a label."""
    edge = depth(data, axes.get_ylim(), turn)
    longs = data.waves.of("long")
    for wave in longs:
        left, right = _across(axes, data, wave)
        axes.fill_between(
            [left, right], 0, edge, color=look.longs, linewidth=0, alpha=0.88,
            zorder=2.1, gid="wave",
        )  # fmt: skip
    _net_inside(axes, data, look, turn)
    for wave in data.waves.of("short"):
        _strip(axes, data, look, wave, turn)
    return _label(axes, over, data, look, longs, edge=edge, turn=turn)


def _net_inside(axes: Axes, data: ChartData, look: Theme, turn: int) -> None:
    """The rolling net where it would vanish in the deep red."""
    import numpy as np

    longs = data.waves.of("long")
    inside = [any(w.start <= row.time < w.end for w in longs) for row in data.rows]
    net = pens.column(data.rows, "rolling_net_usd", turn)
    axes.plot(
        pens.days([row.end for row in data.rows]), np.where(inside, net, np.nan),
        color=look.pale, linewidth=0.8, zorder=2.3,
    )  # fmt: skip


def depth(data: ChartData, limits: tuple[float, float], turn: int) -> float:
    """Where the deep red ends: below the deepest rolling net, in what is drawn."""
    far = limits[0] if turn > 0 else limits[1]
    if turn > 0:
        return DEPTH * far
    known = [-row.rolling_net_usd for row in data.rows if row.rolling_net_usd]
    return min(max([1.08 * max(known, default=0.0), 0.3 * far]), 0.6 * far)


def _across(axes: Axes, data: ChartData, wave: Wave) -> tuple[float, float]:
    """Left and right end inside the panel, at least two pixels apart."""
    pixel = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (pens.RIGHT - pens.LEFT)
    left, right = pens.day(max(wave.start, data.start)), pens.day(wave.end)
    return left, min(max(right, left + 2 * pixel), pens.day(data.stop))


def _strip(axes: Axes, data: ChartData, look: Theme, wave: Wave, turn: int) -> None:
    """A white strip on the zero line, on the side of shorts."""
    from matplotlib.patches import Rectangle

    left, right = _across(axes, data, wave)
    low, high = axes.get_ylim()
    tall = turn * STRIP * (high - low) / axes.get_window_extent().height
    axes.add_patch(
        Rectangle(
            (left, 0), right - left, tall, facecolor=look.shorts,
            edgecolor=look.shorts_edge, linewidth=0.8, zorder=2.7, gid="short-wave",
        )
    )  # fmt: skip


def _label(
    axes: Axes, over: Axes, data: ChartData, look: Theme, waves: tuple[Wave, ...],
    *, edge: float, turn: int,
) -> list[Wave]:  # fmt: skip
    """Write what was closed beyond the shading; gives the waves without room for it."""
    room = Box(*axes.get_window_extent().padded(-2).extents)
    wishes = [_wish(axes, data, wave, edge, turn) for wave in waves]
    taken = [*pens.break_boxes(axes, data), *pens.covered(over)]
    boxes = place(wishes, room, down=turn > 0, lanes=4, taken=taken)
    told = []
    for wave, wish, box in zip(waves, wishes, boxes, strict=True):
        if box is None:
            continue
        text = words.wave_closed(wave)
        pens.leader(over, look, wish, box, down=turn > 0)
        pens.label(over, look, text, box, look.longs_text, "run-label")
        told.append(wave)
    return [wave for wave in waves if wave not in told]


def _wish(axes: Axes, data: ChartData, wave: Wave, edge: float, turn: int) -> Wish:
    """Under the middle of the shading, or over it where longs are up."""
    x, y = axes.transData.transform((sum(_across(axes, data, wave)) / 2, edge))
    width, height = pens.text_size(words.wave_closed(wave), pens.BOLD, bold=True)
    return Wish(
        xs=(x, x - width / 3, x + width / 3), y=y - 3 * turn, width=width + 6,
        height=height, weight=wave.long_usd,
    )  # fmt: skip
