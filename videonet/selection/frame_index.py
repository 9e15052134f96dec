"""Which videos may be the same: those of which a frame of one is like a frame of the other.

The frames of millions of videos are not compared with each other one by one: faiss finds those that
differ in few bits (multi-index hashing, after Norouzi, Punjani and Fleet 2012, "Fast Search in
Hamming Space with Multi-Index Hashing"). A few frames of each video are put into its index, and
all of each video are looked up there, so that copies that were cut elsewhere meet as well.
"""

from collections.abc import Iterator

import faiss
import numpy as np
from numpy.typing import NDArray

from videonet.selection.common_frames import LIKE_BITS
from videonet.selection.frame_table import FrameTable

# Frames of a video that are in the index, spread evenly over all: half of a video has two of them.
INDEXED = 4

# Bits of a hash, and how the index divides them: two hashes are compared if they agree in one of
# these tables' parts. Those that differ in 10 bits do so in 998 of 1,000 cases, in 16 bits in 95 of
# 100; and there are several frames.
_BITS, _TABLES, _PART = 256, 10, 25

# Up to so many frames in the index, a query is compared with each: nothing is missed then.
_FEW = 10_000
# At most so many frames are in an index, of some 90 bytes a table each: 4 GB. What is more goes
# into another one, and all is looked up again.
_MOST = 4_000_000

# Frames that are looked up at once, and how many of the best videos one frame can bring: one that
# is in thousands of videos, such as the opening of a series, says little.
_AT_ONCE, _BEST = 4_096, 32


def pairs_to_compare(table: FrameTable) -> NDArray[np.int64]:
    """Pairs of videos that have a like frame: [pairs, 2], the later one first, in ascending order.

    A frame that is in many videos brings those of them that come first. The pairs depend on nothing
    but the table.
    """
    frames, videos = _chosen(table)
    found = [np.empty(0, np.int64)]
    for begin in range(0, len(frames), _MOST):
        indexed = frames[begin : begin + _MOST]
        index = _index(table.hashes[indexed])
        of_indexed = videos[begin : begin + _MOST]
        found += (_hits(index, of_indexed, batch, table) for batch in _batches(table))
        del index
    codes = np.unique(np.concatenate(found))
    return np.stack(np.divmod(codes, max(1, len(table))), axis=1)


def _chosen(table: FrameTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The frames that are put into the index, and of which videos they are."""
    numbers = table.ends - table.begins
    places = (2 * np.arange(INDEXED)[None] + 1) * numbers[:, None] // (2 * INDEXED)
    frames = table.begins[:, None] + places
    videos = np.broadcast_to(np.arange(len(table))[:, None], frames.shape)
    # Of a video with fewer frames than that, one would be there twice.
    is_new = np.ones(frames.shape, bool)
    is_new[:, 1:] = frames[:, 1:] != frames[:, :-1]
    is_new &= (numbers > 0)[:, None]
    return frames[is_new], videos[is_new]


def _index(hashes: NDArray[np.uint8]) -> faiss.IndexBinary:
    index: faiss.IndexBinary = (
        faiss.IndexBinaryFlat(_BITS)
        if len(hashes) <= _FEW
        else faiss.IndexBinaryMultiHash(_BITS, _TABLES, _PART)
    )
    index.add(np.ascontiguousarray(hashes))
    return index


def _batches(table: FrameTable) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All frames, some at once, and of which videos they are."""
    numbers = table.ends - table.begins
    # Of each video, how many frames come before its own.
    before = np.cumsum(numbers) - numbers
    total = int(numbers.sum())
    for start in range(0, total, _AT_ONCE):
        places = np.arange(start, min(start + _AT_ONCE, total))
        # Videos without frames come before the one that begins at the same place.
        videos = np.searchsorted(before, places, side="right") - 1
        yield table.begins[videos] + (places - before[videos]), videos


def _hits(
    index: faiss.IndexBinary,
    of_indexed: NDArray[np.int64],
    batch: tuple[NDArray[np.int64], NDArray[np.int64]],
    table: FrameTable,
) -> NDArray[np.int64]:
    """The pairs that some frames bring, each as one number."""
    frames, videos = batch
    # What has fewer bits than this.
    limits, _, hits = index.range_search(np.ascontiguousarray(table.hashes[frames]), LIKE_BITS + 1)
    numbers: NDArray[np.int64] = np.diff(limits).astype(np.int64)
    query = np.repeat(np.arange(len(frames)), numbers)
    other, number = of_indexed[hits], len(table)
    is_other = other != videos[query]
    found = np.unique(query[is_other] * number + other[is_other])
    query, other = np.divmod(found, number)
    # Each query's first hits: where it begins is that of its first.
    rank = np.arange(len(query)) - np.searchsorted(query, query, side="left")
    query, other = query[rank < _BEST], other[rank < _BEST]
    own = videos[query]
    return np.unique(np.maximum(own, other) * number + np.minimum(own, other))
