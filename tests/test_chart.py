"""The chart: what is read off the rows, what is drawn, and what it says."""

from __future__ import annotations

import random
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

import washout
from washout.cli import group
from washout.clock import DAY, HOUR, parse_time
from washout.errors import NoData, UnknownName, UsageError
from washout.present import chart, chart_data, chart_words, interactive, themes, waves
from washout.present.chart_data import Bar, ChartData, EruptionRule, eruptions, runs
from washout.present.chart_labels import Box, Wish, place
from washout.present.waves import Waves

GOLDEN = Path(__file__).parent / "golden"
START = parse_time("2024-06-01")


def bar(day, **values):
    time = START + day * DAY
    seen = {"observed_s": 86_400.0, "coverage": "all"} if values else {}
    return Bar(time=time, end=time + DAY, **{**seen, **values})


def day_bar(day, long_usd, short_usd, rolling=None, **values):
    return bar(
        day, long_usd=long_usd, short_usd=short_usd, net_usd=short_usd - long_usd,
        gross_usd=long_usd + short_usd, rolling_net_usd=rolling, **values,
    )  # fmt: skip


def made_up(rows, **values):
    """Chart data of hand-made bars, with CLD from the first of them."""
    total, told = 0.0, []
    for row in rows:
        total += row.net_usd or 0.0
        known = None if row.net_usd is None else total
        told.append(replace(row, cld_usd=known))
    found = {
        "scope": "binance:BTC", "bar": DAY, "start": told[0].time, "stop": told[-1].end,
        "window": 7 * DAY, "anchor": told[0].time, "rows": tuple(told),
        "runs": tuple(runs(told)), "eruptions": (), "rule": EruptionRule(),
        "breaks": (), "sources": ("vendor",), "price_of": "", "price_sources": (),
        "no_price": "made up", "vintage": 1, "vintage_at": 0, "as_of": None,
    }  # fmt: skip
    return ChartData(**{**found, **values})


def holed(days=60):
    """Sixty days; nobody watched days 20 to 24, day 40 was watched half."""
    noise = random.Random(7)
    rows = []
    for day in range(days):
        close = 60_000.0 + 100 * day
        if 20 <= day < 25:
            rows.append(bar(day, observed_s=0.0, coverage="none", close=close))
            continue
        rolling = None if 20 <= day < 38 else (-1 if day < 45 else 1) * 5e6
        rows.append(
            day_bar(
                day, 1e6 + noise.random() * 1e6, 1e6, rolling, close=close,
                observed_s=43_200.0 if day == 40 else 86_400.0,
            )
        )  # fmt: skip
    return made_up(rows, no_price="", price_of="binance:BTC-USDT")


@pytest.fixture(scope="session")
def year(sample_lake):
    return chart_data.load(
        washout.open(sample_lake), "binance:BTC", start="2024-06-01", end="2025-06-01"
    )


@pytest.fixture(scope="session")
def five_years(sample_lake):
    return chart_data.load(washout.open(sample_lake), "binance:BTC")


@pytest.fixture(scope="session")
def summer(sample_lake):
    return chart_data.load(
        washout.open(sample_lake), "binance:BTC-USDT", bar="1h", start="2024-06-19",
        end="2024-08-20", window="7d", anchor="2024-06-19",
    )  # fmt: skip


# What is read off the rows.


def test_a_run_is_consecutive_bars_below_zero_with_the_longs_closed_in_them():
    rows = [
        day_bar(0, 5, 9, 4.0),
        day_bar(1, 7, 1, -2.0),
        day_bar(2, 11, 1, -12.0),
        day_bar(3, 1, 9, 3.0),
        day_bar(4, 13, 1, -1.0),
    ]
    first, second = runs(rows)
    assert (first.start, first.end) == (rows[1].time, rows[2].end)
    assert (first.long_usd, first.trough_usd, first.trough_at) == (
        18,
        -12,
        rows[2].time,
    )
    assert (second.start, second.end, second.long_usd) == (
        rows[4].time,
        rows[4].end,
        13,
    )
    assert not first.floor


def test_an_unknown_rolling_net_ends_a_run_and_zero_is_not_below_zero():
    rows = [
        day_bar(0, 1, 0, -1.0), day_bar(1, 1, 0, None), day_bar(2, 1, 0, -1.0),
        day_bar(3, 1, 0, 0.0), day_bar(4, 1, 0, -1.0),
    ]  # fmt: skip
    assert [run.start for run in runs(rows)] == [rows[i].time for i in (0, 2, 4)]


def test_no_bars_and_no_negative_bars_make_no_runs():
    assert runs([]) == []
    assert runs([day_bar(0, 1, 2, 1.0), day_bar(1, 1, 2, None)]) == []


@pytest.mark.parametrize(
    "odd", [{"floor": True}, {"observed_s": 0.0}, {"observed_s": 43_200.0}]
)
def test_a_run_is_a_floor_if_any_of_its_bars_is(odd):
    assert runs([day_bar(0, 5, 1, -4.0), day_bar(1, 5, 1, -8.0, **odd)])[0].floor


def test_an_eruption_is_judged_by_the_past_only():
    noise = random.Random(3)
    gross = [1.0 + noise.random() for _ in range(400)]
    gross[300] = 50.0
    before = eruptions(gross, EruptionRule())
    assert [i for i, hit in enumerate(before) if hit] == [300]
    changed = gross[:301] + [1e9] * 99
    assert eruptions(changed, EruptionRule())[:301] == before[:301]


def test_an_eruption_needs_half_of_the_history_observed():
    rule = EruptionRule(history=100)
    assert not eruptions([1.0] * 49 + [99.0], rule)[-1]
    assert eruptions([1.0] * 50 + [99.0], rule)[-1]
    holes = [None if i % 3 else 1.0 for i in range(100)]
    assert not eruptions([*holes, 99.0], rule)[-1]


def test_an_eruption_must_be_both_large_and_rare():
    rule = EruptionRule(history=100)
    assert not eruptions([1.0] * 100 + [4.9], rule)[-1]
    often = [9.0 if i % 20 == 0 else 1.0 for i in range(100)]
    assert not eruptions([*often, 8.0], rule)[-1]
    assert eruptions([*often, 10.0], rule)[-1]


def test_the_known_crash_days_are_eruptions(five_years):
    days = {washout.clock.format_day(time) for time in five_years.eruptions}
    assert {"2024-08-05", "2025-10-10"} <= days
    assert len(days) < 20


def test_rows_cover_every_bar_of_the_stretch_also_before_the_record(sample_lake):
    data = chart_data.load(
        washout.open(sample_lake), "binance:BTC", start="2020-12-13", end="2021-01-02"
    )
    assert len(data.rows) == 20
    assert [row.missing for row in data.rows] == [True] * 10 + [False] * 10
    assert all(row.long_usd is None for row in data.rows[:10])
    assert data.observed_share == pytest.approx(0.5)


def test_numbers_are_those_of_the_views(sample_lake, year):
    lake = washout.open(sample_lake)
    for view, names in (
        ("liquidations", ("long_usd", "short_usd", "gross_usd", "observed_s")),
        ("cld", ("cld_usd", "rolling_net_usd")),
    ):
        rows = lake.view(
            view, scope="binance:BTC", start="2024-06-01", end="2025-06-01"
        ).rows()
        for name in names:
            assert [row[name] for row in rows] == [getattr(r, name) for r in year.rows]
    assert year.anchor == parse_time("2024-01-01")


def test_breaks_are_those_inside_the_stretch(five_years, year):
    assert [one.at for one in five_years.breaks] == [parse_time("2021-04-27")]
    assert year.breaks == ()


def test_a_stretch_outside_the_record_says_so(sample_lake):
    with pytest.raises((NoData, UsageError)):
        chart_data.load(
            washout.open(sample_lake),
            "binance:BTC",
            start="2019-01-01",
            end="2019-02-01",
        )


# Waves.


def without_waves(data, why="made up"):
    return replace(data, waves=Waves(missing=why))


def wave_row(side, onset, end, long_usd, short_usd=1.0):
    return {
        "side": side, "onset": START + onset * DAY, "end": START + end * DAY,
        "long_usd_end": long_usd, "short_usd_end": short_usd, "normaliser": "turnover",
        "long_usd": 9e9, "short_usd": 9e9,
    }  # fmt: skip


def track_row(day, status, onset=None, long_usd=None, side="long"):
    return {
        "bar": START + day * DAY, "side": side, "status": status, "long_usd": long_usd,
        "onset": None if onset is None else START + onset * DAY, "short_usd": 2.0,
    }  # fmt: skip


def waves_of(closed, track):
    return waves.of_rows(closed, track, start=START, width=DAY)


def test_a_wave_reaches_to_the_end_of_its_last_bar_and_counts_only_up_to_there():
    found = waves_of([wave_row("long", 3, 5, 7.0)], [track_row(0, "idle")])
    (wave,) = found.found
    assert (wave.start, wave.end) == (START + 3 * DAY, START + 6 * DAY)
    assert (wave.long_usd, wave.short_usd, wave.open) == (7.0, 1.0, False)
    assert found.normalisers == ("turnover",)


def test_a_wave_that_ended_before_the_stretch_is_not_in_it():
    closed = [wave_row("long", -9, -1, 7.0), wave_row("short", -9, 0, 7.0)]
    assert [w.side for w in waves_of(closed, [track_row(0, "idle")]).found] == ["short"]


def test_the_wave_that_is_still_open_ends_with_its_last_active_bar():
    track = [
        track_row(4, "idle"), track_row(5, "active", 4, 10.0),
        track_row(6, "active", 4, 15.0), track_row(7, "cooling", 4, 16.0),
    ]  # fmt: skip
    (wave,) = waves_of([], track).found
    assert (wave.start, wave.end) == (START + 4 * DAY, START + 7 * DAY)
    assert (wave.long_usd, wave.open) == (15.0, True)
    assert waves_of([], [*track, track_row(8, "idle", 4, 17.0)]).found == ()


@pytest.mark.parametrize(
    ("statuses", "why"),
    [(["warmup"] * 4, "warm-up"), (["degraded"] * 4, "size of the market"),
     (["warmup", "warmup", "idle", "idle"], "warm-up"), ([], "no bar")],
)  # fmt: skip
def test_waves_are_not_told_where_most_bars_have_no_answer(statuses, why):
    told = waves_of([], [track_row(i, status) for i, status in enumerate(statuses)])
    assert not told.known
    assert why in told.missing
    assert told.unknown == len([s for s in statuses if s != "idle"])


def test_amounts_of_waves_are_those_of_the_bars_that_are_shaded(year):
    longs = year.waves.of("long")
    assert [washout.clock.format_day(w.start) for w in longs] == [
        "2024-06-11", "2024-07-04", "2024-07-18", "2024-09-30", "2024-10-31",
        "2024-12-16", "2025-01-16", "2025-01-29", "2025-02-24",
    ]  # fmt: skip
    for wave in longs:
        inside = [row for row in year.rows if wave.start <= row.time < wave.end]
        assert wave.long_usd == pytest.approx(sum(row.long_usd for row in inside))
        assert wave.floor


def test_a_chart_that_ends_inside_a_wave_shows_it_as_open_and_knows_no_more(
    sample_lake, tmp_path
):
    asked = {"scope": "binance:BTC", "start": "2025-08-01"}
    lake = washout.open(sample_lake)
    data = chart_data.load(lake, end="2025-10-13", **asked)
    wave = data.waves.of("long")[-1]
    assert wave.open
    assert wave.end == data.stop
    later = chart_data.load(lake, end="2025-10-31", **asked).waves.of("long")[-1]
    assert not later.open
    assert wave.start == later.start
    assert wave.long_usd < later.long_usd
    assert "…" in svg(data, tmp_path)
    assert "still open at the end" in svg(data, tmp_path)


def test_waves_are_asked_of_the_lake_once_each(sample_lake, monkeypatch):
    lake, asked = washout.open(sample_lake), []
    view = type(lake).view
    monkeypatch.setattr(
        type(lake), "view", lambda self, name, **how: asked.append(name) or view(self, name, **how)
    )  # fmt: skip
    chart_data.load(lake, "binance:BTC", start="2025-01-01", end="2025-02-01")
    assert sorted(asked) == ["candles", "cld", "liquidations", "wave_track", "waves"]


def test_warm_up_falls_back_to_the_runs_below_zero_and_says_so(sample_lake, tmp_path):
    data = chart_data.load(
        washout.open(sample_lake), "binance:BTC-USDT", bar="4h", start="2024-06-19",
        end="2024-08-20", window="7d", anchor="2024-06-19",
    )  # fmt: skip
    assert not data.waves.known
    text = svg(data, tmp_path)
    assert "No waves: too little history to say what is usual (warm-up)" in text
    assert "label: long USD closed in the run" in text
    assert "wave" not in drawn(data)
    assert "No waves: " in interactive.figure_html(data, include_js=False)


# What is drawn.


def drawn(data, **settings_):
    picture = chart.figure(data, **settings_)
    found = {}
    for axes in picture.axes:
        for artist in axes.get_children():
            found.setdefault(artist.get_gid(), []).append(artist)
    return found


def ends(collection):
    """Height of each rectangle of a collection."""
    return [path.vertices[1][1] for path in collection.get_paths()]


def test_missing_bars_are_not_drawn_as_zero():
    data = holed()
    found = drawn(data)
    observed = sum(not row.missing for row in data.rows)
    assert observed == 55
    for name in ("shorts", "longs", "bars"):
        (collection,) = found[name]
        assert len(collection.get_paths()) == observed
        hole = (data.rows[20].time / DAY, data.rows[24].end / DAY)
        for path in collection.get_paths():
            middle = path.vertices[:4, 0].mean()
            assert not hole[0] < middle < hole[1]
    (line,) = found["cld"]
    assert np.isnan(line.get_ydata()[20:25]).all()
    assert np.isfinite(line.get_ydata()[25:]).all()


def test_an_unknown_rolling_net_leaves_the_red_open():
    data = holed()
    (red,) = drawn(data)["red"]
    inside = [
        x
        for path in red.get_paths()
        for x, y in path.vertices
        if data.rows[21].time / DAY < x < data.rows[37].time / DAY
    ]
    assert inside == []


def test_holes_are_hatched_and_partial_bars_dotted():
    data = holed()
    found = drawn(data)
    assert len(found["missing"]) == len(found["partial"]) == 3
    patch = found["missing"][0]
    assert patch.get_hatch()
    assert patch.get_x() * DAY == pytest.approx(data.rows[20].time)
    assert patch.get_width() == pytest.approx(5)
    assert found["partial"][0].get_hatch() != patch.get_hatch()


def test_both_signs_show_the_same_amounts_turned_over(year):
    flow, turned = drawn(year), drawn(year, sign="cryptoquant")
    for name in ("shorts", "longs"):
        assert ends(flow[name][0]) == [-y for y in ends(turned[name][0])]
    assert max(ends(flow["longs"][0])) <= 0 <= min(ends(flow["shorts"][0]))
    for name in ("cld", "rolling"):
        one, other = flow[name][0].get_ydata(), turned[name][0].get_ydata()
        assert np.array_equal(one, -other, equal_nan=True)
    assert ends(flow["bars"][0]) == ends(turned["bars"][0])


def test_long_waves_are_shaded_on_the_side_of_longs_and_short_ones_on_the_other(year):
    for sign, turn in chart_words.SIGNS.items():
        found = drawn(year, sign=sign)
        spans = [
            (path.vertices[:, 0].min() * DAY, path.vertices[:, 0].max() * DAY)
            for shade in found["wave"]
            for path in shade.get_paths()
        ]
        told = [(wave.start, wave.end) for wave in year.waves.of("long")]
        assert np.allclose(spans, told)
        for shade in found["wave"]:
            heights = turn * shade.get_paths()[0].vertices[:, 1]
            assert heights.min() < 0 == heights.max()
        strips, shorts = found["short-wave"], year.waves.of("short")
        assert len(strips) == len(shorts) > 0
        for strip, wave in zip(strips, shorts, strict=True):
            assert strip.get_height() * turn > 0
            assert strip.get_x() * DAY == pytest.approx(wave.start)


def test_every_label_of_a_wave_is_its_amount(year):
    told = {t.get_text() for t in drawn(year)["run-label"]}
    assert told == {
        "≥ $197M", "≥ $175M", "≥ $434M", "≥ $109M", "≥ $436M", "≥ $158M", "≥ $268M",
        "≥ $204M", "≥ $492M",
    }  # fmt: skip


def test_gross_bars_are_taller_than_net_bars(year):
    net, gross = (drawn(year, bars=kind)["bars"][0] for kind in ("net", "gross"))
    assert all(a <= b for a, b in zip(ends(net), ends(gross), strict=True))
    assert ends(net) != ends(gross)


def test_price_axis_is_log_or_linear(year):
    for log, name in ((True, "log"), (False, "linear")):
        (line,) = drawn(year, log=log)["price"]
        assert line.axes.get_yscale() == name


@pytest.mark.parametrize(
    ("which", "sign"),
    [("five_years", "flow"), ("five_years", "cryptoquant"), ("summer", "flow")],
)
def test_labels_do_not_cover_each_other(which, sign, request):
    picture = chart.figure(request.getfixturevalue(which), sign=sign)
    renderer = picture.canvas.get_renderer()
    labels = [
        text.get_window_extent(renderer)
        for axes in picture.axes
        for text in axes.texts
        if text.get_gid() in ("run-label", "peak-label")
    ]
    assert len(labels) > 6
    for i, one in enumerate(labels):
        for other in labels[i + 1 :]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= 1 or high <= 4  # line boxes hold empty descent


@pytest.mark.parametrize("noun", ["long wave", "red run"])
def test_every_wave_or_run_has_a_label_or_is_counted(five_years, noun):
    data = five_years if noun == "long wave" else without_waves(five_years)
    shaded = data.waves.of("long") if noun == "long wave" else data.runs
    picture = chart.figure(data)
    labels = [t for a in picture.axes for t in a.texts if t.get_gid() == "run-label"]
    said = "\n".join(map(_text, picture.texts))
    told = re.search(rf"(\d+) {noun}s? without room", said)
    assert len(labels) + int(told[1] if told else 0) == len(shaded)
    assert len(labels) > 6


def _text(artist):
    return artist.get_text()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1000), st.floats(0, 200), st.floats(5, 120), st.floats(0, 1e9)
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_placed_labels_never_meet_and_stay_in_the_room(wanted, down):
    room = Box(0, 0, 1000, 200)
    wishes = [Wish(xs=(x,), y=y, width=w, height=12, weight=v) for x, y, w, v in wanted]
    boxes = [box for box in place(wishes, room, down=down) if box is not None]
    assert all(room.holds(box) for box in boxes)
    assert not any(a.meets(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_the_heaviest_label_is_placed_first():
    room = Box(0, 0, 100, 20)
    wish = {"xs": (50.0,), "y": 18.0, "width": 80, "height": 12}
    light, heavy = Wish(weight=1, **wish), Wish(weight=2, **wish)
    assert place([light, heavy], room, down=True)[0] is None
    assert place([light, heavy], room, down=True)[1] is not None


# What it says.


def svg(data, tmp_path, **settings_):
    return chart.draw(data, tmp_path / "chart.svg", **settings_).read_text()


def test_the_picture_says_what_it_is(year, tmp_path):
    text = svg(year, tmp_path)
    for words in (
        "Binance BTC: net liquidations and price",
        "2024-06-01 to 2025-06-01 UTC",
        "Deep red: long wave, onset to end, and longs closed in it",
        "Short wave",
        "30d rolling net: longs lead",
        "Waves: one side closed much faster than usual, in bp of",
        "CLD: net summed from anchor 2024-01-01 (right)",
        "Liquidations: coinglass",
        "vintage 1 of 2026-05-28",
        "Observed 100.0% of the time",
        "one_per_second",
        "at least",
        "gross ≥ 5× the median of the 30 bars before",
        "washout chart --scope binance:BTC --bar 1d --from 2024-06-01 --to 2025-06-01",
    ):
        assert words in text, words
    closed = max(wave.long_usd for wave in year.waves.of("long"))
    assert chart_words.usd(closed, floor=True) in text


def test_the_legend_says_what_up_and_down_mean(year, tmp_path):
    flow, other = svg(year, tmp_path), svg(year, tmp_path, sign="cryptoquant")
    assert "net = short − long: up = shorts closed (forced buying)" in flow
    assert "net = long − short: up = longs closed (forced selling)" in other
    assert "White peaks, up" in flow
    assert "White peaks, down" in other
    assert "--sign cryptoquant" in other


def test_breaks_are_labelled_where_they_are(five_years, year, tmp_path):
    label = "2021-04-27: Binance publishes 1 order/s from here: floors"
    assert label in svg(five_years, tmp_path)
    assert "USD scales fit the bars since 2021-04-27" in svg(five_years, tmp_path)
    assert "2021-04-27" not in svg(year, tmp_path)


def test_holes_are_told_in_words(tmp_path):
    text = svg(holed(), tmp_path)
    assert "not observed" in text
    assert "observed in part" in text
    assert "of 60 bars 5 missing (hatched, not zero), 1 partial" in text
    assert "no rolling net: under 98 % of 1w observed" in text


def test_without_floors_nothing_is_called_at_least(tmp_path):
    rows = [day_bar(i, 2e6, 1e6, -1e6) for i in range(40)]
    text = svg(made_up(rows), tmp_path)
    assert "at least" not in text
    assert "$80.0M" in text
    assert "≥ $80.0M" not in text


def test_without_a_price_the_chart_works_and_says_so(tmp_path):
    data = made_up([day_bar(i, 2e6, 1e6, -1e6) for i in range(40)])
    assert "No price: made up" in svg(data, tmp_path)
    assert "No price: made up" in interactive.figure_html(data, include_js=False)
    assert "price" not in drawn(data)


def test_an_empty_record_and_a_single_bar_can_be_drawn(tmp_path):
    for rows in ([bar(0), bar(1)], [day_bar(0, 1.0, 0.0)], [day_bar(0, 0.0, 0.0, 0.0)]):
        assert "Binance BTC" in svg(made_up(rows), tmp_path)
        interactive.figure_html(made_up(rows), include_js=False)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(5_736e6, "$5.74B"), (-45.4e6, "−$45.4M"), (999_600_000, "$1.00B"), (0, "$0"),
     (286e6, "$286M"), (1234, "$1.23k"), (99.4, "$99"), (9_999_000, "$10.0M")],
)  # fmt: skip
def test_amounts_have_three_figures(amount, text):
    assert chart_words.usd(amount) == text


# The same bytes, whoever draws.


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_chart_is_the_same_bytes(year, tmp_path, ending):
    one = chart.draw(year, tmp_path / f"a.{ending}", scale=0.5).read_bytes()
    other = chart.draw(year, tmp_path / f"b.{ending}", scale=0.5).read_bytes()
    assert one == other
    assert b"atplotlib" not in one[-200:]
    assert b"dc:date" not in one


def test_a_users_settings_change_nothing_and_are_left_alone(year, tmp_path):
    plain = chart.draw(year, tmp_path / "a.svg").read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "pink"}):
        assert chart.draw(year, tmp_path / "b.svg").read_bytes() == plain
        assert mpl.rcParams["font.size"] == 30
    assert mpl.rcParams["svg.fonttype"] == "path"


def test_scale_is_pixels(year, tmp_path):
    for scale, size in ((1, (1200, 675)), (2, (2400, 1350))):
        path = chart.draw(year, tmp_path / "a.png", scale=scale)
        with Image.open(path) as picture:
            assert picture.size == size


@pytest.fixture(scope="session")
def october(sample_lake):
    return chart_data.load(
        washout.open(sample_lake), "binance:BTC", start="2025-10-01", end="2025-10-31"
    )


PICTURES = {
    "month-light-flow": ("october", {}),
    "month-dark-cryptoquant": ("october", {"theme": "dark", "sign": "cryptoquant"}),
    "year-dark-flow": ("year", {"theme": "dark"}),
    "year-light-flow": ("year", {}),
    "summer-dark-cryptoquant": ("summer", {"theme": "dark", "sign": "cryptoquant"}),
    "five-years-dark-flow": ("five_years", {"theme": "dark", "bars": "gross"}),
    "five-years-light-linear": ("five_years", {"log": False}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_the_golden_one(name, request, tmp_path):
    which, how = PICTURES[name]
    path = chart.draw(
        request.getfixturevalue(which), tmp_path / "now.png", scale=0.3, **how
    )
    now, golden = _blocks(path), _blocks(GOLDEN / f"{name}.png")
    assert now.shape == golden.shape
    difference = np.abs(now - golden)
    assert difference.mean() < 1.5
    assert difference.max() < 60


def _blocks(path):
    """Means of 5 x 5 pixels: small moves of letters do not count."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), float)
    high, wide = (side // 5 for side in pixels.shape[:2])
    cut = pixels[: high * 5, : wide * 5].reshape(high, 5, wide, 5, 3)
    return cut.mean(axis=(1, 3))


# Colours.

MACHADO = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}  # fmt: skip
"""Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB."""


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ) @ np.clip(rgb, 0, 1)
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", MACHADO)
@pytest.mark.parametrize("theme", themes.THEMES.values(), ids=lambda theme: theme.name)
def test_what_meets_in_a_panel_is_told_apart_by_every_eye(theme, sight):
    eye = np.array(MACHADO[sight])
    panels = (
        (theme.panel, theme.price, theme.longs, theme.other),
        (theme.panel, theme.longs, theme.pale, theme.price), (theme.longs, theme.shorts),
        (theme.peaks_panel, theme.shorts), (theme.shorts, theme.longs),
        (theme.panel, theme.bars, theme.eruption, theme.cld),
    )  # fmt: skip
    for colours in panels:
        seen = [lab(eye @ linear(colour)) for colour in colours]
        for i, one in enumerate(seen):
            for j, other in enumerate(seen[i + 1 :], i + 1):
                assert np.linalg.norm(one - other) > 20, (colours[i], colours[j])


@pytest.mark.parametrize("theme", themes.THEMES.values(), ids=lambda theme: theme.name)
def test_words_and_white_peaks_have_contrast(theme):
    assert contrast(theme.shorts, theme.peaks_panel) > 4.5
    for ink in (theme.ink, theme.soft, theme.longs_text, theme.cld, theme.mark):
        assert contrast(ink, theme.panel) > 4.5, ink


# The page.


def test_the_page_loads_nothing(summer):
    html = interactive.page(summer, theme="dark")
    scriptless = re.sub(r"(?s)(<script[^>]*>).*?</script>", r"\1", html)
    assert not re.search(r"<script[^>]*\ssrc", scriptless)
    assert not re.search(r"<link|<img|<iframe|@import|url\(", scriptless)
    assert "http" not in scriptless
    assert html.count("Plotly.newPlot(") == 1


def test_the_fragment_is_deterministic_and_can_leave_plotly_out(year):
    one = interactive.figure_html(year, include_js=False)
    assert one == interactive.figure_html(year, include_js=False)
    assert len(one) < 500_000 < len(interactive.figure_html(year))
    assert "<html" not in one


def test_the_page_says_the_same_words(year):
    for sign in chart_words.SIGNS:
        html = interactive.figure_html(year, sign=sign, include_js=False)
        plain = (
            html.encode().decode("unicode_escape", "ignore").encode("latin-1", "ignore")
        )
        title = interactive.figure(year, sign=sign).layout.title.text
        assert chart_words.direction(sign) in title
        assert b"2024-01-01" in plain
    for words in (
        chart_words.completeness(year), chart_words.provenance(year),
        chart_words.command(year, "cryptoquant", "net"),
    ):  # fmt: skip
        assert words in html


def test_the_page_draws_holes_as_gaps():
    built = interactive.figure(holed())
    traces = {trace.name: trace for trace in built.data if trace.name}
    for name in (
        "White peaks, up: short liquidations (forced buying)",
        "Daily CLD bar: |net|, either side",
    ):
        bars = next(t for t in built.data if t.name == name and t.type == "bar")
        assert list(bars.y[20:25]) == [None] * 5
        assert list(bars.customdata[20:25]) == ["not observed"] * 5
        assert None not in bars.y[25:]
    assert traces["not observed"].fillpattern.shape == "/"
    assert "observed in part" in traces


def test_the_page_flips_with_the_sign_and_has_its_buttons(year):
    flow, turned = (interactive.figure(year, sign=sign) for sign in chart_words.SIGNS)
    name = chart_words.cld_word(year)
    one, other = (next(t.y for t in f.data if t.name == name) for f in (flow, turned))
    assert list(one) == [-y for y in other]
    labels = [button.label for button in flow.layout.xaxis.rangeselector.buttons]
    assert labels == ["7d", "1m", "6m", "all"]
    menu = flow.layout.updatemenus[0]
    assert [button.label for button in menu.buttons] == ["price log", "price linear"]


def test_without_waves_hover_on_the_red_names_its_run(year):
    built = interactive.figure(without_waves(year))
    red = next(t for t in built.data if t.name and "more longs" in t.name)
    largest = max(year.runs, key=lambda run: run.long_usd)
    place_ = next(i for i, r in enumerate(year.rows) if r.time == largest.trough_at)
    assert chart_words.usd(largest.long_usd, floor=True) in red.customdata[place_][1]


# The command.


def run(*arguments):
    return CliRunner().invoke(group, ["chart", *map(str, arguments)])


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_command_writes_what_the_ending_says(sample_lake, tmp_path, ending):
    path = tmp_path / f"cld.{ending}"
    done = run(
        "--lake", sample_lake, "--scope", "binance:BTC", "--from", "2024-06-01",
        "--to", "2024-09-01", "--out", path, "--theme", "dark", "--sign", "cryptoquant",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert str(path) in done.output
    start = {"png": b"\x89PNG", "svg": b"<?xml", "html": b"<!doctype html>"}
    assert path.read_bytes().startswith(start[ending])


def test_an_ending_that_is_no_picture_is_refused(sample_lake, tmp_path, year):
    done = run(
        "--lake", sample_lake, "--scope", "binance:BTC", "--out", tmp_path / "a.pdf"
    )
    assert done.exit_code == 2
    assert ".png, .svg, .html" in done.output
    assert not (tmp_path / "a.pdf").exists()
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        chart.draw(year, tmp_path / "a.jpg")


def test_a_folder_that_is_not_there_is_an_error_of_ours(sample_lake, tmp_path):
    done = run(
        "--lake",
        sample_lake,
        "--scope",
        "binance:BTC",
        "--out",
        tmp_path / "no" / "a.svg",
    )
    assert isinstance(done.exception, washout.errors.WashoutError)
    assert "cannot be written" in str(done.exception)


@pytest.mark.parametrize(
    "wrong", [{"theme": "drak"}, {"sign": "flwo"}, {"bars": "nett"}]
)
def test_an_unknown_choice_names_the_near_ones(year, tmp_path, wrong):
    with pytest.raises(UnknownName, match="Did you mean"):
        chart.draw(year, tmp_path / "a.png", **wrong)


def test_the_printed_command_draws_the_same(summer, sample_lake, tmp_path):
    told = chart_words.command(summer, "flow", "net").split("  ·  ")[0].split()[2:]
    done = run(*told, "--lake", sample_lake, "--out", tmp_path / "again.svg")
    assert done.exit_code == 0, done.output
    first = chart.draw(summer, tmp_path / "first.svg").read_bytes()
    assert (tmp_path / "again.svg").read_bytes() == first
    assert summer.bar == HOUR


def test_the_page_shows_waves_and_tells_them_in_the_hover(year):
    built = interactive.figure(year)
    red = next(t for t in built.data if t.name == chart_words.red_word(year))
    starts = [moment for moment in red.x if moment is not None][::5]
    assert starts == [f"{day} 00:00:00" for day in (
        "2024-06-11", "2024-07-04", "2024-07-18", "2024-09-30", "2024-10-31",
        "2024-12-16", "2025-01-16", "2025-01-29", "2025-02-24")]  # fmt: skip
    net = next(t for t in built.data if t.name == chart_words.pale_word(year))
    day = next(i for i, at in enumerate(net.x) if at.startswith("2025-03-01"))
    assert (
        "long wave 2025-02-24 to 2025-03-15: longs closed ≥ $492M"
        in net.customdata[day][1]
    )
    assert "wave" not in net.customdata[100][1]
    assert {"<b>≥ $492M</b>", "<b>≥ $434M</b>"} <= {
        a.text for a in built.layout.annotations
    }
