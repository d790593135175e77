"""What replications of a calibration come to, as Markdown, beside the method's bands."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from washout.clock import DAY, HOUR, format_width
from washout.config import cfg_hash
from washout.testing.scoring import Score, pooled, recalls

ALPHA = 0.05
NULLS, EFFECTS = ("null0", "null_dip"), ("p05", "p1")
FAMILIES = ("family15", "family30", "family60")
NEAR, FAR = format_width(DAY), format_width(72 * HOUR)
TESTS = (
    "REG", "DOSE", "DOSE of ranks", "DOSE without shape", "MAT", "PLA", "iid t",
    "controls chosen by the future",
)  # fmt: skip

HOW = """\
Markets of two years in minutes (SIM-1), waves by the product's own step, events at the
first exhaustion of long waves of 60 bp, nominal 5 %, 999 draws a test (verdicts take
9,999). Seeds count from 0. Standard errors are those of counting replications. All of it
is on one family of simulators."""
BESIDE = """\
Forbidden, and there to show why: `iid t` (events against all other times as if each stood
alone), `DOSE without shape`, and REG with controls left out because an event follows.
MAT and ranks stand beside verdicts and decide none."""

Results = dict[str, dict[int, Any]]
Measured = tuple[float, float, int]
"""A value, its Monte-Carlo standard error, and what it was counted in."""


def share(hits: Any) -> Measured:
    """Share of true values; its error is never 0, as if one more of each were seen."""
    count = len(hits)
    if not count:
        return math.nan, math.nan, 0
    smooth = (np.sum(hits) + 1) / (count + 2)
    return float(np.mean(hits)), math.sqrt(smooth * (1 - smooth) / count), count


def column(results: Results, world: str, test: str, horizon: str, which: int) -> Any:
    """Effects (0), standard errors (1) or p-values (2) of a test by seed."""
    rows = results.get(world, {})
    return np.array([rows[seed][horizon][test][which] for seed in sorted(rows)])


def rejected(results: Results, world: str, test: str, horizon: str = NEAR) -> Measured:
    """Share of replications in which a test rejects at 5 %."""
    return share(column(results, world, test, horizon, 2) < ALPHA)


def right_sign(results: Results, test: str = "REG") -> Measured:
    """Share of rejections in worlds with an effect that have its sign."""
    pairs = [
        (column(results, w, test, h, 0), column(results, w, test, h, 2))
        for w in EFFECTS
        for h in (NEAR, FAR)
    ]
    effect, p = (np.concatenate(values) for values in zip(*pairs, strict=True))
    return share(effect[p < ALPHA] > 0)


def waves(results: Results, study: str) -> Score | None:
    """All replications of flow as one score."""
    rows = [
        Score(**{k: v if k == "days" else np.array(v) for k, v in row.items()})
        for row in results.get(study, {}).values()
    ]
    return pooled(rows) if rows else None


def recall(results: Results) -> Measured:
    """Share of planted waves of 50 bp or more that were found."""
    score = waves(results, "waves")
    return share([] if score is None else score.pieces[score.size >= 50] > 0)


def any_found(results: Results, study: str, key: str) -> Measured:
    """Share of families in which at least one of twelve true nulls was rejected."""
    rows = results.get(study, {}).values()
    return share([min(row[key]) < ALPHA for row in rows])


def bands() -> Iterator[tuple[str, Callable[[Results], Measured], float, float]]:
    """(what, how it is measured, least, most) of what the method asks for."""
    for world, most in (("null0", 0.095), ("null_dip", 0.10)):
        for test in ("REG", "DOSE"):
            yield (
                f"{test} rejects in {world}, 24 h",
                lambda r, w=world, t=test: rejected(r, w, t), 0.015, most,
            )  # fmt: skip
    yield (
        "PLA rejects in null0, 24 h",
        lambda r: rejected(r, "null0", "PLA"),
        0.015,
        0.095,
    )
    yield (
        "PLA rejects in null_dip, 24 h",
        lambda r: rejected(r, "null_dip", "PLA"),
        0.4,
        1,
    )
    yield "REG rejects in p1, 24 h (power)", lambda r: rejected(r, "p1", "REG"), 0.8, 1
    yield "sign of REG where it rejects, p05 and p1", right_sign, 0.99, 1
    yield "recall of waves of 50 bp or more", recall, 0.95, 1
    for study in FAMILIES:
        blocks = study.removeprefix("family")
        yield (
            f"Romano-Wolf, 12 hypotheses, {blocks} blocks: any false finding",
            lambda r, s=study: any_found(r, s, "adjusted"), 0, 0.08,
        )  # fmt: skip


def word(measured: Measured, least: float, most: float) -> str:
    """Pass or fail, and whether chance alone could be why it fails."""
    value, error, count = measured
    if not count:
        return "not measured"
    if least <= value <= most:
        return "pass"
    far = max(least - value, value - most) / error
    return f"FAIL, {far:.1f} s.e. outside" + (" (chance?)" if far < 2 else "")


def shown(measured: Measured) -> str:
    value, error, count = measured
    return f"{value:.3f} ± {error:.3f}" if count else "–"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table, and an empty one."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:], ""]


def acceptance(results: Results) -> list[str]:
    rows = []
    for what, how, least, most in bands():
        measured = how(results)
        band = f"{least:g} to {most:g}"
        rows.append(
            [what, str(measured[2]), shown(measured), band, word(measured, least, most)]
        )
    return table(["what", "of", "measured ± s.e.", "band", "word"], rows)


def rejections(results: Results) -> list[str]:
    worlds = [w for w in (*NULLS, *EFFECTS) if results.get(w)]
    rows = []
    for test in TESTS:
        both = [
            [rejected(results, w, test, horizon) for horizon in (NEAR, FAR)]
            for w in worlds
        ]
        rows.append([test, *(f"{a[0]:.3f} \\| {b[0]:.3f}" for a, b in both)])
    head = [f"{w} ({len(results[w])})" for w in worlds]
    return table(["test", *head], rows)


def effects(results: Results) -> list[str]:
    rows = []
    for world in (*NULLS, *EFFECTS):
        if not results.get(world):
            continue
        told = list(results[world].values())
        deviation = float(np.mean([one["deviation_bp"] for one in told]))
        events = np.array([one[f"events {NEAR}"] for one in told])
        for test in ("REG", "DOSE"):
            effect = column(results, world, test, NEAR, 0)
            error = column(results, world, test, NEAR, 1)
            mean, spread = effect.mean(), effect.std(ddof=1) if len(effect) > 1 else 0
            bp = f" ({mean * deviation:+.0f} bp)" if test == "REG" else ""
            low, high = np.quantile(events[:, 0], (0.05, 0.95))
            rows.append([
                f"{world}, {test}",
                f"{mean:+.3f} ± {spread / math.sqrt(len(effect)):.3f}{bp}",
                f"{spread:.3f}", f"{error.mean():.3f}",
                f"{low:.0f} to {high:.0f} in {events[:, 1].mean():.0f} blocks"
                if test == "REG" else f"{events[:, 2].mean():.0f} dips",
                f"{events[:, 3].mean():.2f}" if test == "REG" else "",
            ])  # fmt: skip
    head = [
        "24 h", "mean effect, z ± s.e.", "its spread over seeds", "mean SE it told",
        "events", "overlap",
    ]  # fmt: skip
    return table(head, rows)


def _rate(score: Score, days: float, at_least: float) -> str:
    count = int(np.sum(score.false_sizes >= at_least))
    return f"{count * 30 / days:.2f} ± {math.sqrt(count + 1) * 30 / days:.2f}"


def timing(results: Results) -> list[str]:
    score, noise = waves(results, "waves"), waves(results, "noise")
    if score is None or noise is None:
        return []
    rows = [
        [f"recall, {one.at_least:.0f} bp up to {one.below:g}",
         shown(share(score.pieces[(score.size >= one.at_least) & (score.size < one.below)] > 0)),
         f"{one.planted} planted"]
        for one in recalls(score)
    ]  # fmt: skip
    for what, of, least in (
        ("onset error, 50 bp and more", "onset_error", 50.0),
        ("confirmed after 5 % of the flow, 50 bp and more", "confirm_delay", 50.0),
        ("exhausted after 95 % of the flow", "exhaustion_lag", 0.0),
    ):
        low, middle, high = score.quantiles(of, at_least=least)
        rows.append(
            [what, f"{middle:.0f} min", f"{low:.0f} to {high:.0f} (10 to 90 %)"]
        )
    early = score.exhaustion_lag[~np.isnan(score.exhaustion_lag)] < -10
    rows += [
        ["exhausted more than 10 min early", shown(share(early)), ""],
        ["found in pieces", str(score.splits), "waves"],
    ]
    for what, one in (("with planted waves", score), ("nothing but noise", noise)):
        for least, size in ((60.0, "60 bp and more"), (0.0, "of any size")):
            rows.append([
                f"false waves {size}, {what}", f"{_rate(one, one.days, least)} in 30 days",
                f"both sides, {one.days:.0f} days",
            ])  # fmt: skip
    return table(["waves", "measured", ""], rows)


def eruptions(results: Results) -> list[str]:
    told = list(results.get("eruptions", {}).values())
    if not told:
        return []
    days = sum(one["days"] for one in told)
    rows = [
        ["a planted wave of 50 bp or more has one",
         shown(share(np.concatenate([one["hit"] for one in told])))],
    ]  # fmt: skip
    for key, where in (
        ("false", "planted waves: outside of any"), ("noise", "nothing but noise"),
        ("null0", "market null0: all of them"),
    ):  # fmt: skip
        count = sum(one[key] for one in told)
        error = math.sqrt(count + 1) * 30 / days
        rows.append([f"{where}, in 30 days", f"{count * 30 / days:.2f} ± {error:.2f}"])
    return table([f"eruptions, {days} days each", "measured"], rows)


def families(results: Results) -> list[str]:
    rows = [
        [
            f"{study.removeprefix('family')} blocks",
            shown(any_found(results, study, "p")),
            shown(any_found(results, study, "adjusted")),
        ]
        for study in FAMILIES
    ]
    return table(["any of 12 true nulls rejected", "unadjusted", "Romano-Wolf"], rows)


def markdown(results: Results, command: str) -> str:
    """The whole page."""
    counts = ", ".join(f"{name} {len(rows)}" for name, rows in results.items())
    today = dt.datetime.now(tz=dt.UTC).date()
    measured = (
        f"`python bench/calibration.py {command}`, {today}, config {cfg_hash()}."
        f" Replications: {counts}."
    )
    return "\n".join([
        "# Calibration of the claim lab", "", measured, "", HOW, "",
        "## What the method asks for", "", *acceptance(results),
        "## Share of replications in which a test rejects, 24 h | 72 h", "",
        *rejections(results), BESIDE, "",
        "## Effects", "", *effects(results),
        "## Waves (SIM-W)", "", *timing(results),
        "## Eruptions", "", *eruptions(results),
        "## Families", "", *families(results),
    ])  # fmt: skip
