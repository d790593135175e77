"""washout import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from washout.cli import _complete
from washout.cli._options import json_option, lake_option, now, settings, wait_option

if TYPE_CHECKING:
    from washout.collect.importing import Outcome
    from washout.errors import InputError
    from washout.importers import Options
    from washout.store.ingest import Receipt


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "--format", "name", shell_complete=_complete.formats,
    help="What the files are; else their content says.",
)  # fmt: skip
@click.option(
    "--scope", shell_complete=_complete.scopes,
    help="What they are about, where they do not say: binance:ETH, binance:BTC-USDT.",
)  # fmt: skip
@click.option("--bar", help="Width of their totals or candles: 1m to 1w.")
@click.option(
    "--map", "mapping", multiple=True, metavar="ROLE=COLUMN,...",
    help="Which column plays which role, and settings such as tz=Asia/Seoul; repeatable.",
)  # fmt: skip
@click.option("--source", help="Who says so; else the name of the format.")
@click.option(
    "--totals", help="Keep trades as taker-flow totals of this width, such as 1m."
)
@lake_option
@wait_option
@json_option
def command(
    files: tuple[Path, ...],
    name: str | None,
    scope: str | None,
    bar: str | None,
    mapping: tuple[str, ...],
    source: str | None,
    totals: str | None,
    lake_path: Path,
    wait: bool,
    as_json: bool,
) -> None:
    """Import history from FILEs into a lake; a lake is made where there is none.

    \b
    washout import BTCUSDT-aggTrades-2024-08.zip --totals 1m
    washout import downloads/*.zip
    washout import totals.csv --format csv --scope binance:ETH --bar 4h \\
        --map time=utc_open,long_usd=long_liq_usd,short_usd=short_liq_usd

    Every import is a vintage: it wins over older ones, which --as-of still sees. A
    file that the lake has already changes nothing. A unit with a bad row is refused as
    a whole, with its file, row and reason; the good ones of the same call are kept, and
    the exit code is 4. `washout list formats` says what can be read.
    """
    options = _options(scope, bar, mapping, source, totals)
    outcome = _import(files, options, name, lake_path, wait=wait, silent=as_json)
    if as_json:
        _print_json(outcome)
    if outcome.refused:
        raise SystemExit(outcome.refused[0].exit_code)


def _options(
    scope: str | None,
    bar: str | None,
    mapping: tuple[str, ...],
    source: str | None,
    totals: str | None,
) -> Options:
    from washout.clock import parse_bar
    from washout.importers import Options
    from washout.instruments import parse_scope

    pairs = tuple(pair for text in mapping for pair in text.split(",") if pair.strip())
    return Options(
        now=now(), scope=None if scope is None else parse_scope(scope),
        bar=None if bar is None else parse_bar(bar), columns=settings(pairs, "--map"),
        source=source, totals=None if totals is None else parse_bar(totals),
    )  # fmt: skip


def _import(
    files: tuple[Path, ...],
    options: Options,
    name: str | None,
    lake_path: Path,
    *,
    wait: bool,
    silent: bool,
) -> Outcome:
    from washout.cli import _progress
    from washout.collect.importing import import_files
    from washout.store.lake import Lake

    with _progress.of_files(len(files)) as watch:
        return import_files(
            Lake.create(lake_path), files, options, format=name, wait=wait,
            progress=watch, told=_say_refused if silent else _say,
        )  # fmt: skip


def _say(outcome: Receipt | InputError) -> None:
    if isinstance(outcome, Exception):
        _say_refused(outcome)
    else:
        click.echo(sentence(outcome))
        for note in outcome.notes if not outcome.unchanged else ():
            click.echo(f"  {note}")


def _say_refused(outcome: Receipt | InputError) -> None:
    if isinstance(outcome, Exception):
        click.echo(f"washout: {' '.join(str(outcome).split())}", err=True)
        sys.stderr.flush()


def sentence(receipt: Receipt) -> str:
    """What became of a unit, in one line."""
    if receipt.unchanged:
        why = f" ({'; '.join(receipt.notes)})" if receipt.notes else ""
        return f"{receipt.unit}: nothing new: already in the lake{why}"
    came = ", ".join(
        f"{count:,} {kind}" for kind, count in sorted(receipt.rows.items())
    )
    changes = {
        "added": receipt.added, "changed": receipt.changed, "removed": receipt.removed,
        "duplicates dropped": receipt.duplicates, "doubled rows halved": receipt.halved,
    }  # fmt: skip
    did = ", ".join(f"{count:,} {what}" for what, count in changes.items() if count)
    return f"{receipt.unit}: {came}: {did or 'coverage changed'}; vintage {receipt.vintage}"


def _print_json(outcome: Outcome) -> None:
    import msgspec

    found: dict[str, Any] = {
        "units": [
            {**msgspec.to_builtins(r), "unchanged": r.unchanged}
            for r in outcome.receipts
        ],
        "refused": [
            {"unit": e.unit, "row": e.row, "reason": e.reason} for e in outcome.refused
        ],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
