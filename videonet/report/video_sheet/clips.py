"""Reads a few clips of one video from their shard, and a few frames of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from videonet.errors import UsageError
from videonet.report.video_sheet.view import ClipView, FrameView
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Outcome
from videonet.schemas.verdict import Verdict
from videonet.shards.jpeg import check_size
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.clips_named import clips_named
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
    for path in (parquet, tfrecord):
        if output.files.size(path) is not None:
            for clip in clips_named(output, path, wanted):
                yield wanted[clip.example_id], clip
            return


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
