"""A note: title, lede, sections of items and tables, footer; and its Markdown.

Markdown and HTML are two renderings of one note, so that they cannot disagree. Text is
plain, without markup; renderers escape it.
"""

from __future__ import annotations

from msgspec import Struct


class Item(Struct, frozen=True, kw_only=True):
    """A paragraph with its head; `id` names the sentence for whoever looks it up.

    `tag` is a word or two on how far to believe the head, if that needs saying.
    """

    id: str
    head: str
    text: str
    tag: str = ""


class Table(Struct, frozen=True, kw_only=True):
    """Rows under column heads; all columns but the first `words` hold numbers."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


class Section(Struct, frozen=True, kw_only=True):
    """Items under a title, numbered or not, with what introduces them; then tables."""

    title: str
    items: tuple[Item, ...] = ()
    intro: str = ""
    numbered: bool = False
    tables: tuple[Table, ...] = ()


class Note(Struct, frozen=True, kw_only=True):
    """A whole note. `facts` is the footer; `command` reproduces it."""

    title: str
    lede: str
    alt: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    command: str

    def item(self, name: str) -> Item | None:
        """The item called `name`, if the data chose it."""
        everything = (item for section in self.sections for item in section.items)
        return next((item for item in everything if item.id == name), None)


def markdown(note: Note, picture: str) -> str:
    """The note in Markdown; `picture` is the file of its chart."""
    blocks = [f"# {escaped(note.title)}", escaped(note.lede)]
    blocks.append(f"![{escaped(note.alt)}]({picture})")
    for section in note.sections:
        blocks += _section(section)
    blocks.append("## Where this comes from")
    blocks.append(
        "\n".join(f"- **{name}:** {escaped(text)}" for name, text in note.facts)
    )
    blocks.append("To reproduce this note:")
    blocks.append(f"```\n{note.command}\n```")
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> list[str]:
    blocks = [f"## {section.title}"]
    blocks += [escaped(section.intro)] if section.intro else []
    if section.items:
        blocks.append(
            "\n".join(
                f"{f'{number}.' if section.numbered else '-'} {_item(item)}"
                for number, item in enumerate(section.items, 1)
            )
        )
    return blocks + [table_text(table) for table in section.tables]


def _item(item: Item) -> str:
    tag = f" *({escaped(item.tag)})*" if item.tag else ""
    return f"**{escaped(item.head)}**{tag} {escaped(item.text)}"


def table_text(table: Table) -> str:
    """A table in Markdown, under its caption."""
    align = ["---" if i < table.words else "---:" for i in range(len(table.columns))]
    rows = [table.columns, tuple(align), *table.rows]
    body = "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        for row in rows
    )
    return f"**{escaped(table.caption)}**\n\n{body}"


def escaped(text: str) -> str:
    """Characters that Markdown would take for markup."""
    for mark in ("\\", "*", "_", "`", "|", "<"):
        text = text.replace(mark, "\\" + mark)
    return text
