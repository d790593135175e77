"""The tables of a note: its main figures, waves, and the runs of the red area."""

from __future__ import annotations

from washout.present import wording as say
from washout.present.chart_words import factor, formula
from washout.present.findings import Findings, LongWave, RedRun
from washout.present.note import Table

LONGEST = 10
"""Runs that are listed; of more, those in which most longs were closed."""


def tables(found: Findings, sign: str) -> tuple[Table, ...]:
    """Main figures; waves and runs where there are any."""
    waves = (long_waves(found),) if found.waves.longs else ()
    runs = (red_runs(found),) if found.red.runs else ()
    return (main_figures(found, sign), *waves, *runs)


def main_figures(found: Findings, sign: str) -> Table:
    """The figures that a reader wants to copy."""
    sides, days, unit = found.sides, found.days, found.about.unit
    longs, shorts = days.largest_long, days.largest_short
    share = "-" if sides.short_share is None else f"{sides.short_share:.3f}"
    rows = [
        ("Longs closed", bounded(sides.long_usd, floor=sides.floor)),
        ("Shorts closed", bounded(sides.short_usd, floor=sides.floor)),
        ("Short share", share),
        (_net_name(found, sign), say.money(factor(sign) * sides.net_usd)),
    ]
    if longs.long_usd:
        name = f"Largest {unit} of longs, {say.instant(longs.time)}"
        rows.append((name, bounded(longs.long_usd, floor=longs.floor)))
    if shorts.short_usd:
        name = f"Largest {unit} of shorts, {say.instant(shorts.time)}"
        rows.append((name, bounded(shorts.short_usd, floor=shorts.floor)))
    if found.price is not None:
        rows.append(("Price, first to last", _price(found)))
    observed = say.percent(min(found.completeness.observed_share, 1))
    rows.append(("Observed", observed))
    return Table(caption="Main figures", columns=("Figure", "Value"), rows=tuple(rows))


def _net_name(found: Findings, sign: str) -> str:
    """The difference of two floors is no floor: it is only that of what is recorded."""
    what = "Net of what is recorded" if found.sides.floor else "Net"
    return f"{what} ({formula(sign).removeprefix('net = ')})"


def bounded(usd: float, *, floor: bool) -> str:
    """An amount in a table; floors with the sign for at least."""
    return f"≥ {say.money(usd)}" if floor and usd else say.money(usd)


def _price(found: Findings) -> str:
    told = found.price
    if told is None:
        return "-"
    first = say.price(told.first).removesuffix(" USD")
    return f"{first} to {say.price(told.last)} ({say.change(told.change)})"


def long_waves(found: Findings) -> Table:
    """Waves of long closures by time, the largest ones if there are many."""
    waves = found.waves.longs
    kept = sorted(waves, key=lambda wave: -wave.long_usd)[:LONGEST]
    caption = f"Waves of long closures ({found.about.bar} bars, onset to end)"
    if len(waves) > len(kept):
        caption += f": the {len(kept)} largest of {len(waves)}"
    return Table(
        caption=caption, words=2,
        columns=("From - to", "Length", "Longs closed", "Shorts closed"),
        rows=tuple(_wave(one) for one in sorted(kept, key=lambda wave: wave.start)),
    )  # fmt: skip


def _wave(wave: LongWave) -> tuple[str, ...]:
    length = say.duration((wave.stop - wave.start).total_seconds())
    return (
        say.stretch(wave.start, wave.stop).replace(" to ", " - "),
        length + (" (still open)" if wave.open else ""),
        bounded(wave.long_usd, floor=wave.floor),
        bounded(wave.short_usd, floor=wave.floor),
    )


def red_runs(found: Findings) -> Table:
    """Runs of the red area by time, the largest ones if there are many."""
    runs = found.red.runs
    kept = sorted(runs, key=lambda run: -run.long_usd)[:LONGEST]
    caption = f"Runs of the red area ({found.about.window} rolling net, longs lead)"
    if len(runs) > len(kept):
        caption += f": the {len(kept)} largest of {len(runs)}"
    return Table(
        caption=caption, words=2,
        columns=("From - to", "Length", "Longs closed", "Deepest", "On"),
        rows=tuple(_run(run) for run in sorted(kept, key=lambda run: run.start)),
    )  # fmt: skip


def _run(run: RedRun) -> tuple[str, ...]:
    length = say.duration((run.stop - run.start).total_seconds())
    cut = " (cut)" if run.begun or run.going_on else ""
    return (
        say.stretch(run.start, run.stop).replace(" to ", " - "), length + cut,
        bounded(run.long_usd, floor=run.floor), say.money(-run.trough_usd),
        say.instant(run.trough_at),
    )  # fmt: skip
