"""A stored video is read only if its bytes are those that were fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from videonet.files import sha256_of
from videonet.schemas.fetch import Fetch
from videonet.storage.store import Store

# Files whose digests are remembered: the steps that read a video follow each other.
_REMEMBERED = 256


class AlteredError(Exception):
    """The file of a video is not, or no longer, what its record says."""


@contextmanager
def verified_file(fetched: Fetch, store: Store) -> Iterator[Path]:
    """The file of a record, to be read while this lasts.

    Raises AlteredError if its content is another one than the record's, before it is read, or if it
    was changed while it was read: what was made of it is then not to be used.
    """
    with store.opened(fetched) as path:
        before = None if path is None else _state(path)
        if path is None or before is None or _digest(path, before) != fetched.sha256:
            raise AlteredError(f"the file of {fetched.video_key} is not what was fetched")
        try:
            yield path
        finally:
            if _state(path) != before:
                raise AlteredError(f"the file of {fetched.video_key} was changed while it was read")


def has_content(path: Path, sha256: str) -> bool:
    """Whether a file has this content. Files that were looked at just now are not read again."""
    state = _state(path)
    try:
        return state is not None and _digest(path, state) == sha256
    except AlteredError:
        return False


def forget_file(fetched: Fetch, store: Store) -> int:
    """Delete a file that is not what its record says; the bytes that became free.

    The store's own copy is deleted, a local file that is read in place is not. Neither is `here`
    after that; its record is the caller's to write.
    """
    if fetched.path is not None:
        return 0
    store.delete(store.video(fetched.video_key))
    return fetched.bytes or 0


class _State(NamedTuple):
    """What changes with a file's content. No program can set the last of them back."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def _state(path: Path) -> _State | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return _State(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(_REMEMBERED)
def _digest(path: Path, state: _State) -> str:  # noqa: ARG001  # the key under which it is kept
    try:
        return sha256_of(path)
    except OSError as error:
        raise AlteredError(f"{path} cannot be read ({error.strerror})") from error
