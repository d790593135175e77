"""Judging claims on a lake: written down, asked, adjusted, opened once, put into words.

Order is what makes it honest. A claim's spec is registered before its data are read; the
verdict rests on the first three quarters of the time, the last quarter is opened once
for each spec, and what it said then is what it says ever after.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from washout import plugins
from washout._version import __version__
from washout.claims import Claim, Lacks, Question, Rows, Told
from washout.clock import Width, format_width, parse_width
from washout.config import DEFAULT, cfg_hash
from washout.errors import UnknownName, UsageError
from washout.store.answer import Store, as_of_what
from washout.store.manifest import AsOf
from washout.study.asking import Asked, ask, robustness, shifted_events
from washout.study.estimate import Estimate, Rests, unknown
from washout.study.families import benjamini_hochberg, romano_wolf
from washout.study.figures import figure_of
from washout.study.judged import Judged, Judgement, Reading, Secondary
from washout.study.ledger import Ledger
from washout.study.record import LakeRecord, liquidation_bar, price_step, watched
from washout.study.sample import reserved_from
from washout.study.spec import spec_hash
from washout.study.verdict import Evidence, Quarter, Verdict, judge

_QUICK = msgspec.structs.replace(DEFAULT, resamples=99, shifts=99)
"""Where only the effect is looked at and no p-value."""

_SIZES = (30.0, 120.0)
"""Sizes of waves in bp beside the one that decides."""

_RED: Mapping[Reading, Any] = {"flow": "long", "cryptoquant": "short"}


@cache
def all_claims() -> dict[str, Claim]:
    """Every claim there is, by id, in order of the ids' numbers."""
    found = plugins.found("claims", Claim)
    return dict(sorted(found.items(), key=lambda item: _numbered(item[0])))


def _numbered(name: str) -> tuple[str, int, str]:
    letters = name.rstrip("0123456789abcdefghijklmnopqrstuvwxyz")
    digits = "".join(c for c in name[len(letters) :] if c.isdigit())
    return letters, int(digits or 0), name


def find_claims(names: Sequence[str]) -> list[Claim]:
    """Claims by id, all of them where none is named; UnknownName with the nearest."""
    known = all_claims()
    for name in names:
        if name not in known:
            raise UnknownName("claim", name, known)
    return [known[name] for name in names] if names else list(known.values())


class Case(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One claim under one reading, on its way to a verdict."""

    claim: Claim
    reading: Reading
    spec: dict[str, Any]
    spec_hash: str
    asked: Asked | None = None
    lacks: str = ""

    @property
    def estimate(self) -> Estimate:
        """The estimate in sample; unknown where the data were missing."""
        if self.asked is not None:
            return self.asked.estimate
        return unknown(
            Rests(
                method=self.claim.test, n_events=0, n_controls=0, clusters=0,
                smallest=self.claim.smallest,
            )
        )  # fmt: skip


class Run(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What all cases of one run share."""

    store: Store
    scope: str
    bar: int
    step: int
    begin: int
    end: int
    lock: int
    ledger: Ledger
    now: int
    author: str
    data_hash: str
    as_of: AsOf

    def record(self, end: int) -> LakeRecord:
        """The record up to `end`, read as `flow`."""
        return LakeRecord(
            self.store, self.scope, bar=self.bar, step=self.step, begin=self.begin,
            end=end, until=self.now if end == self.end else end, as_of=self.as_of,
        )  # fmt: skip


def judge_claims(
    store: Store,
    *,
    scope: str,
    now: int,
    names: Sequence[str] = (),
    bar: int | None = None,
    begin: int | None = None,
    end: int | None = None,
    ledger: Path | None = None,
    author: str = "",
    as_of: AsOf = None,
) -> Judgement:
    """Judge claims on the record of one scope.

    `bar` is that of liquidations (default: the finest that most of the record has),
    `begin` and `end` cut the record; `ledger` is where specs are written down (default:
    inside the lake). Errors: UnknownName for claims, UsageError for a stretch that is too
    short, NoData where the scope has no liquidations, LedgerError. The same lake, window
    and claims give the same judgement, whatever else was written down since.
    """
    from threadpoolctl import threadpool_limits

    claims = find_claims(names)
    run = _run(store, scope, bar, begin, end, ledger, now, author, as_of)
    with threadpool_limits(1, "blas"):  # small matrices: threads wait for each other
        return _judgement(run, claims)


def _judgement(run: Run, claims: Sequence[Claim]) -> Judgement:
    cases = [_registered(run, c, reading) for reading in _RED for c in claims]
    known = run.record(run.lock)
    whole = run.record(run.end)
    asked = [_asked(run, case, known, whole) for case in cases]
    coverage = _coverage(known)
    judged: dict[Reading, tuple[Judged, ...]] = {}
    for reading in _RED:
        mine = [case for case in asked if case.reading == reading]
        judged[reading] = _judged(run, mine, known, whole, coverage)
    head, registered = _head(run, cases)
    return Judgement(
        scope=run.scope, begin=run.begin, end=run.end, reserved_from=run.lock,
        bar=format_width(run.bar), step=format_width(run.step), coverage=coverage,
        claims=judged["flow"], other=judged["cryptoquant"],
        registered=registered, ledger_head=head,
        cfg_hash=cfg_hash(), data_hash=run.data_hash, version=__version__,
    )  # fmt: skip


def _run(
    store: Store, scope: str, bar: int | None, begin: int | None, end: int | None,
    ledger: Path | None, now: int, author: str, as_of: AsOf,
) -> Run:  # fmt: skip
    bar = liquidation_bar(store, scope, as_of) if bar is None else bar
    first, last = watched(store, scope, bar, as_of)
    first = first if begin is None else max(first, begin)
    last = last if end is None else min(last, end)
    if last - first < 8 * bar:
        raise UsageError(
            f"Only {max(0, last - first) // bar} bars of {format_width(bar)} lie in the"
            f" stretch to judge on; expected at least 8. Widen --from and --to."
        )
    book = Ledger(ledger or Path(store.lake.path) / "claims.jsonl")
    book.verify()
    try:
        step = price_step(store, scope, first, last, as_of)
    except Lacks:
        step = Width(bar)  # claims that need prices will say that they are missing
    return Run(
        store=store, scope=scope, bar=bar, step=step,
        begin=first, end=last, lock=reserved_from(first, last), ledger=book, now=now,
        author=author, data_hash=data_hash(store, as_of), as_of=as_of,
    )  # fmt: skip


def data_hash(store: Store, as_of: AsOf = None) -> str:
    """sha256 over the names and sizes of the lake's parts: parts never change."""
    state = store.lake.state(as_of_what(as_of))
    parts = sorted(f"{p.path} {p.bytes}" for p in state.parts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _head(run: Run, cases: Sequence[Case]) -> tuple[str, int]:
    """Hash of the ledger's line with the last spec of this run, and specs up to it.

    What was written down afterwards changes neither.
    """
    mine = {case.spec_hash for case in cases}
    specs = [entry for entry in run.ledger.entries() if entry.kind == "spec"]
    last = max(place for place, one in enumerate(specs) if one.spec_hash in mine)
    return specs[last].hash, last + 1


def _registered(run: Run, claim: Claim, reading: Reading) -> Case:
    """A case whose spec is in the ledger, before any of its data is read."""
    spec = {
        "id": claim.id, "says": claim.says, "test": claim.test,
        "horizon": claim.horizon, "also": list(claim.also),
        "benchmark": claim.benchmark, "smallest": format(claim.smallest, "g"),
        "sign": claim.sign, "seed": claim.seed, "reading": reading,
        "source": hashlib.sha256(claim.source.encode()).hexdigest(),
        "scope": run.scope, "bar": format_width(run.bar),
        "step": format_width(run.step), "begin": run.begin, "end": run.end,
        "lock": run.lock, "cfg_hash": cfg_hash(), "version": __version__,
    }  # fmt: skip
    run.ledger.register(spec, time=run.now, author=run.author)
    return Case(claim=claim, reading=reading, spec=spec, spec_hash=spec_hash(spec))


def _asked(run: Run, case: Case, known: LakeRecord, whole: LakeRecord) -> Case:
    """In sample; a number that needs no test is told of the whole record."""
    try:
        question = _question(case, whole if case.claim.test == "told" else known)
    except Lacks as error:
        return msgspec.structs.replace(case, lacks=str(error).rstrip("."))
    return msgspec.structs.replace(
        case, asked=ask(case.claim, question, run.begin, run.lock)
    )


def _question(
    case: Case, record: LakeRecord, horizon: str = "", size: float = DEFAULT.study_size
) -> Question:
    width = parse_width(horizon or case.claim.horizon)
    mine = record.read_as(_RED[case.reading], size)
    question: Question = case.claim.question(mine, width)
    return question


def _judged(
    run: Run, cases: Sequence[Case], known: LakeRecord, whole: LakeRecord,
    coverage: float,
) -> tuple[Judged, ...]:  # fmt: skip
    adjusted = _adjusted(cases)
    further = [_secondary(run, case, known) for case in cases]
    further = _discounted(further, _head(run, cases)[1])
    return tuple(
        _one(run, case, p, tuple(more), known, whole, coverage)
        for case, p, more in zip(cases, adjusted, further, strict=True)
    )


def _adjusted(cases: Sequence[Case]) -> list[float]:
    """p-values adjusted within the family of primary tests; others stay themselves."""
    family = [
        i for i, case in enumerate(cases)
        if case.claim.family == "primary" and case.estimate.influence is not None
    ]  # fmt: skip
    found = [case.estimate.p for case in cases]
    values: Any = romano_wolf([cases[i].estimate for i in family]) if family else []
    for i, p in zip(family, values, strict=True):
        found[i] = float(p)
    return found


def _secondary(run: Run, case: Case, known: LakeRecord) -> list[Secondary]:
    """Other horizons and sizes of waves, and the same rows by other methods."""
    if case.asked is None:
        return []
    ways: list[tuple[str, dict[str, Any]]] = [
        (f"{name} horizon", {"horizon": name}) for name in case.claim.also
    ]
    if case.claim.benchmark == "like dips" and case.claim.test == "regression":
        ways += [(f"waves of {size:g} bp", {"size": size}) for size in _SIZES]
    found = [
        _said(what, estimate)
        for what, way in ways
        if (estimate := _otherwise(run, case, known, way)) is not None
    ]
    return found + [
        _said(what, estimate) for what, estimate in robustness(case.asked, case.claim)
    ]


def _otherwise(
    run: Run, case: Case, known: LakeRecord, way: dict[str, Any]
) -> Estimate | None:
    try:
        question = _question(case, known, **way)
    except Lacks:
        return None
    return ask(case.claim, question, run.begin, run.lock).estimate


def _said(what: str, estimate: Estimate) -> Secondary:
    return Secondary(
        what=what, effect=estimate.effect, low=estimate.low, high=estimate.high,
        p=float(estimate.p),
    )  # fmt: skip


def _discounted(
    found: Sequence[Sequence[Secondary]], registered: int
) -> list[list[Secondary]]:
    """Benjamini-Hochberg over the other horizons.

    Every spec ever registered counts: tests that were written down and not shown here
    are counted as having found nothing.
    """
    flat = [s.p for more in found for s in more if _counts(s)]
    silent = [1.0] * max(0, registered - len(flat))
    values = iter(benjamini_hochberg(np.array([*flat, *silent])))
    return [
        [
            msgspec.structs.replace(s, p_adjusted=float(next(values)))
            if _counts(s)
            else s
            for s in more
        ]
        for more in found
    ]


def _counts(one: Secondary) -> bool:
    """Other questions are further tests; other methods answer the same one."""
    asks = one.what.endswith("horizon") or one.what.startswith("waves of")
    return asks and math.isfinite(one.p)


def _one(
    run: Run, case: Case, p_adjusted: float, more: tuple[Secondary, ...],
    known: LakeRecord, whole: LakeRecord, coverage: float,
) -> Judged:  # fmt: skip
    claim, estimate, asked = case.claim, case.estimate, case.asked
    parts = _quarters(run, case)
    ahead = _out_of_sample(run, case, whole)
    mean = _unconditional(case)
    facts = {**asked.question.facts} if asked else {}
    facts |= _without_benchmark(case, run.step)
    facts = {name: float(value) for name, value in facts.items()}
    scale = _basis_points(asked, known)
    return Judged(
        id=claim.id, says=claim.says, post=claim.post, reading=case.reading,
        verdict=_verdict(case, p_adjusted, parts, ahead, coverage),
        unit=claim.unit, effect=estimate.effect, low=estimate.low, high=estimate.high,
        effect_bp=estimate.effect * scale if claim.unit == "z" else math.nan,
        p=float(estimate.p), p_adjusted=float(p_adjusted), n_events=estimate.n_events,
        n_controls=estimate.n_controls, clusters=estimate.clusters,
        overlap=estimate.overlap, smallest=claim.smallest, mde=estimate.mde,
        needed=estimate.needed, unconditional=mean,
        just_the_dip=mean - estimate.effect, quarters=parts,
        out_of_sample=math.nan if ahead is None else ahead, secondary=more, facts=facts,
        test=claim.test, benchmark=claim.benchmark, horizon=claim.horizon,
        bar=format_width(run.bar), step=format_width(run.step),
        normaliser=_normaliser(known, case), left_out=asked.left_out if asked else 0,
        spec_hash=case.spec_hash, seed=claim.seed,
        figure=figure_of(asked, claim, known) if asked else None,
    )  # fmt: skip


def _quarters(run: Run, case: Case) -> tuple[Quarter, ...]:
    """The effect in each quarter of the in-sample time."""
    if case.asked is None or isinstance(case.asked.question, Told):
        return ()
    if not math.isfinite(case.estimate.effect):
        return ()
    length = (run.lock - run.begin) // 4
    found = []
    for part in range(4):
        low = run.begin + part * length
        question = case.asked.question
        piece = ask(case.claim, question, low, low + length, _QUICK).estimate
        found.append(Quarter(float(piece.effect), piece.clusters))
    return tuple(found)


def _out_of_sample(run: Run, case: Case, whole: LakeRecord) -> float | None:
    """The effect in the reserved quarter: opened once, then read from the ledger."""
    if case.asked is None or isinstance(case.asked.question, Told):
        return None
    if not math.isfinite(case.estimate.effect):
        return None
    before = run.ledger.find(case.spec_hash, "out_of_sample")
    if before is None:
        question = _question(case, whole)
        found = ask(case.claim, question, run.lock, run.end, _QUICK).estimate
        before = run.ledger.open_out_of_sample(
            case.spec_hash, time=run.now, data_hash=run.data_hash, author=run.author,
            result={
                "effect": format(found.effect, ".9g"),
                "se": format(found.se, ".9g"), "n_events": found.n_events,
            },
        )  # fmt: skip
    return float(before.body["result"]["effect"])


def _verdict(
    case: Case, p_adjusted: float, parts: tuple[Quarter, ...], ahead: float | None,
    coverage: float,
) -> Verdict:  # fmt: skip
    asked = case.asked
    if asked is not None and isinstance(asked.question, Told):
        return _told(asked.question, case.claim.sign)
    return judge(
        Evidence(
            estimate=case.estimate, p_adjusted=p_adjusted, coverage=coverage,
            quarters=parts, out_of_sample=ahead,
            missing=(case.lacks,) if case.lacks else (),
        )
    )  # fmt: skip


def _told(told: Told, sign: int) -> Verdict:
    """A number without a test: its whole interval is above the threshold, or below."""
    if told.n < told.least or not math.isfinite(told.value):
        return Verdict("inconclusive", "n too small")
    low, high = (told.low, told.high) if sign > 0 else (-told.high, -told.low)
    edge = sign * told.threshold
    if low >= edge:
        return Verdict("supported")
    return Verdict("contradicted") if high < edge else Verdict("inconclusive")


def _unconditional(case: Case) -> float:
    """Mean after events less the mean of all other times, without a benchmark."""
    sample = case.asked.sample if case.asked else None
    if sample is None or not np.isin(sample.treated, (0.0, 1.0)).all():
        return math.nan
    hit = sample.treated == 1.0
    if not hit.any() or hit.all():
        return math.nan
    gap = sample.outcome[hit].mean() - sample.outcome[~hit].mean()
    return float(case.claim.sign * gap)


def _without_benchmark(case: Case, step: int) -> dict[str, float]:
    found = shifted_events(case.asked, case.claim, step) if case.asked else None
    if found is None or not math.isfinite(found.effect):
        return {}
    return {"effect against shifted events": found.effect, "p of that": found.p}


def _basis_points(asked: Asked | None, record: LakeRecord) -> float:
    """Basis points of price in one standard deviation over the horizon, at events."""
    if asked is None or not isinstance(asked.question, Rows) or asked.sample is None:
        return math.nan
    hit = asked.sample.treated != 0
    spread = record.deviation(asked.sample.time[hit], asked.question.horizon)
    return float(1e4 * np.nanmean(spread)) if np.isfinite(spread).any() else math.nan


def _coverage(record: LakeRecord) -> float:
    rows = record.rows("liquidations")
    seen = np.nansum(np.asarray(rows["observed_s"], np.float64))
    return float(min(1.0, seen * 1e6 / max(1, len(rows["bar"]) * record.bar)))


def _normaliser(record: LakeRecord, case: Case) -> str:
    """What liquidations of the record are measured by, with shares of its bars."""
    if case.asked is None:
        return ""
    told = [n for n in record.rows("market")["normaliser"] if n]
    counts = {name: told.count(name) for name in sorted(set(told))}
    return ", ".join(f"{n} ({c / len(told):.0%})" for n, c in counts.items()) or "none"
