"""The claim lab where the truth is known, small and by seed; `make calibrate` is the whole.

Bounds are those that a test of 15 to 20 % size does not keep at these seeds. Beside them
stand tests that are broken on purpose: they must not keep them, or the bounds are idle.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import replications
from msgspec.structs import replace
from replications import HORIZONS, dips, on_grid, rebound, sampled, seen

import washout
from washout.clock import DAY, MINUTE
from washout.config import DEFAULT
from washout.study.judging import judge_claims
from washout.study.placebo import placebo
from washout.study.regression import dose, regress
from washout.testing.scoring import pooled
from washout.testing.simulate import SCOPE, simulated_lake, simulated_market

FEW = replace(DEFAULT, resamples=199, shifts=199)
SEEDS = range(6)


def asked(what, seed):
    """What each test says over both horizons, and tests that are broken on purpose."""
    settings = {"seed": seed, "config": FEW}
    events, falls, ahead = rebound(what), dips(what), rebound(what, look_ahead=True)
    for horizon in HORIZONS:
        sample, _ = sampled(what, events, horizon)
        yield "REG", regress(sample, **settings)
        yield "DOSE", dose(*sampled(what, falls, horizon), **settings)
        by_row = sampled(what, falls, horizon, block=MINUTE)
        yield "DOSE by row", dose(*by_row, **settings)
        if horizon == DAY:
            event = sample.time[sample.treated == 1.0]
            grid = on_grid(what, horizon)
            yield "PLA", placebo(grid, event, block=sample.block, **settings)
            yield "REG ahead", regress(sampled(what, ahead, horizon)[0], **settings)
            bare = replace(sample, covariates=np.empty((len(sample.time), 0)))
            yield "REG bare", regress(bare, **settings)


@pytest.fixture(scope="module")
def found():
    """(t, p) of every test by world and name."""
    told = defaultdict(list)
    for world in ("null0", "null_dip"):
        for seed in SEEDS:
            what = seen(simulated_market(world, seed=seed))
            for name, estimate in asked(what, seed):
                told[world, name].append((estimate.t, estimate.p))
    return {key: np.array(values) for key, values in told.items()}


def keeps_its_size(told):
    """At most two of sixteen reject, and t is spread around 0 as it should be."""
    t, p = told.T
    return (p < 0.05).sum() <= 2 and abs(t.mean()) < 1.0 and 0.5 < t.std() < 1.5


@pytest.mark.parametrize("world", ["null0", "null_dip"])
@pytest.mark.parametrize("test", ["REG", "DOSE"])
def test_nothing_is_found_where_nothing_is(found, world, test):
    assert len(found[world, test]) == 2 * len(SEEDS)
    assert keeps_its_size(found[world, test])


@pytest.mark.parametrize("world", ["null0", "null_dip"])
def test_rows_taken_as_independent_do_not_keep_their_size(found, world):
    assert not keeps_its_size(found[world, "DOSE by row"])


def test_controls_that_the_future_excludes_make_events_look_worse(found):
    assert found["null0", "REG ahead"][:, 0].mean() < -1.0
    assert not keeps_its_size(found["null0", "REG ahead"])


def test_without_like_dips_a_rebound_of_any_dip_is_found(found):
    rejected = found["null_dip", "PLA"][:, 1] < 0.05
    assert rejected.mean() > 0.3
    assert (found["null0", "PLA"][:, 1] < 0.05).sum() <= 1
    assert not keeps_its_size(found["null_dip", "REG bare"])
    assert keeps_its_size(found["null0", "REG bare"])


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_rebound_is_found_with_its_sign(seed):
    what = seen(simulated_market("p2", seed=seed, days=300))
    events, falls = rebound(what), dips(what)
    reg = regress(sampled(what, events, DAY)[0], seed=seed, config=FEW)
    by_dose = dose(*sampled(what, falls, DAY), seed=seed, config=FEW)
    for estimate in (reg, by_dose):
        assert estimate.p < 0.05
        assert estimate.effect > 0


def test_a_future_that_is_replaced_changes_no_event_and_no_control():
    whole = seen(simulated_market("p2", seed=0, days=60))
    short = seen(simulated_market("p2", seed=0, days=53))
    cut = len(short.known)
    for choose in (rebound, dips):
        one, other = choose(whole), choose(short)
        early = one.place < cut
        assert np.array_equal(one.place[early], other.place)
        assert np.array_equal(one.treated[early], other.treated)
        assert np.array_equal(one.shape[early], other.shape, equal_nan=True)
    ahead, near_end = (rebound(w, look_ahead=True).place for w in (whole, short))
    assert not np.array_equal(ahead[ahead < cut], near_end)


def test_planted_waves_are_found_and_few_others():
    flow = pooled([replications.waves(seed, days=120) for seed in SEEDS])
    assert (flow.size >= 50).sum() > 30
    assert flow.recall(50) >= 0.95
    assert flow.false_per_30_days() < 0.9
    assert flow.early_share < 0.08
    (middle,) = flow.quantiles("onset_error", (0.5,), at_least=50)
    assert abs(middle) <= 3
    noise = pooled([replications.waves(seed, days=120, noise=True) for seed in SEEDS])
    assert not len(noise.size)
    assert noise.false_per_30_days() < 1.5


def test_a_family_of_twelve_is_rarely_wrong():
    told = [replications.family(30, seed, config=FEW) for seed in range(100)]
    found = [
        (np.array(one[key]) < 0.05).any() for key in ("p", "adjusted") for one in told
    ]
    alone, together = np.array(found).reshape(2, -1).sum(axis=1)
    assert together <= 10
    assert alone >= 20


def verdicts(folder, world):
    simulated_lake(folder / "lake", world, seed=1, days=240, bar=5 * MINUTE)
    judged = judge_claims(
        washout.open(folder / "lake"), scope=SCOPE, names=["H4a", "H4b"],
        now=1_780_000_000_000_000,
    )  # fmt: skip
    return {one.id: one for one in judged.claims}


def test_a_planted_rebound_is_supported_by_the_whole_lab(tmp_path):
    for one in verdicts(tmp_path, "p2").values():
        assert one.effect > 0
        assert one.p_adjusted < 0.05
        assert one.out_of_sample > 0


def test_the_whole_lab_supports_nothing_where_nothing_is(tmp_path):
    for one in verdicts(tmp_path, "null0").values():
        assert one.verdict.word != "supported"
        assert one.n_events > 0
