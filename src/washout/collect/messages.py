"""Frames of a websocket put together and unpacked: what a venue sent as one message."""

from __future__ import annotations

import zlib

from picows import WSFrame, WSMsgType

LONGEST_MESSAGE = 16 << 20
"""Bytes; a longer message cannot be meant."""


class Unreadable(Exception):
    """A message that cannot be put together or unpacked; what follows cannot either."""


class Messages:
    """Messages of one connection; they may come in parts (RFC 6455, 5.4) and packed."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._packed = False
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def take(self, frame: WSFrame) -> bytes | None:
        """The message that ends with this frame; None while parts are missing.

        Unreadable if it is too long, or not what RFC 7692 says packed messages are.
        """
        payload = frame.get_payload_as_bytes()
        if frame.msg_type != WSMsgType.CONTINUATION:
            self._packed = frame.rsv1
        if self._parts or not frame.fin:
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > LONGEST_MESSAGE:
                raise Unreadable("a message of more than 16 MiB")
            if not frame.fin:
                return None
            payload = b"".join(self._parts)
            self._parts, self._size = [], 0
        return self._unpacked(payload) if self._packed else payload

    def _unpacked(self, payload: bytes) -> bytes:
        """RFC 7692, 7.2.2: the end that was cut off is put back."""
        packed = payload + b"\x00\x00\xff\xff"
        try:
            whole = self._inflate.decompress(packed, LONGEST_MESSAGE)
        except zlib.error as error:
            raise Unreadable(f"a message that cannot be unpacked: {error}") from None
        if self._inflate.unconsumed_tail:
            raise Unreadable("a message of more than 16 MiB")
        return whole
