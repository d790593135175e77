"""washout claims."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from washout.cli import _complete
from washout.cli._options import instant, json_option, lake_option, now
from washout.cli._steps import steps


@click.group()
def command() -> None:
    """What is said about liquidations, as tests that were fixed beforehand.

    \b
    washout claims list                                    what there is
    washout claims show H4a                                one claim, whole
    washout claims judge --scope binance:BTC --lake washout-demo/lake
    washout claims judge H4a H4b --scope binance:BTC --bar 4h --from 2024-11-13

    Every test is written into a ledger (claims.jsonl in the lake) before its data are
    read. The last quarter of the time is opened once for each test.
    """


@command.command("list")
@json_option
def list_claims(as_json: bool) -> None:
    """List the claims: id, test and statement.

    \b
    washout claims list
    washout claims list --json
    """
    from washout.study.judging import all_claims

    found = [_described(claim) for claim in all_claims().values()]
    if as_json:
        _print_json(found)
        return
    for one in found:
        click.echo(f"{one['id']:<6}{one['test']:<13}{one['says']}")


@command.command()
@click.argument("claim_id", metavar="ID", shell_complete=_complete.claims)
@json_option
def show(claim_id: str, as_json: bool) -> None:
    """Show one claim: what it says, what it tests, and how.

    \b
    washout claims show H4a
    """
    from washout.study.judging import find_claims

    told = _described(find_claims([claim_id])[0])
    if as_json:
        _print_json(told)
        return
    for name, value in told.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name + ':':<12}{shown}")


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=_complete.claims)
@click.option(
    "--scope", default="binance:BTC", show_default=True,
    shell_complete=_complete.scopes, help="binance:BTC, binance:BTC-USDT, all:BTC.",
)  # fmt: skip
@click.option("--bar", help="Bars of liquidations.  [default: the finest that lasts]")
@click.option("--from", "start", help="First instant, UTC, inclusive.")
@click.option("--to", "stop", help="Last instant, UTC, exclusive.")
@click.option(
    "--ledger", type=click.Path(path_type=Path, dir_okay=False),
    help="Where tests are written down.  [default: claims.jsonl in the lake]",
)  # fmt: skip
@click.option("--author", help="Who judges.  [default: the user's name]")
@click.option(
    "--out", "-o", "path", type=click.Path(path_type=Path, file_okay=False),
    help="A folder for the table as Markdown, HTML and JSON, and one figure a claim.",
)  # fmt: skip
@lake_option
@json_option
def judge(
    ids: tuple[str, ...], scope: str, bar: str | None, start: str | None,
    stop: str | None, ledger: Path | None, author: str | None, path: Path | None,
    lake_path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Judge claims on the record of a scope; all of them if none is named.

    \b
    washout claims judge --scope binance:BTC --lake washout-demo/lake
    washout claims judge H4a H4b --bar 4h --from 2024-11-13 --to 2025-11-14 --json
    washout claims judge --out verdicts

    A verdict is supported, contradicted or inconclusive, and says why. It rests on the
    first three quarters of the time, and on the last one for its sign. Both readings of
    the chart's sign are judged.
    """
    from washout.clock import parse_bar
    from washout.present.verdict_files import write_verdicts
    from washout.present.verdicts import as_json as json_text
    from washout.present.verdicts import terminal
    from washout.store.answer import open_lake
    from washout.study.judging import judge_claims

    with steps() as step:
        step("judging claims")
        judgement = judge_claims(
            open_lake(lake_path), scope=scope, names=ids, now=now(),
            bar=None if bar is None else parse_bar(bar), begin=instant(start),
            end=instant(stop), ledger=ledger, author=author or getpass.getuser(),
        )  # fmt: skip
        if path is not None:
            step("drawing figures")
            write_verdicts(judgement, path)
    click.echo(json_text(judgement) if as_json else terminal(judgement))
    if path is not None and not as_json:
        click.echo(f"Verdicts and figures are in {path}.")


def _described(claim: Any) -> dict[str, Any]:
    return {
        "id": claim.id, "says": claim.says, "post": claim.post, "test": claim.test,
        "compared": claim.benchmark, "horizon": claim.horizon, "also": list(claim.also),
        "unit": claim.unit, "smallest": f"{claim.smallest:g}", "family": claim.family,
        "seed": str(claim.seed), "how": _how(claim),
    }  # fmt: skip


def _how(claim: Any) -> str:
    return " ".join((claim.question.__doc__ or "").split())


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
