"""The walks of ADDING.md work as written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "ADDING.md").read_text("utf-8")


@pytest.fixture
def walk(tmp_path: Path, sample_lake: Path):
    """Run a command as the reader of the page would, with its files in place."""
    for name, code in re.findall(
        r"```(?:python|json)\n(?:#|//) file: (\S+)\n(.*?)```", PAGE, re.DOTALL
    ):
        file = tmp_path / "plugins" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    environment = {
        **os.environ,
        "WASHOUT_PLUGINS": str(tmp_path / "plugins"),
        "WASHOUT_CACHE": str(tmp_path / "cache"),
        "WASHOUT_LAKE": str(sample_lake),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines()]


def test_a_new_view_is_listed_and_answers(walk):
    assert "short_pressure" in walk("washout list views")
    query = next(c for c in commands() if "query short_pressure" in c)
    rows = json.loads(walk(f"{query} --format json"))
    assert [row["bar"][:10] for row in rows] == [
        f"2025-10-{d:02}" for d in range(8, 14)
    ]
    assert all(0 < row["short_share"] < 1 for row in rows)


def test_a_new_fold_view_tells_when_and_for_which_side(walk):
    query = next(c for c in commands() if "query streak" in c)
    rows = json.loads(walk(f"{query} --format json"))
    assert rows
    for row in rows:
        assert list(row) == ["bar", "side", "since", "times_usual"]
        assert row["side"] in ("long", "short")
        assert row["since"] < row["bar"]
        assert row["times_usual"] > 3


def test_a_new_claim_is_shown_and_judged(walk):
    show, judge = (c for c in commands() if "fifty_million" in c)
    assert "Buy when the others are washed out." in walk(show)
    one = json.loads(walk(f"{judge} --json"))["claims"][0]
    assert one["id"] == "fifty_million"
    assert one["verdict"]["word"] in ("supported", "contradicted", "inconclusive")
    assert one["n_events"] > 20
    assert one["n_controls"] > 1000


def test_a_new_claim_is_less_than_thirty_lines():
    code = re.search(r"# file: claims/\S+\n(.*?)```", PAGE, re.DOTALL)
    assert len(code[1].splitlines()) < 30


def test_a_new_importer_brings_its_totals_into_the_lake(walk):
    mine = [c for c in commands() if "totals.txt" in c or "mirage:ETH" in c]
    for command in mine[:-1]:
        walk(command + (" --lake fresh" if "washout" in command else ""))
    rows = json.loads(walk(f"{mine[-1]} --lake fresh --format json"))
    assert [(r["long_usd"], r["short_usd"]) for r in rows] == [(1000, 2000), (10, 0)]


def test_a_new_exchange_bounds_what_its_coverage_says(walk):
    assert "mirage" in walk("washout list exchanges")
    mine = [c for c in commands() if "totals.txt" in c]
    for command in mine:
        walk(command + (" --lake fresh" if "washout" in command else ""))
    query = "washout query liquidations --scope mirage:ETH --lake fresh --format json"
    rows = json.loads(walk(query))
    assert [(r["coverage"], r["floor"]) for r in rows] == [
        ("aggregated", False),
        ("one_per_second", True),
    ]


@pytest.mark.parametrize("name", ["short_pressure", "streak"])
def test_the_laws_find_a_new_view(walk, name):
    assert_laws_hold(walk, name, "test_laws")


def test_the_laws_find_a_new_exchange_beside_those_that_exist(walk):
    assert_laws_hold(walk, "mirage", "test_exchange_laws")


def assert_laws_hold(walk, name, file):
    root = Path(__file__).parent.parent
    command = next(c for c in commands() if name in c and file in c)
    words = [
        str(root / w) if w.startswith("tests/") else w for w in shlex.split(command)
    ]
    printed = walk(
        shlex.join([*words, "-p", "no:cacheprovider", "--rootdir", str(root)])
    )
    assert re.search(r"[1-9]\d* passed", printed)
