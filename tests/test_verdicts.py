"""Verdicts as table, page, data and pictures: the words, and that none differ."""

from __future__ import annotations

import doctest
import json
import re
from html import unescape
from math import isnan, nan

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from _judgements import BASE, CLAIMS, judgement
from washout.errors import UsageError, WashoutError
from washout.present import (
    verdict_figures,
    verdict_section,
    verdict_words,
    verdicts,
    verdicts_html,
)
from washout.present.verdict_files import write_verdicts
from washout.study.judged import Judgement
from washout.study.verdict import Verdict

FOUND = judgement()
BY_ID = {one.id: one for one in CLAIMS}


# Words.


def test_examples_in_the_words_are_true():
    assert doctest.testmod(verdict_words).failed == 0


@pytest.mark.parametrize(
    ("verdict", "group", "part"),
    [
        (Verdict("supported"), "supported", ""),
        (Verdict("contradicted", "no effect of interest"), "not supported", "matters"),
        (Verdict("contradicted", "the opposite effect"), "contradicted", "opposite"),
        (
            Verdict("contradicted", "one wave did not"),
            "contradicted",
            "one wave did not",
        ),
        (Verdict("inconclusive"), "cannot be said", "as well as none"),
        (Verdict("inconclusive", "unstable"), "cannot be said", "most quarters"),
        (
            Verdict("inconclusive", "missing: funding"),
            "cannot be said",
            "lacks funding",
        ),
        (Verdict("inconclusive", "something new"), "cannot be said", "something new"),
    ],
)
def test_no_effect_of_interest_is_not_called_a_contradiction(verdict, group, part):
    assert verdict_words.group(verdict) == group
    assert verdict_words.told(verdict).startswith(group)
    assert part in verdict_words.because(verdict)


def test_numbers_that_the_record_lacks_are_dashes_and_never_nan():
    shown = verdicts.sheet(FOUND)
    row = next(row for row in shown.rows if row.id == "H10")
    assert (row.effect, row.interval, row.p, row.p_adjusted) == ("-", "-", "-", "-")
    for text in (
        verdicts.terminal(FOUND),
        verdicts.markdown(FOUND),
        verdicts_html.page(FOUND),
    ):
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_the_dip_is_told_apart_from_the_effect():
    assert verdict_words.dip(BASE) == (
        "+0.52 z after events against all times; +0.21 z of it is what like dips show"
        " as well, +0.31 z is left"
    )
    assert "no benchmark" in verdict_words.dip(BY_ID["H5"])


def test_the_other_reading_is_told_only_where_it_says_another_thing():
    rows = {row.id: dict(row.details) for row in verdicts.sheet(FOUND).rows}
    assert rows["H4a"]["Other reading"].startswith("supported becomes cannot be said")
    assert "shorts were closed" in rows["H4a"]["Other reading"]
    assert not any("Other reading" in rows[name] for name in ("H4b", "H5", "H6", "H10"))
    assert verdict_words.differs(BASE, None) == ""


def test_every_number_that_a_verdict_rests_on_is_in_its_details():
    told = dict(verdicts.details(BASE, None))
    assert told["Out of sample"] == "+0.18 z"
    assert (
        told["Quarters (blocks)"]
        == "+0.40 z (21), +0.22 z (18), −0.05 z (24), +0.50 z (21)"
    )
    assert told["Could be found"] == (
        "would have found 0.37 z in four of five samples; what matters is 0.20 z, for"
        " which 99 time blocks with events would be needed"
    )
    assert told["Further tests, exploratory"] == (
        "4h: +0.11 z (−0.02 to +0.24 z), p 0.16, adjusted 0.20; placebo: +0.30 z"
        " (+0.10 to +0.50 z), p 0.010"
    )
    assert (
        told["Facts"] == "waves a year 68.2; median drawdown 241 bp; closed 5,736 M USD"
    )
    assert "940 controls, 91 % of the events have comparable ones" in told["Test"]
    assert "1h bars in bp of open interest" in told["Measured"]
    assert told["Spec"] == f"{BASE.spec_hash}, seed 20240101"


# The table.


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_on_a_terminal_is_wider_than_it_and_nothing_is_lost(width):
    text = verdicts.terminal(FOUND, width=width)
    assert max(map(len, text.split("\n"))) <= width
    plain = "".join(text.split())
    for one in CLAIMS:
        assert "".join(verdict_words.told(one.verdict).split()) in plain
        assert one.spec_hash in plain
    assert FOUND.ledger_head in plain


def test_claims_wrap_between_words_on_eighty_columns():
    text = verdicts.terminal(FOUND)
    rows = text[text.index("H4a") : text.index("H4b")]
    column = " ".join(line[5:24].strip() for line in rows.split("\n"))
    assert " ".join(column.split()) == f"a {BASE.says}".replace("a ", "", 1)


def test_colour_changes_no_word():
    coloured = verdicts.terminal(FOUND, colour=True)
    assert "\x1b[" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert bare.split() == verdicts.terminal(FOUND).split()


def test_text_page_and_terminal_say_the_same():
    shown = verdicts.sheet(FOUND)
    text = verdicts.markdown(FOUND).replace("\\", "")
    page = unescape(re.sub(r"<[^>]+>", "", verdicts_html.page(FOUND))).replace(
        "\xa0", " "
    )
    for row in shown.rows:
        for name, told in row.details:
            assert f"**{name}:** {told}" in text
            assert told in page
        assert row.effect in page
        assert row.effect in text
    for _, told in shown.facts:
        assert told in page
        assert told in text


def test_the_intro_counts_verdicts_and_states_window_and_reading():
    told = verdicts.intro(FOUND)
    assert told.startswith(
        "Five claims: 1 supported, 1 not supported, 1 contradicted and 2 cannot be said."
    )
    assert "2024-01-01 to 2025-11-14 UTC" in told
    assert "out of sample from 2025-05-27" in told
    assert "below zero means that longs were closed" in told


def test_a_judgement_without_claims_can_be_shown():
    empty = judgement(claims=(), other=())
    assert "No claim: none." in verdicts.markdown(empty)
    assert "No claim: none." in verdicts.terminal(empty)
    assert verdict_section.section(empty).items == ()


# The data.


def test_json_holds_everything_and_null_for_what_is_not_known():
    told = json.loads(verdicts.as_json(FOUND))

    def same(value, read):
        if isinstance(value, float) and isnan(value):
            assert read is None
        elif isinstance(value, msgspec.Struct):
            assert set(read) == set(value.__struct_fields__)
            for name in value.__struct_fields__:
                same(getattr(value, name), read[name])
        elif isinstance(value, tuple):
            assert len(value) == len(read)
            for one, other in zip(value, read, strict=True):
                same(one, other)
        else:
            assert value == read

    same(FOUND, told)
    assert set(told) == set(Judgement.__struct_fields__)


# The page.


def test_the_page_loads_nothing_runs_nothing_and_names_nothing_twice():
    page = verdicts_html.page(FOUND)
    assert "<script" not in page
    assert not re.search(r"<link|<img|<iframe|@import|url\((?!#)", page)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    for target in re.findall(r'(?:url\(#|href="#)([^)"]+)', page):
        assert target in names
    assert page.count("<svg") == 2 * sum(one.figure is not None for one in CLAIMS)


def test_words_of_a_claim_are_no_markup():
    odd = replace(BASE, says="a < b & *c* | d", post="<script>alert(1)</script>")
    found = judgement(claims=(odd,), other=())
    assert "<script>" not in verdicts_html.page(found)
    assert r"a \< b & \*c\* \| d" in verdicts.markdown(found)


# The pictures.


def drawn(judged, **how):
    found = {}
    for axes in verdict_figures.picture(judged, **how).axes:
        for artist in axes.findobj():
            found.setdefault(artist.get_gid(), []).append(artist)
    return found


def test_a_path_shows_claim_band_and_control():
    claim, control = BASE.figure.lines
    found = drawn(BASE)
    assert tuple(found["claim"][0].get_ydata()) == claim.y
    assert tuple(found["control"][0].get_ydata()) == control.y
    assert found["claim"][0].get_linestyle() != found["control"][0].get_linestyle()
    (band,) = found["claim-band"]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (min(claim.low), max(claim.high))
    assert "control-band" not in found


def test_a_dose_shows_its_means_and_the_fit():
    dose, fit = BY_ID["H4b"].figure.lines
    found = drawn(BY_ID["H4b"])
    assert tuple(found["claim"][0].get_ydata()) == dose.y
    assert tuple(found["reference"][0].get_ydata()) == fit.y


def test_bars_and_histogram_have_the_heights_of_the_figure():
    for name in ("H5", "H6"):
        line = BY_ID[name].figure.lines[0]
        assert tuple(bar.get_height() for bar in drawn(BY_ID[name])["claim"]) == line.y
    last = drawn(BY_ID["H6"])["claim"][-1]
    assert last.get_x() == BY_ID["H6"].figure.lines[0].x[-1]
    assert last.get_width() == pytest.approx(0.94 * 40e6)


def test_an_unknown_value_is_a_gap():
    line = replace(BASE.figure.lines[0], y=(nan, *BASE.figure.lines[0].y[1:]))
    holed = replace(BASE, figure=replace(BASE.figure, lines=(line,)))
    assert np.isnan(drawn(holed)["claim"][0].get_ydata()[0])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["H4a", "H4b", "H5", "H6"])
def test_pictures_say_claim_verdict_and_marks(name, theme):
    text = unescape(verdict_figures.svg(BY_ID[name], theme=theme))
    assert f"{name}: {BY_ID[name].figure.title}" in text
    assert verdict_words.told(BY_ID[name].verdict) in text
    assert verdict_words.sample(BY_ID[name]) in text
    for _, mark in BY_ID[name].figure.marks:
        assert mark in text
    assert text == unescape(verdict_figures.svg(BY_ID[name], theme=theme))


def test_a_claim_without_a_figure_says_why():
    with pytest.raises(UsageError, match="H10 has no figure: cannot be said"):
        verdict_figures.picture(BY_ID["H10"])


def test_a_picture_is_png_or_svg(tmp_path):
    with pytest.raises(UsageError, match="expected a file ending in"):
        verdict_figures.draw(BASE, tmp_path / "a.gif")
    assert (
        verdict_figures.draw(BASE, tmp_path / "a.svg").read_text().startswith("<?xml")
    )


# The files.


def test_files_are_whole_and_the_same_every_time(tmp_path):
    first = write_verdicts(FOUND, tmp_path / "a")
    again = write_verdicts(FOUND, tmp_path / "b")
    assert [path.name for path in first] == [
        "verdicts.md", "verdicts.html", "verdicts.json",
        "H4a.png", "H4b.png", "H5.png", "H6.png",
    ]  # fmt: skip
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    with Image.open(tmp_path / "a" / "H5.png") as picture:
        assert picture.size == (1440, 840)
    text = (tmp_path / "a" / "verdicts.md").read_text()
    for name in re.findall(r"\]\((\S+\.png)\)", text):
        assert (tmp_path / "a" / name).exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WashoutError, match="cannot be written"):
        write_verdicts(FOUND, tmp_path / "file")


# The section of a note.


def test_the_section_has_a_sentence_for_each_claim_grouped_by_verdict():
    section = verdict_section.section(FOUND)
    assert section.title == "What was claimed, what the record says"
    assert [item.tag for item in section.items] == [
        "supported", "not supported", "contradicted", "cannot be said", "cannot be said",
    ]  # fmt: skip
    told = {item.id: item.text for item in section.items}
    assert told["claim-H4a"].startswith(
        "H4a: +0.31 z, +77 bp (90 % between +0.12 and +0.50 z), 136 events in 84 time"
        " blocks, adjusted p 0.013; out of sample it was +0.18 z."
    )
    assert "0.20 z, lies above what the record allows" in told["claim-H4b"]
    assert told["claim-H5"].endswith("the opposite was found.")
    assert told["claim-H6"] == (
        "H6: too few events apart in time; what was seen is 55 % (90 % between 30 and"
        " 78 %), 20 events in 9 time blocks."
    )
    assert told["claim-H10"] == "H10: the record lacks spot trades."
    for part in ("binance:BTC", "31 specs", FOUND.ledger_head, "1h bars"):
        assert part in section.intro
