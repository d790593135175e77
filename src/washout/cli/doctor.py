"""washout doctor."""

from __future__ import annotations

from pathlib import Path

import click

from washout.cli._options import json_option, lake_option


@click.command()
@lake_option
@json_option
@click.pass_context
def command(ctx: click.Context, lake_path: Path, as_json: bool) -> None:
    """Check the installation and a lake; say what is wrong and what to do.

    \b
    washout doctor
    washout doctor --lake washout-demo/lake --json

    Looks at Python, the libraries and whether their versions are supported, the cache
    folder, and the lake: its manifest, every part, what crashed writers left, who is
    writing, free disk. Nothing is changed. Exit code 1 when something is wrong.
    """
    from washout.store.checks import examine

    source = ctx.get_parameter_source("lake_path")
    named = source is not None and source.name != "DEFAULT"
    checks = examine(lake_path, lake_expected=named)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=2).decode())
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            click.echo(
                f"{'ok' if check.ok else 'WRONG':<6}{check.name:<{width}}  {check.says}"
            )
            if not check.ok:
                click.echo(f"{'':<6}{'':<{width}}  -> {check.remedy}")
    if not all(check.ok for check in checks):
        raise SystemExit(1)
