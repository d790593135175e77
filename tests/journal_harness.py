"""Appends numbered entries and says after each batch how far it is acknowledged.

Run by test_journal_failures.py: `python journal_harness.py FOLDER DURABILITY COUNT`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from _journals import frame
from washout.collect.journal import JournalWriter
from washout.errors import LakeError


def main():
    folder, durability, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    writer = JournalWriter(folder, durability=durability, segment_bytes=20_000)
    number = int(os.environ.get("FIRST", "0"))
    while number < count:
        size = 7 if durability == "sync" else 3_000  # enough to wake the thread
        batch = [frame(n) for n in range(number, min(number + size, count))]
        number += len(batch)
        try:
            acknowledged = writer.append(batch)
        except LakeError as error:
            print(error)
            continue
        if acknowledged:
            print(int(acknowledged[-1].payload[:8]), flush=True)
    writer.close()


if __name__ == "__main__":
    main()
