"""What was shown and what was probably closed, side by side and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from washout.errors import NoData
from washout.instruments import parse_scope
from washout.present.wording import listed, money, money_range

if TYPE_CHECKING:
    from washout.store.answer import Store

Row = dict[str, Any]
Side = Literal["long", "short", "gross"]

_NOUNS = {"long": "longs", "short": "shorts", "gross": "positions"}
_RULES = {
    "largest": "the largest order of a second is shown",
    "latest": "the latest order of a second is shown",
    "undecided": "the largest or the latest order of a second is shown (not known which)",
}
_SILENCE = {
    "warmup": "there are too few days before to fit a model to",
    "untold": "nobody says how much of the orders its feed shows",
}


class Estimate(Struct, frozen=True, kw_only=True):
    """Closed in a stretch, USD: `shown` is a floor, beside it what is estimated.

    `low` to `high` is an interval of 90 %; None where there is no answer. `high` is None
    alone where nothing bounds the total. `rules` are those of the bars, worst last.
    """

    side: Side
    shown: float
    estimate: float | None
    low: float | None
    high: float | None
    rules: tuple[str, ...]


def estimate_of(
    store: Store, scope: str, *, side: Side = "gross", start: str | None = None,
    end: str | None = None, bar: str = "1d",
) -> Estimate:  # fmt: skip
    """Estimate of a stretch of bars; `all:BTC` adds up its exchanges.

    Errors of the model are taken to be the same in every bar and exchange, so lower
    ends are added up, and upper ends: the interval is rather too wide.
    """
    rows: list[Row] = []
    for one in _exchanges(store, scope):
        rows += store.view("estimated", scope=one, bar=bar, start=start, end=end).rows()
    return added(rows, side)


def _exchanges(store: Store, scope: str) -> list[str]:
    asked = parse_scope(scope)
    if asked.exchange != "all":
        return [scope]
    names = {
        f.exchange for f in store.feeds()
        if (f.kind, f.detail, f.asset) == ("coverage", "liquidation", asked.asset)
        and f.market in ("", asked.market)
    }  # fmt: skip
    if not names:
        raise NoData(f"No exchange has single forced orders of {asked.asset}.")
    return [f"{name}:{asked.market or asked.asset}" for name in sorted(names)]


def added(rows: Sequence[Row], side: Side) -> Estimate:
    """Bars added up; where one has no answer, the sum has none."""
    seen = [row for row in rows if row[f"{side}_usd"] is not None]

    def total(name: str) -> float | None:
        values = [row[name] for row in seen]
        return None if None in values else float(sum(values))

    return Estimate(
        side=side,
        shown=float(sum(row[f"{side}_usd"] for row in seen)),
        estimate=total(f"estimated_{side}_usd"),
        low=total(f"{side}_low_usd"),
        high=total(f"{side}_high_usd"),
        rules=tuple(sorted({row["rule"] for row in seen if row["rule"]}, key=_order)),
    )


def _order(rule: str) -> int:
    return ("all", "largest", "latest", "undecided", "warmup", "untold").index(rule)


def sentence(found: Estimate) -> str:
    """One sentence that says what was observed, and apart from it what is estimated.

    >>> sentence(Estimate(side="long", shown=41.2e6, estimate=55e6, low=47e6, high=64e6,
    ...                   rules=("largest",)))  # doctest: +NORMALIZE_WHITESPACE
    'Observed: at least 41.2 M USD of longs closed. Estimated: 55.0 M USD, 90 % interval
     47.0 to 64.0 M USD, if the largest order of a second is shown.'
    """
    noun = _NOUNS[found.side]
    if set(found.rules) <= {"all"}:
        return f"Observed: {money(found.shown)} of {noun} closed, every order shown."
    return f"Observed: at least {money(found.shown)} of {noun} closed. {_rest(found)}"


def _rest(found: Estimate) -> str:
    why = listed([_RULES[r] for r in found.rules if r in _RULES])
    if found.estimate is None:
        silent = [_SILENCE[r] for r in found.rules if r in _SILENCE]
        reason = listed(silent) or "some minutes had an order in every second"
        return f"No estimate: {reason}."
    return f"Estimated: {money(found.estimate)}, {_interval(found)}, if {why}."


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "with no upper end that could be said"
    return f"90 % interval {money_range(found.low, found.high)}"
