"""Messages between a task and its parent, over a pair of sockets.

Neither side trusts the other to go on: a message that is too long is refused before it is read, and
whoever waits for the rest of one looks now and then whether to go on waiting.
"""

import os
import select
import struct
from collections.abc import Callable

_LENGTH = struct.Struct("!Q")

# Bytes that are read at once, and seconds between two looks.
_BLOCK = 1 << 20
_LOOK = 0.5


class BadMessageError(Exception):
    """What came is no message."""


class Channel:
    """One end of a pair of connected stream sockets, which must be closed by whoever made it."""

    def __init__(self, descriptor: int, look: Callable[[], None] = lambda: None) -> None:
        """`look` is called now and then while this end waits; it raises to end that."""
        self._descriptor, self._look = descriptor, look

    def send(self, message: bytes) -> None:
        """Send a message. Raises OSError if the other end is closed."""
        for data in (_LENGTH.pack(len(message)), message):
            left = memoryview(data)
            while left:
                self._wait(select.POLLOUT)
                left = left[os.write(self._descriptor, left[:_BLOCK]) :]

    def receive(self, most: int) -> bytes:
        """The next message, of up to `most` bytes.

        Raises EOFError or OSError if the other end is closed, BadMessageError for a longer one.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > most:
            raise BadMessageError
        return self._read(length)

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._wait(select.POLLIN)
            block = os.read(self._descriptor, min(_BLOCK, length - len(data)))
            if not block:
                raise EOFError
            data += block
        return bytes(data)

    def _wait(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, what)
        while not poll.poll(1000 * _LOOK):
            self._look()
