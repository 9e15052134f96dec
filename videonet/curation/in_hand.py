"""Which videos a process has in hand, noted on disk before they are opened.

A video that takes the whole machine down with it would be among the first that the same command
meets again. What was in hand when a process was killed comes last, and one after the other.
"""

import contextlib
import hashlib
import os
import threading
from pathlib import Path

from videonet.files import draft_name

# A note is the sha256 of a video's key in hexadecimal, and a line's end.
_SIZE = 65
_NOTHING = b" " * (_SIZE - 1) + b"\n"


class InHand:
    """The notes of this process in a folder, and those that others have left there.

    Any number of threads may use it.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is written before the first note."""
        self._folder = folder
        # Containers that share a folder often share a host name and process numbers, too.
        self._file = folder / draft_name()
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        # by the digest of a key
        self._slots: dict[bytes, int] = {}
        self._free: list[int] = []
        self._left = frozenset(_left_in(folder))

    def was_left(self, video_key: str) -> bool:
        """Whether a process was killed while it had this video in hand."""
        return bool(self._left) and _digest(video_key) in self._left

    def take(self, video_key: str) -> None:
        """Note a video, so that a machine that loses its power remembers it. Raises OSError."""
        digest = _digest(video_key)
        with self._lock:
            if digest in self._slots:
                return
            slot = self._free.pop() if self._free else len(self._slots)
            self._slots[digest] = slot
            if self._descriptor is None:
                self._descriptor = self._opened()
            descriptor = self._descriptor
        os.pwrite(descriptor, digest + b"\n", slot * _SIZE)
        os.fsync(descriptor)

    def _opened(self) -> int:
        while True:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Another process of the run that ends now may have found the folder empty.
            with contextlib.suppress(FileNotFoundError):
                return os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)

    def put_down(self, video_key: str) -> None:
        """Take a note back, if there is one."""
        with self._lock:
            slot = self._slots.pop(_digest(video_key), None)
            if slot is not None and self._descriptor is not None:
                os.pwrite(self._descriptor, _NOTHING, slot * _SIZE)
                self._free.append(slot)

    def close(self, *, is_over: bool) -> None:
        """Delete the notes of this process, and where the run is over those of others."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
            for file in self._folder.iterdir() if is_over else ():
                file.unlink()
            self._folder.rmdir()


def _left_in(folder: Path) -> set[bytes]:
    """What is noted in a folder. What cannot be read says nothing."""
    found: set[bytes] = set()
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            found.update(line for line in file.read_bytes().split(b"\n") if line.strip())
    return found


def _digest(video_key: str) -> bytes:
    return hashlib.sha256(video_key.encode("utf-8", "surrogatepass")).hexdigest().encode()
