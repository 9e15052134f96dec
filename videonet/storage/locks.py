"""One run at a time in a data set, and any number of them in a store.

The lock is the system's own (flock). It ends with the process that holds it, however that ends, so
the file that is left says nothing: not after a kill, nor after a power cut, on no machine.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock

from videonet.errors import UsageError, machine_error

# How file systems say that they have no locks, and NFS that its server has none.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})


def store_lock(place: str) -> AbstractContextManager[None]:
    """Keep commands out of a store that want it for themselves, as those of earlier versions do.

    Raises UsageError if one is at work there. A bucket is only used by versions that share it.
    """
    return nullcontext() if "://" in place else _shared_lock(Path(place))


def reading_lock(place: Path | str) -> AbstractContextManager[None]:
    """Keep runs that write out of a folder; any number may read it. Raises UsageError if one is.

    In a bucket nothing is kept out: whoever reads finds by the digests what has changed.
    """
    return nullcontext() if "://" in str(place) else _shared_lock(Path(place))


@contextmanager
def exclusive_lock(*folders: Path) -> Iterator[None]:
    """Keep other runs out of these folders. Raises UsageError if one is at work there."""
    locks = []
    try:
        for folder in dict.fromkeys(each.resolve() for each in folders):
            # A lock that is a file alone would outlast its process.
            lock = filelock.FileLock(folder / ".lock", fallback_to_soft=False)
            with _told(folder):
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
            locks.append(lock)
        yield
    finally:
        for lock in locks:
            lock.release()


@contextmanager
def _shared_lock(folder: Path) -> Iterator[None]:
    folder = folder.resolve()
    descriptor: int | None = None
    try:
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say in a sentence why a folder cannot be locked."""
    try:
        yield
    except (filelock.Timeout, BlockingIOError) as error:
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
            f"The folder {folder} cannot be written ({error.strerror}); choose a folder of yours."
        ) from error
