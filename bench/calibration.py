"""How often the tests of claims are wrong where the truth is known: sizes and power.

python bench/calibration.py [--reps 200] [--worlds null0,null_dip,...] [--jobs 1]
                            [--markdown bench/CALIBRATION.md]

Prints a table; `--reps 0` that of what was done before. Runs replications with seeds 0, 1, ... and appends each to bench/data/calibration.jsonl, so
that a run that was interrupted goes on where it stopped; what was measured by other code
or another config is not taken. Families of tests are cheap: they run five times as often.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import calibration_table
import replications

import washout
from washout.config import cfg_hash

DATA = Path(__file__).parent / "data" / "calibration.jsonl"
NOTES = "## Notes"
STUDIES = (
    "null0", "null_dip", "waves", "noise", "eruptions", "family15", "family30", "family60",
    "p1", "p05",
)  # fmt: skip
"""In the order in which they run: what decides comes first."""

_MEASURED = (
    "study/sample.py", "study/outcomes.py", "study/regression.py", "study/placebo.py",
    "study/matching.py", "study/overlap.py", "study/estimate.py", "study/signs.py",
    "study/families.py", "testing/_loops.py", "testing/worlds.py",
    "testing/simulated_market.py", "testing/simulated_waves.py", "testing/scoring.py",
    "views/_wave_reference.py", "views/_wave_state.py", "views/_wave_step.py",
    "views/waves.py", "views/_eruption_step.py", "views/_days.py", "views/_rings.py",
)  # fmt: skip
"""Sources that results depend on, beside those of a replication."""

Results = dict[str, dict[int, Any]]
"""By study and seed."""


def fingerprint() -> str:
    """Of the code that was measured, and of its config."""
    digest = hashlib.sha256(cfg_hash().encode())
    package = Path(washout.__file__).parent
    for path in (Path(replications.__file__), *(package / m for m in _MEASURED)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def stored(mark: str, path: Path = DATA) -> Results:
    """Replications of this code that were done before."""
    done: Results = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                one = json.loads(line)
            except json.JSONDecodeError:  # the last line of a run that was killed
                continue
            if one["code"] == mark:
                done.setdefault(one["study"], {})[one["seed"]] = one["found"]
    return done


def wanted(studies: list[str], reps: int) -> Iterator[tuple[str, int]]:
    """Studies and seeds in order; worlds with an effect take turns."""
    late = [study for study in studies if study in {"p1", "p05"}]
    for study in studies:
        if study not in late:
            times = 5 if study.startswith("family") else 1
            yield from ((study, seed) for seed in range(times * reps))
    yield from ((study, seed) for seed in range(reps) for study in late)


def run(studies: list[str], reps: int, jobs: int) -> None:
    """Do what is missing, and append it line by line."""
    mark = fingerprint()
    done = stored(mark)
    todo = [(s, n) for s, n in wanted(studies, reps) if n not in done.get(s, {})]
    DATA.parent.mkdir(exist_ok=True)
    with DATA.open("a", buffering=1) as file:
        if DATA.stat().st_size:
            file.write("\n")  # whatever the last run left unfinished ends here
        write = partial(print, file=file)
        for (study, seed), found in zip(todo, _each(todo, jobs), strict=True):
            told = {"code": mark, "study": study, "seed": seed, "found": found}
            write(json.dumps(told))


def _each(todo: list[tuple[str, int]], jobs: int) -> Iterator[Any]:
    if jobs == 1:
        yield from (replications.replicate(*one) for one in todo)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(replications.replicate, *zip(*todo, strict=True))


def notes(path: Path) -> str:
    """What people wrote under the tables, from `NOTES` on, stays."""
    _, heading, text = (path.read_text() if path.exists() else "").partition(NOTES)
    return heading + text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--worlds", default=",".join(STUDIES))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    run(asked.worlds.split(","), asked.reps, asked.jobs)
    text = calibration_table.markdown(stored(fingerprint()), shlex.join(sys.argv[1:]))
    print(text)
    if asked.markdown:
        asked.markdown.write_text(text + notes(asked.markdown))


if __name__ == "__main__":
    main()
