"""The main panel: price over the rolling net, with waves (or runs) in labelled red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from washout.present import chart_axes as scales
from washout.present import chart_pens as pens
from washout.present import chart_waves
from washout.present import chart_words as words
from washout.present.chart_data import ChartData, Run, scaled_rows, spans
from washout.present.chart_labels import Box, Wish, place
from washout.present.themes import Theme
from washout.present.waves import Wave

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from washout.present.chart_pens import Series


def main_panel(
    axes: Axes, data: ChartData, look: Theme, turn: int, log: bool
) -> list[Run] | list[Wave]:
    """Price over the rolling net; gives the waves or runs that have no label."""
    net = pens.column(data.rows, "rolling_net_usd", turn)
    ends = pens.days([row.end for row in data.rows])
    low, high = _net_limits(data, turn)
    axes.set_ylim(low, high)
    _areas(axes, ends, net, turn, look, red=_red(data, look))
    axes.axhline(0, color=look.soft, linewidth=0.8, zorder=2.5)
    scales.usd_axis(
        axes, look, "left", f"Rolling net ({_plus(turn)})", inside=(low, high)
    )
    over = scales.right_axis(axes)
    handles = _keys(data, look, net * turn)
    if data.no_price:
        over.set_yticks([])
        pens.note(axes, look, f"No price: {data.no_price}")
    else:
        handles.insert(0, _price(over, data, look, log, 0.47 if turn > 0 else 0.40))
    _unknown(axes, over, data, look)
    pens.legend(axes, look, handles)
    if data.waves.known:
        return chart_waves.draw(axes, over, data, look, turn)
    return _label_runs(axes, over, data, look, turn)


def _red(data: ChartData, look: Theme) -> str:
    """Colour of the rolling net below zero: pale where waves are the deep red."""
    return look.pale if data.waves.known else look.longs


def _keys(data: ChartData, look: Theme, net: Series) -> list[Any]:
    """What the legend explains, but for the price; `net` is short - long."""
    keys = [pens.area(look.longs, words.red_word(data))]
    if data.waves.known:
        if data.waves.of("short"):
            edge = look.shorts_edge
            keys.append(pens.area(look.shorts, words.strip_word(), edge, 0.8))
        keys.append(pens.area(look.pale, words.pale_word(data)))
    if (net > 0).any():
        keys.append(pens.area(look.other, words.other_word(data, brief=True)))
    return keys


def _plus(turn: int) -> str:
    return "short − long" if turn > 0 else "long − short"


def _areas(
    axes: Axes, x: Series, net: Series, turn: int, look: Theme, *, red: str
) -> None:
    style: dict[str, Any] = {"interpolate": True, "linewidth": 0, "zorder": 2}
    axes.fill_between(
        x,
        net,
        0,
        where=net * turn < 0,
        color=red,
        alpha=0.85 if red == look.longs else 1,
        gid="red",
        **style,
    )
    axes.fill_between(
        x, net, 0, where=net * turn > 0, color=look.other, gid="other", **style
    )
    axes.plot(x, net, color=look.longs, linewidth=0.6, zorder=2.2, gid="rolling")


def _price(axes: Axes, data: ChartData, look: Theme, log: bool, share: float) -> Any:
    closes = pens.column(data.rows, "close")
    if log:
        axes.set_yscale("log")
    (line,) = axes.plot(
        pens.days([row.end for row in data.rows]), closes, color=look.price,
        linewidth=1.5, zorder=5, gid="price", label=words.price_word(data),
        path_effects=pens.halo(look.panel, 3.2), solid_joinstyle="round",
    )  # fmt: skip
    scales.price_axis(axes, look, closes, log, share)
    return line


def _net_limits(data: ChartData, turn: int) -> tuple[float, float]:
    """Limits that leave the upper half to the price, and room for labels."""
    import numpy as np

    net = pens.column(scaled_rows(data, data.window), "rolling_net_usd", turn)
    known = net[np.isfinite(net)]
    down = float(-known.min(initial=0.0))
    up = float(known.max(initial=0.0))
    if down == up == 0:
        return -1.0, 1.0
    if turn > 0:
        low = 1.32 * down + 0.04 * up
        if data.waves.known:
            low = max(1.45 * down, 0.5 * up)
        return -low, max(1.15 * up, 1.15 * low)
    low = 1.15 * down + 0.04 * up
    return -low, max(1.32 * up, 2.1 * up + 0.6 * low)


def _unknown(axes: Axes, over: Axes, data: ChartData, look: Theme) -> None:
    """Say why there is no rolling net, where it is missing for long."""
    text = words.no_rolling(data)
    width = pens.text_size(text, pens.TEXT, bold=False)[0]
    zero = axes.transAxes.inverted().transform(axes.transData.transform((0, 0)))[1]
    for begin, end in spans(data.rows, lambda row: row.rolling_net_usd is None):
        share = (end - begin) / (data.stop - data.start)
        if share * pens.pixels(axes) > width + 8:
            middle = ((begin + end) / 2 - data.start) / (data.stop - data.start)
            pens.note(over, look, text, middle, zero - 0.06)


def _label_runs(
    axes: Axes, over: Axes, data: ChartData, look: Theme, turn: int
) -> list[Run]:
    """Label the runs with the long USD closed in them; gives those without a label.

    A run that is drawn narrower than six pixels gets none, and no label lies on the red
    of another run: nobody could say whose it is.
    """
    pixel = pens.pixels_per_bar(axes, data) / data.bar
    wide = [run for run in data.runs if (run.end - run.start) * pixel >= 6]
    room = Box(*axes.get_window_extent().padded(-2).extents)
    columns = _red_columns(axes, data, turn)
    wishes = []
    for run in wide:
        others = [box for time, box in columns if not run.start <= time < run.end]
        wishes.append(_run_wish(axes, run, data, room, turn, tuple(others)))
    taken = pens.break_boxes(axes, data)
    boxes = place(
        wishes, room, down=turn > 0, lanes=4, taken=[*taken, *pens.covered(over)]
    )
    boxes = _inside(boxes, wishes, wide, room, pixel, taken, down=turn < 0)
    for run, wish, box in zip(wide, wishes, boxes, strict=True):
        if box is not None:
            pens.leader(over, look, wish, box, down=turn > 0)
            pens.label(over, look, _closed(run), box, look.longs_text, "run-label")
    told = [run for run, box in zip(wide, boxes, strict=True) if box is not None]
    return [run for run in data.runs if run not in told]


def _inside(
    boxes: list[Box | None],
    wishes: list[Wish],
    runs: list[Run],
    room: Box,
    pixel: float,
    taken: list[Box],
    *,
    down: bool,
) -> list[Box | None]:
    """Labels that found no place outside stand in their own red, if it is wide enough."""
    left = [
        i for i, box in enumerate(boxes)
        if box is None and (runs[i].end - runs[i].start) * pixel > wishes[i].width / 4
    ]  # fmt: skip
    placed = [box for box in boxes if box is not None]
    bare = [replace(wishes[i], avoid=()) for i in left]
    again = place(bare, room, down=down, lanes=3, taken=[*taken, *placed])
    found = dict(zip(left, again, strict=True))
    return [found.get(i, box) for i, box in enumerate(boxes)]


def _closed(run: Run) -> str:
    return words.usd(run.long_usd, floor=run.floor)


def _run_wish(
    axes: Axes, run: Run, data: ChartData, room: Box, turn: int, avoid: tuple[Box, ...]
) -> Wish:
    """Just beyond the trough; inside the panel where the scale cuts the trough off."""
    low, high = axes.get_ylim()
    trough = min(max(run.trough_usd * turn, low), high)
    x, y = axes.transData.transform((pens.day(run.trough_at + data.bar), trough))
    width, height = pens.text_size(_closed(run), pens.BOLD, bold=True)
    y -= 2 * turn
    if not low <= run.trough_usd * turn <= high:
        y = min(max(y, room.bottom + 3 * height), room.top - 3 * height)
    return Wish(
        xs=(x,), y=y, width=width + 6, height=height, weight=run.long_usd, avoid=avoid
    )


def _red_columns(axes: Axes, data: ChartData, turn: int) -> list[tuple[int, Box]]:
    """The red shading bar by bar, in pixels."""
    found = []
    for row in data.rows:
        net = row.rolling_net_usd
        if net is not None and net < 0:
            ends = [(pens.day(row.time), 0.0), (pens.day(row.end), net * turn)]
            (left, y0), (right, y1) = axes.transData.transform(ends)
            found.append((row.time, Box(left, min(y0, y1), right, max(y0, y1))))
    return found
