"""Which videos may be the same: those of which a frame of one is like a frame of the other.

The frames of millions of videos are not compared with each other one by one, but those that agree
in all bits of one of several parts of their hashes (multi-index hashing, after Norouzi, Punjani and
Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing"). A few frames of each video are
put into the index, and all of each video are looked up there, so that copies that were cut
elsewhere meet as well. NOTE: not faiss's `IndexBinaryMultiHash`, which does the same several times
more slowly, and has no bound for a frame that is in very many videos; see `benchmarks/README.md`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from os import cpu_count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from videonet.selection.common_frames import LIKE_BITS
from videonet.selection.frame_table import FrameTable

# Frames of a video that are in the index, spread evenly over all: half of a video has two of them.
INDEXED = 4

# How the index divides the 256 bits of a hash, and how many bits of a part it looks at most: two
# hashes are compared if they agree in one of these parts. Those that differ in 10 bits do so in 998
# of 1,000 cases, in 16 bits in 95 of 100; and there are several frames. With fewer frames in the
# index, fewer bits of a part do, so that it has eight cells a frame or more, and more is compared.
_PARTS, _PART = 10, 25
_BITS_BEYOND = 3

# At most so many frames are in an index: 1.5 GB. What is more goes into another one, and all is
# looked up again.
_MOST = 4_000_000

# Frames that are looked up at once, and how many pairs of frames are compared at once: 0.2 GB.
_AT_ONCE, _PAIRS_AT_ONCE = 65_536, 1 << 20
# By how many threads at most.
_THREADS = 4

# Of the frames in one cell of the index, so many are compared, and so many of the best videos can
# one frame bring: one that is in thousands of videos, such as the opening of a series, says little.
# Where all are in one cell, nothing is missed.
_OF_A_CELL, _BEST = 1_024, 32


def pairs_to_compare(table: FrameTable) -> NDArray[np.int64]:
    """Pairs of videos that have a like frame: [pairs, 2], the later one first, in ascending order.

    A frame that is in many videos brings those of them that come first. The pairs depend on nothing
    but the table.
    """
    frames, videos = _chosen(table)
    begins = range(0, int((table.ends - table.begins).sum()), _AT_ONCE)
    found = [np.empty(0, np.int64)]
    with ThreadPoolExecutor(min(_THREADS, cpu_count() or 1)) as pool:
        for first in range(0, len(frames), _MOST):
            own = slice(first, first + _MOST)
            index = _Index(table.hashes[frames[own]], videos[own])
            found += pool.map(partial(_hits, index, table), begins)
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


class _Index:
    """Frames by the parts of their hashes: a cell has those that agree in one."""

    def __init__(self, hashes: NDArray[np.uint8], videos: NDArray[np.int64]) -> None:
        # uint64 [N, 4]; and of which video each is: int64 [N]
        self.words = _words(hashes)
        self.videos = videos
        # of each part: where each cell begins, and where the last one ends; and the frames in them
        self._begins: list[NDArray[np.int32]] = []
        self._frames: list[NDArray[np.int32]] = []
        are_few = len(hashes) <= _OF_A_CELL
        self._bits = 0 if are_few else min(_PART, len(hashes).bit_length() + _BITS_BEYOND)
        for part in range(1 if are_few else _PARTS):
            cells = self._cells(self.words, part)
            begins = np.zeros((1 << self._bits) + 1, np.int32)
            np.cumsum(np.bincount(cells, minlength=1 << self._bits), out=begins[1:])
            self._begins.append(begins)
            # The best videos stay first.
            self._frames.append(np.argsort(cells, kind="stable").astype(np.int32))

    def meeting(self, words: NDArray[np.uint64]) -> Iterator["_Meeting"]:
        """The frames that agree with others, uint64 [M, 4], in a part; some pairs at once."""
        for part, ends in enumerate(self._begins):
            cells = self._cells(words, part)
            begins = ends[cells].astype(np.int64)
            numbers = np.minimum(ends[cells + 1] - begins, _OF_A_CELL)
            asked = np.flatnonzero(numbers)
            begins, numbers = begins[asked], numbers[asked]
            passed = np.cumsum(numbers)
            total = int(passed[-1]) if len(passed) else 0
            limits = np.searchsorted(passed, np.arange(0, total, _PAIRS_AT_ONCE), side="right")
            for first, last in pairwise([*limits.tolist(), len(asked)]):
                some = numbers[first:last]
                # Of each pair, the how manieth of its cell it is.
                within = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
                frames = self._frames[part][np.repeat(begins[first:last], some) + within]
                yield _Meeting(np.repeat(asked[first:last], some), frames)

    def _cells(self, words: NDArray[np.uint64], part: int) -> NDArray[np.int64]:
        """In which cell each of some hashes, uint64 [N, 4], is in a part."""
        word, shift = divmod(_PART * part, 64)
        cells = words[:, word] >> np.uint64(shift)
        if shift + self._bits > 64:
            cells |= words[:, word + 1] << np.uint64(64 - shift)
        return (cells & np.uint64((1 << self._bits) - 1)).astype(np.int64)


class _Meeting(NamedTuple):
    # places among what is looked up, and among the frames in the index
    asked: NDArray[np.int64]
    frames: NDArray[np.int32]


def _words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes, uint8 [N, 32], as uint64 [N, 4]."""
    return np.ascontiguousarray(hashes).view(np.uint64)


def _looked_up(table: FrameTable, begin: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some frames of all those of videos, from one of them on, and of which videos they are."""
    numbers = table.ends - table.begins
    # Of each video, how many frames come before its own, and how many up to its last.
    upto = np.cumsum(numbers)
    places = np.arange(begin, min(begin + _AT_ONCE, int(upto[-1])))
    # Videos without frames are passed over.
    videos = np.searchsorted(upto, places, side="right")
    return table.begins[videos] + (places - (upto - numbers)[videos]), videos


def _hits(index: _Index, table: FrameTable, begin: int) -> NDArray[np.int64]:
    """The pairs that some frames bring, from one of them on, each as one number."""
    frames, videos = _looked_up(table, begin)
    words, number = _words(table.hashes[frames]), len(table)
    found = np.empty(0, np.int64)
    for query, indexed in index.meeting(words):
        is_other = index.videos[indexed] != videos[query]
        query, indexed = query[is_other], indexed[is_other]
        bits = np.bitwise_count(words[query] ^ index.words[indexed]).sum(axis=1)
        is_like = bits <= LIKE_BITS
        if is_like.any():
            new = query[is_like] * number + index.videos[indexed[is_like]]
            # Each time: a frame that is in very many videos would have all of them here at once.
            found = _first_of_each(np.concatenate([found, new]), number)
    query, other = np.divmod(found, number)
    own = videos[query]
    return np.unique(np.maximum(own, other) * number + np.minimum(own, other))


def _first_of_each(hits: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The first `_BEST` of each query's hits, each once, ascending; `number` videos there are.

    A hit is one number: that of the query times `number`, and the video.
    """
    hits = np.unique(hits)
    query = hits // number
    # Where a query begins is that of its first hit.
    rank = np.arange(len(query)) - np.searchsorted(query, query, side="left")
    return hits[rank < _BEST]
