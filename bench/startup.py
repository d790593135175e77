"""What starting costs beyond the interpreter itself, and a warm query from the shell.

    python bench/startup.py [--runs 15]

Each command is run in turns with a bare `python -c pass`; the difference of every pair
is taken, and the median of those. Ibis is imported for comparison.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUN = "from washout.cli import main; main()"
LIMITS = {"washout --help": 0.150, "import washout": 0.300, "washout query (warm)": 0.7}


def seconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ, "WASHOUT_CACHE": folder, "WASHOUT_LAKE": f"{folder}/lake"
        }  # fmt: skip
        python = [sys.executable, "-c"]
        from washout import sample

        files = [str(path) for path in sample.files()]
        seconds([*python, RUN, "import", *files], environment)
        query = [*python, RUN, "query", "cld", "--scope", "binance:BTC", "--bar", "1d"]
        cold = seconds(query, environment)
        commands = {
            "washout --help": [*python, RUN, "--help"],
            "import washout": [*python, "import washout"],
            "washout query (warm)": query,
            "import ibis": [*python, "import ibis"],
        }
        print(
            f"{'median of ' + str(runs) + ' pairs':<24}{'beyond Python':>14}{'whole':>9}{'aim':>9}"
        )
        for name, command in commands.items():
            pairs = [
                (seconds([*python, "pass"], environment), seconds(command, environment))
                for _ in range(runs)
            ]
            beyond = statistics.median(b - a for a, b in pairs)
            whole = statistics.median(b for _, b in pairs)
            aim = f"{LIMITS[name] * 1000:>6.0f} ms" if name in LIMITS else ""
            print(f"{name:<24}{beyond * 1000:>11.0f} ms{whole * 1000:>6.0f} ms{aim}")
        print(f"{'washout query (cold)':<24}{'':>14}{cold * 1000:>6.0f} ms")


if __name__ == "__main__":
    main()
