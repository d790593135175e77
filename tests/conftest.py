"""What tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from washout import sample
from washout.store.ingest import add_unit
from washout.store.lake import Lake

NOW = 1_780_000_000_000_000
"""The wall clock of the tests: 2026-05-28."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["WASHOUT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the bundled sample; read only."""
    lake = Lake.create(tmp_path_factory.mktemp("sample") / "lake")
    with lake.writing() as scratch:
        add_unit(
            lake,
            scratch,
            sample.unit(),
            importer="sample",
            sha256=sample.sha256(),
            now=NOW,
        )
    return lake.path
