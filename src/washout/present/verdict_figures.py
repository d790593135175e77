"""The picture of a claim: what happened after events beside what it is compared with.

Four kinds (see `Figure`). Claim, control and reference differ in colour, in the shape of
the line and in that of the marker, so that none needs to be told by colour.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from washout.errors import UsageError
from washout.present import chart_frame as frame
from washout.present import verdict_words as words
from washout.present.chart_pens import DPI, SMALL, TEXT, halo, write
from washout.present.themes import Theme, theme_named
from washout.study.judged import Figure, Judged, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

WIDTH, HEIGHT = 720, 420
"""Pixels at scale 1."""
FORMATS = (".png", ".svg")


def draw(
    judged: Judged, path: str | Path, *, theme: str = "light", scale: float = 1
) -> Path:
    """Write the picture of a claim as PNG or SVG, by the ending of `path`.

    UsageError if the claim has no figure. Equal claims are equal bytes.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{target.name} names no picture: expected a file ending in .png or .svg."
        )
    with frame.own_settings():
        frame.save(picture(judged, theme=theme), target, scale)
    return target


def svg(judged: Judged, *, theme: str = "light") -> str:
    """The picture as an `<svg>` that can stand in a page beside others.

    Identifiers carry the claim and the theme: browsers resolve them in the whole page.
    """
    out = io.StringIO()
    with frame.own_settings():
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        picture(judged, theme=theme).savefig(out, format="svg", metadata=blank)
    text = out.getvalue()
    own = re.sub(r"\W", "-", f"{judged.id}-{judged.reading}-{theme}")
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{own}-", text[text.index("<svg") :])
    return _own_names(text, own)


def _own_names(text: str, own: str) -> str:
    """Identifiers that begin with `own`; those of alike artists are counted."""
    seen: Counter[str] = Counter()

    def renamed(found: re.Match[str]) -> str:
        name = found[1]
        seen[name] += 1
        again = f".{seen[name]}" if seen[name] > 1 else ""
        return f' id="{own}-{name}{again}"'

    return re.sub(r'\sid="([^"]+)"', renamed, text)


def picture(judged: Judged, *, theme: str = "light") -> Picture:
    """The picture as a matplotlib figure of 7.2 x 4.2 inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Paper

    shown = judged.figure
    if shown is None:
        raise UsageError(f"{judged.id} has no figure: {words.told(judged.verdict)}.")
    look = theme_named(theme)
    paper = Paper(
        figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=look.background
    )
    FigureCanvasAgg(paper)
    _header(paper, judged, shown, look)
    axes = paper.add_axes((0.105, 0.135, 0.865, 0.62), facecolor=look.panel)
    _axes(axes, shown, look)
    KINDS[shown.kind](axes, shown, look)
    _marks(axes, shown, look)
    if len(shown.lines) > 1:
        axes.legend(
            handles=_in_order(axes, shown), loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=3, frameon=False,
            fontsize=TEXT, labelcolor=look.ink, handlelength=2, borderpad=0.1,
        )  # fmt: skip
    return paper


def _in_order(axes: Axes, shown: Figure) -> list[Any]:
    """Legend entries as the figure names its lines."""
    found = {
        name: one for one, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    return [found[line.name] for line in shown.lines if line.name in found]


def _header(paper: Picture, judged: Judged, shown: Figure, look: Theme) -> None:
    title = fill(f"{judged.id}: {shown.title}", 72)
    told = fill(f"{words.told(judged.verdict)} · {_numbers(judged, shown)}", 112)
    paper.text(
        16 / WIDTH, 1 - 12 / HEIGHT, title, fontsize=11, fontweight="bold",
        color=look.ink, ha="left", va="top", linespacing=1.15,
    )  # fmt: skip
    lines = title.count("\n")
    paper.text(
        16 / WIDTH, 1 - (34 + 17 * lines) / HEIGHT, told, fontsize=TEXT,
        color=look.soft, ha="left", va="top", linespacing=1.2,
    )  # fmt: skip


def _numbers(judged: Judged, shown: Figure) -> str:
    text = f"{words.effect(judged)} · {words.sample(judged)}"
    if any(line.low for line in shown.lines):
        text += " · " + ("band" if shown.kind == "path" else "bars") + ": 90 %"
    return text


def _axes(axes: Axes, shown: Figure, look: Theme) -> None:
    axes.set_xlabel(shown.x_label, color=look.soft, fontsize=TEXT)
    axes.set_ylabel(shown.y_label, color=look.soft, fontsize=TEXT)
    axes.tick_params(colors=look.soft, labelsize=TEXT, length=3)
    axes.grid(visible=True, axis="y", color=look.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set(color=look.grid, linewidth=0.8)


def _style(line: Line, look: Theme) -> dict[str, Any]:
    """Colour, shape of line and of marker by role."""
    styles: dict[str, dict[str, Any]] = {
        "claim": {"color": look.cld, "linestyle": "-", "marker": "o"},
        "control": {"color": look.soft, "linestyle": (0, (5, 2)), "marker": "s"},
        "reference": {"color": look.ink, "linestyle": (0, (1, 1.4)), "marker": "D"},
    }
    return styles[line.role]


def _zero(axes: Axes, look: Theme) -> None:
    axes.axhline(0, color=look.soft, linewidth=0.8, zorder=2)


def _path(axes: Axes, shown: Figure, look: Theme) -> None:
    """Courses with their bands."""
    _zero(axes, look)
    for line in shown.lines:
        style = _style(line, look)
        if line.low:
            axes.fill_between(
                line.x, line.low, line.high, color=style["color"], alpha=0.22,
                linewidth=0, gid=f"{line.role}-band",
            )  # fmt: skip
        axes.plot(
            line.x, line.y, color=style["color"], linestyle=style["linestyle"],
            linewidth=2, label=line.name, gid=line.role, zorder=4,
            path_effects=halo(look.panel, 3),
        )  # fmt: skip
    axes.set_xlim(_ends([x for line in shown.lines for x in line.x]))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _dose(axes: Axes, shown: Figure, look: Theme) -> None:
    """Means by dose with their intervals; a reference is the line fitted to them."""
    _zero(axes, look)
    for line in shown.lines:
        style = _style(line, look)
        if line.role == "reference":
            axes.plot(line.x, line.y, **_plain(style), label=line.name, gid=line.role)
        else:
            _bars_of_error(axes, line, line.x, style)


def _plain(style: dict[str, Any]) -> dict[str, Any]:
    return {**style, "marker": None, "linewidth": 1.8, "zorder": 3}


def _bars_of_error(
    axes: Axes, line: Line, x: Sequence[float], style: dict[str, Any]
) -> None:
    """Points with their intervals."""
    around = None
    if line.low:
        around = [
            [y - low for y, low in zip(line.y, line.low, strict=True)],
            [high - y for y, high in zip(line.y, line.high, strict=True)],
        ]
    drawn = axes.errorbar(
        x, line.y, yerr=around, fmt=style["marker"], color=style["color"], capsize=4,
        markersize=6, linewidth=1.5, label=line.name, zorder=4,
    )  # fmt: skip
    if drawn.lines[0] is not None:
        drawn.lines[0].set_gid(line.role)


def _bars(axes: Axes, shown: Figure, look: Theme) -> None:
    """Groups side by side; references are markers over them."""
    _zero(axes, look)
    solid = [line for line in shown.lines if line.role != "reference"]
    width = 0.7 / max(len(solid), 1)
    for place, line in enumerate(solid):
        style = _style(line, look)
        x = [at + (place - (len(solid) - 1) / 2) * width for at in line.x]
        axes.bar(
            x, line.y, width=0.92 * width, color=style["color"], label=line.name,
            hatch="////" if line.role == "control" else None, edgecolor=look.panel,
            linewidth=0, zorder=3, gid=line.role, alpha=0.65,
        )  # fmt: skip
        if line.low:
            ink = {"marker": "none", "color": look.ink}
            _bars_of_error(axes, _unnamed(line), x, ink)
    for line in shown.lines:
        if line.role == "reference":
            axes.plot(
                line.x, line.y, linestyle="none", marker="D", markersize=8,
                color=look.ink, markeredgecolor=look.panel, label=line.name, zorder=5,
                gid=line.role,
            )  # fmt: skip
    axes.set_xticks(range(len(shown.groups)), [fill(g, 22) for g in shown.groups])
    axes.set_xlim(-0.6, len(shown.groups) - 0.4)


def _unnamed(line: Line) -> Line:
    """Names that begin with an underscore stand in no legend."""
    return Line(name=f"_{line.name}", x=line.x, y=line.y, low=line.low, high=line.high)


def _histogram(axes: Axes, shown: Figure, look: Theme) -> None:
    """Bins by their left edges; the last is as wide as the one before."""
    for line in shown.lines:
        style = _style(line, look)
        steps = [b - a for a, b in zip(line.x, line.x[1:], strict=False)] or [1.0]
        widths = [*steps, steps[-1]][: len(line.x)]
        if line.role == "claim":
            axes.bar(
                line.x, line.y, width=[0.94 * w for w in widths], align="edge",
                color=style["color"], label=line.name, zorder=3, gid=line.role,
            )  # fmt: skip
        else:
            edges = [*line.x, line.x[-1] + widths[-1]]
            axes.stairs(
                line.y, edges, color=style["color"], linewidth=1.8, label=line.name,
                linestyle=style["linestyle"], zorder=4, gid=line.role,
            )  # fmt: skip
    _large_numbers(axes, shown)


def _large_numbers(axes: Axes, shown: Figure) -> None:
    """Amounts of money as people write them."""
    from matplotlib.ticker import FuncFormatter

    if max((abs(x) for line in shown.lines for x in line.x), default=0) < 1e5:
        return
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda v, _p: f"{v / 1e6:,.4g} M" if v else "0")
    )


KINDS: dict[str, Callable[[Axes, Figure, Theme], None]] = {
    "path": _path, "dose": _dose, "bars": _bars, "histogram": _histogram,
}  # fmt: skip


def _marks(axes: Axes, shown: Figure, look: Theme) -> None:
    """Vertical lines with their words, each a line lower than the one before."""
    if not shown.marks:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))
    left, right = axes.get_xlim()
    for place, (x, text) in enumerate(shown.marks):
        late = x > left + 0.7 * (right - left)
        axes.axvline(x, color=look.mark, linewidth=1.2, dashes=(5, 3), zorder=5)
        write(
            axes.annotate, text, (x, 0.95 - 0.07 * (place % 3)), xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, 0), textcoords="offset points", color=look.mark,
            ha="right" if late else "left", va="center", fontsize=SMALL, zorder=6,
            rim=look.panel,
        )  # fmt: skip
