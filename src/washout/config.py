"""Defaults, in one versioned place. `cfg_hash` names them in every result."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from math import log

import msgspec

from washout.clock import DAY, HOUR, MINUTE, SECOND


class WavePreset(msgspec.Struct, frozen=True, kw_only=True):
    """How waves are read from bars of one width. Spans are microseconds.

    The method's own numbers are those of 1-minute bars. The others keep its spans in
    half-lives (half of one until a wave fades, three to cool, two for the quiet window)
    as far as whole bars allow; the half-life is at least one bar, and the reference is
    long enough that its 0.99 quantile rests on several values.
    """

    bar: int
    half_life: int
    reference: int
    """Days before today that thresholds are made of."""
    minimum: int
    """Least history for thresholds; before it a series warms up."""
    fade: int
    """c_out: how long J stays below the exit threshold until a wave cools."""
    cool: int
    """How long a cooling wave may rise again."""
    quiet: int
    """m_ex: the window in which little may flow once forced selling has ended."""
    quiet_share: float
    """phi: how little, as a share of the wave's size. What usually flows in the window
    must fit in: in a minute's window that is nothing, in two days it is not."""
    least_bp: float = 2.0
    """s_min: smaller waves have no exhaustion."""
    longest: int
    """A wave is closed after this."""


WAVES = (
    WavePreset(
        bar=MINUTE, half_life=10 * MINUTE, reference=30 * DAY, minimum=7 * DAY,
        fade=5 * MINUTE, cool=30 * MINUTE, quiet=20 * MINUTE, quiet_share=0.03,
        longest=DAY,
    ),
    WavePreset(
        bar=HOUR, half_life=2 * HOUR, reference=90 * DAY, minimum=21 * DAY,
        fade=HOUR, cool=6 * HOUR, quiet=4 * HOUR, quiet_share=0.05, longest=7 * DAY,
    ),
    WavePreset(
        bar=4 * HOUR, half_life=8 * HOUR, reference=180 * DAY, minimum=60 * DAY,
        fade=4 * HOUR, cool=DAY, quiet=16 * HOUR, quiet_share=0.10, longest=14 * DAY,
    ),
    WavePreset(
        bar=DAY, half_life=DAY, reference=365 * DAY, minimum=90 * DAY,
        fade=DAY, cool=3 * DAY, quiet=2 * DAY, quiet_share=0.15, longest=30 * DAY,
    ),
)  # fmt: skip


class DetectorPreset(msgspec.Struct, frozen=True, kw_only=True):
    """How sudden events and usual reactions are read from bars of one width.

    The method's own numbers are those of 1-minute bars. For wider bars the half-life of
    an eruption is half that of a wave (at least a bar), the windows keep their lengths
    in half-lives, and references are those of waves. Wider bars blur jumps: what is ten
    times the usual in five minutes is less over hours. So they ask for less of it, and
    for a quantile that several values of the reference exceed. Chosen by such reasoning
    and by how often an eruption is told, never by what price did afterwards.
    """

    bar: int
    half_life: int
    """Of the intensity of an eruption, and length of the burst."""
    before: int
    """What the burst is compared with: this long, up to the burst."""
    jump: float
    """Least ratio of the burst to its share of the time before."""
    quantile: float
    deviations: float
    """Intensity must reach this quantile, and this many robust deviations."""
    refractory: int
    """No other eruption so soon after one."""
    reference: int
    """Days before today that thresholds of eruptions are made of."""
    minimum: int
    slope_reference: int
    """Days before today from which the usual reaction of price is read."""
    slope_minimum: int


DETECTORS = (
    DetectorPreset(
        bar=MINUTE, half_life=5 * MINUTE, before=HOUR, jump=10.0, quantile=0.999,
        deviations=5.0, refractory=6 * HOUR, reference=30 * DAY, minimum=7 * DAY,
        slope_reference=90 * DAY, slope_minimum=21 * DAY,
    ),
    DetectorPreset(
        bar=HOUR, half_life=HOUR, before=12 * HOUR, jump=6.0, quantile=0.995,
        deviations=4.0, refractory=DAY, reference=90 * DAY, minimum=21 * DAY,
        slope_reference=90 * DAY, slope_minimum=21 * DAY,
    ),
    DetectorPreset(
        bar=4 * HOUR, half_life=4 * HOUR, before=2 * DAY, jump=4.0, quantile=0.99,
        deviations=3.0, refractory=3 * DAY, reference=180 * DAY, minimum=60 * DAY,
        slope_reference=180 * DAY, slope_minimum=60 * DAY,
    ),
    DetectorPreset(
        bar=DAY, half_life=DAY, before=12 * DAY, jump=3.0, quantile=0.98,
        deviations=2.0, refractory=12 * DAY, reference=365 * DAY, minimum=90 * DAY,
        slope_reference=365 * DAY, slope_minimum=90 * DAY,
    ),
)  # fmt: skip


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every default of the method; keys follow its appendix."""

    version: int = 1
    grace: int = 5 * SECOND
    """A bar takes rows received up to its end plus this."""
    coverage_ok: float = 0.98
    """A rolling sum needs this share of its window observed."""
    anchor: str = "2024-01-01"
    """Where CLD starts unless it is told otherwise."""
    window: int = 30 * DAY
    cohorts: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    """Trade-size bounds in USD."""
    large: int = 100_000
    """From which of these an order is large."""
    study_size: float = 60.0
    """Size in bp from which a wave is an event of a study."""
    turnover_to_open_interest: float = 0.34
    """Open interest over mean daily perpetual volume, where only the latter is known."""
    half_life: int = 600 * SECOND
    """Half-life of forced-closure intensity."""
    resamples: int = 9999
    """Draws of a bootstrap."""
    shifts: int = 999
    """Draws of a circular shift."""
    neighbours: int = 5
    """Controls that an event is matched with, or needs near by."""
    caliper: float = 2.0
    """How near is near: distance in standard deviations of the controls."""
    alpha: float = 0.05
    """Chance of a false verdict in the family of primary tests."""
    false_discovery: float = 0.10
    """Share of false findings among secondary tests."""
    min_coverage: float = 0.90
    """Share of the record that was observed, below which nothing is judged."""
    min_clusters: int = 10
    """Calendar blocks with events, below which nothing is judged."""
    min_overlap: float = 0.70
    """Share of events with comparable controls, below which nothing is judged."""
    smallest_z: float = 0.20
    """Smallest effect of interest on an outcome in standard deviations."""
    smallest_probability: float = 0.10
    """The same for a probability."""
    smallest_position: float = 0.10
    """The same for an outcome between -1 and 1 along the trend."""
    smallest_ratio: float = 0.10
    """The same for a ratio."""
    waves: tuple[WavePreset, ...] = WAVES
    """Other widths take the preset whose bar is nearest in ratio."""
    wave_coverage: float = 0.8
    """Below this share of the last half-life observed, waves stand still."""
    wave_sizes: tuple[float, ...] = (20.0, 60.0, 200.0)
    """In bp at exhaustion: from which on a wave is normal, large, extreme."""
    detectors: tuple[DetectorPreset, ...] = DETECTORS
    """Other widths take the preset whose bar is nearest in ratio."""
    rank_reference: int = 365 * DAY
    """Days before today among which a daily value is ranked."""
    rank_minimum: int = 90 * DAY
    """Fewer known days give no rank."""
    divergence_rank: float = 0.20
    """Net liquidations rank this low or lower while price has risen."""
    slope_quantile: float = 0.90
    """The usual reaction is read from bars with at least this quantile of closures."""
    squeeze_score: float = 0.70
    """Mean rank from which shorts are set up for a squeeze."""
    squeeze_within: int = 72 * HOUR
    """How long after a set-up a wave of shorts counts as its trigger."""
    vertical: float = 2.0
    """A rise of so many daily deviations within 24 hours is vertical."""
    jump_floor_bp: float = 0.05
    """g0: the time before a burst counts as at least this much."""
    barrier: float = 0.5
    """kappa: an outcome is decided when price moved by this share of the run-up."""
    loaded: float = 0.80
    """Leverage load from which, with positive funding, longs are loaded."""


DEFAULT = Config()


def detector_preset(bar: int) -> DetectorPreset:
    """The preset whose bar is nearest in ratio."""
    return min(DEFAULT.detectors, key=lambda p: abs(log(p.bar / bar)))


def cfg_hash(config: Config = DEFAULT) -> str:
    """sha256 of the canonical JSON of `config`, first 12 hex digits."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()[:12]


def cohort_names(bounds: tuple[int, ...] = DEFAULT.cohorts) -> tuple[str, ...]:
    """Names of the trade-size cohorts, smallest first: `below_1k`, ..., `from_1m`."""
    marks = [_short(bound) for bound in bounds]
    between = [f"{a}_{b}" for a, b in pairwise(marks)]
    return (f"below_{marks[0]}", *between, f"from_{marks[-1]}")


def _short(usd: int) -> str:
    for size, letter in ((1_000_000, "m"), (1_000, "k")):
        if usd % size == 0:
            return f"{usd // size}{letter}"
    return str(usd)
