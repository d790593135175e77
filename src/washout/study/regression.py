"""Effect of an event given the state of the market: the primary test (REG, DOSE).

Outcome on treatment and on W = [1, X, X^2, min(X, 0), extra], by partialling W out of
both (Frisch and Waugh 1933, Lovell 1963). Errors are clustered by calendar block, and
the p-value is from the wild cluster bootstrap with the null imposed and Rademacher
signs (Cameron, Gelbach and Miller 2008), studentised.

A draw needs sums by block only. With Q an orthonormal basis of W, d and y the
residuals of treatment and outcome, S = d'd and a sign v_b for each block b, the
outcome of a draw is (fit of W) + v y, and a whole new regression of it gives

    theta*   = sum_b v_b s_b / S                         s_b = sum of d y over block b
    score*_b = v_b s_b - c_b' sum_a v_a f_a - theta* q_b
               c_b = sum of d Q, f_b = sum of Q y, q_b = sum of d^2 over block b

where score*_b sums d u* over the block, u* being the residuals of the new regression.
The middle term is the part of v y that W explains: flipping the signs of residuals
makes them correlate with W again, and a refit takes that out.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from washout.config import DEFAULT, Config
from washout.study.estimate import (
    Estimate,
    Rests,
    concluded,
    influences,
    unknown,
)
from washout.study.overlap import overlap
from washout.study.sample import (
    Floats,
    Sample,
    blocks,
    clusters,
    events,
    require_complete,
    sums,
)
from washout.study.signs import sign_vectors, studentised

_NOTHING_LEFT = 1e-10
"""Share of a treatment's sum of squares that is rounding error once W has explained it."""


class Partialled(msgspec.Struct, frozen=True, eq=False):
    """Treatment and outcome without what W explains, and a basis of W.

    `treated` and `outcome` are float64[n], `basis` is float64[n, rank] with orthonormal
    columns.
    """

    treated: Floats
    outcome: Floats
    basis: Floats

    @property
    def strength(self) -> float:
        """Sum of squares of the treatment that is left."""
        return float(self.treated @ self.treated)

    @property
    def effect(self) -> float:
        """Slope of the outcome on the treatment."""
        return float(self.treated @ self.outcome) / self.strength

    @property
    def residuals(self) -> Floats:
        """What treatment and W leave unexplained."""
        return self.outcome - self.effect * self.treated


def design(sample: Sample, *, shaped: bool = True) -> Floats:
    """Columns that are held fixed: 1, X, and if `shaped` X^2 and min(X, 0), extra."""
    x = sample.covariates
    columns = [np.ones((len(x), 1)), x]
    if shaped:
        columns += [x * x, np.minimum(x, 0.0)]
    if sample.extra is not None:
        columns.append(sample.extra)
    return np.hstack(columns)


def partialled(sample: Sample, *, shaped: bool = True) -> Partialled | None:
    """Partial the fixed columns out; None if nothing of the treatment is left."""
    if not len(sample.time):
        return None
    basis = _basis(design(sample, shaped=shaped))
    treated, outcome = (
        column - basis @ (basis.T @ column)
        for column in (sample.treated, sample.outcome)
    )
    whole = float(sample.treated @ sample.treated)
    if float(treated @ treated) <= _NOTHING_LEFT * whole:
        return None
    return Partialled(treated, outcome, basis)


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span the same: collinear ones are dropped."""
    lengths = np.linalg.norm(columns, axis=0)
    scaled = columns[:, lengths > 0] / lengths[lengths > 0]
    tall, square = np.linalg.qr(scaled)  # an order faster than decomposing `scaled`
    left, strength, _ = np.linalg.svd(square)
    floor = strength[0] * max(scaled.shape) * np.finfo(np.float64).eps
    return np.asarray(tall @ left[:, strength > floor])


class Blocks(msgspec.Struct, frozen=True, eq=False):
    """Sums by calendar block (G of them) that the bootstrap draws from."""

    score: Floats
    """float64[G]: sums of d y, without any effect taken out."""
    square: Floats
    """float64[G]: sums of d^2."""
    treated: Floats
    """float64[G, rank]: sums of d Q."""
    outcome: Floats
    """float64[G, rank]: sums of Q y."""

    @property
    def strength(self) -> float:
        """Sum of d^2 over all rows."""
        return float(self.square.sum())


def block_sums(found: Partialled, block: NDArray[np.int64]) -> Blocks:
    """Sums by the block number of each row."""
    place = np.unique(block, return_inverse=True)[1]

    def by_block(values: Floats) -> Floats:
        return np.column_stack([sums(place, column) for column in values.T])

    return Blocks(
        score=sums(place, found.treated * found.outcome),
        square=sums(place, found.treated**2),
        treated=by_block(found.treated[:, None] * found.basis),
        outcome=by_block(found.outcome[:, None] * found.basis),
    )


def redrawn(block: Blocks, sign: Floats) -> tuple[Floats, Floats]:
    """(theta*, SE*) of each draw; `sign` is float64[draws, G]."""
    moved = sign @ np.column_stack([block.outcome, block.score / block.strength])
    score = sign * block.score
    score -= moved @ np.column_stack([block.treated, block.square]).T
    effect, count = moved[:, -1], len(block.score)
    spread = np.einsum("ij,ij->i", score, score) * count / max(count - 1, 1)
    return effect, np.sqrt(spread) / block.strength


def regress(
    sample: Sample,
    *,
    smallest: float = DEFAULT.smallest_z,
    shaped: bool = True,
    seed: int = 0,
    config: Config = DEFAULT,
    method: str = "REG",
) -> Estimate:
    """Effect of the treatment on the outcome, in the outcome's unit.

    Parameters
    ----------
    sample : Sample
        Complete rows (see `sample.complete`).
    smallest : float
        The smallest effect of interest.
    shaped : bool
        Hold X^2 and min(X, 0) fixed besides X: dips are not the mirror of rallies.
    seed : int
        Of the bootstrap; with ten blocks or fewer nothing is drawn.
    """
    require_complete(sample)
    rests = _rests(sample, method, smallest, seed, config)
    found = partialled(sample, shaped=shaped)
    if found is None:
        return unknown(rests)
    block = block_sums(found, blocks(sample.time, sample.block))
    count = len(block.score)
    if count < 2:
        return unknown(rests)
    drawn = [
        studentised(*redrawn(block, sign))
        for sign in sign_vectors(count, config.resamples, seed)
    ]
    effect, error = redrawn(block, np.ones((1, count)))
    value = found.treated * found.outcome / block.strength
    return concluded(
        rests, float(effect[0]), float(error[0]), np.concatenate(drawn),
        influences(sample.time, value, sample.block),
    )  # fmt: skip


def dose(
    sample: Sample,
    shape: Floats,
    *,
    smallest: float = DEFAULT.smallest_z,
    seed: int = 0,
    config: Config = DEFAULT,
) -> Estimate:
    """Effect of one more unit of dose, given how the dip came about.

    `shape` is float64[n, m], from `outcomes.dip_shape` at the rows of the sample.
    """
    extra = shape if sample.extra is None else np.hstack([sample.extra, shape])
    return regress(
        replace(sample, extra=extra), smallest=smallest, seed=seed, config=config,
        method="DOSE",
    )  # fmt: skip


def ranked(sample: Sample) -> Sample:
    """Ranks from 0 to 1 in place of doses: censoring shrinks sizes but keeps order."""
    from scipy.stats import rankdata

    rank = (rankdata(sample.treated) - 1) / max(len(sample.treated) - 1, 1)
    return replace(sample, treated=rank, event=events(sample))


def _rests(
    sample: Sample, method: str, smallest: float, seed: int, config: Config
) -> Rests:
    event = events(sample) if len(sample.time) else np.zeros(0, np.bool_)
    return Rests(
        method=method,
        n_events=int(event.sum()),
        n_controls=int((~event).sum()),
        clusters=clusters(sample) if len(event) else 0,
        smallest=smallest,
        overlap=overlap(sample, config) if len(event) else 0.0,
        seed=seed,
    )
