"""Messages on their way out: written down first, then sent, again and again, or kept.

`alerts.jsonl` is a log of what was told and what became of it, one JSON a line, each
synced to the disk before anything else happens; `dead.jsonl` holds what no attempt could
deliver. A message is in the log before it is sent: after a crash it is sent again
unless its delivery was written down, so nothing is forgotten, and only a crash between a
receiver's yes and its note can repeat one, under the same id.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

from washout.channels import Channel, Message, SendError
from washout.clock import format_time
from washout.errors import WashoutError
from washout.live import secrets_
from washout.live.rules import Rules, Target, channels
from washout.store.files import replace_file

ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds; each wait is twice the one before, and up to a second more by chance."""

_LOG = logging.getLogger("washout.alerts")

Line = dict[str, Any]


class Way(msgspec.Struct, frozen=True):
    """A channel ready to send: its settings with the secrets in place."""

    name: str
    channel: Channel
    settings: Mapping[str, str]
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Way({self.name!r}, {self.channel.name!r})"

    __str__ = __repr__


class Failure(WashoutError):
    """Why a message did not leave, in words without secrets."""


def ways(rules: Rules, environ: Mapping[str, str] = os.environ) -> dict[str, Way]:
    """The channels of a rules file, by name; UsageError where a secret is missing."""
    told = {target.name: target for target in rules.targets}
    told.setdefault("console", Target("console", "console", {}))
    used = {name for rule in rules.rules for name in rule.channels}
    return {
        name: _way(target, rules.folder, environ)
        for name, target in told.items() if name in used
    }  # fmt: skip


def _way(target: Target, folder: Path, environ: Mapping[str, str]) -> Way:
    channel = channels()[target.channel]
    settings = {
        name: secrets_.resolved(text, folder, environ)
        for name, text in target.settings.items()
    }
    hidden = {s.name for s in channel.settings if s.secret}
    hidden |= {name for name, text in target.settings.items() if secrets_.names(text)}
    secrets = [settings[name] for name in hidden if name in settings]
    secrets += [
        secrets_.resolved(f"${{{name}}}", folder, environ)
        for text in target.settings.values() for name in secrets_.names(text)
    ]  # fmt: skip
    parts = [part for text in secrets for part in _parts(text)]
    return Way(target.name, channel, settings, tuple({*secrets, *parts}))


def _parts(address: str) -> list[str]:
    """The pieces of an address that may be shown without the rest."""
    rest = address.partition("://")[2]
    return [
        p for p in rest.replace("@", "/").replace(":", "/").split("/") if len(p) > 7
    ]


def send(
    way: Way, message: Message, clock: Callable[[], int], *, attempts: int = ATTEMPTS,
    sleep: Callable[[float], Any] | None = None,
) -> int:  # fmt: skip
    """Send a message, trying again while that may help; gives the attempts it took.

    Failure says why none succeeded. Whatever a channel raises is a failure.
    """
    secrets_.hush()
    kwargs: dict[str, Any] = {} if sleep is None else {"sleep": sleep}
    again = Retrying(
        stop=stop_after_attempt(attempts), wait=_wait, reraise=True,
        retry=retry_if_exception(lambda e: getattr(e, "again", True)), **kwargs,
    )  # fmt: skip
    try:
        for attempt in again:
            with attempt:
                now = msgspec.structs.replace(message, sent=clock())
                way.channel.send(now, way.settings)
    except Exception as error:  # noqa: BLE001  a channel is somebody's code
        tried = again.statistics.get("attempt_number", 1)
        said = secrets_.scrubbed(str(error) or type(error).__name__, way.secrets)
        raise Failure(f"{said} ({tried} attempts)") from None
    return int(again.statistics["attempt_number"])


_usual_wait = wait_exponential_jitter(initial=FIRST_WAIT, max=LONGEST_WAIT)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, SendError) else None
    return _usual_wait(state) if asked is None else min(asked, LONGEST_WAIT)


class Log:
    """The files of alerts in a lake: `alerts/alerts.jsonl` and `alerts/dead.jsonl`."""

    def __init__(self, lake: Path) -> None:
        self.folder = lake / "alerts"
        self.path = self.folder / "alerts.jsonl"
        self.dead = self.folder / "dead.jsonl"
        self._lock = threading.Lock()

    def write(self, line: Line, path: Path | None = None) -> None:
        """Append a line and sync it."""
        path = path or self.path
        text = msgspec.json.encode(line) + b"\n"
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as handle:
                if handle.tell() and not _ends_whole(path):
                    handle.write(b"\n")  # a line that a crash cut short
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())

    def lines(self, path: Path | None = None) -> Iterator[Line]:
        """Every whole line."""
        try:
            text = (path or self.path).read_bytes()
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue

    def known(self) -> set[str]:
        """Ids of all messages that were written down."""
        return {line["id"] for line in self.lines() if line["what"] == "message"}

    def unsent(self) -> list[tuple[str, Message]]:
        """Messages and the channels from which no word came: sent, or given up."""
        messages: dict[str, Message] = {}
        open_: dict[tuple[str, str], None] = {}
        for line in self.lines():
            if line["what"] == "message":
                messages[line["id"]] = msgspec.convert(line["message"], Message)
                open_ |= {(line["id"], name): None for name in line["channels"]}
            elif line["what"] in ("sent", "dead"):
                open_.pop((line["id"], line["channel"]), None)
        return [(name, messages[id_]) for id_, name in open_]

    def position(self) -> int | None:
        """Up to when alerts were written down; None if never."""
        try:
            return int(
                msgspec.json.decode((self.folder / "position.json").read_bytes())
            )
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def move(self, time: int) -> None:
        """Remember up to when alerts were written down."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / "position.json", msgspec.json.encode(time))


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as handle:
        handle.seek(-1, os.SEEK_END)
        return handle.read(1) == b"\n"


class Sender:
    """Sends on threads of its own, one a channel; `put` never waits."""

    def __init__(
        self, out: Mapping[str, Way], log: Log, clock: Callable[[], int], *,
        attempts: int = ATTEMPTS, sleep: Callable[[float], Any] | None = None,
    ) -> None:  # fmt: skip
        self._log, self._clock = log, clock
        self._attempts = attempts
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._queues: dict[str, queue.SimpleQueue[Message | None]] = {}
        self._threads: list[threading.Thread] = []
        for name, way in out.items():
            mine = self._queues[name] = queue.SimpleQueue()
            thread = threading.Thread(
                target=self._work, args=(way, mine), name=f"alerts-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def put(self, name: str, message: Message) -> None:
        """Send a message through a channel as soon as it is free."""
        if name in self._queues:
            self._queues[name].put(message)

    def close(self, patience: float = 5.0) -> None:
        """Let what waits go out, for so many seconds; the rest goes out next time."""
        for mine in self._queues.values():
            mine.put(None)
        for thread in self._threads:
            thread.join(patience)
        self._stopping.set()

    def _work(self, way: Way, mine: queue.SimpleQueue[Message | None]) -> None:
        while (message := mine.get()) is not None:
            try:
                self._deliver(way, message)
            except Exception as error:  # noqa: BLE001  the next message may go
                _LOG.error("alert %s: %s", message.id, type(error).__name__)

    def _deliver(self, way: Way, message: Message) -> None:
        try:
            tried = send(
                way, message, self._clock, attempts=self._attempts, sleep=self._sleep
            )
        except Failure as failure:
            if self._stopping.is_set():
                return  # not given up: it is unsent, and goes out next time
            _LOG.warning("alert %s through %s: %s", message.id, way.name, failure)
            bury(self._log, way.name, message, str(failure), self._clock())
        else:
            self._log.write({
                "what": "sent", "id": message.id, "channel": way.name,
                "time": format_time(self._clock()), "attempts": tried,
            })  # fmt: skip


def bury(log: Log, channel: str, message: Message, reason: str, now: int) -> None:
    """Keep a message that could not be delivered, for `washout alerts retry`."""
    time = format_time(now)
    log.write(
        {"id": message.id, "channel": channel, "time": time, "reason": reason,
         "message": msgspec.to_builtins(message)},
        log.dead,
    )  # fmt: skip
    log.write({
        "what": "dead", "id": message.id, "channel": channel, "time": time,
        "reason": reason,
    })  # fmt: skip


def retry(
    log: Log, out: Mapping[str, Way], clock: Callable[[], int], *, attempts: int = 2
) -> tuple[int, list[Line]]:
    """Send the dead letters once more: how many went out, and the lines that stay."""
    sent, left = 0, []
    for line in list(log.lines(log.dead)):
        message = msgspec.convert(line["message"], Message)
        way = out.get(line["channel"])
        try:
            if way is None:
                left.append({**line, "reason": "no such channel in the rules"})
                continue
            send(way, message, clock, attempts=attempts)
        except Failure as failure:
            left.append({**line, "reason": str(failure)})
        else:
            sent += 1
            log.write({
                "what": "sent", "id": message.id, "channel": line["channel"],
                "time": format_time(clock()), "attempts": 1,
            })  # fmt: skip
    if log.dead.exists():
        replace_file(log.dead, b"".join(msgspec.json.encode(x) + b"\n" for x in left))
    return sent, left


def written(message: Message, names: Iterable[str], kind: str) -> Line:
    """The line of the log that says what was told, and through which channels."""
    return {
        "what": "message", "id": message.id, "time": format_time(message.time),
        "kind": kind, "channels": list(names), "message": msgspec.to_builtins(message),
    }  # fmt: skip
