"""A writer may die at any instruction."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent / "crash_harness.py"


@pytest.mark.parametrize(
    "when", ["before", pytest.param("after", marks=pytest.mark.slow)]
)
def test_a_writer_killed_at_any_call_leaves_the_old_state_or_the_new(tmp_path, when):
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(tmp_path), when],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    seen = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(seen) > 30, "the harness met too few calls to mean anything"
    assert seen == sorted(seen, reverse=True), "once committed, always committed"
    assert set(seen) == {"old", "new"}
