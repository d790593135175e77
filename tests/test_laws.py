"""The laws, on every view there is; and faults planted to see each law catch one."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import clickhouse_connect
import pytest

from washout.clock import DAY, HOUR, MINUTE, SECOND, WEEK, Width
from washout.lazy import ibis
from washout.store import graph
from washout.store.folding import compiled, folding
from washout.testing import laws, markets
from washout.views import fold, view
from washout.views._bars import best_feed, known_at, trailing
from washout.views.liquidations import _events

VIEWS = sorted(graph.all_views())


def enough(name, count):
    """Rows that must be compared; signals are few, and their tracks share the step."""
    return min(count, 2) if getattr(graph.find_view(name), "keep", "") else count


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return markets.generated_lake(tmp_path_factory.mktemp("market") / "lake", seed=7)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """The generated market of a seed; one lake for all views."""

    @cache
    def of(seed):
        path = tmp_path_factory.mktemp(f"market-{seed}") / "lake"
        return markets.generated_lake(path, seed)

    return of


@pytest.fixture(scope="module")
def client():
    session = clickhouse_connect.get_client(interface="chdb")
    yield session
    session.close()


@pytest.mark.parametrize("name", VIEWS)
def test_a_bar_computed_live_on_its_declared_tail_is_the_batch(lake, name):
    assert sum(laws.live_is_batch(lake, case) for case in laws.cases(name)) > enough(
        name, 5
    )


@pytest.mark.parametrize("name", VIEWS)
def test_the_future_changes_no_row_that_was_known(lake, name):
    cases = laws.cases(name, bars=(HOUR, WEEK))
    assert sum(laws.the_future_changes_nothing(lake, case) for case in cases) > enough(
        name, 100
    )


@pytest.mark.parametrize("name", VIEWS)
def test_clickhouse_gives_the_rows_of_duckdb(lake, client, name):
    cases = laws.cases(name, bars=(HOUR, WEEK))
    assert sum(laws.engines_agree(lake, case, client) for case in cases) > enough(
        name, 50
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", VIEWS)
def test_the_laws_hold_on_more_markets(market, client, name, seed):
    lake = market(seed)
    for case in laws.cases(name, bars=(5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY)):
        laws.live_is_batch(lake, case, seed=seed, samples=25)
        laws.the_future_changes_nothing(lake, case, seed=seed, cuts=6)
        laws.engines_agree(lake, case, client)


@view()
def planted_lead(liquidations, *, bar: Width):
    """Looks one bar ahead."""
    ahead = ibis.window(group_by="scope", order_by="bar")
    later = liquidations.gross_usd.lead(1).over(ahead)
    return liquidations.select("scope", "bar", "known_at", later_usd=later)


@view()
def planted_short_memory(liquidations, *, bar: Width):
    """Looks five bars back and declares none."""
    rows = liquidations
    total = rows.gross_usd.sum().over(trailing(bar, 6 * bar))
    return rows.select("scope", "bar", "known_at", total_usd=total)


@view(memory=lambda s: 5 * s["bar"], memories={"liquidations": 0})
def planted_near_that_is_far(liquidations, *, bar: Width):
    """Declares its memory, but not of what it remembers."""
    rows = liquidations
    total = rows.gross_usd.sum().over(trailing(bar, 6 * bar))
    return rows.select("scope", "bar", "known_at", total_usd=total)


@view()
def planted_late_rows(liquidation, coverage, gap, series, span, *, bar: Width):
    """Counts what came after the bar was published."""
    everything = liquidation.mutate(
        bar=liquidation.ts_event - liquidation.ts_event % bar
    )
    rows = best_feed(
        _events(everything), coverage, gap, series, span,
        kinds=["liquidation"], values=["long_usd"], bar=bar,
            version="final",
    )  # fmt: skip
    known = known_at(rows, bar, "asof")
    return rows.select("scope", "bar", known_at=known, long_usd=rows.long_usd)


@view(memory=lambda s: 5 * s["bar"])
def planted_interval_frame(liquidations, *, bar: Width):
    """A frame of an interval of time, which ClickHouse does not know."""
    rows = liquidations.mutate(at=(liquidations.bar // SECOND).as_timestamp("s"))
    over = ibis.range_window(
        preceding=ibis.interval(hours=5), following=0, group_by="scope", order_by="at"
    )
    total = rows.gross_usd.sum().over(over)
    return rows.select("scope", "bar", "known_at", total_usd=total)


@view()
def planted_sampling_quantile(liquidations, *, bar: Width):
    """An approximate quantile, which every engine approximates in its own way."""
    rows = liquidations
    usual = rows.group_by("scope").aggregate(
        usual_usd=rows.gross_usd.approx_quantile(0.9)
    )
    return rows.left_join(usual, "scope").select(
        "scope", "bar", "known_at", usual_usd=usual.usual_usd
    )


def _nothing_yet():
    return (0.0,)


@fold(
    over="planted_lead", columns=("later_usd",), outputs=("sum_usd",),
    start=_nothing_yet,
)  # fmt: skip
def planted_peek(state, row, settings):
    """A blameless step over rows that look ahead."""
    total = state[0] + (row[0] if row[0] == row[0] else 0.0)
    return (total,), (total,)


PLANTED = {
    v.name: v
    for v in (
        planted_peek, planted_lead, planted_short_memory, planted_late_rows,
        planted_near_that_is_far,
        planted_interval_frame, planted_sampling_quantile,
    )
}  # fmt: skip


@pytest.fixture
def planted(monkeypatch):
    known = graph.all_views() | PLANTED
    monkeypatch.setattr(graph, "all_views", lambda: known)


def hourly(name):
    return laws.Case(name, graph.settings(name, {"bar": Width(HOUR)}))


def test_a_lead_is_caught_by_the_second_law(lake, planted):
    with pytest.raises(laws.LawBroken, match=r"future changed a row .* later_usd"):
        laws.the_future_changes_nothing(lake, hourly("planted_lead"))


def test_an_under_declared_memory_is_caught_by_the_first_law(lake, planted):
    case = hourly("planted_short_memory")
    assert laws.the_future_changes_nothing(lake, case) > 0
    with pytest.raises(laws.LawBroken, match=r"live is not batch .* total_usd"):
        laws.live_is_batch(lake, case, samples=20)


def test_an_input_that_is_called_near_but_is_not_is_caught_by_the_first_law(
    lake, planted
):
    with pytest.raises(laws.LawBroken, match=r"live is not batch .* total_usd"):
        laws.live_is_batch(lake, hourly("planted_near_that_is_far"), samples=20)


def test_a_fold_over_rows_that_peek_is_caught_by_the_second_law(lake, planted):
    case = hourly("planted_peek")
    assert laws.live_is_batch(lake, case) > 0
    with pytest.raises(laws.LawBroken, match=r"future changed a row .* sum_usd"):
        laws.the_future_changes_nothing(lake, case)


def test_counting_late_rows_is_caught_by_the_second_law(lake, planted):
    with pytest.raises(laws.LawBroken, match=r"future changed a row .* long_usd"):
        laws.the_future_changes_nothing(lake, hourly("planted_late_rows"), cuts=40)


def test_a_word_that_clickhouse_lacks_is_caught_by_the_third_law(lake, client, planted):
    case = hourly("planted_interval_frame")
    laws.live_is_batch(lake, case)
    with pytest.raises(laws.LawBroken, match="ClickHouse refuses it"):
        laws.engines_agree(lake, case, client)


def test_a_word_with_two_meanings_is_caught_by_the_third_law(lake, client, planted):
    with pytest.raises(laws.LawBroken, match=r"ClickHouse is not DuckDB .* usual_usd"):
        laws.engines_agree(lake, hourly("planted_sampling_quantile"), client)


def test_a_generated_market_has_every_trouble(tmp_path):
    """Late, missing, twice, equal times and out of order: else the laws prove little."""
    tables = {}
    for kind, table in markets.generated(seed=7).tables():
        tables.setdefault(kind, []).append(table)
    assert set(tables) == set(markets.KINDS)
    stream = max(tables["liquidation"], key=lambda t: t.num_rows).to_pandas()
    assert (stream.ts_recv > stream.ts_event + HOUR).any()
    assert stream.duplicated().any()
    assert stream.drop_duplicates().ts_event.duplicated().any()
    assert not stream.ts_event.is_monotonic_increasing
    candles = tables["candle"][0].to_pandas()
    assert len(candles.ts_event.unique()) < markets.DAYS * DAY / HOUR


def test_a_step_means_the_same_compiled_and_as_python():
    intensity = graph.find_view("intensity")
    made = folding(intensity, graph.settings("intensity", {"bar": "1m"}))
    rows = ((1e6, 2e6), (0.0, 0.0), (float("nan"), 1.0), (5e7, 1e5), (1.0, 0.0))
    step, state, same = compiled(intensity.step), made.first, made.first
    for row in rows:
        state, shown = intensity.step(state, row, made.settings)
        same, again = step(same, row, made.settings)
        assert state == pytest.approx(same, rel=1e-12)
        assert shown == pytest.approx(again, rel=1e-12, nan_ok=True)


def test_a_fold_is_compiled_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("WASHOUT_CACHE", str(tmp_path))
    script = (
        "import numpy as np\n"
        "from washout.store import folding, graph\n"
        "view = graph.find_view('intensity')\n"
        "made = folding.folding(view, graph.settings('intensity', {'bar': '1h'}))\n"
        "made.run(made.first, np.ones((3, 2)))\n"
        "stats = folding._driver(view.step, len(view.columns)).stats\n"
        "print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [["0", "1"], ["1", "0"]]
