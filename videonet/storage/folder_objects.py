"""Objects as files below a folder."""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from videonet.files import draft_name, draft_of, named, sync
from videonet.storage.objects import Entry, Versioned, checked

T = TypeVar("T")

# How file systems say that they have no hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV})

# Writers of the same object take turns, by files that are locked; those of others seldom meet.
_LOCKS = 64
_TURNS = ".turns"


class FolderObjects:
    """Files below one folder: see `Objects`. Hidden files, and those below `tmp`, are no objects.

    A generation is the time of the last change, which this class lets only grow, with the size.
    """

    def __init__(self, root: Path, tmp: str = "tmp") -> None:
        """`tmp` is the folder below `root` where files are until they are complete."""
        self.root = root.absolute()
        self.address = str(self.root)
        self._tmp = tmp

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """See `Objects`."""
        try:
            with self.path(name).open("rb") as file:
                file.seek(begin)
                return file.read() if end is None else file.read(max(0, end - begin))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_versioned(self, name: str) -> Versioned | None:
        """See `Objects`."""
        try:
            with self.path(name).open("rb") as file:
                # A file is replaced and never written to: the open one is one state.
                return Versioned(file.read(), _generation(os.fstat(file.fileno())))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        """See `Objects`."""
        place = self.path(name)
        with self._draft(place, data, lasting=lasting) as draft:
            generation = _stamped(draft, 0)
            try:
                _with_folder(place, lambda: os.link(draft, place))
            except FileExistsError:
                return self._generation_of_same(place, draft)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                with self._turn(name):
                    if place.exists():
                        return self._generation_of_same(place, draft)
                    generation = _put(draft, place, lasting=lasting)
            if lasting:
                sync(place.parent)
            return generation

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        """See `Objects`."""
        place = self.path(name)
        with self._draft(place, data, lasting=lasting) as draft, self._turn(name):
            try:
                before = place.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            if _generation(before) != generation:
                return self._generation_of_same(place, draft)
            _stamped(draft, before.st_mtime_ns)
            after = _put(draft, place, lasting=lasting)
            if lasting:
                sync(place.parent)
            return after

    def copy(self, source: str, name: str, generation: str | None) -> str | None:
        """See `Objects`."""
        if generation is None:
            return self.write_once(name, self.path(source))
        return self.write_if(name, self.path(source), generation)

    def list(self, prefix: str) -> Iterator[Entry]:
        """See `Objects`."""
        folder, _, _ = prefix.rpartition("/")
        yield from self._below(self.root / folder, f"{folder}/" if folder else "", prefix)

    def delete(self, name: str, generation: str | None = None) -> bool:
        """See `Objects`."""
        place = self.path(name)
        with nullcontext() if generation is None else self._turn(name):
            try:
                if generation is not None and _generation(place.stat()) != generation:
                    return False
                place.unlink()
            except (FileNotFoundError, NotADirectoryError):
                pass
        return True

    def path(self, name: str) -> Path:
        """Where an object lies, or would."""
        return self.root.joinpath(*checked(name).split("/"))

    def temporary(self) -> Path:
        """A fresh path on the file system of the objects."""
        return self.root / self._tmp / draft_name()

    @contextmanager
    def _draft(self, place: Path, data: bytes | Path, *, lasting: bool) -> Iterator[Path]:
        """A file of its own with the data of an object."""
        draft = self.temporary()
        try:
            with named(place):
                _with_folder(draft, lambda: _fill(draft, data))
                if lasting:
                    sync(draft)
                yield draft
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Keep other writers of an object waiting, in this process and in others."""
        number = hashlib.sha256(name.encode()).digest()[0] % _LOCKS
        place = self.root / _TURNS / f"{number:02d}"
        descriptor = _with_folder(place, lambda: os.open(place, os.O_RDWR | os.O_CREAT, 0o666))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _generation_of_same(self, place: Path, draft: Path) -> str | None:
        """The generation of what lies at a place, if that has the same content."""
        try:
            with place.open("rb") as there, draft.open("rb") as ours:
                state = os.fstat(there.fileno())
                if state.st_size != os.fstat(ours.fileno()).st_size:
                    return None
                digests = [hashlib.file_digest(file, "sha256").digest() for file in (there, ours)]
                return _generation(state) if digests[0] == digests[1] else None
        except FileNotFoundError:
            return None

    def _below(self, folder: Path, path: str, prefix: str) -> Iterator[Entry]:
        """The objects below a folder whose names begin with `path`, in the order of their names."""
        try:
            with os.scandir(folder) as entries:
                found = [(f"{path}{each.name}", each) for each in entries if each.name[0] != "."]
        except (FileNotFoundError, NotADirectoryError):
            return
        # Where names differ after "/", so do the names of all that is below.
        kinds = [(f"{name}/" if each.is_dir() else name, each) for name, each in found]
        for name, each in sorted(kinds, key=lambda kind: kind[0]):
            if name.endswith("/"):
                if name != f"{self._tmp}/" and (name.startswith(prefix) or prefix.startswith(name)):
                    yield from self._below(folder / each.name, name, prefix)
            elif name.startswith(prefix):
                with suppress(FileNotFoundError):
                    state = each.stat()
                    # The change of the inode has the time of the file system, and nobody else's.
                    yield Entry(name, state.st_size, _generation(state), state.st_ctime)


def _generation(state: os.stat_result) -> str:
    return f"{state.st_mtime_ns}-{state.st_size}"


def _stamped(draft: Path, before: int) -> str:
    """Give a file a time of change after `before`, nanoseconds; its generation."""
    os.utime(draft, ns=(0, max(time.time_ns(), before + 1)))
    return _generation(draft.stat())


def _put(draft: Path, place: Path, *, lasting: bool) -> str:
    """Move a file to its place, also where a link leads to another disk; its generation there."""
    generation = _generation(draft.stat())
    try:
        draft.replace(place)
        return generation
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    beside = draft_of(place)
    try:
        shutil.copy2(draft, beside)
        if lasting:
            sync(beside)
        # That disk may keep times less exactly.
        generation = _generation(beside.stat())
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    return generation


def _fill(draft: Path, data: bytes | Path) -> None:
    if isinstance(data, Path):
        shutil.copyfile(data, draft)
    else:
        draft.write_bytes(data)


def _with_folder(place: Path, act: Callable[[], T]) -> T:
    """Do something at a place, whose folder is made if that is what it lacks."""
    try:
        return act()
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        return act()
