"""A bounded folder on a local disk, for programs that need files where a place has objects."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videonet.errors import MachineError
from videonet.files import abandoned, cache_folder, draft_name, sha256_of, sync
from videonet.schemas.settings import SCRATCH_BUDGET
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Entry, Objects

# Copies are read in pieces of this size, bytes: large enough that asking costs little beside.
_PIECE = 8 * 1024**2

# Seconds for which one waits for room that others use.
_PATIENCE = 600.0
_PAUSE = 0.2

# Copies of the same object take turns; those of others seldom meet.
_TURNS = 64


class Scratch:
    """Copies of objects as files, and drafts of objects that are to be written.

    Threads and processes share one folder. All of it together has at most `budget` bytes: what was
    used longest ago goes first, and what is in use stays. What a killed process left is no copy.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        """`budget` in bytes."""
        # of this machine
        self.root = folder.absolute()
        self._budget = budget

    @contextmanager
    def local(
        self, objects: Objects, name: str, sha256: str | None = None
    ) -> Iterator[Path | None]:
        """A file with the content of an object, to be read only; None if there is no such object.

        In a folder it is the file itself. A copy must have the hex `sha256`, if one is known.
        Raises MachineError if it has another one, or does not fit into the budget.
        """
        if isinstance(objects, FolderObjects):
            path = objects.path(name)
            yield path if path.is_file() else None
            return
        entry = _entry(objects, name)
        if entry is None:
            yield None
            return
        place = self._place(objects, entry)
        descriptor = self._kept(place)
        if descriptor is None:
            with self._turn(f"copy-{int(place.name[:8], 16) % _TURNS:02d}"):
                descriptor = self._kept(place)
                if descriptor is None:
                    descriptor = self._copy(objects, entry, place, sha256)
        try:
            yield place
        finally:
            os.close(descriptor)

    @contextmanager
    def draft(self, size: int) -> Iterator[Path]:
        """A path for a file of up to `size` bytes that is to become an object; gone afterwards.

        Raises MachineError if that does not fit into the budget.
        """
        draft = self._reserve(size)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def folder(self, size: int) -> Iterator[Path]:
        """An empty folder for files of up to `size` bytes together; gone afterwards.

        Raises MachineError if that does not fit into the budget.
        """
        with self.draft(size) as room:
            folder = self.root / "folders" / room.name
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Remove all copies that are not in use: whatever is needed is copied again."""
        for copy in _files(self.root / "copies"):
            _removed(copy)

    def _place(self, objects: Objects, entry: Entry) -> Path:
        """Where the copy of one state of an object lies, or would."""
        what = "\n".join((objects.address, entry.name, entry.generation, str(entry.size)))
        return self.root / "copies" / hashlib.sha256(what.encode()).hexdigest()

    def _kept(self, place: Path) -> int | None:
        """A descriptor that keeps a copy where it is until it is closed; None if there is none."""
        while True:
            try:
                descriptor = os.open(place, os.O_RDONLY)
            except FileNotFoundError:
                return None
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            with suppress(FileNotFoundError):
                if place.stat().st_ino == os.fstat(descriptor).st_ino:
                    os.utime(descriptor)
                    return descriptor
            # It was removed between the two.
            os.close(descriptor)

    def _copy(self, objects: Objects, entry: Entry, place: Path, sha256: str | None) -> int:
        """Copy an object to its place; a descriptor as of `_kept`."""
        draft = self._reserve(entry.size)
        try:
            with draft.open("r+b") as file:
                for begin in range(0, entry.size, _PIECE):
                    end = min(begin + _PIECE, entry.size)
                    piece = objects.read(entry.name, begin, end)
                    if piece is None or len(piece) != end - begin:
                        raise _changed(objects, entry)
                    file.write(piece)
            if entry.size > _PIECE and _entry(objects, entry.name) != entry:
                raise _changed(objects, entry)
            if sha256 is not None and sha256_of(draft) != sha256:
                raise MachineError(
                    f"{objects.address}/{entry.name} is not what was written there: its sha256 is "
                    f"{sha256_of(draft)}, and {sha256} was expected."
                )
            sync(draft)
            descriptor = os.open(draft, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            place.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(place)
            return descriptor
        finally:
            draft.unlink(missing_ok=True)

    def _reserve(self, size: int) -> Path:
        """An empty file that counts as `size` bytes, for which there is room."""
        if size > self._budget:
            raise MachineError(
                f"A file of {size:,} bytes does not fit into {self.root}, which may hold "
                f"{self._budget:,}: raise --scratch-budget; the same command goes on."
            )
        drafts = self.root / "drafts"
        drafts.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + _PATIENCE
        while True:
            with self._turn("room"):
                if self._made_room(size):
                    draft = drafts / draft_name()
                    with draft.open("wb") as file:
                        file.truncate(size)
                    return draft
            if time.monotonic() > give_up:
                raise MachineError(
                    f"{self.root} is full of files in use ({self._budget:,} bytes): raise "
                    "--scratch-budget, or lower --workers; the same command goes on."
                )
            time.sleep(_PAUSE)

    def _made_room(self, size: int) -> bool:
        """Remove what is not in use, oldest first, until `size` more bytes fit; whether they do."""
        for draft in abandoned(_files(self.root / "drafts")):
            draft.unlink(missing_ok=True)
        for left in abandoned(_files(self.root / "folders")):
            shutil.rmtree(left, ignore_errors=True)
        used, copies = 0, []
        for folder in ("drafts", "copies"):
            for file in _files(self.root / folder):
                with suppress(FileNotFoundError):
                    state = file.stat()
                    used += state.st_size
                    if folder == "copies":
                        copies.append((state.st_mtime_ns, state.st_size, file))
        for _, bytes_, file in sorted(copies):
            if used + size <= self._budget:
                break
            if _removed(file):
                used -= bytes_
        return used + size <= self._budget

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Keep others waiting, in this process and in others."""
        place = self.root / "turns" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def scratch_at(folder: str | None = None, budget: int = SCRATCH_BUDGET) -> Scratch:
    """The scratch folder that a user names; None: one of this user, among what can be had again."""
    return Scratch(Path(folder) if folder else cache_folder() / "scratch", budget)


def _entry(objects: Objects, name: str) -> Entry | None:
    """What a list says of one object."""
    return next((each for each in objects.list(name) if each.name == name), None)


def _changed(objects: Objects, entry: Entry) -> MachineError:
    return MachineError(
        f"{objects.address}/{entry.name} was replaced while it was read; the same command goes on."
    )


def _files(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return list(folder.iterdir())
    return []


def _removed(copy: Path) -> bool:
    """Remove a copy, unless it is in use; whether it is gone."""
    try:
        descriptor = os.open(copy, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        copy.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
