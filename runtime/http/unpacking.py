"""Unpacking what a server packed, in bounded pieces."""

import zlib
from collections.abc import Iterable

from runtime.errors import Unavailable

INFLATED_AT_ONCE = 64 * 1024


class Inflater:
    """Unpacks gzip and zlib in pieces of at most 64 KiB, however much a few packed bytes stand for.

    Whoever uses it counts what comes out. Raises Unavailable `response_damaged`.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    def feed(self, packed: bytes) -> Iterable[bytes]:
        """What `packed` unpacks to; several members one after the other are one text."""
        try:
            while packed:
                self._begun = True
                piece = self._stream.decompress(packed, INFLATED_AT_ONCE)
                packed = self._stream.unconsumed_tail
                if self._stream.eof:
                    packed = self._stream.unused_data
                    self._stream, self._begun = zlib.decompressobj(zlib.MAX_WBITS | 32), False
                if piece:
                    yield piece
        except zlib.error as error:
            raise _damaged() from error

    def finish(self) -> None:
        """To be called at the end of the input, which may not be in the middle of a member."""
        if self._begun:
            raise _damaged()


def _damaged() -> Unavailable:
    return Unavailable(
        "response_damaged", "What the server sent cannot be unpacked.", next_step="Try again later."
    )
