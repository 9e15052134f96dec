"""A folder of video files, in the order of their paths."""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from yt_dlp.utils import MEDIA_EXTENSIONS

from videonet.errors import UsageError
from videonet.schemas.video_info import VideoInfo
from videonet.sources.source import Batch, Row, in_batches
from videonet.text import encodable

# yt-dlp's list has no streams as television and cameras write them.
SUFFIXES = frozenset({*MEDIA_EXTENSIONS.video, "m2ts", "mpeg", "mts", "ts", "vob"})


@dataclass(frozen=True)
class Folder:
    """Every video file below a folder. Hidden files and folders are left out.

    Titles, and what else is known, come from a yt-dlp `NAME.info.json` beside `NAME.mp4`; without
    one the title is the file's name.
    """

    folder: Path
    kind: str = "folder"

    def check(self) -> None:
        """Raise UsageError if there is no such folder, no video in it, or a part cannot be read."""
        if not self.folder.is_dir():
            raise UsageError(f"There is no folder {self.folder}.")
        if next(self._unordered(), None) is None:
            raise UsageError(
                f"No file below {self.folder} has the name of a video; names end with one of: "
                f"{', '.join(sorted(SUFFIXES))}."
            )

    def batches(self) -> Iterator[Batch]:
        """All rows. Raises UsageError for a folder or info file that cannot be read."""
        return in_batches(self._row(rank, path) for rank, path in enumerate(self._paths()))

    def _paths(self) -> list[str]:
        """Paths of the video files relative to the folder, with "/", in alphabetical order."""
        paths = sorted(self._unordered())
        for path in paths:
            if path != encodable(path):
                raise UsageError(f"{path!r} below {self.folder} is not UTF-8; rename it.")
        return paths

    def _unordered(self) -> Iterator[str]:
        for place, folders, names in os.walk(self.folder, onerror=_refuse):
            # Partial downloads, waste bins, and what macOS puts beside each file ("._x.mp4").
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                _, dot, suffix = name.rpartition(".")
                if dot and suffix.lower() in SUFFIXES and not name.startswith("."):
                    yield (Path(place) / name).relative_to(self.folder).as_posix()

    def _row(self, rank: int, path: str) -> Row:
        info = self._info(self.folder / path)
        duration = info.get("duration")
        # Nothing lasts 0 s: the value stands for an unknown length.
        if not isinstance(duration, int | float) or not 0 < duration < math.inf:
            duration = None
        video = VideoInfo(
            video_id=_text(info.get("id")) or path,
            url=path,
            root=str(self.folder.absolute()),
            title=_text(info.get("title")) or Path(path).stem,
            duration=None if duration is None else float(duration),
            channel=_text(info.get("channel")) or _text(info.get("uploader")),
            licence=_text(info.get("license")),
        )
        return Row(rank, video)

    def _info(self, file: Path) -> dict[str, Any]:
        beside = file.with_suffix(".info.json")
        try:
            info = json.loads(beside.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsageError(f"{beside} cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise UsageError(f"{beside} is not JSON: {error}.") from error
        if not isinstance(info, dict):
            raise UsageError(f"{beside} is no yt-dlp info file: an object is expected.")
        return info


def _refuse(error: OSError) -> NoReturn:
    """Without this, what `os.walk` cannot read would be missing without a word."""
    raise UsageError(
        f"The folder {error.filename} cannot be read ({error.strerror}); make it readable, or "
        "move it away."
    ) from error


def _text(value: Any) -> str | None:
    return None if value is None else encodable(str(value)) or None
