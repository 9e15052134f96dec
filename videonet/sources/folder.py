"""A folder of video files, in the order of their paths."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp.utils import MEDIA_EXTENSIONS

from videonet.errors import UsageError
from videonet.sources.row import Batch, Row, in_batches


@dataclass(frozen=True)
class Folder:
    """Every video file below a folder.

    Titles, and what else is known, come from a yt-dlp `NAME.info.json` beside `NAME.mp4`; without
    one the title is the file's name.
    """

    folder: Path
    kind: str = "folder"

    def check(self) -> None:
        """Raise UsageError if there is no such folder."""
        if not self.folder.is_dir():
            raise UsageError(f"There is no folder {self.folder}.")

    def batches(self) -> Iterator[Batch]:
        """All rows. Raises UsageError for an info file that is not JSON."""
        return in_batches(self._row(rank, path) for rank, path in enumerate(self._paths()))

    def _paths(self) -> list[str]:
        """Paths of the video files relative to the folder, with "/", in alphabetical order."""
        paths = [
            (Path(place) / name).relative_to(self.folder).as_posix()
            for place, _, names in os.walk(self.folder)
            for name in names
            if name.rpartition(".")[2].lower() in MEDIA_EXTENSIONS.video
        ]
        return sorted(paths)

    def _row(self, rank: int, path: str) -> Row:
        info = self._info(self.folder / path)
        duration = info.get("duration")
        return Row(
            rank=rank,
            video_id=str(info.get("id") or path),
            url=path,
            root=str(self.folder.absolute()),
            title=str(info.get("title") or Path(path).stem),
            duration=float(duration) if isinstance(duration, int | float) else None,
            channel=info.get("channel") or info.get("uploader"),
            licence=info.get("license"),
        )

    def _info(self, file: Path) -> dict[str, Any]:
        beside = file.with_suffix(".info.json")
        try:
            info = json.loads(beside.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise UsageError(f"{beside} is not JSON: {error}.") from error
        if not isinstance(info, dict):
            raise UsageError(f"{beside} is no yt-dlp info file: an object is expected.")
        return info
