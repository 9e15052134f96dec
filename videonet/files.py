"""Files on a local disk: what their content is, and how one appears whole or not at all."""

import errno
import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

# All options with a comment each are 20 kB.
_MOST_TOML_BYTES = 1_000_000

# Of a name of several parts, or of numbers side by side.
_MOST_DOTS = 200


def cache_folder() -> Path:
    """Where what can be had again is kept: VIDEONET_CACHE, or the user's cache folder."""
    return Path(os.environ.get("VIDEONET_CACHE") or platformdirs.user_cache_dir("videonet"))


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file's content, read as a stream. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_bounded(file: Path, most: int) -> bytes:
    """The content of a stranger's file of at most `most` bytes. Raises OSError, also for a longer.

    It is not asked how long the file is: a device or a pipe has no length, and no end.
    """
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(file))
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


def draft_of(file: Path) -> Path:
    """Where `file` is until it is complete: beside it, under a name that readers of a folder skip.

    A killed run's is overwritten by the next.
    """
    return file.with_name(f".{file.name}.tmp")


def below(root: str, path: str) -> Path | None:
    """Absolute path of what `path` names below `root`; None if it is not below.

    By its name alone: a link below the root may lead to another disk, as its owner wishes.
    """
    folder = Path(os.path.abspath(root))  # noqa: PTH100  # Path.resolve follows links
    file = Path(os.path.abspath(folder / path))  # noqa: PTH100
    return file if file.is_relative_to(folder) else None


@contextmanager
def drafted(file: Path) -> Iterator[Path]:
    """A path to write to; it becomes `file`, in one step, when all went well."""
    draft = draft_of(file)
    try:
        with named(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            sync(draft)
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
