"""The bytes of a journal's segment: a line that says what it is, then blocks.

A block is a fixed header (little-endian) and the entries as MessagePack, a list of maps,
packed with zstd:

    magic 4 bytes | flags u32 | packed size u32 | plain size u32 | entries u32
    number of the first entry u64 | first ts i64 | last ts i64
    crc32 of the packed bytes u32 | crc32 of this header up to here u32

Entries are numbered over the whole journal, so that a reader knows exactly what a
damaged stretch held, and what it was told twice.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from washout.collect.entries import Entry
from washout.errors import LakeError, LakeTooNew

FORMAT = 1
MAGIC = b"\xf7wB1"
RESTATED = 1
"""Flag: the block restates what went on when its segment began; it has no numbers."""
LEVEL = 3

_HEADER = struct.Struct("<4sIIIIQqqI")
_CHECK = struct.Struct("<I")
HEADER = _HEADER.size + _CHECK.size

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])


class Title(msgspec.Struct, frozen=True, kw_only=True):
    """What the first line of a segment says, as JSON and its crc32 in hex.

    `number` is that of the first entry that the segment was begun for.
    """

    washout_journal: int
    segment: int
    number: int
    first: int
    codec: str = "zstd"
    entries: str = "MessagePack"
    check: str = "crc32"


class Block(msgspec.Struct, frozen=True):
    """A whole block as found at `[begin, end)` of a segment."""

    begin: int
    end: int
    flags: int
    count: int
    number: int
    first: int
    last: int
    plain: int
    packed: Any

    @property
    def restated(self) -> bool:
        """Whether it restates what earlier segments say."""
        return bool(self.flags & RESTATED)


class Damage(msgspec.Struct, frozen=True):
    """Bytes `[begin, end)` of a segment that are no block; `torn` if none follows."""

    begin: int
    end: int
    torn: bool


def title_line(title: Title) -> bytes:
    """The first line of a segment."""
    told = msgspec.json.encode(title)
    return told + f" {zlib.crc32(told):08x}\n".encode()


def read_title(data: bytes | memoryview) -> tuple[Title | None, int]:
    """The title and where blocks begin; None at 0 where it is damaged.

    LakeTooNew if a newer washout wrote it.
    """
    line, newline, _ = bytes(data[:4096]).partition(b"\n")
    told, _, check = line.rpartition(b" ")
    if not newline or check != f"{zlib.crc32(told):08x}".encode():
        return None, 0
    found: dict[str, Any] = msgspec.json.decode(told)
    if found.get("washout_journal", FORMAT) > FORMAT:
        raise LakeTooNew(
            f"The journal was written by a newer washout (journal format"
            f" {found['washout_journal']}; this one reads up to {FORMAT}). Upgrade"
            " washout."
        )
    return msgspec.convert(found, Title), len(line) + 1


@cache
def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=LEVEL)


def pack(entries: Sequence[Entry], number: int, flags: int = 0) -> bytes:
    """One block of `entries`, the first of which has `number`."""
    plain = _encoder.encode(entries)
    packed = _codec().compress(plain, asbytes=True)
    header = _HEADER.pack(
        MAGIC, flags, len(packed), len(plain), len(entries), number,
        entries[0].ts, entries[-1].ts, zlib.crc32(packed),
    )  # fmt: skip
    return b"".join((header, _CHECK.pack(zlib.crc32(header)), packed))


def unpack(block: Block) -> list[Entry]:
    """The entries of a block. LakeError where a newer washout must have written it."""
    plain = _codec().decompress(block.packed, block.plain, asbytes=True)
    try:
        return _decoder.decode(plain)
    except msgspec.ValidationError as error:
        raise LakeError(
            f"The journal holds an entry that this washout does not know: {error}."
            " Read it with the washout that wrote it, or a newer one."
        ) from None


def scan(data: memoryview, at: int) -> Iterator[Block | Damage]:
    """Everything in a segment from `at` on: whole blocks, and what lies between."""
    while at < len(data):
        block = _block_at(data, at)
        if block is None:
            block = _next_block(data, at + 1)
            end = block.begin if block else len(data)
            yield Damage(at, end, torn=block is None)
        if block is None:
            return
        yield block
        at = block.end


def _block_at(data: memoryview, at: int) -> Block | None:
    packed_at = at + HEADER
    if packed_at > len(data) or data[at : at + 4] != MAGIC:
        return None
    header = data[at : at + _HEADER.size]
    if zlib.crc32(header) != _CHECK.unpack_from(data, at + _HEADER.size)[0]:
        return None
    _, flags, size, plain, count, number, first, last, check = _HEADER.unpack(header)
    packed = data[packed_at : packed_at + size]
    if len(packed) < size or zlib.crc32(packed) != check:
        return None
    return Block(at, packed_at + size, flags, count, number, first, last, plain, packed)


def _next_block(data: memoryview, at: int) -> Block | None:
    """The first whole block that begins at `at` or later."""
    whole = bytes(data[at:])
    found = whole.find(MAGIC)
    while found >= 0:
        block = _block_at(data, at + found)
        if block is not None:
            return block
        found = whole.find(MAGIC, found + 1)
    return None
