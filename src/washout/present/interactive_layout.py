"""How the interactive chart is laid out: axes, ranges, buttons, shapes, annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, TypeVar

from washout.clock import DAY, format_day, to_datetime
from washout.present import chart_words as words
from washout.present.chart_data import ChartData, Run, ceiling, scaled_rows
from washout.present.themes import Theme
from washout.present.waves import Wave

Shaded = TypeVar("Shaded", Wave, Run)

FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


def moment(time: int) -> str:
    """An instant as plotly takes it, UTC."""
    return to_datetime(time).strftime("%Y-%m-%d %H:%M:%S")


DOMAINS = ((0.52, 1.0), (0.26, 0.48), (0.0, 0.22))
"""Bottom and top of the panels, as shares of the height."""


def layout(
    data: ChartData, look: Theme, sign: str, log: bool, bars: str
) -> dict[str, Any]:
    """Everything but traces, shapes and annotations."""
    return {
        "template": "none", "height": 780, "hovermode": "x unified",
        "hoversubplots": "axis", "bargap": 0.08, "barmode": "overlay",
        "paper_bgcolor": look.background, "plot_bgcolor": look.panel,
        "font": {"family": FONT, "size": 12, "color": look.ink},
        "title": {"text": _title(data, sign, look), "x": 0.01, "xanchor": "left",
                  "y": 1, "yanchor": "top", "pad": {"t": 14}, "font": {"size": 19}},
        "margin": {"l": 72, "r": 82, "t": 122, "b": 128},
        "legend": {"orientation": "h", "x": 0, "y": -0.06, "yanchor": "top",
                   "font": {"size": 11.5}},
        "hoverlabel": {"bgcolor": look.grid, "font": {"color": look.ink}},
        "updatemenus": [] if data.no_price else [_log_button(data, look, log)],
        "xaxis": _time_axis(data, look),
        **_axes(data, look, words.factor(sign), log, bars),
    }  # fmt: skip


def _axes(
    data: ChartData, look: Theme, turn: int, log: bool, bars: str
) -> dict[str, Any]:
    """Money on the left; price and CLD on the right; three more that hatches fill."""
    axis = {"gridcolor": look.grid, "zerolinecolor": look.soft, "zerolinewidth": 1,
            "tickmode": "auto", "nticks": 6, "tickfont": {"size": 11.5}}  # fmt: skip
    money = {**axis, "exponentformat": "B"}
    over = {"side": "right", "showgrid": False, "zeroline": False}
    main, sides, low = DOMAINS
    hidden = {"visible": False, "range": [0, 1], "fixedrange": True}
    ink = {"tickfont": {"size": 11.5, "color": look.cld}}
    return {
        "yaxis": {**money, "domain": main, "range": _net_range(data, turn),
                  "title": _named(f"Rolling net, USD ({words.formula_of(turn)[6:]})")},
        "yaxis2": {**axis, **over, **_price_range(data, log), "overlaying": "y",
                   "tickformat": ",.6~g", "title": _named("Price, USD")},
        "yaxis3": {**money, "domain": sides, "range": side_range(data, turn),
                   "showgrid": False, "title": _named("Per bar, USD")},
        "yaxis4": {**money, "domain": low, "range": bar_range(data, bars),
                   "title": _named("Per bar, USD")},
        "yaxis5": {**money, **over, **ink, "overlaying": "y4", "title": _named("CLD, USD")},
        "yaxis6": {**hidden, "overlaying": "y"},
        "yaxis7": {**hidden, "overlaying": "y3"},
        "yaxis8": {**hidden, "overlaying": "y4"},
    }  # fmt: skip


def _named(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 11}, "standoff": 4}


def _title(data: ChartData, sign: str, look: Theme) -> str:
    return (
        f"<b>{escape(words.title(data))}</b>"
        f'<br><span style="font-size:12px;color:{look.soft}">'
        f"{escape(words.subtitle(data))}</span>"
        f'<br><span style="font-size:12px">{escape(words.direction(sign))}</span>'
    )


def _time_axis(data: ChartData, look: Theme) -> dict[str, Any]:
    return {
        "type": "date", "gridcolor": look.grid, "linecolor": look.grid, "anchor": "y4",
        "range": [moment(data.start), moment(data.stop)], "rangeselector": _ranges(data, look),
        "hoverformat": "%Y-%m-%d %H:%M UTC" if data.bar < DAY else "%Y-%m-%d UTC",
    }  # fmt: skip


def _ranges(data: ChartData, look: Theme) -> dict[str, Any]:
    """Buttons for stretches that are shorter than the record."""
    steps = (
        (7, "day", "7d"),
        (1, "month", "1m"),
        (6, "month", "6m"),
        (1, "year", "1y"),
    )
    sizes = {"7d": 7, "1m": 31, "6m": 183, "1y": 366}
    fitting = [s for s in steps if sizes[s[2]] * DAY < data.stop - data.start]
    return {
        "buttons": [
            *({"count": n, "step": step, "label": label, "stepmode": "backward"}
              for n, step, label in fitting),
            {"step": "all", "label": "all"},
        ],
        "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": look.panel,
        "activecolor": look.grid, "font": {"color": look.ink},
    }  # fmt: skip


def _log_button(data: ChartData, look: Theme, log: bool) -> dict[str, Any]:
    kinds = (log, not log)
    return {
        "type": "buttons", "direction": "right", "x": 1, "xanchor": "right", "y": 1.02,
        "yanchor": "bottom", "bgcolor": look.panel, "bordercolor": look.grid,
        "font": {"color": look.ink, "size": 11}, "pad": {"t": 0, "b": 0, "r": 0},
        "showactive": False,
        "buttons": [
            {"label": f"price {'log' if kind else 'linear'}", "method": "relayout",
             "args": [{f"yaxis2.{name}": value
                       for name, value in _price_range(data, kind).items()}]}
            for kind in kinds
        ],
    }  # fmt: skip


SHARE = 0.46
"""The price keeps above this share of its panel; the rolling net keeps below."""


def _price_range(data: ChartData, log: bool) -> dict[str, Any]:
    closes = [row.close for row in data.rows if row.close is not None]
    if not closes:
        return {"type": "linear"}
    low, high = min(closes), max(closes)
    if log:
        low, high = math.log10(low), math.log10(high)
    reach = (high - low) or abs(high) * 0.01
    bottom = low - reach * SHARE / (0.96 - SHARE)
    wide = log and high - low > 0.7
    return {
        "type": "log" if log else "linear", "range": [bottom, high + 0.06 * reach],
        "tickmode": "linear" if wide else "auto", "dtick": "D2" if wide else None,
    }  # fmt: skip


def _net_range(data: ChartData, turn: int) -> list[float]:
    """Leave the upper half to the price."""
    rows = scaled_rows(data, data.window)
    net = [
        turn * row.rolling_net_usd for row in rows if row.rolling_net_usd is not None
    ]
    low, high = min([0.0, *net]), max([0.0, *net])
    if low == high == 0:
        return [-1.0, 1.0]
    if turn > 0:
        down = 1.2 * low - 0.05 * high
        if data.waves.known:
            down = min(1.4 * low, -0.5 * high)
        return [down, max(1.15 * high, -1.3 * low)]
    return [1.15 * low - 0.05 * high, max(1.3 * high, 2.2 * high - 0.5 * low)]


def wave_edges(data: ChartData, turn: int) -> tuple[float, float]:
    """How far the shading of long waves and the strip of short ones reach."""
    low, high = _net_range(data, turn)
    strip = 0.022 * (high - low) * turn
    if turn > 0:
        return 0.74 * low, strip
    net = [-row.rolling_net_usd for row in data.rows if row.rolling_net_usd]
    return min(max(1.08 * max([0.0, *net]), 0.3 * high), 0.6 * high), strip


def side_range(data: ChartData, turn: int) -> list[float]:
    """Of the two sides, on one scale; neither gets less than a quarter."""
    rows = scaled_rows(data)
    shorts = ceiling(row.short_usd for row in rows)
    longs = ceiling(row.long_usd for row in rows)
    up, down = (shorts, longs) if turn > 0 else (longs, shorts)
    least = 0.4 * max(up, down, 1.0)
    return [-1.1 * max(down, least), 1.1 * max(up, least)]


def bar_range(data: ChartData, bars: str) -> list[float]:
    """Of the CLD bars: from 0 to a little above their scale."""
    top = ceiling(getattr(row, f"{bars}_usd") for row in scaled_rows(data))
    return [0, 1.2 * (top or 1.0)]


def shapes(data: ChartData, look: Theme) -> list[dict[str, Any]]:
    """Coverage breaks and the anchor."""
    lines = [_line(one.at, look.mark, "dash", "paper") for one in data.breaks]
    if data.start < data.anchor < data.stop:
        lines.append(_line(data.anchor, look.cld, "dot", "y4 domain"))
    return lines


def _line(at: int, colour: str, dash: str, reach: str) -> dict[str, Any]:
    return {
        "type": "line", "xref": "x", "yref": reach, "x0": moment(at), "x1": moment(at),
        "y0": 0, "y1": 1, "line": {"color": colour, "width": 1.2, "dash": dash},
    }  # fmt: skip


def remarks(data: ChartData, look: Theme, turn: int) -> list[dict[str, Any]]:
    """Labels of waves (or runs), breaks and the anchor; hover tells the others."""
    span = data.stop - data.start
    found = _closed(data, look, turn)
    for place, one in enumerate(data.breaks):
        late = one.at - data.start > 0.66 * span
        found.append({
            "x": moment(one.at), "y": 0.995 - 0.03 * place, "xref": "x", "yref": "paper",
            "text": words.break_word(one), "showarrow": False,
            "xanchor": "right" if late else "left", "yanchor": "top",
            "font": {"color": look.mark, "size": 11.5}, "bgcolor": look.panel,
        })  # fmt: skip
    if data.start < data.anchor < data.stop:
        found.append({
            "x": moment(data.anchor), "y": 1, "xref": "x", "yref": "y4 domain",
            "text": f"anchor {format_day(data.anchor)}", "showarrow": False,
            "xanchor": "left", "yanchor": "top", "font": {"color": look.cld, "size": 11.5},
        })  # fmt: skip
    if data.no_price:
        found.append({
            "x": 0.5, "y": 1, "xref": "x domain", "yref": "y domain", "showarrow": False,
            "text": escape(f"No price: {data.no_price}"), "font": {"color": look.soft},
        })  # fmt: skip
    return found


def _closed(data: ChartData, look: Theme, turn: int) -> list[dict[str, Any]]:
    """What was closed in each of the largest waves or runs, beyond its shading."""
    distance = (data.stop - data.start) // 14
    low, high = _net_range(data, turn)
    if data.waves.known:
        edge = wave_edges(data, turn)[0]
        told = [
            (_middle(data, wave), edge, words.wave_closed(wave))
            for wave in _apart(data.waves.of("long"), distance, _halfway)
        ]
    else:
        wide = [run for run in data.runs if run.end - run.start >= distance // 12]
        told = [
            (run.trough_at + data.bar,
             min(max(turn * run.trough_usd, 0.8 * low), 0.8 * high),
             words.usd(run.long_usd, floor=run.floor))
            for run in _apart(wide, distance, lambda run: run.trough_at)
        ]  # fmt: skip
    return [
        {"x": moment(at), "xref": "x", "yref": "y", "y": y, "text": f"<b>{text}</b>",
         "showarrow": False, "yshift": -10 * turn, "font": {"color": look.longs_text,
         "size": 12}, "bgcolor": look.panel, "opacity": 0.9}
        for at, y, text in told
    ]  # fmt: skip


def _halfway(wave: Wave) -> int:
    return (wave.start + wave.end) // 2


def _middle(data: ChartData, wave: Wave) -> int:
    """The middle of what is seen of a wave."""
    return (max(wave.start, data.start) + min(wave.end, data.stop)) // 2


def _apart(
    shaded: Iterable[Shaded], distance: int, where: Callable[[Shaded], int]
) -> list[Shaded]:
    """The largest of them that are at least `distance` from each other."""
    kept: list[Shaded] = []
    for one in sorted(shaded, key=lambda one: (-one.long_usd, one.start)):
        if all(abs(where(one) - where(other)) >= distance for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)
