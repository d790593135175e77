"""What the chart of a scope shows: rows of views, and what is read off them.

Nothing here adds up liquidations: sums, nets, rolling nets and CLD come from the views
`liquidations`, `cld` and `candles`, waves from `waves` and `wave_track`; each is asked
once, here. Read off their rows are the runs of negative rolling net, the eruption bars,
and how complete the record is. USD are dollars, times int64 microseconds UTC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from washout.clock import SECOND, Time
from washout.config import DEFAULT
from washout.errors import NoData, UnknownName
from washout.present import waves
from washout.present.waves import Wave, Waves
from washout.store import trust
from washout.store.answer import as_of_what
from washout.store.manifest import AsOf

if TYPE_CHECKING:
    from washout.exchanges import Break
    from washout.store.answer import Answer, Store


class Bar(Struct, frozen=True, kw_only=True):
    """One bar `[time, end)`. What nobody observed is None, never 0."""

    time: int
    end: int
    long_usd: float | None = None
    short_usd: float | None = None
    net_usd: float | None = None
    gross_usd: float | None = None
    observed_s: float = 0.0
    coverage: str = "none"
    floor: bool = False
    cld_usd: float | None = None
    rolling_net_usd: float | None = None
    close: float | None = None

    @property
    def missing(self) -> bool:
        """Whether nobody observed any of it."""
        return self.observed_s <= 0

    @property
    def partial(self) -> bool:
        """Whether some of it was observed, but less than the method's 98 %."""
        enough = DEFAULT.coverage_ok * (self.end - self.time) / SECOND
        return not self.missing and self.observed_s < enough


class Run(Struct, frozen=True, kw_only=True):
    """Consecutive bars `[start, end)` whose rolling net liquidations are below zero.

    `long_usd` is what was closed of longs in these bars, `trough_usd` the lowest
    rolling net, reached in the bar at `trough_at`. `floor`: the true sum can only be
    larger, because the feed is a floor or a bar of the run was not fully observed.
    """

    start: int
    end: int
    long_usd: float
    trough_usd: float
    trough_at: int
    floor: bool


class EruptionRule(Struct, frozen=True, kw_only=True):
    """When a bar is marked as an eruption, from bars before it only.

    Its gross is at least `times` the median of the observed bars among the `reference`
    before it, and larger than all but the `top` share of those among the `history`
    before it. Unknown, and so unmarked, where less than half of either was observed.
    """

    times: float = 5.0
    reference: int = 30
    history: int = 365
    top: float = 0.01

    @property
    def words(self) -> str:
        """The rule as the chart prints it."""
        return (
            f"gross ≥ {self.times:g}× the median of the {self.reference} bars before,"
            f" and in the top {self.top:.1%} of the {self.history} before"
        ).replace(".0%", " %")


class ChartData(Struct, frozen=True, kw_only=True):
    """Everything that a chart of one scope shows, one `Bar` for each bar of the stretch.

    `anchor` is where CLD really starts: the later of what was asked for and the
    record's beginning. `no_price` says why there is no price, if there is none.
    """

    scope: str
    bar: int
    start: int
    stop: int
    window: int
    anchor: int
    rows: tuple[Bar, ...]
    runs: tuple[Run, ...]
    eruptions: tuple[int, ...]
    rule: EruptionRule
    breaks: tuple[Break, ...]
    sources: tuple[str, ...]
    price_of: str
    """Market whose price it is, as a scope; "" if there is none."""
    price_sources: tuple[str, ...]
    no_price: str
    vintage: int
    vintage_at: int
    as_of: AsOf
    waves: Waves = waves.NOT_ASKED

    @property
    def observed_share(self) -> float:
        """Share of the stretch that was observed, 0 to 1."""
        whole = (self.stop - self.start) / SECOND
        return sum(row.observed_s for row in self.rows) / whole

    @property
    def missing(self) -> int:
        """Bars that nobody observed."""
        return sum(row.missing for row in self.rows)

    @property
    def partial(self) -> int:
        """Bars of which less than 98 % was observed."""
        return sum(row.partial for row in self.rows)

    @property
    def floor(self) -> bool:
        """Whether any bar is a floor: true totals can only be larger."""
        return any(row.floor for row in self.rows)

    @property
    def trust(self) -> tuple[str, ...]:
        """Trust classes of the observed bars, the commonest first."""
        seen = [row.coverage for row in self.rows if not row.missing]
        return tuple(sorted(set(seen), key=lambda name: (-seen.count(name), name)))


def load(
    store: Store,
    scope: str,
    *,
    bar: str = "1d",
    start: str | Time | None = None,
    end: str | Time | None = None,
    window: str | int | None = None,
    anchor: str | Time | None = None,
    as_of: AsOf = None,
    rule: EruptionRule = EruptionRule(),  # noqa: B008  frozen
) -> ChartData:
    """Ask the views for what the chart of `scope` shows.

    `start` is inclusive, `end` exclusive, both UTC; without them the whole record.
    NoData if the record holds no bar of the stretch; a missing price is no error.
    """
    settings = {"window": window, "anchor": anchor}
    cld = store.view(
        "cld", scope=scope, bar=bar, start=start, end=end, as_of=as_of,
        **{name: value for name, value in settings.items() if value is not None},
    )  # fmt: skip
    plan, width = cld.plan, int(cld.plan.settings["bar"])
    first, last = Time(plan.start), Time(plan.stop)
    before = store.view(
        "liquidations", scope=scope, bar=bar, as_of=as_of,
        start=Time(first - rule.history * width), end=last,
    )  # fmt: skip
    sums, nets = _by_bar(before), _by_bar(cld)
    if not any(first <= time < last for time in sums):
        raise NoData(
            f"The record of {scope} has no bar in the stretch asked for; `washout list`"
            " shows from when to when it reaches."
        )
    prices, quoted, no_price = _prices(store, scope, bar, first, last, as_of)
    rows = _rows(range(first, last, width), width, sums, nets, prices)
    history = [
        sums.get(t, {}).get("gross_usd") for t in _grid(sums, first, last, width)
    ]
    marked = eruptions(history, rule)[-len(rows) :]
    vintage = next((v for v in store.lake.vintages() if v.id == plan.vintage), None)
    seen = waves.ask(
        store, scope, bar, start=first, stop=last, width=width, as_of=as_of
    )
    return ChartData(
        scope=plan.scopes[0], bar=width, start=first, stop=last,
        window=int(plan.settings["window"]),
        anchor=_anchor(nets, int(plan.settings["anchor"])),
        rows=rows, runs=tuple(runs(rows)),
        eruptions=tuple(r.time for r, hit in zip(rows, marked, strict=True) if hit),
        rule=rule, breaks=_breaks(cld, first, last),
        sources=_sources(before, "liquidation"),
        price_of=_market(quoted), price_sources=_sources(quoted, "candle"),
        no_price=no_price, vintage=plan.vintage,
        vintage_at=vintage.imported_at if vintage else 0,
        as_of=as_of_what(as_of), waves=_bounded(seen, rows),
    )  # fmt: skip


def _bounded(seen: Waves, rows: Sequence[Bar]) -> Waves:
    """Waves that know whether their amounts are floors, from the bars of the chart."""

    def floor(wave: Wave) -> bool:
        inside = [row for row in rows if wave.start <= row.time < wave.end]
        return any(row.floor or row.missing or row.partial for row in inside or rows)

    return replace(seen, found=tuple(replace(w, floor=floor(w)) for w in seen.found))


def runs(rows: Sequence[Bar]) -> list[Run]:
    """The runs of negative rolling net in `rows`, in order of time.

    A run ends where the rolling net is not below zero or not known; a run that is cut
    by the first or last row counts only what is inside.
    """

    def negative(row: Bar) -> bool:
        return row.rolling_net_usd is not None and row.rolling_net_usd < 0

    return [_run(list(group)) for below, group in groupby(rows, negative) if below]


def _run(rows: list[Bar]) -> Run:
    trough = min(rows, key=lambda row: (row.rolling_net_usd or 0.0, row.time))
    return Run(
        start=rows[0].time, end=rows[-1].end,
        long_usd=sum(row.long_usd or 0.0 for row in rows),
        trough_usd=trough.rolling_net_usd or 0.0, trough_at=trough.time,
        floor=any(row.floor or row.missing or row.partial for row in rows),
    )  # fmt: skip


def eruptions(gross: Sequence[float | None], rule: EruptionRule) -> list[bool]:
    """Which of consecutive bars are eruptions; None is a bar that nobody observed."""
    return [
        value is not None and _erupts(value, gross[max(0, i - rule.history) : i], rule)
        for i, value in enumerate(gross)
    ]


def _erupts(value: float, past: Sequence[float | None], rule: EruptionRule) -> bool:
    near = [v for v in past[-rule.reference :] if v is not None]
    known = [v for v in past if v is not None]
    if len(near) * 2 < rule.reference or len(known) * 2 < rule.history:
        return False
    if value <= 0 or value < rule.times * median(near):
        return False
    return sum(v >= value for v in known) <= rule.top * len(known)


def spans(
    rows: Sequence[Bar], chosen: Callable[[Bar], bool]
) -> Iterator[tuple[int, int]]:
    """Unbroken stretches `[start, end)` of the bars that are `chosen`."""
    for hit, group in groupby(rows, chosen):
        if hit:
            found = list(group)
            yield found[0].time, found[-1].end


def scaled_rows(data: ChartData, window: int = 0) -> tuple[Bar, ...]:
    """The bars that set the scale: those after the last break, if they are most.

    Before a break in meaning totals can be ten times larger; drawn on their scale the
    rest would be flat. What does not fit is cut, and the chart says so. `window`: how
    much past a value sums up.
    """
    if not data.breaks:
        return data.rows
    since = data.breaks[-1].at + window
    after = tuple(row for row in data.rows if row.time >= since)
    return after if 2 * len(after) > len(data.rows) else data.rows


def ceiling(amounts: Iterable[float | None]) -> float:
    """Where the scale of bars ends: at the largest, or where only few are larger.

    Daily liquidations have a heavy tail: on the scale of the largest crash every other
    day would be flat. The scale ends at three times the 98th percentile.
    """
    known = sorted(abs(v) for v in amounts if v is not None)
    if not known:
        return 0.0
    usual = known[math.ceil(0.98 * len(known)) - 1]
    return min(known[-1], 3 * usual) or known[-1]


def _by_bar(answer: Answer) -> dict[int, dict[str, Any]]:
    """Rows by bar, money in dollars; cents become dollars here and nowhere else."""
    table = answer.raw()
    money = {n for n in table.column_names if n.endswith("_usd")}
    whole = {n for n in money if str(table.schema.field(n).type) == "int64"}
    return {
        row["bar"]: {
            name: value / 100 if name in whole and value is not None else value
            for name, value in row.items()
        }
        for row in table.to_pylist()
    }


def _rows(
    times: range, width: int, *views: dict[int, dict[str, Any]]
) -> tuple[Bar, ...]:
    names = set(Bar.__struct_fields__) - {"time", "end"}
    bars = []
    for time in times:
        found: dict[str, Any] = {}
        for rows in reversed(views):
            found |= {k: v for k, v in rows.get(time, {}).items() if k in names}
        found["observed_s"] = found.get("observed_s") or 0.0
        bars.append(Bar(time=time, end=time + width, **found))
    return tuple(bars)


def _grid(sums: dict[int, dict[str, Any]], first: int, last: int, width: int) -> range:
    """Every bar from the record's first (or the chart's) to the chart's end."""
    begin = min([first, *sums])
    return range(first - (first - begin) // width * width, last, width)


def _prices(
    store: Store, scope: str, bar: str, first: Time, last: Time, as_of: Any
) -> tuple[dict[int, dict[str, Any]], Answer | None, str]:
    """Closes by bar, the answer that they come from, and why there are none."""
    try:
        answer = store.view(
            "candles", scope=scope, bar=bar, start=first, end=last, as_of=as_of
        )
    except (NoData, UnknownName) as error:
        return {}, None, str(error)
    closes = {
        time: {"close": row["close"]}
        for time, row in _by_bar(answer).items()
        if row["close"] is not None
    }
    if not closes:
        return {}, None, f"The lake has no price for {scope} in this stretch."
    return closes, answer, ""


def _sources(answer: Answer | None, kind: str) -> tuple[str, ...]:
    series = answer.plan.series if answer else []
    return tuple(sorted({r["source"] for r in series if r["kind"].startswith(kind)}))


def _market(answer: Answer | None) -> str:
    series = answer.plan.series if answer else []
    found = {
        f"{r['exchange']}:{r['market']}"
        for r in series
        if r["kind"].startswith("candle")
    }
    return min(found, default="")


def _breaks(answer: Answer, first: int, last: int) -> tuple[Break, ...]:
    names = {row["exchange"] for row in answer.plan.series}
    return tuple(b for b in trust.breaks(names) if first < b.at < last)


def _anchor(nets: dict[int, dict[str, Any]], asked: int) -> int:
    told = [row["anchor"] for row in nets.values() if row["anchor"] is not None]
    return max(told, default=asked)
