"""Frames of single clips, out of the shards into tensors: only those that are used."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.errors import OneRankError, UsageError
from videonet.shards.jpeg import MOST_PIXELS, decode
from videonet.shards.page_headers import HEADER_BYTES, Read
from videonet.shards.parquet import FRAMES, SCHEMA, check_claims, columns_in, example_id
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.memory import BufferPool, SharedRingBuffer
from videonet.training.data.parquet_pages import (
    LENGTHS_BYTES,
    OtherLayoutError,
    numbers_of,
    places_of,
)
from videonet.training.data.shard_files import OpenFile, Span
from videonet.training.data.temporal_sampling import Interval, frames_at, interval_between

# Longest side of a frame that is kept, in short sides: of a longer one the middle.
# NOTE: not of the paper. The frames of a batch share one tensor, so a single banner of 256 x 16,000
# pixels would make it thirty times as large. A crop of at most 4:3 that has at least 0.4 of the
# area fits into no frame longer than 10:3 anyway.
LONGEST = 4

_COLUMNS = ["clip_end_timestamp", "image_height", "image_width", "image_timestamp"]

_LISTS = frozenset(field.name for field in SCHEMA if pa.types.is_list(field.type))

# How a file says that the lengths of its frames stand together.
_TOGETHER = "DELTA_LENGTH_BYTE_ARRAY"

# In front of the frames, bytes: addresses, titles and times take some thousand.
_MOST_SMALL = 64 * 1024

# Which moments of a clip are wanted, once it is known when it begins and ends, and where its cuts
# are if those are asked for: microseconds.
Draw = Callable[[Interval, Sequence[int]], Sequence[int]]


class Frame(NamedTuple):
    """A frame that was found and not yet read."""

    # of the clip, in the data set
    row: int
    # position within the clip
    number: int
    # gives the JPEG
    read: Callable[[], bytes]
    # as the clip says, pixels
    height: int
    width: int


class DamagedClipError(OneRankError):
    """A clip that cannot be used; others can."""

    # of the data set; None: several clips are meant
    row: int | None = None


class Reader:
    """Reads the clips of a data set. Keeps the `open_files` shards open that it read last.

    `memory` gives tensors to decode into. With `cuts`, these are read, too.
    """

    def __init__(
        self,
        dataset: ClipIndex,
        open_files: int,
        memory: BufferPool | SharedRingBuffer,
        *,
        cuts: bool = False,
    ) -> None:
        self._dataset = dataset
        self._columns = [*_COLUMNS, "clip_cut_timestamp"] if cuts else _COLUMNS
        self._memory = memory
        self._opened = lru_cache(open_files)(self._open)

    def frames(self, row: int, draw: Draw) -> list[Frame]:
        """The frames of a clip that are shown at the moments that are drawn. Raises UsageError."""
        with self._damage_named(row):
            shard, group = self._place(row)
            end, height, width, times, *cuts = shard.numbers(group, self._columns)
            if min(height, width) <= 0 or height * width > MOST_PIXELS:
                raise ValueError(f"its frames are said to be of {height, width} pixels")
            wanted = frames_at(times, draw(interval_between(times[0], end), *cuts or [()]))
            return [
                Frame(row, number, read, height, width)
                for number, read in zip(wanted, shard.jpegs(group, wanted, len(times)), strict=True)
            ]

    def labels(self, row: int) -> tuple[int, ...]:
        """Positions in the target list of what a clip was kept for. Raises UsageError."""
        with self._damage_named(row):
            shard, group = self._place(row)
            return tuple(shard.numbers(group, ["clip_label_index"])[0])

    def decoded(self, clips: Sequence[Sequence[Frame]]) -> tuple[Tensor, Tensor]:
        """V frames of each of N clips: uint8 [V, N, H, W, 3], and their sizes, int64 [V, N, 2].

        RGB, padded with zeros below and on the right. Raises UsageError where a frame is damaged.
        """
        stored = np.array([[clip[view][3:] for clip in clips] for view in range(len(clips[0]))])
        sizes = np.minimum(stored, LONGEST * stored[..., ::-1])
        frames = self._memory.empty(*sizes.shape[:2], *sizes.max(axis=(0, 1)).tolist(), 3)
        pixels = frames.numpy()
        try:
            for place, clip in enumerate(clips):
                for view, frame in enumerate(clip):
                    earlier = [other[:2] for other in clip[:view]]
                    if frame[:2] in earlier:
                        pixels[view, place] = pixels[earlier.index(frame[:2]), place]
                        continue
                    with self._damage_named(frame.row):
                        _decode(frame, sizes[view, place].tolist(), pixels[view, place])
        except UsageError:
            self._memory.take_back()
            raise
        return frames, torch.from_numpy(sizes)

    def check(self, frames: Iterable[Frame]) -> None:
        """Raise DamagedClipError where one of these frames cannot be decoded."""
        for frame in frames:
            with self._damage_named(frame.row):
                decode(frame.read(), (frame.height, frame.width))

    def span(self, row: int) -> tuple[Interval, Sequence[int]]:
        """The time that a clip shows, and its cuts if these are read. Raises UsageError."""
        with self._damage_named(row):
            shard, group = self._place(row)
            end, _, _, times, *cuts = shard.numbers(group, self._columns)
            return interval_between(times[0], end), cuts[0] if cuts else ()

    def damaged(self, row: int, what: object) -> DamagedClipError:
        """What is said of a clip that cannot be used."""
        dataset = self._dataset
        error = DamagedClipError(
            f"{dataset.file(row)}: clip {dataset.example_ids[row]} is damaged ({what}); "
            f"`videonet verify {dataset.out}` finds all that is."
        )
        error.row = row
        return error

    def fetch(self, rows: Iterable[int]) -> None:
        """Have clips at hand that are read next, where they are far away. Raises UsageError."""
        if not self._dataset.out.is_remote:
            return
        spans = []
        for row in rows:
            with self._damage_named(row):
                shard, group = self._place(row)
                begin, end = shard.span(group)
                file = self._dataset.shards[int(self._dataset.shard[row])]
                spans.append(Span(file.path, file.sha256, begin, end))
        self._dataset.out.fetch(spans)

    def _open(self, shard: int) -> "_Shard":
        file = self._dataset.shards[shard]
        return _Shard(self._dataset.out.open(file.path, file.sha256), self._dataset.out.is_remote)

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
            if isinstance(error, OSError) and error.errno:
                # Nothing is wrong with the clip: too many open files, a disk that is gone.
                file = self._dataset.file(row)
                raise UsageError(f"{file} cannot be read ({os.strerror(error.errno)}).") from error
            raise self.damaged(row, error) from error


class _Shard:
    """An open file. Here alone files are read."""

    def __init__(self, file: OpenFile, is_remote: bool) -> None:
        # Not mapped into memory: the faults on the way to a frame cost more than these reads.
        self._parquet = pq.ParquetFile(file.source, pre_buffer=False)
        self._file = file
        self._read: Read = file.read
        self._is_remote = is_remote
        self.footer = self._parquet.metadata
        self._columns = columns_in(self.footer)
        # the clip whose small columns were read last, and how to read them
        self._group = -1
        self._small: Read = self._read

    def span(self, group: int) -> tuple[int, int]:
        """Where the columns of a clip begin and end, bytes."""
        row_group = self.footer.row_group(group)
        columns = [row_group.column(at) for at in range(row_group.num_columns)]
        begins = [each.dictionary_page_offset or each.data_page_offset for each in columns]
        ends = [
            begin + each.total_compressed_size for begin, each in zip(begins, columns, strict=True)
        ]
        return min(begins), max(ends)

    def jpegs(self, group: int, wanted: Sequence[int], frames: int) -> list[Callable[[], bytes]]:
        """What reads each of these frames of a clip that has so many."""
        column = self.footer.row_group(group).column(self._columns[FRAMES])
        together = _TOGETHER in column.encodings
        if not together and not self._is_remote:
            begin = column.data_page_offset
            leads_to = (max(wanted) + 1) * column.total_compressed_size // frames
            self._file.announce(begin, begin + leads_to)
        try:
            places = places_of(self._near(group), column, wanted)
        except OtherLayoutError:
            # Arrow reads whatever is Parquet.
            (jpegs,) = self._by_arrow(group, [FRAMES])
            return [partial(jpegs.__getitem__, number) for number in wanted]
        if self._is_remote:
            # They are here now, and the next clip takes their place.
            return [partial(bytes, self._read(*each)) for each in places]
        if together:
            # All at once: a disk is asked for the second while it brings the first.
            for length, begin in places:
                self._file.announce(begin, begin + length)
        return [partial(self._read, *each) for each in places]

    def numbers(self, group: int, names: Sequence[str]) -> list[Any]:
        """The values of these columns, in this order: whole numbers, or lists of them."""
        row_group, read = self.footer.row_group(group), self._near(group)
        found: list[Any] = []
        try:
            for name in names:
                column = row_group.column(self._columns[name])
                values = numbers_of(read, column, is_list=name in _LISTS)
                if name in _LISTS:
                    found.append(values)
                else:
                    (value,) = values
                    found.append(value)
        except OtherLayoutError:
            return self._by_arrow(group, names)
        return found

    def _near(self, group: int) -> Read:
        """How to read what is small in a clip: in one piece that is read now, as far as it goes."""
        if group != self._group:
            row_group = self.footer.row_group(group)
            if self._is_remote:
                self._file.announce(*self.span(group))
            begin = row_group.column(0).data_page_offset
            frames = row_group.column(self._columns[FRAMES]).data_page_offset
            small = min(max(frames - begin, 0), _MOST_SMALL)
            piece = self._read(small + HEADER_BYTES + LENGTHS_BYTES, begin)
            self._group, self._small = group, _within(piece, begin, self._read)
        return self._small

    def _by_arrow(self, group: int, names: Sequence[str]) -> list[Any]:
        check_claims(self._read, self.footer.row_group(group), names)
        table = self._parquet.read_row_group(group, columns=list(names), use_threads=False)
        return [table[name][0].as_py() for name in names]


def _within(piece: bytes, begin: int, read: Read) -> Read:
    """As `read`, but that what lies in `piece`, from offset `begin` on, is there already."""
    end = begin + len(piece)

    def taken(size: int, offset: int) -> bytes:
        if begin <= offset and offset + size <= end:
            return piece[offset - begin : offset - begin + size]
        return read(size, offset)

    return taken


def _decode(frame: Frame, size: Sequence[int], pixels: NDArray[np.uint8]) -> None:
    """Decode a frame into `pixels`, [H, W, 3]; of one that is larger than `size` the middle."""
    # Where it is as wide as the batch, its rows follow each other there without a gap.
    straight = frame.width == size[1] == pixels.shape[1] and frame.height == size[0]
    image = decode(frame.read(), (frame.height, frame.width), pixels if straight else None)
    if not straight:
        height, width = size
        top, left = (frame.height - height) // 2, (frame.width - width) // 2
        pixels[:height, :width] = image[top : top + height, left : left + width]
        pixels[:height, width:] = 0
    pixels[size[0] :] = 0
