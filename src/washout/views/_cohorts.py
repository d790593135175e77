"""Taker flow by size of the taker's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.config import DEFAULT, cohort_names
from washout.lazy import ibis
from washout.views._bars import arrived, best_feed
from washout.views._flow import GROUP, as_sums

if TYPE_CHECKING:
    from ibis.expr.types import Table

_MILLISECOND = 1000
COHORTS = cohort_names()
_FLOWS = [f"{side}_{name}" for name in COHORTS for side in ("buy", "sell")]
_VALUES = ["uncut", *_FLOWS]


def cohort_bars(
    trade: Table, trade_total: Table, coverage: Table, gap: Table, series: Table,
    span: Table, *, bar: int, version: str,
) -> Table:  # fmt: skip
    """Buying, selling and net of each cohort per bar; `series` is of one product.

    Trades of one market, side and millisecond are one order. Null where a total is not
    cut into cohorts.
    """
    sums = _trades(arrived(trade, bar, version)).union(
        _totals(arrived(trade_total, bar, version))
    )
    rows = best_feed(
        sums, coverage, gap, series, span,
        kinds=["trade", "trade_total"], values=_VALUES, bar=bar, version=version,
    )  # fmt: skip
    cut = rows.uncut == 0
    rows = rows.mutate(**{v: cut.ifelse(rows[v], ibis.null("int64")) for v in _FLOWS})
    net = {f"net_{n}": rows[f"buy_{n}"] - rows[f"sell_{n}"] for n in COHORTS}
    return rows.mutate(**net)


def _trades(trades: Table) -> Table:
    millisecond = trades.ts_event - trades.ts_event % _MILLISECOND
    trades = trades.mutate(millisecond=millisecond)
    orders = trades.group_by([*GROUP, "millisecond", "side"]).aggregate(
        usd=trades.usd.sum(), received=trades.ts_recv.max()
    )
    cohort = ibis.cases(
        *[(orders.usd < b * 100, n) for b, n in zip(DEFAULT.cohorts, COHORTS)],  # noqa: B905  one name more
        else_=COHORTS[-1],
    )
    orders = orders.mutate(cohort=cohort)
    bought = orders.side == "buy"
    flows = orders.mutate(
        buy_usd=bought.ifelse(orders.usd, 0), sell_usd=bought.ifelse(0, orders.usd)
    )
    sums = flows.group_by(GROUP).aggregate(
        uncut=(0 * flows.usd).sum(), received=flows.received.max(), **_by_cohort(flows)
    )
    return as_sums(sums, "trade", ibis.literal(0, "int64"), _VALUES)


def _totals(totals: Table) -> Table:
    named = totals.cohort.isin(COHORTS).cast("int64")
    facts = totals.mutate(named=named)
    interval = [*GROUP, "interval", "ts_event"]
    facts = facts.mutate(uncut=1 - facts.named.max().over(group_by=interval))
    sums = facts.group_by([*GROUP, "interval"]).aggregate(
        uncut=facts.uncut.sum(), received=facts.ts_recv.max(), **_by_cohort(facts)
    )
    return as_sums(sums, "trade_total", sums.interval, _VALUES)


def _by_cohort(flows: Table) -> dict[str, Any]:
    return {
        f"{side}_{name}": (flows.cohort == name).ifelse(flows[f"{side}_usd"], 0).sum()
        for name in COHORTS
        for side in ("buy", "sell")
    }
