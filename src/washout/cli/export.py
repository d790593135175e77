"""washout export."""

from __future__ import annotations

from pathlib import Path

import click

from washout.cli import _complete
from washout.cli._options import instant, lake_option, question_options, settings
from washout.errors import UsageError

ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".arrow": "arrow"}


@click.command()
@click.argument("view", required=False, shell_complete=_complete.views)
@question_options
@click.option(
    "--kind", shell_complete=_complete.kinds,
    help="Facts instead of a view: liquidation, liquidation_total, trade, candle, ...",
)  # fmt: skip
@lake_option
@click.option(
    "--output", "-o", "path", type=click.Path(path_type=Path, dir_okay=False),
    required=True, help="FILE.csv, FILE.json, FILE.parquet or FILE.arrow.",
)  # fmt: skip
def command(
    view: str | None,
    scopes: tuple[str, ...],
    bar: str,
    start: str | None,
    stop: str | None,
    as_of: str | None,
    params: tuple[str, ...],
    kind: str | None,
    lake_path: Path,
    path: Path,
) -> None:
    """Write a VIEW, or the facts themselves, to a file.

    \b
    washout export cld --scope binance:BTC --bar 1d -o cld.parquet
    washout export liquidations --scope 'binance:*' --from 2024-08-01 --to 2024-09-01 -o august.csv
    washout export --kind liquidation_total --scope binance:BTC -o facts.parquet

    The ending of FILE says what is written. Facts are written as Parquet that `washout
    import` takes back, with what says when they were watched for. The file appears
    when it is whole.
    """
    if (view is None) == (kind is None):
        raise UsageError(
            "Say what to export: a VIEW such as cld, or --kind such as liquidation_total."
        )
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"-o {path}: expected a name ending in {', '.join(ENDINGS)}.")
    if kind is not None:
        if path.suffix.lower() != ".parquet":
            raise UsageError(f"-o {path}: facts are written as FILE.parquet.")
        if params:
            raise UsageError("--param is a setting of a view; facts have none.")
        rows = _facts(
            kind, scopes, instant(start), instant(stop), as_of, lake_path, path
        )
        click.echo(f"{path}: {rows:,} {kind}")
        return
    from washout.present import tables
    from washout.store.answer import open_lake

    answer = open_lake(lake_path).view(
        str(view), scope=scopes, bar=bar, start=instant(start), end=instant(stop),
        as_of=as_of, **settings(params),
    )  # fmt: skip
    tables.write(answer, ENDINGS[path.suffix.lower()], path)
    click.echo(f"{path}: {len(answer):,} rows of {view}")


def _facts(
    kind: str,
    scopes: tuple[str, ...],
    start: int | None,
    stop: int | None,
    as_of: str | None,
    lake_path: Path,
    path: Path,
) -> int:
    from washout.importers import washout_parquet
    from washout.present.tables import new_file
    from washout.store.answer import as_of_what
    from washout.store.export import facts
    from washout.store.lake import Lake

    found = facts(
        Lake.open(lake_path), kind, scopes, start=start, stop=stop,
        as_of=as_of_what(as_of),
    )  # fmt: skip
    with new_file(path) as temporary:
        return washout_parquet.write(temporary, kind, found.batches, found.beside)
