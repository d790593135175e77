"""What was probably closed where a feed shows one order a second."""

from __future__ import annotations

from washout.views import fold
from washout.views._censoring_state import COLUMNS, OUTPUTS, RULES, start
from washout.views._censoring_step import advance

estimated = fold(
    name="estimated",
    over="prints",
    columns=COLUMNS,
    outputs=OUTPUTS,
    start=start,
    keep="ends",
    words={"rule": RULES},
    limits="""`estimated_*` and the interval are the result of a model, never observed.
    `long_usd` and `short_usd` are what the venue showed: where it shows one order a
    second, the true totals are at least that.""",
    documentation="""Forced closures with what a throttled feed has hidden, and an interval of 90 %.

`long_usd`, `short_usd`, `gross_usd` are what was shown: a floor where `rule` is not `all`.
Beside them `estimated_*_usd`, and `*_low_usd` to `*_high_usd`, which holds the truth nine
times of ten if the model is right; it is never below what was shown. `hidden_share` = 1 -
shown / estimated. Never add or mix the two.

The model: forced orders of each side of a market come at random, at a rate that differs
from second to second (Gamma, `shape`: the smaller the more uneven) around a mean that is
fitted to each minute, or to ten minutes where a side has fewer than three prints; their
sizes are log-normal, one law for each side and market. Sizes and shape are fitted to 20
to 29 days before the UTC day and stay the same through it; below 50 minutes with a print
there is no answer. `rule` is what the feed shows of a second: the `largest` or the
`latest` order, by which of the two explains the days before better (`evidence`, the
difference of log likelihoods, at least 5); `undecided` gives the geometric mean of both
models, and an interval that holds both. Also `all` (every order is shown: nothing is
estimated), `warmup` (too little history), `untold` (nobody says what the feed shows); of
several in one bar the last of this list. An estimate by the latest order does not exist
where every second of a minute has a print: then it, or the upper end, is null.

`model_error` is the error of the model itself, as a standard deviation of the logarithm
of what comes from it. The estimate is of what the feed could have shown while it was
watched: `observed_s` seconds of the bar; a gap is not filled. Null where nobody watched.
A scope of several exchanges has no rows: ask for each. Method: E1, E2, E3.""",
)(advance)
