"""One server: its pace, its moods, and its key, which never leaves this module.

A request is made again after 429, 5xx, time-outs and cut connections: after the
server's `Retry-After`, else after growing, jittered pauses.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from washout._version import __version__
from washout.clock import SECOND, format_width, from_datetime
from washout.collect.sources import Key, Request, Source
from washout.errors import FetchError, UsageError

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")

ATTEMPTS = 6
LONGEST_PAUSE = 60.0
"""Seconds between attempts, if the server does not say."""

PATIENCE = 3600.0
"""Seconds for which a server may ask us to wait."""

MINUTE = 60.0
TIMEOUT = 60.0


class Machine(msgspec.Struct, frozen=True):
    """What the world lends: a clock in microseconds, and sleep in seconds."""

    clock: Callable[[], int]
    sleep: Callable[[float], None]

    def seconds(self) -> float:
        """The clock in seconds."""
        return self.clock() / SECOND


class Again(Exception):
    """Something that may be better later; `pause` is what the server asked for."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class Missing(Exception):
    """The server does not have it."""


class Pace:
    """At most so many calls in any minute."""

    def __init__(self, calls_per_minute: int | None, machine: Machine) -> None:
        self._limit, self._machine = calls_per_minute, machine
        self._made: deque[tuple[float, int]] = deque()

    def wait(self, cost: int) -> None:
        """Sleep until a request of this cost is within the limit."""
        if self._limit is None:
            return
        while self._made and self._spent() + cost > self._limit:
            pause = self._made[0][0] + MINUTE - self._machine.seconds()
            if pause > 0:
                self._machine.sleep(pause)
            self._made.popleft()
        self._made.append((self._machine.seconds(), cost))

    def _spent(self) -> int:
        horizon = self._machine.seconds() - MINUTE
        while self._made and self._made[0][0] <= horizon:
            self._made.popleft()
        return sum(cost for _, cost in self._made)


class Server:
    """A source at a base URL, with its key from the environment."""

    def __init__(
        self,
        source: Source,
        machine: Machine,
        *,
        base_url: str | None = None,
        calls_per_minute: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.source, self.machine = source, machine
        self.base_url = _base_url(source, base_url, environment)
        self._key = _key(source.key, environment)
        self._pace = Pace(calls_per_minute or source.calls_per_minute, machine)
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        import httpx

        headers = {
            "User-Agent": f"washout/{__version__}",
            "Accept-Encoding": "identity",
        }
        if self.source.key is not None:
            headers[self.source.key.header] = self.source.key.prefix + self._key
        # A redirect could carry the key to another host.
        self._client = httpx.Client(
            headers=headers, timeout=TIMEOUT, follow_redirects=self.source.key is None
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def url(self, request: Request) -> str:
        """The address of a request, without its parameters."""
        return self.base_url + request.path

    def hide(self, text: str) -> str:
        """Text without the key, should a server repeat it."""
        return text.replace(self._key, "***") if self._key else text

    def hide_bytes(self, content: bytes) -> bytes:
        """Bytes without the key."""
        return content.replace(self._key.encode(), b"***") if self._key else content

    @contextmanager
    def stream(
        self, request: Request, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """An open answer with a good status (200, 206, or 416 to a range)."""
        import httpx

        assert self._client is not None
        self._pace.wait(request.cost)
        try:
            with self._client.stream(
                "GET", self.url(request), params=dict(request.params), headers=headers
            ) as response:
                self._refuse(response, request)
                yield response
        except httpx.TimeoutException:
            raise Again(f"did not answer within {TIMEOUT:g} s") from None
        except httpx.TransportError as error:
            raise Again(f"broke the connection ({type(error).__name__})") from None

    def read(self, request: Request) -> bytes:
        """A whole answer, with as many attempts as it takes."""

        def once() -> bytes:
            with self.stream(request) as response:
                return response.read()

        return self.attempt(request, once)

    def attempt(self, request: Request, once: Callable[[], Result]) -> Result:
        """Do `once` until it stops raising Again; FetchError when patience ends."""
        import tenacity

        growing = tenacity.wait_exponential_jitter(
            initial=1, max=LONGEST_PAUSE, jitter=1
        )

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.pause if isinstance(error, Again) else None
            return min(growing(state), LONGEST_PAUSE) if asked is None else asked

        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(Again), wait=pause,
                stop=tenacity.stop_after_attempt(ATTEMPTS), reraise=True,
                sleep=self.machine.sleep,
            )(once)  # fmt: skip
        except Again as error:
            raise FetchError(
                f"{self.url(request)}: the server {error}, {ATTEMPTS} times. Run the same"
                " command again later: what has arrived is kept."
            ) from None

    def _refuse(self, response: httpx.Response, request: Request) -> None:
        status = response.status_code
        if status in (200, 206, 416):
            return
        if status in (404, 410) and self.source.judge is None:
            raise Missing(request.file)
        if status in (408, 429) or status >= 500:
            raise Again(f"answered {status}", self._asked_pause(response, request))
        raise FetchError(self._explain(response, request))

    def _explain(self, response: httpx.Response, request: Request) -> str:
        status, key = response.status_code, self.source.key
        said = self.hide(response.read()[:200].decode("utf-8", "replace").strip())
        advice = "Check the scope, the dates and --base-url."
        if status in (401, 403) and key is not None:
            advice = f"Check the key in {key.variable} and what its plan allows."
        if 300 <= status < 400:
            advice = "It sends elsewhere, where the key is not taken: check --base-url."
        return f"{self.url(request)}: the server answered {status}: {said!r}. {advice}"

    def _asked_pause(self, response: httpx.Response, request: Request) -> float | None:
        text = response.headers.get("Retry-After", "").strip()
        pause = retry_after(text, self.machine.clock())
        if pause is not None and pause > PATIENCE:
            width = format_width(int(pause) * SECOND)
            raise FetchError(
                f"{self.url(request)}: the server asks to come back in {width}. Run the"
                " same command again then: what has arrived is kept."
            )
        return pause


def retry_after(text: str, now: int) -> float | None:
    """`Retry-After` as seconds from `now`: a count, or an HTTP date."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (from_datetime(moment) - now) / SECOND) if moment.tzinfo else None


def _base_url(source: Source, given: str | None, environment: Mapping[str, str]) -> str:
    url = (given or environment.get(source.url_variable) or source.base_url).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{url!r} is no address: --base-url (or {source.url_variable}) starts with"
            " http:// or https://."
        )
    return url


def _key(key: Key | None, environment: Mapping[str, str]) -> str:
    if key is None:
        return ""
    found = environment.get(key.variable, "").strip()
    if not found:
        raise UsageError(
            f"This source needs a key: set the environment variable {key.variable}."
            " It is sent to the server and never written anywhere."
        )
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UsageError(
            f"{key.variable} holds characters that no key has; set it again."
        )
    return found


def wrong_answer(server: Server, request: Request, says: Any) -> FetchError:
    """The error of an answer that came well but says something else."""
    return FetchError(
        f"{server.url(request)}: {server.hide(str(says)).rstrip('.')}. Nothing of it is"
        " kept."
    )
