"""Waves as the chart shows them: which there were, how large, and why there are none.

They come from the views `waves` (those that closed inside the stretch) and `wave_track`
(the one that is still open at its end, and where nobody could tell). What closes after
the stretch is not known in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from washout.clock import Time
from washout.errors import NoData, UnknownName

if TYPE_CHECKING:
    from washout.store.answer import Store
    from washout.store.manifest import AsOf

Row = dict[str, Any]

KNOWN = ("idle", "active", "cooling")
"""Statuses in which the view can tell whether there is a wave."""
ENOUGH = 0.5
"""Share of the bars that must have an answer, or none is drawn: else a chart without
waves would look calm where nobody could tell."""


class Wave(Struct, frozen=True, kw_only=True):
    """A wave `[start, end)`, from its onset to the end of its last bar.

    `long_usd` and `short_usd` were closed in it, in dollars. `open`: it has not closed
    by the end of the stretch, and more may come. `floor` is read off the chart's bars.
    """

    side: Literal["long", "short"]
    start: int
    end: int
    long_usd: float
    short_usd: float
    open: bool = False
    floor: bool = False


class Waves(Struct, frozen=True, kw_only=True):
    """What the record says about waves in the stretch of a chart.

    `missing` says why there is no answer at all; `unknown` counts the bars without one,
    of both sides together as `bars` does. `normalisers` are what sizes were measured by.
    """

    found: tuple[Wave, ...] = ()
    missing: str = ""
    unknown: int = 0
    bars: int = 0
    normalisers: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the deep red shading can be that of waves."""
        return not self.missing

    def of(self, side: str) -> tuple[Wave, ...]:
        """Those of one side."""
        return tuple(wave for wave in self.found if wave.side == side)


NOT_ASKED = Waves(missing="nobody asked for them")


def ask(
    store: Store,
    scope: str,
    bar: str,
    *,
    start: int,
    stop: int,
    width: int,
    as_of: AsOf,
) -> Waves:
    """The waves that touch `[start, stop)`, as they were known at its end."""
    how: dict[str, Any] = {"scope": scope, "bar": bar, "as_of": as_of}
    try:
        closed = store.view("waves", start=Time(start), end=Time(stop), **how).raw()
        track = store.view("wave_track", start=Time(start), end=Time(stop), **how).raw()
    except (NoData, UnknownName) as error:
        return Waves(missing=f"{error}".rstrip("."))
    return of_rows(closed.to_pylist(), track.to_pylist(), start=start, width=width)


def of_rows(
    closed: Sequence[Row], track: Sequence[Row], *, start: int, width: int
) -> Waves:
    """Waves from rows of the views `waves` and `wave_track`."""
    unknown = sum(row["status"] not in KNOWN for row in track)
    if len(track) - unknown <= ENOUGH * len(track):
        return Waves(missing=_why(track), unknown=unknown, bars=len(track))
    ended = [_closed(row, width) for row in closed]
    found = [wave for wave in [*ended, *_open(track, width)] if wave.end > start]
    return Waves(
        found=tuple(sorted(found, key=lambda wave: (wave.start, wave.side))),
        unknown=unknown, bars=len(track),
        normalisers=tuple(sorted({row["normaliser"] for row in closed})),
    )  # fmt: skip


def _why(track: Sequence[Row]) -> str:
    """Why most bars of a track have no answer."""
    if not track:
        return "the record has no bar here"
    said = [row["status"] for row in track]
    if said.count("degraded") > said.count("warmup"):
        return "too little was observed, or nothing measures the size of the market"
    return "too little history to say what is usual (warm-up)"


def _closed(row: Row, width: int) -> Wave:
    """A row of `waves`; amounts up to its end, not to where it was known to be over."""
    return Wave(
        side=row["side"], start=int(row["onset"]), end=int(row["end"]) + width,
        long_usd=row["long_usd_end"], short_usd=row["short_usd_end"],
    )  # fmt: skip


def _open(track: Sequence[Row], width: int) -> Iterable[Wave]:
    """The wave of each side that is on in the last row of a track."""
    for side in ("long", "short"):
        rows = [row for row in track if row["side"] == side]
        if not rows or rows[-1]["status"] == "idle" or rows[-1]["onset"] is None:
            continue
        onset = rows[-1]["onset"]
        own = [row for row in rows if row["onset"] == onset]
        live = [row for row in own if row["status"] == "active"] or own
        yield Wave(
            side=side, start=int(onset), end=int(live[-1]["bar"]) + width, open=True,
            long_usd=live[-1]["long_usd"], short_usd=live[-1]["short_usd"],
        )  # fmt: skip
