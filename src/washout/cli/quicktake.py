"""washout quicktake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from washout.cli import _complete
from washout.cli._judging import judge, judge_again
from washout.cli._options import json_option, lake_option, now
from washout.cli._steps import steps

OUT = "washout-quicktake"


@click.command()
@click.option(
    "--scope", shell_complete=_complete.scopes,
    help="binance:BTC, binance:BTC-USDT, all:BTC.",
)  # fmt: skip
@click.option("--bar", default="1d", show_default=True, help="1m to 1w.")
@click.option("--from", "start", help="First instant, UTC, inclusive.")
@click.option("--to", "stop", help="Last instant, UTC, exclusive.")
@click.option(
    "--as-of",
    metavar="TIME",
    help="The lake as it was known at this instant, or vintage:3.",
)
@click.option("--window", default="30d", show_default=True, help="Of the rolling net.")
@click.option(
    "--anchor", default="2024-01-01", show_default=True, help="Where CLD starts, UTC."
)
@click.option(
    "--sign", type=click.Choice(("flow", "cryptoquant")), default="flow",
    show_default=True, help="flow: net = short - long; cryptoquant: long - short.",
)  # fmt: skip
@click.option(
    "--theme", type=click.Choice(("auto", "light", "dark")), default="auto",
    show_default=True, help="auto: the page follows the reader, pictures are light.",
)  # fmt: skip
@click.option(
    "--claims", is_flag=True,
    help="Judge all claims on the whole record of the scope, and say how they fared.",
)  # fmt: skip
@click.option(
    "--manifest", "manifest_path", type=click.Path(path_type=Path),
    help="Make again what this manifest.json describes; other options but --out and"
    " --lake are taken from it.",
)  # fmt: skip
@click.option(
    "--out", "-o", "folder", type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for the files.  [default: {OUT}, or that of --manifest]",
)  # fmt: skip
@json_option
@lake_option
@click.pass_context
def command(
    context: click.Context,
    /,
    manifest_path: Path | None,
    folder: Path | None,
    as_json: bool,
    lake_path: Path,
    **asked: Any,
) -> None:
    """Write a market note from the record: chart, numbers, and what they do not show.

    \b
    washout quicktake --scope binance:BTC --from 2024-01-01 --to 2025-06-06 --claims
    washout quicktake --scope binance:BTC-USDT --bar 1h --window 7d --from 2024-08-01 --to 2024-08-10
    washout quicktake --manifest washout-quicktake/manifest.json

    Leaves quicktake.md, quicktake.html, cld.png, cld.svg and manifest.json. From the
    manifest the same note comes out, byte for byte, whatever was imported since.
    --json prints the findings behind the sentences; alone it writes no file.
    """
    source = context.get_parameter_source("lake_path")
    named = source is not click.core.ParameterSource.DEFAULT
    if manifest_path is not None:
        _again(manifest_path, folder, lake_path if named else None)
    elif asked["scope"] is None:
        raise click.UsageError(
            "Say what about: --scope binance:BTC, or --manifest FILE."
        )
    else:
        _make(asked, folder, lake_path, as_json)


def _make(
    asked: dict[str, Any], folder: Path | None, lake_path: Path, as_json: bool
) -> None:
    from washout.clock import format_time
    from washout.present import quicktake, summary
    from washout.present.run_manifest import Question
    from washout.store.answer import open_lake

    store, claims = open_lake(lake_path), asked.pop("claims")
    with steps() as step:
        step("judging claims" if claims else "asking the lake")
        judgement = (
            judge(store, asked["scope"], as_of=asked["as_of"]) if claims else None
        )
        made = quicktake.make(
            store, Question(**asked), lake=str(lake_path), judgement=judgement
        )
        if as_json and folder is None:
            click.echo(quicktake.findings_json(made.findings))
            return
        target = folder or Path(OUT)
        outputs = quicktake.render(made, progress=step)
        quicktake.write(
            made, outputs, target, lake=lake_path, generated_at=format_time(now())
        )
    if as_json:
        click.echo(quicktake.findings_json(made.findings))
        return
    click.echo(summary.text(made.note, made.findings))
    click.echo(f"Written to {target}: {', '.join([*outputs, quicktake.MANIFEST])}")


def _again(path: Path, folder: Path | None, lake_path: Path | None) -> None:
    from washout.errors import WashoutError
    from washout.present import quicktake, run_manifest

    manifest = run_manifest.read(path)
    with steps() as step:
        made, outputs, lake = quicktake.again(
            manifest, path.parent, lake=lake_path, progress=step,
            judge=lambda store, told: judge_again(
                store, told, manifest.question.as_of
            ),
        )  # fmt: skip
    different = run_manifest.differing(manifest, outputs)
    told = ", ".join(run_manifest.changes(manifest, made.definitions)) or "unknown"
    target = folder or path.parent
    if not different or target.resolve() != path.parent.resolve():
        quicktake.write(
            made, outputs, target, lake=lake, generated_at=manifest.generated_at
        )
        click.echo(f"Written to {target}: {', '.join([*outputs, quicktake.MANIFEST])}")
    if quicktake.TEXT in different:
        raise WashoutError(
            f"{quicktake.TEXT} is not what the manifest describes; reason: {told}."
            f" {'It was written to ' + str(target) if folder else 'Nothing was written'}."
        )
    if different:
        click.echo(
            f"The text is the same; {', '.join(different)} differ; reason: {told}."
        )
    else:
        click.echo("Every file is the same as the manifest says, byte for byte.")
