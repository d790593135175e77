"""Options that commands share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from washout.clock import Time, parse_time

Command = TypeVar("Command", bound=Callable[..., Any])

lake_option = click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path), envvar="WASHOUT_LAKE",
    default="lake", show_default=True, show_envvar=True, help="Folder of the lake.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wait_option = click.option(
    "--wait", is_flag=True, help="Wait for another writer instead of refusing."
)


def now() -> Time:
    """The wall clock, in microseconds: read here and at the sockets, nowhere else."""
    return Time(time.time_ns() // 1000)


def instant(text: str | None) -> Time | None:
    """An option that holds a date or instant."""
    return None if text is None else parse_time(text)


def question_options(command: Command) -> Command:
    """--scope, --bar, --from, --to, --as-of, --param."""
    for option in reversed(
        [
            click.option(
                "--scope", "scopes", multiple=True, required=True,
                help="binance:BTC, binance:BTC-USDT, all:BTC, binance:*; repeatable.",
            ),
            click.option("--bar", default="1d", show_default=True, help="1m to 1w."),
            click.option("--from", "start", help="First instant, UTC, inclusive."),
            click.option("--to", "stop", help="Last instant, UTC, exclusive."),
            click.option("--as-of", help="The lake as it was known at this instant."),
            click.option(
                "--param", "params", multiple=True, metavar="NAME=VALUE",
                help="A setting of the view, such as window=7d; repeatable.",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def settings(params: tuple[str, ...]) -> dict[str, str]:
    """`--param name=value` as a dictionary."""
    pairs = [param.partition("=") for param in params]
    for name, separator, _ in pairs:
        if not separator:
            raise click.UsageError(
                f"--param {name}: write NAME=VALUE, such as window=7d."
            )
    return {name: value for name, _, value in pairs}
