"""Bringing in what a recorder hears: all commits of one UTC day are one vintage.

A commit extends the newest vintage if that is the recorder's own of this day, else it
begins one. Parts that the vintage supersedes within itself leave the manifest; their
files stay for readers who may be at them, and are deleted by a later commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.clock import DAY, MINUTE, bar_start, format_day
from washout.importers import Unit
from washout.store.files import explained
from washout.store.ingest import Laid, Place, Receipt, in_order, lay
from washout.store.lake import Lake
from washout.store.manifest import Discarded, Manifest, Part, Recorded, Vintage

IMPORTER = "recorder"
READING = 15 * MINUTE
"""So long the file of a discarded part stays for readers who began before."""


def vintage_name(now: int) -> str:
    """What the vintage of the UTC day of `now` is called."""
    return f"recorded {format_day(bar_start(now, DAY))}"


def extend(lake: Lake, unit: Unit, *, now: int, recorded: Recorded) -> Receipt:
    """Commit a unit of recorded facts, and how far the journal is in, at once.

    The vintage of an earlier day is closed first: its parts are joined. LakeBusy if
    somebody else writes; LakeError or InputError leave the lake as it was.
    """
    with lake.writing() as scratch:
        opened = _open_vintage(lake.manifest())
        if opened is not None and opened.unit != vintage_name(now):
            _close(lake, scratch, opened, now)
            opened = None
        place = (
            Place(opened.id, opened.commits + 1)
            if opened
            else Place(lake.manifest().newest + 1, 1)
        )
        laid = lay(lake, scratch, unit, place)
        vintage = None
        if laid.fresh or laid.old:
            time = in_order(lake.manifest(), now)
            vintage = _extended(opened or _begun(place, time), laid, place, time)
        _commit(lake, laid, vintage, now, recorded)
    return _receipt(unit, place, laid)


def _close(lake: Lake, scratch: Path, opened: Vintage, now: int) -> None:
    """Join the parts of a vintage, which says nothing new by that."""
    place = Place(opened.id, opened.commits + 1, closing=True)
    laid = lay(lake, scratch, Unit(opened.unit, lambda _unit: iter(())), place)
    closed = msgspec.structs.replace(opened, commits=place.commit, closed=True)
    _commit(lake, laid, closed, now)


def _commit(
    lake: Lake,
    laid: Laid,
    vintage: Vintage | None,
    now: int,
    recorded: Recorded | None = None,
) -> None:
    before = lake.manifest()
    gone = _delete_expired(lake, before.discarded, now)
    lake.adopt((path, part.path) for part, path in laid.fresh)
    after = before if vintage is None else _after(before, vintage, laid, now)
    lake.commit(
        msgspec.structs.replace(
            after,
            washout=__version__,
            discarded=tuple(one for one in after.discarded if one not in gone),
            recorded=_advanced(before.recorded, recorded),
        )
    )


def _open_vintage(manifest: Manifest) -> Vintage | None:
    """The recorder's vintage, if nothing came in since and it is not closed."""
    newest = manifest.vintages[-1] if manifest.vintages else None
    if newest is None or newest.importer != IMPORTER or newest.closed:
        return None
    return newest


def _after(before: Manifest, vintage: Vintage, laid: Laid, now: int) -> Manifest:
    """The manifest with the vintage begun or extended."""
    older = tuple(one for one in before.vintages if one.id != vintage.id)
    kept, discarded = list[Part](), list(before.discarded)
    for part in before.parts:
        if part.path not in laid.old:
            kept.append(part)
        elif part.added == vintage.id:
            discarded.append(Discarded(part.path, now))
        else:
            kept.append(msgspec.structs.replace(part, retired=vintage.id))
    return msgspec.structs.replace(
        before, vintages=(*older, vintage), discarded=tuple(discarded),
        parts=(*kept, *(part for part, _ in laid.fresh)),
    )  # fmt: skip


def _begun(place: Place, time: int) -> Vintage:
    return Vintage(
        id=place.vintage, imported_at=time, importer=IMPORTER, unit=vintage_name(time),
        sha256="", rows={}, added=0, changed=0, removed=0, duplicates=0, halved=0,
    )  # fmt: skip


def _extended(vintage: Vintage, laid: Laid, place: Place, time: int) -> Vintage:
    rows = vintage.rows
    change = laid.change
    return msgspec.structs.replace(
        vintage, imported_at=time, commits=place.commit,
        rows={k: rows.get(k, 0) + laid.rows.get(k, 0) for k in {**rows, **laid.rows}},
        added=vintage.added + change.added, changed=vintage.changed + change.changed,
        removed=vintage.removed + change.removed,
        duplicates=vintage.duplicates + change.duplicates,
        retold=vintage.retold or change.retold,
    )  # fmt: skip


def _advanced(
    known: tuple[Recorded, ...], recorded: Recorded | None
) -> tuple[Recorded, ...]:
    if recorded is None:
        return known
    others = (one for one in known if one.journal != recorded.journal)
    return (*others, recorded)


def _delete_expired(
    lake: Lake, discarded: Sequence[Discarded], now: int
) -> set[Discarded]:
    """Delete files of discarded parts that no reader can hold any more.

    They leave the manifest afterwards: a crash in between costs nothing.
    """
    gone = set()
    for one in discarded:
        if one.at + READING <= now:
            with explained(lake.path):
                (lake.path / one.path).unlink(missing_ok=True)
            gone.add(one)
    return gone


def _receipt(unit: Unit, place: Place, laid: Laid) -> Receipt:
    change = laid.change
    return Receipt(
        unit=unit.name, vintage=place.vintage if laid.fresh or laid.old else None,
        rows=laid.rows, added=change.added, changed=change.changed,
        removed=change.removed, duplicates=change.duplicates,
    )  # fmt: skip
