"""The README is true: its Python runs, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from washout.cli import group

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_its_screen_of_python_runs(sample_lake, tmp_path, monkeypatch):
    (tmp_path / "washout-demo").mkdir()
    (tmp_path / "washout-demo" / "lake").symlink_to(sample_lake)
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(code[1], names)
    shown = {
        name: len(names[name]) for name in ("days", "cld", "hours", "flow", "older")
    }
    assert shown == {"days": 9, "cld": 683, "hours": 24, "flow": 12, "older": 1787}


def test_every_command_it_names_exists():
    named = set(
        re.findall(r"(?:^    (?:\$ )?|`)washout ([a-z]+)", README, re.MULTILINE)
    )
    known = set(group.list_commands(click.Context(group)))
    assert named >= {"import", "fetch", "list", "query", "quicktake", "doctor"}
    assert named <= known


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_page_and_picture_it_links_is_there(target):
    assert (ROOT / target).exists()
