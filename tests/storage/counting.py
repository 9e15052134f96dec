"""A form of objects that counts what it is asked for, over the files of a folder."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Entry, Versioned


class CountingObjects:
    """The objects of a folder; how often each verb was called, by the first part of a name.

    What says which records are packed counts as "pointer".
    """

    def __init__(self, root: Path) -> None:
        self._objects = FolderObjects(root)
        self._lock = threading.Lock()
        self.address = self._objects.address
        self.calls: Counter[tuple[str, str]] = Counter()

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        self._count("read", name)
        return self._objects.read(name, begin, end)

    def read_versioned(self, name: str) -> Versioned | None:
        self._count("read", name)
        return self._objects.read_versioned(name)

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        self._count("write", name)
        return self._objects.write_once(name, data, lasting=lasting)

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        self._count("write", name)
        return self._objects.write_if(name, data, generation, lasting=lasting)

    def list(self, prefix: str) -> Iterator[Entry]:
        self._count("list", prefix)
        return self._objects.list(prefix)

    def delete(self, name: str, generation: str | None = None) -> bool:
        self._count("delete", name)
        return self._objects.delete(name, generation)

    def _count(self, verb: str, name: str) -> None:
        kind = "pointer" if name == "records/pointer.json" else name.partition("/")[0]
        with self._lock:
            self.calls[verb, kind] += 1
