"""What earlier versions wrote of videos: a file for each step, where there is one record now.

    STORE/fetch/<xx>/<digest>.json         what is here of a video, and what went wrong
    STORE/length/<xx>/<digest>.json        how long it is
    STORE/scan/<key>/<xx>/<digest>.json    what a classifier saw in it
    STORE/cut/<key>/<xx>/<digest>.json     how many clips it gave
    STORE/thumbnail/<xx>/<digest>.jpg      a few of its frames

They are read as long as they are there, and become records once: see `videonet.storage.take_over`.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.scan import Scan
from videonet.schemas.video_record import sections_of

# Kinds of files, and which of them there is one of for each way in which the step was done.
_KINDS = ("fetch", "length", "scan", "cut", "thumbnail")
_KEYED = ("scan", "cut")


class Found(NamedTuple):
    """What was written of one video."""

    video_key: str
    # of a record, one after the other as they were written
    sections: list[dict[str, bytes]]


class OlderFiles:
    """What an earlier version has written into a store in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def are_there(self) -> bool:
        """Whether there is any. It takes as long for a large store as for a small one."""
        return any((self._root / kind).is_dir() for kind in _KINDS)

    def prefixes(self) -> list[str]:
        """The first two digits of all digests, in order."""
        return sorted({place.name for folder in self._folders() for place in _entries(folder)})

    def of_prefix(self, prefix: str) -> dict[str, list[Path]]:
        """By digest, all files whose digests begin so."""
        files: dict[str, list[Path]] = {}
        for folder in self._folders():
            for file in _entries(folder / prefix):
                files.setdefault(file.stem, []).append(file)
        return files

    def record(self, place: str) -> Found | None:
        """What is known of the video at `place`, <xx>/<digest>; None: nothing.

        Files that were torn, or that no version reads, are as good as none.
        """
        found: list[tuple[int, str, dict[str, bytes]]] = []
        for folder in self._folders():
            kind, _, key = folder.relative_to(self._root).as_posix().partition("/")
            file = folder / f"{place}.json"
            with suppress(FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
                video_key, sections = _read(kind, key, file.read_bytes())
                found.append((file.stat().st_mtime_ns, video_key, sections))
        if not found:
            return None
        found.sort(key=lambda each: each[0])
        return Found(found[-1][1], [sections for *_, sections in found])

    def thumbnail(self, place: str) -> Path:
        """Where a picture of a few frames lies, or would."""
        return self._root / f"thumbnail/{place}.jpg"

    def delete_empty(self) -> None:
        """Remove the folders, as far as nothing is in them."""
        for kind in _KINDS:
            for folder, *_ in os.walk(self._root / kind, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()

    def _folders(self) -> Iterator[Path]:
        """The folders below which files lie by the first two digits of their digests."""
        for kind in _KINDS:
            yield from _entries(self._root / kind) if kind in _KEYED else [self._root / kind]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, hidden files aside, in order; nothing where there is none."""
    try:
        return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(kind: str, key: str, data: bytes) -> tuple[str, dict[str, bytes]]:
    """Whose file this is, and what of a record it holds. Raises DecodeError."""
    if kind == "fetch":
        fetch = Fetch.from_json(data)
        return fetch.video_key, sections_of(fetch=fetch)
    if kind == "length":
        length = Length.from_json(data)
        return length.video_key, sections_of(length=length)
    if kind == "scan":
        scan = Scan.from_json(data)
        return scan.video_key, sections_of(scans={key: scan})
    cut = Cut.from_json(data)
    return cut.video_key, sections_of(cuts={key: cut})
