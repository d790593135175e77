"""Axes of the picture: money on the left, price and CLD on the right, round ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from washout.present import chart_words as words
from washout.present.chart_pens import LEFT, RIGHT, SMALL, TEXT, WIDTH
from washout.present.themes import Theme

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Series = NDArray[np.float64]


def right_axis(axes: Axes) -> Axes:
    """A second vertical axis, on the right, over the first."""
    over = axes.twinx()
    over.set_xlim(axes.get_xlim())
    for spine in over.spines.values():
        spine.set_visible(False)
    over.tick_params(axis="x", length=0)
    return over


def _money(value: float, _place: int | None = None) -> str:
    return "0" if value == 0 else words.usd(value).replace(".00", "").replace(".0", "")


def usd_axis(
    axes: Axes, look: Theme, side: str, text: str, *, inside: tuple[float, float],
    plain: bool = False, ink: str | None = None,
) -> None:  # fmt: skip
    """Ticks in USD between `inside`; `plain` leaves the sign away."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    low, high = inside
    wanted = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(low, high)
    axes.yaxis.set_major_locator(FixedLocator([v for v in wanted if low <= v <= high]))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, p: _money(abs(v) if plain else v, p))
    )
    axes.tick_params(
        axis="y", colors=ink or look.soft, labelsize=TEXT, length=3, which="both"
    )
    if side == "left":
        axes.grid(visible=True, axis="y", color=look.grid, linewidth=0.7)
    _name_axis(axes, text, ink or look.soft, side)


def price_axis(
    axes: Axes, look: Theme, closes: Series, log: bool, share: float
) -> None:
    """The price keeps above `share` of the height, with round ticks."""
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = float(np.nanmin(closes)), float(np.nanmax(closes))
    if log:
        reach = max(np.log(high / low), 1e-3)
        axes.set_ylim(
            low * np.exp(-reach * share / (0.96 - share)), high * np.exp(0.06 * reach)
        )
    else:
        reach = max(high - low, high * 1e-3)
        axes.set_ylim(low - reach * share / (0.96 - share), high + 0.06 * reach)
    axes.yaxis.set_major_locator(FixedLocator(round_prices(low, high, log)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _p: f"{v:,.10g}"))
    axes.tick_params(axis="y", colors=look.ink, labelsize=TEXT, length=3)
    _name_axis(axes, "Price, USD" + (" (log)" if log else ""), look.ink, "right")


def _name_axis(axes: Axes, text: str, ink: str, side: str) -> None:
    x = (19 - LEFT if side == "left" else WIDTH - 18 - LEFT) / (RIGHT - LEFT)
    axes.set_ylabel(text, color=ink, fontsize=SMALL)
    axes.yaxis.set_label_coords(x, 0.5)


def round_prices(low: float, high: float, log: bool) -> list[float]:
    """Four to seven round prices between `low` and `high`."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    if not log or high / low < 3:
        ticks = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [float(v) for v in ticks if low <= v <= high]
    steps = (1, 2, 5) if high / low > 30 else (1, 1.5, 2, 3, 4, 6, 8)
    found = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [s * 10.0**e for e in found for s in steps]
    return [v for v in ticks if low * 0.999 <= v <= high * 1.001]


def cld_axis(axes: Axes, look: Theme, cld: Series) -> None:
    """The CLD line's axis, always with its zero."""
    import numpy as np

    low = min(float(np.nanmin(cld)), 0.0)
    high = max(float(np.nanmax(cld)), 0.0)
    reach = max(high - low, 1.0)
    axes.set_ylim(low - 0.08 * reach, high + 0.12 * reach)
    usd_axis(
        axes,
        look,
        "right",
        "CLD",
        inside=(low - 0.08 * reach, high + 0.1 * reach),
        ink=look.cld,
    )
