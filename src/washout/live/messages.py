"""Alerts in words: what, where, how much, the rule's own record, and the data's health."""

from __future__ import annotations

from typing import Any

from washout.channels import Message
from washout.clock import HOUR, format_time, format_width
from washout.live.alerting import Alert, Notice, as_json
from washout.live.rules import Rule
from washout.live.signals import GAPS
from washout.live.track_record import Record

_RETURNS = ("drawdown", "ret", "oi_change")
"""Log returns, near enough to per cent."""

_LIMITS = "What happened before is no forecast."


def message(notice: Notice) -> Message:
    """What a channel sends for a notice."""
    return Message(
        id=notice.id, kind=notice.kind, time=notice.time, title=_title(notice),
        body="\n\n".join(_paragraph(alert) for alert in notice.alerts),
        alerts=tuple(as_json(alert) for alert in notice.alerts),
    )  # fmt: skip


def _title(notice: Notice) -> str:
    first, others = notice.alerts[0], len(notice.alerts) - 1
    more = f" and {others} more" if others else ""
    digest = "since: " if notice.kind == "digest" else ""
    degraded = "[data degraded] " if any(a.degraded for a in notice.alerts) else ""
    return f"{degraded}{first.scope}{_of_side(first)}: {digest}{first.title}{more}"


def _of_side(alert: Alert) -> str:
    return {"long": " longs", "short": " shorts"}.get(alert.side, "")


def _paragraph(alert: Alert) -> str:
    what = (
        f"{alert.scope}{_of_side(alert)}: {alert.title} ({alert.rule}),"
        f" {format_width(alert.width)} bar of {format_time(alert.bar)}."
    )
    lines = [
        what,
        _sizes(alert),
        f"This rule on this lake: {record_in_words(alert.record)}",
        _health(alert),
        f"See it: {command_of(alert)}",
    ]
    if alert.more:
        lines.insert(2, f"The cool-down kept {alert.more} more since the last alert.")
    return "\n".join(line for line in lines if line)


def _sizes(alert: Alert) -> str:
    shown = [
        f"{_plain(name)} {value_in_words(name, value)}"
        for name, value in alert.values.items() if value is not None
    ]  # fmt: skip
    if alert.price is not None:
        digits = ",.0f" if alert.price >= 1e4 else ",.6g"
        shown.append(f"price {alert.price:{digits}}")
    return "; ".join(shown) + "." if shown else ""


def _plain(name: str) -> str:
    for ending in ("_usd", "_bp", "_conf", "_exh", "_s"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def value_in_words(name: str, value: Any) -> str:
    """A value with its unit, which its name tells."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {"True": "yes", "False": "no"}.get(str(value), str(value))
    if name.endswith("_usd"):
        return dollars(value)
    if name.startswith(_RETURNS):
        return f"{100 * value:+.2f} %"
    if "share" in name:
        return f"{100 * value:.0f} %"
    endings = {"_bp": " bp of open interest", "_s": " s", "seconds": " s"}
    unit = next((u for ending, u in endings.items() if name.endswith(ending)), "")
    return f"{value:,.0f}{unit}" if unit == " s" else f"{value:.4g}{unit}"


def dollars(usd: float) -> str:
    """USD in the unit that people say.

    >>> dollars(12_345_678.0)
    '$12.3 M'
    """
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(usd) >= size:
            return f"${usd / size:.3g} {letter}"
    return f"${usd:.0f}"


def record_in_words(record: Record) -> str:
    """The record of a rule in one or two sentences."""
    often = "never before" if not record.fired else f"{_times(record.fired)} before"
    if record.fired_a_month and record.fired:
        often += f" ({record.fired_a_month:.2g} a month)"
    held = f", held back {_times(record.held)}" if record.held else ""
    if record.share is None or record.low is None or record.high is None:
        return f"fired {often}{held}; nothing is decided yet."
    usual = (
        f"; from any hour it happened {100 * record.usual_share:.0f} % of the time"
        if record.usual_share is not None
        else ""
    )
    lead = (
        f"; median time to a hit {_span(record.lead_s)}"
        if record.lead_s is not None
        else ""
    )
    return (
        f"fired {often}{held}; {record.hits} of {record.decided} were right,"
        f" {100 * record.share:.0f} % (95 %: {100 * record.low:.0f} to"
        f" {100 * record.high:.0f}){usual}; {record.false_a_month or 0.0:.2g} false alarms"
        f" a month{lead}. {_LIMITS}"
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def _health(alert: Alert) -> str:
    span = format_width(max(HOUR, alert.width))
    seen = f"Data: {100 * alert.observed:.3g} % of the last {span} observed"
    floor = ", a floor (the feed cannot show all orders)" if alert.floor else ""
    return f"{'DEGRADED. ' if alert.degraded else ''}{seen}{floor}."


def command_of(alert: Alert) -> str:
    """The command that shows an alert's surroundings in the lake."""
    view = "market" if alert.signal == "feed_gap" else "liquidations"
    begin = format_time(alert.bar - 12 * max(HOUR, alert.width))
    return (
        f"washout query {view} --scope {alert.scope} --bar"
        f" {format_width(alert.width)} --from {begin}"
    )


def test_message(rule: Rule, now: int) -> Message:
    """A message that says it is only a test."""
    told = rule.view if rule.view == GAPS else f"view {rule.view}"
    return Message(
        id=f"test/{rule.name}/{now}", kind="test", time=now,
        title=f"[test] {', '.join(rule.scopes)}: {rule.title}",
        body=(
            f"This is a test of rule {rule.name} ({told}). Nothing happened. If you can"
            " read this, alerts reach you here."
        ),
    )  # fmt: skip
