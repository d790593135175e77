"""Paper of the picture: its panels, what stands above and below them, and saving it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from washout.present import chart_words as words
from washout.present.chart_data import ChartData, Run
from washout.present.chart_pens import (
    DPI,
    HEIGHT,
    LEFT,
    PLACES,
    RIGHT,
    SMALL,
    TEXT,
    WIDTH,
    day,
    text_size,
)
from washout.present.themes import Theme
from washout.present.waves import Wave

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@contextmanager
def own_settings() -> Iterator[None]:
    """Matplotlib's defaults, not the user's; the same identifiers in every SVG."""
    from matplotlib import style

    ours = {"svg.hashsalt": "washout", "svg.fonttype": "none", "text.parse_math": False}
    with style.context(["default", ours]):
        yield


def save(picture: Figure, target: Path, scale: float) -> None:
    """Write without dates and program names, so that equal charts are equal bytes."""
    if target.suffix.lower() == ".svg":
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        picture.savefig(target, format="svg", metadata=blank)
        return
    picture.savefig(target, format="png", dpi=DPI * scale, metadata={"Software": None})


def panels(data: ChartData, look: Theme) -> tuple[Figure, dict[str, Axes]]:
    """An empty picture with its three panels over one time axis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(
        figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=look.background
    )
    FigureCanvasAgg(picture)
    made: dict[str, Axes] = {}
    for name, (top, bottom) in PLACES.items():
        place = (
            LEFT / WIDTH,
            1 - bottom / HEIGHT,
            (RIGHT - LEFT) / WIDTH,
            (bottom - top) / HEIGHT,
        )
        axes = picture.add_axes(place, facecolor=look.panel)
        axes.set_xlim(day(data.start), day(data.stop))
        _time_axis(axes, look, told=name == "bars")
        made[name] = axes
    return picture, made


def _time_axis(axes: Axes, look: Theme, *, told: bool) -> None:
    from datetime import UTC

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC, minticks=6, maxticks=13)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    formatter.zero_formats = ["", "%Y", "%b %Y", "%b %d", "%H:%M", "%H:%M"]
    axes.xaxis.set_major_formatter(formatter)
    axes.tick_params(
        axis="x", colors=look.soft, labelsize=TEXT, length=3 if told else 0,
        labelbottom=told,
    )  # fmt: skip
    axes.grid(visible=True, axis="x", color=look.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set(color=look.grid, linewidth=0.8)


def header(picture: Figure, data: ChartData, look: Theme, sign: str) -> None:
    """Title, what it covers, and what up and down mean."""
    lines = [
        (12, words.title(data), 15, look.ink, "bold"),
        (36, words.subtitle(data), 8.6, look.soft, "normal"),
    ]
    for top, text, size, ink, weight in lines:
        picture.text(
            20 / WIDTH, 1 - top / HEIGHT, text, fontsize=size, color=ink,
            fontweight=weight, ha="left", va="top",
        )  # fmt: skip
    picture.text(
        (WIDTH - 20) / WIDTH, 1 - 17 / HEIGHT, words.direction(sign), fontsize=8.6,
        color=look.ink, ha="right", va="top",
    )  # fmt: skip


def footer(
    picture: Figure, data: ChartData, look: Theme, sign: str, bars: str, untold: Sequence[Run | Wave]
) -> None:  # fmt: skip
    """Source, completeness, rules, command: as many remarks on a line as fit."""
    remarks = [
        words.provenance(data), words.completeness(data), words.at_least(data),
        words.wave_word(data), words.eruption_word(data),
    ]  # fmt: skip
    if untold:
        remarks.append(words.untold(untold))
    cut = words.cut_off(data)
    if cut:
        remarks.append(cut)
    lines = [*_filled(remarks, WIDTH - 40), words.command(data, sign, bars)]
    pitch = min(13, 50 / len(lines))
    for place, text in enumerate(lines):
        picture.text(
            20 / WIDTH, (HEIGHT - 622 - pitch * place) / HEIGHT, text, fontsize=SMALL,
            color=look.soft, ha="left", va="center",
        )  # fmt: skip


def _filled(remarks: Sequence[str], width: float) -> list[str]:
    """Each remark on the first line that has room for it."""
    lines: list[str] = []
    for remark in remarks:
        joined = [f"{line}  ·  {remark}" for line in lines]
        sizes = [text_size(line, SMALL, bold=False)[0] for line in joined]
        place = next((i for i, size in enumerate(sizes) if size <= width), None)
        if place is None:
            lines.append(remark)
        else:
            lines[place] = joined[place]
    return lines
