"""Structured logs: one JSON object a line, or short lines for a person at a terminal."""

from __future__ import annotations

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec

from washout.errors import UsageError

SIZE, FILES = 10 << 20, 5
"""Bytes of a log file, and how many old ones are kept."""

log = logging.getLogger("washout")


class Structured(logging.Formatter):
    """`{"time", "level", "logger", "event", ...}`; what a record is `about` is added."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return msgspec.json.encode(_fields(self, record)).decode()


class Plain(logging.Formatter):
    """`12:34:56 warning event: key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback if there is one."""
        about = getattr(record, "about", {})
        words = " ".join(f"{name}={value}" for name, value in about.items())
        stamp = _stamp(record, "%H:%M:%S")
        line = f"{stamp} {record.levelname.lower()} {record.getMessage()}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{line}: {words}{trace}" if words else line + trace


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    stamp = _stamp(record, "%Y-%m-%dT%H:%M:%S")
    fields: dict[str, Any] = {
        "time": f"{stamp}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage(),
    }
    if record.exc_info:
        fields["traceback"] = formatter.formatException(record.exc_info)
    about = getattr(record, "about", {})
    return fields | {name: _plain(value) for name, value in about.items()}


def _stamp(record: logging.LogRecord, form: str) -> str:
    return time.strftime(form, time.gmtime(record.created))


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)


def set_up(path: Path | None, *, verbose: bool = False) -> logging.Handler:
    """Log to a file that rotates, else to stderr; gives the handler, to be closed."""
    handler = _handler(path)
    plain = path is None and sys.stderr.isatty()
    handler.setFormatter(Plain() if plain else Structured())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "picows", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    return handler


def _handler(path: Path | None) -> logging.Handler:
    if path is None:
        return logging.StreamHandler()
    try:
        return RotatingFileHandler(
            path, maxBytes=SIZE, backupCount=FILES, encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(
            f"--log {path}: {error.strerror}. Name another file."
        ) from None
