"""Many tests at once: Romano-Wolf for the primary family, Benjamini-Hochberg beside.

Romano and Wolf (2005) step down over max |t|. Signs are common to all tests of a
calendar block, which keeps the dependence between hypotheses; every statistic is a sum
of influences by block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from washout.config import DEFAULT, Config
from washout.errors import UsageError
from washout.study.estimate import TIE, Estimate, Influence
from washout.study.sample import Floats
from washout.study.signs import sign_vectors, studentised


def step_down(t: Floats, stars: Floats) -> Floats:
    """Adjusted p-values, float64[h], of statistics under a common null.

    `t` is float64[h]; `stars` is float64[B, h], row by row from one draw. From the
    largest |t| down: p = (1 + #{max |t*| over those not passed yet >= |t|}) / (B + 1),
    never smaller than the one before.
    """
    order = np.argsort(-np.abs(t), kind="stable")
    sizes = np.abs(stars)[:, order]
    reach = np.maximum.accumulate(sizes[:, ::-1], axis=1)[:, ::-1]
    met = reach >= np.abs(t)[order] * (1 - TIE)
    share = (1 + met.sum(axis=0)) / (len(stars) + 1)
    adjusted = np.empty(len(t))
    adjusted[order] = np.maximum.accumulate(share)
    return adjusted


def family_blocks(members: Sequence[Influence]) -> Floats:
    """Influence by calendar block and member, float64[G, h].

    Blocks are as wide as the widest member's, rounded up to whole stretches so that
    every member's sums can be joined without splitting one.
    """
    grain = math.lcm(*(member.width for member in members))
    wide = -(-max(member.block for member in members) // grain) * grain
    joined = [member.stretch * member.width // wide for member in members]
    blocks = np.unique(np.concatenate(joined))
    return np.column_stack([
        np.bincount(
            np.searchsorted(blocks, block), member.value, minlength=len(blocks)
        )
        for member, block in zip(members, joined, strict=True)
    ])  # fmt: skip


def romano_wolf(
    estimates: Sequence[Estimate], *, seed: int = 0, config: Config = DEFAULT
) -> Floats:
    """Adjusted p-values of a family of primary tests, float64[h].

    t = sum of influences / root of the sum of their squares by block. That is another
    statistic than the test's own, and by itself may find a little more (measured: up to
    0.08 below the p-value of the regression, on samples without effect): no adjusted
    value is below the member's own. A member whose effect is unknown has NaN, and takes
    no part.
    """
    adjusted = np.full(len(estimates), np.nan)
    known = [i for i, e in enumerate(estimates) if math.isfinite(e.effect)]
    members = [estimates[i].influence for i in known]
    if not known:
        return adjusted
    if None in members:
        raise UsageError(
            "A family needs the influences of every member; an estimate has none."
            " Keep what the test returned."
        )
    psi = family_blocks([member for member in members if member is not None])
    spread = np.sqrt((psi**2).sum(axis=0))
    drawn = [
        studentised(sign @ psi, spread)
        for sign in sign_vectors(len(psi), config.resamples, seed)
    ]
    t = studentised(psi.sum(axis=0), spread)
    own = np.array([estimates[i].p for i in known])
    adjusted[known] = np.maximum(step_down(t, np.concatenate(drawn)), own)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values that hold the share of false findings; NaN stay NaN."""
    from statsmodels.stats.multitest import multipletests

    adjusted = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        adjusted[known] = multipletests(p[known], method="fdr_bh")[1]
    return adjusted
