"""Verdicts as one HTML page: self-contained, no network, no script, light or dark."""

from __future__ import annotations

from html import escape
from string import Template

from washout.present import verdict_figures, verdicts
from washout.present import wording as say
from washout.present.quicktake_html import PAGE, style, table_html, words
from washout.present.verdicts import Pairs, Row
from washout.study.judged import Judged, Judgement

THEMES = ("light", "dark")


def page(judgement: Judgement, *, theme: str = "auto") -> str:
    """The whole page. `theme` is light, dark or auto: as the reader's system is set."""
    names = THEMES if theme == "auto" else (theme,)
    shown = verdicts.sheet(judgement)
    claims = zip(judgement.claims, shown.rows, strict=True)
    body = [
        f"<h1>{words(shown.title)}</h1>",
        f'<p class="lede">{words(shown.intro)}</p>',
        table_html(verdicts.table(shown)),
        *(_claim(judged, row, names) for judged, row in claims),
        f"<footer><h2>Where this comes from</h2>{_pairs(shown.facts)}</footer>",
    ]
    return Template(PAGE).substitute(
        title=escape(shown.title), style=style(names) + _STYLE, body="\n".join(body)
    )


def _claim(judged: Judged, row: Row, themes: tuple[str, ...]) -> str:
    mark = row.group.replace(" ", "-")
    head, _, reason = row.verdict.partition(": ")
    why = f" <em>{words(say.capital(reason))}.</em>" if reason else ""
    tag = f'<span class="tag {mark}">{escape(head)}</span>'
    parts = [
        f'<section id="{escape(row.id)}"><h2>{escape(row.id)} {tag}</h2>',
        f"<p><strong>{words(row.claim)}</strong>{why}</p>",
        _figure(judged, row, themes), _pairs(row.details), "</section>",
    ]  # fmt: skip
    return "\n".join(parts)


def _figure(judged: Judged, row: Row, themes: tuple[str, ...]) -> str:
    if judged.figure is None:
        return "<p>No figure: there is nothing to draw.</p>"
    drawn = "".join(
        f'<div class="chart {name}">{verdict_figures.svg(judged, theme=name)}</div>'
        for name in themes
    )
    told = f"{judged.figure.title}: {row.verdict}"
    return f'<figure role="img" aria-label="{escape(told)}">{drawn}</figure>'


def _pairs(pairs: Pairs) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{words(text)}</dd>\n" for name, text in pairs
    )
    return f"<dl>\n{rows}</dl>"


_STYLE = """
main>.wide{max-width:64rem}
section figure{margin:1rem 0;position:relative}
section svg{width:100%;height:auto;display:block}
dl{display:grid;grid-template-columns:minmax(8rem,1fr) 4fr;gap:.25rem 1rem;font-size:.92rem}
dt{margin:0;color:var(--soft);font-weight:normal}
dd{overflow-wrap:anywhere}
.tag.supported{color:var(--ink)}
.tag.not-supported,.tag.cannot-be-said{color:var(--soft)}
@media(max-width:40rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}}
"""
