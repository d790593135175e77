"""Time: microseconds UTC, widths, bars."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from washout.clock import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    WEEK,
    bar_start,
    format_day,
    format_time,
    format_width,
    from_datetime,
    parse_bar,
    parse_time,
    parse_width,
    to_datetime,
)
from washout.errors import UsageError

instants = st.datetimes(
    datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip
BARS = ["1m", "5m", "15m", "1h", "4h", "8h", "12h", "1d", "1w"]


@given(instants)
def test_instants_survive_the_way_there_and_back(moment):
    time = from_datetime(moment)
    assert to_datetime(time) == moment
    assert parse_time(format_time(time)) == time


@pytest.mark.parametrize(
    "text",
    ["2024-08-05", "2024-08-05T00:00:00", "2024-08-05T00:00:00Z", "2024-08-05 00:00",
     "2024-08-05T02:00:00+02:00", " 2024-08-05 "],
)  # fmt: skip
def test_dates_without_a_zone_are_utc(text):
    assert parse_time(text) == 1_722_816_000 * SECOND


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "05.08.2024", "1722816000"]
)
def test_what_is_no_date_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="is no date: write 2024-08-05"):
        parse_time(text)


@given(st.integers(1, 10**6), st.sampled_from("smhdw"))
def test_widths_are_written_as_they_are_read(count, unit):
    width = parse_width(f"{count}{unit}")
    assert parse_width(format_width(width)) == width


@pytest.mark.parametrize(
    ("width", "text"), [(0, "0s"), (90 * MINUTE, "90m"), (30 * DAY, "30d"), (WEEK, "1w"), (SECOND // 2, "0.5s")]
)  # fmt: skip
def test_widths_are_written_in_their_largest_whole_unit(width, text):
    assert format_width(width) == text


@pytest.mark.parametrize("text", ["", "7", "m", "0m", "-1h", "1.5h", "1y", "1 month"])
def test_what_is_no_width_is_refused(text):
    with pytest.raises(UsageError, match="no width of time"):
        parse_width(text)


@pytest.mark.parametrize("text", ["7m", "30s", "2w", "5h", "2d", "11m"])
def test_bars_that_do_not_tile_the_day_are_refused(text):
    with pytest.raises(UsageError, match="does not tile the day"):
        parse_bar(text)


@given(instants.map(from_datetime), st.sampled_from(BARS))
def test_bars_tile_time(time, text):
    bar = parse_bar(text)
    start = bar_start(time, bar)
    assert start <= time < start + bar
    assert bar_start(start, bar) == start
    assert bar_start(start + bar, bar) == start + bar
    assert start % (min(DAY, bar)) == 0


@given(instants.map(from_datetime))
def test_weeks_begin_on_monday(time):
    assert to_datetime(bar_start(time, WEEK)).weekday() == 0


def test_days_are_written_short_and_instants_in_full():
    assert format_day(parse_time("2024-08-05")) == "2024-08-05"
    assert format_day(parse_time("2024-08-05") + HOUR) == "2024-08-05T01:00:00Z"
    assert format_time(parse_time("2024-08-05") + 1) == "2024-08-05T00:00:00.000001Z"
