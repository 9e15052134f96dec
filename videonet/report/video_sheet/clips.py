"""Reads a few clips of one video from their shard, and a few frames of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.report.video_sheet.view import ClipView, FrameView
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Outcome
from videonet.schemas.verdict import Verdict
from videonet.shards.jpeg import check_size
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.page_headers import reader_of
from videonet.shards.parquet import check_claims
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import as_shown
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    from videonet.training.data.preview import Views  # needs PyTorch

# Frames of a clip, and clips of a video, that are shown.
FRAMES = 8
CLIPS = 8

# Windows of a clip whose training views are shown.
WINDOWS = 3


def load_clips(
    output: DatasetDir, verdicts: list[Verdict], training_views: bool
) -> tuple[tuple[ClipView, ...], list[str]]:
    """At most CLIPS clips of a video, evenly spread, and notes on those that are not shown.

    Raises UsageError if their shard is damaged, or if there are to be training views without
    PyTorch.
    """
    count = max(verdict.clips for verdict in verdicts)
    if not count:
        kept = any(verdict.outcome is Outcome.KEPT for verdict in verdicts)
        return (), ["It is too short for a clip."] if kept else []
    notes = []
    numbers = _spread(count, CLIPS)
    if count > CLIPS:
        notes.append(f"{len(numbers)} of its {count} clips are shown.")
    clips = tuple(
        _view_of(clip, number, training_views)
        for number, clip in _read(output, verdicts[0].video_key, numbers)
    )
    if len(clips) < len(numbers):
        notes.append("Its clips are not in their shard; videonet verify says what else is wrong.")
    return clips, notes


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the first `count` numbers, evenly spread, with the first and the last."""
    places = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return sorted(set(places.tolist()))


def _read(output: DatasetDir, video_key: str, numbers: list[int]) -> Iterator[tuple[int, Clip]]:
    """The clips with these numbers. Of a Parquet shard no other clip is read."""
    lookup = output.lookup()
    assert lookup is not None, "there are verdicts"
    index = shard_of(video_key, lookup.shards)
    wanted = {f"{video_key}#{number}": number for number in numbers}
    parquet = shard_path("parquet", index, lookup.shards)
    tfrecord = shard_path("tfrecord", index, lookup.shards)
    if output.files.size(parquet) is not None:
        for clip in _from_parquet(output, parquet, wanted):
            yield wanted[clip.example_id], clip
    elif output.files.size(tfrecord) is not None:
        theirs = (clip for clip in output.clips_in(tfrecord) if clip.example_id in wanted)
        # Once all are found, the rest of the file is not read.
        for clip in itertools.islice(theirs, len(wanted)):
            yield wanted[clip.example_id], clip


def _from_parquet(output: DatasetDir, path: str, wanted: dict[str, int]) -> Iterator[Clip]:
    """The clips of these ids. A row group is a clip, and its statistics say which."""
    try:
        with (
            output.files.open(path) as source,
            pq.ParquetFile(source, page_checksum_verification=True) as shard,
        ):
            read = reader_of(source)
            column = shard.schema_arrow.get_field_index("example_id")
            for group in range(shard.num_row_groups):
                row_group = shard.metadata.row_group(group)
                statistics = row_group.column(column).statistics
                if statistics is not None and statistics.min in wanted:
                    check_claims(read, row_group)
                    for row in shard.read_row_group(group).to_pylist():
                        yield Clip.from_row(row)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{output.place_of(path)} is damaged ({error}). Write it again."
        ) from error


def _view_of(clip: Clip, number: int, training_views: bool) -> ClipView:
    stored = len(clip.image_encoded)
    try:
        # A browser will decode them.
        for jpeg in clip.image_encoded:
            check_size(jpeg, (clip.image_height, clip.image_width))
    except ValueError as error:
        raise UsageError(
            f"The clip {as_shown(clip.example_id)} is damaged ({error}); `videonet verify` says "
            "what else is."
        ) from error
    return ClipView(
        number=number,
        begin=clip.clip_start_timestamp,
        end=clip.clip_end_timestamp,
        stored=stored,
        width=clip.image_width,
        height=clip.image_height,
        labels=clip.clip_label_text,
        frames=tuple(
            FrameView(clip.image_timestamp[index], clip.image_encoded[index])
            for index in _spread(stored, FRAMES)
        ),
        windows=_windows(clip, number) if training_views else (),
    )


def _windows(clip: Clip, number: int) -> tuple[Views, ...]:
    with needed_for("--training-views"):
        from videonet.training.data.preview import views_of  # only where it is asked for
    # Other windows in each clip, the same ones each time.
    return tuple(views_of(clip, number * WINDOWS + place) for place in range(WINDOWS))
