"""The quicktake: a chart, its numbers and an honest text about them, from one question."""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from washout._version import __version__
from washout.clock import Time, format_day, format_time, format_width, parse_time
from washout.config import DEFAULT, cfg_hash
from washout.errors import InputError, NoData, UnknownName, UsageError, WashoutError
from washout.present import (
    chart_data,
    elements,
    figures,
    objections,
    provenance,
    run_manifest,
    sentences,
    verdict_section,
)
from washout.present.chart_data import ChartData
from washout.present.chart_words import factor, short_name
from washout.present.findings import Findings
from washout.present.measuring import Candle, find
from washout.present.note import Note, Section, markdown
from washout.present.run_manifest import Question, RunManifest, Source
from washout.store.answer import Store, as_of_what, open_lake
from washout.store.compile import definition_hash
from washout.store.files import replace_file
from washout.store.manifest import NUMBERED, AsOf
from washout.study.judged import Judgement

PICTURES = ("cld.png", "cld.svg")
TEXT, PAGE, MANIFEST = "quicktake.md", "quicktake.html", "manifest.json"
THEMES = ("auto", "light", "dark")
"""`auto`: the page follows the reader's setting, and pictures are light."""

VIEWS = ("liquidations", "cld", "candles", "waves", "wave_track")
"""What a quicktake asks for."""

Progress = Callable[[str], None]
Judge = Callable[[Store, run_manifest.Judging], Judgement]
"""Makes a judgement again from what a manifest kept of it."""


class Quicktake(msgspec.Struct, frozen=True, kw_only=True):
    """A finished note with what it was made of. `question` is fully written out."""

    question: Question
    data: ChartData
    findings: Findings
    note: Note
    source: Source
    definitions: dict[str, str]
    judgement: Judgement | None = None


def make(
    store: Store,
    question: Question,
    *,
    lake: str | None = None,
    judgement: Judgement | None = None,
) -> Quicktake:
    """Ask the lake and write the note, in memory.

    `lake` is how the command line named the lake. It is read at its newest vintage (or
    that of `as_of`), and that vintage is written into the question, so that later
    imports change nothing. With a `judgement` the note says how claims fared; it must be
    of the same scope, and its window may be another one, which the note then states.
    NoData if nobody observed any of the window.
    """
    factor(question.sign)
    if question.theme not in THEMES:
        raise UnknownName("theme", question.theme, THEMES)
    vintage = _pinned(store, question.as_of)
    as_of = f"{NUMBERED}{vintage}"
    data = chart_data.load(
        store, question.scope, bar=question.bar, start=question.start,
        end=question.stop, window=question.window, anchor=question.anchor, as_of=as_of,
    )  # fmt: skip
    asked = parse_time(question.anchor or DEFAULT.anchor)
    question = _written_out(question, data, asked, as_of)
    path = str(store.lake.path) if lake is None else lake
    units = run_manifest.imports(store.lake, vintage)
    source = Source(path=path, from_here=path, vintage=vintage, units=units)
    found = find(data, _candles(store, data, as_of))
    question = _with_claims(question, judgement)
    return Quicktake(
        question=question, data=data, findings=found, source=source,
        note=write_note(found, question, source, asked, judgement),
        definitions=_definitions(store, question), judgement=judgement,
    )  # fmt: skip


def _with_claims(question: Question, judgement: Judgement | None) -> Question:
    """The question that this judgement answers too. UsageError if they do not fit."""
    if judgement is None:
        if question.claims is True:
            raise UsageError(
                f"A note on {question.scope} with claims needs their judgement: judge"
                " them and hand it over."
            )
        return question
    if judgement.scope != question.scope:
        raise UsageError(
            f"Claims were judged on {judgement.scope}, and the note is about"
            f" {question.scope}: judge them on the scope of the note."
        )
    return replace(question, claims=True)


def _pinned(store: Store, as_of: AsOf) -> int:
    """The vintage at which the lake is read. NoData if nothing was known then."""
    manifest = store.lake.manifest()
    vintage = manifest.at(as_of_what(as_of))
    if vintage:
        return vintage
    if not manifest.vintages:
        raise NoData(
            f"{store.lake.path} is empty: `washout import FILE` brings history into it."
        )
    first = format_time(manifest.vintages[0].imported_at)
    raise NoData(
        f"{store.lake.path} was empty at {as_of}; its first import was at {first}. Ask"
        " --as-of a later instant, or leave it out."
    )


def _written_out(
    question: Question, data: ChartData, anchor: Time, as_of: str
) -> Question:
    return replace(
        question, scope=data.scope, bar=format_width(data.bar),
        start=format_day(data.start), stop=format_day(data.stop),
        window=format_width(data.window), anchor=format_day(anchor),
        as_of=as_of,
    )  # fmt: skip


def _candles(store: Store, data: ChartData, as_of: str) -> list[Candle]:
    if data.no_price:
        return []
    answer = store.view(
        "candles", scope=data.scope, bar=format_width(data.bar), start=Time(data.start),
        end=Time(data.stop), as_of=as_of,
    )  # fmt: skip
    columns = ("bar", "open", "high", "low", "close")
    rows = answer.raw().select(columns).to_pylist()
    return [
        Candle(time=row.pop("bar"), **row) for row in rows if row["close"] is not None
    ]


def _definitions(store: Store, question: Question) -> dict[str, str]:
    """Hash of every view's definition, and of what turns their rows into a note."""
    found = {"note": _own_hash()}
    for name in VIEWS:
        settings = (
            {"window": question.window, "anchor": question.anchor}
            if name == "cld" else {}
        )  # fmt: skip
        try:
            answer = store.view(
                name, scope=question.scope, bar=question.bar, as_of=question.as_of,
                **settings,
            )  # fmt: skip
        except (NoData, UnknownName):
            continue
        found[name] = definition_hash(name, answer.plan.settings, "duckdb")
    return found


def _own_hash() -> str:
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def write_note(
    found: Findings,
    question: Question,
    source: Source,
    anchor: Time,
    judgement: Judgement | None = None,
) -> Note:
    """The note that findings call for; `anchor` is the one that was asked for."""
    sign = question.sign
    return Note(
        title=sentences.title(found), lede=sentences.lede(found),
        alt=f"Chart of {short_name(found.about.scope)}: price, rolling net"
        " liquidations, short and long closures, CLD",
        sections=(
            Section(
                title="Key observations", items=sentences.observations(found),
                tables=figures.tables(found, sign)[:1],
            ),
            Section(
                title="The chart, element by element", numbered=True,
                items=elements.four(found, sign),
                tables=figures.tables(found, sign)[1:],
            ),
            *objections.sections(found),
            *([verdict_section.section(judgement)] if judgement else []),
        ),
        facts=provenance.facts(found, sign, source.units, anchor),
        command=command(question, source.path),
    )  # fmt: skip


def command(question: Question, lake: str) -> str:
    """The command that makes the same note from the same lake."""
    options = {
        "scope": question.scope, "bar": question.bar, "from": question.start,
        "to": question.stop, "window": question.window, "anchor": question.anchor,
        "sign": question.sign, "theme": question.theme, "as-of": question.as_of,
        "lake": shlex.quote(lake),
    }  # fmt: skip
    told = [f"--{name} {value}" for name, value in options.items() if value is not None]
    claims = ["--claims"] if question.claims is True else []
    return " ".join(["washout quicktake", *told, *claims])


def render(
    made: Quicktake, *, progress: Progress = lambda _step: None
) -> dict[str, bytes]:
    """The files of a quicktake but for its manifest, by name; `progress` names steps."""
    from washout.present import quicktake_html

    outputs: dict[str, bytes] = {}
    for name in PICTURES:
        progress(f"drawing {name}")
        outputs[name] = _picture(made, name)
    progress(f"writing {PAGE}")
    outputs[PAGE] = quicktake_html.page(
        made.note, made.data, theme=made.question.theme, sign=made.question.sign,
        text=TEXT,
    ).encode()  # fmt: skip
    outputs[TEXT] = markdown(made.note, PICTURES[0]).encode()
    return outputs


def write(
    made: Quicktake,
    outputs: Mapping[str, bytes],
    folder: Path,
    *,
    lake: Path,
    generated_at: str,
) -> RunManifest:
    """Write what `render` gave and, last, the manifest; each file replaced as a whole.

    `generated_at` is an instant in ISO 8601. WashoutError if the folder cannot be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WashoutError(
            f"{folder} cannot be made: {error.strerror}. Name another with --out."
        ) from None
    manifest = run_manifest.manifest_of(
        made.question, command=made.note.command, outputs=outputs,
        source=replace(made.source, from_here=os.path.relpath(lake, folder)),
        definitions=made.definitions, generated_at=generated_at,
        judgement=made.judgement,
    )  # fmt: skip
    for name, content in outputs.items():
        replace_file(folder / name, content)
    replace_file(folder / MANIFEST, run_manifest.encode(manifest))
    return manifest


def again(
    manifest: RunManifest,
    beside: Path,
    *,
    lake: Path | None,
    progress: Progress = lambda _step: None,
    judge: Judge | None = None,
) -> tuple[Quicktake, dict[str, bytes], Path]:
    """Make a quicktake again from its manifest, which lies in the folder `beside`.

    `lake` is where the lake is now; None looks where the manifest says. `judge` makes
    the judgement again, where there was one. Gives the quicktake, its files and the
    lake. LakeError if that is another lake.
    """
    path = lake or run_manifest.lake_of(manifest, beside)
    store = open_lake(path)
    run_manifest.check_lake(manifest, store.lake)
    judgement = None
    if judge is not None and isinstance(manifest.claims, run_manifest.Judging):
        progress("judging claims")
        judgement = judge(store, manifest.claims)
    progress("asking the lake")
    made = make(store, manifest.question, lake=manifest.lake.path, judgement=judgement)
    return made, render(made, progress=progress), path


def up_to_date(made: Quicktake, folder: Path) -> bool:
    """Whether `folder` already holds this quicktake, made in the same way."""
    try:
        held = run_manifest.read(folder / MANIFEST)
        files = {name: (folder / name).read_bytes() for name in held.outputs}
    except (InputError, OSError):
        return False
    same = (held.question, held.definitions, held.lake.units, held.command)
    return (
        same == (made.question, made.definitions, made.source.units, made.note.command)
        and held.claims == run_manifest.judging(made.judgement)
        and set(files) == {*PICTURES, PAGE, TEXT}
        and not run_manifest.differing(held, files)
    )


def claims_up_to_date(made: Quicktake, folder: Path, data_hash: str) -> bool:
    """Whether `folder` holds this quicktake together with claims judged on these data.

    `made` is without a judgement: what a judgement would say is not asked again.
    """
    try:
        held = run_manifest.read(folder / MANIFEST)
        files = {name: (folder / name).read_bytes() for name in held.outputs}
    except (InputError, OSError):
        return False
    asked = replace(made.question, claims=True)
    same = (held.question, held.definitions, held.lake.units, held.command)
    return (
        same
        == (
            asked,
            made.definitions,
            made.source.units,
            command(asked, made.source.path),
        )
        and isinstance(held.claims, run_manifest.Judging)
        and (held.claims.data_hash, held.claims.cfg_hash, held.claims.washout)
        == (data_hash, cfg_hash(), __version__)
        and not run_manifest.differing(held, files)
    )


def _picture(made: Quicktake, name: str) -> bytes:
    from washout.present import chart

    theme = "light" if made.question.theme == "auto" else made.question.theme
    with tempfile.TemporaryDirectory() as scratch:
        path = chart.draw(
            made.data, Path(scratch, name), theme=theme, sign=made.question.sign
        )
        return path.read_bytes()


def findings_json(found: Findings) -> str:
    """Findings as indented JSON: USD in dollars, instants in ISO 8601."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
