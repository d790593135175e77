"""The footer of a note: window, settings, sources, vintage, completeness, rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from washout._version import __version__
from washout.clock import to_datetime
from washout.config import cfg_hash
from washout.present import wording as say
from washout.present.chart_words import direction, name_of
from washout.present.findings import (
    COMMON,
    EVEN_HIGH,
    EVEN_LOW,
    FLAT,
    JUDGED_FROM,
    SCARCE,
    Findings,
)  # fmt: skip
from washout.present.run_manifest import Import
from washout.present.statements import HALF, LARGEST

TRUST = {
    "all": "every order is published",
    "one_per_second": "at most one order per symbol and second is published",
    "aggregated": "a vendor's sums",
    "open_orders_only": "only orders that are still open",
    "unknown": "how much is published is not known",
    "mixed": "exchanges of different coverage are added up",
}
"""Trust classes in words."""

SHOWN = 3
"""How many holes and vintages are named before the rest is counted."""

Facts = tuple[tuple[str, str], ...]


def facts(found: Findings, sign: str, imports: Sequence[Import], asked: int) -> Facts:
    """The footer, name and text.

    `imports` are those that the record was made of, oldest first, and `asked` the
    anchor that was asked for, in microseconds.
    """
    return (
        ("Scope", f"{name_of(found.about.scope)} ({found.about.scope})"),
        ("Window", _window(found)),
        ("Bars", f"{found.about.bar}; rolling window {found.about.window}"),
        ("CLD anchor", _anchor(found, asked)),
        ("Sign", direction(sign)),
        ("Sources", _sources(found)),
        ("Vintage", _vintages(imports)),
        ("Completeness", _completeness(found)),
        ("Trust", _trust(found)),
        *(("Break in meaning", _break(one)) for one in found.completeness.breaks),
        ("Rules of this note", _rules()),
        ("Made by", f"washout {__version__}, configuration {cfg_hash()}"),
    )


def _window(found: Findings) -> str:
    about = found.about
    text = say.stretch(about.start, about.stop)
    whole = about.start.time() == about.stop.time() == about.start.min.time()
    end = "last day included" if whole else "end not included"
    length = say.duration((about.stop - about.start) / timedelta(seconds=1))
    return f"{text} UTC, {end} ({length})"


def _anchor(found: Findings, asked: int) -> str:
    anchor = say.instant(found.net.anchor)
    if to_datetime(asked) == found.net.anchor:
        return anchor
    return f"{anchor}, where the record begins (asked for: {say.instant(to_datetime(asked))})"


def _sources(found: Findings) -> str:
    text = f"liquidations from {_by(found.completeness.sources)}"
    told = found.price
    if told is None:
        return text
    return f"{text}; price of {told.market} from {_by(told.source)}"


def _by(sources: Sequence[str]) -> str:
    """One source, or several of which each bar takes one; never their sum."""
    each = " (one of them for each bar)" if len(sources) > 1 else ""
    return f"{', '.join(sources)}{each}"


def _vintages(vintages: Sequence[Import]) -> str:
    newest = [_vintage(one) for one in reversed(vintages[-SHOWN:])]
    more = len(vintages) - len(newest)
    rest = (
        f"; and {say.count(more, 'older import')}, all in the manifest" if more else ""
    )
    return "; ".join(newest) + rest


def _vintage(one: Import) -> str:
    return (
        f"{one.vintage}: {one.unit}, imported {one.imported_at}, sha256"
        f" {one.sha256[:12]}"
    )


def _completeness(found: Findings) -> str:
    told = found.completeness
    text = f"{say.percent(min(told.observed_share, 1))} of the window observed"
    if told.missing or told.partial:
        text += (
            f"; of {told.bars:,} bars {told.missing:,} missing and {told.partial:,} partly"
            " observed"
        )
    if told.holes:
        longest = sorted(
            told.holes, key=lambda hole: (hole.start - hole.stop, hole.start)
        )
        named = [say.stretch(hole.start, hole.stop) for hole in longest[:SHOWN]]
        more = len(told.holes) - len(named)
        rest = f" and {say.count(more, 'more', 'more')}" if more else ""
        text += f"; nobody watched {', '.join(named)}{rest}"
    return text


def _trust(found: Findings) -> str:
    told = found.completeness
    if not told.trust:
        return "none"
    classes = [
        f"{name.replace('_', ' ')}: {TRUST.get(name, name)}" + (f" ({bars:,} bars)" if len(told.trust) > 1 else "")
        for name, bars in told.trust.items()
    ]  # fmt: skip
    text = "; ".join(classes)
    if told.floor_since is None:
        return text
    since = (
        "throughout" if told.floor_bars == told.bars - told.missing
        else f"from {say.instant(told.floor_since)} on"
    )  # fmt: skip
    return f"{text}; amounts are floors {since}"


def _break(one: tuple[object, str, str]) -> str:
    _, label, source = one
    return f"{label} ({source})"


def _rules() -> str:
    return (
        f"short share under {SCARCE:.3f} scarce, to {EVEN_LOW:.2f} fewer, to"
        f" {EVEN_HIGH:.2f} about equal, and mirrored for longs; price within"
        f" {say.percent(FLAT)} flat; amounts of at most {say.percent(COMMON)} of the days"
        f" are exceptions, and where waves are known amounts are judged by the {LARGEST}"
        f" largest, of which {say.percent(HALF)} must fit; statements are judged from {say.percent(JUDGED_FROM)} of the"
        " window observed on"
    )
