"""The list of a data set without anything that its videos show: what labs may share.

videos.lock.parquet    what `videonet rebuild` makes the data set again from
videos.jsonl           the same for other tools, a line a video: `videonet.schemas.export`
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from videonet.dataset.lock_file import Lock, read_lock, write_rows
from videonet.errors import UsageError
from videonet.export.choice import Choice, Rules
from videonet.export.folder import file_of
from videonet.schemas.export import ExportFile, ListLabel, ListVideo
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import LOCK_FILE
from videonet.storage.dataset_files import MISSING, DatasetFiles

LIST = LOCK_FILE
LINES = "videos.jsonl"

# A video with its labels and spans has some thousand bytes.
_MOST_LINE = 10_000_000


def write_list(files: DatasetFiles, lock: Lock, rules: Rules) -> tuple[ExportFile, ...]:
    """Write the videos of a lock file that are exported. Raises UsageError as `Rules.choices`."""

    def exported() -> Iterator[Choice]:
        return (each for each in rules.choices(lock) if each.refused is None)

    with files.draft(LIST) as draft:
        write_rows(draft, lock.header, (each.video for each in exported()))
    targets = lock.header.targets
    with files.draft(LINES) as draft, draft.open("wb") as file:
        videos, clips = _write_lines(
            file, (_line(each.video, each.side, targets) for each in exported())
        )
    return tuple(file_of(files, path, videos=videos, clips=clips) for path in (LIST, LINES))


def strip_list(files: DatasetFiles, gone: Collection[str]) -> None:
    """Write the list again without the videos of these keys. Raises UsageError."""
    with files.local(LIST) as path:
        lock = read_lock(path)
        left = (each for each in lock.rows() if each.video_key not in gone)
        with files.draft(LIST) as draft:
            write_rows(draft, lock.header, left)
    with files.draft(LINES) as draft, draft.open("wb") as file:
        _write_lines(file, (each for each in lines_in(files) if each.video_key not in gone))


def locked_in(files: DatasetFiles) -> Iterator[LockedVideo]:
    """The rows of the list. Raises UsageError for a file that is missing or damaged."""
    with _there(files, LIST) as path:
        yield from read_lock(path).rows()


def lines_in(files: DatasetFiles) -> Iterator[ListVideo]:
    """The lines of the list. Raises UsageError for a file that is missing, and a damaged line."""
    with _there(files, LINES) as path, path.open("rb") as file:
        while line := file.readline(_MOST_LINE):
            try:
                yield ListVideo.from_json(line)
            except msgspec.DecodeError as error:
                raise UsageError(
                    f"{files.address}/{LINES} is damaged ({error}); export the data set again."
                ) from error


@contextmanager
def _there(files: DatasetFiles, name: str) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            path = stack.enter_context(files.local(name))
            path.stat()
        except MISSING as error:
            raise UsageError(
                f"{files.address}/{name} is missing; export the data set again into another folder."
            ) from error
        yield path


def _write_lines(file: IO[bytes], lines: Iterable[ListVideo]) -> tuple[int, int]:
    """Write lines; how many videos and clips there are."""
    videos = clips = 0
    for line in lines:
        file.write(line.to_json() + b"\n")
        videos += 1
        clips += len(line.clips)
    return videos, clips


def _line(video: LockedVideo, side: str, targets: Sequence[Target]) -> ListVideo:
    said = video.video
    return ListVideo(
        video_key=video.video_key,
        video_id=said.video_id,
        url=said.url,
        title=said.title,
        channel=said.channel,
        licence=said.licence,
        sha256=video.sha256,
        bytes=video.bytes,
        duration=video.duration,
        side=side,
        labels=tuple(
            ListLabel(
                index=place,
                target_id=targets[place].target_id,
                wnid=targets[place].wnid,
                text=targets[place].name,
            )
            for place in video.labels
        ),
        clips=video.clips,
    )
