"""A test as fixed beforehand, and the hash that names it.

Canonical form: JSON with sorted keys, separators "," and ":", UTF-8, numbers as
integers or as decimal strings. A float has no one decimal form that every language
writes alike, so it is refused rather than written some way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from washout.errors import UsageError

Spec = Mapping[str, Any]
"""Nested mappings and lists of strings, integers, true, false and null."""


def canonical(value: Any) -> bytes:
    """`value` in its only form; UsageError says where something does not fit."""
    text = json.dumps(
        _checked(value, ""), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"A spec holds {text[error.start]!r}, half a character: it has no UTF-8."
        ) from None


def spec_hash(spec: Spec) -> str:
    """sha256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical(spec)).hexdigest()


def _checked(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {
            _name(key, where): _checked(item, f"{where}.{key}".lstrip("."))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_checked(item, f"{where}[{i}]") for i, item in enumerate(value)]
    place = where or "the spec"
    hint = f'Write it as a string: "{value}".' if isinstance(value, float) else ""
    raise UsageError(
        f"{place} is {value!r}, a {type(value).__name__}; expected text, an integer,"
        f" true, false, null, a list or a mapping. {hint}".rstrip()
    )


def _name(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise UsageError(f"{where or 'the spec'} has the key {key!r}; expected text.")
    return key
