"""washout replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from washout.cli._options import json_option, now
from washout.errors import UsageError

if TYPE_CHECKING:
    from washout.live.pipeline import Facts
    from washout.live.replaying import Replayed


@click.command()
@click.argument(
    "journal", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path),
    help="Folder of the lake that takes the facts.  [default: none does]",
)  # fmt: skip
@click.option(
    "--speed", default="max", show_default=True, metavar="N|max",
    help="So many times as fast as it was recorded.",
)  # fmt: skip
@click.option(
    "--again", is_flag=True,
    help="Tell also what the lake has of this journal: after a repair of a decoder.",
)  # fmt: skip
@click.option("--keep-trades", is_flag=True, help="Store single trades too.")
@click.option("--notices", is_flag=True, help="Print notices as they come.")
@json_option
def command(
    journal: Path, lake_path: Path | None, speed: str, again: bool, keep_trades: bool,
    notices: bool, as_json: bool,
) -> None:  # fmt: skip
    """Replay a recorder's JOURNAL through the code that recorded it.

    \b
    washout replay lake/journal                         what is in it, as health
    washout replay lake/journal --lake lake-again       the same facts, made anew
    washout replay lake/journal --speed 20 --notices    twenty times as fast
    washout replay lake/journal --lake lake --again     after a decoder was mended

    The facts are those that were recorded: time is that of the journal.
    """
    from washout.live.pipeline import Pipeline
    from washout.live.replaying import Pace, replay_into
    from washout.live.settings import Settings
    from washout.store.lake import Lake
    from washout.store.trust import exchanges

    pace = Pace(_times(speed))
    lake = None if lake_path is None else Lake.create(lake_path)
    pipeline = Pipeline(exchanges(), Settings(keep_trades=keep_trades))
    told = replay_into(
        lake, journal, pipeline, pace, now, again=again,
        heard=_print_notices if notices else lambda _facts: None,
    )  # fmt: skip
    if as_json:
        _print_json(told)
        return
    for line in _summary(told):
        click.echo(line)


def _times(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed {text}: write a number above 0, such as 20, or max.")
    return speed


def _print_notices(facts: Facts) -> None:
    from washout.clock import format_time

    for notice in facts.notices:
        click.echo(f"{format_time(notice.ts)} {notice.what}: {notice.text}", err=True)


def _print_json(told: Replayed) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


def _summary(told: Replayed) -> list[str]:
    from washout.clock import format_time

    rows = ", ".join(f"{count:,} {kind}" for kind, count in sorted(told.rows.items()))
    said = ", ".join(f"{count} {what}" for what, count in sorted(told.notices.items()))
    feeds = [
        f"  {feed.exchange}.{feed.line} {feed.want}: {feed.state}, {feed.events:,} events,"
        f" {feed.duplicates:,} duplicates, {feed.late:,} late,"
        f" {feed.decode_errors:,} not understood, {feed.reconnects} reconnects,"
        f" {feed.gaps} gaps"
        for feed in told.health.feeds
    ]
    span = f"{format_time(told.first)} to {format_time(told.last)}"
    return [
        f"{told.entries:,} entries, {told.frames:,} frames, {span}",
        f"facts: {rows or 'none'}",
        f"notices: {said or 'none'}",
        *feeds,
    ]
