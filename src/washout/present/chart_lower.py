"""The lower panels: short and long liquidations per bar; CLD bars and CLD line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.present import chart_axes as scales
from washout.present import chart_pens as pens
from washout.present import chart_words as words
from washout.present.chart_data import Bar, ChartData, ceiling, scaled_rows
from washout.present.chart_labels import Box, Wish, place
from washout.present.themes import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from washout.present.chart_pens import Series


def sides_panel(axes: Axes, data: ChartData, look: Theme, turn: int) -> None:
    """Short and long liquidations on one scale, so that scarce would be seen."""
    rows, seen = data.rows, scaled_rows(data)
    shorts, longs = (
        pens.column(rows, "short_usd", turn),
        pens.column(rows, "long_usd", -turn),
    )
    reach = {
        turn: ceiling(row.short_usd for row in seen),
        -turn: ceiling(row.long_usd for row in seen),
    }
    both = max(*reach.values(), 1.0)
    above, below = (max(reach[side], 0.4 * both) * 1.16 for side in (1, -1))
    axes.set_ylim(-below, above)
    axes.axhspan(
        0, above if turn > 0 else -below, color=look.peaks_panel, linewidth=0, zorder=1
    )
    outline = pens.pixels_per_bar(axes, data) >= 3
    pens.bars(
        axes, rows, shorts, facecolor=look.shorts, gid="shorts", linewidth=0.6,
        edgecolor=look.shorts_edge if outline else "none",
    )  # fmt: skip
    pens.bars(axes, rows, longs, facecolor=look.longs, gid="longs")
    axes.axhline(0, color=look.soft, linewidth=0.8, zorder=4)
    scales.usd_axis(axes, look, "left", "Per bar", inside=(-below, above), plain=True)
    _label_peaks(axes, data, look, "short_usd", turn)
    _label_peaks(axes, data, look, "long_usd", -turn)
    handles = [
        pens.area(look.shorts, words.side_word("short", turn), look.peaks_panel),
        pens.area(
            look.longs, f"{words.side_word('long', turn)}; one scale, largest labelled"
        ),
    ]
    if data.missing:
        handles.append(pens.hatched(look, "not observed", pens.MISSING))
    if data.partial:
        handles.append(pens.hatched(look, "observed in part", pens.PARTIAL))
    pens.legend(axes, look, handles)


def _label_peaks(
    axes: Axes, data: ChartData, look: Theme, name: str, side: int
) -> None:
    """Day and amount of the largest bars of one side, at their ends inside the panel."""
    limit = axes.get_ylim()[0 if side < 0 else 1]
    room = Box(*axes.get_window_extent().padded(-1).extents)
    largest = _largest(data, name, 0.4 * abs(limit))
    dense = pens.pixels_per_bar(axes, data) < 3
    since = scaled_rows(data)[0].time if dense else data.stop
    tall = [
        row for row in data.rows
        if (getattr(row, name) or 0) > 0.4 * abs(limit) and row.time < since
    ]  # fmt: skip
    taken = [_peak_box(axes, row, side * getattr(row, name)) for row in tall]
    texts = [words.peak(row, getattr(row, name)) for row in largest]
    wishes = [
        _peak_wish(
            _peak_box(axes, row, side * getattr(row, name)), text, room, side,
            weight=getattr(row, name),
        )
        for row, text in zip(largest, texts, strict=True)
    ]  # fmt: skip
    boxes = place(wishes, room, down=side > 0, lanes=3, taken=taken)
    white = name == "short_usd"
    for box, text in zip(boxes, texts, strict=True):
        if box is not None:
            pens.label(
                axes, look, text, box, look.shorts_text if white else look.longs_text,
                "peak-label", behind=look.peaks_panel if white else look.panel,
            )  # fmt: skip


def _largest(data: ChartData, name: str, least: float) -> list[Bar]:
    """The four largest bars of those that set the scale."""
    rows = [row for row in scaled_rows(data) if (getattr(row, name) or 0) > least]
    return sorted(rows, key=lambda row: (-getattr(row, name), row.time))[:4]


def _peak_box(axes: Axes, row: Bar, end: float) -> Box:
    """A bar in pixels, cut at the edge of its panel."""
    low, high = axes.get_ylim()
    corners = [
        (pens.day(row.time), 0.0),
        (pens.day(row.end), min(max(end, low), high)),
    ]
    (left, y0), (right, y1) = axes.transData.transform(corners)
    return Box(left, min(y0, y1), right, max(y0, y1))


def _peak_wish(bar: Box, text: str, room: Box, side: int, *, weight: float) -> Wish:
    """Right of the bar's end, or left of it."""
    width, height = pens.text_size(text, pens.SMALL, bold=False)
    sides = (bar.right + width / 2 + 4, bar.left - width / 2 - 4)
    inside = tuple(
        x for x in sides if room.left + width / 2 < x < room.right - width / 2 - 4
    )
    end = bar.top if side > 0 else bar.bottom
    return Wish(xs=inside, y=end, width=width + 4, height=height, weight=weight)


def bars_panel(axes: Axes, data: ChartData, look: Theme, turn: int, kind: str) -> None:
    """Green bars, eruptions, and the CLD line on its own axis."""
    import numpy as np

    rows = data.rows
    heights = pens.column(rows, f"{kind}_usd")
    heights = np.abs(heights)
    top = max(ceiling(getattr(r, f"{kind}_usd") for r in scaled_rows(data)), 1.0)
    axes.set_ylim(0, top * 1.3)
    pens.bars(
        axes, rows, np.minimum(heights, 1.18 * top), facecolor=look.bars, gid="bars"
    )
    scales.usd_axis(axes, look, "left", "Per bar", inside=(0, top * 1.2))
    over = scales.right_axis(axes)
    handles = [pens.area(look.bars, words.bars_word(data, kind))]
    if data.eruptions:
        handles.append(_eruptions(axes, over, data, look, heights))
    cld = pens.column(rows, "cld_usd", turn)
    if np.isfinite(cld).any():
        handles.append(_cld(over, data, look, cld))
    else:
        over.set_yticks([])
        pens.note(over, look, words.no_cld(data))
    _anchor(over, data, look)
    pens.legend(axes, look, handles)


def _cld(axes: Axes, data: ChartData, look: Theme, cld: Series) -> Any:
    (line,) = axes.plot(
        pens.days([row.end for row in data.rows]), cld, color=look.cld, linewidth=1.6,
        path_effects=pens.halo(look.panel, 3), zorder=5, gid="cld",
        label=words.cld_word(data),
    )  # fmt: skip
    scales.cld_axis(axes, look, cld)
    return line


def _eruptions(
    axes: Axes, over: Axes, data: ChartData, look: Theme, heights: Series
) -> Any:
    """Darker bars with a marker over them."""
    import numpy as np

    hit = set(data.eruptions)
    chosen = [i for i, row in enumerate(data.rows) if row.time in hit]
    rows = [data.rows[i] for i in chosen]
    high = axes.get_ylim()[1]
    tall = np.minimum(heights[chosen], 0.9 * high)
    pens.bars(axes, rows, tall, facecolor=look.eruption, gid="eruptions", wide=1.6)
    x = [pens.day((row.time + row.end) / 2) for row in rows]
    (marks,) = over.plot(
        x, tall + 0.05 * high, transform=axes.transData, linestyle="none", marker="v",
        markersize=6.5, color=look.eruption, markeredgecolor=look.panel,
        markeredgewidth=0.7, zorder=7, gid="eruption-marks",
        label=f"Eruption ({len(rows)}), rule below",
    )  # fmt: skip
    return marks


def _anchor(axes: Axes, data: ChartData, look: Theme) -> None:
    if data.start < data.anchor < data.stop:
        axes.axvline(pens.day(data.anchor), color=look.cld, linewidth=1, dashes=(1, 2))
        pens.flag(axes, look, data.anchor, "anchor", look.cld, data, y=0.86)
