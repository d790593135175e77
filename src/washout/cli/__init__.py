"""The command line: one small module a command, found by scanning this folder."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module
from typing import NoReturn

import click

from washout._version import __version__
from washout.errors import WashoutError

EPILOG = """\b
Exit codes: 0 done; 1 failed; 2 wrong question; 3 no data for it; 4 bad input
(good units of the same call are kept); 5 lake not readable or writable; 6 a server
refused; 7 the ledger of tests was changed."""


class _Commands(click.Group):
    """Loads a command's module when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        found = pkgutil.iter_modules(__path__)
        return sorted(m.name.strip("_") for m in found if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for name in (cmd_name, cmd_name + "_"):
            if name.strip("_") in self.list_commands(ctx):
                try:
                    command: click.Command = import_module(
                        f"washout.cli.{name}"
                    ).command
                except ModuleNotFoundError as error:
                    if error.name != f"washout.cli.{name}":
                        raise
                else:
                    return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if (
            args
            and not args[0].startswith("-")
            and self.get_command(ctx, args[0]) is None
        ):
            from washout.errors import UnknownName

            raise UnknownName("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="washout")
def group() -> None:
    """Liquidation analytics that can be checked.

    \b
    washout demo                          the bundled record: chart, note, manifest
    washout import FILE...                add history to a lake
    washout query cld --scope binance:BTC --bar 1d --from 2024-01-01
    """


def main() -> None:
    """Run the command line; errors of ours go to stderr as one line."""
    try:
        group.main(prog_name="washout", standalone_mode=False)
        sys.stdout.flush()
    except WashoutError as error:
        _stop(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _stop(f"{error.format_message()}{_hint(error)}", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _stop("stopped", 130)
    except BrokenPipeError:
        # Who read our output has seen enough; Python would complain at its own exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        _stop(f"{error.filename}: {error.strerror}.", 1)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(f"washout: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" See `{context.command_path} --help`." if context else ""
