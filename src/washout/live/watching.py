"""Who watches what: connections come and go, and feeds are told as seen or missed.

A symbol is seen while any connection sees it: open, acknowledged, its last sign of life
not older than the line allows (METHOD E5), and its stream not silent. An asset is watched
as a whole while all of its listed instruments are; where not all were asked for, or one
was refused, its markets are told one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from washout.clock import MINUTE
from washout.events import Coverage, Gap
from washout.exchanges import Exchange, Fact, Instrument
from washout.live.connections import Carried, Connection, Lags, lost_since
from washout.live.feeds import (
    SHAPES,
    SINGLE_TRADES,
    Feed,
    Name,
    coverage_row,
    fact_at,
    gap_kinds,
    gap_row,
)  # fmt: skip
from washout.live.stretches import NEVER, Stretch, second_after, without

REMEMBERED = 10 * MINUTE
"""Ended connections matter as long as another may turn out to have been dead."""

Watched = tuple[str, str, str]
"""Exchange, want, symbol."""

Stream = tuple[str, str, str, str]
"""Exchange, line, want and asset; all assets of the line if that is empty."""


class Watch:
    """Connections and feeds. `coverage` and `gaps` collect rows until `taken`."""

    def __init__(
        self, exchanges: Mapping[str, Exchange], *, reach: int, keep_trades: bool
    ) -> None:
        self.exchanges, self.reach = exchanges, reach
        self.instruments: dict[str, dict[str, Instrument]] = {
            name: {one.symbol: one for one in exchange.listed}
            for name, exchange in exchanges.items()
        }
        self.connections: dict[int, Connection] = {}
        self.feeds: dict[Name, Feed] = {}
        self.silent: set[Stream] = set()
        self.muted: set[Stream] = set()
        """Of these those that are silent because their whole line is mute."""
        self.refused: dict[Watched, str] = {}
        self.lags = Lags(reach)
        self.holes: list[Connection] = []
        """Connections by whose loss a feed lost sight, since last taken."""
        self.known: dict[Name, int] = {}
        """Up to where a lake's coverage of feeds goes that were not yet met here."""
        self._asked: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._carriers: dict[Watched, list[Connection]] = defaultdict(list)
        self._past: dict[Watched, list[Stretch]] = defaultdict(list)
        self._feeds_of: dict[Watched, list[Feed]] = defaultdict(list)
        self._extra = (SINGLE_TRADES,) if keep_trades else ()
        self._coverage: list[tuple[Feed, Stretch]] = []
        self._gaps: list[tuple[Feed, Stretch, str]] = []

    # Connections

    def open(self, connection: Connection, now: int) -> None:
        """A connection was made; it sees what needs no acknowledgement."""
        self.connections[connection.number] = connection
        for want, symbol in connection.needs:
            self._asked[connection.exchange, want].add(symbol)
            self._carriers[connection.exchange, want, symbol].append(connection)
        for want in connection.wants:
            self.replan(connection.exchange, want, now)
        self.settle(connection, connection.needs, now)

    def close(self, connection: Connection, since: int, reason: str, now: int) -> None:
        """A connection ended; it saw nothing from `since` on."""
        connection.alive = False
        self._lose(connection, list(connection.watching), since, reason, now)
        for want, symbol in connection.needs:
            self._carriers[connection.exchange, want, symbol].remove(connection)
        del self.connections[connection.number]

    def close_all(self, now: int, *, orderly: bool) -> None:
        """The recorder ended, and all connections with it.

        After a crash nobody knows whether a quiet connection was still alive: what it saw
        ends with its last sign of life.
        """
        for connection in list(self.connections.values()):
            since = lost_since(
                connection, "stopped" if orderly else "", now, self.lags.of(connection)
            )
            self.close(connection, since, "recorder down", now)

    def begin(self) -> None:
        """A new run: what it watches is what it asks for."""
        self._asked.clear()
        self.refused.clear()

    def settle(
        self, connection: Connection, carried: Iterable[Carried], now: int,
        *, since: int | None = None, reason: str = "",
    ) -> None:  # fmt: skip
        """What a connection sees may have changed; a loss dates from `since`."""
        lost: list[Carried] = []
        for one in carried:
            sees = connection.sees(one)
            connection.subscribed(one, now, sees=sees)
            sees = sees and not self._silenced(connection, one)
            if sees and one not in connection.watching:
                connection.watching[one] = now
                self._gained((connection.exchange, *one), now)
            elif not sees and one in connection.watching:
                lost.append(one)
        self._lose(connection, lost, now if since is None else since, reason, now)

    def refuse(self, connection: Connection, topics: Sequence[str], now: int) -> None:
        """Topics were refused: what needs them cannot be seen."""
        hit = [one for one, needed in connection.needs.items() if needed & set(topics)]
        for want, symbol in hit:
            says = connection.refused.get(next(iter(topics)), "refused")
            self.refused[connection.exchange, want, symbol] = says
        self.settle(connection, hit, now, reason="refused")
        for want in sorted({want for want, _ in hit}):
            self.replan(connection.exchange, want, now)

    def accept(self, connection: Connection, topics: Sequence[str], now: int) -> None:
        """Topics were acknowledged."""
        hit = [one for one, needed in connection.needs.items() if needed & set(topics)]
        again = [
            one for one in hit
            if self.refused.pop((connection.exchange, *one), None) is not None
        ]  # fmt: skip
        for want in sorted({want for want, _ in again}):
            self.replan(connection.exchange, want, now)
        self.settle(connection, hit, now)

    def blink(self, connection: Connection, now: int) -> None:
        """A frame was not understood: around it the connection saw nothing.

        A twin delivers the same within `reach`, understood or not.
        """
        begin, end = now - self.reach, now + self.reach
        for one in list(connection.watching):
            watched = (connection.exchange, *one)
            since = connection.watching[one]
            self._remember(watched, (since, begin), now)
            connection.watching[one] = max(since, end)
            pieces = without((max(begin, since), end), self._seen(watched))
            for feed in self._feeds_of[watched]:
                for piece in pieces:
                    self._tell(feed, [], feed.miss(piece, 0), "unexplained frame")

    def blank(self, hole: Stretch, now: int) -> None:
        """Nobody knows what any connection saw in a stretch that is over."""
        cut = []
        for connection in self.connections.values():
            for one, since in list(connection.watching.items()):
                watched = (connection.exchange, *one)
                self._remember(watched, (since, hole[0]), now)
                connection.watching[one] = max(since, hole[1])
                cut.append((watched, (max(since, hole[0]), hole[1])))
        for watched, stretch in cut:
            for piece in without(stretch, self._seen(watched)):
                for feed in self._feeds_of[watched]:
                    told = feed.miss(piece, self.reach)
                    self._tell(feed, [], told, "journal damaged")

    def hush(self, stream: Stream, since: int, now: int) -> None:
        """A stream is silent since `since`: no connection saw anything in that time."""
        self.silent.add(stream)
        for connection, mine in self._of_stream(stream):
            for one in mine:
                watched = (connection.exchange, *one)
                self._past[watched] = [
                    (begin, min(end, since))
                    for begin, end in self._past.get(watched, [])
                    if begin < since
                ]
                if one in connection.watching:
                    connection.watching[one] = min(connection.watching[one], since)
            self.settle(connection, mine, now, since=since, reason="silent")

    def hush_again(self, stream: Stream, since: int, now: int) -> None:
        """A stream was silent before a restart: what the lake was told of it goes on."""
        for connection, mine in self._of_stream(stream):
            for one in mine:
                for feed in self._feeds_of[connection.exchange, *one]:
                    if feed.name in self.known:
                        feed.recall(self.known.pop(feed.name), "silent")
        self.hush(stream, since, now)

    def unhush(self, stream: Stream, now: int) -> None:
        """It speaks again."""
        self.silent.discard(stream)
        self.muted.discard(stream)
        for connection, mine in self._of_stream(stream):
            self.settle(connection, mine, now)

    def _of_stream(self, stream: Stream) -> list[tuple[Connection, list[Carried]]]:
        exchange, line, want, asset = stream
        return [
            (
                connection,
                [
                    one for one in connection.needs
                    if one[0] == want and asset in ("", self.asset(exchange, one[1]))
                ],
            )
            for connection in self.connections.values()
            if (connection.exchange, connection.line.name) == (exchange, line)
        ]  # fmt: skip

    def asset(self, exchange: str, symbol: str) -> str:
        """The asset of a symbol; empty if it is not listed."""
        found = self.instruments.get(exchange, {}).get(symbol)
        return found.asset if found else ""

    def _silenced(self, connection: Connection, carried: Carried) -> bool:
        if not self.silent:
            return False
        want, symbol = carried
        stream = connection.exchange, connection.line.name, want
        asset = self.asset(connection.exchange, symbol)
        return (*stream, "") in self.silent or (*stream, asset) in self.silent

    # Time

    def pass_second(self, now: int) -> Iterator[Connection]:
        """Connections that turn out to be dead at `now`."""
        for connection in list(self.connections.values()):
            if connection.alive and connection.stale(now):
                connection.alive = False
                self.settle(
                    connection, connection.needs, now,
                    since=connection.last - self.lags.of(connection),
                    reason="dead connection",
                )  # fmt: skip
                yield connection

    def revive(self, connection: Connection, now: int) -> None:
        """A connection that was taken for dead gave a sign of life."""
        connection.alive = True
        self.settle(connection, connection.needs, now)

    def pass_minute(self, time: int) -> None:
        """Tell what was seen up to the full minute; forget what is long over."""
        for _, feed in sorted(self.feeds.items()):
            if feed.symbols:
                self._tell(feed, feed.pass_time(time), [], "")
        for watched, stretches in list(self._past.items()):
            kept = [s for s in stretches if s[1] >= time - REMEMBERED]
            if kept:
                self._past[watched] = kept
            else:
                del self._past[watched]

    def tell_holes(self, time: int, *, but: str = "") -> None:
        """Tell holes that last, `but` those of a reason: at every full hour and the end."""
        for _, feed in sorted(self.feeds.items()):
            if feed.symbols and (not but or feed.reason != but):
                self._tell(feed, *feed.tell_hole(time), feed.reason)

    # Feeds

    def replan(self, exchange: str, want: str, now: int) -> None:
        """Which feeds are told, after what is listed, asked for or refused changed."""
        planned = self._planned(exchange, want)
        on_duty: dict[str, str] = {}
        for feed in list(self.feeds.values()):
            gone = _key(feed) == (exchange, want) and feed.name not in planned
            if gone and feed.symbols:
                if feed.begin is not None:
                    on_duty[feed.name.asset] = feed.reason or "not subscribed"
                self._dismiss(feed, now)
        for symbol in self.instruments[exchange].keys() | self._asked[exchange, want]:
            self._feeds_of.pop((exchange, want, symbol), None)
        for name, symbols in planned.items():
            feed = self.feeds.setdefault(name, Feed(name, self._shapes(want)))
            feed.symbols = symbols
            for symbol in symbols:
                self._feeds_of[exchange, want, symbol].append(feed)
            self._check(feed, now)
            if feed.begin is None and name.asset in on_duty:
                self._miss_from(feed, now, on_duty[name.asset])

    def _shapes(self, want: str) -> tuple[tuple[str, str, int], ...]:
        return SHAPES[want] + (self._extra if want == "trades" else ())

    def _planned(self, exchange: str, want: str) -> dict[Name, tuple[str, ...]]:
        asked, listed = self._asked[exchange, want], self.instruments[exchange]
        by_asset: dict[str, list[Instrument]] = defaultdict(list)
        for one in listed.values():
            by_asset[one.asset].append(one)
        planned: dict[Name, tuple[str, ...]] = {}
        for asset, instruments in sorted(by_asset.items()):
            symbols = tuple(sorted(one.symbol for one in instruments))
            refused = any((exchange, want, s) in self.refused for s in symbols)
            if want == "liquidations" and asked >= set(symbols) and not refused:
                planned[Name(exchange, want, asset, "")] = symbols
                continue
            for one in instruments:
                if one.symbol in asked:
                    planned[Name(exchange, want, asset, one.market)] = (one.symbol,)
        return planned

    def _dismiss(self, feed: Feed, now: int) -> None:
        """A feed that is no longer told; what never said anything is forgotten.

        Others take its place from the next full second on: up to there its hole is told.
        """
        if feed.begin is None or (feed.told == feed.begin and feed.hole is None):
            del self.feeds[feed.name]
            return
        refused = any((*_key(feed), s) in self.refused for s in feed.symbols)
        reason = "refused" if refused else "not asked for"
        self._tell(feed, *feed.lose(now, 0, reason), reason)
        self._tell(feed, *feed.tell_hole(second_after(now)), feed.reason)
        feed.symbols, feed.reason = (), reason

    def _check(self, feed: Feed, now: int) -> None:
        """Bring a feed's state in line with what is seen of its symbols."""
        if feed.begin is None and feed.name in self.known:
            feed.recall(self.known.pop(feed.name))
        if all(self._seen_now((*_key(feed), symbol)) for symbol in feed.symbols):
            self._tell(feed, *feed.gain(now), feed.reason)
        elif feed.watched:
            self._tell(feed, *feed.lose(now, 0, "not subscribed"), "not subscribed")
        elif feed.begin is None and any(
            (*_key(feed), symbol) in self.refused for symbol in feed.symbols
        ):
            self._miss_from(feed, now, "refused")

    def _miss_from(self, feed: Feed, now: int, reason: str) -> None:
        """A feed begins unseen."""
        feed.gain(now)
        feed.lose(now, 0, reason)

    def _gained(self, watched: Watched, now: int) -> None:
        for feed in self._feeds_of[watched]:
            if not feed.watched:
                self._check(feed, now)

    def _lose(
        self, connection: Connection, lost: Sequence[Carried], since: int, reason: str,
        now: int,
    ) -> None:  # fmt: skip
        hole = False
        for one in lost:
            watched = (connection.exchange, *one)
            begin = connection.watching.pop(one)
            self._remember(watched, (begin, since), now)
            pieces = without((max(begin, since), NEVER), self._seen(watched))
            for feed in self._feeds_of[watched]:
                hole |= bool(pieces)
                for piece in pieces:
                    self._hole(feed, piece, reason)
        if hole:
            self.holes.append(connection)

    def _hole(self, feed: Feed, piece: Stretch, reason: str) -> None:
        if piece[1] == NEVER:
            self._tell(feed, *feed.lose(piece[0], self.reach, reason), reason)
        else:
            self._tell(feed, [], feed.miss(piece, self.reach), reason)

    def _remember(self, watched: Watched, stretch: Stretch, now: int) -> None:
        if stretch[1] > stretch[0] and stretch[1] >= now - REMEMBERED:
            self._past[watched].append(stretch)

    def _seen(self, watched: Watched) -> list[Stretch]:
        open_ones = [
            (connection.watching[watched[1:]], NEVER)
            for connection in self._carriers[watched]
            if watched[1:] in connection.watching
        ]
        return open_ones + self._past.get(watched, [])

    def _seen_now(self, watched: Watched) -> bool:
        return any(
            watched[1:] in connection.watching for connection in self._carriers[watched]
        )

    # What is told

    def _tell(
        self, feed: Feed, told: Sequence[Stretch], gaps: Sequence[Stretch], reason: str
    ) -> None:
        self._coverage += [(feed, stretch) for stretch in told]
        self._gaps += [(feed, stretch, reason) for stretch in gaps]

    def taken(self, now: int) -> tuple[list[Coverage], list[Gap]]:
        """The rows since the last call."""
        if not (self._coverage or self._gaps):
            return [], []
        told = [
            coverage_row(feed.name, shape, stretch, self._fact(feed, stretch))
            for feed, stretch in self._coverage
            for shape in feed.shapes
        ]
        gaps = self._gap_rows(now)
        self._coverage, self._gaps = [], []
        return told, gaps

    def _fact(self, feed: Feed, stretch: Stretch) -> Fact | None:
        return fact_at(self.exchanges[feed.name.exchange], stretch[0])

    def _gap_rows(self, now: int) -> list[Gap]:
        """Gaps by feed, or one for all feeds where all missed the same."""
        alike: dict[tuple[str, str, Stretch, str], list[Feed]] = defaultdict(list)
        for feed, stretch, reason in self._gaps:
            key = (*_key(feed), stretch, reason)
            if feed not in alike[key]:
                alike[key].append(feed)
        rows = []
        for (exchange, want, stretch, reason), feeds in alike.items():
            every = sum(1 for f in self.feeds.values() if _key(f) == (exchange, want))
            names = [feed.name for feed in feeds]
            if len(feeds) == every > 1:
                names = [Name(exchange, want, "", "")]
            rows += [
                gap_row(name, kind, stretch, reason, now)
                for name in names
                for kind in gap_kinds(feeds[0])
            ]
        return rows


def _key(feed: Feed) -> tuple[str, str]:
    return feed.name.exchange, feed.name.want
