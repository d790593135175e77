"""Statements often made about such a chart, and how a record stands to each.

A statement is `contradicted` if the findings speak against it, `not_shown` if they
cannot speak for it, `borne_out` if they do, `no_data` if what it needs is missing or
too little was observed. Which it is follows from the findings alone; the words are in
`sentences`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from washout.present.findings import COMMON, Findings, Said, Standing

LARGEST, HALF = 20, 0.5
"""Waves that an amount is judged by, and the share of them that must fit it (H6)."""

BILLIONS = 2e9
"""What "billions" must at least mean (H2)."""


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """A range of USD that is quoted for the longs of one asset on one exchange."""

    exchange: str
    asset: str
    low: float
    high: float

    def about(self, exchange: str, asset: str) -> bool:
        """Whether the quote is about this scope."""
        return (exchange, asset) == (self.exchange, self.asset)


QUOTED = Quoted(exchange="binance", asset="BTC", low=120e6, high=360e6)
"""What a widely read note of 2025 gave as the size of waves of long closures."""


def judge(found: Findings) -> Findings:
    """`found` with every statement that applies to it judged."""
    said = tuple(
        Said(id=name, standing=_bounded(standing, name, found))
        for name, rule in STATEMENTS.items()
        if (standing := rule(found)) is not None
    )
    return msgspec.structs.replace(found, said=said)


def _bounded(standing: Standing, name: str, found: Findings) -> Standing:
    """Too little observed: what would be a judgement becomes `no_data`."""
    if standing in ("not_shown", "no_data") or name in ("price_rose", "billions_lost"):
        return standing
    return standing if found.completeness.judged else "no_data"


def shorts_scarce(found: Findings) -> Standing:
    """Short closures were scarce."""
    if found.sides.shorts == "none":
        return "no_data"
    return "borne_out" if found.sides.shorts == "scarce" else "contradicted"


def longs_bore_it(found: Findings) -> Standing:
    """The pressure was on longs."""
    if found.sides.pressure == "none":
        return "no_data"
    return "borne_out" if found.sides.pressure == "long" else "contradicted"


def shorts_safe(found: Findings) -> Standing:
    """Short sellers stayed out of danger."""
    if found.sides.shorts == "none":
        return "no_data"
    return "not_shown" if found.sides.shorts == "scarce" else "contradicted"


def wave_amounts(found: Findings) -> Standing | None:
    """Waves of 120 to 360 M USD. None where the quote is about something else."""
    if not QUOTED.about(found.about.exchange, found.about.asset):
        return None
    if found.amounts is None or found.sides.shorts == "none":
        return "no_data"
    inside = waves_inside(found)
    if inside:
        return "borne_out" if sum(inside) >= HALF * len(inside) else "contradicted"
    few_above = found.amounts.days_above_high <= COMMON * found.days.seen
    fits = found.amounts.reach == "common" and few_above
    return "borne_out" if fits else "contradicted"


def waves_inside(found: Findings) -> tuple[bool, ...]:
    """Of the twenty largest long waves, which closed an amount of the quoted size (H6).

    Empty where no wave is known; then days are all there is to judge by.
    """
    largest = sorted(found.waves.longs, key=lambda wave: -wave.long_usd)[:LARGEST]
    return tuple(QUOTED.low <= wave.long_usd <= QUOTED.high for wave in largest)


def billions_lost(found: Findings) -> Standing:
    """Billions were lost by longs. Floors: more may have been, so never contradicted."""
    if found.loss.least_usd >= BILLIONS:
        return "borne_out"
    small = found.loss.most_usd < BILLIONS and not found.sides.floor
    return "contradicted" if small else "not_shown"


def price_rose(found: Findings) -> Standing:
    """Price rose although longs were closed."""
    if found.price is None:
        return "no_data"
    if found.price.move == "up" and found.sides.long_usd == 0:
        return "contradicted"
    return "borne_out" if found.price.move == "up" else "contradicted"


def accumulation(_found: Findings) -> Standing:
    """A strong party bought from those who were closed out."""
    return "not_shown"


def spot_made_up(_found: Findings) -> Standing:
    """Spot money made up for the losses of leverage."""
    return "not_shown"


def declines_launch(found: Findings) -> Standing:
    """Violent declines came before strong rises."""
    return "not_shown" if found.price else "no_data"


def leverage_load(_found: Findings) -> Standing:
    """There was too much leverage in the market."""
    return "not_shown"


def low_is_balance(_found: Findings) -> Standing:
    """Low green bars mean that both sides are in balance."""
    return "not_shown"


def warnings(_found: Findings) -> Standing:
    """A jump of the bars warns of a reversal; a squeeze or a rebound is due."""
    return "not_shown"


STATEMENTS: dict[str, Callable[[Findings], Standing | None]] = {
    rule.__name__: rule
    for rule in (
        shorts_scarce, longs_bore_it, shorts_safe, wave_amounts, billions_lost,
        price_rose, accumulation, spot_made_up, declines_launch, leverage_load,
        low_is_balance, warnings,
    )
}  # fmt: skip
"""Every statement that is looked at, in the order of a note."""
