"""Hyperliquid tells liquidations of single users only: whoever is named is watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from washout.errors import UsageError
from washout.exchanges.hyperliquid import hyperliquid, watching

USER = "0x5ef843ccf26810073ee689a954f6d05f5b48fccb"


def test_nothing_is_asked_for_unless_somebody_is_named():
    line = hyperliquid.line("public")
    assert line.topics("liquidations", hyperliquid.listed) == []
    assert [fact.floor for fact in hyperliquid.coverage] == [True]


def test_fills_of_named_users_are_asked_for_in_small_letters():
    line = watching([f" {USER.upper().replace('X', 'x')} "]).line("public")
    topics = line.topics("liquidations", hyperliquid.listed)
    assert topics == [f"userFills:{USER}"]
    assert line.topics("trades", hyperliquid.listed) == []
    assert [json.loads(one) for one in line.ask(topics)] == [
        {"method": "subscribe", "subscription": {"type": "userFills", "user": USER}}
    ]


def test_more_users_than_hyperliquid_allows_are_refused():
    users = [f"0x{number:040x}" for number in range(11)]
    assert len(watching(users[:10]).line("public").topics("liquidations", [1])) == 10
    with pytest.raises(UsageError, match="11 users .* it allows 10"):
        watching(users)


@pytest.mark.parametrize("word", ["", "0x5ef8", USER + "0", USER.replace("0x", ""), "vitalik.eth"])  # fmt: skip
def test_what_is_no_address_is_refused(word):
    with pytest.raises(UsageError, match="is no address: write 0x"):
        watching([word])


def test_a_file_of_ones_own_names_whom_to_watch(tmp_path):
    (tmp_path / "exchanges").mkdir()
    (tmp_path / "exchanges" / "watched.py").write_text(
        "from washout.exchanges.hyperliquid import watching\n"
        f"hyperliquid = watching(['{USER}'])\n"
    )
    program = (
        "from washout import plugins; from washout.exchanges import Exchange;"
        "one = plugins.found('exchanges', Exchange)['hyperliquid'];"
        "print(one.line('public').topics('liquidations', one.listed))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True, check=True,
        env={**os.environ, "WASHOUT_PLUGINS": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == f"['userFills:{USER}']"
