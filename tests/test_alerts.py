"""Rules, edges, groups, quiet hours, health of data, records: in the time of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from washout import schema
from washout.clock import DAY, HOUR, MINUTE, SECOND, format_time, parse_time
from washout.config import DEFAULT
from washout.errors import InputError, UnknownName, UsageError
from washout.live.alerting import Engine
from washout.live.messages import dollars, message
from washout.live.rules import parse_rules, read_rules
from washout.live.tails import Rows, question
from washout.views.rebound_setup import wilson

BEGIN = parse_time("2026-01-05T00:00:00Z")
SCOPE = "binance:BTC"


def rules(text, **common):
    defaults = "\n".join(f"{n} = {v}" for n, v in common.items())
    told = f'[defaults]\nscopes = ["{SCOPE}"]\n{defaults}\n{text}'
    return parse_rules(told, Path("rules.toml")).rules


def one(more="", **common):
    (rule,) = rules(f'[[rule]]\nname = "r"\n{more}', **common)
    return rule


LEVEL = """
view = "zscores"
bar = "1h"
value = "gross_z"
at_least = 4
"""


def market(closes, *, observed=3600.0, begin=BEGIN, scope=SCOPE, width=HOUR):
    count = len(closes)
    seen = np.broadcast_to(observed, count).astype(float)
    table = pa.table({
        "scope": [scope] * count, "bar": begin + np.arange(count) * width,
        "close": np.asarray(closes, float), "observed_s": seen,
        "floor": np.ones(count, bool),
    })  # fmt: skip
    return Rows(question("market", scope, {"bar": width}), table)


def level(rule, values, *, begin=BEGIN, scope=SCOPE, grace=DEFAULT.grace):
    bars = begin + np.arange(len(values)) * rule.bar
    table = pa.table({
        "scope": [scope] * len(bars), "bar": bars, "known_at": bars + rule.bar + grace,
        "long_z": np.asarray(values, float), "short_z": np.asarray(values, float),
        "gross_z": pa.array(np.asarray(values, float), from_pandas=True),
    })  # fmt: skip
    return Rows(question(rule.view, scope, rule.settings), table)


def told(rule, values, closes=None, **more):
    """Hours at which a level rule fires, counted from the begin."""
    notices = notices_of(rule, values, closes, **more)
    return [(a.bar - BEGIN) // HOUR for n in notices for a in n.alerts]


def notices_of(rule, values, closes=None, observed=3600.0):
    closes = np.full(len(values), 100.0) if closes is None else closes
    rows = [market(closes, observed=observed), level(rule, values)]
    return Engine([rule]).take(rows, None, 2**62)


def test_a_condition_fires_when_it_begins_and_not_while_it_lasts():
    assert told(one(LEVEL), [1, 5, 6, 5, 3, 3, 4, 1]) == [1, 6]


def test_with_hysteresis_it_fires_again_only_after_it_was_released():
    assert told(one(LEVEL + "release = 2"), [5, 3, 5, 1, 5]) == [0, 4]


def test_a_missing_value_neither_begins_nor_ends_a_condition():
    assert told(one(LEVEL), [5, np.nan, 5, 1, np.nan, 5]) == [0, 5]


def test_within_the_cool_down_nothing_fires_and_the_next_alert_says_how_many():
    rule = one(LEVEL + 'cool_down = "4h"')
    notices = notices_of(rule, [5, 1, 5, 1, 5, 1, 1, 5])
    assert [(a.bar - BEGIN) // HOUR for n in notices for a in n.alerts] == [0, 4]
    assert [a.more for n in notices for a in n.alerts] == [0, 1]
    assert "kept 1 more" in message(notices[1]).body


def test_alerts_of_one_group_at_one_instant_are_one_message():
    a, b = rules(
        f'[[rule]]\nname = "a"\ngroup = "g"\n{LEVEL}'
        f'[[rule]]\nname = "b"\ngroup = "g"\n{LEVEL}'.replace("at_least = 4", "at_least = 3", 1)
    )  # fmt: skip
    rows = [market([100.0] * 3), level(a, [1, 5, 1])]
    (notice,) = Engine([a, b]).take(rows, None, 2**62)
    assert [alert.rule for alert in notice.alerts] == ["a", "b"]
    assert message(notice).title == f"binance:BTC: {a.title} and 1 more"


def test_what_follows_within_the_window_of_a_group_is_told_at_its_end():
    rule = one(LEVEL + 'within = "5h"')
    notices = notices_of(rule, [5, 1, 5, 1, 5, 1, 1, 5])
    first, later, last = notices
    at = BEGIN + HOUR + DEFAULT.grace
    assert (first.kind, first.time) == ("alert", at)
    assert (later.kind, later.time) == ("digest", at + 5 * HOUR)
    assert [(a.bar - BEGIN) // HOUR for a in later.alerts] == [2, 4]
    assert (last.kind, last.time) == ("alert", at + 7 * HOUR)


def quiet(zone, then="digest"):
    return (
        f'quiet = {{ from = "22:00", to = "06:30", zone = "{zone}", then = "{then}" }}'
    )


def test_in_quiet_hours_alerts_wait_for_their_end_in_utc():
    values = np.ones(40)
    values[[2, 4, 12, 22]] = 5
    digest, day, night = notices_of(one(LEVEL + quiet("UTC")), values)
    assert digest.kind == "digest"
    assert format_time(digest.time) == "2026-01-05T06:30:00Z"
    assert [(a.bar - BEGIN) // HOUR for a in digest.alerts] == [2, 4]
    assert (day.kind, (day.alerts[0].bar - BEGIN) // HOUR) == ("alert", 12)
    assert format_time(night.time) == "2026-01-06T06:30:00Z"


def test_quiet_hours_follow_the_clocks_of_a_named_zone():
    values = np.ones(24 * 95)
    winter, summer = (
        21,
        24 * 90 + 20,
    )  # known at 22:00 and, after 29 March, at 21:00 UTC
    values[[winter, summer]] = 5
    one_, other = notices_of(one(LEVEL + quiet("Europe/Berlin")), values)
    assert format_time(one_.time) == "2026-01-06T05:30:00Z"
    assert format_time(other.time) == "2026-04-06T04:30:00Z"


def test_what_is_dropped_in_quiet_hours_is_written_down_and_not_sent():
    values = np.ones(12)
    values[2] = 5
    (notice,) = notices_of(one(LEVEL + quiet("UTC", "drop")), values)
    assert (notice.kind, notice.channels) == ("silent", ())
    assert notice.alerts[0].status == "dropped"


@pytest.mark.parametrize("what", ["flag", "hold"])
def test_degraded_data_flag_or_hold_an_alert(what):
    rule = one(LEVEL + f'when_degraded = "{what}"')
    observed = np.full(6, 3600.0)
    observed[1] = 1800.0
    bad, good = notices_of(rule, [1, 5, 1, 1, 5, 1], observed=observed)
    assert (bad.alerts[0].degraded, good.alerts[0].degraded) == (True, False)
    assert bad.alerts[0].observed == 0.5
    assert bad.kind == ("alert" if what == "flag" else "silent")
    if what == "flag":
        assert message(bad).title.startswith("[data degraded]")
        assert "DEGRADED. Data: 50 % of the last 1h observed" in message(bad).body
    else:
        assert bad.alerts[0].status == "held"
        assert good.alerts[0].record.held == 1


OUTCOME = 'outcome = { direction = "up", horizon = "3h", move = 0.05 }'


def test_the_record_counts_what_was_known_by_then():
    rule = one(LEVEL + OUTCOME)
    values = [5, 1, 1, 1, 1, 5, 1, 1, 1, 1, 5, 1, 1, 1, 1, 5]
    closes = [
        100,
        100,
        106,
        100,
        100,
        100,
        94,
        106,
        100,
        100,
        100,
        100,
        100,
        100,
        100,
        1,
    ]
    #         hit after two hours       first down: no hit       nothing: no hit
    records = [a.record for n in notices_of(rule, values, closes) for a in n.alerts]
    counted = [(r.fired, r.decided, r.hits) for r in records]
    assert counted == [(0, 0, 0), (1, 1, 1), (2, 2, 1), (3, 3, 1)]
    last = records[-1]
    low, high = wilson(1.0, 3.0)
    assert (last.share, last.low, last.high) == (1 / 3, low, high)
    assert last.lead_s == 2 * 3600
    months = 16 * HOUR / (30 * DAY)
    assert last.false_a_month == pytest.approx(2 / months)
    assert last.fired_a_month == pytest.approx(3 / months)


def test_beside_the_record_stands_how_often_it_happens_from_any_hour():
    rule = one(LEVEL + OUTCOME)
    closes = [100, 100, 106, 106, 106, 106, 112, 112, 112, 112]
    (*_, last) = notices_of(rule, [5, 1, 1, 1, 1, 1, 1, 1, 1, 5], closes)
    # Hours 0, 1 and 3 to 5 rise by a twentieth within three hours; 2 and 6 do not.
    assert last.alerts[0].record.usual_share == pytest.approx(5 / 7)


def test_an_alert_without_recorded_prices_is_not_counted():
    rule = one(LEVEL + OUTCOME)
    closes = [100, np.nan, np.nan, 106, 100, 100]
    (*_, last) = notices_of(rule, [5, 1, 1, 1, 1, 5], closes)
    assert (last.alerts[0].record.fired, last.alerts[0].record.decided) == (1, 0)


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_any_chunks_of_time_give_the_notices_of_the_whole(chunk):
    random = np.random.default_rng(3)
    rule = one(
        LEVEL
        + OUTCOME
        + quiet("Europe/Berlin").join("\n\n")
        + 'within = "3h"\ncool_down = "2h"\nrelease = 2\nwhen_degraded = "hold"'
    )
    values, observed = random.gamma(1, 2, 24 * 10), np.full(24 * 10, 3600.0)
    observed[50:60] = 0.0
    closes = 100 * np.exp(np.cumsum(random.normal(0, 0.02, len(values))))
    whole = notices_of(rule, values, closes, observed=observed)
    engine, live = Engine([rule]), []
    around, rows = market(closes, observed=observed), level(rule, values)
    for at in range(0, len(values), chunk):
        now = BEGIN + min(at + chunk, len(values)) * HOUR + DEFAULT.grace + SECOND
        live += engine.take(
            [Rows(r.question, r.table.slice(at, chunk)) for r in (around, rows)],
            None,
            now,
        )
    assert {a.status for n in whole for a in n.alerts} == {"fired", "held"}
    assert live + engine.take([], None, 2**62) == whole


def gap(begin, seconds, reason, *, known=None, asset="BTC"):
    end = begin + int(seconds * SECOND)
    return {
        "exchange": "binance", "asset": asset, "market": "", "source": "binance-stream",
        "ts_event": begin, "ts_end": end, "ts_recv": known or end,
        "kind": "liquidation", "reason": reason,
    }  # fmt: skip


def test_gaps_are_told_once_by_reason_and_scope_when_they_become_known():
    rule = one('signal = "feed_gap"\nreasons = ["silent", "down"]\ncool_down = "1m"')
    gaps = pa.Table.from_pylist([
        gap(BEGIN, 60, "silent"), gap(BEGIN + HOUR, 3, "reconnect"),
        gap(BEGIN + 2 * HOUR, 60, "silent", asset="ETH"),
        gap(BEGIN + 3 * HOUR, 600, "recorder down", asset=""),
    ], schema=schema.arrow("gap"))  # fmt: skip
    engine = Engine([rule])
    found = engine.take([], gaps, BEGIN + DAY)
    again = engine.take([], gaps, BEGIN + 2 * DAY)
    told = [(n.time - BEGIN, n.alerts[0].values["reason"]) for n in found]
    assert told == [(MINUTE, "silent"), (3 * HOUR + 10 * MINUTE, "recorder down")]
    assert again == []
    assert "seconds 600 s" in message(found[1]).body


def test_a_message_says_what_where_how_much_how_good_and_where_to_look():
    rule = one(LEVEL + OUTCOME + '\nshows = ["gross_z"]\ntitle = "much was closed"')
    closes = [100, 100, 106, 100, 100, 100]
    (*_, last) = notices_of(rule, [5, 1, 1, 1, 1, 5], closes)
    found = message(last)
    assert found.title == "binance:BTC: much was closed"
    for words in (
        "binance:BTC: much was closed (r), 1h bar of 2026-01-05T05:00:00Z.",
        "gross z 5; price 100.",
        "fired once before",
        "1 of 1 were right, 100 % (95 %: 21 to 100)",
        "median time to a hit 2 h",
        "no forecast",
        "Data: 100 % of the last 1h observed, a floor",
        "washout query liquidations --scope binance:BTC --bar 1h",
    ):
        assert words in found.body
    assert found.alerts[0]["time"] == "2026-01-05T06:00:05Z"


@pytest.mark.parametrize(
    ("usd", "words"),
    [(12_345_678.0, "$12.3 M"), (950.0, "$950"), (-2.5e9, "$-2.5 B")],
)
def test_dollars_are_told_as_people_do(usd, words):
    assert dollars(usd) == words


def test_the_rules_that_ship_cover_what_was_asked_and_can_be_read():
    shipped = read_rules()
    assert {rule.signal for rule in shipped.rules} == {
        "wave_confirmed", "exhaustion", "eruption", "squeeze_setup", "squeeze_trigger",
        "divergence", "leverage_load", "feed_gap", "unobserved",
    }  # fmt: skip
    held = {rule.name for rule in shipped.rules if rule.when_degraded == "hold"}
    assert held == {"exhaustion", "squeeze trigger", "divergence"}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('signal = "wave_confirmd"', UnknownName, "Did you mean wave_confirmed"),
        ('view = "zscore"\nat_least = 1\nvalue = "gross_z"', UnknownName, "zscores"),
        (LEVEL.replace("gross_z", "gros_z"), UnknownName, "Did you mean gross_z"),
        (LEVEL.replace('value = "gross_z"', ""), UsageError, "at_least needs value"),
        ('view = "zscores"', UsageError, "say when"),
        (LEVEL + "release = 9", UsageError, "release 9.0 is above at_least 4.0"),
        (LEVEL + 'side = "long"', UsageError, "no sides"),
        (LEVEL + 'channels = ["fone"]', UnknownName, "no channel 'fone'"),
        (LEVEL + 'scopes = ["binance:*"]', UsageError, "by name"),
        (LEVEL + 'settings = { windw = "7d" }', UnknownName, "Did you mean window"),
        (LEVEL + "least_observed = 98", UsageError, "no share"),
        (LEVEL + quiet("Europe/Berlim"), UsageError, "no time zone"),
        (LEVEL + quiet("UTC").replace("22:00", "22"), UsageError, "no time of day"),
        (LEVEL + quiet("UTC").replace("22:00", "06:30"), UsageError, "are none"),
        (LEVEL + 'reasons = ["silent"]', UsageError, "rules over gaps"),
        ('signal = "eruption"\nview = "eruption"', UsageError, "either"),
        (LEVEL + 'cool_down = "soon"', UsageError, "no width of time"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_said_with_its_name(text, error, words):
    with pytest.raises(UsageError, match="Rule 'r': ") as caught:
        one(text)
    assert words in str(caught.value)
    assert isinstance(caught.value.__context__, error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[rule]]\nname = "r"\ncooldown = "1m"', "cooldown"),
        ('[[rule]]\nname = "r"\nat_least = "much"', "at_least"),
        ('[[rule]]\nname = "r"\nwhen_degraded = "no"', "when_degraded"),
        ("[[rule", "end of document"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_said_with_its_place(text, words):
    with pytest.raises(InputError, match="rules.toml") as caught:
        rules(text)
    assert words in str(caught.value)


def test_two_rules_of_one_name_are_refused():
    text = f'[[rule]]\nname = "r"\n{LEVEL}'
    with pytest.raises(UsageError, match="two rules are called 'r'"):
        rules(text + text)
