"""The words of the chart: what up and down mean, amounts, completeness, provenance.

The static and the interactive chart say the same because they both ask here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from washout._version import __version__
from washout.clock import format_day, format_width
from washout.errors import UnknownName
from washout.instruments import parse_scope
from washout.present.chart_data import Bar, ChartData, EruptionRule, Run, scaled_rows
from washout.present.waves import Wave
from washout.store import trust

if TYPE_CHECKING:
    from washout.exchanges import Break

Sign = Literal["flow", "cryptoquant"]
Bars = Literal["net", "gross"]

SIGNS: dict[str, int] = {"flow": 1, "cryptoquant": -1}
"""Factor from the stored net (short - long) to the drawn one."""


def factor(sign: str) -> int:
    """1 or -1; UnknownName for a preset that does not exist."""
    if sign not in SIGNS:
        raise UnknownName("sign preset", sign, SIGNS)
    return SIGNS[sign]


def check_bars(bars: str) -> None:
    """UnknownName unless `bars` is `net` or `gross`."""
    if bars not in ("net", "gross"):
        raise UnknownName("kind of bars", bars, ("net", "gross"))


def usd(amount: float, *, floor: bool = False, signed: bool = False) -> str:
    """An amount in three figures: $1.28B, −$45.4M, ≥ $286M.

    >>> usd(5736e6, floor=True)
    '≥ $5.74B'
    """
    size, suffix = abs(amount), ""
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= limit * 0.9995:
            size, suffix = size / limit, letter
            break
    digits = (2 if size < 9.995 else 1 if size < 99.95 else 0) if suffix else 0
    minus = "−" if amount < 0 else ("+" if signed and amount > 0 else "")
    return f"{'≥ ' if floor else ''}{minus}${size:.{digits}f}{suffix}"


def name_of(scope: str) -> str:
    """A scope as a title: `Binance BTC, all perpetuals`, `Binance BTC-USDT perpetual`."""
    parsed = parse_scope(scope)
    if parsed.exchange == "all":
        return f"{parsed.market or parsed.asset}, all recorded exchanges"
    venue = trust.exchanges().get(parsed.exchange)
    title = venue.title if venue else parsed.exchange
    if parsed.market:
        return f"{title} {parsed.market} perpetual"
    return f"{title} {parsed.asset}, all perpetuals"


def short_name(scope: str) -> str:
    """A scope in a word or two: `Binance BTC`."""
    return name_of(scope).removesuffix(" perpetual").partition(",")[0]


def title(data: ChartData) -> str:
    """What the picture is."""
    return f"{short_name(data.scope)}: net liquidations and price"


def subtitle(data: ChartData) -> str:
    """Scope, stretch, bar, window, anchor."""
    return (
        f"{name_of(data.scope)} · {format_day(data.start)} to {format_day(data.stop)}"
        f" UTC (end not included) · {format_width(data.bar)} bars · rolling window"
        f" {format_width(data.window)} · CLD anchor {format_day(data.anchor)}"
    )


def up_and_down(sign: str) -> tuple[str, str]:
    """What up and what down mean, in words."""
    longs, shorts = "longs closed (forced selling)", "shorts closed (forced buying)"
    return (shorts, longs) if factor(sign) > 0 else (longs, shorts)


def formula(sign: str) -> str:
    """The sign preset as a formula."""
    return formula_of(factor(sign))


def formula_of(turn: int) -> str:
    """The formula that goes with a factor of `SIGNS`."""
    return "net = short − long" if turn > 0 else "net = long − short"


def direction(sign: str) -> str:
    """The sign as the chart's legend says it."""
    up, down = up_and_down(sign)
    return f"{formula(sign)}: up = {up}, down = {down}"


def price_word(data: ChartData) -> str:
    """The price line."""
    return f"Price: {short_name(data.price_of or data.scope)} close, USD (right)"


def red_word(data: ChartData) -> str:
    """The deep red shading."""
    if data.waves.known:
        none = "" if data.waves.of("long") else " (none seen)"
        return f"Deep red: long wave{none}, onset to end, and longs closed in it"
    return (
        f"{format_width(data.window)} rolling net, more longs than shorts closed;"
        " label: long USD closed in the run"
    )


def pale_word(data: ChartData) -> str:
    """The rolling net below zero, where waves are the deep red."""
    return f"{format_width(data.window)} rolling net: longs lead"


def strip_word() -> str:
    """The marks of short waves."""
    return "Short wave"


def other_word(data: ChartData, *, brief: bool = False) -> str:
    """The other side of the rolling net; `brief` where it follows `pale_word`."""
    if data.waves.known:
        return "shorts lead" if brief else pale_word(data).replace("longs", "shorts")
    return f"{format_width(data.window)} rolling net, more shorts closed"


def wave_word(data: ChartData) -> str:
    """What waves are measured by and where they are unknown, or why there are none."""
    told = data.waves
    if not told.known:
        return f"No waves: {told.missing}; red is the rolling net below zero"
    text = "Waves: one side closed much faster than usual"
    if told.normalisers:
        text += f", in bp of {' or '.join(told.normalisers)}"
    if any(wave.open for wave in told.found):
        text += "; … still open at the end"
    if told.unknown:
        share = told.unknown / told.bars
        text += f"; unknown for {max(share, 0.01):.0%} of the bars (warm-up or gaps)"
    return text


def wave_closed(wave: Wave) -> str:
    """The longs closed in a wave; more may come where it is open."""
    return usd(wave.long_usd, floor=wave.floor) + ("…" if wave.open else "")


def wave_days(wave: Wave) -> str:
    """A wave in a line: side, days, both amounts."""
    return (
        f"{wave.side} wave {format_day(wave.start)} to {format_day(wave.end)}"
        f"{', still open' if wave.open else ''}: longs closed"
        f" {usd(wave.long_usd, floor=wave.floor)}, shorts"
        f" {usd(wave.short_usd, floor=wave.floor)}"
    )


def bars_word(data: ChartData, bars: str) -> str:
    """The green bars."""
    what = "|net|, either side" if bars == "net" else "gross, both sides"
    day = "Daily" if format_width(data.bar) == "1d" else f"{format_width(data.bar)}"
    return f"{day} CLD bar: {what}"


def cld_word(data: ChartData) -> str:
    """The CLD line, with its anchor."""
    return f"CLD: net summed from anchor {format_day(data.anchor)} (right)"


def eruption_word(data: ChartData) -> str:
    """How eruptions are chosen."""
    return f"▼ eruption: {data.rule.words} (past bars only)"


def at_least(data: ChartData) -> str:
    """Trust classes by share of the observed bars, and what floors mean here."""
    seen = [row.coverage for row in data.rows if not row.missing]
    shares = [
        name if len(data.trust) == 1 else f"{name} {seen.count(name) / len(seen):.0%}"
        for name in data.trust
    ]
    text = f"Trust class: {', '.join(shares) or 'none'}"
    return f"{text}; totals are floors, ≥ means at least" if data.floor else text


def untold(shaded: Sequence[Run | Wave]) -> str:
    """How many waves or runs have no label, and what they come to."""
    total = usd(sum(one.long_usd for one in shaded), floor=any(s.floor for s in shaded))
    noun = "long wave" if isinstance(shaded[0], Wave) else "red run"
    many = "s" * (len(shaded) > 1)
    return f"{len(shaded)} {noun}{many} without room for a label (longs {total})"


def cut_off(data: ChartData) -> str:
    """What the scales leave out, or nothing."""
    if len(scaled_rows(data)) == len(data.rows):
        return ""
    since = format_day(data.breaks[-1].at)
    return f"USD scales fit the bars since {since}; larger ones before are cut"


def no_cld(data: ChartData) -> str:
    """Why there is no CLD line."""
    return f"No CLD here: its anchor {format_day(data.anchor)} is later, or nothing was observed"


def break_word(one: Break) -> str:
    """A break in the meaning of the record."""
    return f"{format_day(one.at)}: {one.label}"


def no_rolling(data: ChartData) -> str:
    """Why there is no rolling net."""
    return f"no rolling net: under 98 % of {format_width(data.window)} observed"


def side_word(side: str, turn: int) -> str:
    """The bars of one side."""
    up = (side == "short") == (turn > 0)
    way = "up" if up else "down"
    if side == "short":
        return f"White peaks, {way}: short liquidations (forced buying)"
    return f"Red, {way}: long liquidations (forced selling)"


def peak(row: Bar, amount: float) -> str:
    """A bar's start and amount."""
    day = format_day(row.time).replace("T", " ").removesuffix(":00Z")
    return f"{day} {usd(amount, floor=row.floor or row.partial)}"


def completeness(data: ChartData) -> str:
    """Share observed, missing and partial bars."""
    share = min(data.observed_share, 1.0)
    text = f"{share:.1%}" if share in (0.0, 1.0) else f"{min(share, 0.9999):.2%}"
    return (
        f"Observed {text} of the time; of {len(data.rows):,} bars {data.missing:,}"
        f" missing (hatched, not zero), {data.partial:,} partial"
    )


def provenance(data: ChartData) -> str:
    """Sources and vintage."""
    parts = [f"Liquidations: {', '.join(data.sources) or 'none'}"]
    if data.price_sources:
        parts.append(f"price: {', '.join(data.price_sources)}")
    vintage = f"vintage {data.vintage}"
    if data.vintage_at:
        vintage += f" of {format_day(data.vintage_at)[:10]}"
    if isinstance(data.as_of, int):
        vintage += f", as of {format_day(data.as_of)}"
    return "; ".join([*parts, vintage])


def command(data: ChartData, sign: str, bars: str) -> str:
    """The command that draws the same again, with the version that drew it."""
    parts = [
        f"washout chart --scope {data.scope} --bar {format_width(data.bar)}",
        f"--from {format_day(data.start)} --to {format_day(data.stop)}",
        f"--window {format_width(data.window)} --anchor {format_day(data.anchor)}",
    ]
    if data.as_of is not None:
        known = data.as_of
        told = known if isinstance(known, str) else format_day(known)
        parts.append(f"--as-of {told}")
    if sign != "flow":
        parts.append(f"--sign {sign}")
    if data.rule.times != EruptionRule().times:
        parts.append(f"--eruption {data.rule.times:g}")
    if bars != "net":
        parts.append(f"--bars {bars}")
    return f"{' '.join(parts)}  ·  washout {__version__}"
