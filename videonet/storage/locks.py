"""One run at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from videonet.errors import UsageError


@contextmanager
def exclusive_lock(*folders: Path) -> Iterator[None]:
    """Keep other runs out of these folders. Raises UsageError if one is at work there."""
    for folder in folders:
        if ":/" in str(folder):
            raise UsageError(
                f"{folder} is no folder: stores and data sets on object storage are not supported "
                "yet; give a local path."
            )
    locks = []
    try:
        for folder in dict.fromkeys(each.resolve() for each in folders):
            lock = filelock.FileLock(folder / ".lock")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise UsageError(
                    f"Another run is at work in {folder}; wait for it, or use another folder."
                ) from error
            except OSError as error:
                raise UsageError(
                    f"The folder {folder} cannot be written ({error.strerror}); "
                    "choose a folder of yours."
                ) from error
            locks.append(lock)
        yield
    finally:
        for lock in locks:
            lock.release()
