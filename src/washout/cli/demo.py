"""washout demo."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from washout.cli._options import now
from washout.cli._steps import steps

if TYPE_CHECKING:
    from washout.present.quicktake import Quicktake
    from washout.store.lake import Lake

SCOPE, START, STOP = "binance:BTC", "2024-01-01", "2025-11-14"
"""What the demo is about; STOP is exclusive, so 2025-11-13 is the last day."""

FILES = {
    "cld.png": "the chart, to post",
    "cld.svg": "the same, to print",
    "quicktake.html": "the note with a chart to zoom; opens without a network",
    "quicktake.md": "the note as text",
    "manifest.json": "everything they were made from",
}


@click.command()
@click.option(
    "--out", "-o", "folder", type=click.Path(path_type=Path, file_okay=False),
    default="washout-demo", show_default=True, help="Folder for the lake and the files.",
)  # fmt: skip
@click.option(
    "--lake", "lake_path", type=click.Path(path_type=Path),
    help="Folder of the lake.  [default: OUT/lake]",
)  # fmt: skip
@click.option(
    "--theme", type=click.Choice(("auto", "light", "dark")), default="auto",
    show_default=True, help="auto: the page follows the reader, pictures are light.",
)  # fmt: skip
@click.option(
    "--sign", type=click.Choice(("flow", "cryptoquant")), default="flow",
    show_default=True, help="flow: net = short - long; cryptoquant: long - short.",
)  # fmt: skip
def command(folder: Path, lake_path: Path | None, theme: str, sign: str) -> None:
    """From the bundled record to chart, note and manifest, in one command.

    \b
    washout demo
    washout demo --out my-demo --theme dark --sign cryptoquant

    Real Binance BTC liquidations, 2024-01-01 to 2025-11-13. A second run does only what
    is not yet done.
    """
    from washout.cli._judging import judge
    from washout.present import quicktake, summary
    from washout.present.run_manifest import Question
    from washout.store.answer import Store
    from washout.study.judging import data_hash

    path = lake_path or folder / "lake"
    with steps() as step:
        lake, news = _lake(path, step)
        step("asking the lake")
        store = Store(lake)
        question = Question(scope=SCOPE, start=START, stop=STOP, theme=theme, sign=sign)
        made = quicktake.make(store, question, lake=str(path))
        if quicktake.claims_up_to_date(made, folder, data_hash(store)):
            drawn = "Chart, note and verdicts were already up to date."
        else:
            step("judging claims")
            judgement = judge(store, SCOPE, as_of=made.question.as_of)
            made = quicktake.make(store, question, lake=str(path), judgement=judgement)
            drawn = _write(made, folder, path, step)
    click.echo(summary.text(made.note, made.findings))
    click.echo(f"{news} {drawn}\n")
    rows = [(str(folder / name), what) for name, what in FILES.items()]
    rows.append((str(path), "the record, as Parquet"))
    click.echo(f"Where it is:\n{summary.aligned(rows)}\n")
    click.echo(f"Try next:\n{_next(path)}")


def _lake(path: Path, step: Callable[[str], None]) -> tuple[Lake, str]:
    """The lake with the sample in it, and what had to be done for that."""
    from washout import sample
    from washout.store.ingest import add_unit
    from washout.store.lake import Lake

    step("importing the bundled record")
    lake = Lake.create(path)
    sha256 = sample.sha256()
    if any(one.sha256 == sha256 for one in lake.vintages()):
        return lake, "The bundled record was already in the lake."
    with lake.writing() as scratch:
        receipt = add_unit(
            lake, scratch, sample.unit(), importer="sample", sha256=sha256, now=now()
        )
    return lake, f"Imported the bundled record: {receipt.added:,} rows."


def _write(
    made: Quicktake, folder: Path, lake: Path, step: Callable[[str], None]
) -> str:
    from washout.clock import format_time
    from washout.present import quicktake

    outputs = quicktake.render(made, progress=step)
    quicktake.write(made, outputs, folder, lake=lake, generated_at=format_time(now()))
    return "Drew the chart, judged the claims and wrote the note."


def _next(path: Path) -> str:
    lake = shlex.quote(str(path))
    hourly = "--scope binance:BTC-USDT --bar 1h --window 7d"
    crash = "--from 2025-10-08 --to 2025-10-13"
    return "\n".join(
        f"  washout {line} --lake {lake}"
        for line in (
            f"query liquidations --scope {SCOPE} {crash}",
            f"quicktake --scope {SCOPE} --from 2021-01-01 --to 2022-01-01 --anchor 2021-01-01",
            f"quicktake {hourly} --from 2024-07-01 --to 2024-08-19",
            "claims judge --out verdicts",
            "list",
        )
    )
