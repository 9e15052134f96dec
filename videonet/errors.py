"""The exceptions that leave a room: for what a user gave, for what a machine lacks, for our faults.

An error of the system says by its number what the machine lacks: see `machine_error`.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from videonet.schemas.shown import printable


class UsageError(Exception):
    """What was asked for cannot be done; the message says what was given, expected, and to do.

    The command line prints the message as one sentence and exits with code 2. The message may
    quote strangers: what acts on a terminal is taken out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class MachineError(UsageError):
    """The machine lacks what every video needs, such as room on a disk.

    It says nothing of a video, so it becomes no verdict: it ends the run, and the same command goes
    on once the machine has what it lacked.
    """


class OneRankError(UsageError):
    """What one rank alone has found, of several that train together: that rank says it.

    What all of them find, the first one says.
    """


class AccountError(Exception):
    """Counts that must balance do not: something was lost or counted twice. It ends the run."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})

# What other faults of our folders are, but these: files may come and go, and be of another kind.
_OF_A_NAME = frozenset(
    {errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EINVAL}
)

# These say what the system said in words alone: an import of a library, and DuckDB. Others may
# quote a server, which can say anything.
_IN_WORDS = frozenset({"ImportError", "IOException"})

# How Python says that it has tried to write to each folder for temporary files.
_NOWHERE = "No usable temporary directory"

_AGAIN = "the same command goes on"


def machine_error(error: BaseException, *ours: Path) -> MachineError | None:
    """What the machine lacks, if `error` or an exception beneath it comes of that; else None.

    `ours` are folders that a run must be able to write to: whatever their file system refuses there
    is the machine's fault too.
    """
    known = None
    for each in with_those_beneath(error):
        if isinstance(each, MachineError):
            known = each
        elif (said := _said_by(each, ours)) is not None:
            return MachineError(said)
    return known


def with_those_beneath(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps, as Python, yt-dlp and urllib3 do, each once."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, *each.args]
        waiting += [getattr(each, name, None) for name in ("cause", "reason")]


def _said_by(error: BaseException, ours: tuple[Path, ...]) -> str | None:
    number = _number_of(error)
    if isinstance(error, socket.gaierror) and _is_out_of_descriptors():
        # The system's own look-up has opened no file, and says only that it found no name.
        number = errno.EMFILE
    if number is None:
        return None
    place = _place_of(error)
    where = place or " or ".join(map(str, ours)) or "what the command writes or prints"
    why = os.strerror(number)
    if number in _NO_DESCRIPTOR:
        return (
            f"No more files can be opened ({why}); raise the limit, such as with ulimit -n 4096, "
            f"or lower --workers and --downloads; {_AGAIN}."
        )
    # FFmpeg says so of a file's content, too.
    if type(error).__module__.startswith("av."):
        return None
    if number in _NO_ROOM:
        return f"There is no room for {where} ({_room(why, number, place)}): make some; {_AGAIN}."
    is_ours = place is not None and any(Path(place).is_relative_to(each) for each in ours)
    if number == errno.EROFS or (is_ours and number not in _OF_A_NAME):
        return f"{where} cannot be written ({why}); once it can, {_AGAIN}."
    return None


def _number_of(error: BaseException) -> int | None:
    """The number of an error of the system; None for what is none."""
    if isinstance(error, OSError) and isinstance(error.errno, int) and error.errno > 0:
        return errno.ENOSPC if (error.strerror or "").startswith(_NOWHERE) else error.errno
    if type(error).__name__ in _IN_WORDS:
        text = str(error)
        numbers = (*_NO_ROOM, *_NO_DESCRIPTOR, errno.EROFS)
        return next((number for number in numbers if os.strerror(number) in text), None)
    return None


def _place_of(error: BaseException) -> str | None:
    """The file that an error of the system names."""
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else None


def _room(why: str, number: int, place: str | None) -> str:
    """What is used up: bytes, or the number of files that a file system can have."""
    if number == errno.ENOSPC and place is not None:
        with suppress(OSError, ValueError):
            state = os.statvfs(next(each for each in Path(place).parents if each.is_dir()))
            if state.f_files and not state.f_favail:
                return f"{why}: no inode is left"
    return why


def _is_out_of_descriptors() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NO_DESCRIPTOR
    return False
