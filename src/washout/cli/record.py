"""washout record."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from washout.cli._options import lake_option, now

if TYPE_CHECKING:
    import socket

    from washout.instruments import Scope
    from washout.live.recorder import Recorder, Settings

WANTS = ("liquidations", "trades", "mark_price", "open_interest", "funding_rate")


@click.command()
@click.argument("scopes", nargs=-1, metavar="[SCOPE]...")
@lake_option
@click.option(
    "--want", "wants", multiple=True, type=click.Choice(WANTS),
    help="What to record; repeatable. All of it unless said.",
)  # fmt: skip
@click.option(
    "--twins/--no-twins", default=True, show_default=True,
    help="Two connections for everything, so that one may fail.",
)  # fmt: skip
@click.option(
    "--durability", type=click.Choice(["1s", "sync"]), default="1s", show_default=True,
    help="What a crash may cost: a second of frames, or none that was acknowledged.",
)  # fmt: skip
@click.option(
    "--commit-every", default="60s", show_default=True, metavar="DURATION",
    help="How often facts are put into the lake.",
)  # fmt: skip
@click.option(
    "--listen", default="127.0.0.1:8377", show_default=True, metavar="HOST:PORT",
    help="Where /health, /metrics and /tape are served; `off` for nowhere.",
)  # fmt: skip
@click.option(
    "--journal", type=click.Path(path_type=Path), help="Its folder; else LAKE/journal."
)
@click.option("--keep-trades", is_flag=True, help="Store single trades beside totals.")
@click.option(
    "--keep-journal", type=click.IntRange(min=0), default=7, show_default=True,
    metavar="DAYS", help="Delete what is older and in the lake; 0 keeps all.",
)  # fmt: skip
@click.option(
    "--url", "urls", multiple=True, metavar="EXCHANGE.LINE=URL",
    help="Another address of a websocket; EXCHANGE=URL for all its lines. Repeatable.",
)  # fmt: skip
@click.option(
    "--rest", "rests", multiple=True, metavar="EXCHANGE=URL",
    help="Another host for listings and polls; HOST=URL for one of several. Repeatable.",
)  # fmt: skip
@click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of alerts; `washout alerts init` writes one.",
)  # fmt: skip
@click.option("--for", "duration", metavar="DURATION", help="Stop after so long.")
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path),
    help="A file that rotates; else stderr. JSON, but short lines on a terminal.",
)  # fmt: skip
def command(
    scopes: tuple[str, ...],
    lake_path: Path,
    wants: tuple[str, ...],
    twins: bool,
    durability: str,
    commit_every: str,
    listen: str,
    journal: Path | None,
    keep_trades: bool,
    keep_journal: int,
    urls: tuple[str, ...],
    rests: tuple[str, ...],
    rules_path: Path | None,
    duration: str | None,
    log_path: Path | None,
) -> None:
    """Record what venues push: liquidations, trades, prices, open interest, funding.

    \b
    washout record                        binance:BTC bybit:BTC okx:BTC
    washout record binance:BTC okx:*      all Binance BTC perpetuals, all of OKX
    washout record all:BTC --want liquidations
    washout record bybit:BTC --url bybit=ws://127.0.0.1:9001 --rest bybit=http://127.0.0.1:9001

    Ends in order on Ctrl-C or SIGTERM. After a crash or kill, the next start brings what
    the journal has into the lake and records what is missing as a gap. `washout health`
    says how it goes. Proxies come from HTTPS_PROXY and NO_PROXY.
    """
    from washout.live.recorder import Settings
    from washout.live.venues import Where
    from washout.live.wiring import DEFAULT_SCOPES, recordable, wishes
    from washout.live.wiring import WANTS as ALL

    chosen = tuple(want for want in ALL if want in wants) or ALL
    known = recordable()
    settings = Settings(
        lake=lake_path, journal=journal or lake_path / "journal",
        wishes=tuple(wishes(_scopes(scopes or DEFAULT_SCOPES), chosen, known)),
        wants=chosen, durability="sync" if durability == "sync" else "1s",
        where=Where(
            twins=twins, urls=_addresses("--url", urls, ("ws://", "wss://")),
            rests=_addresses("--rest", rests, ("http://", "https://")),
        ),
        commit_every=_seconds("--commit-every", commit_every),
        keep_journal=keep_journal * 86_400_000_000 or None, keep_trades=keep_trades,
    )  # fmt: skip
    limit = None if duration is None else _seconds("--for", duration)
    _record(settings, listen, limit, log_path, rules_path)


def _scopes(texts: tuple[str, ...]) -> list[Scope]:
    from washout.instruments import parse_scope

    return [parse_scope(text) for text in texts]


def _seconds(option: str, text: str) -> float:
    from washout.clock import SECOND, parse_width
    from washout.errors import UsageError

    try:
        return parse_width(text) / SECOND
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def _addresses(
    option: str, pairs: tuple[str, ...], schemes: tuple[str, ...]
) -> dict[str, str]:
    """`NAME=URL` as a dictionary."""
    from washout.errors import UsageError

    found = {}
    for pair in pairs:
        name, _, url = pair.partition("=")
        if not (name and url.startswith(schemes)):
            raise UsageError(
                f"{option} {pair}: write NAME=URL with a URL that begins with"
                f" {' or '.join(schemes)}."
            )
        found[name] = url
    return found


def _record(
    settings: Settings, listen: str, limit: float | None, log_path: Path | None,
    rules_path: Path | None,
) -> None:  # fmt: skip
    """Take the locks, mend what a crash left, record, and let go of everything."""
    from washout.live.logs import set_up
    from washout.live.rules import read_rules
    from washout.live.starting import opened
    from washout.live.warning import warning

    rules = read_rules(rules_path) if rules_path else None
    with ExitStack() as stack:
        handler = set_up(log_path)
        stack.callback(handler.close)
        listening = _listening(listen, stack)
        recorder = stack.enter_context(opened(settings, now))
        if rules is not None:
            hook = stack.enter_context(warning(recorder.committer.lake, rules, now))
            recorder.hooks += (hook,)
        asyncio.run(_run(recorder, listening, limit))


def _listening(address: str, stack: ExitStack) -> socket.socket | None:
    if address == "off":
        return None
    from washout.live.serving import listen_at

    return stack.enter_context(listen_at(address))


async def _run(
    recorder: Recorder, listening: socket.socket | None, limit: float | None
) -> None:
    """Record until a signal comes or the time is over; a second signal ends at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, recorder)
    if limit is not None:
        loop.call_later(limit, recorder.stopping.set)
    await recorder.run(listening)


def _stop(recorder: Recorder) -> None:
    if recorder.stopping.is_set():
        # The journal has what it acknowledged; the next start brings it in.
        os._exit(130)
    recorder.stopping.set()
