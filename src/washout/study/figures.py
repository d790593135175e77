"""What a figure of a claim shows: the data that let a reader see the effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from washout import claims
from washout.claims import Claim
from washout.clock import HOUR, format_width
from washout.study.asking import Asked
from washout.study.judged import Figure, Line
from washout.study.record import LakeRecord
from washout.study.sample import Floats

_HOURS = 168
"""How far a path goes: a week."""

_BINS = 6

_POINTS = 96
"""Of a path, at most: more cannot be seen."""


def figure_of(asked: Asked, claim: Claim, record: LakeRecord) -> Figure | None:
    """The figure of a claim that was asked; None where nothing can be seen."""
    draw: Callable[[Asked, Any, Claim, LakeRecord], Figure | None]
    draw = _FIGURES[type(asked.question)]
    return draw(asked, asked.question, claim, record)


def _rows(
    asked: Asked, _question: claims.Rows, claim: Claim, record: LakeRecord
) -> Figure | None:
    sample = asked.sample
    if sample is None or len(sample.time) < 3:
        return None
    if not np.isin(sample.treated, (0.0, 1.0)).all():
        return _binned(sample.treated, sample.outcome, claim, "outcome by bin of dose")
    return _path(asked, claim, record) if claim.unit == "z" else _means(asked, claim)


def _path(asked: Asked, claim: Claim, record: LakeRecord) -> Figure | None:
    """Mean course after events and after controls, in standard deviations of a day."""
    sample = asked.sample
    assert sample is not None
    hit = sample.treated == 1.0
    if not hit.any() or hit.all():
        return None
    span = max(record.step, _HOURS * HOUR // record.step * record.step)
    near = _alike(sample.covariates[hit], sample.covariates[~hit])
    lines = [
        _course(sample.time[hit], record, span, "after events", "claim"),
        _course(sample.time[~hit][near], record, span, "after like dips", "control"),
        _course(sample.time[~hit], record, span, "after all others", "reference"),
    ]
    return Figure(
        kind="path", title=claim.says, x_label="hours after entry",
        y_label="mean return, bp", lines=tuple(line for line in lines if line),
        marks=((_hours(asked), f"judged at {claim.horizon}"),),
    )  # fmt: skip


def _hours(asked: Asked) -> float:
    return float(asked.question.horizon / HOUR)  # type: ignore[union-attr]


def _alike(event: Floats, control: Floats, each: int = 5) -> Any:
    """Numbers of the controls nearest to each event, in standard deviations."""
    spread = control.std(axis=0)
    spread[spread == 0] = 1.0
    found = [
        np.argsort((((control - one) / spread) ** 2).sum(axis=1))[:each]
        for one in event
    ]
    return np.unique(np.concatenate(found))


def _course(
    time: Any, record: LakeRecord, span: int, name: str, role: Any
) -> Line | None:
    """Mean return after so many hours, point by point.

    All rows at all bars at once would be a table of a hundred GB on a record of minutes.
    """
    bars = np.unique(np.linspace(1, span // record.step, _POINTS).round()).astype(int)
    points = []
    for bar in bars:
        moves = 1e4 * record.returns(time, int(bar) * record.step)
        moves = moves[np.isfinite(moves)]
        if len(moves) < 2:
            return None
        reach = 1.645 * moves.std() / np.sqrt(len(moves))
        points.append((moves.mean(), moves.mean() - reach, moves.mean() + reach))
    mean, low, high = (_tuple(column) for column in zip(*points, strict=True))
    return Line(
        name=f"{name} (n = {len(time)})", role=role, x=_tuple(bars * record.step / HOUR),
        y=mean, low=low, high=high,
    )  # fmt: skip


def _means(asked: Asked, claim: Claim) -> Figure | None:
    sample = asked.sample
    assert sample is not None
    hit = sample.treated == 1.0
    if not hit.any() or hit.all():
        return None
    groups = {"events": sample.outcome[hit], "like dips": sample.outcome[~hit]}
    near = _alike(sample.covariates[hit], sample.covariates[~hit])
    groups["like dips"] = sample.outcome[~hit][near]
    groups["all others"] = sample.outcome[~hit]
    return _bars(groups, claim, f"mean outcome ({claim.unit})")


def _bars(groups: dict[str, Floats], claim: Claim, label: str) -> Figure:
    mean = [float(np.mean(v)) for v in groups.values()]
    reach = [1.645 * float(np.std(v)) / max(1, len(v)) ** 0.5 for v in groups.values()]
    line = Line(
        name="mean with 90 % interval", x=tuple(map(float, range(len(mean)))),
        y=tuple(mean), low=tuple(m - r for m, r in zip(mean, reach, strict=True)),
        high=tuple(m + r for m, r in zip(mean, reach, strict=True)),
    )  # fmt: skip
    names = tuple(f"{name} (n = {len(v)})" for name, v in groups.items())
    return Figure(
        kind="bars", title=claim.says, x_label="", y_label=label, lines=(line,),
        groups=names,
    )  # fmt: skip


def _binned(x: Floats, y: Floats, claim: Claim, label: str) -> Figure | None:
    whole = np.isfinite(x) & np.isfinite(y)
    x, y = x[whole], y[whole]
    if len(x) < 2 * _BINS or np.ptp(x) == 0:
        return None
    edges = np.unique(np.quantile(x, np.linspace(0, 1, _BINS + 1)))
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    middle, mean, reach = [], [], []
    for part in np.unique(place):
        mine = place == part
        middle.append(float(x[mine].mean()))
        mean.append(float(y[mine].mean()))
        reach.append(1.645 * float(y[mine].std()) / float(mine.sum()) ** 0.5)
    line = Line(
        name="mean with 90 % interval", x=tuple(middle), y=tuple(mean),
        low=tuple(m - r for m, r in zip(mean, reach, strict=True)),
        high=tuple(m + r for m, r in zip(mean, reach, strict=True)),
    )  # fmt: skip
    return Figure(
        kind="dose", title=claim.says, x_label=label.partition(" by bin of ")[2],
        y_label=f"{label.partition(' by ')[0]} ({claim.unit})", lines=(line,),
    )  # fmt: skip


def _histogram(
    _asked: Asked, told: claims.Told, claim: Claim, _record: LakeRecord
) -> Figure | None:
    edges, counts = told.bins
    if not edges:
        return None
    return Figure(
        kind="histogram", title=claim.says, x_label=told.of, y_label="count",
        lines=(Line(name=told.of, x=edges, y=counts),),
        marks=tuple((edge, format(edge, "g")) for edge in told.band),
    )  # fmt: skip


def _rates(
    _asked: Asked, asked: claims.Rates, claim: Claim, _record: LakeRecord
) -> Figure:
    with np.errstate(invalid="ignore", divide="ignore"):
        ours = np.nansum(asked.ours) / np.nansum(asked.our_base)
        theirs = np.nansum(asked.theirs) / np.nansum(asked.their_base)
    line = Line(name="rate", x=(0.0, 1.0), y=(float(ours), float(theirs)))
    return Figure(
        kind="bars", title=claim.says, x_label="", y_label="bp per deviation",
        lines=(line,), groups=("shorts, in rises", "longs, in falls"),
    )  # fmt: skip


def _lift(
    _asked: Asked, question: claims.Shifted, claim: Claim, _record: LakeRecord
) -> Figure | None:
    times = question.begin + question.step * np.arange(len(question.outcome))
    after = np.zeros(len(times), bool)
    for event in question.event:
        after |= (times >= event) & (times < event + question.window)
    known = np.isfinite(question.outcome)
    if not (after & known).any():
        return None
    window = format_width(question.window)
    groups = {
        f"{window} after a wave": question.outcome[after & known],
        "any time": question.outcome[known],
    }
    return _bars(groups, claim, "share of instants")


def _correlation(
    _asked: Asked, question: claims.Correlation, claim: Claim, _record: LakeRecord
) -> Figure | None:
    return _binned(question.x, question.y, claim, "|imbalance| by bin of |net|")


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


_FIGURES: dict[type, Any] = {
    claims.Rows: _rows,
    claims.Shifted: _lift,
    claims.Rates: _rates,
    claims.Correlation: _correlation,
    claims.Told: _histogram,
}
