"""`washout demo`: from nothing to chart, note and manifest, and not twice."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from washout import sample
from washout.cli import group
from washout.errors import LakeError
from washout.present import chart, run_manifest
from washout.store.answer import open_lake

FILES = ("cld.png", "cld.svg", "quicktake.html", "quicktake.md", "manifest.json")


def demo(folder: Path, *options: str):
    result = CliRunner().invoke(group, ["demo", "--out", str(folder), *options])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "washout-demo"
    return folder, demo(folder)


def test_it_leaves_a_lake_and_five_files(made):
    folder, _ = made
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "lake"])
    assert (folder / "cld.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (folder / "cld.svg").read_bytes()[:2000]
    assert open_lake(folder / "lake").lake.vintages()[0].sha256 == sample.sha256()


def test_it_covers_the_record_to_its_last_day(made):
    folder, output = made
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["question"]["from"] == "2024-01-01"
    assert manifest["question"]["to"] == "2025-11-14"
    assert "Binance BTC, 2024-01-01 to 2025-11-13" in output
    assert "2025-10-10" in (folder / "quicktake.md").read_text(encoding="utf-8")


def test_it_tells_the_main_figures_where_the_files_are_and_what_to_try(made):
    folder, output = made
    assert "Short share" in output
    assert "0.455" in output
    assert "Largest day of longs, 2025-10-10        ≥ 286 M USD" in output
    assert "contradicted  Short closures were scarce." in output
    for name in FILES:
        assert str(folder / name) in output
    assert f"washout query liquidations --scope binance:BTC --from 2025-10-08 --to 2025-10-13 --lake {folder}/lake" in output  # fmt: skip


def test_every_command_that_it_proposes_is_taken(made):
    _, output = made
    proposed = [
        line.split()[1:] for line in output.partition("Try next:")[2].splitlines()
    ]
    for line in filter(None, proposed):
        found = group.get_command(None, line[0])
        if isinstance(found, click.Group):
            found = found.get_command(None, line[1])
        if found is not None:
            taken = {name for option in found.params for name in option.opts}
            assert {word for word in line if word.startswith("--")} <= taken


def test_a_second_run_imports_and_draws_nothing(made, monkeypatch):
    folder, first = made
    before = {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }

    def never(*_args, **_options):
        raise AssertionError("it drew again")

    monkeypatch.setattr(chart, "draw", never)
    output = demo(folder)
    assert "was already in the lake" in output
    assert "were already up to date" in output
    assert "Imported the bundled record: " in first
    after = {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }
    written = {path.name for path in after if after[path] != before.get(path)}
    assert written <= {".lock"}


@pytest.mark.parametrize("harm", ["edited", "lost"])
def test_a_file_that_was_changed_or_lost_is_made_again(made, harm):
    folder, _ = made
    text = folder / "quicktake.md"
    if harm == "edited":
        text.write_text("edited")
    else:
        text.unlink()
    assert "Drew the chart" in demo(folder)
    manifest = run_manifest.read(folder / "manifest.json")
    assert run_manifest.sha256(text.read_bytes()) == manifest.outputs["quicktake.md"]


def test_sign_and_theme_are_taken_over(tmp_path):
    demo(tmp_path / "d", "--sign", "cryptoquant", "--theme", "dark")
    manifest = run_manifest.read(tmp_path / "d" / "manifest.json")
    assert (manifest.question.sign, manifest.question.theme) == ("cryptoquant", "dark")
    page = (tmp_path / "d" / "quicktake.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme" not in page[: page.index("<figure")]
    assert 'id="washout-chart-dark"' in page
    assert 'id="washout-chart-light"' not in page
    assert "net = long − short" in (tmp_path / "d" / "quicktake.md").read_text("utf-8")


def test_a_folder_that_is_no_lake_is_left_alone(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "precious.txt").write_text("mine")
    with pytest.raises(LakeError, match="not empty and no lake"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
