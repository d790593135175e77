"""A local server of history, to try `washout fetch` without the network.

It serves a folder as the Binance archive serves its files (with a `.CHECKSUM` beside
each, and ranges), and canned answers as vendors give them. Faults can be planted.

    python -m washout.testing.history_server FOLDER --port 8080
    washout fetch binance-archive --base-url http://127.0.0.1:8080 ...

Paths are those of the real server: FOLDER/data/futures/um/daily/... A file
`FOLDER/answers/v1/liquidation-history.json` answers `/v1/liquidation-history`, whatever
its parameters.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

Kind = Literal["status", "cut", "checksum", "silent"]
Answer = bytes | Callable[[Mapping[str, str]], bytes]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong, `times` times, for paths that contain `path`.

    `status` answers with that code and headers (429 with Retry-After, 503); `cut` drops
    the connection after `after` bytes of the body; `checksum` gives a wrong one.
    """

    kind: Kind
    path: str = ""
    times: int = 1
    status: int = 503
    headers: Mapping[str, str] = {}
    body: bytes = b""
    after: int = 1000


class Seen(msgspec.Struct, frozen=True):
    """A request as it arrived."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


class HistoryServer:
    """Serves a folder and answers on a free port of this machine, as a context.

    >>> with HistoryServer() as server:  # doctest: +SKIP
    ...     server.answers["/v1/liquidation-history"] = b"[]"
    ...     fetch(source, wanted, folder, machine, base_url=server.url)
    """

    def __init__(
        self, folder: Path | None = None, *, port: int = 0, ranges: bool = True
    ) -> None:
        self.folder, self.ranges = folder, ranges
        self.answers: dict[str, Answer] = {}
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve(self) -> None:
        """Serve until the process ends."""
        self._http.serve_forever(poll_interval=0.02)

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(seen)

    def fault(self, path: str, kinds: tuple[Kind, ...]) -> Fault | None:
        """The next fault for a path, used up by one."""
        with self._lock:
            for place, fault in enumerate(self.faults):
                if fault.kind in kinds and fault.path in path and fault.times > 0:
                    self.faults[place] = msgspec.structs.replace(
                        fault, times=fault.times - 1
                    )
                    return fault
        return None

    def content(self, path: str, params: Mapping[str, str]) -> bytes | None:
        """What stands at a path; None if nothing does."""
        answer = self.answers.get(path)
        if answer is not None:
            return answer if isinstance(answer, bytes) else answer(params)
        if self.folder is None or ".." in path:
            return None
        for file in (
            self.folder / path.lstrip("/"),
            self.folder / f"answers{path}.json",
        ):
            if file.is_file():
                return file.read_bytes()
        return self._checksum(path)

    def _checksum(self, path: str) -> bytes | None:
        if self.folder is None or not path.endswith(".CHECKSUM"):
            return None
        file = self.folder / path.lstrip("/").removesuffix(".CHECKSUM")
        if not file.is_file():
            return None
        return (
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n".encode()
        )


def _handler(server: HistoryServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(server, self)

        def log_message(self, *_: Any) -> None:
            """Stay silent: tests look at `seen`."""

    return Handler


def _answer(server: HistoryServer, http: BaseHTTPRequestHandler) -> None:
    parts = urlsplit(http.path)
    params = dict(parse_qsl(parts.query))
    server.note(Seen(parts.path, params, dict(http.headers.items())))
    broken = server.fault(parts.path, ("status", "silent"))
    if broken is not None and broken.kind == "silent":
        http.close_connection = True
    elif broken is not None:
        _send(http, broken.status, broken.body, broken.headers)
    else:
        _serve(server, http, parts.path, params)


def _serve(
    server: HistoryServer,
    http: BaseHTTPRequestHandler,
    path: str,
    params: dict[str, str],
) -> None:
    content = server.content(path, params)
    if content is None:
        _send(http, 404, b"<Error><Code>NoSuchKey</Code></Error>")
        return
    if path.endswith(".CHECKSUM") and server.fault(path, ("checksum",)):
        content = b"0" * 64 + content[64:]
    status, headers, body = 200, {}, content
    asked = http.headers.get("Range", "")
    if server.ranges and asked.startswith("bytes="):
        first = int(asked.removeprefix("bytes=").split("-")[0])
        if first >= len(content):
            _send(http, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        status, body = 206, content[first:]
        headers = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
    cut = server.fault(path, ("cut",))
    _send(http, status, body, headers, cut=None if cut is None else cut.after)


def _send(
    http: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    cut: int | None = None,
) -> None:
    http.send_response(status)
    for name, value in (headers or {}).items():
        http.send_header(name, value)
    http.send_header("Content-Length", str(len(body)))
    http.end_headers()
    http.wfile.write(body if cut is None else body[:cut])
    if cut is not None:
        http.wfile.flush()
        http.close_connection = True


def main() -> None:
    """Serve a folder until interrupted."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8080)
    asked = parser.parse_args()
    server = HistoryServer(asked.folder, port=asked.port)
    sys.stderr.write(f"serving {asked.folder} at {server.url}\n")
    server.serve()


if __name__ == "__main__":
    main()
