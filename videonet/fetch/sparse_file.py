"""A video of which some bytes are here: a file as long as the whole one, with holes.

The first frames of a video need its index and its beginning alone. Whoever reads the file where it
has a hole either has it filled, or is told that too little is here.
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
    """A stretch of a file was to be read that is not here."""


class PartFile:
    """Which bytes of a file are here, and where they lie. For one thread at a time."""

    def __init__(
        self, path: Path, size: int, validator: str | None, spans: Iterable[Span] = ()
    ) -> None:
        """Of a file of `size` bytes, those of `spans` lie at `path`; `validator`: see `Part`."""
        self.path, self.size, self.validator = path, size, validator
        self.spans = list(spans)

    @classmethod
    def begun(cls, path: Path, size: int, validator: str | None) -> "PartFile":
        """A file of which nothing is here yet."""
        with path.open("wb") as file:
            file.truncate(size)
        return cls(path, size, validator)

    @classmethod
    def opened(cls, path: Path, part: Part) -> "PartFile":
        """The file at `path`, of which `part` is here."""
        return cls(path, part.size, part.validator, part.spans)

    @classmethod
    def broken_off(cls, path: Path, size: int) -> "PartFile | None":
        """A file of `size` bytes whose beginning lies at `path`; None if nothing does."""
        try:
            length = path.stat().st_size
        except FileNotFoundError:
            return None
        if not 0 < length < size:
            return None
        os.truncate(path, size)
        return cls(path, size, None, [(0, length)])

    @property
    def here(self) -> int:
        """How many bytes are here."""
        return sum(end - begin for begin, end in self.spans)

    @property
    def whole(self) -> bool:
        """Whether there are no holes."""
        return self.here == self.size

    def holes(self, begin: int = 0, end: int | None = None) -> Iterator[Span]:
        """What is not here of the bytes from `begin` to before `end` (of the file), ascending."""
        end = self.size if end is None else min(end, self.size)
        for here, until in self.spans:
            if here >= end:
                break
            if here > begin:
                yield begin, here
            begin = max(begin, until)
        if begin < end:
            yield begin, end

    def write(self, at: int, data: bytes) -> None:
        """Put bytes where they belong."""
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)
        self.spans = _merged([*self.spans, (at, at + len(data))])

    def part(self) -> Part:
        """What is here, as a record."""
        return Part(
            spans=tuple(self.spans),
            sha256=digest_of(self.path, self.spans),
            size=self.size,
            validator=self.validator,
        )


def digest_of(path: Path, spans: Iterable[Span]) -> str:
    """Hex sha256 of these stretches of a file, one after the other."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for begin, end in spans:
            file.seek(begin)
            while begin < end and (block := file.read(min(_BLOCK, end - begin))):
                digest.update(block)
                begin += len(block)
    return digest.hexdigest()


class PartReader(io.RawIOBase):
    """Reads a file that is here in part, as a decoder does. It must be closed.

    `fill` is called with each stretch that is to be read, to bring what is not here. Where it
    fails, or there is none, the file seems to end, and `failure` says why: whoever decodes has to
    look at it afterwards. Nothing is raised, for FFmpeg would go on as if nothing had happened, and
    ask again and again.
    """

    def __init__(self, part: PartFile, fill: Callable[[int, int], None] | None = None) -> None:
        super().__init__()
        self._part, self._fill = part, fill
        # What is written to the file meanwhile must be seen.
        self._file = part.path.open("rb", buffering=0)
        self._position = 0
        # what was raised when something could not be read
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the whole file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._part.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none at the end of the whole file, and after a failure."""
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
    """The same bytes, in as few stretches as possible, ascending."""
    ordered = sorted(spans)
    merged: list[Span] = ordered[:1]
    for begin, end in itertools.islice(ordered, 1, None):
        if begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
