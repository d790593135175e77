"""A small local HTTP endpoint: /health, /metrics, and /tape as server-sent events."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from washout.errors import UsageError
from washout.live.report import Report, metrics
from washout.live.tape import Listener, Missed, Tape

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

KEEP_ALIVE = 15.0
"""Seconds after which a quiet tape says that it is still there."""


def listen_at(address: str) -> socket.socket:
    """A socket that listens at `HOST:PORT`; UsageError says why it cannot be."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 65536):
        raise UsageError(
            f"--listen {address}: write HOST:PORT, such as 127.0.0.1:8377, or `off`."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), int(port)))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"--listen {address}: {error.strerror}. Choose another port, or `off`."
        ) from None
    return listening


def server(tape: Tape, report: Callable[[], Report]) -> uvicorn.Server:
    """A server of the endpoint, to be run in the recorder's loop."""
    import uvicorn

    class Quiet(uvicorn.Server):
        """Leaves signals to the recorder, which ends in order."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        application(tape, report), log_config=None, access_log=False, lifespan="off",
        ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    return Quiet(config)


def application(tape: Tape, report: Callable[[], Report]) -> Starlette:
    """The routes."""
    from starlette.applications import Starlette
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    async def health(_request: Request) -> Response:
        now = report()
        return Response(
            msgspec.json.encode(now), 503 if now.wrong else 200,
            media_type="application/json",
        )  # fmt: skip

    async def figures(_request: Request) -> Response:
        return Response(metrics(report()), media_type="text/plain; version=0.0.4")

    async def events(request: Request) -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get(
            "after"
        )
        listener = tape.listen(after)
        return StreamingResponse(
            stream(tape, listener), media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )  # fmt: skip

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", figures),
            Route("/tape", events),
        ]
    )


async def stream(tape: Tape, listener: Listener) -> AsyncIterator[bytes]:
    """A listener's rows as server-sent events; the last one says why it was dropped."""
    try:
        yield f": recording {tape.run}\n\n".encode()
        while True:
            try:
                found = await listener.next(KEEP_ALIVE)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if isinstance(found, Missed):
                content = msgspec.json.encode(found)
                yield b"event: missed\ndata: " + content + b"\n\n"
                if listener.dropped:
                    return
            else:
                yield b"".join(
                    b"id: %s\nevent: liquidation\ndata: %s\n\n"
                    % (tape.name(row).encode(), row.content)
                    for row in found
                )
    finally:
        tape.leave(listener)
