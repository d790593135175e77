"""Entries of the journal become facts. The same for recording and for replay.

A deterministic state machine: it reads no clock and does no IO; time is that of the
entries. How entries are cut into calls of `take` makes no difference, so a day replayed
at once gives what was told while it was recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from washout.clock import HOUR, MINUTE, SECOND, format_time
from washout.collect.entries import Closed, Entry, Kind, Listed, Lost, Opened, Polled
from washout.exchanges import Exchange, Instrument, Said
from washout.live.arriving import Answer, Arrivals
from washout.live.connections import KINDS, Connection, lost_since, words
from washout.live.decoding import Piece, pieces
from washout.live.health import Health, Records
from washout.live.listening import listen, speak
from washout.live.noticing import Notice, Notices
from washout.live.recalling import Recalled
from washout.live.reporting import feeds
from washout.live.rows import Rows, by_kind, joined
from washout.live.settings import Settings
from washout.live.silence import Memory, Silence
from washout.live.stretches import second_after, second_before
from washout.live.watching import Watch

if TYPE_CHECKING:
    import pyarrow as pa


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a call of `take` gave: tables in the schemas of their kinds, and notices.

    `watermark` is the time of the last entry, microseconds.
    """

    tables: dict[str, pa.Table]
    notices: tuple[Notice, ...]
    watermark: int


class Pipeline:
    """Takes entries in order; holds what is needed to understand the next one."""

    def __init__(
        self, exchanges: Mapping[str, Exchange], settings: Settings | None = None
    ) -> None:
        self.exchanges = exchanges
        self.settings = settings or Settings()
        self.watch = Watch(
            exchanges, reach=self.settings.reach, keep_trades=self.settings.keep_trades
        )
        self.silence = Silence(self.settings.patience)
        self._records, self._notices = Records(), Notices()
        self._arrivals = Arrivals(
            exchanges,
            self.settings,
            self._records,
            self.silence,
            self._emit,
            self.watch.lags,
        )
        self._out: dict[str, list[Rows]] = {}
        self._now = self._due = self._started = self._unknown = 0
        self._resumed = self._restated = 0
        self._recalled: Recalled | None = None
        self._steps: dict[int, Callable[[Entry], None]] = {
            Kind.PONG: self._pong, Kind.LISTED: self._list,
            Kind.OPENED: self._open, Kind.CLOSED: self._close, Kind.LOST: self._lost,
            Kind.POLLED: self._polled, Kind.RESUMED: self._resume,
            Kind.STOPPED: self._stop,
        }  # fmt: skip

    def resume(
        self, watermark: int, recalled: Recalled | None = None,
        heard: Memory | None = None,
    ) -> None:  # fmt: skip
        """Take what comes before `watermark` only to warm up: it was told already.

        Entries at the watermark itself are told again: several may share an instant, of
        which not all were committed. The lake knows the facts that it has. `recalled` is
        what it was told before (`recalling.told_until`): what was not observed since then
        becomes a gap even where the journal does not reach back, and polls that repeat
        old values tell nothing again. `heard` is what `Silence.memory` was at or before
        the watermark.
        """
        if heard is not None:
            self.silence.recall(heard)
        self._resumed, self._recalled = watermark, recalled

    def take(self, entries: Sequence[Entry]) -> Facts:
        """Facts and notices that follow from the next entries."""
        import pyarrow as pa

        at = 0
        while at < len(entries):
            if entries[at].kind == Kind.FRAME:
                stop = self._run(entries, at)
                self._frames(entries[at:stop])
                at = stop
            else:
                self._step(entries[at])
                at += 1
        out, self._out = self._out, {}
        tables = {
            kind: pa.concat_tables([rows.table() for rows in joined(out[kind])])
            for kind in sorted(out)
        }
        return Facts(
            tables=tables, notices=self._notices.taken(), watermark=self._now
        )  # fmt: skip

    def health(self) -> Health:
        """How every feed is at the last entry."""
        return Health(
            ts=self._now, started=self._started, unknown=self._unknown,
            feeds=feeds(
                self.exchanges, self.watch, self.silence, self._records, self._now
            ),
        )  # fmt: skip

    # Entries

    def _run(self, entries: Sequence[Entry], at: int) -> int:
        """Where the frames of one line end that may be taken together.

        They are of one second, so that nothing is due between them, and either all
        before the watermark or none.
        """
        first = self.watch.connections.get(entries[at].connection)
        if first is None or not self._due or not self._settled(first.number, first):
            return at + 1
        end = second_after(entries[at].ts)
        begin = end - SECOND
        if entries[at].ts < self._resumed:
            end = min(end, self._resumed - 1)
        else:
            begin = max(begin, self._resumed - 1)
        known = {first.number: True}
        stop = at
        for entry in islice(entries, at, None):
            if entry.kind != Kind.FRAME or not begin < entry.ts <= end:
                break
            number = entry.connection
            if number not in known:
                known[number] = self._settled(number, first)
            if not known[number]:
                break
            stop += 1
        return stop

    def _settled(self, number: int, first: Connection) -> bool:
        """Whether a connection speaks as `first` does, with nothing open."""
        mine = self.watch.connections.get(number)
        return (
            mine is not None and mine.alive and mine.settled and not self.watch.silent
            and (mine.exchange, mine.line.name) == (first.exchange, first.line.name)
        )  # fmt: skip

    def _step(self, entry: Entry) -> None:
        self._hush(entry.ts)
        if entry.kind == Kind.STARTED:
            self._start(entry)
        self._pass(entry.ts)
        step = self._steps.get(entry.kind)
        if step is not None:
            step(entry)
        self._tell(self._now)

    def _hush(self, ts: int) -> None:
        """Say nothing of what was told before; then remember what the lake was told."""
        self._notices.muted = ts < self._resumed
        if self._recalled is not None and not self._notices.muted:
            self.watch.known = dict(self._recalled.coverage)
            self._arrivals.polls.recall(self._recalled.polled)
            self._recalled = None

    def _start(self, entry: Entry) -> None:
        """A new run: what the last one was connected to ended with its last entry."""
        if self._now:
            self.watch.close_all(self._now, orderly=False)
            self._tell(self._now)
            text = f"no recorder ran after {format_time(self._now)}"
            self._notices.say("recorder_down", entry.ts, text, since=self._now)
        self.watch.begin()
        self._records.clear()
        self._started, self._unknown = entry.ts, 0

    def _stop(self, entry: Entry) -> None:
        # What ends with the recorder is told when one is there again.
        self.watch.tell_holes(second_before(entry.ts), but="recorder down")
        self.watch.close_all(entry.ts, orderly=True)

    def _resume(self, entry: Entry) -> None:
        """Entries of this instant restate what went on when reading begins amid it."""
        self._restated = entry.ts

    def _pong(self, entry: Entry) -> None:
        self._sign(entry.connection, entry.ts)

    def _list(self, entry: Entry) -> None:
        told = msgspec.json.decode(entry.payload, type=Listed)
        if told.exchange not in self.exchanges:
            return
        listed = msgspec.convert(told.instruments, tuple[Instrument, ...], strict=False)
        self.watch.instruments[told.exchange] = {one.symbol: one for one in listed}
        for want in KINDS:
            self.watch.replan(told.exchange, want, entry.ts)

    def _open(self, entry: Entry) -> None:
        opened = msgspec.json.decode(entry.payload, type=Opened)
        venue = self.exchanges.get(opened.exchange)
        lines = {line.name: line for line in venue.lines} if venue else {}
        if opened.line not in lines:
            self._notices.say(
                "unknown_connection", entry.ts,
                f"{opened.exchange}.{opened.line} is no line that washout knows",
                exchange=opened.exchange, line=opened.line, connection=entry.connection,
            )  # fmt: skip
            return
        if entry.connection in self.watch.connections:
            self._end(self.watch.connections[entry.connection], "replaced", entry.ts)
        connection = Connection(
            entry.connection, opened, lines[opened.line], entry.ts,
            self.watch.instruments[opened.exchange],
        )  # fmt: skip
        if entry.ts == self._restated:  # it was acknowledged before reading began
            connection.pending.clear()
        self._arrivals.opened(connection)
        self.watch.open(connection, entry.ts)

    def _close(self, entry: Entry) -> None:
        connection = self.watch.connections.get(entry.connection)
        if connection is not None:
            told = msgspec.json.decode(entry.payload, type=Closed)
            connection.last = min(connection.last, told.alive or connection.last)
            self._end(connection, told.reason, entry.ts)

    def _end(self, connection: Connection, reason: str, now: int) -> None:
        since = lost_since(connection, reason, now, self.watch.lags.of(connection))
        self.watch.close(connection, since, words(reason), now)
        if reason not in ("lifetime", "stopped"):
            text = f"{connection.name} ended: {reason}"
            self._notices.say("disconnect", now, text, of=connection, since=since)

    def _lost(self, entry: Entry) -> None:
        """The journal has a hole: whatever was watched then is not known."""
        lost = msgspec.json.decode(entry.payload, type=Lost)
        if lost.last is None:
            return  # at its end; the next start says what followed
        text = f"the journal lacks what came since {format_time(lost.first)}: {lost.reason}"
        self._notices.say("journal_lost", entry.ts, text, since=lost.first)
        self.watch.blank((lost.first, lost.last), entry.ts)

    def _sign(self, number: int, now: int) -> Connection | None:
        """A sign of life of a connection."""
        connection = self.watch.connections.get(number)
        if connection is not None:
            connection.last = max(connection.last, now)
            if not connection.alive:
                self.watch.revive(connection, now)
        return connection

    # Frames

    def _frames(self, frames: Sequence[Entry]) -> None:
        """Frames of one line that may be taken together, or one of whatever."""
        self._hush(frames[0].ts)
        self._pass(frames[0].ts)
        last = {frame.connection: frame.ts for frame in frames}
        if len(frames) > 1 and not all(self._alive(number) for number in last):
            for frame in frames:  # one died in the pause before
                self._frames([frame])
            return
        for number, time in last.items():
            if self._sign(number, time) is None:
                self._unknown_frame(frames[0])
                return
        first = self.watch.connections[frames[0].connection]
        instruments = self.watch.instruments[first.exchange]
        for piece in pieces(first.line, frames, instruments, self.settings.many):
            self._now = max(self._now, piece.frames[-1].ts)
            self._piece(piece)
            self._tell(self._now)

    def _alive(self, number: int) -> bool:
        connection = self.watch.connections.get(number)
        return connection is not None and connection.alive

    def _unknown_frame(self, frame: Entry) -> None:
        self._unknown += 1
        self._notices.seldom(
            "unknown_connection", frame.connection, frame.ts,
            f"frames of connection {frame.connection}, of which nothing is known",
            frame=frame.payload,
        )  # fmt: skip

    def _piece(self, piece: Piece) -> None:
        frame = piece.frames[-1]
        connection = self.watch.connections[frame.connection]
        if piece.error is not None:
            self._unexplained(connection, frame, piece.error)
        elif piece.said is not None:
            self._answered(connection, piece.said, frame)
        else:
            counts = Counter(frame.connection for frame in piece.frames)
            for number, count in counts.items():
                of = self.watch.connections[number]
                self._arrivals.frames(of, count, frame.ts)
            for found in piece.rows:
                self._take(connection.exchange, connection.line.name, found, frame.ts)

    def _unexplained(
        self, connection: Connection, entry: Entry, error: Exception
    ) -> None:
        self._arrivals.unexplained(connection)
        self.watch.blink(connection, entry.ts)
        self._notices.seldom(
            "decode_error", connection.number, entry.ts,
            f"{connection.name}: {type(error).__name__}: {error}",
            of=connection, frame=entry.payload,
        )  # fmt: skip

    def _answered(self, connection: Connection, said: Said, entry: Entry) -> None:
        if said.what not in ("ack", "refused"):
            return
        named = connection.hear(said)
        if said.what == "ack":
            self.watch.accept(connection, named, entry.ts)
            return
        self.watch.refuse(connection, named, entry.ts)
        self._notices.say(
            "refused", entry.ts,
            f"{connection.name} refuses {', '.join(named) or 'a request'}:"
            f" {said.text or 'without a reason'}",
            of=connection, frame=entry.payload,
        )  # fmt: skip

    def _polled(self, entry: Entry) -> None:
        head, _, body = entry.payload.partition(b"\n")
        told = msgspec.json.decode(head, type=Polled)
        venue = self.exchanges.get(told.exchange)
        polls = {poll.name: poll for poll in venue.polls} if venue else {}
        instrument = self.watch.instruments.get(told.exchange, {}).get(told.symbol)
        if told.poll in polls and instrument is not None:
            answer = Answer(told, polls[told.poll], instrument, entry.ts, body)
            self._arrivals.polled(answer, self._notices)
        else:
            self._unknown += 1

    def _take(self, exchange: str, line: str, rows: Rows, now: int) -> None:
        # A key's age goes by whole seconds that end on the second, as runs of frames do.
        self._arrivals.take(exchange, line, rows, now - 1)
        if self.watch.silent:
            speak(self.watch, self._notices, exchange, line, rows, now)

    def _emit(self, rows: Rows) -> None:
        if not self._notices.muted and len(rows):
            self._out.setdefault(rows.kind, []).append(rows)

    # Time

    def _pass(self, now: int) -> None:
        """Do what is due before `now`, second by second."""
        self._due = self._due or second_after(now)
        while self._due < now:
            if self._idle():
                self._skip(now)
                break
            self._second(self._due)
            self._due += SECOND
        self._now = max(self._now, now)

    def _idle(self) -> bool:
        alive = any(c.alive for c in self.watch.connections.values())
        return not (alive or self._arrivals.pending)

    def _skip(self, now: int) -> None:
        """Nothing happens in a long pause, but holes last over its full hours."""
        hour = (now - 1) // HOUR * HOUR
        if hour >= self._due:
            self.watch.tell_holes(hour)
            self._tell(hour)
        self._due = second_after(now)

    def _second(self, time: int) -> None:
        for connection in self.watch.pass_second(time):
            self._notices.say(
                "dead", time, f"{connection.name} gave no sign of life",
                of=connection, since=connection.last,
            )  # fmt: skip
        self._chase(time)
        if time % MINUTE == 0:
            self._minute(time)
        if (time - self.settings.grace) % MINUTE == 0:
            self._arrivals.close(time - self.settings.grace)
        self._tell(time)

    def _minute(self, time: int) -> None:
        listen(self.watch, self.silence, self._notices, time)
        self.watch.pass_minute(time)
        self._arrivals.pass_minute(time, self._notices)
        if time % HOUR == 0:
            self.watch.tell_holes(time)

    def _chase(self, time: int) -> None:
        """Say once of a connection that it was not acknowledged."""
        for connection in self.watch.connections.values():
            waited = time - connection.since >= self.settings.acknowledged_within
            if connection.pending and waited and not connection.warned:
                connection.warned = True
                self._notices.say(
                    "unacknowledged", time,
                    f"{connection.name}: no answer to {len(connection.pending)} of"
                    f" {len(connection.opened.topics)} topics",
                    of=connection, since=connection.since,
                )  # fmt: skip

    def _tell(self, now: int) -> None:
        """What became of coverage goes out."""
        for facts in self.watch.taken(now):
            for rows in by_kind(facts):
                self._emit(rows)
        for connection in self.watch.holes:
            for want in connection.wants:
                key = connection.exchange, connection.line.name, want
                self._records[key].gaps += 1
        self.watch.holes.clear()
