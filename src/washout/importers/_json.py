"""Answers of vendors: JSON as it came, or in the envelope in which fetch keeps it.

The envelope is a JSON object that says what was asked, beside what was answered:
`{"washout_fetch": 1, "source", "url", "params", "fetched_at", "answer"}`. Keys of the
vendor are never in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from washout.clock import format_time, parse_time
from washout.errors import InputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARK = "washout_fetch"
VERSION = 1


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's answer; `params` and `fetched_at` are known if we fetched it."""

    body: Any
    url: str = ""
    params: Mapping[str, str] = {}
    fetched_at: int | None = None

    def until(self, now: int) -> int:
        """The instant after which the answer cannot know anything."""
        return now if self.fetched_at is None else min(now, self.fetched_at)


class _Envelope(msgspec.Struct, frozen=True):
    washout_fetch: int
    source: str
    url: str
    params: dict[str, str]
    fetched_at: str
    answer: msgspec.Raw


def envelope(
    source: str, url: str, params: Mapping[str, str], fetched_at: int, answer: bytes
) -> bytes:
    """Wrap a vendor's answer, unchanged, in what was asked and when."""
    kept = _Envelope(
        VERSION, source, url, dict(params), format_time(fetched_at), msgspec.Raw(answer)
    )
    return msgspec.json.encode(kept)


def recognise_answer(head: bytes, source: str, pattern: bytes) -> bool:
    """Whether a file is our envelope of `source`, or JSON that has `pattern`."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b'{"' + MARK.encode()):
        return b'"source":"' + source.encode() + b'"' in start[:2000]
    return start[:1] in (b"{", b"[") and re.search(pattern, start) is not None


def read_answer(path: Path, source: str) -> Answer:
    """Read an answer or its envelope. InputError if it is not JSON, or not of `source`."""
    content = path.read_bytes().decode("utf-8-sig").encode()
    body = _decode(content, path.name)
    if not (isinstance(body, dict) and MARK in body):
        return Answer(body=body)
    if body.get(MARK) != VERSION or body.get("source") != source:
        raise InputError(
            f"it is an answer of {body.get('source')!r} that fetch kept (layout"
            f" {body.get(MARK)!r}); expected {source!r} (layout {VERSION}). Leave"
            " --format away, or upgrade washout",
            unit=path.name,
        )
    try:
        asked = msgspec.json.decode(content, type=_Envelope)
        fetched_at = parse_time(asked.fetched_at)
    except (msgspec.ValidationError, UsageError) as error:
        raise InputError(f"its envelope is damaged: {error}", unit=path.name) from None
    return Answer(
        body=body["answer"], url=asked.url, params=asked.params, fetched_at=fetched_at
    )


def _decode(content: bytes, unit: str) -> Any:
    if content.lstrip()[:1] == b"<":
        raise InputError(
            "it is a web page (HTML or XML), not JSON: the server answered with an"
            " error page, or the address was that of a page. Fetch it again",
            unit=unit,
        )
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise InputError(
            f"it is no complete JSON document: {error}. It may be cut off; fetch it"
            " again",
            unit=unit,
        ) from None


def field(record: Any, name: str, unit: str, row: int) -> Any:
    """A field that a record must have."""
    if not isinstance(record, dict):
        raise InputError(
            f"expected an object with field {name!r}, found {_short(record)}",
            unit=unit, row=row,
        )  # fmt: skip
    if name not in record:
        raise InputError(
            f"the record has no {name!r}; it has {', '.join(record) or 'nothing'}",
            unit=unit, row=row,
        )  # fmt: skip
    return record[name]


def number(value: Any, name: str, unit: str, row: int) -> float:
    """A number, or text that is one; null and empty text are missing: NaN."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(
            f"{name} is {_short(value)}, which is no amount", unit=unit, row=row
        )
    return found


def whole(value: Any, name: str, unit: str, row: int) -> int:
    """A whole number that fits 64 bits, or text that is one."""
    try:
        found = int(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None or found != float(value) or abs(found) >= 2**63:
        raise InputError(
            f"{name} is {_short(value)}; expected a whole number", unit=unit, row=row
        )
    return found


def amounts_of(
    found: list[Any], names: Mapping[str, str], unit: str, first: int = 1
) -> dict[str, NDArray[np.float64]]:
    """Columns of numbers, ours -> theirs, from records that start on line `first`."""
    return {
        ours: np.array(
            [
                number(field(record, theirs, unit, line), theirs, unit, line)
                for line, record in enumerate(found, first)
            ],
            np.float64,
        )
        for ours, theirs in names.items()
    }


def stamps_of(found: list[Any], name: str, unit: str) -> NDArray[np.int64]:
    """A column of whole numbers."""
    return np.array(
        [
            whole(field(record, name, unit, line), name, unit, line)
            for line, record in enumerate(found, 1)
        ],
        np.int64,
    )


def records(value: Any, unit: str, what: str) -> list[Any]:
    """A list that is not empty."""
    if not isinstance(value, list):
        raise InputError(f"expected {what} as a list, found {_short(value)}", unit=unit)
    if not value:
        raise InputError(
            f"the answer holds no {what}: the vendor knows nothing for what was asked."
            " Check the symbol and the dates",
            unit=unit,
        )
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
