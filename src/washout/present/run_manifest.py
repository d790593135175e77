"""The manifest of a quicktake: everything it was made from, so that it can be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from washout._version import __version__
from washout.clock import format_day, format_time
from washout.config import cfg_hash
from washout.errors import InputError, LakeError
from washout.present.verdicts import as_json
from washout.store.lake import Lake
from washout.study.judged import Judgement

FORMAT = 1
"""Layout of this file; a larger one is refused."""


class Question(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "stop": "to"}
):
    """What a quicktake is about, as the command line writes it.

    `start` is inclusive, `stop` exclusive, both UTC; None asks for the whole record.
    `as_of` is an instant or `vintage:N`: the lake as it was then.
    """

    scope: str
    bar: str = "1d"
    start: str | None = None
    stop: str | None = None
    window: str | None = None
    anchor: str | None = None
    sign: str = "flow"
    theme: str = "auto"
    as_of: str | None = None
    claims: bool | msgspec.UnsetType = msgspec.UNSET
    """True: with the section on judged claims. Unset, it leaves no trace in the file."""


class Judging(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "stop": "to"}
):
    """What a judgement was made of, so that it can be made again and compared.

    `specs` are hashes by claim; `sha256` is that of the judgement as `verdicts.as_json`
    writes it.
    """

    scope: str
    start: str
    stop: str
    bar: str
    step: str
    ledger_head: str
    specs: dict[str, str]
    cfg_hash: str
    data_hash: str
    washout: str
    sha256: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of the lake: its vintage, name, importer, and the sha256 of its file."""

    vintage: int
    unit: str
    importer: str
    imported_at: str
    sha256: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The lake: where it was, and every unit that it was made of at `vintage`."""

    path: str
    from_here: str
    vintage: int
    units: tuple[Import, ...]


class RunManifest(msgspec.Struct, frozen=True, kw_only=True):
    """All inputs and the sha256 of each output."""

    format: int
    washout: str
    generated_at: str
    question: Question
    command: str
    lake: Source
    cfg_hash: str
    definitions: dict[str, str]
    outputs: dict[str, str]
    claims: Judging | msgspec.UnsetType = msgspec.UNSET
    """Of the judgement in the note, if it has one."""


def imports(lake: Lake, vintage: int) -> tuple[Import, ...]:
    """The units of `lake` up to `vintage`, oldest first."""
    return tuple(
        Import(
            vintage=one.id, unit=one.unit, importer=one.importer, sha256=one.sha256,
            imported_at=format_time(one.imported_at),
        )
        for one in lake.vintages()
        if one.id <= vintage
    )  # fmt: skip


def manifest_of(
    question: Question,
    *,
    command: str,
    source: Source,
    definitions: dict[str, str],
    outputs: Mapping[str, bytes],
    generated_at: str,
    judgement: Judgement | None = None,
) -> RunManifest:
    """The manifest of finished outputs."""
    return RunManifest(
        format=FORMAT, washout=__version__, generated_at=generated_at,
        question=question, command=command, lake=source, cfg_hash=cfg_hash(),
        definitions=definitions,
        outputs={name: sha256(content) for name, content in outputs.items()},
        claims=judging(judgement),
    )  # fmt: skip


def judging(judgement: Judgement | None) -> Judging | msgspec.UnsetType:
    """What a manifest keeps of a judgement."""
    if judgement is None:
        return msgspec.UNSET
    return Judging(
        scope=judgement.scope, start=format_day(judgement.begin),
        stop=format_day(judgement.end), bar=judgement.bar, step=judgement.step,
        ledger_head=judgement.ledger_head, cfg_hash=judgement.cfg_hash,
        data_hash=judgement.data_hash, washout=judgement.version,
        specs={one.id: one.spec_hash for one in judgement.claims},
        sha256=sha256(as_json(judgement).encode()),
    )  # fmt: skip


def sha256(content: bytes) -> str:
    """sha256 in hex."""
    return hashlib.sha256(content).hexdigest()


def encode(manifest: RunManifest) -> bytes:
    """The manifest as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read(path: Path) -> RunManifest:
    """Read a manifest. InputError says what it is instead."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=RunManifest)
    except OSError as error:
        raise InputError(
            f"it cannot be read: {error.strerror}", unit=str(path)
        ) from None
    except msgspec.DecodeError as error:
        raise InputError(
            f"it is no manifest of a quicktake: {error}. Name the manifest.json that"
            " `washout quicktake` or `washout demo` left (a lake has one of its own)",
            unit=str(path),
        ) from None
    if found.format > FORMAT:
        raise InputError(
            f"it was written by a newer washout (format {found.format}, this one reads up"
            f" to {FORMAT}). Upgrade washout",
            unit=str(path),
        )
    return found


def differing(manifest: RunManifest, outputs: Mapping[str, bytes]) -> list[str]:
    """Names of outputs whose content is not what the manifest says."""
    return [
        name
        for name, content in outputs.items()
        if manifest.outputs.get(name) != sha256(content)
    ]


def changes(manifest: RunManifest, definitions: Mapping[str, str]) -> list[str]:
    """What has changed since the manifest was written that may change its outputs."""
    found = []
    if manifest.washout != __version__:
        found.append(f"washout {manifest.washout} is now {__version__}")
    if manifest.cfg_hash != cfg_hash():
        found.append(f"configuration {manifest.cfg_hash} is now {cfg_hash()}")
    names = sorted(
        {*manifest.definitions, *definitions}
        - {n for n, h in definitions.items() if manifest.definitions.get(n) == h}
    )
    if names:
        found.append(f"other definitions of {', '.join(names)}")
    return found


def lake_of(manifest: RunManifest, beside: Path) -> Path:
    """Where the lake is: seen from the manifest, else as the command line named it."""
    near = beside / manifest.lake.from_here
    return near if near.exists() else Path(manifest.lake.path)


def check_lake(manifest: RunManifest, lake: Lake) -> None:
    """LakeError unless `lake` still holds what the manifest was made from."""
    held = {one.vintage: one for one in imports(lake, manifest.lake.vintage)}
    for one in manifest.lake.units:
        found = held.get(one.vintage)
        if found is None or (found.sha256, found.unit) != (one.sha256, one.unit):
            there = (
                f"{found.unit!r}, sha256 {found.sha256[:12]}" if found else "nothing"
            )
            raise LakeError(
                f"{lake.path} is not the lake of this manifest: as vintage {one.vintage}"
                f" it holds {there}, where {one.unit!r}, sha256 {one.sha256[:12]} is"
                " expected. Name the right one with --lake."
            )
