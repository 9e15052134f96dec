"""One run at a time in a folder.

The lock is the system's own (flock). It ends with the process that holds it, however that ends, so
the file that is left says nothing: not after a kill, nor after a power cut, on no machine.
"""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock

from videonet.errors import UsageError, machine_error

# How file systems say that they have no locks, and NFS that its server has none.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})


def store_lock(place: str) -> AbstractContextManager[None]:
    """Keep other runs out of a store, if that is a folder. Raises UsageError if one is there."""
    return nullcontext() if "://" in place else exclusive_lock(Path(place))


@contextmanager
def exclusive_lock(*folders: Path) -> Iterator[None]:
    """Keep other runs out of these folders. Raises UsageError if one is at work there."""
    locks = []
    try:
        for folder in dict.fromkeys(each.resolve() for each in folders):
            # A lock that is a file alone would outlast its process.
            lock = filelock.FileLock(folder / ".lock", fallback_to_soft=False)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise UsageError(
                    f"Another run is at work in {folder}; wait for it, or use another folder."
                ) from error
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    raise UsageError(
                        f"The file system of {folder} has no locks ({error.strerror}), so that two "
                        "runs could work there at once; use another one, or mount it with locks."
                    ) from error
                if (lacking := machine_error(error)) is not None:
                    raise lacking from error
                raise UsageError(
                    f"The folder {folder} cannot be written ({error.strerror}); "
                    "choose a folder of yours."
                ) from error
            locks.append(lock)
        yield
    finally:
        for lock in locks:
            lock.release()
