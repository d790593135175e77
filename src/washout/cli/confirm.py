"""washout confirm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from washout.cli import _complete
from washout.cli._options import json_option

if TYPE_CHECKING:
    from washout.events import Event
    from washout.exchanges import Exchange, Instrument
    from washout.live.confirming import Measured


@click.command()
@click.argument("exchange", shell_complete=_complete.exchanges)
@click.option(
    "--journal",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of a recording, or a file of frames: one JSON object a line with"
    " `line`, `received` (us) and `raw`.",
)
@json_option
def command(exchange: str, journal: Path | None, as_json: bool) -> None:
    """What no document settles about an exchange, and what its frames say.

    \b
    washout confirm okx                            what is open, and how to settle it
    washout record --scope okx:BTC --for 10m       ten minutes of frames
    washout confirm okx --journal lake/journal     the labels against the prices

    Sides of liquidations are held against the prices of the same recording: how many
    longs were printed below the market and after a fall, with a 95 % interval.
    """
    from washout.errors import UnknownName
    from washout.live.confirming import measure
    from washout.store.trust import exchanges

    if exchange not in exchanges():
        raise UnknownName("exchange", exchange, exchanges())
    venue = exchanges()[exchange]
    found = measure(_events(venue, journal)) if journal else None
    if as_json:
        told = {"exchange": exchange, "unconfirmed": _open(venue), "measured": found}
        text = msgspec.json.format(msgspec.json.encode(told), indent=2)
        click.echo(text.decode())
        return
    _print_open(venue, measured=found is not None)
    if found:
        _print_measured(found)


def _open(venue: Exchange) -> list[Any]:
    return [one for one in venue.meanings if not one.confirmed]


def _print_open(venue: Exchange, *, measured: bool) -> None:
    unsettled = _open(venue)
    if not unsettled:
        click.echo(f"{venue.title}: documents settle every meaning that is used.")
    for one in unsettled:
        click.echo(f"{venue.title}, {one.field}: read as: {one.says}.")
        click.echo(f"  says: {one.source}")
        click.echo(f"  to settle it: {one.settled_by}")
    if unsettled and not measured:
        click.echo(
            f"\nwashout record --scope {venue.name}:BTC --for 10m, then"
            f" washout confirm {venue.name} --journal lake/journal"
        )


def _print_measured(found: Measured) -> None:
    click.echo(
        f"\n{found.liquidations} liquidations and {found.prices} prices in"
        f" {found.seconds:.0f} s"
    )
    for one in found.findings:
        share = (
            f"{one.yes} of {one.of}, 95 % interval {one.low:.3f} to {one.high:.3f}"
            if one.of
            else "nothing to judge by"
        )
        click.echo(f"  {one.question}: {share}: {one.verdict}")


def _events(venue: Exchange, place: Path) -> Iterator[Event]:
    """Events of the venue's frames in a journal or a file; what is no fact is left out."""
    from washout.exchanges import Said, Unexplained

    known = {one.symbol: one for one in venue.listed}
    frames = _of_folder(venue, place, known) if place.is_dir() else _of_file(place)
    for line, payload, received in frames:
        try:
            told = venue.line(line).decode(payload, received, known)
        except Unexplained:
            continue
        if not isinstance(told, Said):
            yield from told


Frames = Iterator[tuple[str, bytes, int]]


class _Written(msgspec.Struct, frozen=True):
    raw: str
    line: str = ""
    received: int = 0


def _of_file(path: Path) -> Frames:
    """Frames written one a line; polls and listings among them are passed over."""
    from washout.errors import InputError

    with path.open("rb") as lines:
        for number, row in enumerate(lines, 1):
            try:
                told = msgspec.json.decode(row, type=_Written)
            except msgspec.DecodeError as error:
                raise InputError(
                    f"{error}; expected a JSON object with line, received and raw",
                    unit=str(path), row=number,
                ) from error  # fmt: skip
            if told.line:
                yield told.line, told.raw.encode(), told.received


def _of_folder(venue: Exchange, folder: Path, known: dict[str, Instrument]) -> Frames:
    """Frames of a journal; `known` learns what it lists."""
    from washout.collect.entries import Kind, Listed, Opened
    from washout.collect.journal import (  # type: ignore[import-not-found,unused-ignore]
        read_journal,
    )
    from washout.exchanges import Instrument

    lines: dict[int, str] = {}
    for block in read_journal(folder):
        for entry in block:
            if entry.kind == Kind.LISTED:
                listed = msgspec.json.decode(entry.payload, type=Listed)
                if listed.exchange == venue.name:
                    told = msgspec.convert(listed.instruments, list[Instrument])
                    known.update((one.symbol, one) for one in told)
            elif entry.kind == Kind.OPENED:
                opened = msgspec.json.decode(entry.payload, type=Opened)
                if opened.exchange == venue.name:
                    lines[entry.connection] = opened.line
            elif entry.kind == Kind.FRAME and entry.connection in lines:
                yield lines[entry.connection], entry.payload, entry.ts
