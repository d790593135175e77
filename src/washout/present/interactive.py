"""The chart of the post for a browser: plotly, self-contained, opens without a network.

The same rows, words and rules as the picture. Waves and holes are drawn as shapes of the
data, so that they stay in place when the reader zooms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

from washout.clock import format_day
from washout.present import chart_words as words
from washout.present import interactive_layout as layout
from washout.present.chart_data import Bar, ChartData, spans
from washout.present.interactive_layout import FONT, moment
from washout.present.themes import Theme, theme_named

DIV = "washout-chart"


def figure_html(
    data: ChartData,
    *,
    theme: str = "light",
    sign: str = "flow",
    log: bool = True,
    bars: str = "net",
    include_js: bool = True,
) -> str:
    """The chart as an HTML fragment: a legend in words and a `<div>` with the chart.

    With `include_js` plotly.js stands in it; without, the page around it must have it.
    Same data, same bytes.
    """
    from plotly import io

    chart: str = io.to_html(
        figure(data, theme=theme, sign=sign, log=log, bars=bars),
        include_plotlyjs=include_js, include_mathjax=False, full_html=False, div_id=DIV,
        config={"displaylogo": False, "responsive": True, "scrollZoom": True,
                "modeBarButtonsToRemove": ["lasso2d", "select2d"]},
    )  # fmt: skip
    return chart + _notes(data, theme_named(theme), sign, bars)


def page(
    data: ChartData,
    *,
    theme: str = "light",
    sign: str = "flow",
    log: bool = True,
    bars: str = "net",
) -> str:
    """The chart as a whole HTML document."""
    look = theme_named(theme)
    body = figure_html(data, theme=theme, sign=sign, log=log, bars=bars)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(words.title(data))}</title><style>body{{margin:0;padding:12px;"
        f"background:{look.background};color:{look.ink};font-family:{FONT}}}</style>"
        f"</head><body>\n{body}\n</body></html>\n"
    )


def figure(
    data: ChartData,
    *,
    theme: str = "light",
    sign: str = "flow",
    log: bool = True,
    bars: str = "net",
) -> Any:
    """The chart as a plotly figure."""
    import plotly.graph_objects as go

    look, turn = theme_named(theme), words.factor(sign)
    words.check_bars(bars)
    built = go.Figure(layout=layout.layout(data, look, sign, log, bars))
    for trace in _traces(data, look, turn, bars):
        built.add_trace(trace)
    built.update_layout(
        shapes=layout.shapes(data, look),
        annotations=layout.remarks(data, look, turn),
    )
    return built


def column(rows: Sequence[Bar], name: str, turn: int = 1) -> list[float | None]:
    """A column of the rows; None stays None and is drawn as a gap."""
    values = [getattr(row, name) for row in rows]
    return [None if v is None else turn * v for v in values]


def _traces(data: ChartData, look: Theme, turn: int, bars: str) -> Iterator[Any]:
    yield _tint(data, look, turn)
    yield from _net(data, look, turn)
    yield from _waves(data, look, turn)
    yield from _sides(data, look, turn)
    yield from _cld_bars(data, look, turn, bars)
    if not data.no_price:
        yield _price(data, look)
    yield from _hatches(data, look)


def _x(data: ChartData, rows: Sequence[Bar], where: str) -> dict[str, Any]:
    """Bars' starts, drawn at their `middle` or `end`, so that hover joins one bar."""
    return {
        "x": [moment(row.time) for row in rows], "xperiod": data.bar // 1000,
        "xperiod0": moment(data.start), "xperiodalignment": where,
    }  # fmt: skip


def _net(data: ChartData, look: Theme, turn: int) -> Iterator[Any]:
    """Rolling net as two areas; hover on the red one names its run."""
    import plotly.graph_objects as go

    net = column(data.rows, "rolling_net_usd")
    told = [_inside(row, data) for row in data.rows]
    known = data.waves.known
    below = words.pale_word(data) if known else words.red_word(data)
    sides: list[tuple[str, str, Callable[[float], float]]] = [
        (below, look.pale if known else look.longs, lambda v: min(v, 0.0)),
        (words.other_word(data), look.other, lambda v: max(v, 0.0)),
    ]
    for name, colour, cut in sides:
        red = colour != look.other
        yield go.Scatter(
            **_x(data, data.rows, "end"), y=[None if v is None else turn * cut(v) for v in net],
            name=name, mode="lines", line={"width": 0.8, "color": colour},
            fill="tozeroy", fillcolor=colour, yaxis="y", connectgaps=False,
            customdata=[
                [words.usd(turn * v, signed=True) if v is not None else "unknown", run]
                for v, run in zip(net, told, strict=True)
            ],
            hovertemplate="rolling net %{customdata[0]}%{customdata[1]}<extra></extra>"
            if red else None, hoverinfo=None if red else "skip",
        )  # fmt: skip


def _inside(row: Bar, data: ChartData) -> str:
    """The waves, or the run, that a bar is part of."""
    if data.waves.known:
        inside = [w for w in data.waves.found if w.start <= row.time < w.end]
        return "".join(f"<br>{words.wave_days(wave)}" for wave in inside)
    for run in data.runs:
        if run.start <= row.time < run.end:
            closed = words.usd(run.long_usd, floor=run.floor)
            days = f"{format_day(run.start)} to {format_day(run.end)}"
            return f"<br>run {days}: longs closed {closed}"
    return ""


def _waves(data: ChartData, look: Theme, turn: int) -> Iterator[Any]:
    """Long waves deep red on the side of longs, short ones a strip at zero."""
    if not data.waves.known:
        return
    edge, strip = layout.wave_edges(data, turn)
    kinds = (
        ("long", words.red_word(data), edge, look.longs, look.longs),
        ("short", words.strip_word(), strip, look.shorts, look.shorts_edge),
    )
    for side, name, tall, colour, rim in kinds:
        found = [(max(w.start, data.start), w.end) for w in data.waves.of(side)]
        if found:
            yield _boxes(found, tall, name, fillcolor=colour, line_color=rim)


def _boxes(
    found: Sequence[tuple[int, int]], tall: float, name: str, **colours: str
) -> Any:
    """Rectangles from zero to `tall` on the axis of the rolling net."""
    import plotly.graph_objects as go

    x, y = _outline(found)
    return go.Scatter(
        x=x, y=[None if v is None else tall * v for v in y], name=name, mode="lines",
        fill="toself", yaxis="y", hoverinfo="skip", opacity=0.88, **colours,
    ).update(line_width=0.8)  # fmt: skip


def _tint(data: ChartData, look: Theme, turn: int) -> Any:
    """Behind the white peaks; a bar, because shapes leave grid lines in view."""
    import plotly.graph_objects as go

    edge = layout.side_range(data, turn)[1 if turn > 0 else 0]
    return go.Bar(
        x=[moment((data.start + data.stop) // 2)], y=[edge], yaxis="y3",
        width=(data.stop - data.start) // 1000, hoverinfo="skip", showlegend=False,
        marker={"color": look.peaks_panel, "line": {"width": 0}},
    )  # fmt: skip


def _sides(data: ChartData, look: Theme, turn: int) -> Iterator[Any]:
    import plotly.graph_objects as go

    edge = {"width": 0.6 if len(data.rows) < 350 else 0, "color": look.shorts_edge}
    yield _bar_trace(
        data, column(data.rows, "short_usd", turn), "short_usd",
        words.side_word("short", turn), "shorts closed", "y3",
        {"color": look.shorts, "line": edge},
    ).update(showlegend=False)  # fmt: skip
    far = 1000 * layout.side_range(data, turn)[1 if turn > 0 else 0]
    yield go.Scatter(  # out of sight: it only gives the legend its symbol
        x=[moment(data.start)], y=[far], yaxis="y3", name=words.side_word("short", turn),
        mode="markers", hoverinfo="skip",
        marker={"symbol": "square", "size": 11, "color": look.shorts,
                "line": {"width": 3, "color": look.peaks_panel}},
    )  # fmt: skip
    yield _bar_trace(
        data, column(data.rows, "long_usd", -turn), "long_usd",
        words.side_word("long", turn), "longs closed", "y3",
        {"color": look.longs, "line": {"width": 0}},
    )  # fmt: skip


def _cld_bars(data: ChartData, look: Theme, turn: int, bars: str) -> Iterator[Any]:
    import plotly.graph_objects as go

    hit = set(data.eruptions)
    heights = [None if v is None else abs(v) for v in column(data.rows, f"{bars}_usd")]
    colours = [look.eruption if row.time in hit else look.bars for row in data.rows]
    yield _bar_trace(
        data, heights, f"{bars}_usd", words.bars_word(data, bars), bars, "y4",
        {"color": colours, "line": {"width": 0}}, turn if bars == "net" else 1,
    )  # fmt: skip
    chosen = [i for i, row in enumerate(data.rows) if row.time in hit]
    top = 0.94 * layout.bar_range(data, bars)[1]
    if chosen:
        yield go.Scatter(
            **_x(data, [data.rows[i] for i in chosen], "middle"), y=[min(heights[i] or 0.0, top) for i in chosen],
            name=f"Eruption ({len(chosen)})", mode="markers", yaxis="y4",
            marker={"symbol": "triangle-down", "size": 11, "color": look.eruption,
                    "line": {"width": 1, "color": look.panel}},
            hoverinfo="skip",
        )  # fmt: skip
    cld = column(data.rows, "cld_usd", turn)
    if any(v is not None for v in cld):
        yield go.Scatter(
            **_x(data, data.rows, "end"), y=cld, name=words.cld_word(data), mode="lines",
            line={"width": 2, "color": look.cld}, yaxis="y5",
            customdata=[words.usd(v, signed=True) if v is not None else "" for v in cld],
            hovertemplate="CLD %{customdata}<extra></extra>",
        )  # fmt: skip


def _bar_trace(
    data: ChartData, heights: Sequence[float | None], column_name: str, name: str,
    hover: str, axis: str, marker: dict[str, Any], turn: int = 1,
) -> Any:  # fmt: skip
    """Bars over the whole width of each bar; nothing where nobody observed."""
    import plotly.graph_objects as go

    hit = set(data.eruptions) if axis == "y4" else set()
    told = [
        _amount(row, column_name, turn, erupts=row.time in hit) for row in data.rows
    ]
    return go.Bar(
        **_x(data, data.rows, "middle"), y=heights,
        name=name, marker=marker, customdata=told,
        yaxis=axis, hovertemplate=f"{hover} %{{customdata}}<extra></extra>",
    )  # fmt: skip


def _amount(row: Bar, name: str, turn: int, *, erupts: bool) -> str:
    """What hover says; a net of floors is no floor itself."""
    value = getattr(row, name)
    if value is None:
        return "not observed"
    if name == "net_usd":
        told = words.usd(turn * value, signed=True)
    else:
        told = words.usd(value, floor=row.floor or row.partial)
    return told + (", eruption" if erupts else "")


def _price(data: ChartData, look: Theme) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        **_x(data, data.rows, "end"), y=column(data.rows, "close"), name=words.price_word(data),
        mode="lines", line={"width": 2, "color": look.price}, yaxis="y2",
        hovertemplate="price %{y:,.6~g}<extra></extra>",
    )  # fmt: skip


def _hatches(data: ChartData, look: Theme) -> Iterator[Any]:
    """Hatched stretches over each panel; plotly's shapes have no hatch, areas do."""
    import plotly.graph_objects as go

    kinds: tuple[tuple[str, str, Callable[[Bar], bool]], ...] = (
        ("not observed", "/", lambda row: row.missing),
        ("observed in part", ".", lambda row: row.partial),
    )
    for name, pattern, chosen in kinds:
        found = list(spans(data.rows, chosen))
        for panel in ("y6", "y7", "y8") if found else ():
            x, y = _outline(found)
            yield go.Scatter(
                x=x, y=y, name=name, legendgroup=name, showlegend=panel == "y7",
                mode="lines", line={"width": 0}, fill="toself", hoverinfo="skip",
                fillpattern={"shape": pattern, "fgcolor": look.missing, "size": 6,
                             "bgcolor": look.panel, "solidity": 0.25},
                yaxis=panel,
            )  # fmt: skip


def _outline(found: Sequence[tuple[int, int]]) -> tuple[list[Any], list[Any]]:
    x: list[Any] = []
    y: list[Any] = []
    for begin, end in found:
        left, right = moment(begin), moment(end)
        x += [left, left, right, right, left, None]
        y += [0, 1, 1, 0, 0, None]
    return x, y


def _notes(data: ChartData, look: Theme, sign: str, bars: str) -> str:
    shaded = "waves" if data.waves.known else "runs"
    lines = [
        words.provenance(data), words.completeness(data), words.at_least(data),
        words.wave_word(data), words.eruption_word(data), words.cut_off(data),
        f"All numbers, and {shaded} without a label, are in the hover",
    ]  # fmt: skip
    return (
        f'<p style="font:12px/1.5 {FONT};color:{look.soft};margin:4px 12px">'
        f"{escape('. '.join(line for line in lines if line))}.<br><code>{escape(words.command(data, sign, bars))}"
        "</code></p>"
    )
