"""washout fetch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from washout.cli._options import instant, json_option, lake_option, now, wait_option
from washout.cli._progress import of_files

if TYPE_CHECKING:
    from washout.collect.fetch import Fetched, Step
    from washout.collect.importing import Outcome


@click.command()
@click.argument("source")
@click.option(
    "--scope", "scopes", multiple=True,
    help="binance:BTC-USDT (a market) or binance:BTC (a coin); repeatable.",
)  # fmt: skip
@click.option(
    "--symbol", "symbols", multiple=True,
    help="The source's own symbol, such as BTCUSDT_PERP.A; repeatable.",
)  # fmt: skip
@click.option(
    "--data", multiple=True,
    help="binance-archive: aggTrades, klines, markPriceKlines, metrics,"
    " liquidationSnapshot, fundingRate; repeatable.",
)  # fmt: skip
@click.option("--bar", help="Width of bars; vendors: 1d unless said.")
@click.option("--spot", is_flag=True, help="binance-archive: the spot market.")
@click.option("--from", "start", required=True, help="First instant, UTC, inclusive.")
@click.option("--to", "stop", help="Last instant, UTC, exclusive; else now.")
@click.option(
    "--into", type=click.Path(path_type=Path), default="downloads", show_default=True,
    help="Folder for what is fetched.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Fetch finished files anew.")
@click.option("--base-url", help="Another server with the same paths.")
@click.option(
    "--calls-per-minute", type=click.IntRange(min=1), help="Your plan's limit."
)
@click.option("--import", "do_import", is_flag=True, help="Import what was fetched.")
@lake_option
@wait_option
@json_option
def command(
    source: str,
    scopes: tuple[str, ...],
    symbols: tuple[str, ...],
    data: tuple[str, ...],
    bar: str | None,
    spot: bool,
    start: str,
    stop: str | None,
    into: Path,
    again: bool,
    base_url: str | None,
    calls_per_minute: int | None,
    do_import: bool,
    lake_path: Path,
    wait: bool,
    as_json: bool,
) -> None:
    """Fetch history from a SOURCE: binance-archive, coinalyze, coinglass, cryptoquant.

    \b
    washout fetch binance-archive --data metrics --scope binance:BTC-USDT --from 2024-08-01 --to 2024-08-10
    washout fetch binance-archive --data liquidationSnapshot --scope binance:BTC-USD --from 2024-08-01 --to 2024-09-01 --import
    washout fetch coinalyze --scope binance:BTC-USDT --scope binance:BTC-USD --from 2021-01-01 --import
    washout fetch coinglass --scope binance:BTC --bar 4h --from 2024-01-01 --import

    \b
    Keys come from the environment only: COINALYZE_API_KEY, COINGLASS_API_KEY,
    CRYPTOQUANT_API_KEY. Another server: --base-url, or WASHOUT_COINALYZE_URL and so on.
    A run that was stopped goes on where it was; finished files are not fetched again.
    Files that the server does not have are named, and are no failure.
    """
    import time

    from washout.clock import parse_bar
    from washout.collect._server import Machine
    from washout.collect.fetch import fetch, find_source
    from washout.collect.sources import Wanted
    from washout.instruments import parse_scope

    chosen, moment = find_source(source), now()
    wanted = Wanted(
        start=instant(start) or 0, stop=min(instant(stop) or moment, moment),
        scopes=tuple(map(parse_scope, scopes)), symbols=symbols, data=data,
        bar=None if bar is None else parse_bar(bar), spot=spot,
    )  # fmt: skip
    with _watching() as watch:
        fetched = fetch(
            chosen, wanted, into / chosen.name, Machine(now, time.sleep), again=again,
            base_url=base_url, calls_per_minute=calls_per_minute, watch=watch,
        )  # fmt: skip
    outcome = _import(fetched, lake_path, wait) if do_import and fetched.files else None
    _report(fetched, outcome, as_json)
    _fail(fetched, outcome)


@contextmanager
def _watching() -> Iterator[Callable[[Step], None]]:
    """A progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.fields[place]}"), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, place="")

        def watch(step: Step) -> None:
            progress.update(
                task, description=Path(step.file).name, completed=step.received, total=step.size,
                place=f"{step.place}/{step.count}",
            )  # fmt: skip

        yield watch


def _import(fetched: Fetched, lake_path: Path, wait: bool) -> Outcome:
    from washout.collect.importing import import_files
    from washout.importers import Options
    from washout.store.lake import Lake

    options, lake = Options(now=now()), Lake.create(lake_path)
    with of_files(len(fetched.files)) as progress:
        return import_files(lake, fetched.files, options, wait=wait, progress=progress)


def _report(fetched: Fetched, outcome: Outcome | None, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(_summary(fetched, outcome), indent=2))
        return
    kept = len(fetched.files) - len(fetched.fresh)
    click.echo(f"{len(fetched.fresh)} fetched, {kept} were there already")
    for path in fetched.files[:1] + fetched.files[1:][-1:]:
        click.echo(f"  {path}")
    if fetched.missing:
        click.echo(f"{len(fetched.missing)} the server does not have:")
        for name in fetched.missing[:10]:
            click.echo(f"  {name}")
        if len(fetched.missing) > 10:
            click.echo(f"  and {len(fetched.missing) - 10} more (--json names all)")
    if outcome is not None:
        _report_import(outcome)


def _report_import(outcome: Outcome) -> None:
    new = [receipt for receipt in outcome.receipts if not receipt.unchanged]
    known = len(outcome.receipts) - len(new)
    rows = sum(receipt.added for receipt in new)
    click.echo(f"{len(new)} imported, {rows} rows added; {known} changed nothing")
    for receipt in new:
        for note in receipt.notes:
            click.echo(f"  {receipt.unit}: {note}")


def _summary(fetched: Fetched, outcome: Outcome | None) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "files": list(map(str, fetched.files)),
        "fresh": list(map(str, fetched.fresh)),
        "missing": fetched.missing,
        "failed": list(map(str, fetched.failed)),
    }
    if outcome is not None:
        summary["imported"] = [receipt.unit for receipt in outcome.receipts]
        summary["refused"] = list(map(str, outcome.refused))
    return summary


def _fail(fetched: Fetched, outcome: Outcome | None) -> None:
    """Raise what went wrong, worst first, after everything good is reported."""
    from washout.errors import FetchError, InputError, NoData

    if fetched.failed:
        more = f" ({len(fetched.failed)} files)" if len(fetched.failed) > 1 else ""
        raise FetchError(f"{fetched.failed[0]}{more}")
    if outcome is not None and outcome.refused:
        for error in outcome.refused[1:]:
            click.echo(f"washout: {error}", err=True)
        first = outcome.refused[0]
        raise InputError(first.reason, unit=first.unit, row=first.row)
    if not fetched.files:
        raise NoData(
            "The server has nothing of what was asked for. Check the scope, --data and"
            " the dates."
        )
