"""What was judged as a sheet: a row a claim, what each rests on, and where it is from.

The sheet is words only; terminal and Markdown are written here, HTML in
`verdicts_html`, so that none of them can say another thing than the rest.
"""

from __future__ import annotations

import io

import msgspec

from washout.clock import format_day
from washout.present import verdict_words as words
from washout.present import wording as say
from washout.present.chart_words import name_of
from washout.present.note import Table, escaped, table_text
from washout.study.judged import Judged, Judgement

Pairs = tuple[tuple[str, str], ...]

ADJUSTED = (
    "of the claims together by Romano-Wolf; of further tests by Benjamini-Hochberg,"
    " exploratory"
)
"""How p-values are adjusted."""

COLUMNS = ("Claim", "Verdict", "Effect (90 %)", "p (adjusted)", "Events (blocks)")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it is shown. `details` are names and texts."""

    id: str
    claim: str
    group: words.Group
    verdict: str
    effect: str
    interval: str
    p: str
    p_adjusted: str
    events: str
    clusters: str
    details: Pairs


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown of a judgement. `facts` say how to check it."""

    title: str
    intro: str
    rows: tuple[Row, ...]
    facts: Pairs


def sheet(judgement: Judgement) -> Sheet:
    """The sheet of a judgement, claims in their order."""
    other = {one.id: one for one in judgement.other}
    return Sheet(
        title=f"What was claimed about {name_of(judgement.scope)}, what the record says",
        intro=intro(judgement),
        rows=tuple(_row(one, other.get(one.id)) for one in judgement.claims),
        facts=facts(judgement),
    )


def intro(judgement: Judgement) -> str:
    """Window, reading, and how many claims got which verdict."""
    held = [words.group(one.verdict) for one in judgement.claims]
    counts = [f"{held.count(name)} {name}" for name in words.GROUPS if name in held]
    reading = judgement.claims[0].reading if judgement.claims else "flow"
    return (
        f"{say.capital(say.count(len(held), 'claim'))}: {say.listed(counts) or 'none'}."
        f" Judged on {window(judgement)}, read so that {words.READINGS[reading]}. An"
        " effect above zero is what the claim says."
    )


def window(judgement: Judgement) -> str:
    """The stretch of time, and from where on it was kept for the last check."""
    return (
        f"{format_day(judgement.begin)} to {format_day(judgement.end)} UTC (end not"
        f" included), out of sample from {format_day(judgement.reserved_from)}"
    )


def facts(judgement: Judgement) -> Pairs:
    """How a judgement can be made and checked again."""
    head = judgement.ledger_head
    return (
        ("Scope", f"{name_of(judgement.scope)} ({judgement.scope})"),
        ("Window", window(judgement)),
        ("Bars", f"waves from {judgement.bar}, prices from {judgement.step}"),
        ("Observed", say.percent(judgement.coverage)),
        ("Ledger", f"{judgement.registered} specs ever registered; head {head}"),
        ("Adjusted p", ADJUSTED),
        ("Data", judgement.data_hash),
        ("Made by", f"washout {judgement.version}, configuration {judgement.cfg_hash}"),
    )  # fmt: skip


def _row(judged: Judged, other: Judged | None) -> Row:
    return Row(
        id=judged.id, claim=judged.says, group=words.group(judged.verdict),
        verdict=words.told(judged.verdict), effect=words.effect(judged),
        interval=words.interval(judged.low, judged.high, judged.unit),
        p=words.chance(judged.p), p_adjusted=words.chance(judged.p_adjusted),
        events=f"{judged.n_events:,}", clusters=f"{judged.clusters:,}",
        details=details(judged, other),
    )  # fmt: skip


def details(judged: Judged, other: Judged | None) -> Pairs:
    """What a verdict rests on; what was not asked is left out."""
    unit = judged.unit
    further = "; ".join(words.secondary(one, unit) for one in judged.secondary)
    told = (
        ("The post", judged.post),
        ("Other reading", words.differs(judged, other)),
        ("Just the dip", words.dip(judged)),
        ("Out of sample", words.amount(judged.out_of_sample, unit)),
        ("Quarters (blocks)", words.quarters(judged.quarters, unit)),
        ("Could be found", words.power(judged)),
        ("Further tests, exploratory", further),
        ("Facts", "; ".join(words.fact(*pair) for pair in judged.facts.items())),
        ("Test", _test(judged)),
        ("Measured", _measured(judged)),
        ("Spec", f"{judged.spec_hash}, seed {judged.seed}"),
    )
    return tuple((name, text) for name, text in told if text)


def _test(judged: Judged) -> str:
    text = f"{judged.test} over {judged.horizon} against {judged.benchmark}"
    if judged.n_controls:
        text += f", {judged.n_controls:,} controls"
    if judged.overlap is not None:
        text += f", {say.percent(judged.overlap)} of the events have comparable ones"
    return text


def _measured(judged: Judged) -> str:
    left = say.count(judged.left_out, "row") if judged.left_out else ""
    return (
        f"waves from {judged.bar} bars{_in_bp(judged)}, prices from"
        f" {judged.step} bars{f'; {left} with missing numbers left out' if left else ''}"
    )


def _in_bp(judged: Judged) -> str:
    """Of what sizes are a share; nothing where no event was measured."""
    return f" in bp of {judged.normaliser}" if judged.normaliser else ""


def as_json(judgement: Judgement) -> str:
    """Everything of the judgement; numbers that the record does not have are null."""
    return msgspec.json.format(msgspec.json.encode(judgement), indent=2).decode() + "\n"


def terminal(judgement: Judgement, *, width: int = 80, colour: bool = False) -> str:
    """The sheet for a terminal of `width` columns, from 60 on."""
    from rich.console import Console
    from rich.text import Text

    shown = sheet(judgement)
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, no_color=not colour,
        color_system="standard" if colour else None, highlight=False,
    )  # fmt: skip
    console.print(Text(shown.title, style="bold"))
    console.print(Text(shown.intro))
    console.print(_rich_rows(shown))
    for row in shown.rows:
        console.print(Text(f"{row.id}  {row.verdict}", style="bold"))
        console.print(_rich_pairs(row.details))
    console.print(Text("Where this comes from", style="bold"))
    console.print(_rich_pairs(shown.facts))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


STYLES = {
    "supported": "green", "not supported": "yellow", "contradicted": "red",
    "cannot be said": "dim",
}  # fmt: skip
"""Colour only helps: the words are always there."""


def _rich_rows(shown: Sheet) -> object:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
        expand=True,
    )
    for name, size in zip(("", *COLUMNS), (4, None, 15, 16, 9, 8), strict=True):
        head = name.replace(" (", "\n(").replace("adjusted", "adj.")
        grid.add_column(head, width=size, ratio=None if size else 1, overflow="fold")
    for row in shown.rows:
        grid.add_row(
            row.id, Text(row.claim), Text(row.verdict, style=STYLES[row.group]),
            f"{row.effect}\n({row.interval})", f"{row.p}\n({row.p_adjusted})",
            f"{row.events}\n({row.clusters})", end_section=True,
        )  # fmt: skip
    return grid


def _rich_pairs(pairs: Pairs) -> object:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=2)
    grid.add_column(ratio=1, style="dim")
    grid.add_column(ratio=3, overflow="fold")
    for name, text in pairs:
        grid.add_row("", name, Text(text))
    grid.add_row()
    return grid


def markdown(judgement: Judgement, pictures: dict[str, str] | None = None) -> str:
    """The sheet in Markdown; `pictures` are file names by claim."""
    shown, files = sheet(judgement), pictures or {}
    blocks = [
        f"# {escaped(shown.title)}",
        escaped(shown.intro),
        table_text(table(shown)),
    ]
    for row in shown.rows:
        blocks.append(f"## {row.id}: {escaped(row.verdict)}")
        blocks.append(escaped(row.claim))
        if row.id in files:
            blocks.append(f"![{escaped(row.claim)}]({files[row.id]})")
        blocks.append(_listed(row.details))
    blocks += ["## Where this comes from", _listed(shown.facts)]
    return "\n\n".join(blocks) + "\n"


def _listed(pairs: Pairs) -> str:
    return "\n".join(f"- **{name}:** {escaped(text)}" for name, text in pairs)


def table(shown: Sheet) -> Table:
    """The rows as a table of a note."""
    return Table(
        caption="Claims and verdicts", words=3, columns=("", *COLUMNS),
        rows=tuple(
            (row.id, row.claim, row.verdict, f"{row.effect} ({row.interval})",
             f"{row.p} ({row.p_adjusted})", f"{row.events} ({row.clusters})")
            for row in shown.rows
        ),
    )  # fmt: skip
