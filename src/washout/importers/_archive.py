"""Files as the Binance archive serves them: what is in them, whose it is, and how sure.

A file is a zip of CSV members, or the CSV itself. What it holds is told by its content;
its name helps with what content does not say: the symbol, and the days it covers.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from washout.clock import DAY, from_datetime
from washout.errors import InputError, UsageError
from washout.importers import Options
from washout.instruments import coin_margined_usd, split_symbol

SOURCE = "binance-archive"
PIECE = 1 << 20
"""Bytes of text that are handled at a time: they stay in the processor's cache."""

READ = 1 << 18
AHEAD = 4
"""Pieces that are inflated before they are asked for."""

Family = Literal["spot", "um", "cm"]

_LOCAL = 30
_STORED, _DEFLATED = 0, 8


class Layout(Struct, frozen=True):
    """The columns of a kind of file, and how to know it without a header.

    `named` is the word in archive names; `optional` columns may stand at the end;
    `alike` looks at the cells of the first data row where there is no header.
    """

    named: str
    columns: tuple[str, ...]
    alike: Callable[[Sequence[str]], bool]
    optional: tuple[str, ...] = ()


class Member(Struct, frozen=True):
    """One CSV: a member of a zip, or a file of its own."""

    path: Path
    name: str
    unit: str
    packed: zipfile.ZipInfo | None


# what is in a file


def first_lines(head: bytes, path: Path) -> tuple[str, list[str]]:
    """Name of the (first) CSV in a file and its first lines, even of a cut-off zip."""
    name, text = path.name, head
    if head.startswith(b"PK\x03\x04"):
        name, text = _peek(head)
    lines = text[:4096].decode("utf-8-sig", "replace").splitlines()
    return name, lines[:2] if len(text) <= 4096 or len(lines) > 2 else lines[:1]


def _peek(head: bytes) -> tuple[str, bytes]:
    size, extra = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    name = head[_LOCAL : _LOCAL + size].decode("utf-8", "replace")
    body = head[_LOCAL + size + extra :]
    if int.from_bytes(head[8:10], "little") == _STORED:
        return name, body
    try:
        return name, zlib.decompressobj(-15).decompress(body, 8192)
    except zlib.error:
        return name, b""


def is_header(line: str) -> bool:
    """Whether a line names columns: its first cell has letters and no digits."""
    return bool(re.fullmatch(r'"?[A-Za-z_ ]+"?', line.split(",", maxsplit=1)[0]))


def cells(line: str) -> list[str]:
    """The cells of a line, unquoted."""
    return [cell.strip().strip('"') for cell in line.split(",")]


def holds(layout: Layout, head: bytes, path: Path) -> bool:
    """Whether a file is of this kind: by header, first row, or at last by name."""
    name, lines = first_lines(head, path)
    if not lines:
        return f"-{layout.named}-" in name
    if is_header(lines[0]):
        named = {name.lower() for name in cells(lines[0])}
        return 2 * len(named & set(layout.columns)) > len(layout.columns)
    return layout.alike(cells(lines[0]))


def data_row(head: bytes, path: Path) -> dict[str, str]:
    """The first row of data by column name, {} where there is no header and row."""
    _, lines = first_lines(head, path)
    if len(lines) < 2 or not is_header(lines[0]):
        return {}
    return dict(zip(cells(lines[0]), cells(lines[1]), strict=False))


# members


def members(path: Path) -> Iterator[Member]:
    """The CSVs in a file, after its checksum was compared where there is one."""
    verify(path)
    with path.open("rb") as handle:
        packed = handle.read(4) == b"PK\x03\x04"
    if not packed:
        yield Member(path, path.name, path.name, None)
        return
    found = [info for info in _directory(path) if not info.is_dir()]
    texts = [info for info in found if info.filename.lower().endswith(".csv")]
    if not texts:
        names = ", ".join(info.filename for info in found[:3]) or "nothing"
        raise InputError(f"it holds no CSV, but {names}", unit=path.name)
    for info in texts:
        unit = path.name if len(texts) == 1 else f"{path.name}!{info.filename}"
        yield Member(path, Path(info.filename).name, unit, info)


def _directory(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise InputError(
            f"it is no complete zip ({str(error).rstrip('.')}): the download was cut"
            " off. Fetch it again",
            unit=path.name,
        ) from None


def verify(path: Path) -> None:
    """Compare a file with the sha256 in the `.CHECKSUM` beside it, if there is one."""
    beside = path.with_name(path.name + ".CHECKSUM")
    if not beside.exists():
        return
    said = beside.read_text(errors="replace").split()[:1]
    with path.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if said != [found]:
        raise InputError(
            f"its sha256 is {found[:12]}..., but {beside.name} says"
            f" {said[0][:12] if said else 'nothing'}...: the file was damaged or"
            " changed. Fetch it again",
            unit=path.name,
        )


def text_of(member: Member) -> Iterator[bytes]:
    """The text of a member, piece by piece; a damaged zip is refused at its end."""
    if member.packed is None:
        with member.path.open("rb") as handle:
            while piece := handle.read(PIECE):
                yield piece
    else:
        yield from _inflated(member, member.packed)


def _inflated(member: Member, info: zipfile.ZipInfo) -> Iterator[bytes]:
    from isal import igzip_lib, isal_zlib

    checksum = size = 0
    try:
        for piece in _pieces(member, info):
            checksum = isal_zlib.crc32(piece, checksum)
            size += len(piece)
            yield piece
    except igzip_lib.IsalError:  # type: ignore[misc]  # its stub says it is no class
        raise _damaged(member, "its compressed data cannot be read") from None
    if (size, checksum) != (info.file_size, info.CRC):
        reason = (
            f"{size} bytes came out where its directory says {info.file_size}"
            if size != info.file_size
            else "the CRC of its text is not the one in its directory"
        )
        raise _damaged(member, reason)


def _damaged(member: Member, reason: str) -> InputError:
    return InputError(
        f"{reason}: the zip was cut off or damaged. Fetch it again", unit=member.unit
    )


def _pieces(member: Member, info: zipfile.ZipInfo) -> Iterator[bytes]:
    from isal import igzip_lib

    if info.flag_bits & 1 or info.compress_type not in (_STORED, _DEFLATED):
        raise InputError(
            "it is encrypted or compressed in a way that the archive does not use"
            f" (method {info.compress_type}); expected deflate",
            unit=member.unit,
        )
    raw = _raw(member, info)
    if info.compress_type == _STORED:
        yield from raw
        return
    inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    for compressed in raw:
        given = compressed
        while not inflate.eof:
            piece = inflate.decompress(given, PIECE)
            given = b""
            if piece:
                yield piece
            if inflate.needs_input:
                break


def _raw(member: Member, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with member.path.open("rb") as handle:
        handle.seek(info.header_offset + 26)
        head = handle.read(4)
        size, extra = (int.from_bytes(head[at : at + 2], "little") for at in (0, 2))
        handle.seek(info.header_offset + _LOCAL + size + extra)
        left = info.compress_size
        while left > 0 and (piece := handle.read(min(READ, left))):
            left -= len(piece)
            yield piece


def ahead(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces, made in another thread before they are asked for."""
    source = iter(pieces)
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, source, b"") for _ in range(AHEAD))
        while piece := waiting.popleft().result():
            waiting.append(pool.submit(next, source, b""))
            yield piece


# whose it is


class Market(Struct, frozen=True):
    """Whose facts a member holds."""

    exchange: str
    asset: str
    market: str
    family: Family

    @property
    def product(self) -> str:
        """`spot` or `perp`."""
        return "spot" if self.family == "spot" else "perp"

    @property
    def contract(self) -> int:
        """USD size of the contracts that quantities count, 0 where they are coins."""
        return coin_margined_usd(self.asset) if self.family == "cm" else 0


def market_of(
    member: Member, options: Options, likely: Family, symbol: str | None = None
) -> Market:
    """Exchange, asset, market and family of a member.

    The symbol is in its data (`symbol`) or begins its name; `options.scope` overrides.
    The family is told, first that applies: by `--map product=spot|um|cm`; by a symbol
    in USD with `_PERP` or a date, which only COIN-M has; by a folder `spot`, `um` or
    `cm` in its path; else it is `likely`, which is what the content looks like.
    """
    exchange = options.scope.exchange if options.scope else "binance"
    name = symbol or symbol_in(member.name)
    if options.scope and options.scope.market:
        asset, market = options.scope.asset, options.scope.market
    elif name is None:
        raise InputError(
            "its name does not begin with a symbol, such as BTCUSDT-...-2024-10-01.csv."
            " Say which market it is with --scope binance:BTC-USDT",
            unit=member.unit,
        )
    else:
        asset, market = _split(name, member)
    if options.scope and options.scope.asset != asset:
        raise InputError(
            f"it is about {asset} ({name}), but the scope is {options.scope}",
            unit=member.unit,
        )
    return Market(exchange, asset, market, _family(member, options, name, likely))


def _split(symbol: str, member: Member) -> tuple[str, str]:
    try:
        return split_symbol(symbol)
    except UsageError as error:
        raise InputError(str(error).rstrip("."), unit=member.unit) from None


def symbol_in(name: str) -> str | None:
    """The symbol that begins an archive name: BTCUSD_PERP-1m-2025-10-10.zip."""
    found = re.match(r"([A-Z0-9]{5,}(?:_[A-Z0-9]+)?)-", name)
    return found[1] if found else None


def _family(
    member: Member, options: Options, symbol: str | None, likely: Family
) -> Family:
    said = options.columns.get("product")
    known: dict[str, Family] = {"spot": "spot", "um": "um", "cm": "cm", "perp": "um"}
    inverse = re.fullmatch(r"[A-Z0-9]+USD_(PERP|\d{6})", symbol or "")
    if said is not None:
        if said not in known:
            raise InputError(
                f"product={said} is none of {', '.join(known)}", unit=member.unit
            )
        return "cm" if said == "perp" and inverse else known[said]
    if inverse:
        return "cm"
    folders = (*member.path.parts[:-1], *Path(member.name).parts[:-1])
    for folder in reversed(folders):
        if folder in ("spot", "um", "cm"):
            return known[folder]
    return likely


def named_days(name: str) -> tuple[int, int] | None:
    """The day or month that a name ends in, as `[begin, end)` in microseconds."""
    found = re.search(r"-(\d{4})-(\d{2})(?:-(\d{2}))?(?:\D|$)", name)
    if not found:
        return None
    year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
    try:
        begin = from_datetime(datetime(year, month, day, tzinfo=UTC))
        if found[3]:
            return begin, begin + DAY
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return begin, from_datetime(after)
    except ValueError:
        return None


def whole_days(member: Member, first: int, last: int, now: int) -> tuple[int, int]:
    """`[begin, end)` that a complete file covers: whole UTC days, and not the future.

    The days are those of its rows, and those that its name states if no row is outside.
    """
    begin, end = first - first % DAY, last - last % DAY + DAY
    stated = named_days(member.name)
    if stated and stated[0] <= begin and end <= stated[1]:
        begin, end = stated
    return begin, max(min(end, now), last + 1)
