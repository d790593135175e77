"""washout alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from washout.cli import _complete
from washout.cli._options import instant, json_option, lake_option, now

if TYPE_CHECKING:
    from washout.live.alerting import Alert
    from washout.live.alerts import Backtest
    from washout.live.rules import Rule, Rules

_rules_option = click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path, dir_okay=False),
    envvar="WASHOUT_RULES", show_envvar=True,
    help="Rules in TOML.  [default: those that ship with washout]",
)  # fmt: skip


@click.group()
def command() -> None:
    """Rules that warn, the channels that they use, and how they did.

    \b
    washout alerts init alerts.toml                      rules to begin with
    washout alerts list --rules alerts.toml
    washout alerts backtest alerts.toml --from 2025-01-01
    washout alerts test --rules alerts.toml              a message through each channel
    washout alerts retry --rules alerts.toml             what could not be delivered

    `washout record --rules alerts.toml` warns while it records.
    """


@command.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default="alerts.toml")  # fmt: skip
def init(path: Path) -> None:
    """Write the rules that ship with washout to PATH, to be changed.

    \b
    washout alerts init
    washout alerts init my/alerts.toml
    """
    from washout.errors import UsageError
    from washout.live.rules import SHIPPED

    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(SHIPPED.read_text("utf-8"))
    except FileExistsError:
        raise UsageError(
            f"{path} exists already; name another file, or delete it first."
        ) from None
    click.echo(f"Rules are in {path}. Look: washout alerts list --rules {path}")


@command.command("list")
@_rules_option
@json_option
def list_rules(rules_path: Path | None, as_json: bool) -> None:
    """List the rules as they are read, and the channels there are.

    \b
    washout alerts list
    washout alerts list --rules alerts.toml --json
    """
    from washout.live.rules import channels, read_rules

    rules = read_rules(rules_path)
    kinds = {c.name: c.title for c in channels().values()}
    if as_json:
        _print_json({"rules": [_described(r) for r in rules.rules], "channels": kinds})
        return
    for rule in rules.rules:
        click.echo(f"{rule.name}: {rule.title}")
        told = _described(rule)
        click.echo("  " + "; ".join(f"{n} {v}" for n, v in told.items() if v))
    click.echo(
        "\nKinds of channels: " + "; ".join(f"{n}: {t}" for n, t in kinds.items())
    )


@command.command()
@click.option("--rule", help="Only this rule.  [default: the first of each channel]")
@click.option("--channel", help="Only this channel.")
@_rules_option
def test(rule: str | None, channel: str | None, rules_path: Path | None) -> None:
    """Send a test message, and say what became of it.

    \b
    washout alerts test --rules alerts.toml
    washout alerts test --rules alerts.toml --rule wave --channel phone
    """
    from washout.live.messages import test_message
    from washout.live.rules import read_rules
    from washout.live.sending import Failure, send, ways

    rules = read_rules(rules_path)
    chosen = _tested(rules, rule, channel)
    out, failed = ways(rules), 0
    for name, one in chosen.items():
        try:
            send(out[name], test_message(one, now()), now, attempts=1)
        except Failure as failure:
            failed += 1
            click.echo(f"{name}: not sent: {failure}", err=True)
        else:
            click.echo(f"{name}: sent ({out[name].channel.title})")
    if failed:
        raise click.exceptions.Exit(6)


def _tested(rules: Rules, rule: str | None, channel: str | None) -> dict[str, Rule]:
    """For each channel to be tested, a rule that uses it."""
    from washout.errors import UnknownName

    known = {one.name: one for one in rules.rules}
    if rule is not None and rule not in known:
        raise UnknownName("rule", rule, known)
    mine = [known[rule]] if rule is not None else list(known.values())
    chosen = {name: one for one in reversed(mine) for name in one.channels}
    if channel is not None and channel not in chosen:
        raise UnknownName("channel", channel, chosen)
    return {n: one for n, one in sorted(chosen.items()) if channel in (None, n)}


@command.command()
@click.argument(
    "rules_path", metavar="[RULES]", required=False,
    type=click.Path(path_type=Path, dir_okay=False),
)  # fmt: skip
@click.option("--from", "start", help="First instant, UTC, inclusive.")
@click.option("--to", "stop", help="Last instant, UTC, exclusive.")
@click.option(
    "--scope", "scopes", multiple=True, shell_complete=_complete.scopes,
    help="Instead of the scopes of the rules; repeatable.",
)  # fmt: skip
@click.option("--bar", help="Instead of the bars of the rules.")
@click.option("--each", is_flag=True, help="Print every alert, too.")
@lake_option
@json_option
def backtest(
    rules_path: Path | None, start: str | None, stop: str | None,
    scopes: tuple[str, ...], bar: str | None, each: bool, lake_path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Say what rules would have told over the lake's history, and how right they were.

    \b
    washout alerts backtest --lake washout-demo/lake --bar 4h
    washout alerts backtest alerts.toml --from 2025-01-01 --to 2025-07-01 --each

    It is the code that runs live, fed with the past: same edges, cool-downs, groups,
    quiet hours, and held back when the data were degraded.
    """
    from washout.live.alerts import backtest as run
    from washout.live.rules import read_rules
    from washout.store.lake import Lake

    rules = read_rules(rules_path, scopes=scopes, bar=bar)
    found = run(
        Lake.open(lake_path), rules.rules, start=instant(start), stop=instant(stop)
    )
    if as_json:
        _print_json(_as_json(found, each))
        return
    for line in _table(found):
        click.echo(line)
    for rule, why in found.skipped:
        click.echo(f"{rule}: left out. {why}", err=True)
    for alert in _alerts(found) if each else ():
        click.echo(_line(alert))


@command.command()
@_rules_option
@lake_option
def retry(rules_path: Path | None, lake_path: Path) -> None:
    """Send what could not be delivered (LAKE/alerts/dead.jsonl) once more.

    \b
    washout alerts retry --rules alerts.toml
    """
    from washout.live.rules import read_rules
    from washout.live.sending import Log, ways
    from washout.live.sending import retry as again

    sent, left = again(Log(lake_path), ways(read_rules(rules_path)), now)
    click.echo(f"{sent} sent, {len(left)} left.")
    for line in left:
        click.echo(
            f"{line['id']} through {line['channel']}: {line['reason']}", err=True
        )
    if left:
        raise click.exceptions.Exit(6)


def _described(rule: Rule) -> dict[str, Any]:
    from washout.clock import format_width

    quiet = rule.quiet
    return {
        "view": rule.view, "scopes": ", ".join(rule.scopes),
        "bar": format_width(rule.bar), "sides": ", ".join(rule.sides),
        "when": rule.when, "threshold": _threshold(rule), "edge": rule.edge,
        "cool-down": format_width(rule.cool_down) if rule.cool_down else "",
        "group": rule.group, "quiet": _hours(quiet) if quiet else "",
        "when degraded": rule.when_degraded, "hit": _hit(rule),
        "channels": ", ".join(rule.channels),
    }  # fmt: skip


def _threshold(rule: Rule) -> str:
    if rule.at_least is None:
        return ""
    release = (
        "" if rule.release is None else f", again after less than {rule.release:g}"
    )
    return f"{rule.value} of at least {rule.at_least:g}{release}"


def _hours(quiet: Any) -> str:
    begin, end = (f"{m // 60:02}:{m % 60:02}" for m in (quiet.begin, quiet.end))
    return f"{begin} to {end} {quiet.zone}, then {quiet.then}"


def _hit(rule: Rule) -> str:
    from washout.clock import format_width

    one = rule.outcome
    if one is None:
        return ""
    own = one.direction in ("reversal", "recovery")
    size = "" if own else f" by {100 * one.move:g} %"
    return f"{one.direction}{size} within {format_width(one.horizon)}"


def _alerts(found: Backtest) -> list[Alert]:
    return [alert for notice in found.notices for alert in notice.alerts]


def _as_json(found: Backtest, each: bool) -> dict[str, Any]:
    import msgspec

    from washout.live.alerting import as_json

    records = zip(found.rules, found.records, strict=True)
    told: dict[str, Any] = {
        "rules": {r.name: msgspec.to_builtins(record) for r, record in records},
        "left_out": dict(found.skipped),
    }
    return told | ({"alerts": list(map(as_json, _alerts(found)))} if each else {})


def _table(found: Backtest) -> list[str]:
    from washout.present.tables import aligned

    head = [
        "rule", "fired", "held back", "a month", "decided", "hits", "hit rate",
        "95 %", "any hour", "false a month", "median lead",
    ]  # fmt: skip
    rows = [
        _cells(rule, record)
        for rule, record in zip(found.rules, found.records, strict=True)
    ]
    return aligned([head, *rows], left={0}).splitlines() if rows else []


def _cells(rule: Rule, record: Any) -> list[str]:
    from washout.clock import format_width

    share = record.share is not None
    lead = record.lead_s
    return [
        rule.name, f"{record.fired:,}", f"{record.held:,}", _number(record.fired_a_month),
        f"{record.decided:,}", f"{record.hits:,}", _percent(record.share),
        f"{_percent(record.low)} to {_percent(record.high)}" if share else "-",
        _percent(record.usual_share), _number(record.false_a_month),
        "-" if lead is None else format_width(60_000_000 * max(1, round(lead / 60))),
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _line(alert: Alert) -> str:
    from washout.clock import format_time

    side = f" {alert.side}" if alert.side else ""
    state = alert.status + (", data degraded" if alert.degraded else "")
    return f"{format_time(alert.time)}  {alert.rule}  {alert.scope}{side}  {state}"


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
