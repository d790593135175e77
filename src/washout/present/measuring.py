"""From what a chart shows to findings: sums, ranks and classes, no words.

Everything is read off rows of the views `liquidations`, `cld` and `candles`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from statistics import median

from msgspec import Struct

from washout.clock import DAY, SECOND, WEEK, bar_start, format_width, to_datetime
from washout.errors import NoData
from washout.instruments import parse_scope
from washout.present.chart_data import Bar, ChartData, spans
from washout.present.findings import (
    COMMON,
    LEVERAGE,
    About,
    Amounts,
    Completeness,
    Days,
    Findings,
    Hole,
    LongWave,
    Loss,
    Net,
    Peak,
    Price,
    Reach,
    Red,
    RedRun,
    Sides,
    WavesSeen,
    move_of,
    pressure_of,
    shorts_of,
)  # fmt: skip
from washout.present.statements import QUOTED, judge

TOP = 10
"""How many of the largest days are looked at together."""

LATER = 7
"""Days after which price is looked at again."""

ENOUGH = 30
"""Days below which ranks and shares of days say too little to be written down."""


class Candle(Struct, frozen=True, kw_only=True):
    """Price of one bar; `time` in microseconds."""

    time: int
    open: float
    high: float
    low: float
    close: float


class Day(Struct, frozen=True, kw_only=True):
    """One UTC day (or week) of the window."""

    time: int
    long_usd: float
    short_usd: float
    floor: bool
    observed_s: float
    wanted_s: float

    @property
    def seen(self) -> bool:
        """Whether any of it was observed."""
        return self.observed_s > 0

    @property
    def net(self) -> float:
        """Short - long."""
        return self.short_usd - self.long_usd

    @property
    def gross(self) -> float:
        """Both sides."""
        return self.short_usd + self.long_usd


def find(data: ChartData, candles: Sequence[Candle] = ()) -> Findings:
    """The findings of a chart. NoData if nobody observed any of its window."""
    width = max(data.bar, DAY)
    grid = days_of(data.rows, width)
    seen = [day for day in grid if day.seen]
    if not seen:
        raise NoData(
            f"Nobody observed {data.scope} from {to_datetime(data.start):%Y-%m-%d} to"
            f" {to_datetime(data.stop):%Y-%m-%d}: there is nothing to write about."
            " `washout list` shows what the lake holds."
        )
    about = _about(data)
    quoted = QUOTED.about(about.exchange, about.asset) and about.unit == "day"
    sides, red = _sides(data), _red(data)
    price = _price(data, candles, seen) if candles else None
    found = Findings(
        about=about, sides=sides, days=_days(grid, seen),
        amounts=_amounts(grid, seen, red, data.window // width) if quoted else None,
        red=red, waves=_waves(data), price=price, no_price="" if price else _no_price(data),
        net=_net(data, seen), loss=_loss(sides.long_usd),
        completeness=_completeness(data), said=(),
    )  # fmt: skip
    return judge(found)


def days_of(rows: Sequence[Bar], width: int) -> list[Day]:
    """Bars added up to days (or, at a `width` of a week, weeks); gaps stay gaps."""
    return [
        _day(time, list(bars))
        for time, bars in groupby(rows, lambda row: bar_start(row.time, width))
    ]


def _day(time: int, bars: list[Bar]) -> Day:
    wanted = (bars[-1].end - bars[0].time) / SECOND
    return Day(
        time=time,
        long_usd=sum(bar.long_usd or 0.0 for bar in bars),
        short_usd=sum(bar.short_usd or 0.0 for bar in bars),
        floor=any(bar.floor or bar.missing or bar.partial for bar in bars),
        observed_s=sum(bar.observed_s for bar in bars), wanted_s=wanted,
    )  # fmt: skip


def _about(data: ChartData) -> About:
    scope = parse_scope(data.scope)
    return About(
        scope=data.scope, exchange=scope.exchange, asset=scope.asset,
        bar=format_width(data.bar), bar_s=data.bar / SECOND,
        start=to_datetime(data.start), stop=to_datetime(data.stop),
        window=format_width(data.window), window_s=data.window / SECOND,
        anchor=to_datetime(data.anchor), unit="week" if data.bar == WEEK else "day",
    )  # fmt: skip


def _sides(data: ChartData) -> Sides:
    longs = sum(row.long_usd or 0.0 for row in data.rows)
    shorts = sum(row.short_usd or 0.0 for row in data.rows)
    share = shorts / (longs + shorts) if longs + shorts else None
    level = shorts_of(share)
    return Sides(
        long_usd=longs, short_usd=shorts, short_share=share, shorts=level,
        pressure=pressure_of(level),
        floor=data.floor or bool(data.missing) or bool(data.partial),
    )  # fmt: skip


def _days(grid: Sequence[Day], seen: Sequence[Day]) -> Days:
    whole = [day for day in seen if day.observed_s >= day.wanted_s]
    typical = whole or seen
    longs = sorted((day.long_usd for day in seen), reverse=True)
    shorts = sorted((day.short_usd for day in seen), reverse=True)
    top = TOP if len(seen) >= ENOUGH else 0
    return Days(
        count=len(grid), seen=len(seen), whole=len(whole),
        zero=sum(day.gross == 0 for day in seen),
        median_long_usd=median(day.long_usd for day in typical),
        median_short_usd=median(day.short_usd for day in typical),
        median_gross_usd=median(day.gross for day in typical),
        long_led=sum(day.net < 0 for day in seen),
        short_led=sum(day.net > 0 for day in seen),
        top_count=top,
        top_long_share=_share(sum(longs[:top]), sum(longs)) if top else None,
        top_short_share=_share(sum(shorts[:top]), sum(shorts)) if top else None,
        largest_long=_peak(max(seen, key=lambda day: day.long_usd)),
        largest_short=_peak(max(seen, key=lambda day: day.short_usd)),
    )  # fmt: skip


def _peak(day: Day) -> Peak:
    return Peak(
        time=to_datetime(day.time), long_usd=day.long_usd, short_usd=day.short_usd,
        floor=day.floor,
    )  # fmt: skip


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _amounts(
    grid: Sequence[Day], seen: Sequence[Day], red: Red, window: int
) -> Amounts:
    low, high = QUOTED.low, QUOTED.high
    longs = [day.long_usd for day in grid]
    ranked = sorted(seen, key=lambda day: -day.long_usd)
    reaching = [day for day in ranked if day.long_usd >= low]
    rest = [day.long_usd for day in ranked if day.long_usd < low]
    pace = median(day.long_usd for day in seen)
    inside = [run for run in red.runs if low <= run.long_usd <= high]
    lasted = [(run.stop - run.start).total_seconds() for run in inside]
    fastest = fewest(longs, low)
    return Amounts(
        low=low, high=high, reach=_reach(fastest, len(reaching), len(seen)),
        days_from_low=len(reaching),
        days_above_high=sum(day.long_usd > high for day in reaching),
        largest=tuple(_peak(day) for day in reaching[:3]),
        next_long_usd=rest[0] if rest else None,
        fastest_low=fastest, fastest_high=fewest(longs, high),
        typical_low=math.ceil(low / pace) if pace else None,
        typical_high=math.ceil(high / pace) if pace else None,
        rolling_share=_rolling_share(grid, window, low, high),
        runs_inside=len(inside),
        runs_shortest_s=min(lasted, default=None),
        runs_longest_s=max(lasted, default=None),
    )  # fmt: skip


def _reach(fastest: int | None, reaching: int, seen: int) -> Reach:
    if fastest is None:
        return "never"
    if not reaching:
        return "sums"
    return "exceptions" if reaching <= COMMON * seen else "common"


def fewest(values: Sequence[float], target: float) -> int | None:
    """The fewest consecutive values that add up to `target`; None if none do.

    >>> fewest([1, 5, 2, 4, 0], 6), fewest([1.0], 2)
    (2, None)
    """
    best, begin, total = None, 0, 0.0
    for end, value in enumerate(values):
        total += value
        while total >= target:
            best = min(best or len(values), end - begin + 1)
            total -= values[begin]
            begin += 1
    return best


def _rolling_share(
    grid: Sequence[Day], window: int, low: float, high: float
) -> float | None:
    sums = [
        sum(day.long_usd for day in grid[end - window : end])
        for end in range(window, len(grid) + 1)
        if all(day.seen for day in grid[end - window : end])
    ]
    return sum(low <= one <= high for one in sums) / len(sums) if sums else None


def _waves(data: ChartData) -> WavesSeen:
    seen = data.waves
    return WavesSeen(
        missing=seen.missing, unknown=_share(seen.unknown, seen.bars) or 0.0,
        longs=tuple(
            LongWave(
                start=to_datetime(wave.start), stop=to_datetime(wave.end),
                long_usd=wave.long_usd, short_usd=wave.short_usd, floor=wave.floor,
                open=wave.open,
            )
            for wave in seen.of("long")
        ),
        shorts=len(seen.of("short")),
    )  # fmt: skip


def _red(data: ChartData) -> Red:
    known = [
        (row.rolling_net_usd, row.time)
        for row in data.rows
        if row.rolling_net_usd is not None
    ]
    low, high = min(known, default=None), max(known, default=None)
    rolling = {row.time: row.rolling_net_usd for row in data.rows}
    return Red(
        known=len(known), bars=len(data.rows),
        share=_share(sum(value < 0 for value, _ in known), len(known)),
        lowest=low[0] if low else None, lowest_at=to_datetime(low[1]) if low else None,
        highest=high[0] if high else None,
        highest_at=to_datetime(high[1]) if high else None,
        runs=tuple(
            RedRun(
                start=to_datetime(run.start), stop=to_datetime(run.end),
                long_usd=run.long_usd, trough_usd=run.trough_usd,
                trough_at=to_datetime(run.trough_at), floor=run.floor,
                begun=rolling.get(run.start - data.bar) is None,
                going_on=run.end >= data.stop,
            )
            for run in data.runs
        ),
    )  # fmt: skip


def _net(data: ChartData, seen: Sequence[Day]) -> Net:
    told = [(row.cld_usd, row.time) for row in data.rows if row.cld_usd is not None]
    largest = max(seen, key=lambda day: abs(day.net))
    ranked = sorted(seen, key=lambda day: abs(day.net))
    third = len(ranked) // 3 if len(ranked) >= ENOUGH else 0
    return Net(
        anchor=to_datetime(data.anchor),
        cld_last=told[-1][0] if told else None,
        cld_last_at=to_datetime(told[-1][1]) if told else None,
        largest=largest.net, largest_at=to_datetime(largest.time),
        low_third_gross_usd=median(d.gross for d in ranked[:third]) if third else None,
        other_gross_usd=median(d.gross for d in ranked[third:]) if third else None,
        eruptions=tuple(to_datetime(time) for time in data.eruptions),
        eruption_rule=data.rule.words,
    )  # fmt: skip


def _loss(notional: float) -> Loss:
    high, low = LEVERAGE
    return Loss(
        notional_usd=notional, least_usd=notional / high, most_usd=notional / low
    )


def _completeness(data: ChartData) -> Completeness:
    observed = [row for row in data.rows if not row.missing]
    floors = [row.time for row in observed if row.floor]
    return Completeness(
        bars=len(data.rows), missing=data.missing, partial=data.partial,
        observed_share=data.observed_share,
        unobserved_s=(data.stop - data.start) / SECOND
        - sum(row.observed_s for row in data.rows),
        trust={
            name: sum(row.coverage == name for row in observed) for name in data.trust
        },
        floor_bars=len(floors),
        floor_since=to_datetime(floors[0]) if floors else None,
        holes=tuple(
            Hole(start=to_datetime(begin), stop=to_datetime(end))
            for begin, end in spans(data.rows, lambda row: row.missing)
        ),
        breaks=tuple((to_datetime(b.at), b.label, b.source) for b in data.breaks),
        sources=data.sources,
    )  # fmt: skip


def _no_price(data: ChartData) -> str:
    return data.no_price or f"The lake has no price for {data.scope} in this stretch."


def _price(data: ChartData, candles: Sequence[Candle], seen: Sequence[Day]) -> Price:
    width = max(data.bar, DAY)
    first, last = candles[0], candles[-1]
    low = min(candles, key=lambda one: one.low)
    high = max(candles, key=lambda one: one.high)
    moves = dict(_moves(candles, width))
    change = last.close / first.open - 1
    longs = [moves[day.time][1] for day in seen if day.net < 0 and day.time in moves]
    shorts = [moves[day.time][1] for day in seen if day.net > 0 and day.time in moves]
    later = _later({time: close for time, (close, _) in moves.items()}, width)
    top = sorted(seen, key=lambda day: -day.long_usd)[:TOP]
    return Price(
        first=first.open, last=last.close, change=change, move=move_of(change),
        first_at=to_datetime(first.time), last_at=_end(last.time, data),
        low=low.low, low_at=to_datetime(low.time),
        high=high.high, high_at=to_datetime(high.time),
        known_share=len(candles) / len(data.rows),
        long_days=len(longs), falls=sum(move < 0 for move in longs),
        short_days=len(shorts), rises=sum(move > 0 for move in shorts),
        after_top=sum(day.time in later for day in top),
        after_top_up=sum(later.get(day.time, 0) > 0 for day in top),
        after_all=len(later), after_all_up=sum(move > 0 for move in later.values()),
        market=data.price_of, source=data.price_sources,
    )  # fmt: skip


def _end(time: int, data: ChartData) -> datetime:
    return to_datetime(min(time + data.bar, data.stop))


def _moves(
    candles: Iterable[Candle], width: int
) -> Iterable[tuple[int, tuple[float, float]]]:
    """Per day its close, and close - open."""
    key: Callable[[Candle], int] = lambda one: bar_start(one.time, width)  # noqa: E731
    for time, group in groupby(candles, key):
        inside = list(group)
        yield time, (inside[-1].close, inside[-1].close - inside[0].open)


def _later(closes: dict[int, float], width: int) -> dict[int, float]:
    """Change of close to the close `LATER` days on; days only."""
    if width != DAY:
        return {}
    reach = LATER * DAY
    return {
        time: closes[time + reach] - close
        for time, close in closes.items()
        if time + reach in closes
    }
