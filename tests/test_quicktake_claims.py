"""A quicktake with judged claims: what is added, and that it can be made again."""

from __future__ import annotations

import json

import pytest

from _judgements import judgement
from washout.errors import UsageError
from washout.present import quicktake, run_manifest, verdict_section
from washout.present.note import markdown
from washout.present.run_manifest import Question
from washout.store.answer import open_lake

ASKED = Question(scope="binance:BTC", start="2024-07-01", stop="2024-09-01")
WHEN = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def plain(sample_lake):
    return quicktake.make(open_lake(sample_lake), ASKED, lake="lake")


@pytest.fixture(scope="module")
def judged(sample_lake):
    return quicktake.make(
        open_lake(sample_lake), ASKED, lake="lake", judgement=judgement()
    )


def test_only_the_section_and_the_command_tell_the_two_apart(plain, judged):
    assert judged.note.sections[:-1] == plain.note.sections
    assert judged.note.sections[-1] == verdict_section.section(judgement())
    assert judged.note.command == f"{plain.note.command} --claims"
    assert judged.note.facts == plain.note.facts
    with_claims, without = (markdown(m.note, "cld.png") for m in (judged, plain))
    begin = with_claims.index("## What was claimed, what the record says")
    end = with_claims.index("## Where this comes from")
    rest = with_claims[:begin] + with_claims[end:]
    assert rest == without.replace(plain.note.command, judged.note.command)


def test_without_claims_the_manifest_has_no_trace_of_them(plain, sample_lake, tmp_path):
    outputs = {"quicktake.md": b"text"}
    quicktake.write(plain, outputs, tmp_path, lake=sample_lake, generated_at=WHEN)
    assert "claims" not in (tmp_path / "manifest.json").read_text()


def test_the_manifest_carries_what_makes_the_judgement_again(
    judged, sample_lake, tmp_path
):
    quicktake.write(judged, {}, tmp_path, lake=sample_lake, generated_at=WHEN)
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert told["question"]["claims"] is True
    claims = told["claims"]
    assert (claims["scope"], claims["bar"], claims["step"]) == (
        "binance:BTC",
        "1h",
        "5m",
    )
    assert (claims["from"], claims["to"]) == ("2024-01-01", "2025-11-14")
    assert claims["ledger_head"] == judgement().ledger_head
    assert claims["specs"] == {one.id: one.spec_hash for one in judgement().claims}
    read = run_manifest.read(tmp_path / "manifest.json")
    assert read.claims == run_manifest.judging(judgement())
    assert read.question == judged.question


def test_a_quicktake_with_claims_comes_out_again_byte_for_byte(
    judged, sample_lake, tmp_path
):
    outputs = quicktake.render(judged)
    quicktake.write(judged, outputs, tmp_path, lake=sample_lake, generated_at=WHEN)
    assert quicktake.up_to_date(judged, tmp_path)
    manifest = run_manifest.read(tmp_path / "manifest.json")
    asked = []

    def judge(_store, what):
        asked.append(what)
        return judgement()

    made, again, _ = quicktake.again(manifest, tmp_path, lake=sample_lake, judge=judge)
    assert again == outputs
    assert made.note == judged.note
    assert asked == [manifest.claims]
    assert (
        "What was claimed, what the record says" in outputs["quicktake.html"].decode()
    )
    with pytest.raises(UsageError, match="needs their judgement"):
        quicktake.again(manifest, tmp_path, lake=sample_lake)


def test_another_judgement_is_not_up_to_date(judged, plain, sample_lake, tmp_path):
    names = (*quicktake.PICTURES, quicktake.PAGE, quicktake.TEXT)
    outputs = dict.fromkeys(names, b"made up")
    quicktake.write(judged, outputs, tmp_path, lake=sample_lake, generated_at=WHEN)
    assert quicktake.up_to_date(judged, tmp_path)
    assert not quicktake.up_to_date(plain, tmp_path)
    other = quicktake.make(
        open_lake(sample_lake), ASKED, lake="lake", judgement=judgement(registered=32)
    )
    assert not quicktake.up_to_date(other, tmp_path)


def test_claims_judged_on_another_scope_are_refused(sample_lake):
    with pytest.raises(UsageError, match="judged on all:BTC"):
        quicktake.make(
            open_lake(sample_lake), ASKED, judgement=judgement(scope="all:BTC")
        )
