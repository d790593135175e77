"""A note as one HTML page: self-contained, no network, light or dark, fit for print."""

from __future__ import annotations

import re
from html import escape
from string import Template

from washout.present import interactive
from washout.present.chart_data import ChartData
from washout.present.note import Item, Note, Section, Table
from washout.present.themes import THEMES, Theme


def page(note: Note, data: ChartData, *, theme: str, sign: str, text: str) -> str:
    """The whole page. `theme` is light, dark or auto: as the reader's system is set.

    `text` is the file that holds the same note as text.
    """
    names = ("light", "dark") if theme == "auto" else (theme,)
    charts = "\n".join(
        _chart(data, name, sign, first=number == 0) for number, name in enumerate(names)
    )
    body = "\n".join(
        [
            f"<h1>{words(note.title)}</h1>",
            f'<p class="lede">{words(note.lede)}</p>',
            _figure(note, charts),
            *(_section(section) for section in note.sections),
            _footer(note, text),
        ]
    )
    return Template(PAGE).substitute(
        title=escape(note.title), style=style(names), body=body
    )


def words(text: str) -> str:
    """Escaped, with dates in one piece and numbers on one line with their units."""
    kept = text.replace(" M USD", "\u00a0M\u00a0USD").replace(" USD", "\u00a0USD")
    plain = escape(kept.replace(" %", "\u00a0%"))
    return re.sub(r"\d{4}-\d\d-\d\d", r'<span class="whole">\g<0></span>', plain)


def _figure(note: Note, charts: str) -> str:
    return (
        f'<figure aria-label="{escape(note.alt)}">{charts}<noscript><p>The chart needs'
        " JavaScript; cld.svg beside this page shows the same.</p></noscript></figure>"
    )


def _chart(data: ChartData, theme: str, sign: str, *, first: bool) -> str:
    """The chart in one theme; plotly.js stands in the first one only."""
    drawn = interactive.figure_html(data, theme=theme, sign=sign, include_js=first)
    own = drawn.replace(interactive.DIV, f"{interactive.DIV}-{theme}")
    return f'<div class="chart {theme}">{own}</div>'


def _section(section: Section) -> str:
    listing = "ol" if section.numbered else "ul"
    items = "".join(_item(item) for item in section.items)
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    if section.intro:
        parts.append(f"<p>{words(section.intro)}</p>")
    if items:
        parts.append(f"<{listing}>{items}</{listing}>")
    parts += [table_html(table) for table in section.tables]
    return "\n".join([*parts, "</section>"])


def _item(item: Item) -> str:
    tag = f' <span class="tag">{escape(item.tag)}</span>' if item.tag else ""
    return (
        f'<li id="{escape(item.id)}"><strong>{words(item.head)}</strong>{tag}'
        f" {words(item.text)}</li>\n"
    )


def table_html(table: Table) -> str:
    """A table with its caption; wide ones scroll on their own."""
    heads = "".join(
        f'<th scope="col"{_side(table, i)}>{escape(name)}</th>'
        for i, name in enumerate(table.columns)
    )
    rows = "".join(_row(table, row) for row in table.rows)
    return (
        f'<div class="wide"><table><caption>{words(table.caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>"
    )


def _row(table: Table, row: tuple[str, ...]) -> str:
    first = f'<th scope="row">{words(row[0])}</th>'
    rest = "".join(
        f"<td{_side(table, i)}>{words(cell)}</td>" for i, cell in enumerate(row[1:], 1)
    )
    return f"<tr>{first}{rest}</tr>\n"


def _side(table: Table, column: int) -> str:
    return "" if column < table.words else ' class="number"'


def _footer(note: Note, text: str) -> str:
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{words(fact)}</dd>\n" for name, fact in note.facts
    )
    return (
        f"<footer><h2>Where this comes from</h2><dl>\n{facts}</dl>"
        "<p>To reproduce this note:</p>"
        f"<pre><code>{escape(note.command)}</code></pre>"
        f'<p>The same as text: <a href="{escape(text)}">{escape(text)}</a></p></footer>'
    )


def style(themes: tuple[str, ...]) -> str:
    """Colours of the themes and the rule that chooses between them."""
    style = f":root{{color-scheme:{' '.join(themes)};{_colours(THEMES[themes[0]])}}}\n"
    if len(themes) > 1:
        style += (
            f".chart.dark{{{_ASIDE}}}\n@media screen and (prefers-color-scheme: dark){{"
            f":root{{{_colours(THEMES['dark'])}}}.chart.dark{{{_BACK}}}"
            f".chart.light{{{_ASIDE}}}}}\n"
        )
    return style + _STYLE


def _colours(theme: Theme) -> str:
    return (
        f"--background:{theme.background};--panel:{theme.panel};--ink:{theme.ink};"
        f"--soft:{theme.soft};--grid:{theme.grid};--longs:{theme.longs_text}"
    )


_ASIDE = "position:absolute;inset:0 0 auto 0;height:0;overflow:hidden;visibility:hidden"
_BACK = "position:static;height:auto;overflow:visible;visibility:visible"
"""A chart that is not shown keeps its width: one that has none is drawn too small."""

_STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--ink);
font:17px/1.55 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:78rem;margin:0 auto;padding:1.5rem}
main>*{max-width:46rem;margin-left:auto;margin-right:auto}
main>figure{max-width:none;margin:1.5rem 0;position:relative}
h1{text-wrap:balance;font-size:1.7rem;line-height:1.25;margin-top:.5rem}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
.lede{font-size:1.12rem;color:var(--soft)}
li{margin:.55rem 0}
.tag{font-size:.8rem;color:var(--longs);border:1px solid currentColor;border-radius:.3rem;
padding:.05rem .35rem;white-space:nowrap}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.92rem}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--grid)}
tbody th{font-weight:normal}
.whole{white-space:nowrap}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
footer{color:var(--soft);font-size:.9rem;border-top:1px solid var(--grid);margin-top:2.5rem}
dt{font-weight:600;margin-top:.5rem}
dd{margin:0}
pre{background:var(--panel);border:1px solid var(--grid);padding:.7rem;white-space:pre-wrap;
overflow-wrap:anywhere}
a{color:inherit}
@media print{body{font-size:11pt}main{padding:0}h2{break-after:avoid}
li,tr,figure{break-inside:avoid}.modebar{display:none}}
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
"""
