"""Frames of single clips, out of the shards into tensors: only those that are used."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info

from videonet.errors import UsageError
from videonet.shards.parquet import SCHEMA
from videonet.vito.dataset import Dataset, example_id
from videonet.vito.parquet_pages import OtherLayoutError, values_at
from videonet.vito.views import CLIP_SECONDS, Span, frames_at

# Longest side of a frame that is kept, in short sides: of a longer one the middle.
# NOTE: not of the paper. The frames of a batch share one tensor, so a single banner of 256 x 16,000
# pixels would make it thirty times as large. A crop of at most 4:3 that has at least 0.4 of the
# area fits into no frame longer than 10:3 anyway.
LONGEST = 4

# Which moments of a clip are wanted, once it is known when it begins and ends: microseconds.
Draw = Callable[[Span], Sequence[int]]


class Frame(NamedTuple):
    """A frame as it is stored."""

    # of the clip, in the data set
    row: int
    jpeg: bytes
    # pixels
    height: int
    width: int


class Reader:
    """Reads the clips of a data set. Keeps the `open_files` shards open that it read last."""

    def __init__(self, dataset: Dataset, open_files: int) -> None:
        self._dataset = dataset
        self._opened = lru_cache(open_files)(self._open)

    def frames(self, row: int, draw: Draw) -> list[Frame]:
        """The frames of a clip that are shown at the moments that are drawn. Raises UsageError."""
        with self._damage_named(row):
            shard, group = self._place(row)
            end, times = shard.times(group)
            wanted = frames_at(times, draw(_span(times, end)))
            jpegs = shard.jpegs(group, wanted, len(times))
            return [Frame(row, jpeg, *simplejpeg.decode_jpeg_header(jpeg)[:2]) for jpeg in jpegs]

    def labels(self, row: int) -> tuple[int, ...]:
        """Positions in the target list of what a clip was kept for. Raises UsageError."""
        with self._damage_named(row):
            shard, group = self._place(row)
            return tuple(shard.columns(group, ["clip_label_index"])[0])

    def decoded(self, clips: Sequence[Sequence[Frame]]) -> tuple[Tensor, Tensor]:
        """V frames of each of N clips: uint8 [V, N, H, W, 3], and their sizes, int64 [V, N, 2].

        RGB, padded with zeros below and on the right. In a worker of DataLoader the frames are in
        shared memory. Raises UsageError where a frame is damaged.
        """
        stored = np.array([[clip[view][2:] for clip in clips] for view in range(len(clips[0]))])
        sizes = np.minimum(stored, LONGEST * stored[..., ::-1])
        frames = _empty(*sizes.shape[:2], *sizes.max(axis=(0, 1)).tolist(), 3)
        pixels = frames.numpy()
        for place, clip in enumerate(clips):
            for view, frame in enumerate(clip):
                same = next((at for at in range(view) if clip[at].jpeg is frame.jpeg), None)
                if same is not None:
                    pixels[view, place] = pixels[same, place]
                    continue
                with self._damage_named(frame.row):
                    _decode(frame, sizes[view, place].tolist(), pixels[view, place])
        return frames, torch.from_numpy(sizes)

    def damaged(self, row: int, what: object) -> UsageError:
        """What is said of a clip that cannot be used."""
        dataset = self._dataset
        return UsageError(
            f"{dataset.file(row)}: clip {dataset.example_ids[row]} is damaged ({what}); "
            f"`videonet verify {dataset.out}` finds all that is."
        )

    def _open(self, shard: int) -> "_Shard":
        return _Shard(self._dataset.out / self._dataset.shards[shard])

    def _place(self, row: int) -> tuple["_Shard", int]:
        """The open shard of a row, and its row group there."""
        shard = self._opened(int(self._dataset.shard[row]))
        group = int(self._dataset.row_group[row])
        found = example_id(shard.footer, group)
        if found != self._dataset.example_ids[row].as_py():
            raise ValueError(f"{found} stands in its place")
        return shard, group

    @contextmanager
    def _damage_named(self, row: int) -> Iterator[None]:
        # ValueError is of simplejpeg and of PyArrow, IndexError of what is not there.
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, IndexError) as error:
            raise self.damaged(row, error) from error


class _Shard:
    """An open file. Here alone files are read."""

    def __init__(self, path: Path) -> None:
        # Not mapped into memory: the faults on the way to a frame cost more than these reads.
        self._parquet = pq.ParquetFile(path, pre_buffer=False)
        self._file = path.open("rb", buffering=0)
        self.footer = self._parquet.metadata

    def times(self, group: int) -> tuple[int, list[int]]:
        """When the clip in a row group ends, and when each of its frames begins: microseconds."""
        end, times = self.columns(group, ["clip_end_timestamp", "image_timestamp"])
        return end, times

    def jpegs(self, group: int, wanted: Sequence[int], frames: int) -> list[bytes]:
        """These of the `frames` of a clip; the same object where one is wanted again."""
        # Every column of a clip is one column of the file.
        column = self.footer.row_group(group).column(SCHEMA.get_field_index("image_encoded"))
        distinct = sorted(set(wanted))
        self._announce(
            column.data_page_offset, column.total_compressed_size * (distinct[-1] + 1) // frames
        )
        try:
            jpegs = values_at(self._read, column, distinct)
        except OtherLayoutError:
            # Arrow reads whatever is Parquet.
            (every,) = self.columns(group, ["image_encoded"])
            jpegs = [every[position] for position in distinct]
        found = dict(zip(distinct, jpegs, strict=True))
        return [found[position] for position in wanted]

    def columns(self, group: int, names: list[str]) -> list[Any]:
        """The values of these columns, in this order."""
        table = self._parquet.read_row_group(group, columns=names, use_threads=False)
        return [table[name][0].as_py() for name in names]

    def _read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)

    def _announce(self, offset: int, length: int) -> None:
        """Have the system fetch this much at once: reading it bit by bit, a disk is slow."""
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self._file.fileno(), offset, length, os.POSIX_FADV_WILLNEED)


def _span(times: Sequence[int], end: int) -> Span:
    """`views.span_of`, of a clip whose first frame begins at times[0]."""
    return Span(max(times[0], end - round(CLIP_SECONDS * 1_000_000)), end)


def _decode(frame: Frame, size: Sequence[int], pixels: NDArray[np.uint8]) -> None:
    """Decode a frame into `pixels`, [H, W, 3]; of one that is larger than `size` the middle."""
    height, width = size
    if (frame.height, frame.width) == (height, pixels.shape[1]):
        # Its rows follow each other without a gap.
        simplejpeg.decode_jpeg(frame.jpeg, colorspace="RGB", buffer=pixels)
    else:
        image = simplejpeg.decode_jpeg(frame.jpeg, colorspace="RGB")
        top, left = (frame.height - height) // 2, (frame.width - width) // 2
        pixels[:height, :width] = image[top : top + height, left : left + width]
        pixels[:height, width:] = 0
    pixels[height:] = 0


def _empty(*shape: int) -> Tensor:
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    # Where it is handed over, as torch's own default_collate does: it would be copied there
    # otherwise.
    storage = torch.UntypedStorage._new_shared(math.prod(shape))  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)
