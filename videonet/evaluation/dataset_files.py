"""Files of an evaluation's data set: whether they are there, how many, and which exactly."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from videonet.errors import UsageError
from videonet.evaluation.protocol import Data
from videonet.files import sha256_of

IMAGES = frozenset({".jpg", ".jpeg", ".png"})


def folder(path: Path, what: str, layout: Iterable[str]) -> Path:
    """The folder, if it is there. Raises UsageError, which says how `what` should lie."""
    if not path.is_dir():
        raise UsageError(
            f"{what} has no folder {path}; below --data there should be {'; '.join(layout)}."
        )
    return path


def images_below(root: Path) -> list[Path]:
    """All images in a folder and those within it, sorted by their path."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in IMAGES)
    return sorted(path for path in found if not path.name.startswith("."))


def checked(
    root: Path,
    files: Iterable[Path],
    counts: Mapping[str, int],
    expected: Mapping[str, int],
    *,
    partial: bool,
    told: Callable[[str, int, int], None],
) -> Data:
    """The fingerprint of the files below `root`, all of which are read.

    Raises UsageError where a file cannot be read, or counts are not those of the whole data set
    and `partial` is not set.
    """
    if dict(counts) != dict(expected) and not partial:
        here = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        whole = ", ".join(f"{count:,} {name}" for name, count in expected.items())
        raise UsageError(
            f"{root} holds {here}, and the whole data set {whole}; give the whole of it, or "
            f"--partial, whose results stand in no comparison."
        )
    paths = sorted(files)
    digest = hashlib.sha256()
    # Reading and hashing both leave Python's lock alone.
    with ThreadPoolExecutor(4) as pool:
        for number, line in enumerate(pool.map(lambda path: _line(root, path), paths)):
            if number % 500 == 0:
                told("reads", number, len(paths))
            digest.update(line.encode())
    return Data(digest.hexdigest(), dict(counts), dict(expected))


def _line(root: Path, path: Path) -> str:
    try:
        return f"{path.relative_to(root).as_posix()} {path.stat().st_size} {sha256_of(path)}\n"
    except OSError as error:
        raise unreadable(path, error.strerror or error) from error


def unreadable(path: Path, why: object) -> UsageError:
    """What is said of a file that cannot be read, or is broken."""
    return UsageError(f"{path} cannot be read ({why}); put a good copy in its place.")
