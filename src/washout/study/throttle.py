"""How good the estimate of hidden orders is: tried on feeds that show every order.

A complete feed is thinned as a throttled venue would, estimated, and compared with the
truth. Where open interest is known, what it lost is a second opinion. Method: E4.
"""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from washout.clock import DAY, bar_start, parse_bar
from washout.errors import NoData
from washout.store import graph
from washout.store.folding import fold_table, folding
from washout.views import FoldView
from washout.views.prints import LANES

if TYPE_CHECKING:
    import pyarrow as pa

    from washout.store.answer import Store

Floats = NDArray[np.float64]

DECILES = 10
CORRECTED = log(1.10)
"""A decile that is off by more says that the model errs by more than it says."""
_LEAST_ERROR = 0.10
_NORMAL = 1.6448536269514722


class Decile(Struct, frozen=True, kw_only=True):
    """Bars of like activity: `correction` = truth over estimate, `error` its spread.

    Intervals are 90 %, by bootstrap over days.
    """

    most_usd: float
    bars: int
    correction: float
    correction_low: float
    correction_high: float
    error: float
    error_low: float
    error_high: float


class Calibration(Struct, frozen=True, kw_only=True):
    """By decile of activity, and the `model_error` to use from now on.

    It is the largest of 0.10, the spread over bars, and the logarithm of the
    correction of any decile that is off by more than 10 %.
    """

    deciles: tuple[Decile, ...]
    model_error: float


def calibrate(
    truth: Floats, estimate: Floats, shown: Floats, day: NDArray[np.int64], *,
    seed: int = 0, draws: int = 999,
) -> Calibration:  # fmt: skip
    """Compare estimates of thinned bars with what they were made of.

    One value a bar; bars in which nothing was shown, or nothing is estimated, are left
    out. Deciles are of what was `shown`: the truth would choose by the error.
    """
    keep = (shown > 0) & np.isfinite(estimate) & (truth > 0)
    truth, estimate, shown = truth[keep], estimate[keep], shown[keep]
    day = day[keep]
    random = np.random.default_rng(seed)
    cuts = np.quantile(shown, np.linspace(0, 1, DECILES + 1)[1:-1])
    place = np.searchsorted(cuts, shown, side="right")
    found = tuple(
        _decile(truth[mine], estimate[mine], shown[mine], day[mine], random, draws)
        for number in range(DECILES)
        if (mine := place == number).sum() > 1
    )
    spreads = [d.error for d in found]
    off = [abs(log(d.correction)) for d in found]
    off = [one for one in off if one > CORRECTED]
    return Calibration(deciles=found, model_error=max([_LEAST_ERROR, *spreads, *off]))


def _decile(
    truth: Floats, estimate: Floats, shown: Floats, day: NDArray[np.int64],
    random: np.random.Generator, draws: int,
) -> Decile:  # fmt: skip
    days = [np.flatnonzero(day == one) for one in np.unique(day)]
    drawn = [
        _scores(truth[some], estimate[some])
        for some in (
            np.concatenate([days[i] for i in random.integers(0, len(days), len(days))])
            for _ in range(draws)
        )
    ]
    low, high = np.quantile(np.array(drawn), [0.05, 0.95], axis=0)
    correction, error = _scores(truth, estimate)
    return Decile(
        most_usd=float(shown.max()), bars=len(shown), correction=correction,
        correction_low=float(low[0]), correction_high=float(high[0]), error=error,
        error_low=float(low[1]), error_high=float(high[1]),
    )  # fmt: skip


def _scores(truth: Floats, estimate: Floats) -> tuple[float, float]:
    """Truth over estimate, and the spread of its logarithm bar by bar."""
    return float(truth.sum() / estimate.sum()), float(np.log(truth / estimate).std())


def calibrate_scope(
    store: Store, scope: str, *, start: str | None = None, end: str | None = None,
    bar: str = "1h", seed: int = 0,
) -> Calibration:  # fmt: skip
    """Try the estimate on a feed that shows every order, as if it showed the largest.

    `scope` is of one exchange whose feed is complete (`coverage` is `all`). Raises
    NoData where nothing could be compared: estimates begin a day after the record.
    """
    rows = store.view("prints", scope=scope, bar=bar, start=start, end=end).raw()
    width = parse_bar(bar)
    view = graph.find_view("estimated")
    assert isinstance(view, FoldView)
    made = folding(view, graph.settings(view.name, {"bar": width}))
    found = fold_table(made, as_if_throttled(rows), 0, 2**62)
    truth = _truth(rows, width)
    sides = [_side(found, truth, side) for side in ("long", "short")]
    true, estimate, shown = (
        np.concatenate([side[i] for side in sides]) for i in range(3)
    )
    day = np.tile(found["bar"].to_numpy() // DAY, 2)
    if not np.any((shown > 0) & np.isfinite(estimate)):
        raise NoData(
            f"{scope} has no bar with an estimate to compare with the truth: it needs"
            " more than a day of single orders on a feed that shows all of them."
        )
    return calibrate(true, estimate, shown, day, seed=seed)


def as_if_throttled(rows: pa.Table) -> pa.Table:
    """Rows of `prints` as a feed that shows the largest order a second would have them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lanes = [pc.fill_null(rows[f"{lane}_print_usd"], 0) for lane in LANES]
    for name, sign in (("long_usd", -1), ("short_usd", 1)):
        parts = [pc.max_element_wise(pc.multiply(lane, sign), 0) for lane in lanes]
        shown = parts[0]
        for part in parts[1:]:
            shown = pc.add(shown, part)
        rows = rows.set_column(rows.column_names.index(name), name, shown)
    told = pc.if_else(
        pc.equal(rows["throttled"], 0.0), 1.0, pa.scalar(None, pa.float64())
    )
    return rows.set_column(rows.column_names.index("throttled"), "throttled", told)


def _truth(rows: pa.Table, width: int) -> dict[str, dict[int, float]]:
    """Everything that was closed, in dollars, by side and bar."""
    found: dict[str, dict[int, float]] = {"long": {}, "short": {}}
    for time, long, short in zip(
        *(rows[n].to_pylist() for n in ("bar", "long_usd", "short_usd")), strict=True
    ):
        bar = bar_start(time, width)
        for side, usd in (("long", long), ("short", short)):
            found[side][bar] = found[side].get(bar, 0.0) + usd / 100
    return found


def _side(
    found: pa.Table, truth: dict[str, dict[int, float]], side: str
) -> tuple[Floats, Floats, Floats]:
    """Truth, estimate, and what was shown, of every bar."""
    return (
        np.array([truth[side].get(bar, 0.0) for bar in found["bar"].to_pylist()]),
        found[f"estimated_{side}_usd"].to_numpy(zero_copy_only=False),
        found[f"{side}_usd"].to_numpy(zero_copy_only=False),
    )


class OpeningShare(Struct, frozen=True, kw_only=True):
    """Share of what forced orders closed by which open interest fell, with 90 %."""

    closing: float
    low: float
    high: float


def closing_share(total: Floats, lost: Floats) -> OpeningShare:
    """1 - o: how much of a forced order its counterparty does not open anew.

    From waves of complete venues: open interest `lost` (USD, positive where it fell)
    regressed on the `total` closed, through the origin; the interval is robust to
    waves that vary unequally.
    """
    share = float((total * lost).sum() / (total * total).sum())
    away = (lost - share * total) * total
    deviation = sqrt(float((away * away).sum())) / float((total * total).sum())
    half = _NORMAL * deviation
    return OpeningShare(closing=share, low=share - half, high=share + half)


class Opinion(Struct, frozen=True, kw_only=True):
    """What lost open interest says was closed, and whether the model contradicts it."""

    usd: float
    low_usd: float
    high_usd: float
    disjoint: bool


def by_open_interest(
    lost_usd: float, share: OpeningShare, model: tuple[float, float]
) -> Opinion | None:
    """Total by what open interest lost in a wave; None where it says nothing.

    It says nothing where open interest rose, or where the share may be 0. It is no
    bound: both sides of a trade may open. `model` is the interval of the estimate.
    """
    if lost_usd <= 0 or share.low <= 0:
        return None
    low, high = lost_usd / share.high, lost_usd / share.low
    return Opinion(
        usd=lost_usd / share.closing, low_usd=low, high_usd=high,
        disjoint=high < model[0] or low > model[1],
    )  # fmt: skip
