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
from washout.events import Event
from washout.exchanges import Decoded, Exchange, Instrument, Poll, Said
from washout.live.arriving import Arrivals
from washout.live.connections import KINDS, Connection, lost_since, words
from washout.live.decoding import at_once
from washout.live.feeds import Name
from washout.live.health import Health, Records
from washout.live.listening import listen, speak
from washout.live.noticing import Notice, Notices
from washout.live.reporting import feeds
from washout.live.rows import Rows, by_kind, joined
from washout.live.settings import Settings
from washout.live.silence import Silence
from washout.live.stretches import second_after
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
            exchanges, self.settings, self._records, self.silence, self._emit
        )
        self._out: dict[str, list[Rows]] = {}
        self._now = self._due = self._started = self._unknown = 0
        self._resumed = self._restated = 0
        self._steps: dict[int, Callable[[Entry], None]] = {
            Kind.FRAME: self._frame, Kind.PONG: self._pong, Kind.LISTED: self._list,
            Kind.OPENED: self._open, Kind.CLOSED: self._close, Kind.LOST: self._lost,
            Kind.POLLED: self._polled, Kind.RESUMED: self._resume,
            Kind.STOPPED: self._stop,
        }  # fmt: skip

    def resume(self, watermark: int, told: Mapping[Name, int] | None = None) -> None:
        """Take what comes before `watermark` only to warm up: it was told already.

        Entries at the watermark itself are told again: several may share an instant, of
        which not all were committed. The lake knows the facts that it has. `told` is up
        to where the lake's coverage of each feed goes (`recalling.told_until`): what was
        not observed since then becomes a gap, even where the journal does not reach back.
        """
        self._resumed = watermark
        self.watch.known = dict(told or {})

    def take(self, entries: Sequence[Entry]) -> Facts:
        """Facts and notices that follow from the next entries."""
        import pyarrow as pa

        at = 0
        while at < len(entries):
            stop = self._run(entries, at)
            if stop - at < self.settings.many or not self._frames(entries[at:stop]):
                stop = max(stop, at + 1)
                for entry in islice(entries, at, stop):
                    self._step(entry)
            at = stop
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
        """Where the frames of one line end that may be decoded at once.

        They are of one second, so that nothing is due between them.
        """
        first = self.watch.connections.get(entries[at].connection)
        if first is None or first.line.decode_many is None or not self._due:
            return at
        known: dict[int, bool] = {}
        stop = at
        for entry in islice(entries, at, None):
            number = entry.connection
            if entry.kind != Kind.FRAME or not self._together(entries[at], entry):
                break
            if number not in known:
                known[number] = self._settled(number, first)
            if not known[number]:
                break
            stop += 1
        return stop

    def _settled(self, number: int, first: Connection) -> bool:
        """Whether a connection speaks as `first` does, and only of facts."""
        mine = self.watch.connections.get(number)
        return (
            mine is not None and mine.alive and mine.settled and not self.watch.silent
            and (mine.exchange, mine.line.name) == (first.exchange, first.line.name)
        )  # fmt: skip

    def _together(self, first: Entry, entry: Entry) -> bool:
        """Whether nothing is due between two entries."""
        second = (first.ts - 1) // SECOND == (entry.ts - 1) // SECOND
        return second and (first.ts < self._resumed) == (entry.ts < self._resumed)

    def _step(self, entry: Entry) -> None:
        self._notices.muted = self.watch.muted = entry.ts < self._resumed
        if entry.kind == Kind.STARTED:
            self._start(entry)
        self._pass(entry.ts)
        step = self._steps.get(entry.kind)
        if step is not None:
            step(entry)
        self._tell(self._now)

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
        since = lost_since(connection, reason, now)
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

    def _frame(self, entry: Entry) -> None:
        connection = self._sign(entry.connection, entry.ts)
        if connection is None:
            self._unknown += 1
            self._notices.seldom(
                "unknown_connection", entry.connection, entry.ts,
                f"frames of connection {entry.connection}, of which nothing is known",
                frame=entry.payload,
            )  # fmt: skip
            return
        instruments = self.watch.instruments[connection.exchange]
        try:
            meaning = connection.line.decode(entry.payload, entry.ts, instruments)
            rows = by_kind(meaning) if isinstance(meaning, list) else []
        except Exception as error:  # noqa: BLE001  a decoder's bug must not end recording
            self._unexplained(connection, entry, error)
            return
        self._understood(connection, meaning, entry)
        for found in rows:
            self._take(connection.exchange, connection.line.name, found, entry.ts)

    def _understood(
        self, connection: Connection, meaning: Decoded, entry: Entry
    ) -> None:
        if not isinstance(meaning, Said):
            self._arrivals.frames(connection, 1, entry.ts)
        elif meaning.what in ("ack", "refused"):
            self._answered(connection, meaning, entry)

    def _frames(self, frames: Sequence[Entry]) -> bool:
        """Many frames of one line at once; False where that does not work."""
        self._notices.muted = self.watch.muted = frames[0].ts < self._resumed
        self._pass(frames[0].ts)
        counts = Counter(frame.connection for frame in frames)
        first = self.watch.connections[frames[0].connection]
        if not all(self.watch.connections[number].alive for number in counts):
            return False  # one died in the pause before
        rows = at_once(first.line, frames, self.watch.instruments[first.exchange])
        if rows is None:
            return False
        last = max(frame.ts for frame in frames)
        self._now = max(self._now, last)
        for number, count in counts.items():
            connection = self.watch.connections[number]
            self._sign(number, max(f.ts for f in frames if f.connection == number))
            self._arrivals.frames(connection, count, last)
        for found in rows:
            self._take(first.exchange, first.line.name, found, frames[-1].ts)
        self._tell(self._now)
        return True

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
        if told.poll not in polls or instrument is None:
            self._unknown += 1
            return
        poll = polls[told.poll]
        record = self._records[told.exchange, poll.name, poll.want]
        record.frames += 1
        try:
            rows = by_kind(_answer(poll, told, body, entry.ts, instrument))
        except Exception as error:  # noqa: BLE001  as for frames
            record.decode_errors += 1
            text = f"{told.exchange}.{poll.name} of {told.symbol}: {error}"
            about = told.exchange, poll.name
            self._notices.seldom("poll_failed", about, entry.ts, text, frame=body)
            return
        record.last_frame = entry.ts
        for found in rows:
            self._take(told.exchange, poll.name, found, entry.ts)

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
            self.watch.pass_hour(hour)
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
            self.watch.pass_hour(time)

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


def _answer(
    poll: Poll, told: Polled, body: bytes, ts: int, instrument: Instrument
) -> list[Event]:
    if told.status != 200:
        raise ValueError(f"HTTP {told.status}")
    return poll.decode(body, ts, instrument)
