"""From rows to alerts: edges, thresholds, cool-downs, groups, quiet hours, data's health.

Everything happens in the time of rows, `known_at`, and nothing else is read: so a
backtest is a live run that is fed with the past, and gives the same alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from washout.clock import bar_start, format_time
from washout.config import DEFAULT
from washout.live.around import Around
from washout.live.quiet import is_quiet, quiet_until
from washout.live.rules import Rule
from washout.live.signals import GAPS
from washout.live.tails import Question, Rows, question
from washout.live.track_record import Record, TrackRecord

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Status = Literal["fired", "held", "dropped"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One firing of one rule. Times are microseconds UTC, USD are dollars.

    `id` is made of rule, scope, side and bar: it is the same in every run. `observed`
    is the observed share of the hour before, `more` how many events the cool-down kept
    back since the last alert. `status`: `held` because the data were degraded,
    `dropped` in quiet hours.
    """

    id: str
    rule: str
    signal: str
    title: str
    time: int
    scope: str
    side: str
    bar: int
    width: int
    values: dict[str, Any]
    price: float | None
    record: Record
    observed: float
    floor: bool
    degraded: bool
    more: int
    status: Status


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves: alerts of one group, for some channels. `time` is when it was due.

    Of kind `silent` nothing is sent: it is only written down.
    """

    kind: Literal["alert", "digest", "silent"]
    time: int
    alerts: tuple[Alert, ...]
    channels: tuple[str, ...]

    @property
    def id(self) -> str:
        """The same in every run: that of its first alert, and when it was due."""
        return f"{self.alerts[0].id}/{self.kind}"


class _Event(msgspec.Struct, frozen=True, order=True):
    time: int
    place: int
    scope: str
    side: str
    bar: int
    row: dict[str, Any]

    @property
    def key(self) -> tuple[int, str, str]:
        return self.place, self.scope, self.side


class _Waiting(msgspec.Struct):
    """Alerts that will be told together, when `due`."""

    due: int
    kind: Literal["alert", "digest"]
    channels: tuple[str, ...]
    alerts: list[Alert] = msgspec.field(default_factory=list)


def questions(rules: Iterable[Rule]) -> list[tuple[str, str, dict[str, Any]]]:
    """What must be asked for rules: their views, and `market` around each of them."""
    asked = []
    for rule in rules:
        for scope in rule.scopes:
            if rule.view != GAPS:
                asked.append((rule.view, scope, rule.settings))
            asked.append(("market", scope, {"bar": rule.bar}))
    return asked


class Engine:
    """The state of rules: what has begun, when each fired last, what waits to be told."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._of: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        self._around: dict[tuple[str, int], Around] = {}
        self._markets: dict[tuple[Any, ...], tuple[str, int]] = {}
        self._up: dict[tuple[int, str, str], bool] = {}
        self._last: dict[tuple[int, str, str], int] = {}
        self._kept: dict[tuple[int, str, str], int] = defaultdict(int)
        self._waiting: dict[tuple[Any, ...], _Waiting] = {}
        self._following: dict[tuple[Any, ...], _Waiting] = {}
        self._gaps: set[tuple[Any, ...]] = set()
        self._records = [TrackRecord(r.outcome, r.bar) for r in self.rules]
        for place, rule in enumerate(self.rules):
            for scope in rule.scopes:
                self._watch(place, rule, scope)

    def _watch(self, place: int, rule: Rule, scope: str) -> None:
        if rule.view != GAPS:
            name = Question(rule.view, scope, rule.settings).name
            self._of[name].append(place)
        self._around.setdefault((scope, rule.bar), Around(rule.bar))
        market = question("market", scope, {"bar": rule.bar})
        self._markets[market.name] = scope, rule.bar

    def take(
        self, rows: Iterable[Rows], gaps: pa.Table | None, now: int
    ) -> list[Notice]:
        """What is to be told of new rows and gaps, and of what was due by `now`.

        Rows and gaps that were known by `now` must all be here, or have been before.
        """
        rows = list(rows)
        for one in rows:
            mine = self._markets.get(one.question.name)
            if mine is not None:
                self._around[mine].extend(one.table)
        events = [event for one in rows for event in self._events(one)]
        if gaps is not None:
            events += self._gap_events(gaps)
        notices: list[Notice] = []
        for event in sorted(events, key=lambda e: (e.time, e.place, e.scope, e.side, e.bar)):  # fmt: skip
            notices += self._due(event.time - 1)
            notices += self._event(event)
        return [*notices, *self._due(now)]

    def _events(self, rows: Rows) -> Iterator[_Event]:
        for place in self._of.get(rows.question.name, ()):
            for row in self._edges(place, rows):
                yield _Event(
                    row["known_at"], place, row["scope"], row.get("side", ""),
                    row["bar"], row,
                )  # fmt: skip

    def _edges(self, place: int, rows: Rows) -> Iterator[dict[str, Any]]:
        """The rows at which a rule's event happens or its condition begins."""
        rule = self.rules[place]
        sides = rule.sides or tuple(_sides(rows.table))
        for side in sides:
            table = _of_side(rows.table, side)
            begun, ended = _truth(rule, table)
            if rule.edge == "row":
                chosen = [int(i) for i in begun.nonzero()[0]]
            else:
                key = (place, rows.question.scope, side)
                chosen, self._up[key] = _rising(begun, ended, self._up.get(key, False))
            for at in chosen:
                yield _in_dollars(table, at)

    def _gap_events(self, gaps: pa.Table) -> Iterator[_Event]:
        places = [i for i, rule in enumerate(self.rules) if rule.view == GAPS]
        if not places:
            return
        for row in gaps.to_pylist():
            key = (*(row[n] for n in ("exchange", "asset", "market", "kind")),
                   row["ts_event"], row["ts_end"])  # fmt: skip
            if key in self._gaps:
                continue
            self._gaps.add(key)
            for place in places:
                yield from self._of_gap(place, row)

    def _of_gap(self, place: int, row: dict[str, Any]) -> Iterator[_Event]:
        rule = self.rules[place]
        told = {
            "reason": row["reason"], "kind": row["kind"], "source": row["source"],
            "seconds": (row["ts_end"] - row["ts_event"]) / 1e6,
        }  # fmt: skip
        if rule.reasons and not any(r in row["reason"] for r in rule.reasons):
            return
        if rule.at_least is not None and told[rule.value] < rule.at_least:
            return
        bar = bar_start(row["ts_recv"] - DEFAULT.grace, rule.bar) - rule.bar
        for scope in rule.scopes:
            exchange, _, asset = scope.partition(":")
            alike = row["asset"] in ("", asset.partition("-")[0])
            if exchange in (row["exchange"], "all") and alike:
                yield _Event(row["ts_recv"], place, scope, "", bar, told)

    def _event(self, event: _Event) -> Iterator[Notice]:
        rule = self.rules[event.place]
        last = self._last.get(event.key)
        if last is not None and event.time < last + rule.cool_down:
            self._kept[event.key] += 1
            return
        alert = self._alert(rule, event)
        if alert.status == "held":
            self._records[event.place].hold()
            yield _silent(alert)
            return
        self._last[event.key] = event.time
        self._kept[event.key] = 0
        self._records[event.place].fire(
            event.scope, event.side, event.bar, event.row, alert.price
        )
        if alert.status == "dropped":
            yield _silent(alert)
        else:
            self._put(rule, alert)

    def _alert(self, rule: Rule, event: _Event) -> Alert:
        around = self._around[event.scope, rule.bar]
        observed = around.observed(event.bar)
        degraded = observed < rule.least_observed
        quiet = rule.quiet is not None and is_quiet(rule.quiet, event.time)
        status: Status = "fired"
        if degraded and rule.when_degraded == "hold":
            status = "held"
        elif quiet and rule.quiet is not None and rule.quiet.then == "drop":
            status = "dropped"
        return Alert(
            id="/".join(filter(None, (
                rule.name, event.scope, event.side,
                format_time(event.time if rule.view == GAPS else event.bar),
            ))),
            rule=rule.name, signal=rule.signal, title=rule.title, time=event.time,
            scope=event.scope, side=event.side, bar=event.bar, width=rule.bar,
            values={n: event.row.get(n) for n in rule.shows},
            price=around.price(event.bar), record=self.record(event.place, event.bar),
            observed=observed, floor=around.floor(event.bar), degraded=degraded,
            more=self._kept[event.key], status=status,
        )  # fmt: skip

    def record(self, place: int, bar: int) -> Record:
        """The record of a rule when `bar` had ended."""
        rule = self.rules[place]
        around = {scope: self._around[scope, rule.bar] for scope in rule.scopes}
        return self._records[place].known(bar + rule.bar, around)

    def records(self) -> list[Record]:
        """The record of every rule as of its last bar."""
        return [
            self.record(place, max(self._around[s, r.bar].last for s in r.scopes))
            for place, r in enumerate(self.rules)
        ]

    def _put(self, rule: Rule, alert: Alert) -> None:
        """Among those that are told together: at once, after a while, or after the quiet."""
        if rule.quiet is not None and is_quiet(rule.quiet, alert.time):
            key = ("quiet", rule.group, rule.channels)
            due = quiet_until(rule.quiet, alert.time)
            self._waiting.setdefault(key, _Waiting(due, "digest", rule.channels))
        elif ("group", rule.group, rule.channels) in self._waiting:
            key = ("group", rule.group, rule.channels)
        else:
            key = ("now", rule.group, rule.channels)
            self._waiting.setdefault(key, _Waiting(alert.time, "alert", rule.channels))
            if rule.within:
                later = _Waiting(alert.time + rule.within, "digest", rule.channels)
                self._following[key] = later
        self._waiting[key].alerts.append(alert)

    def _due(self, now: int) -> Iterator[Notice]:
        """What was due by `now`, in order."""
        while True:
            ready = [(w.due, key) for key, w in self._waiting.items() if w.due <= now]
            if not ready:
                return
            _, key = min(ready, key=lambda one: (one[0], repr(one[1])))
            found = self._waiting.pop(key)
            if found.alerts:
                yield Notice(
                    kind=found.kind, time=found.due, alerts=tuple(found.alerts),
                    channels=found.channels,
                )  # fmt: skip
            follows = self._following.pop(key, None)
            if follows is not None:
                self._waiting["group", key[1], key[2]] = follows


def _silent(alert: Alert) -> Notice:
    return Notice(kind="silent", time=alert.time, alerts=(alert,), channels=())


def _sides(table: pa.Table) -> Iterable[str]:
    return ("long", "short") if "side" in table.column_names else ("",)


def _of_side(table: pa.Table, side: str) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.equal(table["side"], side)) if side else table


def _truth(rule: Rule, table: pa.Table) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the condition holds, and where it certainly has ended; else: unknown."""
    import numpy as np

    begun = np.ones(table.num_rows, bool)
    ended = np.zeros(table.num_rows, bool)
    if rule.when:
        flag = _numbers(table, rule.when)
        begun, ended = flag == 1.0, flag == 0.0
    if rule.at_least is not None:
        value = _numbers(table, rule.value)
        release = rule.at_least if rule.release is None else rule.release
        begun, ended = begun & (value >= rule.at_least), ended | (value < release)
    return begun, ended


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    import numpy as np
    import pyarrow as pa

    column = table[name]
    scale = 100.0 if _is_money(name, column.type) else 1.0
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(numbers / scale, np.float64)


def _is_money(name: str, kind: pa.DataType) -> bool:
    """Table views have cents, folds have dollars."""
    return name.endswith("_usd") and str(kind) == "int64"


def _rising(
    begun: NDArray[np.bool_], ended: NDArray[np.bool_], up: bool
) -> tuple[list[int], bool]:
    """Places at which a condition begins, and whether it holds at the end."""
    found = []
    for at in (begun | ended).nonzero()[0]:
        if begun[at] and not up:
            found.append(int(at))
        up = bool(begun[at]) or (up and not ended[at])
    return found, up


def _in_dollars(table: pa.Table, at: int) -> dict[str, Any]:
    row: dict[str, Any] = table.slice(at, 1).to_pylist()[0]
    return {
        name: value / 100
        if value is not None and _is_money(name, table.schema.field(name).type)
        else value
        for name, value in row.items()
    }


def as_json(alert: Alert) -> dict[str, Any]:
    """An alert for files and receivers: instants as ISO 8601."""
    told: Mapping[str, Any] = msgspec.to_builtins(alert)
    record = {**told["record"], "since": format_time(alert.record.since)}
    return {
        **told, "time": format_time(alert.time), "bar": format_time(alert.bar),
        "width_s": alert.width / 1e6, "record": record,
    }  # fmt: skip
