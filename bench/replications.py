"""One replication of a calibration: a known truth, what tests see of it, what they say.

SIM-1 worlds are read as the method says: waves of the long side by the product's own
compiled step over minutes, events at the first exhaustion of waves of 60 bp, controls
on a grid of 15 minutes that only the past excludes, outcomes entered a minute later.
Everything is deterministic by seed. Method: B1, D1 to D3, G.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from washout.clock import DAY, HOUR, MINUTE, format_width
from washout.config import DEFAULT, Config
from washout.store import graph
from washout.store.folding import folding
from washout.study.estimate import Estimate
from washout.study.families import romano_wolf
from washout.study.matching import match
from washout.study.outcomes import (
    covariates,
    dip_shape,
    fell,
    forward_return,
    standardised,
    trailing_move,
    trailing_volatility,
)
from washout.study.placebo import Grid, placebo
from washout.study.regression import dose, ranked, regress
from washout.study.sample import Flags, Floats, Sample, Times, block_width, complete
from washout.testing.scoring import LATEST, NEVER, Found, Score, pooled, score
from washout.testing.simulate import (
    SimulatedMarket,
    simulated_market,
    simulated_noise,
    simulated_waves,
)
from washout.testing.simulated_market import BEGIN
from washout.views import _wave_state as at

HORIZONS = (24 * HOUR, 72 * HOUR)
GRID = 15
"""Minutes from one control to the next."""
MEMBERS = 12
"""Hypotheses of a family."""

QUICK = replace(DEFAULT, resamples=999)
"""Draws that suffice to count rejections: the noise of p at 0.05 is 0.007."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A market minute by minute, as it was known when each minute had closed.

    `event` are the minutes of first exhaustions, `recent` is whether a wave that had
    reached the size of a study was on in the day before, `soon` whether one will be in
    the day after, which nobody knows.
    """

    market: SimulatedMarket
    known: Times
    volatility: Floats
    state: Floats
    event: Times
    recent: Flags
    soon: Flags

    def outcome(self, horizon: int) -> Floats:
        """z: return over `horizon`, entered one minute later, in deviations."""
        bars = horizon // MINUTE
        change = forward_return(self.market.log_close, bars)
        return standardised(change, self.volatility, bars)


def seen(market: SimulatedMarket) -> Seen:
    """Fold waves over the market's minutes, and what else is known of each."""
    close, known = market.log_close, market.time + MINUTE + DEFAULT.grace
    volatility = trailing_volatility(close, MINUTE)
    track = replace(
        graph.find_view("wave_track"), shown=("size_bp", "is_exhaustion", "size_bp_exh")
    )
    told = folded(track, minutes(market.time, market.long_bp))
    large = (told["is_exhaustion"] == 1.0) & (told["size_bp_exh"] >= DEFAULT.study_size)
    on = told["size_bp"] >= DEFAULT.study_size
    return Seen(
        market=market, known=known, volatility=volatility,
        state=covariates(close, volatility, MINUTE).value,
        event=np.flatnonzero(large), recent=any_of_last(on, DAY // MINUTE + 1),
        soon=any_of_last(on[::-1], DAY // MINUTE + 1)[::-1],
    )  # fmt: skip


def minutes(time: Times, bp: Floats, side: int = -1) -> Floats:
    """Minutes as the wave step reads them, without prices, which have no part in waves."""
    rows = np.full((len(time), len(at.COLUMNS)), np.nan)
    rows[:, at.R_ORDER], rows[:, at.R_BAR] = side, time
    rows[:, at.R_KNOWN] = time + MINUTE + DEFAULT.grace
    rows[:, at.R_OBSERVED], rows[:, at.R_BP] = 60.0, bp
    return rows


def folded(view: Any, rows: Floats) -> dict[str, Floats]:
    """Columns of a wave view over rows of minutes."""
    fold = folding(view, graph.settings(view.name, {"bar": "1m"}))
    shown = fold.run(fold.first, rows)[1]
    return dict(zip(view.shown, shown.T, strict=True))


def any_of_last(flags: Flags, count: int) -> Flags:
    """Whether any of the last `count` flags was true, each one's own included."""
    total = np.cumsum(flags)
    before = np.concatenate([np.zeros(count, np.int64), total])[: len(total)]
    return np.asarray(total > before)


class Chosen(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Decisions of a test: minutes, what is asked of them, and terms beside."""

    place: Times
    treated: Floats
    shape: Floats


def rebound(what: Seen, *, look_ahead: bool = False) -> Chosen:
    """Events and controls. A control may have an event ahead, unless `look_ahead`."""
    free = ~what.recent
    if look_ahead:
        free &= ~what.soon
    every = np.arange(GRID - 1, len(free), GRID)
    control = np.setdiff1d(every[free[every]], what.event)
    place = np.concatenate([what.event, control])
    order = np.argsort(place)
    treated = np.repeat([1.0, 0.0], [len(what.event), len(control)])
    return Chosen(
        place=place[order], treated=treated[order], shape=np.empty((len(place), 0))
    )


def dips(what: Seen) -> Chosen:
    """Every hour after a fall of one deviation in four, with what was closed in six."""
    market = what.market
    fall = trailing_move(market.log_close, what.volatility, 4 * HOUR // MINUTE)
    every = np.arange(59, len(fall), 60)
    place = every[fell(fall[every], 1.0)]
    running = np.concatenate([[0.0], np.cumsum(market.long_bp)])
    closed = running[place + 1] - running[np.maximum(place + 1 - 6 * 60, 0)]
    terms = dip_shape(
        market.log_close, what.volatility, MINUTE, log_high=market.log_high,
        log_low=market.log_low,
    )  # fmt: skip
    return Chosen(place=place, treated=np.log1p(closed), shape=terms.value[place])


def sampled(
    what: Seen, chosen: Chosen, horizon: int, *, block: int = 0
) -> tuple[Sample, Floats]:
    """Decisions with what followed, and the shape of the dip beside, for a dose."""
    place = chosen.place
    rows = Sample(
        time=what.known[place], outcome=what.outcome(horizon)[place],
        treated=chosen.treated, covariates=what.state[place],
        block=block or block_width(horizon), extra=chosen.shape,
    )  # fmt: skip
    whole, _ = complete(rows)
    assert whole.extra is not None
    return replace(whole, extra=None), whole.extra


def on_grid(what: Seen, horizon: int) -> Grid:
    """Outcomes every 15 minutes, from the first that is known to the last."""
    every = np.arange(GRID - 1, len(what.known), GRID)
    outcome = what.outcome(horizon)[every]
    there = np.flatnonzero(np.isfinite(outcome))
    every = every[there[0] : there[-1] + 1]
    return Grid(
        begin=int(what.known[every[0]]), step=GRID * MINUTE,
        outcome=outcome[there[0] : there[-1] + 1],
    )  # fmt: skip


def naive(values: Floats, everywhere: float) -> list[float]:
    """Mean against a constant as if events were independent: forbidden, for the table."""
    from scipy.stats import t

    effect = float(values.mean() - everywhere)
    se = float(values.std(ddof=1) / math.sqrt(len(values)))
    return [effect, se, float(2 * t.sf(abs(effect / se), len(values) - 1))]


def said(estimate: Estimate) -> list[float]:
    """What is kept of an estimate."""
    return [estimate.effect, estimate.se, estimate.p]


def world(
    name: str, seed: int, *, days: int | None = None, config: Config = QUICK
) -> dict[str, Any]:
    """Every test on the market of `seed` in a SIM-1 world: [effect, se, p] by name."""
    what = seen(simulated_market(name, seed=seed, days=days))
    found: dict[str, Any] = {"days": what.market.days}
    settings: dict[str, Any] = {"seed": seed, "config": config}
    events, fallen = rebound(what), dips(what)
    future = rebound(what, look_ahead=True)
    for horizon in HORIZONS:
        sample, _ = sampled(what, events, horizon)
        falls, shape = sampled(what, fallen, horizon)
        grid = on_grid(what, horizon)
        reg = regress(sample, **settings)
        event = sample.time[sample.treated == 1.0]
        values = sample.outcome[sample.treated == 1.0]
        ahead, _ = sampled(what, future, horizon)
        tests = {
            "REG": said(reg),
            "DOSE": said(dose(falls, shape, **settings)),
            "PLA": said(placebo(grid, event, block=sample.block, **settings)),
            "MAT": said(match(sample, **settings)),
            "DOSE of ranks": said(dose(ranked(falls), shape, **settings)),
            "DOSE without shape": said(regress(falls, **settings)),
            "controls chosen by the future": said(regress(ahead, **settings)),
            "iid t": naive(values, float(np.nanmean(grid.outcome))),
        }
        found[format_width(horizon)] = tests
        found[f"events {format_width(horizon)}"] = [
            reg.n_events, reg.clusters, len(falls.time), reg.overlap,
        ]  # fmt: skip
    deviation = what.volatility[what.event] * math.sqrt(DAY / MINUTE)
    found["deviation_bp"] = 1e4 * float(np.nanmean(deviation))
    return found


def waves(seed: int, *, days: int = 180, noise: bool = False) -> Score:
    """Waves found by the product's step in flow of which all waves are known."""
    make = simulated_noise if noise else simulated_waves
    flow = make(seed=seed, days=days)
    scores = []
    for side, sign in ((flow.long, -1), (flow.short, 1)):
        told = folded(graph.find_view("waves"), minutes(flow.time, side.y, sign))
        scores.append(score(side.planted, _found(told), days=days))
    return replace(pooled(scores), days=days)


def _found(told: dict[str, Any]) -> Found:
    def minute(name: str) -> Times:
        values = (told[name] - BEGIN) / MINUTE
        return np.where(np.isnan(values), NEVER, values).astype(np.int64)

    names = ("onset", "confirm", "exhaustion", "end")
    return Found(size=told["size_bp"], **{name: minute(name) for name in names})


def scored(seed: int, *, noise: bool = False) -> dict[str, Any]:
    """A score as lists."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in msgspec.structs.asdict(waves(seed, noise=noise)).items()
    }


def eruptions(seed: int, *, days: int = 180) -> dict[str, Any]:
    """Eruptions in flow of which all waves are known, in noise, and in a null market.

    `hit` is whether one was told while each planted wave of 50 bp or more was on, `false`
    counts those outside of any planted wave of either side.
    """
    flow, noise = (
        make(seed=seed, days=days) for make in (simulated_waves, simulated_noise)
    )
    market = simulated_market("null0", seed=seed, days=days)
    told = _eruptions(flow.time, flow.long.y, flow.short.y)
    inside, hit = np.zeros(len(told), np.bool_), []
    for planted in (flow.long.planted, flow.short.planted):
        on = (told >= planted.onset[:, None]) & (told <= planted.end[:, None] + LATEST)
        inside |= on.any(axis=0)
        hit += on.any(axis=1)[planted.size >= 50].tolist()
    price = {"high": market.log_high, "low": market.log_low, "close": market.log_close}
    null = _eruptions(
        market.time, market.long_bp, market.short_bp,
        **{name: np.exp(values) for name, values in price.items()},
    )  # fmt: skip
    return {
        "hit": hit, "false": int((~inside).sum()), "null0": len(null), "days": days,
        "noise": len(_eruptions(noise.time, noise.long.y, noise.short.y)),
    }  # fmt: skip


def _eruptions(time: Times, long: Floats, short: Floats, **price: Floats) -> Times:
    """Minutes of eruptions by the product's own step."""
    view = graph.find_view("eruption")
    told = {"bar": time, "long_bp": long, "short_bp": short, "gross_bp": long + short}
    told |= price | {"observed_s": np.full(len(time), 60.0)}
    missing = np.full(len(time), np.nan)
    rows = np.column_stack([told.get(name, missing) for name in view.columns])
    fold = folding(view, graph.settings(view.name, {"bar": "1m"}))
    return np.asarray(fold.run(fold.first, rows)[2], np.int64)


def family(blocks: int, seed: int, *, config: Config = QUICK) -> dict[str, Any]:
    """Twelve hypotheses without effect that share shocks: was any of them found?"""
    members = [
        regress(sample, seed=seed, config=config) for sample in correlated(blocks, seed)
    ]
    adjusted = romano_wolf(members, seed=seed, config=config)
    return {"p": [member.p for member in members], "adjusted": adjusted.tolist()}


def correlated(blocks: int, seed: int) -> list[Sample]:
    """Samples of events that overlap and outcomes that share two thirds of their noise.

    Noise and events cluster within calendar blocks, as returns over days do.
    """
    random = np.random.default_rng([seed, blocks])
    rows, width = 12 * blocks, 3 * DAY
    time = np.arange(rows) * width // 12
    block = time // width
    shared = random.standard_normal(blocks)[block] + random.standard_normal(rows)
    busy = random.standard_normal(blocks)[block]
    found = []
    for _ in range(MEMBERS):
        own = random.standard_normal(blocks)[block] + random.standard_normal(rows)
        pull = 0.7 * busy + random.standard_normal(rows)
        x = random.standard_normal((rows, 1))
        found.append(
            Sample(
                time=time, outcome=shared + 0.7 * own + 0.3 * x[:, 0],
                treated=(pull > 0.8).astype(float), covariates=x, block=width,
            )
        )  # fmt: skip
    return found


def replicate(study: str, seed: int) -> dict[str, Any]:
    """One replication of a study: a SIM-1 world, waves, noise, eruptions or family15."""
    if study == "eruptions":
        return eruptions(seed)
    if study in {"waves", "noise"}:
        return scored(seed, noise=study == "noise")
    if study.startswith("family"):
        return family(int(study.removeprefix("family")), seed)
    return world(study, seed)
