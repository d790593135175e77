"""washout chart."""

from __future__ import annotations

from pathlib import Path

import click

from washout.cli._options import instant, lake_option

ENDINGS = (".png", ".svg", ".html")


@click.command()
@click.option("--scope", required=True, help="binance:BTC, binance:BTC-USDT, all:BTC.")
@click.option("--bar", default="1d", show_default=True, help="1m to 1w.")
@click.option("--from", "start", help="First instant, UTC, inclusive.")
@click.option("--to", "stop", help="Last instant, UTC, exclusive.")
@click.option(
    "--as-of", help="The lake as it was known then: an instant, or vintage:N."
)
@click.option("--window", default="30d", show_default=True, help="Of the rolling net.")
@click.option(
    "--anchor", default="2024-01-01", show_default=True, help="Where CLD starts, UTC."
)
@click.option(
    "--sign", type=click.Choice(("flow", "cryptoquant")), default="flow",
    show_default=True, help="flow: net = short - long; cryptoquant: long - short.",
)  # fmt: skip
@click.option(
    "--theme", type=click.Choice(("light", "dark")), default="light", show_default=True
)
@click.option("--log/--linear", default=True, show_default=True, help="Price axis.")
@click.option(
    "--bars", type=click.Choice(("net", "gross")), default="net", show_default=True,
    help="Green bars: |net| or gross per bar.",
)  # fmt: skip
@click.option(
    "--eruption", type=click.FloatRange(min=1), default=5.0, show_default=True,
    help="Eruption bars: gross of at least this many times the recent median.",
)  # fmt: skip
@click.option(
    "--out", "-o", "path", type=click.Path(path_type=Path, dir_okay=False),
    default="cld.png", show_default=True, help="FILE.png, FILE.svg or FILE.html.",
)  # fmt: skip
@click.option(
    "--scale", type=click.Choice(("1", "2")), default="1", show_default=True,
    help="PNG of 1200x675 or 2400x1350 pixels.",
)  # fmt: skip
@lake_option
def command(
    scope: str,
    bar: str,
    start: str | None,
    stop: str | None,
    as_of: str | None,
    window: str,
    anchor: str,
    sign: str,
    theme: str,
    log: bool,
    bars: str,
    eruption: float,
    path: Path,
    scale: str,
    lake_path: Path,
) -> None:
    """Draw price, rolling net, short and long liquidations and CLD of one scope.

    \b
    washout chart --scope binance:BTC --from 2024-01-01 --out cld.png --scale 2
    washout chart --scope binance:BTC --sign cryptoquant --theme dark --out cld.svg
    washout chart --scope binance:BTC-USDT --bar 1h --window 7d --anchor 2024-06-19 --out cld.html

    The ending of --out says what is written: a picture (.png, .svg) or a page that can
    be zoomed and opens without a network (.html).
    """
    if path.suffix.lower() not in ENDINGS:
        raise click.UsageError(
            f"--out {path}: expected a file ending in {', '.join(ENDINGS)}."
        )
    from washout.errors import WashoutError
    from washout.present import chart, chart_data, interactive
    from washout.store.answer import open_lake

    data = chart_data.load(
        open_lake(lake_path), scope, bar=bar, start=instant(start), end=instant(stop),
        window=window, anchor=anchor, as_of=as_of,
        rule=chart_data.EruptionRule(times=eruption),
    )  # fmt: skip
    try:
        if path.suffix.lower() == ".html":
            page = interactive.page(data, theme=theme, sign=sign, log=log, bars=bars)
            path.write_text(page, encoding="utf-8")
        else:
            chart.draw(
                data, path, theme=theme, sign=sign, log=log, bars=bars,
                scale=float(scale),
            )  # fmt: skip
    except OSError as error:
        raise WashoutError(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path}")
