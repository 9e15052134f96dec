"""The files of a data set by their paths below OUT, wherever OUT is.

Programs that read tables and shards want a file, and programs that write them, too. In a folder
that is the file itself. Where OUT is no folder, it is a copy on this machine that comes and goes.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from videonet.files import drafted, drafts_below, read_bounded, sha256_of, sync, unchecked
from videonet.storage.locks import exclusive_lock
from videonet.storage.objects import Restorable

# What changes whenever a file does: in a folder its inode, bytes, and the times of the last changes
# of content and inode, nanoseconds since 1970-01-01 UTC; elsewhere the name of its state.
State = tuple[int, int, int, int] | str

# How a read ends where a file, or its folder, is not there.
MISSING = (FileNotFoundError, NotADirectoryError)

# So long after its last change a file system's clock has gone on, nanoseconds: it counts in
# milliseconds, or in up to two seconds.
_SETTLED = 2_000_000_000


class DatasetFiles(Protocol):
    """The files below one OUT. A file appears whole or not at all, and outlasts a power cut.

    Paths are relative, with "/" between their parts. All methods raise OSError for what the machine
    lacks or what is not there, and UsageError where the place cannot be reached or used.
    """

    # as users write it
    address: str
    # of this machine, that must be writable
    folders: tuple[Path, ...]
    # comes before each file appears, and raises what keeps an earlier one: see `DatasetFence`
    check: Callable[[], None]

    def read(self, path: str, most: int) -> bytes:
        """What a small file holds. Raises OSError, also for one of more than `most` bytes."""

    def write(self, path: str, data: bytes) -> None:
        """Replace a small file."""

    def change(self, path: str, most: int, after: Callable[[bytes | None], bytes]) -> None:
        """Replace a small file by what `after` makes of what it holds; None: it is not there.

        Of several commands that do so at once, each has seen what the one before has written.
        """

    def delete(self, path: str) -> None:
        """Remove a file, if it is there."""

    def delete_drafts(self) -> None:
        """Remove all that is not complete, whoever writes it."""

    def delete_below(self, folder: str) -> bool:
        """Remove all files of a folder; whether there was any such folder."""

    def delete_old_versions(
        self, folders: Iterable[str], chosen: Callable[[str], bool]
    ) -> Restorable | None:
        """Delete what the place still has of files that were replaced or deleted.

        They lay in `folders`, and their paths are `chosen`. None: it keeps nothing.
        """

    def move(self, path: str, to: str) -> None:
        """Give a file another path, in place of what is there."""

    def list(self, folder: str) -> Iterator[str]:
        """The paths of all files below a folder, in alphabetical order; drafts are among them."""

    def has_below(self, folder: str) -> bool:
        """Whether there is such a folder."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None: there is none."""

    def sha256(self, path: str) -> str:
        """Hex sha256 of a file's content."""

    def states(self, paths: Collection[str]) -> Mapping[str, State]:
        """The states of those of these files that are there."""

    def is_settled(self, state: State, now: int) -> bool:
        """Whether a file of this state at `now`, nanoseconds, has another one after a change."""

    def local(self, path: str) -> AbstractContextManager[Path]:
        """A file of this machine with the content of `path`, to be read only."""

    def local_folder(self, folder: str) -> AbstractContextManager[Path]:
        """A folder of this machine with all files of `folder`, to be read only."""

    def open(self, path: str) -> BinaryIO:
        """A file to read some places of."""

    def draft(self, path: str) -> AbstractContextManager[Path]:
        """A path of this machine to write to; it becomes the file when all went well."""

    def below(self, folder: str) -> AbstractContextManager[Path]:
        """A folder of this machine; what is written below it lies below `folder` afterwards."""

    def on_this_machine(self, folder: str) -> Path:
        """A folder for what is of no use on other machines."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other runs out. Raises UsageError if one is at work there."""


class FolderFiles:
    """The files of a data set in a local folder: see `DatasetFiles`."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self.folders: tuple[Path, ...] = (root,)
        self.check: Callable[[], None] = unchecked
        self._root = root

    def read(self, path: str, most: int) -> bytes:
        """See `DatasetFiles`."""
        return read_bounded(self._root / path, most)

    def write(self, path: str, data: bytes) -> None:
        """See `DatasetFiles`."""
        with self.draft(path) as draft:
            draft.write_bytes(data)

    def change(self, path: str, most: int, after: Callable[[bytes | None], bytes]) -> None:
        """See `DatasetFiles`. Who does so keeps others out."""
        try:
            before = self.read(path, most)
        except MISSING:
            before = None
        self.write(path, after(before))

    def delete(self, path: str) -> None:
        """See `DatasetFiles`."""
        (self._root / path).unlink(missing_ok=True)

    def delete_drafts(self) -> None:
        """See `DatasetFiles`."""
        for draft in drafts_below(self._root):
            draft.unlink(missing_ok=True)

    def delete_below(self, folder: str) -> bool:
        """See `DatasetFiles`."""
        if not (self._root / folder).is_dir():
            return False
        shutil.rmtree(self._root / folder)
        return True

    def delete_old_versions(
        self,
        folders: Iterable[str],  # noqa: ARG002
        chosen: Callable[[str], bool],  # noqa: ARG002
    ) -> Restorable | None:
        """See `DatasetFiles`."""
        return None

    def move(self, path: str, to: str) -> None:
        """See `DatasetFiles`."""
        place = self._root / to
        self.check()
        (self._root / path).replace(place)
        sync(place.parent)

    def list(self, folder: str) -> Iterator[str]:
        """See `DatasetFiles`."""
        found = (
            Path(place, name)
            for place, _, names in os.walk(self._root / folder, followlinks=True)
            for name in names
        )
        yield from sorted(file.relative_to(self._root).as_posix() for file in found)

    def has_below(self, folder: str) -> bool:
        """See `DatasetFiles`."""
        return (self._root / folder).is_dir()

    def size(self, path: str) -> int | None:
        """See `DatasetFiles`."""
        file = self._root / path
        return file.stat().st_size if file.is_file() else None

    def sha256(self, path: str) -> str:
        """See `DatasetFiles`."""
        return sha256_of(self._root / path)

    def states(self, paths: Collection[str]) -> Mapping[str, State]:
        """See `DatasetFiles`."""
        return {
            path: (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
            for path in paths
            if (self._root / path).is_file() and (state := (self._root / path).stat())
        }

    def is_settled(self, state: State, now: int) -> bool:
        """See `DatasetFiles`."""
        return not isinstance(state, str) and now - state[3] > _SETTLED

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        yield self._root / path

    @contextmanager
    def local_folder(self, folder: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        yield self._root / folder

    def open(self, path: str) -> BinaryIO:
        """See `DatasetFiles`."""
        return (self._root / path).open("rb")

    @contextmanager
    def draft(self, path: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        with self._drafting(), drafted(self._root / path, self.check) as draft:
            yield draft

    @contextmanager
    def below(self, folder: str) -> Iterator[Path]:
        """See `DatasetFiles`."""
        with self._drafting():
            yield self._root / folder

    @contextmanager
    def _drafting(self) -> Iterator[None]:
        """Say why a draft is gone: whoever takes OUT up deletes those of others."""
        try:
            yield
        except FileNotFoundError:
            self.check()
            raise

    def exclusive(self) -> AbstractContextManager[None]:
        """See `DatasetFiles`: by a lock of the system's own."""
        return exclusive_lock(self._root)

    def on_this_machine(self, folder: str) -> Path:
        """See `DatasetFiles`."""
        return self._root / folder
