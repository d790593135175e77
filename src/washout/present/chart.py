"""The chart of the post as a picture: PNG or SVG, the same bytes for the same data.

Three panels over one time axis in UTC: price over the rolling net with its deep red
runs; short and long liquidations per bar; green CLD bars with the CLD line. Drawn with
matplotlib's objects only, and with its own defaults whatever the user's settings are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from washout.errors import UsageError
from washout.present import chart_frame as frame
from washout.present import chart_pens as pens
from washout.present import chart_words as words
from washout.present.chart_data import ChartData, spans
from washout.present.chart_lower import bars_panel, sides_panel
from washout.present.chart_main import main_panel
from washout.present.themes import Theme, theme_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")


def draw(
    data: ChartData,
    path: str | Path,
    *,
    theme: str = "light",
    sign: str = "flow",
    log: bool = True,
    bars: str = "net",
    scale: float = 1,
) -> Path:
    """Write the chart to `path`, as PNG or SVG by its ending.

    `scale` 1 is 1200 x 675 pixels. `sign` is `flow` (net = short - long) or
    `cryptoquant` (long - short); `bars` are `net` or `gross`; `log` is the price axis.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{target.name} names no picture: expected a file ending in .png or .svg."
        )
    with frame.own_settings():
        picture = figure(data, theme=theme, sign=sign, log=log, bars=bars)
        frame.save(picture, target, scale)
    return target


def figure(
    data: ChartData,
    *,
    theme: str = "light",
    sign: str = "flow",
    log: bool = True,
    bars: str = "net",
) -> Figure:
    """The chart as a matplotlib figure of 12 x 6.75 inches."""
    look, turn = theme_named(theme), words.factor(sign)
    words.check_bars(bars)
    picture, panels = frame.panels(data, look)
    untold = main_panel(panels["main"], data, look, turn, log)
    sides_panel(panels["sides"], data, look, turn)
    bars_panel(panels["bars"], data, look, turn, bars)
    for name, panel in panels.items():
        _holes(panel, data, look)
        _breaks(panel, data, look, told=name == "main")
    frame.header(picture, data, look, sign)
    frame.footer(picture, data, look, sign, bars, untold)
    return picture


def _holes(axes: Axes, data: ChartData, look: Theme) -> None:
    """Hatch what nobody observed, dot what was observed in part."""
    for begin, end in spans(data.rows, lambda row: row.missing):
        pens.hatch(axes, begin, end, look, pens.MISSING, "missing")
    for begin, end in spans(data.rows, lambda row: row.partial):
        pens.hatch(axes, begin, end, look, pens.PARTIAL, "partial")


def _breaks(axes: Axes, data: ChartData, look: Theme, *, told: bool) -> None:
    for place_, one in enumerate(data.breaks):
        axes.axvline(
            pens.day(one.at), color=look.mark, linewidth=1.1, dashes=(5, 3), zorder=4.5,
            gid="break",
        )  # fmt: skip
        if told:
            pens.flag(
                axes, look, one.at, words.break_word(one), look.mark, data,
                y=pens.break_height(place_),
            )  # fmt: skip
