"""Judging claims for a note: all of them, on the note's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from washout.cli._options import now

if TYPE_CHECKING:
    from washout.present.run_manifest import Judging
    from washout.store.answer import Store
    from washout.study.judged import Judgement


def judge(store: Store, scope: str, **told: Any) -> Judgement:
    """Judge every claim on the whole record of a scope."""
    import getpass

    from washout.study.judging import judge_claims

    return judge_claims(store, scope=scope, now=now(), author=getpass.getuser(), **told)


def judge_again(store: Store, judging: Judging, as_of: str | None) -> Judgement:
    """Make the judgement of a manifest again."""
    from washout.clock import parse_bar, parse_time

    return judge(
        store, judging.scope, names=tuple(judging.specs), bar=parse_bar(judging.bar),
        begin=parse_time(judging.start), end=parse_time(judging.stop), as_of=as_of,
    )  # fmt: skip
