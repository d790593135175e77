"""The ledger: nothing in it can be changed without being found."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest

from washout.errors import LedgerError, UsageError, WashoutError
from washout.study.ledger import NOTHING_BEFORE, Ledger
from washout.study.spec import canonical, spec_hash

NOW = 1_780_000_000_000_000
SPECS = [{"id": f"H{number}", "alpha": "0.05"} for number in range(4)]
RESULT = {"effect": "0.31", "n": 40}


@pytest.fixture
def ledger(tmp_path):
    """Four specs, one of them judged: five lines."""
    made = Ledger(tmp_path / "ledger.jsonl")
    for number, spec in enumerate(SPECS):
        made.register(spec, time=NOW + number, author="ada")
    made.open_out_of_sample(
        spec_hash(SPECS[1]), time=NOW + 9, data_hash="d1", result=RESULT
    )
    return made


def lines(ledger):
    return ledger.path.read_bytes().splitlines(keepends=True)


def rewrite(ledger, changed):
    ledger.path.write_bytes(b"".join(changed))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"a": 0.05}, 'a is 0.05, a float; expected .* Write it as a string: "0.05"'),
        ({"a": {"b": [1, 2.5]}}, r"a\.b\[1\] is 2.5, a float"),
        ({"a": float("nan")}, "a is nan, a float"),
        ({"a": {1: 2}}, "a has the key 1; expected text"),
        ({"a": Decimal("0.5")}, r"a is Decimal\('0.5'\), a Decimal"),
        ({"a": b"x"}, "a is b'x', a bytes"),
        ({"a": "\ud800"}, "half a character"),
    ],
)
def test_what_has_no_one_form_is_refused(spec, says):
    with pytest.raises(UsageError, match=says):
        spec_hash(spec)


def test_order_of_keys_and_kind_of_list_do_not_matter():
    assert spec_hash({"b": (1, 2), "a": "é"}) == spec_hash({"a": "é", "b": [1, 2]})
    assert canonical({"b": [1, True, None], "a": "é"}).decode() == (
        '{"a":"é","b":[1,true,null]}'
    )


def test_a_spec_is_registered_once(ledger):
    before = ledger.path.read_bytes()
    again = ledger.register(SPECS[2], time=NOW + 50, author="bob")
    assert (again.seq, again.author, again.time) == (2, "ada", NOW + 2)
    assert ledger.path.read_bytes() == before


def test_every_spec_counts_also_a_withdrawn_one(ledger):
    assert ledger.m() == 4
    ledger.withdraw(
        spec_hash(SPECS[0]), time=NOW + 20, author="ada", reason="no spot trades"
    )
    assert ledger.m() == 4
    assert ledger.find(spec_hash(SPECS[0]), "withdrawn").body == {
        "reason": "no spot trades"
    }
    ledger.verify()


def test_reserved_data_is_opened_once(ledger):
    again = ledger.open_out_of_sample(
        spec_hash(SPECS[1]), time=NOW + 99, data_hash="d2", result={"effect": "9"}
    )
    assert again.body == {"data_hash": "d1", "result": RESULT}
    assert again.time == NOW + 9
    assert len(ledger.entries()) == 5


def test_reserved_data_is_not_opened_for_what_nobody_registered(ledger):
    with pytest.raises(UsageError, match="Register it first"):
        ledger.open_out_of_sample("0" * 64, time=NOW + 10, data_hash="", result=None)


def test_a_clock_that_goes_back_is_refused(ledger):
    with pytest.raises(UsageError, match="Set the clock"):
        ledger.register({"id": "H9"}, time=NOW, author="ada")
    assert ledger.register(SPECS[0], time=NOW - 5, author="ada").seq == 0


def test_an_untouched_ledger_verifies(ledger):
    head = ledger.verify()
    assert head == ledger.entries()[-1].hash
    assert ledger.verify(head) == head
    assert ledger.entries()[0].prev_hash == NOTHING_BEFORE


def test_no_file_is_an_empty_ledger(tmp_path):
    empty = Ledger(tmp_path / "none.jsonl")
    assert (empty.entries(), empty.m(), empty.verify()) == ((), 0, NOTHING_BEFORE)
    assert empty.find("x") is None


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "edit",
    [
        lambda line: line.replace(b'"time":17', b'"time":18'),
        lambda line: line.replace(b'"ada"', b'"eve"').replace(b'"d1"', b'"d9"'),
        lambda line: line.replace(b'":"', b'": "', 1),
        lambda line: line[:40] + line[41:],
    ],
    ids=["time", "text", "form", "byte"],
)
def test_an_edited_line_is_named(ledger, number, edit):
    changed = lines(ledger)
    changed[number] = edit(changed[number])
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match=rf"ledger\.jsonl, line {number + 1}: "):
        ledger.verify()


def test_an_edited_spec_is_found_also_where_its_line_is_hashed_anew(ledger):
    changed = lines(ledger)
    entry = json.loads(changed[1])
    entry["body"]["spec"]["alpha"] = "0.10"
    changed[1] = rehashed(entry)
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match="line 2: found spec_hash"):
        ledger.verify()
    entry["spec_hash"] = spec_hash(entry["body"]["spec"])
    changed[1] = rehashed(entry)
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match="line 3: found prev_hash"):
        ledger.verify()


def rehashed(entry):
    entry = {key: value for key, value in entry.items() if key != "hash"}
    entry["hash"] = hashlib.sha256(canonical(entry)).hexdigest()
    return canonical(entry) + b"\n"


@pytest.mark.parametrize("number", range(4))
def test_a_removed_line_is_named(ledger, number):
    changed = lines(ledger)
    del changed[number]
    rewrite(ledger, changed)
    with pytest.raises(
        LedgerError,
        match=f"line {number + 1}: found seq {number + 1}, expected {number}",
    ):
        ledger.verify()


def test_lines_that_changed_places_are_named(ledger):
    changed = lines(ledger)
    changed[2], changed[3] = changed[3], changed[2]
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match="line 3: found seq 3, expected 2"):
        ledger.verify()


def test_a_line_written_twice_is_named(ledger):
    changed = lines(ledger)
    rewrite(ledger, [*changed, changed[-1]])
    with pytest.raises(LedgerError, match="line 6: found seq 4, expected 5"):
        ledger.verify()


@pytest.mark.parametrize("kept", [1, 60, -1])
def test_a_line_that_ends_half_way_is_refused_and_not_repaired(ledger, kept):
    changed = lines(ledger)
    changed[-1] = changed[-1][:kept]
    rewrite(ledger, changed)
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match=r"line 5: .*without a line end.*was cut"):
        ledger.verify()
    with pytest.raises(LedgerError, match="line 5"):
        ledger.register({"id": "H9"}, time=NOW + 99, author="ada")
    assert ledger.path.read_bytes() == before


def test_lines_cut_off_at_the_end_are_found_by_a_head_kept_elsewhere(ledger):
    head = ledger.verify()
    rewrite(ledger, lines(ledger)[:-1])
    ledger.verify()
    with pytest.raises(LedgerError, match="none of its 4 lines has the hash"):
        ledger.verify(head)


def test_a_second_opening_added_by_hand_is_found(ledger):
    changed = lines(ledger)
    entry = {**json.loads(changed[4]), "seq": 5, "prev_hash": ledger.verify()}
    rewrite(ledger, [*changed, rehashed(entry)])
    with pytest.raises(LedgerError, match="line 6: found a second out_of_sample"):
        ledger.verify()


def test_an_opening_before_its_spec_is_found(ledger):
    entry = json.loads(lines(ledger)[4])
    entry |= {"seq": 0, "prev_hash": NOTHING_BEFORE}
    rewrite(ledger, [rehashed(entry)])
    with pytest.raises(LedgerError, match="line 1: .*expected its spec before it"):
        ledger.verify()


def test_a_float_added_by_hand_is_found(ledger):
    changed = lines(ledger)
    entry = json.loads(changed[4])
    entry["body"]["result"]["effect"] = 0.31
    changed[4] = json.dumps(entry).encode() + b"\n"
    rewrite(ledger, changed)
    with pytest.raises(LedgerError, match="line 5: .*0.31, a float"):
        ledger.verify()


def test_bytes_that_are_no_text_are_refused(ledger):
    rewrite(ledger, [b"\xff\xfe\n", *lines(ledger)])
    with pytest.raises(LedgerError, match="line 1: found .*expected an entry"):
        ledger.verify()


CRASH = """
import os, sys
from pathlib import Path
import washout.study.ledger as module
where = sys.argv[2]
def crash(*_, **__):
    os._exit(9)
setattr(module.os, where, crash)
module.Ledger(sys.argv[1]).register({"id": "H9"}, time=2 * 10**15, author="ada")
"""


@pytest.mark.parametrize(("where", "count"), [("fsync", 5), ("replace", 5)])
def test_a_crash_leaves_the_old_ledger(ledger, where, count):
    died = subprocess.run(
        [sys.executable, "-c", CRASH, ledger.path, where], check=False, env=os.environ
    )
    assert died.returncode == 9
    assert len(ledger.entries()) == count
    assert ledger.register({"id": "H9"}, time=NOW + 99, author="ada").seq == 5


MANY = """
import sys
from washout.study.ledger import Ledger
for number in range(10):
    Ledger(sys.argv[1]).register(
        {"id": f"{sys.argv[2]}-{number}"}, time=1_780_000_000_000_100, author="ada"
    )
"""


def test_writers_at_the_same_time_queue(ledger):
    writers = [
        subprocess.Popen([sys.executable, "-c", MANY, ledger.path, name])
        for name in "ab"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert ledger.m() == 24
    ledger.verify()


def test_a_folder_that_is_not_there_is_explained(tmp_path):
    with pytest.raises(LedgerError, match="cannot be written: No such file"):
        Ledger(tmp_path / "no" / "ledger.jsonl").register({}, time=NOW, author="ada")
    with pytest.raises(LedgerError, match="cannot be read: Is a directory"):
        Ledger(tmp_path).entries()


def test_the_error_is_one_of_washouts_with_its_own_exit_code():
    assert issubclass(LedgerError, WashoutError)
    assert LedgerError.exit_code == 7


def test_a_line_is_canonical_json_with_all_that_was_promised(ledger):
    entry = json.loads(lines(ledger)[0])
    assert set(entry) == {
        "seq", "kind", "spec_hash", "prev_hash", "hash", "time", "author", "body"
    }  # fmt: skip
    assert entry["body"]["spec"] == SPECS[0]
    assert lines(ledger)[0] == canonical(entry) + b"\n"
    assert msgspec.to_builtins(ledger.entries()[0]) == entry
