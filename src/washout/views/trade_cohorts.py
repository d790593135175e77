"""Taker flow by size of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from washout.clock import Width
from washout.config import DEFAULT, cohort_names
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import arrived, best_feed, known_at
from washout.views._flow import GROUP, as_sums

if TYPE_CHECKING:
    from ibis.expr.types import Table

_MILLISECOND = 1000
_NAMES = cohort_names()
_FLOWS = [f"{side}_{name}" for name in _NAMES for side in ("buy", "sell")]
_VALUES = ["uncut", *_FLOWS]


@view()
def trade_cohorts(
    trade: Table,
    trade_total: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
    product: Literal["perp", "spot"] = "perp",
) -> Table:
    """Net and gross taker USD by size of the taker's order, from below 1 k to 1 M USD.

    `net_*_usd` = bought - sold, `gross_*_usd` = bought + sold, one pair of columns a
    cohort. Trades of one market, side and millisecond are taken as one order: a taker
    who sweeps the book prints once per price. From single trades or totals by cohort;
    bars that nobody observed, or whose total is not cut into cohorts, are null. Size
    is not identity. Method: C6.
    """
    sums = _trades(arrived(trade, bar, version)).union(
        _totals(arrived(trade_total, bar, version))
    )
    rows = best_feed(
        sums, coverage, gap, series.filter(series.product == product), span,
        kinds=["trade", "trade_total"], values=_VALUES, bar=bar, version=version,
    )  # fmt: skip
    cut = rows.uncut == 0
    rows = rows.mutate(**{v: cut.ifelse(rows[v], ibis.null("int64")) for v in _FLOWS})
    return rows.select(
        "scope", "bar", known_at=known_at(rows, bar, version),
        **{f"net_{n}_usd": rows[f"buy_{n}"] - rows[f"sell_{n}"] for n in _NAMES},
        **{f"gross_{n}_usd": rows[f"buy_{n}"] + rows[f"sell_{n}"] for n in _NAMES},
        observed_s=rows.observed_s, gap_s=rows.gap_s,
    )  # fmt: skip


def _trades(trades: Table) -> Table:
    millisecond = trades.ts_event - trades.ts_event % _MILLISECOND
    trades = trades.mutate(millisecond=millisecond)
    orders = trades.group_by([*GROUP, "millisecond", "side"]).aggregate(
        usd=trades.usd.sum(), received=trades.ts_recv.max()
    )
    cohort = ibis.cases(
        *[(orders.usd < b * 100, n) for b, n in zip(DEFAULT.cohorts, _NAMES)],  # noqa: B905  one name more
        else_=_NAMES[-1],
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
    named = totals.cohort.isin(_NAMES).cast("int64")
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
        for name in _NAMES
        for side in ("buy", "sell")
    }
