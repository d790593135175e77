"""A quicktake on a terminal: headline, main figures, statements, in plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from washout.present.findings import Findings
from washout.present.note import Note
from washout.present.objections import HEADS, TAGS


def text(note: Note, found: Findings) -> str:
    """Headline, lede, the table of main figures, and how statements stand."""
    figures = [
        row for section in note.sections[:1] for t in section.tables for row in t.rows
    ]
    blocks = [note.title, note.lede, aligned(figures), "Often read into such a chart:"]
    standings = [
        (TAGS.get(said.standing, "borne out"), HEADS[said.id]) for said in found.said
    ]
    return "\n\n".join([*blocks[:3], f"{blocks[3]}\n{aligned(standings)}"]) + "\n"


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Two columns, indented."""
    pairs = [tuple(row) for row in rows]
    width = max((len(first) for first, _ in pairs), default=0)
    return "\n".join(f"  {first.ljust(width)}  {second}" for first, second in pairs)
