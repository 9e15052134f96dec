"""A video with some of its bytes: a file as long as the complete one, with holes.

The first frames of a video need its index and its beginning alone. Where a reader comes to a hole,
the hole is filled, or the reader is told that too few bytes are local.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from videonet.schemas.fetch import Part
from videonet.video.part_reader import Span

_BLOCK = 1 << 20  # bytes that are read at a time, to be hashed


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


class PartSource:
    """What a decoder reads a file with holes from; see `videonet.video.decoder.Part`.

    Where `fill` fails or there is none, the decoder is told that the file ends, and `failure` says
    why: look at `failure` after decoding.
    """

    def __init__(self, part: PartFile, fill: Callable[[int, int], None] | None = None) -> None:
        """`fill` is called with the bytes that are to be read, to get those that are missing."""
        self._part, self._fill = part, fill
        # the exception that was raised when bytes could not be read
        self.failure: BaseException | None = None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._part.path

    @property
    def size(self) -> int:
        """Of the whole file, bytes."""
        return self._part.size

    @property
    def spans(self) -> Sequence[Span]:
        """The bytes that are local."""
        return self._part.spans

    def bring(self, begin: int, end: int) -> Sequence[Span] | None:
        """Get these bytes; the bytes that are local then. None after a failure."""
        if self.failure is not None:
            return None
        if next(self._part.holes(begin, end), None) is not None:
            try:
                if self._fill is None:
                    raise MissingBytesError(f"bytes {begin} to {end} are not here")
                self._fill(begin, end)
            except BaseException as failure:  # noqa: BLE001  # also that the run is to end
                self.failure = failure
                return None
        return self._part.spans


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
