"""Colours of the pictures: a light and a dark theme, told apart without red and green.

Roles that meet in one panel differ in lightness as well as in hue, and each also has
its own shape (area, line, bar, marker, hatch), so colour never carries meaning alone.
Hues are near Okabe and Ito's palette for colour-blind readers.
"""

from __future__ import annotations

from msgspec import Struct

from washout.errors import UnknownName


class Theme(Struct, frozen=True, kw_only=True):
    """Colours by role, as #rrggbb."""

    name: str
    background: str
    panel: str
    peaks_panel: str
    """Behind the short peaks, so that white is seen on it."""
    ink: str
    soft: str
    """Secondary text."""
    grid: str
    price: str
    longs: str
    """The deep red: waves of long closures, and long liquidations."""
    pale: str
    """Rolling net below zero, where waves are the deep red."""
    longs_text: str
    other: str
    """Rolling net on the side of shorts."""
    shorts: str
    shorts_edge: str
    shorts_text: str
    bars: str
    eruption: str
    cld: str
    missing: str
    mark: str
    """Coverage breaks and the anchor."""


LIGHT = Theme(
    name="light", background="#ffffff", panel="#fafafa", peaks_panel="#66758c",
    ink="#16191d", soft="#525a63", grid="#e3e6ea", price="#000000",
    longs="#9b1420", pale="#ecb6b2", longs_text="#7c0d18", other="#b4bcc8",
    shorts="#ffffff", shorts_edge="#20262e", shorts_text="#ffffff", bars="#1fa37a", eruption="#04412f",
    cld="#3a4ed2", missing="#8a929b", mark="#6b4a00",
)  # fmt: skip

DARK = Theme(
    name="dark", background="#101418", panel="#161b21", peaks_panel="#232c38",
    ink="#eceff2", soft="#a9b2bc", grid="#2a323b", price="#f5f5f0",
    longs="#b3202c", pale="#75545b", longs_text="#ff9d96", other="#4a5563",
    shorts="#ffffff", shorts_edge="#ffffff", shorts_text="#ffffff", bars="#1d9a73", eruption="#b8ffe4",
    cld="#f0b429", missing="#79838e", mark="#e0c080",
)  # fmt: skip

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_named(name: str) -> Theme:
    """A theme by name; UnknownName with the ones there are."""
    if name not in THEMES:
        raise UnknownName("theme", name, THEMES)
    return THEMES[name]
