"""
What can go wrong, as a tree.

* WashoutError            (exit code 1)
  + UsageError            (2) the question was wrong
    - UnknownName             a view, scope, parameter, ... that does not exist
    - NoData                  (3) the lake has nothing of this kind for this scope
  + InputError            (4) a file or an answer that cannot be believed
  + LakeError             (5) the store cannot be read or written
    - LakeBusy                another writer holds it
    - LakeTooNew              written by a newer washout
  + FetchError            (6) a server refused or did not answer
  + LedgerError           (7) the ledger of registered tests is not what was written

Every message says what was found, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class WashoutError(Exception):
    """Base of every error that washout raises on purpose."""

    exit_code = 1


class UsageError(WashoutError):
    """The question was wrong; nothing was done."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that does not exist, with the nearest ones that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(set(known))
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else f"Known: {', '.join(names) or 'none'}."
        )
        super().__init__(f"There is no {kind} {name!r}. {hint}")
        self.kind, self.name, self.near = kind, name, near


class NoData(UsageError):
    """The lake holds nothing that answers the question."""

    exit_code = 3


class InputError(WashoutError):
    """A unit of input that cannot be believed: nothing of it was imported.

    `unit` is the file (or file!member), `row` the 1-based line or record in it.
    """

    exit_code = 4

    def __init__(self, reason: str, *, unit: str = "", row: int | None = None) -> None:
        where = unit + (f", row {row}" if row is not None else "")
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason, self.unit, self.row = reason, unit, row


class LakeError(WashoutError):
    """The lake cannot be read or written."""

    exit_code = 5


class LakeBusy(LakeError):
    """Another process is writing to the lake."""


class LakeTooNew(LakeError):
    """The lake was written by a newer version of washout."""


class FetchError(WashoutError):
    """A server refused, or did not answer in time."""

    exit_code = 6


class LedgerError(WashoutError):
    """The ledger of registered tests is not what washout wrote."""

    exit_code = 7
