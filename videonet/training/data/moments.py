"""Moments of videos that a network is asked about: no views, and the same ones each time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.memory import BufferPool
from videonet.training.data.reading import DamagedClipError, Frame, Reader
from videonet.training.data.sampling import HELD_OUT, LABELLED, generator_of

# Shards that stay open.
_OPEN_SHARDS = 4


@dataclass(frozen=True)
class Moments:
    """Frames of M moments of each of N videos, the earlier one first."""

    # uint8 [M, N, H, W, 3], RGB, padded with zeros below and on the right
    frames: Tensor
    # int64 [M, N, 2]: height and width, pixels
    sizes: Tensor
    # int64 [N]: number of the video within the data set
    videos: Tensor
    # of each video, positions in the run's target list, ascending
    labels: tuple[tuple[int, ...], ...]


def two_moments(
    dataset: ClipIndex,
    videos: NDArray[np.int64],
    seed: int,
    at_once: int = 64,
    *,
    may_be_damaged: bool = False,
) -> Iterator[Moments]:
    """Two frames of each of these videos, `at_once` videos at a time, in their order.

    One is shown at a uniform moment of the first third of the video's clips, the other of the last
    third. `videos` are numbers of videos, int64 [n]. Where a clip is damaged that is to be shown,
    its video is left out if clips `may_be_damaged`; if not, raises UsageError.
    """

    def thirds(generator: np.random.Generator) -> tuple[float, ...]:
        early, late = generator.random(2)
        return early / 3, (2 + late) / 3

    return moments_of(dataset, videos, seed, thirds, at_once, may_be_damaged=may_be_damaged)


def moments_of(
    dataset: ClipIndex,
    videos: NDArray[np.int64],
    seed: int,
    draw: Callable[[np.random.Generator], tuple[float, ...]],
    at_once: int = 64,
    *,
    may_be_damaged: bool = False,
) -> Iterator[Moments]:
    """As `two_moments`, of the moments that `draw` draws for a video: shares of its clips, 0 to 1.

    A video's clips count as equally long.
    """
    rows, begins, ends = rows_of(dataset, videos)
    reader = Reader(dataset, _OPEN_SHARDS, BufferPool())

    def made(places: NDArray[np.intp]) -> Moments:
        clips, labels = [], []
        for video, begin, end in zip(videos[places], begins[places], ends[places], strict=True):
            shares = draw(generator_of(seed, HELD_OUT, int(video)))
            clips.append([_shown(reader, rows[begin:end], share) for share in shares])
            labels.append(reader.labels(int(rows[begin])))
        frames, sizes = reader.decoded(clips)
        return Moments(frames, sizes, torch.from_numpy(videos[places]), tuple(labels))

    return _in_parts(made, len(videos), at_once, may_be_damaged)


def first_moments(
    dataset: ClipIndex,
    videos: NDArray[np.int64],
    seed: int,
    at_once: int = 64,
    *,
    may_be_damaged: bool = False,
) -> Iterator[Moments]:
    """A frame of each of these videos, near to where its class was seen: in its first 100 frames.

    It is shown at a uniform moment of the first third of the video's first clip. As `two_moments`,
    with one moment.
    """
    rows, begins, _ = rows_of(dataset, videos)
    reader = Reader(dataset, _OPEN_SHARDS, BufferPool())

    def made(places: NDArray[np.intp]) -> Moments:
        clips = rows[begins[places]]
        shares = [generator_of(seed, LABELLED, video).random() / 3 for video in videos[places]]
        frames, sizes = reader.decoded(
            [
                [_shown(reader, clips[place : place + 1], share)]
                for place, share in enumerate(shares)
            ]
        )
        labels = tuple(reader.labels(int(row)) for row in clips)
        return Moments(frames, sizes, torch.from_numpy(videos[places]), labels)

    return _in_parts(made, len(videos), at_once, may_be_damaged)


def _in_parts(
    made: Callable[[NDArray[np.intp]], Moments], number: int, at_once: int, may_be_damaged: bool
) -> Iterator[Moments]:
    """What is made of so many videos, by their places, without those that are damaged."""
    for first in range(0, number, at_once):
        part = np.arange(first, min(first + at_once, number))
        moments = _made_if_intact(made, part, may_be_damaged)
        if moments is None:
            # Seldom: so each is read by itself, and those that are left once more.
            intact = [place for place in part if _made_if_intact(made, part[part == place], True)]
            moments = made(np.array(intact)) if intact else None
        if moments is not None:
            yield moments


def _made_if_intact(
    made: Callable[[NDArray[np.intp]], Moments], places: NDArray[np.intp], may_be_damaged: bool
) -> Moments | None:
    """What is made of these; None: a clip of them is damaged, which may be."""
    try:
        return made(places)
    except DamagedClipError:
        if not may_be_damaged:
            raise
        return None


def rows_of(
    dataset: ClipIndex, videos: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """All rows by video, and where there those of each of these videos begin and end.

    The clips of a video follow each other, in their own order.
    """
    rows = np.argsort(dataset.videos, kind="stable")
    begins, ends = (
        np.searchsorted(dataset.videos, videos, side, rows) for side in ("left", "right")
    )
    return rows, begins, ends


def _shown(reader: Reader, rows: NDArray[np.int64], share: float) -> Frame:
    """The frame of a video at a share of its clips, 0 to 1, which count as equally long."""
    clip, within = divmod(share * len(rows), 1)
    (frame,) = reader.frames(
        int(rows[int(clip)]), lambda span, _: [span.begin + int(within * (span.end - span.begin))]
    )
    return frame
