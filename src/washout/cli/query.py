"""washout query."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from washout.cli import _complete
from washout.cli._options import instant, lake_option, question_options, settings
from washout.errors import UsageError

if TYPE_CHECKING:
    from washout.store.answer import Answer

BINARY = ("parquet", "arrow")
FORMATS = ("table", "csv", "json", *BINARY)


@click.command()
@click.argument("view", shell_complete=_complete.views)
@question_options
@lake_option
@click.option(
    "--format", "output", type=click.Choice(FORMATS), default="table", show_default=True
)
@click.option("--output", "-o", "path", type=click.Path(path_type=Path), help="A file.")
def command(
    view: str,
    scopes: tuple[str, ...],
    bar: str,
    start: str | None,
    stop: str | None,
    as_of: str | None,
    params: tuple[str, ...],
    lake_path: Path,
    output: str,
    path: Path | None,
) -> None:
    """Ask for a VIEW: one row per bar, USD in dollars, missing values null.

    \b
    washout query liquidations --scope binance:BTC --bar 1d --from 2024-08-01 --to 2024-08-10
    washout query cld --scope binance:BTC --param window=7d --param anchor=2024-06-01
    washout query liquidations --scope binance:BTC-USDT --bar 1h --format json
    washout query liquidations --scope 'binance:*' --as-of 2025-01-01 -o all.csv --format csv

    With several scopes, or a wildcard, rows start with their `scope`.
    `washout list views` says which views there are and what can be set.
    """
    from washout.store.answer import open_lake

    _refuse_binary_on_a_terminal(output, path)
    answer = open_lake(lake_path).view(
        view, scope=scopes, bar=bar, start=instant(start), end=instant(stop),
        as_of=as_of, **settings(params),
    )  # fmt: skip
    _write(answer, output, path)


def _refuse_binary_on_a_terminal(output: str, path: Path | None) -> None:
    if output in BINARY and path is None and sys.stdout.isatty():
        raise UsageError(f"--format {output} is binary: name a file with -o FILE.")


def _write(answer: Answer, output: str, path: Path | None) -> None:
    from washout.present import tables
    from washout.store import graph

    if path is not None:
        tables.write(answer, output, path)
    elif output in tables.BINARY:
        tables.write_binary(answer, output, sys.stdout.buffer)
    else:
        for piece in tables.text(answer, output):
            click.echo(piece, nl=False)
        if output == "table" and (said := graph.limits(answer.plan.view)):
            click.echo(f"\n{said}")
