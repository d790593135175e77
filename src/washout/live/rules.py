"""Rules of alerts: read from TOML, checked whole, frozen.

Whatever is wrong is said before anything runs: unknown signals, views, settings and
keys with the nearest known ones, thresholds on columns that do not exist, secrets that
stand in the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from washout import plugins
from washout.channels import Channel
from washout.clock import MINUTE, parse_bar, parse_width
from washout.config import DEFAULT
from washout.errors import InputError, UnknownName, UsageError
from washout.instruments import parse_scope
from washout.live import secrets_
from washout.live.quiet import Quiet, Then
from washout.live.signals import GAPS, Direction, Edge, Outcome, Signal, find_signal
from washout.store import graph
from washout.views import FoldView

SHIPPED = Path(__file__).with_name("alerts.toml")
"""The rules that come with washout; `washout alerts init` writes them out."""

WhenDegraded = Literal["flag", "hold"]
_SIDES = ("long", "short")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, complete. Spans are microseconds.

    An event fires if its `value` reaches `at_least`; a condition (`edge` = rising) when
    it begins, and again only after it has fallen below `release`. Then none fires for
    the same scope and side within `cool_down`. What fires for one `group` at once is
    one message; what follows `within` that time is told at its end.
    """

    name: str
    signal: str
    title: str
    view: str
    scopes: tuple[str, ...]
    settings: dict[str, Any]
    sides: tuple[str, ...] = ()
    when: str = ""
    value: str = ""
    at_least: float | None = None
    release: float | None = None
    edge: Edge = "row"
    reasons: tuple[str, ...] = ()
    cool_down: int = 0
    group: str = ""
    within: int = 0
    quiet: Quiet | None = None
    when_degraded: WhenDegraded = "flag"
    least_observed: float = DEFAULT.coverage_ok
    """Share of the last hour (or bar) below which the data of a rule are degraded."""
    outcome: Outcome | None = None
    channels: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()

    @property
    def bar(self) -> int:
        """Width of its bars."""
        return int(self.settings["bar"])


class Target(msgspec.Struct, frozen=True):
    """A channel with its settings as the file has them: names of secrets, not secrets."""

    name: str
    channel: str
    settings: dict[str, str]


class Rules(msgspec.Struct, frozen=True):
    """A rules file: rules, channels, and the folder that its paths are relative to."""

    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]
    folder: Path


class _Quiet(msgspec.Struct, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):  # fmt: skip
    begin: str
    end: str
    zone: str = "UTC"
    then: Then = "digest"


class _Outcome(msgspec.Struct, forbid_unknown_fields=True):
    direction: Direction
    horizon: str
    move: float = 0.01


class _Common(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a rule may say, and `[defaults]` for all of them."""

    scopes: list[str] | None = None
    bar: str | None = None
    cool_down: str | None = None
    group: str | None = None
    within: str | None = None
    quiet: _Quiet | None = None
    when_degraded: WhenDegraded | None = None
    least_observed: float | None = None
    channels: list[str] | None = None


class _Rule(_Common, forbid_unknown_fields=True, kw_only=True):
    name: str
    signal: str = ""
    view: str = ""
    title: str = ""
    side: Literal["long", "short", "both"] = "both"
    when: str | None = None
    value: str | None = None
    at_least: float | None = None
    release: float | None = None
    edge: Edge | None = None
    reasons: list[str] = []
    outcome: _Outcome | None = None
    settings: dict[str, Any] = {}
    shows: list[str] | None = None
    enabled: bool = True


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[_Rule] = []
    defaults: _Common = msgspec.field(default_factory=_Common)
    channels: dict[str, dict[str, str]] = {}


def channels() -> dict[str, Channel]:
    """Every kind of channel there is, by name."""
    return plugins.found("channels", Channel)


def read_rules(
    path: Path | None = None, *, scopes: Sequence[str] = (), bar: str | None = None
) -> Rules:
    """The rules of a file, or those that ship with washout.

    `scopes` and `bar` take the place of what the file says. InputError or UsageError
    name the rule and say what is wrong with it.
    """
    path = path or SHIPPED
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}. `washout alerts init {path}` writes rules to"
            " begin with."
        ) from None
    return parse_rules(text, path, scopes=scopes, bar=bar)


def parse_rules(
    text: str, path: Path, *, scopes: Sequence[str] = (), bar: str | None = None
) -> Rules:
    """The rules of a text that stands in `path`."""
    try:
        found = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(_plain(str(error)), unit=str(path)) from None
    for one in found.rule:
        one.scopes, one.bar = list(scopes) or one.scopes, bar or one.bar
    targets = tuple(_target(n, dict(told)) for n, told in found.channels.items())
    rules = tuple(
        _named(one, found.defaults, targets) for one in found.rule if one.enabled
    )
    twice = {r.name for r in rules if [s.name for s in rules].count(r.name) > 1}
    if twice:
        raise UsageError(
            f"{path}: two rules are called {min(twice)!r}; name each once."
        )
    return Rules(rules, targets, path.parent)


def _plain(error: str) -> str:
    """Msgspec's words with the place first and without its notation."""
    what, _, place = error.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    return f"{place}: {what}" if place else what


def _target(name: str, told: dict[str, str]) -> Target:
    kind, known = told.pop("kind", name), channels()
    if kind not in known:
        raise UnknownName(f"kind of channel (in [channels.{name}])", kind, known)
    wanted = {setting.name: setting for setting in known[kind].settings}
    for given, value in told.items():
        if given not in wanted:
            raise UnknownName(f"setting of channel {name}", given, wanted)
        if wanted[given].secret and not secrets_.names(value):
            raise UsageError(
                f"[channels.{name}] has {given} in plain text, and it is a secret."
                f' Write {given} = "${{NAME}}" and set NAME in the environment, or'
                f' {given} = "${{file:PATH}}" with a file of mode 0600.'
            )
    for setting in wanted.values():
        if setting.required and setting.name not in told:
            raise UsageError(f"[channels.{name}] needs {setting.name}: {setting.says}.")
    return Target(name, kind, told)


def _named(one: _Rule, defaults: _Common, targets: tuple[Target, ...]) -> Rule:
    try:
        return _rule(one, defaults, targets)
    except UsageError as error:
        raise UsageError(f"Rule {one.name!r}: {error}") from None


def _rule(one: _Rule, defaults: _Common, targets: tuple[Target, ...]) -> Rule:
    signal = _signal(one)
    usual = {n: _chosen(one, defaults, n) for n in msgspec.structs.asdict(defaults)}
    settings = {"bar": parse_bar(usual["bar"] or signal.bar)}
    if signal.view != GAPS:
        given = {
            n: v if isinstance(v, str) else str(v) for n, v in one.settings.items()
        }
        settings = graph.settings(signal.view, given | settings)
    rule = Rule(
        name=one.name, signal=signal.name, title=one.title or signal.title,
        view=signal.view, settings=settings,
        scopes=tuple(str(parse_scope(s)) for s in usual["scopes"] or ()),
        sides=() if one.side == "both" else (one.side,),
        when=_or(one.when, signal.when), value=_or(one.value, signal.value),
        at_least=_or(one.at_least, signal.at_least),
        release=_or(one.release, None if one.at_least is not None else signal.release),
        edge=one.edge or signal.edge, reasons=tuple(one.reasons),
        cool_down=_span(usual["cool_down"], signal.cool_down),
        group=usual["group"] or one.name, within=_span(usual["within"], 0),
        quiet=_quiet(usual["quiet"]), when_degraded=usual["when_degraded"] or "flag",
        least_observed=_or(usual["least_observed"], DEFAULT.coverage_ok),
        outcome=_outcome(one.outcome, signal.outcome),
        channels=tuple(usual["channels"] or ("console",)),
        shows=tuple(_or(one.shows, signal.shows)),
    )  # fmt: skip
    for problem in _problems(rule, {t.name for t in targets} | {"console"}):
        raise problem
    return rule


def _signal(one: _Rule) -> Signal:
    if bool(one.signal) == bool(one.view):
        raise UsageError("name either a signal or a view.")
    if one.signal:
        return find_signal(one.signal)
    if one.view == GAPS:
        return find_signal("feed_gap")
    view = graph.find_view(one.view)
    seldom = isinstance(view, FoldView) and bool(view.keep)
    return Signal(
        name=view.name, title=view.summary.rstrip("."), view=view.name,
        edge="row" if seldom else "rising",
    )  # fmt: skip


def _chosen(one: _Rule, defaults: _Common, name: str) -> Any:
    return _or(getattr(one, name), getattr(defaults, name))


def _or(given: Any, usual: Any) -> Any:
    return usual if given is None else given


def _span(text: str | None, usual: int) -> int:
    return usual if text is None else 0 if text == "0" else parse_width(text)


def _quiet(told: _Quiet | None) -> Quiet | None:
    if told is None:
        return None
    try:
        ZoneInfo(told.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(
            f"there is no time zone {told.zone!r}; write one as Europe/Berlin or UTC."
        ) from None
    begin, end = _minutes(told.begin), _minutes(told.end)
    if begin == end:
        raise UsageError(f"quiet hours from {told.begin} to {told.end} are none.")
    return Quiet(begin=begin, end=end, zone=told.zone, then=told.then)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    if hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60:
        return int(hour) * 60 + int(minute)
    raise UsageError(f"{text!r} is no time of day; write 22:30.")


def _outcome(told: _Outcome | None, usual: Outcome | None) -> Outcome | None:
    if told is None:
        return usual
    return Outcome(
        direction=told.direction, horizon=parse_width(told.horizon), move=told.move
    )


def _problems(rule: Rule, known: set[str]) -> Iterator[UsageError]:
    """What is wrong with a rule as a whole."""
    for name in rule.channels:
        if name not in known:
            yield UnknownName("channel", name, known)
    yield from (UsageError(words) for wrong, words in _wrong(rule) if wrong)
    yield from _unknown_columns(rule)


def _wrong(rule: Rule) -> list[tuple[bool, str]]:
    least, release, outcome = rule.at_least, rule.release, rule.outcome
    return [
        (not rule.scopes, 'name scopes, such as scopes = ["binance:BTC"].'),
        (
            any("*" in scope for scope in rule.scopes),
            "a rule watches scopes by name; write each instead of *.",
        ),
        (
            least is not None and not rule.value,
            "at_least needs value, the column that must reach it.",
        ),
        (
            least is None and release is not None,
            "release needs at_least, from which it releases.",
        ),
        (
            least is not None and release is not None and release > least,
            f"release {release} is above at_least {least}; it must be lower, or equal.",
        ),
        (
            rule.edge == "rising" and not rule.when and least is None,
            f"rows of {rule.view} have no event; say when, or value and at_least.",
        ),
        (
            not 0 <= rule.least_observed <= 1,
            f"least_observed {rule.least_observed:g} is no share (0 to 1).",
        ),
        (
            outcome is not None and outcome.horizon < max(rule.bar, MINUTE),
            "the outcome's horizon is shorter than a bar.",
        ),
        (
            bool(rule.reasons) and rule.view != GAPS,
            "reasons belong to rules over gaps (signal feed_gap).",
        ),
    ]


def _unknown_columns(rule: Rule) -> Iterator[UsageError]:
    columns = columns_of(rule.view, rule.settings)
    for name in (rule.when, rule.value, *rule.shows):
        if name and name not in columns:
            yield UnknownName(f"column of {rule.view}", name, columns)
    view = None if rule.view == GAPS else graph.find_view(rule.view)
    sides = view.sides if isinstance(view, FoldView) else ()
    if rule.sides and not set(rule.sides) <= set(sides):
        told = " and ".join(sides) or "no sides"
        yield UsageError(f"view {rule.view} has {told}; leave out side.")


def columns_of(view: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that rows of a view have."""
    if view == GAPS:
        return ("reason", "kind", "source", "seconds")
    found = graph.find_view(view)
    if isinstance(found, FoldView):
        return found.shown
    from washout.store.compile import compile_view

    return tuple(compile_view(view, settings, "duckdb").columns)


__all__ = [
    "SHIPPED", "Rule", "Rules", "Target", "channels", "columns_of", "parse_rules",
    "read_rules",
]  # fmt: skip
