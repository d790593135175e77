"""Is a violent decline an opportunity?"""

from __future__ import annotations

from washout.claims import Record, Rows, claim


@claim(
    id="H4a",
    says="Once a large wave of long closures is exhausted, price does better than after a like dip without one.",
    post="The more violent the decline, the greater the chance upwards.",
    test="regression", unit="z", horizon="24h", also=("1h", "4h", "72h", "7d"),
)  # fmt: skip
def rebound(record: Record, horizon: int) -> Rows:
    """Return after the first exhaustion of waves of at least 60 bp, against like dips."""
    waves = record.waves(record.red, record.study_size)
    return record.dips(
        waves["known_at"], lambda time: record.after(time, horizon), horizon
    )  # fmt: skip
