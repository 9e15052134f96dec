"""The clips of a data set for a training loop of one's own: a map-style dataset of PyTorch.

The project's trainer reads whole batches (`loader`), which is faster; both draw frames by the same
rules (`temporal_sampling`).
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.errors import UsageError
from videonet.schemas.split import Side
from videonet.training.data.clip_index import ClipIndex, open_clip_index
from videonet.training.data.memory import BufferPool
from videonet.training.data.reading import Reader
from videonet.training.data.sampling import EXAMPLES, generator_of
from videonet.training.data.temporal_sampling import (
    Interval,
    timestamps,
    window,
    window_within_shot,
)

# Shards that stay open in each process that reads.
_OPEN_SHARDS = 64


class Example(TypedDict):
    """What `ClipDataset` gives for one clip."""

    # uint8 [views, H, W, 3], RGB; or what `transform` made of it
    frames: Tensor
    # int64 [views]: the moments that were drawn, microseconds within the video
    timestamps: Tensor
    # bool [targets]: the classes that the video was kept for
    labels: Tensor
    # which clip it is, such as "youtube:dQw4w9WgXcQ#0"
    example_id: str


class ClipDataset(torch.utils.data.Dataset[Example]):
    """Clip i of a data set, as `views` frames of one window of it.

    The window lies anywhere in the clip. Its frames are drawn by `sampling`: "marginal" draws each
    one independently and uniformly (VITO, Parthasarathy et al. 2023, section 3.1); see
    `videonet.training.data.temporal_sampling` for the others. What is drawn depends on `seed`, the
    epoch and i alone, whatever the number of workers.

    Frames of different videos differ in width: give a `transform` that makes them equal, from
    uint8 [views, H, W, 3] to any tensor, before the default `DataLoader` joins them in a batch.

    Raises UsageError where OUT is no finished data set with Parquet shards.

    >>> from torch.utils.data import DataLoader
    >>> dataset = ClipDataset("out", views=3, transform=lambda frames: frames[:, :224, :224])
    >>> len(dataset), dataset[0]["frames"].shape, dataset[0]["timestamps"].shape
    (4, torch.Size([3, 224, 224, 3]), torch.Size([3]))
    >>> next(iter(DataLoader(dataset, batch_size=2)))["frames"].shape
    torch.Size([2, 3, 224, 224, 3])
    """

    def __init__(
        self,
        out: str | Path,
        *,
        views: int = 3,
        window_seconds: float = 2.56,
        sampling: str = "marginal",
        delta_seconds: float = 0.64,
        within_shot: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
        seed: int = 0,
        side: str | None = None,
    ) -> None:
        """`delta_seconds` is the distance between frames where `sampling` is "delta".

        With `within_shot`, a window crosses no cut where a shot of its clip is long enough. `side`
        is "train" or "val", for the clips on that side of the split of OUT; None: all clips. Raises
        UsageError where OUT has no split, or no such side.
        """
        # Of the side that is asked for there must be some.
        fewest = 1 if side is None else 0
        self._index = open_clip_index(out, fewest_videos=fewest, split=side is not None)
        self._rows = _rows(self._index, side)
        if within_shot:
            self._index.require_cuts()
        self._within_shot = within_shot
        self._views, self._window_seconds = views, window_seconds
        self._sampling, self._delta_seconds = sampling, delta_seconds
        self._transform, self._seed = transform, seed
        self._epoch = 0

    def __len__(self) -> int:
        """How many clips there are."""
        return len(self._rows)

    def set_epoch(self, epoch: int) -> None:
        """Draw other windows from now on; call it before each pass, as for a sampler."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> Example:
        """One clip. Raises IndexError beyond the last one, UsageError for a damaged clip."""
        place = range(len(self))[index]
        row, number = int(self._rows[place]), self._epoch * len(self) + place
        generator = generator_of(self._seed, EXAMPLES, number)
        drawn: list[int] = []

        def draw(clip: Interval, cuts: Sequence[int]) -> Sequence[int]:
            if self._within_shot:
                seen, _ = window_within_shot(clip, cuts, generator, self._window_seconds)
            else:
                seen = window(clip, generator, self._window_seconds)
            drawn.extend(
                timestamps(self._sampling, seen, generator, self._views, self._delta_seconds)
            )
            return drawn

        decoded, _ = self._reader.decoded([self._reader.frames(row, draw)])
        frames = decoded[:, 0]
        labels = torch.zeros(self._index.targets, dtype=torch.bool)
        labels[list(self._reader.labels(row))] = True
        return Example(
            frames=frames if self._transform is None else self._transform(frames),
            timestamps=torch.tensor(drawn),
            labels=labels,
            example_id=self._index.example_ids[row].as_py(),
        )

    @cached_property
    def _reader(self) -> Reader:
        # Made by each process that reads: open files cannot be handed over.
        return Reader(self._index, _OPEN_SHARDS, BufferPool(), cuts=self._within_shot)

    def __getstate__(self) -> dict[str, Any]:
        """What a worker process is given: all but open files."""
        return {name: value for name, value in self.__dict__.items() if name != "_reader"}


def _rows(index: ClipIndex, side: str | None) -> NDArray[np.int64]:
    """The rows of the clips on a side of the split; None: all. Raises UsageError."""
    if side is None:
        return np.arange(len(index.videos))
    if side not in (Side.TRAIN, Side.VAL):
        raise UsageError(f"There is no side {side!r} to read; give {Side.TRAIN} or {Side.VAL}.")
    if index.split_sha256 is None:
        raise UsageError(f"{index.out} has no split; make one with `videonet split {index.out}`.")
    rows = np.flatnonzero(index.held_out[index.videos] == (side == Side.VAL))
    if not len(rows):
        raise UsageError(f"No clip of {index.out} is on the side {side} of its split.")
    return rows
