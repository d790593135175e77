"""From a claim's question to an estimate, whichever kind of question it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from washout import claims
from washout.claims import Claim, Question
from washout.clock import DAY
from washout.config import DEFAULT, Config
from washout.study import bootstrap
from washout.study.estimate import Estimate, Rests, influences, oriented, unknown
from washout.study.matching import match
from washout.study.placebo import Grid, lift, placebo
from washout.study.regression import dose, ranked, regress
from washout.study.sample import (
    Sample,
    block_width,
    complete,
    first_of_each,
    selected,
)


class Asked(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A question with its answer. `sample` is there where rows were compared."""

    question: Question
    estimate: Estimate
    left_out: int = 0
    sample: Sample | None = None
    shape: Any = None


def ask(
    claim: Claim, question: Question, begin: int, end: int, config: Config = DEFAULT
) -> Asked:
    """Answer a question from what was decided between `begin` and `end`, us.

    Rows whose outcome reaches beyond `end` are left to who may look there.
    """
    answer: Callable[[Claim, Any, int, int, Config], Asked]
    answer = _ANSWERS[type(question)]
    asked = answer(claim, question, begin, end, config)
    return msgspec.structs.replace(asked, estimate=oriented(asked.estimate, claim.sign))


def sample_of(
    claim: Claim, rows: claims.Rows, begin: int, end: int
) -> tuple[Sample, int]:
    """Rows inside a stretch as a sample, in order of time, and how many were left out."""
    order = np.argsort(rows.time, kind="stable")
    sample = Sample(
        time=rows.time, outcome=rows.outcome, treated=rows.treated,
        covariates=rows.covariates, extra=rows.shape, event=rows.event,
        block=max(block_width(rows.horizon), claim.block),
    )  # fmt: skip
    inside = (rows.time >= begin) & (rows.time + rows.horizon <= end)
    return complete(selected(sample, order[inside[order]]))


def _rows(
    claim: Claim, rows: claims.Rows, begin: int, end: int, config: Config
) -> Asked:
    sample, left_out = sample_of(claim, rows, begin, end)
    asked = Asked(
        question=rows, sample=sample, left_out=left_out,
        estimate=_nothing(claim, sample),
    )  # fmt: skip
    if len(sample.time) < 3 or np.ptp(sample.treated) == 0:
        return asked
    settings: dict[str, Any] = {
        "smallest": claim.smallest, "seed": claim.seed, "config": config
    }  # fmt: skip
    if claim.test == "dose":
        extra = sample.extra
        plain = msgspec.structs.replace(sample, extra=None)
        shape = np.empty((len(plain.time), 0)) if extra is None else extra
        found = dose(plain, shape, **settings)
    else:
        found = regress(sample, shaped=rows.flexible, **settings)
    return msgspec.structs.replace(asked, estimate=found)


def _nothing(claim: Claim, sample: Sample) -> Estimate:
    events = int(np.count_nonzero(sample.treated)) if len(sample.time) else 0
    return unknown(
        Rests(
            method=claim.test, n_events=events, n_controls=len(sample.time) - events,
            clusters=0, smallest=claim.smallest, seed=claim.seed,
        )
    )  # fmt: skip


def _shifted(
    claim: Claim, asked: claims.Shifted, begin: int, end: int, config: Config
) -> Asked:
    times = asked.begin + asked.step * np.arange(len(asked.outcome))
    inside = (times >= begin) & (times + asked.horizon <= end)
    if not inside.any():
        grid = Grid(begin=begin, step=asked.step, outcome=np.empty(0))
    else:
        first = int(np.argmax(inside))
        grid = Grid(
            begin=int(times[first]), step=asked.step, outcome=asked.outcome[inside]
        )
    event = asked.event[(asked.event >= begin) & (asked.event < end)]
    block = max(block_width(asked.horizon), claim.block)
    rests = Rests(
        method="LIFT", n_events=len(event), n_controls=len(grid.outcome),
        clusters=len(np.unique(event // block)), smallest=claim.smallest,
        seed=claim.seed,
    )  # fmt: skip
    short = len(grid.outcome) * asked.step < 30 * DAY
    estimate = (
        unknown(rests)
        if short or not len(event) or not np.nansum(grid.outcome)
        else lift(
            grid, event, window=asked.window, block=block, smallest=claim.smallest,
            seed=claim.seed, config=config,
        )
    )  # fmt: skip
    return Asked(question=asked, estimate=estimate)


def _rates(
    claim: Claim, asked: claims.Rates, begin: int, end: int, config: Config
) -> Asked:
    inside = (asked.time >= begin) & (asked.time < end)
    columns = {
        name: getattr(asked, name)[inside]
        for name in ("time", "ours", "our_base", "theirs", "their_base")
    }
    whole = np.isfinite(np.column_stack(list(columns.values())[1:])).all(axis=1)
    rates = bootstrap.Rates(**{name: v[whole] for name, v in columns.items()})
    block = max(3 * DAY, claim.block)
    rests = Rests(
        method="RATIO", n_events=len(rates.time), n_controls=0,
        clusters=len(np.unique(rates.time // block)), smallest=claim.smallest,
        seed=claim.seed,
    )  # fmt: skip
    if len(rates.time) < 30 or not rates.theirs.sum() or not rates.ours.sum():
        return Asked(question=asked, estimate=unknown(rests))
    series = rates.ours + rates.theirs
    mean_block = max(bootstrap.optimal_block(series), 1.0)
    estimate = bootstrap.rate_ratio(
        rates, mean_block, block=block, null=asked.null, smallest=claim.smallest,
        resamples=config.resamples, seed=claim.seed,
    )  # fmt: skip
    return Asked(question=asked, estimate=estimate, left_out=int((~whole).sum()))


def _correlation(
    claim: Claim, asked: claims.Correlation, begin: int, end: int, config: Config
) -> Asked:
    """Mean within-group correlation, by stationary bootstrap of its sums."""
    inside = (asked.time >= begin) & (asked.time < end)
    inside &= np.isfinite(asked.x) & np.isfinite(asked.y)
    time, x, y = asked.time[inside], asked.x[inside], asked.y[inside]
    group = asked.group[inside]
    block = max(3 * DAY, claim.block)
    rests = Rests(
        method="CORRELATION", n_events=len(x), n_controls=0,
        clusters=len(np.unique(time // block)), smallest=claim.smallest,
        seed=claim.seed,
    )  # fmt: skip
    if len(x) < 30 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Asked(question=asked, estimate=unknown(rests))
    columns = _products(x, y, group)
    effect = float(_mean_correlation(columns.sum(axis=0)[None])[0])
    mean_block = max(bootstrap.optimal_block(y), 1.0)
    drawn = _mean_correlation(
        bootstrap.resampled_sums(columns, mean_block, config.resamples, claim.seed)
    )
    drawn = drawn[np.isfinite(drawn)]
    se = float(drawn.std())
    low, high = (float(q) for q in np.quantile(drawn, (0.05, 0.95)))
    reached = np.abs(drawn - effect) >= abs(effect)
    weight = x - x.mean()
    estimate = msgspec.structs.replace(
        unknown(rests), effect=effect, se=se, t=effect / se, low=low, high=high,
        p=float((1 + reached.sum()) / (len(drawn) + 1)), mde=2.8 * se,
        needed=rests.clusters * (2.8 * se / claim.smallest) ** 2,
        resamples=len(drawn),
        influence=influences(
            time, effect * weight**2 / float((weight**2).sum()), block
        ),
    )  # fmt: skip
    return Asked(question=asked, estimate=estimate)


def _products(x: Any, y: Any, group: Any) -> Any:
    """Per row and group: 1, x, y, xx, yy, xy, of which sums make a correlation."""
    one = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    return np.concatenate(
        [one * (group == g)[:, None] for g in np.unique(group)], axis=1
    )


def _mean_correlation(sums: Any) -> Any:
    """Correlations of each group from its six sums, averaged; float64[draws]."""
    n, x, y, xx, yy, xy = np.moveaxis(sums.reshape(len(sums), -1, 6), 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt((xx - x * x / n) * (yy - y * y / n))
        return np.nanmean((xy - x * y / n) / spread, axis=1)


def _told(
    claim: Claim, told: claims.Told, _begin: int, _end: int, _config: Config
) -> Asked:
    """A number that needs no test: p is 0 where its interval is on one side, else 1."""
    rests = Rests(
        method="TOLD", n_events=told.n, n_controls=0, clusters=told.n,
        smallest=claim.smallest, seed=claim.seed,
    )  # fmt: skip
    if told.n < told.least or not math.isfinite(told.value):
        return Asked(question=told, estimate=unknown(rests))
    return Asked(
        question=told,
        estimate=msgspec.structs.replace(
            unknown(rests), effect=told.value, low=told.low, high=told.high
        ),
    )


_ANSWERS: dict[type, Any] = {
    claims.Rows: _rows,
    claims.Shifted: _shifted,
    claims.Rates: _rates,
    claims.Correlation: _correlation,
    claims.Told: _told,
}


def robustness(asked: Asked, claim: Claim) -> list[tuple[str, Estimate]]:
    """The same rows by other methods: matched pairs, rank dose, shifted events."""
    sample = asked.sample
    if sample is None or not math.isfinite(asked.estimate.effect):
        return []
    settings: dict[str, Any] = {"smallest": claim.smallest, "seed": claim.seed}
    if claim.test == "dose":
        plain = msgspec.structs.replace(sample, extra=None)
        shape = np.empty((len(plain.time), 0)) if sample.extra is None else sample.extra
        return [
            (
                "rank of the dose",
                oriented(dose(ranked(plain), shape, **settings), claim.sign),
            )
        ]
    if not np.isin(sample.treated, (0.0, 1.0)).all():
        return []
    assert isinstance(asked.question, claims.Rows)
    found = [("events apart", regress(_apart(sample, asked.question), **settings))]
    last = asked.question.variances
    if last:
        calm = msgspec.structs.replace(sample, covariates=sample.covariates[:, -last:])
        found.append(("matched on volatility only", regress(calm, **settings)))
    if sample.extra is None and np.count_nonzero(sample.treated == 0) > 5:
        found.append(("matched pairs (descriptive)", match(sample, **settings)))
    return [(what, oriented(one, claim.sign)) for what, one in found]


def _apart(sample: Sample, question: claims.Rows) -> Sample:
    """The rows without events whose outcomes overlap that of an event before them."""
    kept = sample.treated == 0.0
    hit = np.flatnonzero(~kept)
    kept[hit[first_of_each(sample.time[hit], question.horizon)]] = True
    return selected(sample, kept)


def shifted_events(asked: Asked, claim: Claim, step: int) -> Estimate | None:
    """Events against the same events at other times: without a benchmark (PLA)."""
    sample = asked.sample
    if sample is None or claim.benchmark != "like dips" or len(sample.time) < 3:
        return None
    if not np.isin(sample.treated, (0.0, 1.0)).all():
        return None
    begin = int(sample.time.min())
    outcome = np.full((int(sample.time.max()) - begin) // step + 1, np.nan)
    outcome[(sample.time - begin) // step] = sample.outcome
    return placebo(
        Grid(begin=begin, step=step, outcome=outcome), sample.time[sample.treated == 1],
        block=sample.block, smallest=claim.smallest, seed=claim.seed,
    )  # fmt: skip
