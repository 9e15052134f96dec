"""The files of a data set in a bucket, or in any other place of objects: copies come and go.

Small files are read and written as they are. What other programs read or write is a copy in a
scratch folder of this machine, as long as it is needed.

    OUT/tmp/out/<draft>    what is written, until it is copied to its place within the bucket

Each copy replaces one state of an object. See `videonet.storage.fence` for why there are drafts.
"""

import errno
import hashlib
import io
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from videonet.errors import UsageError
from videonet.files import TooLongError, cache_folder, sha256_of, unchecked
from videonet.shards.layout import SHARD_BYTES
from videonet.storage.dataset_files import State
from videonet.storage.lease import held_lease
from videonet.storage.objects import DRAFTS, Bucket, Entry, Objects, Restorable
from videonet.storage.probe import require_conditional_writes
from videonet.storage.scratch import Scratch

# Of an object of which some places are read, bytes that are fetched at once.
_AHEAD = 256 * 1024

# Objects that are fetched side by side: what waits for a bucket does not wait for the processor.
_AT_ONCE = 16

_DRAFTS = f"{DRAFTS}out/"

# How often a write is tried again that met another one.
_TIMES = 5


class BucketFiles:
    """The files of a data set as objects: see `DatasetFiles`."""

    def __init__(self, objects: Objects, scratch: Scratch) -> None:
        self.address = objects.address
        self.folders: tuple[Path, ...] = ()
        self.check: Callable[[], None] = unchecked
        self._objects = objects
        self._scratch = scratch
        # of objects that were written here
        self._generations: dict[str, str] = {}

    def read(self, path: str, most: int) -> bytes:
        """See `DatasetFiles`."""
        data = self._objects.read(path, 0, most + 1)
        if data is None:
            raise self._missing(path)
        if len(data) > most:
            raise TooLongError(self._place(path), most)
        return data

    def write(self, path: str, data: bytes) -> None:
        """See `DatasetFiles`."""
        self._put(path, data)

    def change(self, path: str, most: int, after: Callable[[bytes | None], bytes]) -> None:  # noqa: ARG002
        """See `DatasetFiles`."""
        written = None
        while written is None:
            before = self._objects.read_versioned(path)
            if before is None:
                written = self._objects.write_once(path, after(None))
            else:
                written = self._objects.write_if(path, after(before.data), before.generation)
        self._generations[path] = written

    def delete(self, path: str) -> None:
        """See `DatasetFiles`."""
        entry = self._entry(path)
        if entry is not None:
            self._delete(entry)

    def delete_drafts(self) -> None:
        """See `DatasetFiles`."""
        for draft in list(self._objects.list(_DRAFTS)):
            self._objects.delete(draft.name)

    def delete_below(self, folder: str) -> bool:
        """See `DatasetFiles`."""
        entries = list(self._objects.list(f"{folder}/"))
        for entry in entries:
            self._delete(entry)
        return bool(entries)

    def delete_old_versions(
        self, folders: Iterable[str], chosen: Callable[[str], bool]
    ) -> Restorable | None:
        """See `DatasetFiles`."""
        if not isinstance(self._objects, Bucket):
            return None
        return self._objects.delete_old_versions([f"{each}/" for each in folders], chosen)

    def move(self, path: str, to: str) -> None:
        """See `DatasetFiles`."""
        with self.local(path) as file:
            self._put(to, file)
        self.delete(path)

    def list(self, folder: str) -> Iterator[str]:
        """See `DatasetFiles`."""
        yield from (each.name for each in self._objects.list(f"{folder}/" if folder else ""))

    def has_below(self, folder: str) -> bool:
        """See `DatasetFiles`."""
        return next(iter(self.list(folder)), None) is not None

    def size(self, path: str) -> int | None:
        """See `DatasetFiles`."""
        entry = self._entry(path)
        return None if entry is None else entry.size

    def sha256(self, path: str) -> str:
        """See `DatasetFiles`."""
        with self.local(path) as file:
            return sha256_of(file)

    def states(self, paths: Collection[str]) -> Mapping[str, State]:
        """See `DatasetFiles`. Where a folder has several of them, it is listed once."""
        by_folder: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            by_folder[path.rpartition("/")[0]].append(path)
        prefixes = [
            prefix
            for folder, own in by_folder.items()
            for prefix in ([f"{folder}/"] if folder and len(own) > 1 else own)
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda prefix: list(self._objects.list(prefix)), prefixes)
            known = {each.name: each.generation for entries in found for each in entries}
        return {path: known[path] for path in paths if path in known}

    def is_settled(self, state: State, now: int) -> bool:  # noqa: ARG002
        """See `DatasetFiles`: no two states of an object have one generation."""
        return isinstance(state, str)

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        with self._scratch.local(self._objects, path) as file:
            if file is None:
                raise self._missing(path)
            with self._readdressed(file, path):
                yield file

    @contextmanager
    def local_folder(self, folder: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        entries = list(self._objects.list(f"{folder}/"))
        with self._scratch.folder(sum(each.size for each in entries)) as place:
            (place / folder).mkdir(parents=True)

            def fetch(path: str) -> None:
                file = place / path
                file.parent.mkdir(parents=True, exist_ok=True)
                data = self._objects.read(path)
                # What is deleted meanwhile is not among them.
                if data is not None:
                    file.write_bytes(data)

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for _ in pool.map(fetch, [each.name for each in entries]):
                    pass
            with self._readdressed(place / folder, folder):
                yield place / folder

    def open(self, path: str) -> BinaryIO:
        """See `DatasetFiles`."""
        size = self.size(path)
        if size is None:
            raise self._missing(path)
        return io.BufferedReader(_Ranges(self._objects, path, size), _AHEAD)

    @contextmanager
    def draft(self, path: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        with self._scratch.folder(0) as folder:
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            yield file
            self._put(path, file)

    @contextmanager
    def below(self, folder: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        with self._scratch.folder(2 * SHARD_BYTES) as place:
            yield place
            for file in sorted(each for each in place.rglob("*") if each.is_file()):
                path = file.relative_to(place).as_posix()
                self._put(f"{folder}/{path}" if folder else path, file)

    def on_this_machine(self, folder: str) -> Path:
        """See `DatasetFiles`."""
        name = hashlib.sha256(self.address.encode()).hexdigest()[:32]
        return cache_folder() / "out" / name / folder

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See `DatasetFiles`: by a lease, which ends some time after a machine was lost."""
        require_conditional_writes(self._objects, "_state/probe.json")
        with held_lease(self._objects, "run"):
            yield

    def _put(self, path: str, data: bytes | Path) -> None:
        """Replace whatever is there by one more state."""
        for _ in range(_TIMES):
            draft = f"{_DRAFTS}{uuid.uuid4().hex}"
            self._objects.write_once(draft, data)
            try:
                written = self._copied(draft, path)
            finally:
                self._objects.delete(draft)
            if written:
                return
        raise UsageError(
            f"{self._place(path)} is written by another command at the same time; stop one of them."
        )

    def _copied(self, draft: str, path: str) -> bool:
        """Give a draft its place; whether that was possible."""
        for _ in range(_TIMES):
            before = self._generations.pop(path, None)
            # After the draft is complete. Who comes later deletes it.
            self.check()
            try:
                written = self._objects.copy(draft, path, before)
            except FileNotFoundError:
                self.check()
                return False
            if written is not None:
                self._generations[path] = written
                return True
            entry = self._entry(path)
            if entry is not None:
                self._generations[path] = entry.generation
        return False

    def _delete(self, entry: Entry) -> None:
        """Delete the state of an object that was listed: what a later command writes stays."""
        self._generations.pop(entry.name, None)
        self.check()
        self._objects.delete(entry.name, entry.generation)

    def _entry(self, path: str) -> Entry | None:
        """What the list says of an object."""
        return next((each for each in self._objects.list(path) if each.name == path), None)

    def _place(self, path: str) -> str:
        return f"{self.address}/{path}"

    def _missing(self, path: str) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._place(path))

    @contextmanager
    def _readdressed(self, copy: Path, path: str) -> Iterator[None]:
        """Let sentences name what is in the bucket, and not its copy."""
        try:
            yield
        except UsageError as error:
            said = str(error)
            if str(copy) not in said:
                raise
            raise UsageError(said.replace(str(copy), self._place(path))) from error


class _Ranges(io.RawIOBase):
    """An object of which some places are read."""

    def __init__(self, objects: Objects, path: str, size: int) -> None:
        self._objects, self._path, self._size = objects, path, size
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

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        data = self._objects.read(self._path, self._at, end)
        if data is None or len(data) != end - self._at:
            raise OSError(f"{self._objects.address}/{self._path} was replaced while it was read")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
