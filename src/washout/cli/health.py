"""washout health."""

from __future__ import annotations

from pathlib import Path

import click

from washout.cli._options import json_option, lake_option, now


@click.command()
@lake_option
@json_option
def command(lake_path: Path, as_json: bool) -> None:
    """Say what a recorder observes, what is silent or missing, and how old that is.

    \b
    washout health                 exit code 0: all is well; 1: something is wrong
    washout health --json          the same as data; `wrong` holds the sentences

    Read from LAKE/health.json, which a recorder writes every two seconds: one that died
    is known by the age of the file.
    """
    from washout.live.report import age_troubles, read, words

    report, moment = read(lake_path), now()
    wrong = (*age_troubles(report, moment), *report.wrong)
    if as_json:
        import msgspec

        told = msgspec.structs.replace(report, wrong=wrong)
        pretty = msgspec.json.format(msgspec.json.encode(told), indent=2)
        click.echo(pretty.decode())
    else:
        for line in words(report, moment):
            click.echo(line)
    if wrong:
        raise SystemExit(1)
