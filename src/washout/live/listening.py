"""Where the watchdog and the watch meet: streams fall silent, and speak again."""

from __future__ import annotations

from washout.clock import MINUTE, format_time
from washout.live.connections import WANT
from washout.live.noticing import Notices
from washout.live.rows import Rows
from washout.live.silence import GUESSES, Seen, Silence, Stream
from washout.live.watching import Watch


def listen(watch: Watch, silence: Silence, notices: Notices, time: int) -> None:
    """Find the streams that fell silent; of a whole line it is said once."""
    seen = streams(watch, time - MINUTE)
    for stream in silence.pass_minute(time - MINUTE, seen):
        exchange, line, want, asset = stream
        if (exchange, line, want, "") in watch.silent:
            continue
        listener = silence.listeners[stream]
        watch.hush(stream, listener.last, time)
        notices.say(
            "silent", time,
            f"{called(stream)} says nothing since {format_time(listener.last)};"
            f" {listener.missing():.1f} events were expected",
            exchange=exchange, line=line, asset=asset, since=listener.last, count=0,
        )  # fmt: skip


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
