"""washout simulate."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from washout.cli import _complete
from washout.cli._options import json_option, now
from washout.cli._steps import steps

if TYPE_CHECKING:
    from washout.testing.exchange import FakeExchange


@click.group()
def command() -> None:
    """Markets of which the truth is known, to try views, rules and claims on.

    \b
    washout simulate worlds                                 what there is
    washout simulate market null0 --out lake-null0          two years, by the hour
    washout query cld --scope simulated:BTC --param anchor=2021-01-01 --lake lake-null0

    washout simulate serve binance bybit.linear             exchanges to record from

    A claim that is found true in a world without any effect was found by chance.
    """


@command.command()
@json_option
def worlds(as_json: bool) -> None:
    """List the worlds: what liquidations do to price in each.

    \b
    washout simulate worlds
    washout simulate worlds --json
    """
    import msgspec

    from washout.testing.worlds import WORLDS

    if as_json:
        _print_json([msgspec.to_builtins(world) for world in WORLDS.values()])
        return
    for world in WORLDS.values():
        click.echo(f"{world.name:<12} {world.title}; {world.days} days")


@command.command()
@click.argument("world", shell_complete=_complete.worlds)
@click.option(
    "--out", "-o", "path", type=click.Path(path_type=Path), required=True,
    help="Folder of the new lake.",
)  # fmt: skip
@click.option("--days", type=int, help="How long.  [default: the world's]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--bar", default="1h", show_default=True, help="1m to 1d.")
@json_option
def market(
    world: str, path: Path, days: int | None, seed: int, bar: str, as_json: bool
) -> None:
    """Write the market of a WORLD into a new lake.

    \b
    washout simulate market null0 --out lake-null0
    washout simulate market p1 --out lake-p1 --days 400 --seed 7 --bar 4h
    washout query liquidations --scope simulated:BTC --bar 1d --lake lake-p1

    Liquidations, candles and taker flow of perpetual and spot, open interest and
    funding from 2021-01-01 on. One seed gives one market, always the same; the same
    seed in another world meets the same shocks.
    """
    from washout.clock import parse_bar
    from washout.testing.worlds import find_world

    known, width = find_world(world), parse_bar(bar)
    with steps() as step:
        step(f"simulating {world}")
        from washout.testing.simulated_facts import simulated_lake

        made = simulated_lake(path, known, seed=seed, days=days, bar=width, now=now())[
            1
        ]
    told = {
        "lake": str(path), "scope": "simulated:BTC", "world": world, "seed": seed,
        "days": known.days if days is None else days, "bar": bar, "rows": made.rows,
    }  # fmt: skip
    if as_json:
        _print_json(told)
        return
    click.echo(f"{path}: {made.unit}: {made.added:,} rows.\n")
    click.echo(f"Try next:\n{_next(path, bar)}")


@command.command()
@click.argument("venues", nargs=-1, metavar="[VENUE]...")
@click.option(
    "--port",
    type=click.IntRange(0, 65_000),
    default=0,
    show_default=True,
    help="Of the first line, the others follow; 0 takes free ones.",
)
@click.option(
    "--speed",
    type=float,
    default=1.0,
    show_default=True,
    help="How many times as fast as the clock the market goes.",
)
@click.option("--assets", default="BTC,ETH", show_default=True, help="Of the market.")
@click.option(
    "--faults",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of what goes wrong and when.",
)
@click.option(
    "--frames",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSONL file of recorded frames to play instead of a market.",
)
@click.option(
    "--ledger",
    "book",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSONL file for what was sent to whom, written at the end.",
)
@click.option("--lasts", type=float, help="Seconds to run.  [default: until stopped]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def serve(
    venues: tuple[str, ...],
    port: int,
    speed: float,
    assets: str,
    faults: Path | None,
    frames: Path | None,
    book: Path | None,
    lasts: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Exchanges on this machine that speak the protocols of VENUEs (all by default).

    \b
    washout simulate serve binance okx.public --port 9000
    washout simulate serve binance --faults faults.toml --ledger sent.jsonl
    washout simulate serve --frames frames.jsonl --speed 10

    A venue (binance) or one line of it (binance.usdm). Websocket and REST share a port.
    They answer, ping, limit and cut as the venues document, and print forced orders,
    trades and mark prices of one made-up market.

    \b
    # faults.toml: what goes wrong, in seconds of market time
    [[fault]]
    at = 60
    kind = "silence"       # or drop, half_open, malformed, rate_limit, burst, ...
    venue = "binance.usdm"
    lasts = 120
    """
    from washout.testing.exchange import FakeExchange

    fake = FakeExchange(
        venues, assets=[one.strip().upper() for one in assets.split(",")], speed=speed,
        seed=seed, begin=now(), faults=faults or (), frames=frames, port=port,
    )  # fmt: skip
    with fake:
        if as_json:
            _print_json(
                {
                    "urls": fake.urls(),
                    "options": fake.options(),
                    "begin": fake.now(),
                    "speed": speed,
                }
            )
        else:
            click.echo(
                _addresses(fake, assets.split(",", maxsplit=1)[0].strip().upper())
            )
        _wait(lasts)
    if book is not None:
        fake.ledger.write(book)
    sent = fake.ledger.delivered()
    told = (
        f"{len(fake.ledger.connections)} connections, {len(sent):,} forced orders sent"
    )
    click.echo(f"Stopped: {told}.", err=True)


def _addresses(fake: FakeExchange, asset: str) -> str:
    lines = "\n".join(f"  {name:<20} {url}" for name, url in fake.urls().items())
    scopes = " ".join(sorted({f"{one.exchange}:{asset}" for one in fake.protocols}))
    told = iter(fake.options())
    places = "".join(f" \\\n    {one} {next(told)}" for one in told)
    return (
        f"Listening until stopped (Ctrl-C):\n{lines}\n\n"
        f"Record from it:\n  washout record {scopes} --lake lake-fake{places}"
    )


def _wait(lasts: float | None) -> None:
    import signal
    import threading

    stopped = threading.Event()
    before = {
        one: signal.signal(one, lambda *_: stopped.set())
        for one in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        stopped.wait(lasts)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _next(path: Path, bar: str) -> str:
    lake = shlex.quote(str(path))
    return "\n".join(
        f"  washout {line} --lake {lake}"
        for line in (
            f"query liquidations --scope simulated:BTC --bar {bar} --to 2021-01-03",
            "query cld --scope simulated:BTC --param anchor=2021-01-01",
            "list",
        )
    )


def _print_json(found: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
