"""Batches of frames for the trainer, decoded from the shards while it computes.

Everything about an example derives from the seed and its position in the stream (`sampling`), so
there is no state to keep: to go on after step s is to begin with step s + 1.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from videonet.errors import UsageError
from videonet.training import config
from videonet.training.asked_to_end import leave_to_trainer
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.damage import too_many
from videonet.training.data.memory import BufferPool, SharedRingBuffer
from videonet.training.data.reading import DamagedClipError, Draw, Frame, Reader
from videonet.training.data.sampling import (
    EXAMPLES,
    HELD_OUT,
    LABELLED,
    REPLACEMENTS,
    Stream,
    generator_of,
    positions_of,
)
from videonet.training.data.temporal_sampling import (
    Interval,
    timestamps,
    window,
    window_within_shot,
)

# Batches that a worker makes before the first of them is asked for.
_AHEAD = 2

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
    # bool [N]: whether a window crosses a cut that was to keep to a shot
    crossing: Tensor
    # rows of the data set that are damaged; other clips stand in their place
    damaged: tuple[int, ...] = ()

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU can copy from; DataLoader calls this."""
        held = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(
            self, **{name: each.pin_memory() for name, each in held.items() if name != "damaged"}
        )


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


def batches(
    dataset: ClipIndex,
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
    `data.workers` processes, each makes whole batches, two ahead, and hands them over in shared
    memory: /dev/shm must hold three for each worker, 1 MB a clip of three 455 x 256 frames.

    In place of a damaged clip stands another one, which depends on the seed and on the example's
    position alone; whether a clip is damaged is asked of the frames that are to be shown.

    Raises UsageError where `batch` is no multiple of `ranks`, where `views.within_shot` is asked
    for and clips do not say where they are cut, and, when it comes to it, DamagedClipError where
    more clips of a batch are damaged than `data.most_damaged`.
    """
    positions_of(first_step, batch, rank, ranks)
    if views.within_shot:
        dataset.require_cuts()
    with warnings.catch_warnings():
        # More workers than cores are as good as fewer.
        warnings.filterwarnings("ignore", "This DataLoader will create")
        made: DataLoader[Batch | UsageError] = DataLoader(
            _Steps(dataset, views, data, batch, rank, ranks, seed),
            sampler=range(first_step, steps),
            batch_size=None,
            num_workers=data.workers,
            # Clients of buckets do not survive a fork.
            multiprocessing_context="spawn" if data.workers and dataset.out.is_remote else None,
            prefetch_factor=_AHEAD if data.workers else None,
            pin_memory=pin_memory,
            worker_init_fn=leave_to_trainer,
            # Its own: it would draw from PyTorch's global one, and so change what comes after.
            generator=torch.Generator(),
        )
    # Now, so that the workers are at work when the first batch is asked for.
    return _taken_over(iter(made), data.workers)


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
    rows, begins, ends = _rows_of(dataset, videos)
    reader = Reader(dataset, _MORE_SHARDS, BufferPool())

    def made(places: NDArray[np.intp]) -> Moments:
        clips, labels = [], []
        for video, begin, end in zip(videos[places], begins[places], ends[places], strict=True):
            early, late = generator_of(seed, HELD_OUT, int(video)).random(2)
            thirds = (early / 3, (2 + late) / 3)
            clips.append([_shown(reader, rows[begin:end], share) for share in thirds])
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
    rows, begins, _ = _rows_of(dataset, videos)
    reader = Reader(dataset, _MORE_SHARDS, BufferPool())

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


def _rows_of(
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


def _taken_over(made: Iterator[Batch | UsageError], workers: int) -> Iterator[Batch]:
    """What workers made, in memory of this process: they use theirs again.

    A worker has `_AHEAD` batches on the way at most, and is given the next to make when one of them
    is received. The one before that was copied by then, so a place more in its ring is enough.
    """
    memory = BufferPool()
    # Memory that is kept need not be mapped again.
    mapped: deque[Tensor] = deque(maxlen=(_AHEAD + 1) * workers)
    for batch in made:
        if isinstance(batch, UsageError):
            # The error keeps what this function has: without it, workers end as they should.
            del made
            # Raised here, it comes without the worker's traceback.
            raise batch
        if not batch.frames.is_shared():  # type: ignore[no-untyped-call]
            # Made by this process, or copied to pinned memory.
            yield batch
            continue
        mapped.append(batch.frames)
        frames = memory.empty(*batch.frames.shape)
        yield replace(batch, frames=frames.copy_(batch.frames))


class _Steps(torch.utils.data.Dataset[Batch | UsageError]):
    """Item s is the batch of step s, which a worker of DataLoader makes on one thread."""

    def __init__(
        self,
        dataset: ClipIndex,
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
        self._rows = rows = dataset.training_rows()
        # One is left at least.
        self._most_damaged = min(data.most_damaged, len(rows) - 1)
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
        memory = SharedRingBuffer(_AHEAD + 1) if get_worker_info() else BufferPool()
        return Reader(self._dataset, self._open_files, memory, cuts=self._views.within_shot)

    def __getitem__(self, step: int) -> Batch | UsageError:
        examples = positions_of(step, *self._part)
        rows = self._stream.at(examples)
        try:
            try:
                return self._batch(rows, examples)
            except DamagedClipError:
                if not self._most_damaged:
                    raise
            # Seldom: so all of it is read again.
            rows, damaged = self._replaced(rows, examples)
            return self._batch(rows, examples, damaged)
        except UsageError as error:
            return error

    def _batch(
        self, rows: NDArray[np.int64], examples: range, damaged: tuple[int, ...] = ()
    ) -> Batch:
        """The batch of these examples, which are clips of these rows. Raises UsageError."""
        crossing = [False] * len(rows)
        self._reader.fetch(rows.tolist())
        frames, sizes = self._reader.decoded(
            [
                self._reader.frames(row, self._drawing(example, crossing, place))
                for place, (row, example) in enumerate(zip(rows.tolist(), examples, strict=True))
            ]
        )
        return Batch(
            frames=frames,
            sizes=sizes[0],
            videos=torch.from_numpy(self._dataset.videos[rows]),
            examples=torch.arange(examples.start, examples.stop),
            crossing=torch.tensor(crossing),
            damaged=damaged,
        )

    def _replaced(
        self, rows: NDArray[np.int64], examples: range
    ) -> tuple[NDArray[np.int64], tuple[int, ...]]:
        """These rows with others in place of damaged ones, and the damaged ones, ascending.

        Raises DamagedClipError where they are more than may be.
        """
        rows, damaged = rows.copy(), set[int]()
        for place, example in enumerate(examples):
            others = generator_of(self._seed, REPLACEMENTS, example)
            while not self._reader.is_intact(int(rows[place]), self._drawing(example)):
                damaged.add(int(rows[place]))
                if said := too_many(self._dataset, damaged, self._most_damaged):
                    raise DamagedClipError(said)
                rows[place] = self._rows[others.integers(len(self._rows))]
        return rows, tuple(sorted(damaged))

    def _drawing(self, example: int, crossing: list[bool] | None = None, place: int = 0) -> Draw:
        """How the moments of an example's views are drawn; it notes whether they cross a cut."""
        notes = [False] if crossing is None else crossing
        views, generator = self._views, generator_of(self._seed, EXAMPLES, example)

        def draw(span: Interval, cuts: Sequence[int]) -> Sequence[int]:
            if views.within_shot:
                seen, notes[place] = window_within_shot(span, cuts, generator, views.window_seconds)
            else:
                seen = window(span, generator, views.window_seconds)
            count = len(views.recipes)
            return timestamps(views.sampling, seen, generator, count, views.delta_seconds)

        return draw
