"""`washout record` on the clock of a fake exchange, as a process of its own.

    python bench/_recorder.py BEGIN ANCHOR SPEED record binance:BTC --lake ...

BEGIN is market time in microseconds at ANCHOR (`monotonic_ns`); everything that the
recorder measures in seconds (pings, patience, pauses) goes SPEED times as fast.
"""

from __future__ import annotations

import sys
from time import monotonic_ns

import msgspec


def main() -> None:
    begin, anchor, speed = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    from washout import cli
    from washout.cli import record

    def clock() -> int:
        return begin + int((monotonic_ns() - anchor) / 1000 * speed)

    plain = record._record  # noqa: SLF001  The one door to its settings.

    def faster(settings, *rest):
        plain(msgspec.structs.replace(settings, rate=speed), *rest)

    record.now, record._record = clock, faster  # noqa: SLF001
    sys.argv[1:] = sys.argv[4:]
    cli.main()


if __name__ == "__main__":
    main()
