"""Every import is a vintage: the newest wins, and any older state can be asked for."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _lakes import NOW, START, add, contents, event, sizes, told, total, totals, unit
from washout.clock import DAY
from washout.errors import InputError, NoData, UsageError
from washout.store.answer import open_lake
from washout.store.lake import Lake
from washout.store.merge import CRUMBS


@pytest.fixture
def lake(tmp_path):
    return Lake.create(tmp_path / "lake")


days = st.integers(0, 5) | st.integers(364, 368)
amounts = st.tuples(st.integers(0, 3), st.integers(0, 3))
statements = st.lists(
    st.tuples(
        st.booleans(),
        st.dictionaries(
            st.tuples(st.sampled_from(["BTC", "ETH"]), days), amounts, min_size=1,
            max_size=6,
        ),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(statements)
def test_every_vintage_can_be_read_back_exactly(history):
    """Random imports, some of them whole restatements, against a dictionary."""
    folder = Path(tempfile.mkdtemp())
    lake, model, states = Lake.create(folder / "lake"), {}, [{}]
    for number, (whole, rows) in enumerate(history):
        before = dict(model)
        for asset in {a for a, _ in rows} if whole else ():
            mine = [d for a, d in rows if a == asset]
            gone = [
                (a, d) for a, d in model if a == asset and min(mine) <= d <= max(mine)
            ]
            for key in gone:
                del model[key]
        model |= rows
        facts = [total(d, *usd, asset=a) for (a, d), usd in rows.items()]
        receipt = add(
            lake,
            unit(f"u{number}", whole=whole, liquidation_total=facts),
            now=NOW + number,
        )
        assert receipt.unchanged == (model == before)
        assert receipt.added == len(rows.keys() - before.keys())
        assert receipt.removed == len(before.keys() - model.keys())
        assert receipt.changed == sum(
            before[k] != v for k, v in rows.items() if k in before
        )
        if not receipt.unchanged:
            states.append(dict(model))
    assert sizes(lake) == model
    for vintage, state in enumerate(states):
        assert sizes(lake, f"vintage:{vintage}") == state
    for vintage in lake.vintages():
        assert sizes(lake, vintage.imported_at) == states[vintage.id]
    shutil.rmtree(folder)


def test_a_restatement_wins_and_the_older_state_stays(lake):
    add(lake, totals("a", d0=(100, 1), d1=(200, 2)), now=NOW)
    receipt = add(lake, totals("b", d1=(250, 2), d2=(300, 3)), now=NOW + 10)
    assert (receipt.added, receipt.changed, receipt.removed) == (1, 1, 0)
    assert sizes(lake)["BTC", 1] == (250, 2)
    assert sizes(lake, NOW + 9) == {("BTC", 0): (100, 1), ("BTC", 1): (200, 2)}
    assert all((lake.path / part.path).exists() for part in lake.manifest().parts)


def test_views_answer_as_of_an_instant_and_as_of_a_vintage(lake):
    add(lake, totals("a", d0=(100, 0), d1=(200, 0)), now=NOW)
    add(lake, totals("b", d1=(900, 0), d2=(5, 0)), now=NOW + DAY)
    store = open_lake(lake.path)

    def longs(as_of=None):
        rows = store.view("liquidations", scope="binance:BTC", as_of=as_of).rows()
        return [row["long_usd"] for row in rows]

    assert longs() == [1.0, 9.0, 0.05]
    assert longs("2026-01-01") == longs("vintage:1") == [1.0, 2.0]
    with pytest.raises(NoData, match="holds nothing"):
        longs("2025-12-31")
    with pytest.raises(
        UsageError, match=r"vintage:9.*vintage:0 \(empty\) to vintage:2"
    ):
        longs("vintage:9")


def test_the_same_file_twice_changes_nothing_and_says_so(lake):
    first = add(lake, totals("a", d0=(1, 1)), fingerprint="A")
    before = lake.manifest()
    again = add(lake, totals("a", d0=(1, 1)), fingerprint="A")
    slowly = add(lake, totals("a", d0=(1, 1)))
    assert first.vintage == 1
    assert again.unchanged
    assert again.notes == ("vintage 1 is this very file",)
    assert slowly.unchanged
    assert lake.manifest() == before


def test_a_file_that_is_known_is_not_read_again(lake):
    add(lake, totals("a", d0=(1, 1)), fingerprint="A")
    known = totals("a", d0=(1, 1))
    known._read = None  # reading it would fail
    assert add(lake, known, fingerprint="A").unchanged


def test_a_file_that_was_overridden_wins_when_it_comes_again(lake):
    add(lake, totals("a", d0=(1, 1)), fingerprint="A")
    add(lake, totals("b", d0=(2, 2)), fingerprint="B")
    assert add(lake, totals("a", d0=(1, 1)), fingerprint="A").vintage == 3
    assert sizes(lake) == {("BTC", 0): (1, 1)}


def test_a_file_whose_coverage_was_retold_wins_when_it_comes_again(lake):
    def one(trust):
        row = told("liquidation_total", START, START + DAY, interval=DAY, trust=trust)
        return unit(trust, liquidation_total=[total(0, 1, 1)], coverage=[row])

    add(lake, one("aggregated"), fingerprint="A")
    add(lake, one("unknown"), fingerprint="B")
    assert add(lake, one("aggregated"), fingerprint="A").vintage == 3


def test_a_vintage_that_only_adds_leaves_the_fast_path_open(lake):
    add(lake, totals("a", d0=(1, 1)), fingerprint="A")
    add(lake, totals("b", d1=(2, 2)), fingerprint="B")
    known = totals("a", d0=(1, 1))
    known._read = None
    assert add(lake, known, fingerprint="A").unchanged


def test_vintages_keep_their_order_when_the_clock_steps_back(lake):
    add(lake, totals("a", d0=(1, 1)), now=NOW)
    add(lake, totals("b", d0=(2, 2)), now=NOW - DAY)
    assert [v.imported_at for v in lake.vintages()] == [NOW, NOW]
    assert sizes(lake, NOW - 1) == {}


def test_exact_duplicates_are_dropped_and_counted(lake):
    rows = [total(0, 1, 1), total(0, 1, 1), total(1, 1, 1), total(0, 1, 1)]
    receipt = add(lake, unit(liquidation_total=rows))
    assert (receipt.added, receipt.duplicates) == (2, 2)
    assert len(sizes(lake)) == 2


def test_conflicting_rows_are_refused_and_named(lake):
    rows = [total(0, 1, 1), total(1, 1, 1), total(1, 1, 2)]
    with pytest.raises(InputError, match="different values.*2024-01-02.*binance, BTC"):
        add(lake, unit("twice.csv", liquidation_total=rows))
    assert lake.manifest().newest == 0


def test_a_missing_value_where_there_must_be_one_is_refused(lake):
    with pytest.raises(InputError, match="long_usd of a liquidation_total is missing"):
        add(lake, unit(liquidation_total=[total(0, None, 1)]))


def test_a_whole_restatement_withdraws_days_that_it_no_longer_mentions(lake):
    """What is gone has partitions of its own, which nothing else touches."""

    def archive(*days):
        return unit(
            "archive", whole=True,
            liquidation=[event(START + d * DAY + 5, 100, id=str(d)) for d in days],
            coverage=[told("liquidation", START, START + 250 * DAY)],
        )  # fmt: skip

    add(lake, archive(0, 100, 200))
    other = event(START + 100 * DAY + 5, 7, source="another")
    add(lake, unit("other", liquidation=[other]))
    receipt = add(lake, archive(0, 1))
    assert (receipt.added, receipt.removed) == (1, 2)
    left = {(row[4] - START) // DAY: row[3] for row in contents(lake)["liquidation"]}
    assert left == {0: "vendor", 1: "vendor", 100: "another"}
    assert len(contents(lake, "vintage:1")["liquidation"]) == 3


def test_a_whole_restatement_withdraws_what_it_no_longer_says_was_watched(lake):
    first = totals("a", d0=(1, 1), d1=(1, 1), d2=(1, 1), d7=(1, 1))
    add(lake, first)
    add(lake, totals("b", whole=True, d0=(1, 1), d2=(1, 1)))
    rows = contents(lake)["coverage"]
    stretches = [((r[4] - START) // DAY, (r[9] - START) // DAY) for r in rows]
    assert sorted(stretches) == [(0, 1), (2, 3), (7, 8)]
    assert sizes(lake).keys() == {("BTC", 0), ("BTC", 2), ("BTC", 7)}


def test_units_that_cannot_contradict_each_other_are_not_copied(lake):
    for asset in ("BTC", "ETH", "SOL"):
        add(lake, unit(asset, liquidation_total=[total(0, 1, 1, asset=asset)]))
    parts = lake.manifest().parts
    assert len(parts) == 3
    assert not any(part.retired for part in parts)


def test_small_parts_do_not_pile_up(lake):
    count = 5 * CRUMBS
    for number in range(count):
        add(
            lake,
            unit(
                str(number), liquidation_total=[total(0, 1, number, asset=f"A{number}")]
            ),
        )
    state = lake.state()
    assert len(state.parts) <= 2 * CRUMBS
    assert len(sizes(lake)) == count
    copied = sum(part.rows for part in lake.manifest().parts)
    assert copied < 4 * count, "rows are rewritten a few times, not once per import"
    assert len(sizes(lake, "vintage:17")) == 17


def test_a_unit_of_more_partitions_than_open_files_is_imported(lake):
    rows = [event(START + (d % 150) * 31 * DAY, 1, id=str(d)) for d in range(450)]
    tables = [unit(liquidation=rows[i : i + 90]) for i in range(0, 450, 90)]
    one = unit(liquidation=rows)
    one._read = lambda _u: (t for u in tables for t in u.tables())
    assert add(lake, one).added == 450
    assert len(lake.state().parts) == 150
