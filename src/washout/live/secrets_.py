"""Secrets of channels: from the environment or a file of the user's own, never shown."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from washout.errors import UsageError

_NAMED = re.compile(r"\$\{(file:)?([^}]+)\}")
_SHORT = 4
"""Shorter values are not looked for in texts: they occur by chance."""

HIDDEN = "***"

_LOUD = ("apprise", "httpcore", "httpx", "requests", "urllib3")
"""Libraries that log the addresses they are given, and a token is part of one."""


def names(text: str) -> list[str]:
    """What a setting refers to: `NAME` of a variable, `file:PATH`."""
    return [f"{kind}{name}" for kind, name in _NAMED.findall(text)]


def resolved(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """A setting with what it refers to in place; UsageError where that is missing."""

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return _of_file(folder / Path(found[2]).expanduser())
        if not environ.get(found[2]):
            raise UsageError(
                f"The environment has no {found[2]}, which a channel needs. Set it, or"
                " name a file of mode 0600 as ${file:PATH}."
            )
        return environ[found[2]]

    return _NAMED.sub(value, text)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
            if mode & 0o077:
                raise UsageError(
                    f"{path} holds a secret and has mode {mode:04o}; others may read"
                    f" it. Make it 0600: chmod 600 {path}"
                )
            return handle.read().decode().strip()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.") from None


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """A text without the secrets that it may hold, plain or as in an address."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        for shape in (secret, quote(secret, safe=""), quote(secret)):
            if len(shape) >= _SHORT:
                text = text.replace(shape, HIDDEN)
    return text


def hush() -> None:
    """Keep libraries that send from logging addresses, whatever level is set above them."""
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("apprise").propagate = False
