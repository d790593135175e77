"""What a claim may look at: the views of one scope, up to one instant.

Prices come from the finest candles that cover the record, liquidations from bars of the
width that was asked for. Everything is placed by the instant from which it was known: a
number that was published after a decision does not exist for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import numpy as np

from washout.claims import Lacks, Rows
from washout.clock import DAY, HOUR, MINUTE, Time, Width, bar_start, format_width
from washout.config import DEFAULT
from washout.errors import NoData, UnknownName
from washout.store.answer import Store
from washout.store.manifest import AsOf
from washout.study.outcomes import (
    covariates,
    dip_shape,
    forward_return,
    standardised,
    trailing_move,
    trailing_volatility,
)
from washout.study.sample import Flags, Floats, Times

Side = Literal["long", "short"]

STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY)
"""Widths of price bars, finest first."""

_APART = 15 * MINUTE
"""Controls are not closer to each other than this."""

_COVERED = 0.95
"""Share of the record's price bars that a width must have to be taken."""


_WORDS = {
    "large_delta_usd": "trade-size cohorts (single trades, or totals by cohort)",
    "perp_delta_usd": "perpetual taker flow",
    "spot_delta_usd": "spot taker flow",
    "score": "what leverage load is made of (open interest, funding, volumes)",
    **dict.fromkeys(
        ("long_bp", "short_bp", "net_bp", "gross_bp"),
        "what liquidations are measured by (open interest, or turnover)",
    ),
}
"""What a missing column is called."""


class Prices(msgspec.Struct, frozen=True, eq=False):
    """Price bars on a grid without holes; `known[i]` is when bar i had closed.

    `close`, `high` and `low` are logarithms, NaN where no bar was told; `volatility` is
    that of one bar's return over the 30 days before.
    """

    begin: int
    step: int
    close: Floats
    high: Floats
    low: Floats
    volatility: Floats

    @property
    def known(self) -> Times:
        """When each bar had closed and its grace was over, int64[n], us."""
        ends = self.begin + self.step * np.arange(1, len(self.close) + 1)
        return np.asarray(ends + DEFAULT.grace, np.int64)

    def place(self, time: Times) -> Times:
        """The last bar known at each instant; -1 before the first."""
        return np.searchsorted(self.known, time, side="right") - 1


class LakeRecord:
    """A `claims.Record` over a lake, that ends at `end`: later rows are not read.

    What was known only after `until` (default: `end`) is not there either.
    """

    def __init__(
        self, store: Store, scope: str, *, bar: int, step: int, begin: int, end: int,
        red: Side = "long", until: int | None = None,
        study_size: float = DEFAULT.study_size, as_of: AsOf = None,
    ) -> None:  # fmt: skip
        self.store, self.scope, self.as_of = store, scope, as_of
        self.until = end if until is None else until
        self.study_size = study_size
        self.bar, self.step, self.begin, self.end = bar, step, begin, end
        self.red: Side = red
        self.white: Side = "short" if red == "long" else "long"
        self._seen: dict[Any, dict[str, Any]] = {}
        self._prices: list[Prices] = []

    @property
    def sign(self) -> int:
        """-1 where red are longs, whose closing is below zero."""
        return -1 if self.red == "long" else 1

    def read_as(self, red: Side, study_size: float = DEFAULT.study_size) -> LakeRecord:
        """The same record under another reading; what was read of the lake is shared."""
        twin = LakeRecord(
            self.store, self.scope, bar=self.bar, step=self.step, begin=self.begin,
            end=self.end, red=red, until=self.until, study_size=study_size,
            as_of=self.as_of,
        )  # fmt: skip
        twin._seen, twin._prices = self._seen, self._prices
        return twin

    def rows(self, view: str, **settings: Any) -> dict[str, Any]:
        """Columns of a view: NumPy arrays, times in us, USD in dollars, NaN for missing."""
        key = view, tuple(sorted(settings.items()))
        if key not in self._seen:
            self._seen[key] = self._read(view, settings)
        return self._seen[key]

    def _read(self, view: str, settings: dict[str, Any]) -> dict[str, Any]:
        given = {"bar": format_width(self.bar), **settings}
        try:
            answer = self.store.view(
                view,
                scope=self.scope,
                start=Time(self.begin),
                end=Time(self.end),
                **given,
            )
            table = answer.raw()
        except NoData as error:
            raise Lacks(str(error)) from error
        # what a row rests on may be known late: then so are the rows after it
        known = np.maximum.accumulate(np.asarray(table["known_at"], np.int64))
        found = {name: _column(name, table[name]) for name in table.column_names}
        found["known_at"] = known
        return {name: values[known <= self.until] for name, values in found.items()}

    def need(self, columns: Mapping[str, Any], *names: str) -> None:
        """Lacks, where one of the named columns has no number at all."""
        for name in names:
            if not np.isfinite(np.asarray(columns[name], np.float64)).any():
                raise Lacks(_WORDS.get(name, name.replace("_", " ")))

    @property
    def prices(self) -> Prices:
        """Perpetual price bars of the record, from 40 days before it."""
        if not self._prices:
            self._prices.append(self._read_prices())
        return self._prices[0]

    def _read_prices(self) -> Prices:
        begin = bar_start(self.begin, DAY) - 40 * DAY
        table = self._candles(begin)
        count = (self.end - begin) // self.step
        place = (np.asarray(table["bar"]) - begin) // self.step
        inside = (place >= 0) & (place < count)
        found = {}
        for name in ("close", "high", "low"):
            values = np.full(count, np.nan)
            values[place[inside]] = np.log(table[name].to_numpy()[inside])
            found[name] = values
        volatility = trailing_volatility(found["close"], self.step)
        return Prices(begin, self.step, volatility=volatility, **found)

    def _candles(self, begin: int) -> Any:
        try:
            return self.store.view(
                "candles", scope=self.scope, bar=format_width(self.step),
                start=Time(begin), end=Time(self.end), as_of=self.as_of,
            ).raw()  # fmt: skip
        except (NoData, UnknownName) as error:
            raise Lacks("price candles") from error

    def grid(self) -> Times:
        """Every instant from `begin` on at which a price bar had closed.

        Of bars finer than 15 minutes those at a quarter of an hour. Method: D2.
        """
        known = self.prices.known
        ends = known - DEFAULT.grace
        kept = (known >= self.begin) & (ends % max(self.step, _APART) == 0)
        return np.asarray(known[kept], np.int64)

    def waves(self, side: Side, at_least: float) -> dict[str, Any]:
        """First exhaustions of waves of at least so many bp at exhaustion."""
        events = self.rows("wave_events")
        chosen = (events["side"] == side) & events["is_exhaustion"].astype(bool)
        chosen &= events["size_bp_exh"] >= at_least
        return {name: values[chosen] for name, values in events.items()}

    def active(self, side: Side, at_least: float, span: int, time: Times) -> Flags:
        """Whether a wave that had reached the size was on in the `span` before.

        Known at `time`: read off the track, bar by bar, never from a wave's later end.
        """
        track = self.rows("wave_track")
        on = (track["side"] == side) & (track["size_bp"] >= at_least)
        moments = np.sort(track["known_at"][on])
        if not len(moments):
            return np.zeros(len(time), np.bool_)
        before = np.searchsorted(moments, time, side="right") - 1
        last = np.where(before >= 0, moments[np.maximum(before, 0)], -(10**18))
        return np.asarray(last >= time - span)

    def bars_in(self, horizon: int) -> int:
        """Price bars of a horizon; Lacks where they are wider than it."""
        if horizon % self.step:
            raise Lacks(
                f"price candles of {format_width(horizon)} or finer (the record's are"
                f" {format_width(self.step)})"
            )
        return horizon // self.step

    def returns(self, time: Times, horizon: int) -> Floats:
        """Log return over `horizon`, entered at the close of the next price bar."""
        ahead = forward_return(self.prices.close, self.bars_in(horizon))
        return self._at(ahead, time)

    def after(self, time: Times, horizon: int) -> Floats:
        """The same in standard deviations of a return over `horizon`."""
        bars = self.bars_in(horizon)
        volatility = self._at(self.prices.volatility, time)
        return standardised(self.returns(time, horizon), volatility, bars)

    def before(self, time: Times, span: int) -> Floats:
        """Log return over the `span` before each instant, in standard deviations."""
        prices = self.prices
        move = trailing_move(prices.close, prices.volatility, self.bars_in(span))
        return self._at(move, time)

    def deviation(self, time: Times, span: int) -> Floats:
        """Standard deviation of a return over `span`, as it was known at each instant."""
        bars = np.sqrt(span / self.step)
        return np.asarray(self._at(self.prices.volatility, time) * bars)

    def path(self, time: Times, span: int) -> tuple[Floats, Floats]:
        """Log highs and lows of the `span` before each instant, float64[n, bars]."""
        place = self.prices.place(time)[:, None] - np.arange(self.bars_in(span))[::-1]
        inside = place >= 0
        return tuple(  # type: ignore[return-value]
            np.where(inside, values[np.maximum(place, 0)], np.nan)
            for values in (self.prices.high, self.prices.low)
        )

    def ahead(self, time: Times, span: int) -> tuple[Floats, Floats, Floats]:
        """Log highs, lows and closes of the `span` after entry, float64[n, bars]."""
        prices = self.prices
        place = prices.place(time)[:, None] + 2 + np.arange(self.bars_in(span))
        inside = (place >= 2) & (place < len(prices.close))
        at = np.clip(place, 0, len(prices.close) - 1)
        return tuple(  # type: ignore[return-value]
            np.where(inside, values[at], np.nan)
            for values in (prices.high, prices.low, prices.close)
        )

    def entry(self, time: Times) -> Floats:
        """Log close at which a decision is entered: of the bar after the known one."""
        place = self.prices.place(time) + 1
        inside = (place >= 1) & (place < len(self.prices.close))
        at = np.clip(place, 0, len(self.prices.close) - 1)
        return np.where(inside, self.prices.close[at], np.nan)

    def state(self, time: Times) -> Floats:
        """What dips are matched on: returns and variance before each instant."""
        prices = self.prices
        return self._at(
            covariates(prices.close, prices.volatility, self.step).value, time
        )

    def shape(self, time: Times) -> Floats:
        """How a dip came about: further terms of a dose regression."""
        prices = self.prices
        terms = dip_shape(
            prices.close, prices.volatility, self.step,
            log_high=prices.high, log_low=prices.low,
        )  # fmt: skip
        return self._at(terms.value, time)

    def _at(self, values: Floats, time: Times) -> Floats:
        place = self.prices.place(time)
        found = values[np.maximum(place, 0)].copy()
        found[place < 0] = np.nan
        return found

    def level(self, columns: Mapping[str, Any], name: str, time: Times) -> Floats:
        """The last value of a column that was known at each instant; NaN before."""
        place = np.searchsorted(columns["known_at"], time, side="right") - 1
        values = np.asarray(columns[name], np.float64)
        if not len(values):
            return np.full(len(time), np.nan)
        return np.where(place >= 0, values[np.maximum(place, 0)], np.nan)

    def total(
        self, columns: Mapping[str, Any], name: str, time: Times, span: int
    ) -> Floats:
        """Sum over the last bars that fill `span`, all known at each instant.

        NaN where one of them is missing, or the last known bar is older than a bar.
        """
        bars = -(-span // self.bar)
        values = np.asarray(columns[name], np.float64)
        missing = np.isnan(values)
        running = np.concatenate([[0.0], np.cumsum(np.where(missing, 0.0, values))])
        holes = np.concatenate([[0], np.cumsum(missing)])
        last = np.searchsorted(columns["known_at"], time, side="right")
        first = last - bars
        inside = first >= 0
        low, high = np.maximum(first, 0), last
        sums = running[high] - running[low]
        whole = inside & (holes[high] == holes[low])
        newest = columns["bar"][np.maximum(last - 1, 0)] if len(values) else time * 0
        oldest = columns["bar"][low] if len(values) else time * 0
        whole &= newest - oldest == (bars - 1) * self.bar
        whole &= time - newest < 2 * self.bar + DAY
        return np.where(whole, sums, np.nan)

    def dips(
        self, event: Times, outcome: Callable[[Times], Floats], horizon: int
    ) -> Rows:
        """Events against all other instants with no wave of the study on the day before."""
        grid = self.grid()
        control = grid[~self.active(self.red, self.study_size, DAY, grid)]
        control = np.setdiff1d(control, event)
        time = np.concatenate([event, control])
        return Rows(
            time=time, outcome=outcome(time), horizon=horizon,
            treated=np.repeat([1.0, 0.0], [len(event), len(control)]),
            covariates=self.state(time), variances=self._variances(),
        )  # fmt: skip

    def _variances(self) -> int:
        prices = self.prices
        names = covariates(prices.close[:1], prices.volatility[:1], self.step).names
        return sum(name.startswith("rv") for name in names)


def _column(name: str, values: Any) -> Any:
    """A column as an array: money in dollars, NaN for null, texts as they are."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_string(kind):
        return np.asarray(values.to_pylist(), dtype=object)
    if pa.types.is_boolean(kind):
        return np.asarray(values.fill_null(False))
    if name in ("bar", "known_at"):
        return np.asarray(values, np.int64)
    found = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    money = name.endswith("_usd") and pa.types.is_int64(kind)
    return found / 100.0 if money else found


def price_step(
    store: Store, scope: str, begin: int, end: int, as_of: AsOf = None
) -> Width:
    """The finest width of price bars that covers the stretch; Lacks if none does."""
    for step in STEPS:
        try:
            rows = store.view(
                "candles", scope=scope, bar=format_width(step),
                start=Time(begin), end=Time(end), as_of=as_of,
            ).raw()  # fmt: skip
        except (NoData, UnknownName):
            continue
        if rows.num_rows >= _COVERED * ((end - begin) // step):
            return Width(step)
    raise Lacks("price candles that cover the record")


def watched(store: Store, scope: str, bar: int, as_of: AsOf = None) -> tuple[int, int]:
    """First and last instant of the bars in which anything was watched."""
    rows = store.view(
        "liquidations", scope=scope, bar=format_width(bar), as_of=as_of
    ).raw()
    seen = np.asarray(rows["observed_s"].to_pylist(), np.float64) > 0
    bars = np.asarray(rows["bar"], np.int64)[seen]
    if not len(bars):
        raise Lacks(f"liquidations of {scope} in bars of {format_width(bar)}")
    return int(bars[0]), int(bars[-1]) + bar


def liquidation_bar(store: Store, scope: str, as_of: AsOf = None) -> Width:
    """The finest bar at which most of the record of liquidations can be read.

    Of widths of which the record is at least 80 % as long as the longest, the finest.
    """
    found = {}
    for bar in STEPS:
        try:
            begin, end = watched(store, scope, bar, as_of)
        except NoData:
            continue
        found[bar] = end - begin
    if not found:
        raise Lacks(f"liquidations of {scope}")
    enough = 0.8 * max(found.values())
    return Width(min(bar for bar, length in found.items() if length >= enough))
