"""Batches of frames for the trainer, decoded from the shards while it computes.

Everything about an example derives from the seed and its position in the stream (`sampling`), so
there is no state to keep: to go on after step s is to begin with step s + 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from videonet.errors import UsageError
from videonet.vito import config
from videonet.vito.dataset import Dataset
from videonet.vito.reading import Draw, Frame, Reader
from videonet.vito.sampling import EXAMPLES, HELD_OUT, Stream, generator_of, positions_of
from videonet.vito.views import Span, moments, window

# Shards that stay open beside those of a block: those of the next one, where a batch is of both.
_MORE_SHARDS = 4


@dataclass(frozen=True)
class Batch:
    """One step's examples of one rank: V views of each of N clips."""

    # uint8 [V, N, H, W, 3], RGB, padded with zeros below and on the right
    frames: Tensor
    # int64 [N, 2]: height and width, pixels; all views of a clip have the same
    sizes: Tensor
    # int64 [N]: number of the video within the data set
    videos: Tensor
    # int64 [N]: position in the stream of examples
    examples: Tensor

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU can copy from; DataLoader calls this."""
        return Batch(**{each.name: getattr(self, each.name).pin_memory() for each in fields(self)})


@dataclass(frozen=True)
class Moments:
    """Two frames of each of N videos that are held out: an early one and a late one."""

    # uint8 [2, N, H, W, 3], RGB, padded with zeros below and on the right
    frames: Tensor
    # int64 [2, N, 2]: height and width, pixels
    sizes: Tensor
    # int64 [N]: number of the video within the data set
    videos: Tensor
    # of each video, positions in the run's target list, ascending
    labels: tuple[tuple[int, ...], ...]


def batches(
    dataset: Dataset,
    views: config.Views,
    data: config.Data,
    *,
    batch: int,
    rank: int = 0,
    ranks: int = 1,
    seed: int,
    first_step: int = 0,
    steps: int,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """One batch a step, for steps `first_step` to `steps` - 1, in their order.

    `batch` counts the clips of all `ranks` together; each rank is given its equal part of N. With
    `data.workers` processes, each makes whole batches, two ahead. They are handed over in shared
    memory (/dev/shm), which must hold them all: 1 MB a clip of three frames of 455 x 256 pixels.

    Raises UsageError where `batch` is no multiple of `ranks`, and, when it comes to it, where a
    clip is damaged.
    """
    positions_of(first_step, batch, rank, ranks)
    made: DataLoader[Batch | UsageError] = DataLoader(
        _Steps(dataset, views, data, batch, rank, ranks, seed),
        sampler=range(first_step, steps),
        batch_size=None,
        num_workers=data.workers,
        pin_memory=pin_memory,
        # Its own: it would draw from PyTorch's global one, and so change what comes after.
        generator=torch.Generator(),
    )
    return map(_raised, made)


def held_out_frames(dataset: Dataset, seed: int, at_once: int = 64) -> Iterator[Moments]:
    """Two frames of each video that is held out, `at_once` videos at a time, in their order.

    One is shown at a uniform moment of the first third of the video's clips, the other of the last
    third. Raises UsageError where no video is held out, or a clip is damaged.
    """
    held = np.flatnonzero(dataset.held_out)
    if not len(held):
        raise UsageError(
            f"No video of {dataset.out} is held out; set data.held_out to a greater share."
        )
    # The clips of a video follow each other, in their own order.
    rows = np.argsort(dataset.videos, kind="stable")
    begins, ends = (np.searchsorted(dataset.videos, held, side, rows) for side in ("left", "right"))
    reader = Reader(dataset, _MORE_SHARDS)
    for first in range(0, len(held), at_once):
        clips, labels = [], []
        part = slice(first, first + at_once)
        for video, begin, end in zip(held[part], begins[part], ends[part], strict=True):
            early, late = generator_of(seed, HELD_OUT, int(video)).random(2)
            thirds = (early / 3, (2 + late) / 3)
            clips.append([_shown(reader, rows[begin:end], share) for share in thirds])
            labels.append(reader.labels(int(rows[begin])))
        frames, sizes = reader.decoded(clips)
        yield Moments(frames, sizes, torch.from_numpy(held[part]), tuple(labels))


def _shown(reader: Reader, rows: NDArray[np.int64], share: float) -> Frame:
    """The frame of a video at a share of its clips, 0 to 1, which count as equally long."""
    clip, within = divmod(share * len(rows), 1)
    (frame,) = reader.frames(
        int(rows[int(clip)]), lambda span: [span.begin + int(within * (span.end - span.begin))]
    )
    return frame


def _raised(made: Batch | UsageError) -> Batch:
    """What a worker made; what it complained of is raised here, without its traceback."""
    if isinstance(made, UsageError):
        raise made
    return made


class _Steps(torch.utils.data.Dataset[Batch | UsageError]):
    """Item s is the batch of step s: what a worker of DataLoader, on one thread, makes at a time.

    A UsageError is returned: from a worker it would come with a traceback in it.
    """

    def __init__(
        self,
        dataset: Dataset,
        views: config.Views,
        data: config.Data,
        batch: int,
        rank: int,
        ranks: int,
        seed: int,
    ) -> None:
        self._dataset, self._views, self._seed = dataset, views, seed
        self._part = batch, rank, ranks
        self._open_files = data.shuffle_shards + _MORE_SHARDS
        rows = dataset.training_rows()
        self._stream = Stream(
            rows,
            dataset.videos[rows],
            dataset.shard[rows],
            clips_per_video=data.clips_per_video,
            shuffle_shards=data.shuffle_shards,
            seed=seed,
        )

    @cached_property
    def _reader(self) -> Reader:
        # Made by each worker when it begins: open files cannot be handed over.
        return Reader(self._dataset, self._open_files)

    def __getitem__(self, step: int) -> Batch | UsageError:
        examples = positions_of(step, *self._part)
        rows = self._stream.at(examples)
        try:
            frames, sizes = self._reader.decoded(
                [
                    self._reader.frames(row, self._drawing(example))
                    for row, example in zip(rows.tolist(), examples, strict=True)
                ]
            )
        except UsageError as error:
            return error
        for place in (sizes != sizes[0]).any(dim=2).any(dim=0).nonzero().flatten().tolist():
            return self._reader.damaged(int(rows[place]), "its frames differ in size")
        return Batch(
            frames=frames,
            sizes=sizes[0],
            videos=torch.from_numpy(self._dataset.videos[rows]),
            examples=torch.arange(examples.start, examples.stop),
        )

    def _drawing(self, example: int) -> Draw:
        """How the moments of an example's views are drawn."""
        views, generator = self._views, generator_of(self._seed, EXAMPLES, example)

        def draw(span: Span) -> Sequence[int]:
            seen = window(span, generator, views.window_seconds)
            count = len(views.recipes)
            return moments(views.sampling, seen, generator, count, views.delta_seconds)

        return draw
