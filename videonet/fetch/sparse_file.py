"""A video with some of its bytes: a file as long as the complete one, with holes.

The first frames of a video need its index and its beginning alone. Where a reader comes to a hole,
the hole is filled, or the reader is told that too few bytes are local.
"""

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from videonet.schemas.fetch import Part

_BLOCK = 1 << 20  # bytes that are read at a time, to be hashed

Span = tuple[int, int]


class MissingBytesError(Exception):
    """Bytes were to be read that are not local."""


class PartFile:
    """A file, and which of its bytes are local. For one thread at a time."""

    def __init__(
        self, path: Path, size: int, validator: str | None, spans: Iterable[Span] = ()
    ) -> None:
        """The file at `path` has `size` bytes; `spans` are local. `validator`: see `Part`."""
        self.path, self.size, self.validator = path, size, validator
        self.spans = list(spans)

    @classmethod
    def begun(cls, path: Path, size: int, validator: str | None) -> "PartFile":
        """A file without any local bytes yet."""
        with path.open("wb") as file:
            file.truncate(size)
        return cls(path, size, validator)

    @classmethod
    def opened(cls, path: Path, part: Part) -> "PartFile":
        """The file at `path`, with the local bytes that `part` names."""
        return cls(path, part.size, part.validator, part.spans)

    @classmethod
    def broken_off(cls, path: Path, size: int) -> "PartFile | None":
        """A file of `size` bytes whose beginning lies at `path`; None if there is none."""
        try:
            length = path.stat().st_size
        except FileNotFoundError:
            return None
        if not 0 < length < size:
            return None
        os.truncate(path, size)
        return cls(path, size, None, [(0, length)])

    @property
    def local_bytes(self) -> int:
        """How many bytes are local."""
        return sum(end - begin for begin, end in self.spans)

    @property
    def is_complete(self) -> bool:
        """Whether there are no holes."""
        return self.local_bytes == self.size

    def holes(self, begin: int = 0, end: int | None = None) -> Iterator[Span]:
        """The holes within the bytes from `begin` to before `end` (of the file), ascending."""
        end = self.size if end is None else min(end, self.size)
        for start, until in self.spans:
            if start >= end:
                break
            if start > begin:
                yield begin, start
            begin = max(begin, until)
        if begin < end:
            yield begin, end

    def write(self, at: int, data: bytes) -> None:
        """Write bytes at a place of the file."""
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)
        self.spans = _merged([*self.spans, (at, at + len(data))])

    def part(self) -> Part:
        """The local bytes, as a record."""
        return Part(
            spans=tuple(self.spans),
            sha256=digest_of(self.path, self.spans),
            size=self.size,
            validator=self.validator,
        )


def digest_of(path: Path, spans: Iterable[Span]) -> str:
    """Hex sha256 of these bytes of a file, one span after the other."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for begin, end in spans:
            file.seek(begin)
            while begin < end and (block := file.read(min(_BLOCK, end - begin))):
                digest.update(block)
                begin += len(block)
    return digest.hexdigest()


class PartReader(io.RawIOBase):
    """Reads a file with holes, as a decoder does. It must be closed.

    `fill` is called with the bytes that are to be read, to bring those that are missing. Where
    `fill` fails or there is none, the file seems to end, and `failure` says why: look at `failure`
    after decoding. Nothing is raised, because FFmpeg would go on as if nothing had happened, and
    ask again and again.
    """

    def __init__(self, part: PartFile, fill: Callable[[int, int], None] | None = None) -> None:
        super().__init__()
        self._part, self._fill = part, fill
        # Bytes that are written to the file meanwhile must be seen.
        self._file = part.path.open("rb", buffering=0)
        self._position = 0
        # the exception that was raised when bytes could not be read
        self.failure: BaseException | None = None

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
        """Go to a place of the file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._part.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none at the end of the file, and after a failure."""
        if self.failure is not None:
            return b""
        begin = self._position
        end = self._part.size if size < 0 else min(begin + size, self._part.size)
        if begin >= end:
            return b""
        if next(self._part.holes(begin, end), None) is not None:
            try:
                if self._fill is None:
                    raise MissingBytesError(f"bytes {begin} to {end} are not here")
                self._fill(begin, end)
            except BaseException as failure:  # noqa: BLE001  # also that the run is to end
                self.failure = failure
                return b""
        self._file.seek(begin)
        data = self._file.read(end - begin)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same bytes in as few spans as possible, ascending."""
    ordered = sorted(spans)
    merged: list[Span] = ordered[:1]
    for begin, end in itertools.islice(ordered, 1, None):
        if begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
