"""Whether files are as they were written, without reading all of them each time.

A note keeps a file's digest together with what changes whenever its content does: among that is the
time of the last change of its inode, which no program can set back. Only a file that differs from
its note is read. What a failing disk does to bytes, no time tells: `videonet verify` reads all.
"""

import time
from pathlib import Path

from videonet.files import sha256_of
from videonet.schemas.run import FileNote

# So long after its last change a file system's clock has gone on, nanoseconds: it counts in
# milliseconds, or in up to two seconds.
_SETTLED = 2_000_000_000


def noted(path: Path, sha256: str) -> FileNote:
    """A note of a file that has this content. Raises OSError."""
    return FileNote(sha256=sha256, state=_state(path))


def noted_now(path: Path, before: FileNote | None = None) -> FileNote:
    """A note of a file as it is now; where it is as `before`, it is not read. Raises OSError.

    A file that was written just now may change again without another time: it will be read.
    """
    state = _state(path)
    same = before is not None and before.state == state
    sha256 = before.sha256 if before is not None and same else sha256_of(path)
    *_, changed = state
    settled = time.time_ns() - changed > _SETTLED and _state(path) == state
    return FileNote(sha256=sha256, state=state if settled else None)


def is_as_noted(path: Path, note: FileNote) -> bool:
    """Whether a file has the content that was noted; it is read where its state is another."""
    try:
        return _state(path) == note.state or sha256_of(path) == note.sha256
    except OSError:
        return False


def _state(path: Path) -> tuple[int, int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
