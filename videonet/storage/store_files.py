"""What of a store is large: videos, parts of them, clips that wait, tables of what sources said.

In a folder all of it are files in their places. Where a store is a bucket, videos and parts that
are in hand are files of this machine, below its scratch folder. What others are to find goes up as
objects: clips and tables at once, a video when it is to be kept.
"""

import errno
import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Protocol

from videonet.files import drafted
from videonet.storage.objects import Entry, Objects
from videonet.storage.scratch import Scratch

# Names of what is a file of this machine as long as it is in hand.
_IN_HAND = ("video/", "part/")

# So many objects that went up last are not asked for.
_REMEMBERED = 10_000


class StoreFiles(Protocol):
    """The large files of a store, by the names of their objects."""

    # of this machine; files below it can be moved to one another's places
    root: Path

    def adopt(self, file: Path, name: str) -> None:
        """Put a local file, of a path from below `root`, under a name; it is moved or goes."""

    def local(self, name: str) -> AbstractContextManager[Path | None]:
        """A file of this machine with the content, to be read only; None: there is none."""

    def size(self, name: str) -> int | None:
        """Bytes; None: there is no such file."""

    def file(self, name: str) -> Path | None:
        """The file itself; None: it is an object, which is as it was written or gone."""

    def keep(self, name: str) -> int:
        """Let others find a file; the bytes that became free here."""

    def forget(self, name: str) -> None:
        """Delete what is on this machine alone of a file whose object is deleted, too."""

    def held(self) -> int:
        """Bytes of videos, and of parts of them, that are files; of a part as of a whole one."""


class FolderStoreFiles:
    """Files in their places in one folder: see `StoreFiles`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def adopt(self, file: Path, name: str) -> None:
        """See `StoreFiles`: in one step, also where a link leads to another disk."""
        place = self.root / name
        try:
            try:
                file.replace(place)
            except FileNotFoundError:
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with drafted(place) as draft:
                shutil.copyfile(file, draft)
            file.unlink()

    def local(self, name: str) -> AbstractContextManager[Path | None]:
        """See `StoreFiles`."""
        file = self.root / name
        return nullcontext(file if file.is_file() else None)

    def size(self, name: str) -> int | None:
        """See `StoreFiles`."""
        try:
            return (self.root / name).stat().st_size
        except OSError:
            return None

    def file(self, name: str) -> Path | None:
        """See `StoreFiles`."""
        return self.root / name

    def keep(self, name: str) -> int:  # noqa: ARG002
        """See `StoreFiles`: it is where others find it."""
        return 0

    def forget(self, name: str) -> None:
        """See `StoreFiles`."""

    def held(self) -> int:
        """See `StoreFiles`."""
        return held_below(self.root)


class BucketStoreFiles:
    """Files in hand below the scratch folder, and objects: see `StoreFiles`."""

    def __init__(self, objects: Objects, scratch: Scratch) -> None:
        name = hashlib.sha256(objects.address.encode()).hexdigest()[:32]
        self.root = scratch.root / "stores" / name
        self._in_hand = FolderStoreFiles(self.root)
        self._objects, self._scratch = objects, scratch
        # sizes of objects that went up from here
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def adopt(self, file: Path, name: str) -> None:
        """See `StoreFiles`."""
        if name.startswith(_IN_HAND):
            self._in_hand.adopt(file, name)
        else:
            self._upload(file, name)
            file.unlink()

    @contextmanager
    def local(self, name: str) -> Iterator[Path | None]:
        """See `StoreFiles`."""
        file = self.root / name
        if name.startswith(_IN_HAND) and file.is_file():
            yield file
        else:
            with self._scratch.local(self._objects, name) as copy:
                yield copy

    def size(self, name: str) -> int | None:
        """See `StoreFiles`."""
        here = self._in_hand.size(name)
        if here is not None:
            return here
        with self._lock:
            known = self._sizes.get(name)
        if known is not None:
            return known
        entry = self._entry(name)
        return None if entry is None else entry.size

    def file(self, name: str) -> Path | None:
        """See `StoreFiles`."""
        file = self.root / name
        return file if file.is_file() else None

    def keep(self, name: str) -> int:
        """See `StoreFiles`."""
        file = self.root / name
        size = self._in_hand.size(name)
        if size is None:
            return 0
        self._upload(file, name)
        file.unlink(missing_ok=True)
        return size

    def forget(self, name: str) -> None:
        """See `StoreFiles`."""
        with self._lock:
            self._sizes.pop(name, None)
        (self.root / name).unlink(missing_ok=True)

    def held(self) -> int:
        """See `StoreFiles`."""
        return self._in_hand.held()

    def _upload(self, file: Path, name: str) -> None:
        """Replace whatever is there: what one name stands for does not depend on who made it."""
        while self._objects.write_once(name, file) is None:
            entry = self._entry(name)
            if entry is not None and self._objects.write_if(name, file, entry.generation):
                break
        with self._lock:
            self._sizes[name] = file.stat().st_size
            while len(self._sizes) > _REMEMBERED:
                self._sizes.popitem(last=False)

    def _entry(self, name: str) -> Entry | None:
        return next((each for each in self._objects.list(name) if each.name == name), None)


def held_below(root: Path, but: Collection[str] = ()) -> int:
    """Bytes of videos and parts below the folder of a store, `but` of some: <xx>/<digest>."""
    return sum(
        _size(Path(place, each))
        for kind in _IN_HAND
        for place, _, names in os.walk(root / kind, followlinks=True)
        for each in names
        if not each.startswith(".") and f"{Path(place).name}/{each}" not in but
    )


def size_below(root: Path, place: str) -> int:
    """Bytes of the video at one place, <xx>/<digest>, whole and in part."""
    return sum(_size(root / kind / place) for kind in _IN_HAND)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
