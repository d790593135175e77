"""washout query."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from washout.cli._options import instant, lake_option, question_options, settings

if TYPE_CHECKING:
    from washout.store.answer import Answer

FORMATS = ("table", "csv", "json", "parquet", "arrow")


@click.command()
@click.argument("view")
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

    `washout list views` says which views there are and what can be set.
    """
    from washout.store.answer import open_lake

    answer = open_lake(lake_path).view(
        view, scope=scopes, bar=bar, start=instant(start), end=instant(stop),
        as_of=instant(as_of), **settings(params),
    )  # fmt: skip
    _write(answer, output, path)


def _write(answer: Answer, output: str, path: Path | None) -> None:
    from washout.present import tables

    if output in ("parquet", "arrow"):
        if path is None and sys.stdout.isatty():
            raise click.UsageError(f"--format {output} is binary: name a file with -o.")
        tables.write_binary(answer, output, path)
        return
    columns, rows = answer.tuples()
    text = tables.TEXT[output](columns, list(rows))
    if path is None:
        click.echo(text, nl=False)
    else:
        path.write_text(text, encoding="utf-8")
