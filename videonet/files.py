"""Files on a local disk: what their content is, and how one appears whole or not at all.

A file that is being written has a name of its own, which says which process writes it. So two
writers never share one, and it can be told whose was left behind.
"""

import functools
import hashlib
import os
import platform
import re
import sys
import time
import tomllib
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

# All options with a comment each are 20 kB.
_MOST_TOML_BYTES = 1_000_000

# Of a name of several parts, or of numbers side by side.
_MOST_DOTS = 200

# A draft is of no more use, whoever writes it, after so long without a change, seconds: a day.
_ABANDONED = 24 * 3600.0

# What `process_name` gives: where, process number, when it was begun.
_PROCESS = re.compile(r"([0-9a-f]{12})-([0-9]+)-([0-9]+)")


def cache_folder() -> Path:
    """Where what can be had again is kept: VIDEONET_CACHE, or the user's cache folder."""
    return Path(os.environ.get("VIDEONET_CACHE") or platformdirs.user_cache_dir("videonet"))


def import_path() -> str:
    """PYTHONPATH of a process that finds the modules of this one, and no others where it is begun.

    It is to be started with -P.
    """
    return os.pathsep.join(each or str(Path.cwd()) for each in sys.path)


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file's content, read as a stream. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class TooLongError(OSError):
    """A file that is longer than what is read of one. It has no number: no disk is full."""

    def __init__(self, file: Path | str, most: int) -> None:
        super().__init__(None, f"it has more than {most:,} bytes", str(file))

    def __str__(self) -> str:
        """What is wrong with which file."""
        return f"{self.strerror}: {self.filename}"


def read_bounded(file: Path, most: int) -> bytes:
    """The content of a stranger's file of at most `most` bytes. Raises OSError.

    For a longer one that is TooLongError.

    It is not asked how long the file is: a device or a pipe has no length, and no end.
    """
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise TooLongError(file, most)
    return content


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a configuration that may be a stranger's. Raises OSError, or ValueError.

    Python takes a minute for a name of 100,000 parts, and longer names take as long as they like.
    """
    text = read_bounded(file, _MOST_TOML_BYTES).decode()
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ValueError(f"a line has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def is_folder(path: Path) -> bool:
    """Whether there is such a folder. Names that no file system takes are those of none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file, likewise."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def process_name() -> str:
    """A name for this process that no other has had or will have, on this machine or another.

    It is of letters, digits and "-": it may be a part of a file's name.
    """
    return _process_name(os.getpid())


def has_ended(process: str) -> bool:
    """Whether the process with a name of `process_name` is no more; False where nobody can tell.

    That is where it was on another machine, in another container, or before this one was started.
    """
    named_so = _PROCESS.fullmatch(process)
    if named_so is None or named_so[1] != _machine():
        return False
    pid, begun = int(named_so[2]), int(named_so[3])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    there = _begun(pid)
    return there is not None and there != begun


def running_here(process: str) -> int | None:
    """The number of the process with a name of `process_name`, if it is at work on this machine."""
    named_so = _PROCESS.fullmatch(process)
    if named_so is None or named_so[1] != _machine():
        return None
    pid, begun = int(named_so[2]), int(named_so[3])
    return pid if begun and _begun(pid) == begun else None


@functools.lru_cache(maxsize=1)
def _process_name(pid: int) -> str:
    return f"{_machine()}-{pid}-{_begun(pid) or 0}"


@functools.cache
def _machine() -> str:
    """What tells whose process numbers are meant: a machine since it was started, a container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        where = f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        where = f"{platform.node()} {uuid.getnode()}"
    return hashlib.sha256(where.encode()).hexdigest()[:12]


def _begun(pid: int) -> int | None:
    """When a process was begun, in ticks since the machine was; None: not known.

    One that has ended and that nobody has asked about yet was begun never: 0.
    """
    try:
        # The name of the program is in brackets, and may hold anything.
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return 0 if state in "ZX" else int(rest[18])


def draft_name() -> str:
    """A fresh name for a file that is being written, which says which process writes it."""
    return f"{process_name()}.{uuid.uuid4().hex}"


def draft_of(file: Path) -> Path:
    """A fresh path for `file` until it is complete: beside it, and readers of a folder skip it."""
    return file.with_name(f".{file.name}.{draft_name()}.tmp")


def drafts_below(folder: Path) -> Iterator[Path]:
    """All drafts of files in a folder and below it."""
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (Path(place, each) for each in names if each[0] == "." and each[-4:] == ".tmp")


def abandoned(drafts: Iterable[Path]) -> Iterator[Path]:
    """Those of these drafts, files or folders, that nobody works on any more.

    Their process has ended on this machine, or they were not changed for a day. A draft of a
    version that named no process is abandoned, too: such a version worked alone.
    """
    now = time.time()
    for draft in drafts:
        names = [part for part in draft.name.split(".") if _PROCESS.fullmatch(part)]
        with suppress(FileNotFoundError):
            if not names or has_ended(names[-1]) or now - draft.stat().st_mtime > _ABANDONED:
                yield draft


def below(root: str, path: str) -> Path | None:
    """Absolute path of what `path` names below `root`; None if it is not below.

    By its name alone: a link below the root may lead to another disk, as its owner wishes.
    """
    folder = Path(os.path.abspath(root))  # noqa: PTH100  # Path.resolve follows links
    file = Path(os.path.abspath(folder / path))  # noqa: PTH100
    return file if file.is_relative_to(folder) else None


def unchecked() -> None:
    """What is checked where nothing is to be."""


@contextmanager
def drafted(file: Path, check: Callable[[], None] = unchecked) -> Iterator[Path]:
    """A path to write to; it becomes `file`, in one step, when all went well.

    `check` comes between the two, and raises what keeps the file as it was.
    """
    draft = draft_of(file)
    try:
        with named(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            sync(draft)
            check()
            draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Let an error of the system say which file it is about: one of a write names none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(file)
        raise


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
