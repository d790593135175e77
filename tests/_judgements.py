"""A made-up judgement with every kind of verdict, unit and figure."""

from __future__ import annotations

from math import nan

from msgspec.structs import replace

from washout.clock import parse_time
from washout.study.judged import Figure, Judged, Judgement, Line, Secondary
from washout.study.verdict import Quarter, Verdict


def path_figure():
    hours = tuple(float(h) for h in range(0, 25, 2))
    mean = tuple(12.0 * h**0.5 - 4 for h in hours)
    control = tuple(9.0 * h**0.5 - 3 for h in hours)
    return Figure(
        kind="path", title="Price after the first exhaustion of a large long wave",
        x_label="hours after exhaustion", y_label="bp of price",
        lines=(
            Line(
                name="after waves", x=hours, y=mean,
                low=tuple(m - 4 - h for m, h in zip(mean, hours, strict=True)),
                high=tuple(m + 4 + h for m, h in zip(mean, hours, strict=True)),
            ),
            Line(name="after dips like it", x=hours, y=control, role="control"),
        ),
        marks=((12.0, "half of the horizon"),),
    )  # fmt: skip


def dose_figure():
    size, mean = (60.0, 110.0, 180.0, 320.0, 700.0), (0.1, 0.18, 0.05, 0.31, 0.24)
    return Figure(
        kind="dose", title="Do larger waves come before larger rises?",
        x_label="size of the wave, bp of open interest", y_label="z after 24 h",
        lines=(
            Line(
                name="mean of a fifth of the waves", x=size, y=mean,
                low=tuple(m - 0.2 for m in mean), high=tuple(m + 0.2 for m in mean),
            ),
            Line(name="fit", x=(60.0, 700.0), y=(0.11, 0.27), role="reference"),
        ),
    )  # fmt: skip


def bars_figure():
    return Figure(
        kind="bars", title="Closed per standard deviation of price against a side",
        x_label="", y_label="bp of open interest", groups=("longs, falls", "shorts, rises"),
        lines=(
            Line(name="this record", x=(0.0, 1.0), y=(8.1, 7.4), low=(7.2, 6.1), high=(9.0, 8.8)),
            Line(name="if they were equal", x=(0.0, 1.0), y=(7.75, 7.75), role="reference"),
        ),
    )  # fmt: skip


def histogram_figure():
    edges = tuple(40e6 * i for i in range(12))
    return Figure(
        kind="histogram", title="Longs closed in the twenty largest waves",
        x_label="USD", y_label="waves",
        lines=(Line(name="waves", x=edges, y=(1.0, 3, 5, 4, 2, 1, 0, 1, 1, 0, 1, 1)),),
        marks=((120e6, "120 M"), (360e6, "360 M")),
    )  # fmt: skip


BASE = Judged(
    id="H4a", says="After a violent fall that forced longs out, price rises more than after"
    " a fall like it that did not.",
    post="Violent falls are chances to rise.", verdict=Verdict("supported"),
    reading="flow", unit="z", effect=0.31, low=0.12, high=0.5, effect_bp=77.4, p=0.0012,
    p_adjusted=0.013, n_events=136, n_controls=940, clusters=84, overlap=0.91,
    smallest=0.2, mde=0.37, needed=99.0, unconditional=0.52, just_the_dip=0.21,
    quarters=(Quarter(0.4, 21), Quarter(0.22, 18), Quarter(-0.05, 24), Quarter(0.5, 21)),
    out_of_sample=0.18,
    secondary=(
        Secondary(what="4h", effect=0.11, low=-0.02, high=0.24, p=0.16, p_adjusted=0.2),
        Secondary(what="placebo", effect=0.3, low=0.1, high=0.5, p=0.01),
    ),
    facts={"waves_a_year": 68.2, "median_drawdown_bp": 241.0, "closed_usd": 5.736e9},
    test="regression", benchmark="like dips", horizon="24h", bar="1h", step="5m",
    normaliser="open interest", left_out=3, spec_hash="a1" * 32, seed=20240101,
    figure=path_figure(),
)  # fmt: skip

NONE = Quarter(nan, 0)

CLAIMS = (
    BASE,
    replace(
        BASE, id="H4b", says="Larger waves come before larger rises.",
        verdict=Verdict("contradicted", "no effect of interest"), effect=0.02, low=-0.1,
        high=0.14, effect_bp=5.1, p=0.8, p_adjusted=0.97, unconditional=0.03,
        just_the_dip=0.01, out_of_sample=-0.02, figure=dose_figure(), secondary=(), facts={},
        spec_hash="b2" * 32,
    ),
    replace(
        BASE, id="H5", says="Shorts were closed less for a rise than longs for a fall.",
        verdict=Verdict("contradicted", "the opposite effect"), unit="ratio", effect=-0.14,
        low=-0.3, high=-0.02, effect_bp=nan, p=0.004, p_adjusted=0.03, smallest=0.1,
        unconditional=nan, just_the_dip=nan, overlap=None, figure=bars_figure(),
        secondary=(), facts={}, spec_hash="c3" * 32,
    ),
    replace(
        BASE, id="H6", says="Waves of long closures come in 120 to 360 M USD.",
        verdict=Verdict("inconclusive", "n too small"), unit="share", effect=0.55,
        low=0.3, high=0.78, effect_bp=nan, p=nan, p_adjusted=nan, n_events=20, clusters=9,
        n_controls=0, overlap=None, smallest=0.5, mde=nan, needed=nan, unconditional=nan,
        just_the_dip=nan, quarters=(NONE,) * 4, out_of_sample=nan, secondary=(), facts={},
        figure=histogram_figure(), spec_hash="d4" * 32,
    ),
    replace(
        BASE, id="H10", says="Spot buying makes up for the closures.",
        verdict=Verdict("inconclusive", "missing: spot trades"), effect=nan, low=nan,
        high=nan, effect_bp=nan, p=nan, p_adjusted=nan, n_events=0, n_controls=0,
        clusters=0, overlap=None, mde=nan, needed=nan, unconditional=nan, just_the_dip=nan,
        quarters=(), out_of_sample=nan, secondary=(), facts={}, figure=None,
        spec_hash="e5" * 32,
    ),
)  # fmt: skip


def judgement(**other):
    """The claims above, of which H4a reads differently the other way round."""
    turned = [replace(one, reading="cryptoquant") for one in CLAIMS]
    turned[0] = replace(
        turned[0], verdict=Verdict("inconclusive", "unstable"), effect=0.05
    )
    found = Judgement(
        scope="binance:BTC", begin=parse_time("2024-01-01"), end=parse_time("2025-11-14"),
        reserved_from=parse_time("2025-05-27"), bar="1h", step="5m", coverage=0.983,
        claims=CLAIMS, other=tuple(turned), registered=31, ledger_head="f6" * 32,
        cfg_hash="0123456789ab", data_hash="d7" * 32, version="0.1.0",
    )  # fmt: skip
    return replace(found, **other)
