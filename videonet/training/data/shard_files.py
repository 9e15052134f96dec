"""The files of a data set: in a folder, or in a bucket, whose ranges are kept on this disk."""

import io
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import google_crc32c

from videonet.files import cache_folder, draft_name
from videonet.storage.objects import Objects
from videonet.storage.places import is_remote, open_place

# Bytes of ranges that are kept on this disk, and the part of its free room that they take at most.
_BUDGET = 50_000_000_000
_OF_FREE = 0.5

# A process looks what all of them keep when it has added this part of the budget; beyond the
# budget, what was used longest ago goes until this part is left. So ten processes stay below it.
_LOOK = 0.02
_LEFT = 0.8

# Where a file's footer is, and what comes after it: of most shards all of it. Bytes.
_TAIL = 256 * 1024

# Ranges that are asked for at a time: most of it is waiting.
_AT_A_TIME = 16

_CHECKSUM = struct.Struct("<I")


class OpenFile(Protocol):
    """A shard that is read by ranges. Not to be shared between threads."""

    # what `pyarrow.parquet.ParquetFile` opens
    source: Any

    def read(self, length: int, offset: int) -> bytes:
        """So many bytes from an offset on; fewer where the file ends. Raises OSError."""

    def announce(self, begin: int, end: int) -> None:
        """Have a range fetched at once that is about to be read in parts."""


class ShardFiles(Protocol):
    """The files below OUT."""

    def __str__(self) -> str:
        """As the user named OUT."""

    @property
    def is_remote(self) -> bool:
        """Whether ranges come over a network."""

    def is_there(self) -> bool:
        """Whether there is such a folder."""

    def read(self, name: str) -> bytes | None:
        """A whole file; None if there is none."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none."""

    def open(self, name: str, sha256: str) -> OpenFile:
        """A shard with that hex digest. Raises OSError."""

    def fetch(self, spans: "Sequence[Span]") -> None:
        """Have these ranges at hand, side by side, before they are read one after the other."""


class Span(NamedTuple):
    """A range of a shard."""

    name: str
    sha256: str
    begin: int
    end: int


def shard_files(out: str | Path) -> ShardFiles:
    """The files of a data set. Raises UsageError for a bucket that cannot be read."""
    if not is_remote(out):
        return _Folder(Path(out))
    return _Bucket(open_place(str(out)), _KeptRanges(cache_folder() / "ranges"))


class _Folder:
    """A folder, whose files the system keeps in memory as long as there is room."""

    is_remote = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def is_there(self) -> bool:
        return self._root.is_dir()

    def read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        try:
            return (self._root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, name: str, sha256: str) -> OpenFile:  # noqa: ARG002
        return _LocalFile(self._root / name)

    def fetch(self, spans: Sequence[Span]) -> None:
        """Nothing is far away."""


class _LocalFile:
    def __init__(self, path: Path) -> None:
        self.source = path
        self._file = path.open("rb", buffering=0)
        self.read = partial(os.pread, self._file.fileno())
        if hasattr(os, "posix_fadvise"):  # not on macOS
            # What lies behind a frame is another one, and nobody asks for it.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)

    def announce(self, begin: int, end: int) -> None:
        """Reading it bit by bit, a disk is slow."""
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self._file.fileno(), begin, end - begin, os.POSIX_FADV_WILLNEED)


class _Bucket:
    """A place of objects. A range is known by the digest of its shard, wherever that lies."""

    is_remote = True

    def __init__(self, place: Objects, kept: "_KeptRanges") -> None:
        self._place = place
        self._kept = kept

    def __str__(self) -> str:
        return self._place.address

    def is_there(self) -> bool:
        return True

    def read(self, name: str) -> bytes | None:
        return self._place.read(name)

    def size(self, name: str) -> int | None:
        return self._sizes.get(name)

    def open(self, name: str, sha256: str) -> OpenFile:
        return _RemoteFile(self, name, sha256, self._sizes[name])

    def fetch(self, spans: Sequence[Span]) -> None:
        missing = [span for span in dict.fromkeys(spans) if not self._kept.has(span)]
        if len(missing) > 1:
            with ThreadPoolExecutor(min(_AT_A_TIME, len(missing))) as pool:
                list(pool.map(self.range, missing))

    def range(self, span: Span) -> bytes:
        """The bytes of a range. Raises OSError where the shard is not what it was."""
        data = self._kept.get(span)
        if data is None:
            data = self._place.read(span.name, span.begin, span.end)
            if data is None or len(data) != span.end - span.begin:
                raise OSError(f"{self}/{span.name} ends before byte {span.end:,}")
            self._kept.put(span, data)
        return data

    @cached_property
    def _sizes(self) -> dict[str, int]:
        # One list for all shards.
        return {each.name: each.size for each in self._place.list("clips/parquet/")}


class _RemoteFile:
    """A shard in a bucket: its tail, and the range that was announced last, are in memory."""

    def __init__(self, bucket: _Bucket, name: str, sha256: str, size: int) -> None:
        self.source = _AsFile(self, size)
        self._bucket, self._name, self._sha256, self._size = bucket, name, sha256, size
        tail = max(0, size - _TAIL)
        self._tail = tail, self._range(tail, size)
        self._near = tail, b""

    def announce(self, begin: int, end: int) -> None:
        held, data = self._near
        if not held <= begin <= end <= held + len(data):
            self._near = begin, self._range(begin, end)

    def read(self, length: int, offset: int) -> bytes:
        end = min(offset + length, self._size)
        for begin, data in (self._near, self._tail):
            if begin <= offset and end <= begin + len(data):
                return data[offset - begin : end - begin]
        return self._range(offset, end) if end > offset else b""

    def _range(self, begin: int, end: int) -> bytes:
        return self._bucket.range(Span(self._name, self._sha256, begin, end))


class _AsFile(io.RawIOBase):
    """A shard in a bucket as Arrow reads it."""

    def __init__(self, file: _RemoteFile, size: int) -> None:
        self._file, self._size = file, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        length = self._size - self._at if size is None or size < 0 else size
        data = self._file.read(length, self._at)
        self._at += len(data)
        return data


class _KeptRanges:
    """Ranges on this disk, which all processes share. A damaged one is fetched again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._added = 0

    def has(self, span: Span) -> bool:
        """Whether a range is kept."""
        return self._path(span).exists()

    def get(self, span: Span) -> bytes | None:
        """The bytes of a range; None if they are not kept, or are damaged."""
        path = self._path(span)
        try:
            data = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
        return body if _crc32c(body) == checksum else None

    def put(self, span: Span, data: bytes) -> None:
        """Keep a range, as far as there is room: nothing is lost where there is none."""
        path = self._path(span)
        draft = path.parent / f".{draft_name()}"
        with suppress(OSError):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(data + _crc32c(data))
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        self._added += len(data)
        if self._added > _LOOK * _BUDGET:
            self._added = 0
            self.trim()

    def trim(self) -> None:
        """Let those go that were used longest ago, where there are too many."""
        kept = []
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):
                state = path.stat()
                kept.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in kept)
        free = os.statvfs(self._folder)
        most = min(_BUDGET, int(_OF_FREE * (free.f_bavail * free.f_frsize + total)))
        if total <= most:
            return
        for _, size, path in sorted(kept):
            path.unlink(missing_ok=True)
            total -= size
            if total <= _LEFT * most:
                return

    def _path(self, span: Span) -> Path:
        return self._folder / span.sha256[:2] / f"{span.sha256}-{span.begin}-{span.end}"


def _crc32c(data: bytes) -> bytes:
    return _CHECKSUM.pack(google_crc32c.value(data))
