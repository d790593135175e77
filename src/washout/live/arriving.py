"""Facts that arrive: doubles are dropped, the rest is counted, summed up and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from washout.collect.entries import Polled
from washout.events import Event
from washout.exchanges import Exchange, Instrument, Poll
from washout.live.connections import TIMED, WANT, Connection, Lags
from washout.live.doubles import NAMED, NAMED_TIMELESS, Doubles, Polls
from washout.live.expecting import GUESSES
from washout.live.feeds import fact_at
from washout.live.health import Record, Records
from washout.live.minutes import Minutes
from washout.live.noticing import Notices
from washout.live.rows import Rows, by_kind
from washout.live.settings import Settings
from washout.live.silence import Silence
from washout.live.tallies import Tallies


class Answer(msgspec.Struct, frozen=True):
    """What a poll of an instrument gave, at `ts`."""

    told: Polled
    poll: Poll
    instrument: Instrument
    ts: int
    body: bytes

    def facts(self) -> list[Event]:
        """The facts of it; ValueError where the venue gave none."""
        if self.told.status != 200:
            raise ValueError(f"HTTP {self.told.status}")
        return self.poll.decode(self.body, self.ts, self.instrument)


class Arrivals:
    """What is done with facts, whatever line or poll they came from."""

    def __init__(
        self, exchanges: Mapping[str, Exchange], settings: Settings, records: Records,
        silence: Silence, emit: Callable[[Rows], None],
        lags: Lags,
    ) -> None:  # fmt: skip
        self.exchanges, self.settings, self.records = exchanges, settings, records
        self.silence, self.emit, self.lags = silence, emit, lags
        self.minutes, self.tallies = Minutes(settings.grace), Tallies(settings.grace)
        self._doubles = {
            "liquidation": Doubles(settings.doubles),
            "trade": Doubles(settings.trade_doubles),
        }
        self.polls = Polls()
        self._timeless = {
            (name, line.name)
            for name, exchange in exchanges.items()
            for line in exchange.lines
            if line.timeless
        }

    @property
    def pending(self) -> bool:
        """Whether anything waits for the end of a minute."""
        return self.minutes.pending or self.tallies.pending

    def frames(self, connection: Connection, count: int, time: int) -> None:
        """Frames of facts, up to `time`."""
        for want, kind in zip(connection.wants, connection.kinds, strict=True):
            self.tallies.line(connection.exchange, kind, "frames", count)
            record = self.records[connection.exchange, connection.line.name, want]
            record.frames += count
            record.last_frame = max(record.last_frame, time)

    def unexplained(self, connection: Connection) -> None:
        """A frame that nobody understands."""
        for want, kind in zip(connection.wants, connection.kinds, strict=True):
            self.tallies.line(connection.exchange, kind, "decode_errors")
            key = connection.exchange, connection.line.name, want
            self.records[key].decode_errors += 1

    def opened(self, connection: Connection) -> None:
        """A connection was made; after the first of its line and twin it is another."""
        for want, kind in zip(connection.wants, connection.kinds, strict=True):
            key = connection.exchange, connection.line.name, want
            if self.records[key].opens(connection.opened):
                self.tallies.line(connection.exchange, kind, "reconnects")

    def polled(self, answer: Answer, notices: Notices) -> None:
        """The answer to a poll."""
        exchange, poll = answer.told.exchange, answer.poll
        record = self.records[exchange, poll.name, poll.want]
        record.frames += 1
        try:
            rows = by_kind(answer.facts())
        except Exception as error:  # noqa: BLE001  a decoder's bug must not end recording
            record.decode_errors += 1
            text = f"{exchange}.{poll.name} of {answer.told.symbol}: {error}"
            about = exchange, poll.name
            notices.seldom("poll_failed", about, answer.ts, text, frame=answer.body)
            return
        record.last_frame = answer.ts
        for found in rows:
            self.take(exchange, poll.name, found, answer.ts)

    def take(self, exchange: str, line: str, rows: Rows, now: int) -> None:
        """Facts of one kind."""
        want = WANT.get(rows.kind, rows.kind)
        record = self.records[exchange, line, want]
        named = NAMED_TIMELESS if (exchange, line) in self._timeless else NAMED
        kept = self._kept(record, rows, named, now)
        if not len(kept):
            return
        if rows.kind in TIMED and (exchange, line) not in self._timeless:
            self.lags.note((exchange, line), kept)
        self.tallies.facts(kept, "events")
        late = self.tallies.late(kept)
        record.take(*kept.columns("ts_event", "ts_recv"), late=late)
        if want in GUESSES:
            self.silence.heard(exchange, line, want, kept)
        if rows.kind == "liquidation" and self._throttled(exchange, now):
            record.saturated += self.tallies.printed(kept)
        self._sum_up(kept)

    def _kept(
        self, record: Record, rows: Rows, named: tuple[str, ...], now: int
    ) -> Rows:
        fresh = self._fresh(rows, named, now)
        kept = rows.where(fresh)
        if len(kept) < len(rows):
            again = rows.where([not one for one in fresh])
            self.tallies.facts(again, "duplicates")
            record.double(len(again))
        return kept

    def _fresh(self, rows: Rows, named: tuple[str, ...], now: int) -> list[bool]:
        doubles = self._doubles.get(rows.kind)
        if doubles is not None:
            return doubles.fresh(zip(*rows.columns(*named), strict=True), now)
        if rows.kind in ("open_interest", "funding_rate"):
            return self.polls.fresh(rows)
        return [True] * len(rows)

    def _throttled(self, exchange: str, now: int) -> bool:
        fact = fact_at(self.exchanges[exchange], now)
        return fact is not None and fact.trust == "one_per_second"

    def _sum_up(self, rows: Rows) -> None:
        if rows.kind == "trade":
            self.minutes.add_trades(rows)
            self.silence.priced(rows, "price")
            if self.settings.keep_trades:
                self.emit(rows)
        elif rows.kind == "candle" and not any(rows.column("interval")):
            self.minutes.add_quotes(rows)
            self.silence.priced(rows, "close")
        else:
            self.emit(rows)

    def close(self, end: int) -> None:
        """The grace of the minute that ended at `end` is over."""
        for fact in (*self.minutes.close(end), *self.tallies.tell_printed(end)):
            self.emit(by_kind([fact])[0])

    def pass_minute(self, time: int, notices: Notices) -> None:
        """A minute of receipt is over."""
        for tally in self.tallies.tell(time):
            self.emit(by_kind([tally])[0])
        for (exchange, line, _), record in self.records.items():
            events, doubles = record.pass_minute()
            if doubles > self.settings.storm + 3 * events:
                notices.say(
                    "duplicates", time,
                    f"{exchange}.{line}: {doubles} duplicates of {events} events in a"
                    " minute",
                    exchange=exchange, line=line, count=doubles,
                )  # fmt: skip
