"""Batches of frames for the trainer, decoded from the shards while it computes.

Everything about an example derives from the seed and its position in the stream (`sampling`), so
there is no state to keep: to go on after step s is to begin with step s + 1.
"""

import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

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
from videonet.training.data.examples import OneWindow, SeveralShots, Shots
from videonet.training.data.memory import BufferPool, SharedRingBuffer
from videonet.training.data.reading import DamagedClipError, Reader
from videonet.training.data.sampling import REPLACEMENTS, Stream, generator_of, positions_of

# Batches that a worker makes before the first of them is asked for.
_AHEAD = 2

# Shards that stay open beside those of a block: those of the next one, where a batch is of both.
_MORE_SHARDS = 4


@dataclass(frozen=True)
class Batch:
    """One step's examples of one rank: V views of each of N clips, or videos."""

    # uint8 [V, N, H, W, 3], RGB, padded with zeros below and on the right
    frames: Tensor
    # int64 [V, N, 2]: height and width, pixels
    sizes: Tensor
    # int64 [N]: number of the video within the data set
    videos: Tensor
    # int64 [N]: position in the stream of examples
    examples: Tensor
    # bool [N]: whether a window crosses a cut that was to keep to a shot
    crossing: Tensor
    # int64 [N]: windows that the frames are of; where these are fewer than are wanted, they are
    # shown again in the places of those that there are not
    shots: Tensor
    # numbers of the videos that have fewer windows than are wanted
    short: tuple[int, ...] = ()
    # rows of the data set that are damaged; other clips stand in their place
    damaged: tuple[int, ...] = ()

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU can copy from; DataLoader calls this."""
        held: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        tensors = {name: each for name, each in held.items() if isinstance(each, Tensor)}
        return replace(self, **held | {name: each.pin_memory() for name, each in tensors.items()})


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
    shots: Shots | None = None,
) -> Iterator[Batch]:
    """One batch a step, for steps `first_step` to `steps` - 1, in their order.

    `batch` counts the clips of all `ranks` together; each rank is given its equal part of N. With
    `shots` it counts videos, and the views are those of each shot, one shot after the other. With
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
            _Steps(dataset, views, data, shots, batch, rank, ranks, seed),
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
        shots: Shots | None,
        batch: int,
        rank: int,
        ranks: int,
        seed: int,
    ) -> None:
        self._dataset, self._seed, self._cuts = dataset, seed, views.within_shot
        self._examples = (
            OneWindow(views, seed) if shots is None else SeveralShots(views, shots, dataset, seed)
        )
        self._wanted = 1 if shots is None else shots.number
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
        return Reader(self._dataset, self._open_files, memory, cuts=self._cuts)

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
        given = list(zip(rows.tolist(), examples, strict=True))
        self._reader.fetch(row for each in given for row in self._examples.rows(*each))
        drawn = [self._examples.drawn(self._reader, *each) for each in given]
        frames, sizes = self._reader.decoded([each.frames for each in drawn])
        videos = self._dataset.videos[rows]
        shots = torch.tensor([each.shots for each in drawn])
        return Batch(
            frames=frames,
            sizes=sizes,
            videos=torch.from_numpy(videos),
            examples=torch.arange(examples.start, examples.stop),
            crossing=torch.tensor([each.crossing for each in drawn]),
            shots=shots,
            short=tuple(videos[shots.numpy() < self._wanted].tolist()),
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
            while (found := self._damaged(int(rows[place]), example)) is not None:
                damaged.add(found)
                if said := too_many(self._dataset, damaged, self._most_damaged):
                    raise DamagedClipError(said)
                rows[place] = self._rows[others.integers(len(self._rows))]
        return rows, tuple(sorted(damaged))

    def _damaged(self, row: int, example: int) -> int | None:
        """The row of a damaged clip among those that an example shows; None: there is none."""
        try:
            self._reader.check(self._examples.drawn(self._reader, row, example).frames)
        except DamagedClipError as error:
            return error.row
        return None
