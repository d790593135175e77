"""The health of every feed, out of what the pipeline holds."""

from __future__ import annotations

from collections.abc import Mapping

from washout.clock import SECOND
from washout.exchanges import Exchange
from washout.live.connections import Connection
from washout.live.health import FeedHealth, FeedKey, Record, Records, State
from washout.live.silence import Silence
from washout.live.watching import Watch


def feeds(
    exchanges: Mapping[str, Exchange], watch: Watch, silence: Silence,
    records: Records, now: int,
) -> tuple[FeedHealth, ...]:  # fmt: skip
    """Every want of every line and poll that was heard of, in order."""
    found = []
    for key, record in sorted(records.items()):
        silent = tuple(sorted(s[3] for s in watch.silent if s[:3] == key))
        refused = _refused(exchanges[key[0]], watch, key)
        age = _poll_age(exchanges[key[0]], key, record, now)
        connections = _carrying(watch, key)
        state: State = "observed" if age is not None and age <= 1 else "down"
        if age is None:
            state = _state(connections, key[2], silent=silent, refused=refused)
        listener = silence.listeners.get((*key, ""))
        found.append(
            record.told(
                key, state, connections=len(connections), silent=silent,
                refused=refused, expected=listener.rate() if listener else None,
            )
        )  # fmt: skip
    return tuple(found)


def _poll_age(venue: Exchange, key: FeedKey, record: Record, now: int) -> float | None:
    """Age of a poll's last answer, 1 where it is too old; None for a line."""
    poll = {poll.name: poll for poll in venue.polls}.get(key[1])
    if poll is None:
        return None
    return (now - record.last_frame) / (3 * poll.every * SECOND)


def _carrying(watch: Watch, key: FeedKey) -> list[Connection]:
    return [
        connection
        for connection in watch.connections.values()
        if (connection.exchange, connection.line.name) == key[:2]
        and key[2] in connection.wants
    ]


def _state(
    connections: list[Connection], want: str, *, silent: tuple[str, ...],
    refused: tuple[str, ...],
) -> State:  # fmt: skip
    if silent:
        return "silent"
    if refused:
        return "refused"
    alive = [one for one in connections if one.alive]
    seen = {carried for one in alive for carried in one.watching if carried[0] == want}
    needed = {carried for one in alive for carried in one.needs if carried[0] == want}
    if needed and seen == needed:
        return "observed"
    return "connecting" if any(one.pending for one in alive) else "down"


def _refused(venue: Exchange, watch: Watch, key: FeedKey) -> tuple[str, ...]:
    exchange, name, want = key
    line = {line.name: line for line in venue.lines}.get(name)
    listed = watch.instruments[exchange]
    return tuple(
        sorted(
            symbol
            for found, wanted, symbol in watch.refused
            if (found, wanted) == (exchange, want) and symbol in listed
            and line is not None and line.carries(listed[symbol])
        )
    )  # fmt: skip
