"""A folder of video files, in the order of their paths."""

import errno
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from videonet.errors import UsageError
from videonet.files import is_folder, read_bounded
from videonet.schemas.video_info import VideoInfo
from videonet.sources.cells import seconds_of, text_of
from videonet.sources.source import Batch, Row, in_batches
from videonet.sources.video_names import is_named_like_a_video
from videonet.text import as_shown, encodable, number

# Endings that a message spells out.
_NAMED = 8


@dataclass(frozen=True)
class Folder:
    """Every video file below a folder. Hidden files and folders are left out.

    Links to folders are followed, each folder once. Titles, and what else is known, come from a
    yt-dlp `NAME.info.json` beside `NAME.mp4`; without one the title is the file's name.
    """

    folder: Path
    kind: str = "folder"

    def check(self) -> list[str]:
        """Raise UsageError if there is no such folder, no video in it, or a part cannot be read.

        A sentence says what is there besides videos.
        """
        if not is_folder(self.folder):
            raise UsageError(f"There is no folder {self.folder}.")
        if str(self.folder) != encodable(str(self.folder)):
            raise UsageError(
                f"The name of the folder {str(self.folder)!r} is not UTF-8; rename it."
            )
        videos: set[str] = set()
        others: set[str] = set()
        for path in self._files():
            (videos if is_named_like_a_video(path) else others).add(path)
        # What a row is made of is not passed over.
        others -= {_info_file(path) for path in videos}
        endings = Counter(map(_ending, others))
        if not videos:
            there = f"; there are {_counted(endings)}" if others else ""
            raise UsageError(
                f"No file below {self.folder} has the name of a video, such as .mp4, .mkv or "
                f".webm{there}."
            )
        if not others:
            return []
        return [
            f"Below {self.folder}, {number(len(others), 'file')} without the name of a video "
            f"{'is' if len(others) == 1 else 'are'} passed over: {_counted(endings)}."
        ]

    def batches(self) -> Iterator[Batch]:
        """All rows. Raises UsageError for a folder or info file that cannot be read."""
        return in_batches(self._row(rank, path) for rank, path in enumerate(self._paths()))

    def _paths(self) -> list[str]:
        """Paths of the video files relative to the folder, with "/", in alphabetical order."""
        paths = sorted(filter(is_named_like_a_video, self._files()))
        for path in paths:
            if path != encodable(path):
                raise UsageError(f"{path!r} below {self.folder} is not UTF-8; rename it.")
        return paths

    def _files(self) -> Iterator[str]:
        """All files that are not hidden, in no order.

        A folder that several ways lead to has the path without a link; if there is none, the one
        with the fewest links, and of these the first in the alphabet.
        """
        seen: set[tuple[int, int]] = set()
        begins = [self.folder]
        while begins:
            links: list[Path] = []
            for begin in begins:
                yield from self._without_links(begin, seen, links)
            begins = sorted(links)

    def _without_links(
        self, begin: Path, seen: set[tuple[int, int]], links: list[Path]
    ) -> Iterator[str]:
        """The files of folders that were not seen yet; links to folders are put into `links`."""
        for place, folders, names in os.walk(begin, onerror=_refuse):
            found = os.stat(place)  # noqa: PTH116
            if (found.st_dev, found.st_ino) in seen:
                folders.clear()
                continue
            seen.add((found.st_dev, found.st_ino))
            # Partial downloads, waste bins, and what macOS puts beside each file ("._x.mp4").
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = [Path(place) / name for name in folders]
            # pathlib's own question fails for what is too deep; the walk says so in its turn.
            links += [folder for folder in below if os.path.islink(folder)]  # noqa: PTH114
            for name in names:
                if not name.startswith("."):
                    yield (Path(place) / name).relative_to(self.folder).as_posix()

    def _row(self, rank: int, path: str) -> Row:
        info = self._info(path)
        video = VideoInfo(
            video_id=text_of(info.get("id")) or path,
            url=path,
            root=str(self.folder.absolute()),
            title=text_of(info.get("title")) or Path(path).stem,
            duration=seconds_of(info.get("duration")),
            channel=text_of(info.get("channel")) or text_of(info.get("uploader")),
            licence=text_of(info.get("license")),
        )
        return Row(rank, video)

    def _info(self, path: str) -> dict[str, Any]:
        beside = self.folder / _info_file(path)
        try:
            # Numbers stay as they are written, for some are longer than Python's.
            info = json.loads(read_bounded(beside, _MOST_INFO_BYTES), parse_int=str)
        except FileNotFoundError:
            return {}
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                # The video's own name is just short enough.
                return {}
            raise UsageError(f"{beside} cannot be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{beside} is not JSON: {error}.") from error
        if not isinstance(info, dict):
            raise UsageError(f"{beside} is no yt-dlp info file: an object is expected.")
        return info


# With all comments on it, an info file may be tens of megabytes.
_MOST_INFO_BYTES = 64_000_000


def _info_file(path: str) -> str:
    """Where yt-dlp says what it knows of a video file."""
    return str(Path(path).with_suffix(".info.json"))


def _refuse(error: OSError) -> NoReturn:
    """Without this, what `os.walk` cannot read would be missing without a word."""
    raise UsageError(
        f"The folder {error.filename} cannot be read ({error.strerror}); make it readable, or "
        "move it away."
    ) from error


def _ending(path: str) -> str:
    """As names are counted by it: ".txt"; what is longer than an ending is none."""
    suffix = as_shown(encodable(Path(path).suffix.lower()))
    return suffix if len(suffix) <= _LONGEST_ENDING else ""


_LONGEST_ENDING = 10


def _counted(endings: Counter[str]) -> str:
    """How many files there are of which endings, the commonest first."""
    ordered = sorted(endings.items(), key=lambda each: (-each[1], each[0]))
    said = [f"{count:,} {ending or 'without an ending'}" for ending, count in ordered[:_NAMED]]
    rest = ordered[_NAMED:]
    if rest:
        files = number(sum(count for _, count in rest), "file")
        said.append(f"{files} of {number(len(rest), 'other ending')}")
    return ", ".join(said)
