"""Options that commands share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from washout.cli import _complete
from washout.clock import Time, parse_time
from washout.errors import UsageError

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
                shell_complete=_complete.scopes,
                help="binance:BTC, binance:BTC-USDT, all:BTC, binance:*; repeatable.",
            ),
            click.option("--bar", default="1d", show_default=True, help="1m to 1w."),
            click.option("--from", "start", help="First instant, UTC, inclusive."),
            click.option("--to", "stop", help="Last instant, UTC, exclusive."),
            click.option(
                "--as-of", metavar="TIME",
                help="The lake as it was known at this instant, or vintage:3.",
            ),
            click.option(
                "--param", "params", multiple=True, metavar="NAME=VALUE",
                shell_complete=_complete.parameters,
                help="A setting of the view, such as window=7d; repeatable.",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def settings(params: tuple[str, ...], option: str = "--param") -> dict[str, str]:
    """`--param name=value` as a dictionary."""
    pairs = [param.partition("=") for param in params]
    for (name, separator, value), param in zip(pairs, params, strict=True):
        if not (separator and name.strip() and value.strip()):
            raise UsageError(
                f"{option} {param}: write NAME=VALUE, such as {_EXAMPLES[option]}."
            )
    return {name.strip(): value.strip() for name, _, value in pairs}


_EXAMPLES = {"--param": "window=7d", "--map": "time=utc_open,long_usd=longs"}
