"""HTX packs every frame with gzip."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from _frames import frames
from washout.exchanges import Unexplained
from washout.exchanges.htx import LONGEST, htx

DECODE = htx.line("linear").decode
[FRAME] = [
    f for f in frames() if f.exchange is htx and "5 ETH, not 500" in f.told["source"]
]
PLAIN = FRAME.told["raw"].encode()


def test_a_frame_that_is_not_packed_is_unexplained():
    with pytest.raises(Unexplained, match="expected gzip"):
        DECODE(PLAIN, 0, {})


@pytest.mark.parametrize("packed", [zlib.compress(PLAIN), zlib.compress(PLAIN)[2:-4]])
def test_another_packing_is_unexplained(packed):
    with pytest.raises(Unexplained, match="expected gzip"):
        DECODE(packed, 0, {})


@pytest.mark.parametrize("more", [b"\0", gzip.compress(PLAIN)])
def test_bytes_behind_the_frame_are_unexplained(more):
    with pytest.raises(Unexplained, match="one whole gzip member"):
        DECODE(gzip.compress(PLAIN) + more, 0, {})


def test_a_changed_byte_anywhere_is_noticed():
    packed = bytearray(gzip.compress(PLAIN, mtime=0))
    expected = FRAME.decode(bytes(packed))
    for place in range(10, len(packed)):
        packed[place] ^= 0x40
        with pytest.raises(Unexplained):
            DECODE(bytes(packed), FRAME.received, FRAME.known)
        packed[place] ^= 0x40
    assert DECODE(bytes(packed), FRAME.received, FRAME.known) == expected


def test_a_frame_that_would_fill_the_memory_is_not_unpacked():
    bomb = gzip.compress(b" " * (LONGEST + 1) + PLAIN)
    with pytest.raises(Unexplained, match="one whole gzip member"):
        DECODE(bomb, 0, {})


@pytest.mark.parametrize("ts", ["1789676447110", 1789676447110])
def test_the_time_of_a_ping_goes_back_as_it_came(ts):
    said = DECODE(gzip.compress(json.dumps({"op": "ping", "ts": ts}).encode()), 0, {})
    assert json.loads(said.answer) == {"op": "pong", "ts": ts}
