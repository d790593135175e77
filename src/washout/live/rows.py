"""Facts of one kind on their way through the pipeline, read by column.

They come as events, one by one, or as an Arrow table, many at once; what follows does
not see the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from washout import events, schema

if TYPE_CHECKING:
    import pyarrow as pa

    from washout.events import Event

KIND_OF: dict[type, str] = {made: kind for kind, made in events.KINDS.items()}


class Rows:
    """Some facts of one kind; columns are Python lists in the order of receipt."""

    def __init__(self, kind: str, facts: Sequence[Event] | pa.Table) -> None:
        self.kind, self.facts = kind, facts
        self._columns: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self.facts)

    def column(self, name: str) -> list[Any]:
        """Values of one column."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._read(name)
        return found

    def _read(self, name: str) -> list[Any]:
        if isinstance(self.facts, Sequence):
            return [getattr(fact, name) for fact in self.facts]
        return list(self.facts[name].to_pylist())

    def columns(self, *names: str) -> list[list[Any]]:
        """Values of several columns."""
        return [self.column(name) for name in names]

    def where(self, kept: Sequence[bool]) -> Rows:
        """The rows for which `kept` is true."""
        if all(kept):
            return self
        if isinstance(self.facts, Sequence):
            return Rows(self.kind, list(compress(self.facts, kept)))
        import pyarrow as pa

        return Rows(self.kind, self.facts.filter(pa.array(kept, pa.bool_())))

    def table(self) -> pa.Table:
        """The rows in the schema of their kind."""
        if isinstance(self.facts, Sequence):
            return table_of(self.kind, self.facts)
        return self.facts


def table_of(kind: str, facts: Sequence[Event]) -> pa.Table:
    """Events as a table in the schema of `kind`."""
    import pyarrow as pa

    layout = schema.arrow(kind)
    columns = [
        pa.array([getattr(fact, field.name) for fact in facts], field.type)
        for field in layout
    ]
    return pa.table(columns, schema=layout)


def by_kind(facts: Sequence[Event]) -> list[Rows]:
    """Events of one frame by kind, kinds in order of their first event."""
    found: dict[str, list[Event]] = {}
    for fact in facts:
        found.setdefault(KIND_OF[type(fact)], []).append(fact)
    return [Rows(kind, mine) for kind, mine in found.items()]


def joined(chunks: Sequence[Rows]) -> list[Rows]:
    """The same rows, neighbouring events in one piece: tables of one row are dear."""
    found: list[Rows] = []
    pile: list[Event] = []
    for rows in chunks:
        if isinstance(rows.facts, Sequence):
            pile += rows.facts
            continue
        found += [Rows(rows.kind, pile)] if pile else []
        found.append(rows)
        pile = []
    return found + ([Rows(chunks[0].kind, pile)] if pile else [])
