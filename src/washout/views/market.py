"""Everything that happens around a bar's forced closures, in one wide row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from washout.clock import DAY, Width
from washout.config import DEFAULT
from washout.lazy import ibis
from washout.views import view
from washout.views._bars import arrived, known_at, ratio
from washout.views._cohorts import COHORTS, cohort_bars
from washout.views._flow import flow_bars
from washout.views._references import (
    REFERENCE_MEMORY,
    basis_points,
    with_references,
)
from washout.views._told import (
    SAMPLE,
    as_of,
    candle_bars,
    closed_at,
    first_of,
    funding_bars,
    of_scopes,
    open_interest_lines,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

_MARKET = ("scope", "exchange", "market")
_WEEK = 7 * DAY
_LARGE = COHORTS[DEFAULT.cohorts.index(DEFAULT.large) + 1 :]


_NEAR = ("liquidations", "trade", "trade_total", "coverage", "gap", "span")
"""Of these a row needs its own bar only."""


@view(
    memory=REFERENCE_MEMORY,
    memories={
        **dict.fromkeys(_NEAR, 0),
        "open_interest": lambda s: max(DAY, s["bar"]) + DAY,
        "funding_rate": lambda s: max(_WEEK, s["bar"]) + max(DAY, s["bar"]),
    },
)
def market(
    liquidations: Table,
    open_interest: Table,
    candle: Table,
    funding_rate: Table,
    trade: Table,
    trade_total: Table,
    coverage: Table,
    gap: Table,
    series: Table,
    span: Table,
    *,
    bar: Width,
    version: Literal["asof", "final"] = "asof",
) -> Table:
    """Liquidations with price, volume, open interest, funding and taker flow of the bar.

    One row for every row of `liquidations`; a part that is not recorded is null.

    `*_bp` are liquidations in basis points of `reference_usd`. `normaliser` says what
    that is: `open interest` (`oi_ref_usd`, the median of the 24 hours before) or, where
    none is recorded, `turnover`: `turnover_to_open_interest` of the config times the
    mean daily perpetual volume of the 30 UTC days before. That constant is 0.34, the
    median of the 1,359 days of Binance BTC on which both are known. It is no constant
    of nature: by year the median was 0.23 (2022), 0.32 (2023), 0.36 (2024) and 0.68
    (2025), half of all days lie between 0.25 and 0.46. Basis points by turnover are
    good to a factor of two; compare them with each other, not with the other kind.

    Prices are those of the perpetual reference market. `open_interest` (base asset),
    `open_interest_usd`, `top_position_ratio` (long over short, of top traders) and
    `rate_8h` (funding last paid, a fraction per 8 hours) are the last sample up to the
    bar's end, at most one day (or bar) old. Open interest is carried market by market
    before it is summed, and a market that tells one unit only is converted at the
    bar's close. `mean_rate_8h` is the mean over the 7 days before that payment.
    `basis` = `close` / close of the spot reference market - 1.
    `*_delta_usd` = taker buying - selling; `spot_volume_usd` is both together. Large
    orders are those from 100 k USD. Method: A3, A5, C5, C6.
    """
    when = _When(bar=bar, version=version)
    rows = with_references(
        liquidations, open_interest, candle, series, bar=bar, version=version
    )
    parts = [
        _prices(candle, series, **when),
        _spot(candle, series, **when),
        _flow(
            flow_bars(
                trade, trade_total, candle, coverage, gap, series, span, **when
            )
        ),
        _cohorts(
            cohort_bars(
                trade, trade_total, coverage, gap,
                series.filter(series.product == "perp"), span, **when,
            ),
            **when,
        ),
        _funding(funding_rate, series, **when),
        _ratio(open_interest, series, **when),
        _levels(open_interest, series, **when),
    ]  # fmt: skip
    for number, part in enumerate(parts):
        rows = _beside(rows, part, number)
    return _wide(rows, len(parts))


class _When(TypedDict):
    bar: int
    version: str


def _wide(rows: Table, parts: int) -> Table:
    """The published columns; known when every part was."""
    known = [rows.known_at, rows.oi_received, rows.adv_received]
    known += [rows[f"known_{number}"] for number in range(parts)]
    turnover = DEFAULT.turnover_to_open_interest * rows.adv30_usd
    rows = rows.mutate(
        known=ibis.greatest(*(k.fill_null(0) for k in known)),
        reference=rows.oi_ref_usd.coalesce(turnover),
        normaliser=ibis.cases(
            (rows.oi_ref_usd.notnull(), "open interest"),
            (rows.adv30_usd.notnull(), "turnover"),
            else_=ibis.null("string"),
        ),
    )
    usd = ("long", "short", "gross", "net")
    return rows.select(
        "scope", "bar", known_at=rows.known,
        **{f"{name}_usd": rows[f"{name}_usd"] for name in usd},
        observed_s=rows.observed_s, floor=rows.floor,
        **{f"{n}_bp": basis_points(rows[f"{n}_usd"], rows.reference) for n in usd},
        normaliser=rows.normaliser, reference_usd=rows.reference / 100,
        oi_ref_usd=rows.oi_ref_usd / 100, adv30_usd=rows.adv30_usd / 100,
        **_open_interest(rows), **{name: rows[name] for name in _SHOWN},
        basis=ratio(rows.close, rows.spot_close) - 1.0,
    )  # fmt: skip


_SHOWN = (
    "top_position_ratio", "open", "high", "low", "close", "volume_usd",
    "rate_8h", "mean_rate_8h",
    "perp_delta_usd", "spot_delta_usd", "spot_volume_usd",
    "large_delta_usd", "small_delta_usd",
)  # fmt: skip


def _beside(rows: Table, part: Table, number: int) -> Table:
    """Rows with the columns of a part that has scope, bar and known."""
    named = part.rename({
        f"scope_{number}": "scope", f"bar_{number}": "bar", f"known_{number}": "known",
    })  # fmt: skip
    on = [
        rows.scope == named[f"scope_{number}"], rows.bar == named[f"bar_{number}"]
    ]  # fmt: skip
    return rows.left_join(named, on)


def _prices(candle: Table, series: Table, *, bar: int, version: str) -> Table:
    rows = candle_bars(
        candle, series, bar=bar, version=version, product="perp", price="trade"
    )
    return rows.select(
        "scope", "bar", "open", "high", "low", "close", "volume_usd",
        known=closed_at(rows.received, rows.bar, bar, version),
    )  # fmt: skip


def _spot(candle: Table, series: Table, *, bar: int, version: str) -> Table:
    rows = candle_bars(
        candle, series, bar=bar, version=version, product="spot", price="trade"
    )
    return rows.select(
        "scope", "bar", spot_close=rows.close,
        known=closed_at(rows.received, rows.bar, bar, version),
    )  # fmt: skip


def _flow(rows: Table) -> Table:
    return rows.select(
        "scope", "bar", "known",
        perp_delta_usd=rows.perp_buy_usd - rows.perp_sell_usd,
        spot_delta_usd=rows.spot_buy_usd - rows.spot_sell_usd,
        spot_volume_usd=rows.spot_buy_usd + rows.spot_sell_usd,
    )  # fmt: skip


def _cohorts(rows: Table, *, bar: int, version: str) -> Table:
    def net(large: bool) -> Any:
        return sum(rows[f"net_{n}"] for n in COHORTS if (n in _LARGE) == large)

    return rows.select(
        "scope", "bar", known=known_at(rows, bar, version),
        large_delta_usd=net(large=True), small_delta_usd=net(large=False),
    )  # fmt: skip


def _funding(funding_rate: Table, series: Table, *, bar: int, version: str) -> Table:
    paid = funding_bars(
        funding_rate, series, bar=bar, version=version, mean_window=max(_WEEK, bar)
    )
    paid = paid.select(
        "scope", "bar", "rate_8h", "mean_rate_8h",
        known=closed_at(paid.received, paid.bar, bar, version),
    )  # fmt: skip
    return as_of(paid, bar, DAY)


def _ratio(open_interest: Table, series: Table, *, bar: int, version: str) -> Table:
    """The last ratio of top traders' positions; the first market and source by name."""
    facts = arrived(open_interest, bar, version)
    facts = facts.filter(facts.top_position_ratio.notnull())
    facts = of_scopes(facts, series, "open_interest", SAMPLE)
    last = facts.group_by(*_MARKET, "bar", "source").aggregate(
        top_position_ratio=facts.top_position_ratio.argmax(facts.ts_event),
        received=facts.ts_recv.max(),
    )
    one = first_of(last, ["scope", "bar"], ["exchange", "market", "source"])
    one = one.select(
        "scope", "bar", "top_position_ratio",
        known=closed_at(one.received, one.bar, bar, version),
    )  # fmt: skip
    return as_of(one, bar, DAY)


def _levels(open_interest: Table, series: Table, *, bar: int, version: str) -> Table:
    """Open interest of all markets, each as of the bar, and the part told otherwise.

    `base` and `usd` are sums where told, `base_in_usd` and `usd_in_base` what is told
    in the other unit only.
    """
    told = open_interest.filter(
        open_interest.open_interest.notnull()
        | open_interest.open_interest_usd.notnull()
    )
    lines = open_interest_lines(told, series, bar=bar, version=version)
    lines = lines.select(
        *_MARKET, "bar", "base", "usd",
        known=closed_at(lines.received, lines.bar, bar, version),
    )  # fmt: skip
    lines = as_of(lines, bar, DAY, _MARKET)
    return lines.group_by("scope", "bar").aggregate(
        base=lines.base.fill_null(0.0).sum(),
        usd=lines.usd.fill_null(0).sum(),
        base_in_usd=lines.base.isnull().ifelse(lines.usd, 0).sum(),
        usd_in_base=lines.usd.isnull().ifelse(lines.base, 0.0).sum(),
        known=lines.known.max(),
    )


def _open_interest(rows: Table) -> dict[str, Any]:
    """Both units; what is told in the other one is converted at the bar's close."""
    cents = rows.close * 100
    base = rows.base + rows.base_in_usd / cents
    usd = rows.usd + (rows.usd_in_base * cents).round().cast("int64")
    return {
        "open_interest": (rows.base_in_usd == 0).ifelse(rows.base, base),
        "open_interest_usd": (rows.usd_in_base == 0).ifelse(rows.usd, usd),
    }
