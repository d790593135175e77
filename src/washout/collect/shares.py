"""What one connection listens to: a line's topics, shared out over connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from urllib.parse import urlsplit, urlunsplit

import msgspec

from washout.exchanges import Instrument, Instruments, Line, Want


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Topics of one line for one connection, and what they carry, by want."""

    exchange: str
    line: Line
    topics: tuple[str, ...]
    carries: dict[str, tuple[str, ...]]
    instruments: Instruments
    twin: int = 0
    address: str = ""
    """Where to connect instead of the venue; its path counts only if it has one."""

    @property
    def name(self) -> str:
        """How logs and health call it."""
        twin = "'" if self.twin else ""
        return f"{self.exchange}.{self.line.name}{twin} ({_short(self.topics)})"

    def url(self) -> str:
        """The address to connect to."""
        return redirected(self.line.locate(self.topics), self.address)

    def without(self, refused: frozenset[str]) -> Share:
        """The same without topics that the venue refuses."""
        kept = tuple(topic for topic in self.topics if topic not in refused)
        symbols = dict.fromkeys(s for some in self.carries.values() for s in some)
        listed = [self.instruments[symbol] for symbol in symbols]
        carried = carried_by(self.line, kept, self.carries, listed)
        return msgspec.structs.replace(self, topics=kept, carries=carried)


def _short(topics: Sequence[str]) -> str:
    more = f" and {len(topics) - 1} more" if len(topics) > 1 else ""
    return f"{topics[0]}{more}" if topics else "nothing"


def redirected(url: str, address: str) -> str:
    """`url` at another host; an address with a path replaces the path too.

    >>> redirected("wss://venue.com/ws?streams=a", "ws://127.0.0.1:9000")
    'ws://127.0.0.1:9000/ws?streams=a'
    """
    if not address:
        return url
    there, here = urlsplit(url), urlsplit(address)
    path = here.path if here.path.strip("/") else there.path
    return urlunsplit((here.scheme, here.netloc, path, there.query, ""))


def shares(
    exchange: str,
    line: Line,
    wants: Sequence[Want],
    instruments: Sequence[Instrument],
    *,
    known: Mapping[str, Instrument] | None = None,
    twins: bool = False,
    address: str = "",
) -> list[Share]:
    """A line's topics in connections of at most `most_topics`, twice where twins.

    `instruments` are to be listened to, `known` all that frames may speak of.

    Topics of one want come one after another, so that what is quiet (liquidations)
    seldom shares a connection with what is busy (trades).
    """
    listed = tuple(one for one in instruments if line.carries(one))
    by_want = {want: line.topics(want, listed) for want in wants} if listed else {}
    asked = list(
        dict.fromkeys(topic for want in wants for topic in by_want.get(want, ()))
    )
    wanted: dict[str, tuple[str, ...]] = dict.fromkeys(by_want, ())
    return [
        Share(
            exchange=exchange, line=line, topics=part, twin=twin, address=address,
            carries=carried_by(line, part, wanted, listed),
            instruments=known or {one.symbol: one for one in listed},
        )
        for part in _parts(asked, line.most_topics)
        for twin in ((0, 1) if twins else (0,))
    ]  # fmt: skip


def _parts(topics: list[str], size: int) -> list[tuple[str, ...]]:
    """Parts of nearly equal size, as few as there can be."""
    count = -(-len(topics) // size) or 1
    cuts = [place * len(topics) // count for place in range(count + 1)]
    return [tuple(topics[a:b]) for a, b in pairwise(cuts) if b > a]


def carried_by(
    line: Line,
    topics: Sequence[str],
    wants: dict[str, tuple[str, ...]],
    instruments: Sequence[Instrument],
) -> dict[str, tuple[str, ...]]:
    """Per want the symbols that `topics` carry.

    A line that asks for all markets at once has one topic for any number of
    instruments, and it carries them all.
    """
    asked = set(topics)
    return {
        want: symbols
        for want in wants
        if (symbols := _symbols(line, want, asked, instruments))  # type: ignore[arg-type]
    }


def _symbols(
    line: Line, want: Want, asked: set[str], instruments: Sequence[Instrument]
) -> tuple[str, ...]:
    whole = set(line.topics(want, instruments))
    if len(whole) == 1 and whole <= asked:
        return tuple(one.symbol for one in instruments)
    return tuple(
        one.symbol
        for one in instruments
        if (alone := set(line.topics(want, [one]))) and alone <= asked
    )
