"""washout completion."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")

_BASH_COLONS = """\
# A scope such as binance:BTC is one word.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
"""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script that makes TAB complete commands, views, scopes and formats.

    \b
    washout completion bash > ~/.local/share/bash-completion/completions/washout
    eval "$(washout completion zsh)"       # in ~/.zshrc, after compinit
    washout completion fish > ~/.config/fish/completions/washout.fish
    """
    from click.shell_completion import get_completion_class

    from washout.cli import group

    made = get_completion_class(shell)
    assert made is not None
    script = made(group, {}, "washout", "_WASHOUT_COMPLETE").source()
    click.echo(script + (_BASH_COLONS if shell == "bash" else ""))
