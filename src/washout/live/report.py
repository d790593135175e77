"""How the recorder is, as data, as figures for Prometheus, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from washout.clock import SECOND
from washout.errors import LakeError, NoData
from washout.live.health import FeedHealth
from washout.live.noticing import Notice

FILE = "health.json"
STALE_AFTER = 30 * SECOND
"""A recorder writes its health every two seconds; after so long it is dead or stuck."""

State = Literal["starting", "recording", "stopping", "stopped", "stuck"]


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """One share of topics and how its connection is."""

    name: str
    exchange: str
    state: str
    says: str
    connects: int
    failures: int
    refused: dict[str, str]


class Polling(msgspec.Struct, frozen=True, kw_only=True):
    """One poll; `silent` is the seconds since it last answered."""

    name: str
    answers: int
    errors: int
    skipped: int
    says: str
    silent: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that health says. Instants are microseconds UTC.

    `wrong` holds sentences about what is wrong now; empty means all is well.
    """

    washout: str
    pid: int
    state: State
    started: int
    written: int
    scopes: tuple[str, ...]
    wants: tuple[str, ...]
    wrong: tuple[str, ...]
    connections: tuple[Linked, ...]
    polls: tuple[Polling, ...]
    feeds: tuple[FeedHealth, ...]
    notices: tuple[Notice, ...]
    counts: dict[str, float]
    """Counters and gauges by name; see `metrics`."""


def read(lake: Path) -> Report:
    """The report in a lake's folder; NoData if no recorder ever wrote one."""
    path = lake / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError:
        raise NoData(
            f"No recorder has written its health into {lake}. Start one with `washout"
            " record`, or name its lake with --lake."
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise LakeError(f"{path} cannot be read: {error}") from None


def age_troubles(report: Report, now: int) -> tuple[str, ...]:
    """What the age of a report says: a recorder that died says nothing itself."""
    if report.state == "stopped":
        return (f"the recorder stopped in order {_ago(now - report.written)}",)
    if now - report.written > STALE_AFTER:
        says = (
            f"the recorder (process {report.pid}) last wrote its health"
            f" {_ago(now - report.written)}, although it writes every 2 s: it is dead or"
            " stuck. Start it again; the journal keeps what it had"
        )
        return (says,)
    return ()


def _ago(width: int) -> str:
    seconds = max(0, width) // SECOND
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"


def trouble(feed: FeedHealth) -> str:
    """What is wrong with a feed, in a sentence; empty if nothing is."""
    name = f"{feed.exchange}.{feed.line}: {feed.want.replace('_', ' ')}"
    refused = f"refused by the venue: {', '.join(feed.refused)}"
    silent = ", ".join(asset or "all" for asset in feed.silent)
    expected = feed.expected_rate or 0.0
    told = {
        "silent": f"silent ({silent}): acknowledged, but nothing comes, although about"
        f" {expected:.2g} a minute should",
        "refused": refused,
        "down": "not observed",
    }
    return f"{name}: {told[feed.state]}" if feed.state in told else ""


def _feed(feed: FeedHealth, now: int) -> str:
    """One line of what is observed: state, rate, last event, what went wrong so far."""
    name = f"{feed.exchange}.{feed.line} {feed.want.replace('_', ' ')}"
    last = f", last event {_ago(now - feed.last_event)}" if feed.last_event else ""
    counts = {
        "duplicates": feed.duplicates, "late": feed.late, "gaps": feed.gaps,
        "decode errors": feed.decode_errors, "reconnects": feed.reconnects,
    }  # fmt: skip
    more = "".join(f", {count} {what}" for what, count in counts.items() if count)
    return f"{feed.state:<10} {name}: {feed.rate:.1f} a minute{last}{more}"


def words(report: Report, now: int) -> Iterator[str]:
    """A report for a person, line by line; what is wrong comes first."""
    wrong = (*age_troubles(report, now), *report.wrong)
    verdict = "NOT WELL" if wrong else "well"
    yield f"{verdict}: {report.state}, health written {_ago(now - report.written)}"
    yield from (f"  ! {sentence}" for sentence in wrong)
    yield f"recording {', '.join(report.wants)} of {', '.join(report.scopes)}"
    yield from (f"  {_feed(one, now)}" for one in report.feeds)
    for one in report.connections:
        says = f": {one.says}" if one.says else ""
        yield f"  {one.state:<10} {one.name}{says}"
    for poll in report.polls:
        says = f", {poll.errors} errors" if poll.errors else ""
        yield f"  polled     {poll.name}: {poll.answers} answers{says}"
    counts = report.counts
    yield (
        f"started {_ago(now - report.started)}: {counts.get('frames_total', 0):.0f} frames,"
        f" {counts.get('liquidations_total', 0):.0f} liquidations"
    )


def metrics(report: Report) -> str:
    """The text format of Prometheus, version 0.0.4."""
    lines = []
    for name, value in {"up": 1.0, "wrong": len(report.wrong), **report.counts}.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE washout_{name} {kind}", f"washout_{name} {value:.10g}"]
    if report.connections:
        lines.append("# TYPE washout_connection_open gauge")
    for one in report.connections:
        label = one.name.replace("\\", "\\\\").replace('"', '\\"')
        is_open = int(one.state == "open")
        lines.append(f'washout_connection_open{{name="{label}"}} {is_open}')
    return "\n".join(lines) + "\n"
