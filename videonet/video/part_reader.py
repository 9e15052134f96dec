"""Reads a file of which bytes are missing, as a decoder does."""

import errno
import io
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence

# Begin and end (exclusive) of bytes that are there.
Span = tuple[int, int]


class PartReader(io.RawIOBase):
    """A file with holes, which are filled when they are come to. What cannot be filled is its end.

    Nothing is raised there, because FFmpeg would go on as if nothing had happened, and ask again
    and again. The file stays open when this is closed.
    """

    def __init__(
        self,
        descriptor: int,
        size: int,
        spans: Sequence[Span],
        bring: Callable[[int, int], Sequence[Span] | None],
    ) -> None:
        """The open file has `size` bytes, of which `spans` are there: ascending, with gaps between.

        `bring` is given the bytes that are to be read and gets those that are missing. It returns
        what is there then, or None if they cannot be had.
        """
        super().__init__()
        self._descriptor, self._size, self._spans = descriptor, size, spans
        self._bring = bring
        self._position = 0
        self._has_ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the file; to one that no file can have, as little as the system does.

        PyAV hands what is below 0 to FFmpeg, as the number of an error.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        try:
            # The file system knows, and FFmpeg asks it about a file that is whole.
            self._position = os.lseek(self._descriptor, base[whence] + offset, os.SEEK_SET)
        except (OSError, OverflowError):
            return -errno.EINVAL
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none at the end of the file, and once some could not be had."""
        begin = self._position
        end = self._size if size < 0 else min(begin + size, self._size)
        if begin >= end or self._has_ended:
            return b""
        if not self._has(begin, end):
            spans = self._bring(begin, end)
            if spans is None:
                self._has_ended = True
                return b""
            self._spans = spans
        data = os.pread(self._descriptor, end - begin, begin)
        self._position += len(data)
        return data

    def _has(self, begin: int, end: int) -> bool:
        place = bisect_right(self._spans, begin, key=lambda span: span[0]) - 1
        return place >= 0 and end <= self._spans[place][1]
