"""Messages between a task and its parent, over a pair of sockets.

A message is of a kind, which one byte names. Neither side trusts the other to go on: a message that
is too long is refused before it is read, and whoever waits for the rest of one looks now and then
whether to go on waiting. Clips are messages of megabytes, so none is copied on its way.
"""

import os
import select
import struct
from collections.abc import Callable

# The length of a message in bytes, and its kind.
_HEAD = struct.Struct("!Qc")

# Bytes that are read or written at once, and seconds between two looks.
_BLOCK = 1 << 20
_LOOK = 0.5


class BadMessageError(Exception):
    """What came is no message."""


class Channel:
    """One end of a pair of connected stream sockets, which must be closed by whoever made it."""

    def __init__(self, descriptor: int, look: Callable[[], None] = lambda: None) -> None:
        """`look` is called now and then while this end waits; it raises to end that."""
        self._descriptor, self._look = descriptor, look

    def send(self, kind: bytes, message: bytes = b"") -> None:
        """Send a message; its kind is one byte. Raises OSError if the other end is closed."""
        for data in (_HEAD.pack(len(message), kind), message):
            left = memoryview(data)
            while left:
                self._wait(select.POLLOUT)
                left = left[os.write(self._descriptor, left[:_BLOCK]) :]

    def receive(self, most: int) -> tuple[bytes, bytearray]:
        """The next message, of up to `most` bytes: its kind, and what it says.

        Raises EOFError or OSError if the other end is closed, BadMessageError for a longer one.
        """
        length, kind = _HEAD.unpack(self._read(_HEAD.size))
        if length > most:
            raise BadMessageError
        return kind, self._read(length)

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        left = memoryview(data)
        while left:
            self._wait(select.POLLIN)
            read = os.readv(self._descriptor, [left[:_BLOCK]])
            if not read:
                raise EOFError
            left = left[read:]
        return data

    def _wait(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, what)
        while not poll.poll(1000 * _LOOK):
            self._look()
