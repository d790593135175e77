"""What a rule may wait for: named signals over views, with their usual outcomes."""

from __future__ import annotations

from typing import Literal

import msgspec

from washout.clock import DAY, HOUR, MINUTE
from washout.errors import UnknownName

Edge = Literal["row", "rising"]
"""Whether every row of a view is an event, or the moment at which a condition begins."""

Direction = Literal["with", "up", "down", "either", "reversal", "recovery"]
"""Which way price must go for a hit: see `track_record`."""

GAPS = "gap"
"""Not a view: what feeds did not see although they should have, as it is told."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an alert a hit: see `track_record`.

    `horizon` is in microseconds, `move` a fraction of price.
    """

    direction: Direction
    horizon: int
    move: float = 0.01


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal: rows of `view` in which the flag `when` is set and `value` is enough.

    `value` is the column that a rule's threshold is about; `at_least` and `release`
    are its usual ones. `size` names columns that a message shows.
    """

    name: str
    title: str
    view: str
    when: str = ""
    value: str = ""
    at_least: float | None = None
    release: float | None = None
    edge: Edge = "row"
    cool_down: int = 0
    outcome: Outcome | None = None
    shows: tuple[str, ...] = ()
    bar: str = "1m"


_ALL = (
    Signal(
        name="wave_confirmed", title="a wave of forced closing has begun",
        view="wave_events", when="is_confirm", value="size_bp",
        outcome=Outcome(direction="with", horizon=4 * HOUR),
        shows=("size_bp", "long_usd", "short_usd", "drawdown_conf"),
    ),
    Signal(
        name="exhaustion", title="the forced selling of a large wave has ended",
        view="rebound_setup", value="size_bp",
        outcome=Outcome(direction="recovery", horizon=DAY),
        shows=("size_bp", "long_usd", "drawdown", "recovery", "oi_change", "spot_share"),
    ),
    Signal(
        name="eruption", title="closing has erupted (a jump of CLD)",
        view="eruption", value="jump_ratio",
        outcome=Outcome(direction="reversal", horizon=12 * HOUR),
        shows=("jump_ratio", "intensity_bp", "long_share", "ret_24h"),
    ),
    Signal(
        name="unusual", title="unusually much was closed",
        view="zscores", value="gross_z", at_least=4.0, release=2.0, edge="rising",
        cool_down=6 * HOUR, bar="1h",
        outcome=Outcome(direction="either", horizon=4 * HOUR, move=0.02),
        shows=("gross_z", "long_z", "short_z"),
    ),
    Signal(
        name="squeeze_setup", title="shorts are set up for a squeeze",
        view="squeeze_setup_track", when="squeeze_setup", value="score", edge="rising",
        outcome=Outcome(direction="up", horizon=3 * DAY, move=0.03),
        shows=("score", "ranks", "short_closed_bp", "mean_rate_8h", "oi_change"),
    ),
    Signal(
        name="squeeze_trigger", title="a squeeze of shorts has begun",
        view="squeeze_trigger", value="score",
        outcome=Outcome(direction="up", horizon=DAY, move=0.02),
        shows=("score", "high_24h", "ret_24h", "vertical_rise"),
    ),
    Signal(
        name="divergence", title="price has risen while longs were closed heavily",
        view="divergence_track", when="divergence", value="score", edge="rising",
        outcome=Outcome(direction="down", horizon=3 * DAY, move=0.03),
        shows=("score", "ret", "cld_bp", "cld_rank"),
    ),
    Signal(
        name="leverage_load", title="the market is loaded with long leverage",
        view="leverage_track", when="loaded", value="score", edge="rising",
        outcome=Outcome(direction="down", horizon=7 * DAY, move=0.05),
        shows=("score", "ranks", "turnover_days", "funding_year", "oi_change"),
    ),
    Signal(
        name="feed_gap", title="a feed was not seen: silent, cut off, or not recorded",
        view=GAPS, cool_down=15 * MINUTE, shows=("reason", "kind", "seconds"),
    ),
    Signal(
        name="unobserved", title="much of a bar was not observed",
        view="liquidations", value="gap_s", at_least=10.0, release=1.0, edge="rising",
        cool_down=15 * MINUTE, shows=("gap_s", "observed_s"),
    ),
    Signal(
        name="saturation", title="the feed is saturated: it cannot show all orders",
        view="completeness", value="saturated_s", at_least=20.0, release=5.0,
        edge="rising", cool_down=HOUR, shows=("saturated_s", "occupied_share"),
    ),
)  # fmt: skip

SIGNALS = {signal.name: signal for signal in _ALL}
"""Every named signal."""


def find_signal(name: str) -> Signal:
    """The signal of this name; UnknownName with the nearest ones."""
    if name not in SIGNALS:
        raise UnknownName("signal", name, SIGNALS)
    return SIGNALS[name]
