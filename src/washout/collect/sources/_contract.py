"""What a source is: which requests make up a wish, and how to judge an answer.

Nothing here opens a socket; `collect.fetch` does what the requests say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from washout.clock import DAY, WEEK, format_time, to_datetime
from washout.errors import UsageError
from washout.instruments import Scope


class Key(msgspec.Struct, frozen=True):
    """A key that a source asks for: the environment variable, and the header."""

    variable: str
    header: str
    prefix: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a source: `[start, stop)` in microseconds, of these scopes.

    `symbols` are the source's own names, for what no scope can say. `data` names kinds
    of archive file, `bar` the width of bars.
    """

    start: int
    stop: int
    scopes: tuple[Scope, ...] = ()
    symbols: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    bar: int | None = None
    spot: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One GET: `path` below the base URL, `file` below the folder of the source.

    `cost` is how many calls it counts for. A file that may be missing (404) has
    `otherwise`, requests to make in its stead, or none.
    """

    path: str
    file: str
    params: Mapping[str, str] = {}
    cost: int = 1
    otherwise: tuple[Request, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with an answer that came with HTTP 200.

    `again`: it may be better later. `nothing`: the source knows nothing of this.
    """

    says: str
    again: bool = False
    nothing: bool = False


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A server with history.

    Sources with a `judge` answer in JSON, kept in an envelope; the others have files
    with a `.CHECKSUM` beside them. `after` gives the request for the next page.
    """

    name: str
    title: str
    base_url: str
    plan: Callable[[Wanted], list[Request]]
    calls_per_minute: int | None = None
    key: Key | None = None
    judge: Callable[[Any], Verdict | None] | None = None
    after: Callable[[Request, Any], Request | None] = lambda _request, _answer: None

    @property
    def url_variable(self) -> str:
        """The environment variable that overrides the base URL."""
        return f"WASHOUT_{self.name.upper().replace('-', '_')}_URL"


def whole_bars(wanted: Wanted, bar: int) -> tuple[int, int]:
    """The stretch cut to whole bars."""
    offset = 4 * DAY if bar == WEEK else 0
    start, stop = (t - (t - offset) % bar for t in (wanted.start, wanted.stop))
    if start >= stop:
        raise UsageError(
            f"There is no whole bar between {format_time(wanted.start)} and"
            f" {format_time(wanted.stop)}. Give an earlier --from or a later --to."
        )
    return start, stop


def stretch_name(start: int, stop: int) -> str:
    """`2024-01-01_2024-02-01`, with hours where they are not midnight."""
    pattern = "%Y-%m-%d" if start % DAY == stop % DAY == 0 else "%Y-%m-%dT%H%M"
    return "_".join(to_datetime(t).strftime(pattern) for t in (start, stop))


def require_scopes(wanted: Wanted, example: str) -> tuple[Scope, ...]:
    """The scopes, each of one exchange and one asset."""
    vague = [s for s in wanted.scopes if s.exchange in ("all", "*") or s.asset == "*"]
    if vague or not wanted.scopes:
        found = f"{vague[0]} is too wide" if vague else "Nothing is asked for"
        raise UsageError(f"{found}: name what to fetch, such as --scope {example}.")
    return wanted.scopes
