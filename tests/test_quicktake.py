"""The quicktake: findings, the sentences they call for, and making it again."""

from __future__ import annotations

import doctest
import json
import re
from html import unescape
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from washout import sample
from washout.cli import group
from washout.clock import DAY, HOUR, parse_time
from washout.errors import InputError, LakeError, NoData, UnknownName, WashoutError
from washout.importers import Unit
from washout.importers._rows import facts, liquidation_totals
from washout.present import quicktake, run_manifest, wording
from washout.present.findings import move_of, pressure_of, shorts_of
from washout.present.measuring import fewest
from washout.present.note import markdown
from washout.present.quicktake import Question
from washout.present.statements import wave_amounts
from washout.store.answer import open_lake
from washout.store.ingest import add_unit
from washout.store.lake import Lake

FIRST = parse_time("2024-03-01")
LATER = parse_time("2026-06-01")
DAYS = 120


def make(lake: Path, scope="binance:BTC", **question):
    return quicktake.make(
        open_lake(lake), Question(scope=scope, **question), lake="lake"
    )


def text_of(made):
    return markdown(made.note, "cld.png")


def said(made, name):
    item = made.note.item(name)
    assert item is not None, f"the note has no sentence {name!r}"
    return f"{item.head} {item.text}"


def add(lake: Path, tables, *, name="made up", now=LATER):
    opened = Lake.create(lake)
    unit = Unit(name, lambda _unit: iter(tables))
    with opened.writing() as scratch:
        return add_unit(
            opened, scratch, unit, importer="test", sha256=f"{name:0<64}", now=now
        )


def record(
    lake: Path, longs, shorts, *, days=None, exchange="deribit", asset="BTC",
    interval=DAY,
):  # fmt: skip
    """A lake of made-up totals, one per interval; `days` leaves some out."""
    chosen = np.arange(len(longs)) if days is None else np.asarray(days)
    tables = liquidation_totals(
        FIRST + chosen * interval,
        np.asarray(longs, float)[chosen], np.asarray(shorts, float)[chosen],
        interval, exchange=exchange, asset=asset, market="", source="made-up",
    )  # fmt: skip
    add(lake, tables)
    return lake


def prices(lake: Path, closes, *, exchange="deribit"):
    """Daily candles of `closes`, each opening at the close before."""
    close = np.asarray(closes, float)
    opened = np.concatenate([[close[0]], close[:-1]])
    starts = FIRST + np.arange(len(close)) * DAY
    table = facts(
        "candle", len(close),
        {
            "exchange": exchange, "asset": "BTC", "market": "BTC-USD",
            "source": "made-up", "product": "perp", "price_kind": "trade",
            "interval": DAY, "ts_event": starts, "ts_recv": starts + DAY,
            "open": opened, "close": close, "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
        },
    )  # fmt: skip
    add(lake, [("candle", table)], name="candles")
    return lake


def amounts(seed=1, size=DAYS):
    return np.random.default_rng(seed).lognormal(14, 0.6, size)


@pytest.fixture(scope="module")
def posts_window(sample_lake):
    return make(sample_lake, start="2024-01-01", stop="2025-06-06")


@pytest.fixture(scope="module")
def longer_window(sample_lake):
    return make(sample_lake, start="2024-01-01", stop="2025-11-14")


def test_of_the_posts_window_it_finds_what_the_record_says(posts_window):
    found = posts_window.findings
    assert found.sides.long_usd == pytest.approx(5736e6, abs=0.5e6)
    assert found.sides.short_usd == pytest.approx(5077e6, abs=0.5e6)
    assert found.sides.short_share == pytest.approx(0.470, abs=0.0005)
    assert (found.sides.shorts, found.sides.pressure) == ("balanced", "balanced")
    assert found.standing("shorts_scarce") == "contradicted"
    assert found.days.count == found.days.whole == 522
    assert f"{found.days.largest_long.time:%Y-%m-%d}" == "2024-08-05"
    assert found.days.largest_long.long_usd == pytest.approx(91.7e6, abs=0.05e6)
    assert found.days.largest_long.short_usd == pytest.approx(46.3e6, abs=0.05e6)
    assert found.amounts.reach == "sums"
    assert found.amounts.days_from_low == 0


def test_of_the_posts_window_it_says_that_shorts_were_not_scarce(posts_window):
    told = said(posts_window, "shorts_scarce")
    assert "5,077 M USD of shorts against 5,736 M USD of longs" in told
    assert "0.470" in told
    assert posts_window.note.item("shorts_scarce").tag == "contradicted"
    assert "longs and shorts closed about equally" in posts_window.note.title
    assert "price up 140 %" in posts_window.note.title


def test_of_the_posts_window_it_says_that_the_amounts_were_sums_over_weeks(
    posts_window,
):
    told = said(posts_window, "wave_amounts")
    assert "No day of the record reached 120 M USD" in told
    assert "2024-08-05, closed at least 91.7 M USD of longs" in told
    assert "Amounts of 120 to 360 M USD are sums over days in a wave, else" in told


def test_amounts_are_judged_by_the_waves_of_the_chart_where_there_are_any(posts_window):
    found = posts_window.findings
    closed = [wave.long_usd / 1e6 for wave in found.waves.longs]
    assert len(closed) == 12
    assert sum(120 <= amount <= 360 for amount in closed) == 7
    assert found.standing("wave_amounts") == "borne_out"
    assert (
        "7 of 12 waves of the chart closed that much (as floors), and lasted 9 to 25 days"
        in (said(posts_window, "wave_amounts"))
    )
    small = tuple(w for w in found.waves.longs if w.long_usd < 120e6)
    few = msgspec.structs.replace(found.waves, longs=small)
    assert wave_amounts(msgspec.structs.replace(found, waves=few)) == "contradicted"
    none = msgspec.structs.replace(found.waves, longs=())
    assert wave_amounts(msgspec.structs.replace(found, waves=none)) == "contradicted"


def test_the_waves_of_the_chart_are_in_the_text(posts_window):
    told = said(posts_window, "waves")
    assert "There are 12 such waves; the largest, 2024-02-09 to 2024-03-21" in told
    assert "it closed at least 530 M USD of longs" in told
    assert (
        "| 2024-07-18 - 2024-08-18 | 32 days | ≥ 434 M USD | ≥ 283 M USD |"
        in text_of(posts_window)
    )
    assert posts_window.note.item("red").head == "Pale red area."


def test_with_the_crash_of_2025_the_same_sentences_change(longer_window):
    found = longer_window.findings
    assert found.amounts.reach == "exceptions"
    assert f"{found.days.largest_long.time:%Y-%m-%d}" == "2025-10-10"
    told = said(longer_window, "wave_amounts")
    assert "Two days of 683 reached 120 M USD alone" in told
    assert "2025-10-10 (at least 286 M USD of longs)" in told
    assert "91.7 M USD at most" in told
    assert "No day" not in told
    assert "0.455" in said(longer_window, "shorts_scarce")


def test_the_largest_days_name_both_sides(longer_window):
    told = said(longer_window, "extremes")
    assert "2025-10-10 with at least 286 M USD, against 117 M USD of shorts" in told
    assert "Shorts: 2024-11-06 with at least 143 M USD" in told


def test_loss_is_a_fraction_of_notional_and_floors_leave_it_open(posts_window):
    loss = posts_window.findings.loss
    assert loss.least_usd == pytest.approx(loss.notional_usd / 50)
    assert loss.most_usd == pytest.approx(loss.notional_usd / 10)
    assert posts_window.findings.standing("billions_lost") == "not_shown"
    assert "115 to 574 M USD" in said(posts_window, "billions_lost")


def test_accumulation_is_never_read_off_this_record(posts_window):
    assert posts_window.findings.standing("accumulation") == "not_shown"
    assert "no public record says who" in said(posts_window, "accumulation")


def test_in_2021_single_days_reached_the_amounts_and_floors_begin_inside(sample_lake):
    made = make(sample_lake, start="2021-01-01", stop="2022-01-01")
    found = made.findings
    assert found.sides.shorts == "fewer"
    assert found.amounts.reach == "common"
    assert f"{found.completeness.floor_since:%Y-%m-%d}" == "2021-04-27"
    assert found.completeness.trust == {"one_per_second": 249, "aggregated": 116}
    assert not found.days.largest_long.floor
    assert "from 2021-04-27 on" in said(made, "limits")
    assert "do not compare" in said(made, "limits")
    assert "comes after this window" in said(made, "bars")
    assert "Break in meaning" in dict(made.note.facts)


def test_the_hourly_set_tells_its_holes_and_its_own_anchor(sample_lake):
    made = make(
        sample_lake, "binance:BTC-USDT", bar="1h", start="2024-06-19", stop="2024-08-20"
    )
    found = made.findings
    assert found.completeness.missing == 42
    assert 0.9 < found.completeness.observed_share < 1
    assert found.price.move == "down"
    assert found.standing("price_rose") == "contradicted"
    facts_of = dict(made.note.facts)
    assert "where the record begins (asked for: 2024-01-01)" in facts_of["CLD anchor"]
    assert "42 missing" in facts_of["Completeness"]
    assert "42 hours of the window went unobserved" in said(made, "limits")
    assert found.red.known < found.red.bars
    assert "where it is known" in said(made, "red")


def test_three_days_are_not_stretched_into_statistics(sample_lake):
    made = make(sample_lake, start="2025-10-10", stop="2025-10-13")
    assert made.note.item("concentration") is None
    assert "Closures went with" not in said(made, "price")
    assert "too short" in said(made, "declines_launch")
    assert "2 of 3 days" in said(made, "pressure")


def test_a_week_is_too_coarse_to_tell_waves_by(sample_lake):
    made = make(
        sample_lake, bar="1w", window="28d", start="2024-01-01", stop="2025-06-09"
    )
    assert made.findings.standing("wave_amounts") == "no_data"
    assert "too coarse" in said(made, "wave_amounts")
    assert "largest weeks" in said(made, "extremes")


def test_a_record_with_scarce_shorts_says_so(tmp_path):
    longs = amounts()
    made = make(record(tmp_path / "lake", longs, longs * 0.05), "deribit:BTC")
    assert made.findings.sides.shorts == "scarce"
    assert made.findings.standing("shorts_scarce") == "borne_out"
    assert made.findings.standing("longs_bore_it") == "borne_out"
    assert made.findings.standing("shorts_safe") == "not_shown"
    assert "short closures were scarce" in said(made, "pressure")
    assert "What it does bear out" in text_of(made)
    assert made.note.item("shorts_scarce").tag == ""


def test_a_record_with_scarce_longs_says_the_mirrored_thing(tmp_path):
    shorts = amounts()
    made = make(record(tmp_path / "lake", shorts * 0, shorts), "deribit:BTC")
    assert made.findings.sides.shorts == "dominant"
    assert "and none of long positions" in made.note.lede
    assert "It was on shorts" in said(made, "longs_bore_it")
    assert "In this window there is none" in said(made, "red")
    assert "no long closure" in said(made, "billions_lost")


def test_zeros_are_told_as_zeros_and_judge_nothing(tmp_path):
    made = make(record(tmp_path / "lake", [0] * DAYS, [0] * DAYS), "deribit:BTC")
    assert made.findings.sides.short_share is None
    assert made.findings.standing("shorts_scarce") == "no_data"
    assert "no forced closure on record" in made.note.title
    assert "it is not a gap" in said(made, "pressure")
    assert "nan" not in text_of(made).lower()


def test_a_record_with_large_holes_is_not_judged(tmp_path):
    days = [day for day in range(DAYS) if not 20 <= day < 40]
    longs = amounts()
    made = make(record(tmp_path / "lake", longs, longs * 0.1, days=days), "deribit:BTC")
    assert made.findings.sides.shorts == "scarce"
    assert made.findings.standing("shorts_scarce") == "no_data"
    assert "Only 83 % of the window was observed" in said(made, "shorts_scarce")
    assert "20 days of the window went unobserved" in said(made, "limits")
    assert "2024-03-21 to 2024-04-09" in dict(made.note.facts)["Completeness"]
    assert made.findings.sides.floor


def test_without_a_price_nothing_is_said_about_price(tmp_path):
    every = amounts(size=DAYS * 6)
    lake = record(
        tmp_path / "lake", every, every[::-1], asset="ETH", interval=4 * HOUR,
        exchange="binance",
    )  # fmt: skip
    made = make(lake, "binance:ETH", bar="4h")
    assert made.findings.price is None
    assert "price" not in made.note.title
    assert "no candles" in said(made, "price")
    assert made.findings.standing("price_rose") == "no_data"
    assert made.findings.amounts is None
    assert made.note.item("wave_amounts") is None


@pytest.mark.parametrize(
    ("last", "move", "words"),
    [
        (150, "up", "Price rose"),
        (70, "down", "Price fell"),
        (100.5, "flat", "where it began"),
    ],
)
def test_the_price_sentence_follows_the_price(tmp_path, last, move, words):
    longs = amounts()
    lake = prices(record(tmp_path / "lake", longs, longs), np.linspace(100, last, DAYS))
    made = make(lake, "deribit:BTC")
    assert made.findings.price.move == move
    assert words in said(made, "price")
    standing = "borne_out" if move == "up" else "contradicted"
    assert made.findings.standing("price_rose") == standing


def test_closures_that_do_not_go_with_price_are_not_said_to(tmp_path):
    moves = np.random.default_rng(5).normal(0, 1, DAYS)
    longs = amounts()
    shorts = longs * np.where(np.arange(DAYS) % 2, 2.0, 0.5)
    made = make(
        prices(record(tmp_path / "lake", longs, shorts), 1000 + moves.cumsum()),
        "deribit:BTC",
    )
    assert "did not simply follow" in said(made, "price")
    following = longs * np.where(moves > 0, 2.0, 0.5)
    made = make(
        prices(record(tmp_path / "other", longs, following), 1000 + moves.cumsum()),
        "deribit:BTC",
    )
    assert "Closures went with the price of the same day" in said(made, "price")


def test_the_sign_turns_signed_figures_and_no_judgement(sample_lake, posts_window):
    turned = make(
        sample_lake, start="2024-01-01", stop="2025-06-06", sign="cryptoquant"
    )
    assert "−660 M USD" in said(posts_window, "bars")
    assert "ends at 660 M USD" in said(turned, "bars")
    assert "Up means longs closed" in said(turned, "bars")
    assert turned.findings == posts_window.findings
    assert said(turned, "red") == said(posts_window, "red")


def test_every_number_of_the_sides_is_that_of_the_view(sample_lake, posts_window):
    answer = open_lake(sample_lake).view(
        "liquidations", scope="binance:BTC", start="2024-01-01", end="2025-06-06"
    )
    frame = answer.pandas()
    found = posts_window.findings
    assert found.sides.long_usd == pytest.approx(frame.long_usd.sum())
    assert found.days.largest_short.short_usd == frame.short_usd.max()
    assert found.days.median_long_usd == pytest.approx(frame.long_usd.median())
    assert found.days.long_led == int((frame.net_usd < 0).sum())


def test_bars_narrower_than_a_day_are_added_up_to_days(tmp_path):
    every = np.ones(DAYS * 6) * 1e6
    lake = record(tmp_path / "lake", every, every, interval=4 * HOUR)
    found = make(lake, "deribit:BTC", bar="4h").findings
    assert found.days.count == DAYS
    assert found.days.largest_long.long_usd == pytest.approx(6e6)


def test_what_shares_and_moves_are_called():
    shares = (None, 0.0, 0.333, 1 / 3, 0.449, 0.45, 0.55, 0.56, 2 / 3, 0.67)
    assert [shorts_of(share) for share in shares] == [
        "none", "scarce", "scarce", "fewer", "fewer", "balanced", "balanced", "more",
        "more", "dominant",
    ]  # fmt: skip
    assert [pressure_of(shorts_of(s)) for s in (None, 0.1, 0.4, 0.5, 0.6, 0.9)] == [
        "none", "long", "long", "balanced", "short", "short",
    ]  # fmt: skip
    assert [move_of(c) for c in (0.02, 0.0199, -0.0199, -0.02)] == [
        "up", "flat", "flat", "down",
    ]  # fmt: skip


def test_the_fewest_days_that_reach_a_sum():
    assert fewest([1, 5, 2, 4, 0], 6) == 2
    assert fewest([7, 0, 0], 6) == 1
    assert fewest([1, 1], 3) is None
    assert fewest([], 1) is None


def test_numbers_are_written_as_their_docstrings_say():
    assert doctest.testmod(wording).failed == 0


def test_the_footer_states_what_the_note_rests_on(posts_window):
    told = dict(posts_window.note.facts)
    assert (
        told["Window"] == "2024-01-01 to 2025-06-05 UTC, last day included (522 days)"
    )
    assert sample.sha256()[:12] in told["Vintage"]
    assert told["CLD anchor"] == "2024-01-01"
    assert told["Sign"].startswith("net = short − long")
    assert "floors throughout" in told["Trust"]
    assert "configuration" in told["Made by"]
    assert "--as-of vintage:1" in posts_window.note.command
    assert posts_window.note.command in text_of(posts_window)


def test_nobody_watching_is_an_error_and_no_empty_note(sample_lake, tmp_path):
    with pytest.raises(NoData, match="Nobody observed binance:BTC"):
        make(sample_lake, start="2025-12-01", stop="2025-12-20")
    with pytest.raises(NoData, match="was empty at 2019-01-01"):
        make(sample_lake, as_of="2019-01-01")
    Lake.create(tmp_path / "lake")
    with pytest.raises(NoData, match="is empty"):
        make(tmp_path / "lake")
    with pytest.raises(UnknownName, match="sign"):
        make(sample_lake, sign="upside-down")


@pytest.fixture(scope="module")
def written(sample_lake, tmp_path_factory):
    """A quicktake made by the command line, over a lake that later gets more."""
    import shutil

    folder = tmp_path_factory.mktemp("written")
    shutil.copytree(sample_lake, folder / "lake")
    run(
        "quicktake", "--scope", "binance:BTC", "--from", "2024-07-01", "--to", "2024-09-01",
        "--lake", folder / "lake", "--out", folder / "note",
    )  # fmt: skip
    return folder


def run(*arguments):
    result = CliRunner().invoke(group, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


FILES = ("cld.png", "cld.svg", "quicktake.html", "quicktake.md", "manifest.json")


def test_the_command_leaves_five_files_and_hashes_of_them(written):
    folder = written / "note"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    manifest = run_manifest.read(folder / "manifest.json")
    assert set(manifest.outputs) == set(FILES) - {"manifest.json"}
    for name, sha256 in manifest.outputs.items():
        assert run_manifest.sha256((folder / name).read_bytes()) == sha256
    assert manifest.question.as_of == "vintage:1"
    assert manifest.question.stop == "2024-09-01"
    assert [unit.sha256 for unit in manifest.lake.units] == [sample.sha256()]
    assert set(manifest.definitions) == {"note", *quicktake.VIEWS}
    assert {"waves", "wave_track"} < set(manifest.definitions)
    assert json.loads((folder / "manifest.json").read_bytes())["question"]["to"]


def test_the_page_needs_no_network_and_follows_the_reader(written):
    page = (written / "note" / "quicktake.html").read_text(encoding="utf-8")
    assert not re.search(
        r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page
    )
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count('id="washout-chart-light"') == 1
    assert page.count('id="washout-chart-dark"') == 1
    assert '<html lang="en">' in page
    assert page.count("<h1>") == 1
    assert '<th scope="row">' in page
    head = page[: page.index("<figure")]
    assert "@media print" in head


def test_page_and_text_say_the_same(written, sample_lake):
    made = make(sample_lake, start="2024-07-01", stop="2024-09-01")
    page = (written / "note" / "quicktake.html").read_text(encoding="utf-8")
    plain = unescape(re.sub(r"<[^>]+>", "", page[page.index("</figure>") :]))
    plain = plain.replace("\u00a0", " ")
    text = (written / "note" / "quicktake.md").read_text(encoding="utf-8")
    for section in made.note.sections:
        for item in section.items:
            assert item.text in text.replace("\\", "")
            assert item.text in plain


def test_from_the_manifest_the_same_bytes_come_out_whatever_was_imported_since(written):
    before = (written / "note" / "quicktake.md").read_bytes()
    start = parse_time("2024-08-05")
    later = liquidation_totals(
        np.array([start]), np.array([999e6]), np.array([1e6]), DAY,
        exchange="binance", asset="BTC", market="", source="coinglass",
    )  # fmt: skip
    add(written / "lake", later, name="a revision")
    result = run("quicktake", "--manifest", written / "note" / "manifest.json", "--out", written / "again")  # fmt: skip
    assert (written / "again" / "quicktake.md").read_bytes() == before
    assert "byte for byte" in result.output
    now = make(written / "lake", start="2024-07-01", stop="2024-09-01")
    assert now.findings.days.largest_long.long_usd == pytest.approx(999e6)
    assert "999 M USD" in text_of(now)
    pinned = make(
        written / "lake", start="2024-07-01", stop="2024-09-01", as_of="vintage:1"
    )
    assert pinned.findings.days.largest_long.long_usd == pytest.approx(91.7e6, abs=1e5)


def test_a_moved_folder_still_finds_its_lake(written, tmp_path):
    import shutil

    shutil.copytree(written, tmp_path / "moved")
    run("quicktake", "--manifest", tmp_path / "moved" / "note" / "manifest.json")
    text = (tmp_path / "moved" / "note" / "quicktake.md").read_bytes()
    assert text == (written / "note" / "quicktake.md").read_bytes()


def test_another_lake_is_refused(written, tmp_path):
    lake = record(tmp_path / "lake", amounts(), amounts(2))
    with pytest.raises(LakeError, match="is not the lake of this manifest"):
        run(
            "quicktake",
            "--manifest",
            written / "note" / "manifest.json",
            "--lake",
            lake,
        )


def test_a_text_that_would_differ_replaces_nothing_and_says_why(written, tmp_path):
    import shutil

    shutil.copytree(written / "note", tmp_path / "note")
    path = tmp_path / "note" / "manifest.json"
    manifest = run_manifest.read(path)
    older = msgspec.structs.replace(
        manifest,
        washout="0.0.1",
        outputs={**manifest.outputs, "quicktake.md": "0" * 64},
    )
    path.write_bytes(run_manifest.encode(older))
    (tmp_path / "note" / "quicktake.md").write_text("kept")
    with pytest.raises(WashoutError, match=r"washout 0\.0\.1 is now"):
        run("quicktake", "--manifest", path, "--lake", written / "lake")
    assert (tmp_path / "note" / "quicktake.md").read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no manifest of a quicktake"),
        (b'{"format": 1, "washout": "0.1.0"}', "no manifest of a quicktake"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_manifest_is_named(tmp_path, content, reason):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        run("quicktake", "--manifest", path)


def test_json_alone_prints_findings_and_writes_nothing(
    sample_lake, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = run(
        "quicktake", "--scope", "binance:BTC", "--from", "2024-01-01", "--to", "2025-06-06",
        "--lake", sample_lake, "--json",
    )  # fmt: skip
    found = json.loads(result.output)
    assert found["sides"]["short_share"] == pytest.approx(0.4695, abs=1e-4)
    assert found["days"]["largest_long"]["time"] == "2024-08-05T00:00:00Z"
    assert {"id": "shorts_scarce", "standing": "contradicted"} in found["said"]
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_needs():
    result = run("quicktake")
    assert result.exit_code == 2
    assert "--scope" in result.output
