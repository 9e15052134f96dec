"""DIR/attribution.csv: whose videos an export holds, a row a video, in the order of its shards."""

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TextIO

from videonet.errors import UsageError
from videonet.export.folder import ATTRIBUTION
from videonet.schemas.export import Sound
from videonet.schemas.lock_file import LockedVideo
from videonet.storage.dataset_files import DatasetFiles
from videonet.text import as_shown

# Licences that are counted one by one: sources may state a text of its own for each video.
_MOST_LICENCES = 1_000
OTHER_LICENCES = "…"

# Characters; a longer line is none of ours.
_MOST_LINE = 1_000_000

# What makes a cell a formula, which spreadsheets compute.
_FORMULA = ("=", "+", "-", "@")


class Row(NamedTuple):
    """One video. Texts are in one line; "" stands for what the source does not say."""

    video_key: str
    # file of clips that it is in, below DIR
    shard: str
    side: str
    clips: int
    # a `Sound`; "" where the form has no sound
    sound: str
    video_id: str
    title: str
    channel: str
    licence: str
    # without its secrets, as in all that is published
    url: str


# Of the columns, the first that a stranger has written.
_TEXTS = Row._fields.index("video_id")


def row_of(video: LockedVideo, shard: str, side: str, sound: Sound | None) -> Row:
    """What is said of a video."""
    said = video.video
    texts = (said.video_id, said.title, said.channel or "", said.licence or "", said.url)
    heard = "" if sound is None else sound.value
    return Row(video.video_key, shard, side, len(video.clips), heard, *map(as_shown, texts))


def write_attribution(files: DatasetFiles, rows: Iterable[Row]) -> None:
    """Write the file. A text that begins like a formula has "'" in front."""
    with (
        files.draft(ATTRIBUTION) as draft,
        draft.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(
            (*row[:_TEXTS], *(_guarded(str(each)) for each in row[_TEXTS:])) for row in rows
        )


def read_attribution(files: DatasetFiles) -> Iterator[Row]:
    """The rows, one by one. Raises UsageError where there are none, or the file is damaged."""
    try:
        with files.local(ATTRIBUTION) as path, path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(_lines(file), strict=True)
            if next(rows, None) != list(Row._fields):
                raise ValueError(f"its columns are not {', '.join(Row._fields)}")
            for cells in rows:
                if len(cells) != len(Row._fields) or not cells[3].isdecimal():
                    raise ValueError(f"line {rows.line_num:,} is of another form")
                key, shard, side, clips, sound, *texts = cells
                yield Row(key, shard, side, int(clips), sound, *map(_unguarded, texts))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(
            f"{files.address}/{ATTRIBUTION} cannot be read ({as_shown(str(error))}); export the "
            "data set again."
        ) from error


def videos_among(files: DatasetFiles, wanted: Collection[str]) -> list[Row]:
    """Those videos of an export whose keys or ids are among these. Raises UsageError."""
    return [
        row for row in read_attribution(files) if row.video_key in wanted or row.video_id in wanted
    ]


def licences_in(files: DatasetFiles) -> Counter[str]:
    """How many videos state each licence; of very many licences, the rest is OTHER_LICENCES."""
    found: Counter[str] = Counter()
    for row in read_attribution(files):
        is_counted = row.licence in found or len(found) < _MOST_LICENCES
        found[row.licence if is_counted else OTHER_LICENCES] += 1
    return found


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_MOST_LINE):
        yield line


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
