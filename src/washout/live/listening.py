"""Where the watchdog and the watch meet: streams fall silent, and speak again."""

from __future__ import annotations

from washout.clock import MINUTE, format_time
from washout.live.connections import WANT
from washout.live.expecting import GUESSES
from washout.live.noticing import Notices
from washout.live.rows import Rows
from washout.live.silence import Seen, Silence, Stream
from washout.live.watching import Watch


def listen(watch: Watch, silence: Silence, notices: Notices, time: int) -> None:
    """Find the streams that fell silent; of a whole line it is said once."""
    again = silence.restore(time - MINUTE)
    if again:
        _go_on(watch, silence, time)
    seen = streams(watch, time - MINUTE)
    for stream in silence.pass_minute(time - MINUTE, seen):
        exchange, line, want, asset = stream
        if (exchange, line, want, "") in watch.silent:
            continue
        listener = silence.listeners[stream]
        watch.muted.discard(stream)  # now it is silent by itself
        watch.hush(stream, listener.last, time)
        notices.say(
            "silent", time,
            f"{called(stream)} says nothing since {format_time(listener.last)};"
            f" {listener.missing():.1f} events were expected",
            exchange=exchange, line=line, asset=asset, since=listener.last, count=0,
        )  # fmt: skip
    _mute_lines(watch, silence, notices, time, again=again)


def _go_on(watch: Watch, silence: Silence, time: int) -> None:
    """After a restart: what was silent before is so still, and nothing else."""
    silent = {stream for stream, one in silence.listeners.items() if one.silent}
    for stream in sorted(watch.silent - silent):
        watch.unhush(stream, time)
    silent = {one for one in silent if not one[3] or (*one[:3], "") not in silent}
    for stream in sorted(silent - watch.silent):
        watch.hush_again(stream, silence.listeners[stream].last, time)


RARE = "liquidations"
"""What may be quiet for hours, on lines whose other streams never are."""


def _mute_lines(
    watch: Watch, silence: Silence, notices: Notices, time: int, *, again: bool
) -> None:
    """Where a line is mute in all that it says, what it says rarely is not seen either."""
    for exchange, line, want, asset in sorted(watch.silent):
        rare = exchange, line, RARE, ""
        if asset or want == RARE or rare in watch.silent:
            continue
        since = _last_word(silence, exchange, line)
        told = silence.listeners[exchange, line, want, ""]
        carried = _together(watch, exchange, line, want)
        if carried and told.improbable((time - since) / MINUTE):
            watch.muted.add(rare)
            (watch.hush_again if again else watch.hush)(rare, since, time)
            notices.say(
                "silent", time,
                f"{exchange}.{line} says nothing at all since {format_time(since)}:"
                f" its {RARE} are not seen",
                exchange=exchange, line=line, since=since, count=0,
            )  # fmt: skip


def _last_word(silence: Silence, exchange: str, line: str) -> int:
    """Receipt of the last event of any stream of a line."""
    return max(
        one.last
        for stream, one in silence.listeners.items()
        if stream[:2] == (exchange, line)
    )


def _together(watch: Watch, exchange: str, line: str, want: str) -> bool:
    """Whether every connection that brings a line's rare events brings `want` too."""
    rare = [
        one.wants
        for one in watch.connections.values()
        if (one.exchange, one.line.name) == (exchange, line) and RARE in one.wants
    ]
    return bool(rare) and all(want in wants for wants in rare)


def speak(
    watch: Watch, notices: Notices, exchange: str, line: str, rows: Rows, now: int
) -> None:
    """Facts of a stream that was silent: it is not any more."""
    want = WANT.get(rows.kind, "")
    for asset in ("", *dict.fromkeys(rows.column("asset"))):
        stream = exchange, line, want, asset
        if stream in watch.silent:
            watch.unhush(stream, now)
            notices.say(
                "resumed", now, f"{called(stream)} speaks again",
                exchange=exchange, line=line, asset=asset,
            )  # fmt: skip
    rare = exchange, line, RARE, ""
    if rare in watch.muted:
        watch.unhush(rare, now)
        text = f"{exchange}.{line} speaks again: its {RARE} are seen"
        notices.say("resumed", now, text, exchange=exchange, line=line)


def streams(watch: Watch, since: int) -> dict[Stream, Seen]:
    """What is subscribed since `since`, by line, and by asset if it has several."""
    found: dict[tuple[str, str, str], dict[str, dict[str, int]]] = {}
    for connection in watch.connections.values():
        for (want, symbol), begin in connection.ready.items():
            if begin > since or want not in GUESSES:
                continue
            asset = watch.asset(connection.exchange, symbol)
            key = connection.exchange, connection.line.name, want
            mine = found.setdefault(key, {}).setdefault(asset, {})
            mine[symbol] = min(mine.get(symbol, begin), begin)
    seen: dict[Stream, Seen] = {}
    for key, assets in sorted(found.items()):
        every = [begin for mine in assets.values() for begin in mine.values()]
        seen[*key, ""] = Seen(tuple(sorted(assets)), len(every), min(every))
        for asset, mine in sorted(assets.items()) if len(assets) > 1 else ():
            seen[*key, asset] = Seen((asset,), len(mine), min(mine.values()))
    return seen


def called(stream: Stream) -> str:
    """A stream in words."""
    exchange, line, want, asset = stream
    words = want.replace("_", " ")
    return f"{exchange}.{line}: {words}{f' of {asset}' if asset else ''}"
